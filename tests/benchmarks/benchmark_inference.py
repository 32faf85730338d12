"""Speed of inference: base configuration, random weights.

1. test-clean's lengths: `inference.plan_batches` against padding every utterance to 35 s.
2. Unpadded utterances of 2 to 35 s against ours in bfloat16, where the processor has it, and against `transformers` on
   torch, onnxruntime and OpenVINO, where they are installed.
   They get them one by one: the base model's group norm makes its answer depend on padding, so only so is it exact.
   Ours gets them one by one as well, then in the batches that `inference.plan_batches` makes.

Test-clean's lengths are the quantiles of a log-normal distribution with its median, 5.8 s, and mean, 7.4 s,
clipped to 1.3-35 s. CPU seconds (of all threads) bear other work better than the clock. Measurements of all sides
alternate; figures are medians.
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

SAMPLING_RATE = 16_000
LONGEST_SAMPLES = 559_280
MEDIAN_S, MEAN_S = 5.8, 7.4
MOST_ROWS = 32
Predict = Callable[[Any], object]
"""From audio, float32 (B, N), to logits."""


def make_lengths(count: int) -> list[int]:
    """Return `count` utterance lengths in samples, distributed as test-clean's, shuffled."""
    normal = statistics.NormalDist(math.log(MEDIAN_S), math.sqrt(2 * math.log(MEAN_S / MEDIAN_S)))
    seconds = [math.exp(normal.inv_cdf((index + 0.5) / count)) for index in range(count)]
    samples = [int(SAMPLING_RATE * min(max(length, 1.3), 35.0)) for length in seconds]
    return list(np.random.default_rng(0).permutation(samples))


def make_audio(samples: int) -> np.ndarray:
    """Return noise: float32 (N,)."""
    return np.random.default_rng(samples).standard_normal(samples).astype(np.float32)


def measure(predict: Predict, audio: np.ndarray, calls: int = 1) -> tuple[float, float]:
    """Return CPU seconds and seconds by the clock of some calls."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        predict(audio)
    return time.process_time() - cpu, time.perf_counter() - wall


def open_in_bfloat16(predict: Predict) -> dict[str, Predict]:
    """Return a compiled call of our own in bfloat16, by name; none where the processor lacks it."""
    from librispeech_clf.local.evaluation.opening import FLOAT32, check_bfloat16, use_precision

    try:
        check_bfloat16(with_model=True)
    except ValueError:
        return {}

    def predict_in_bfloat16(audio: np.ndarray) -> object:
        use_precision("bfloat16")
        try:
            return predict(audio)
        finally:
            use_precision(FLOAT32)

    return {"ours in bfloat16": predict_in_bfloat16}


def open_rivals(folder: Path) -> dict[str, Predict]:
    """Return what else recognizes with a base model, by name, of what is installed; an ONNX file goes to the folder."""
    if not (find_spec("torch") and find_spec("transformers")):
        return {}
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    reference, example = Wav2Vec2ForCTC(Wav2Vec2Config()).eval(), torch.zeros(1, SAMPLING_RATE)
    rivals: dict[str, Predict] = {
        "transformers on torch": torch.inference_mode()(lambda audio: reference(torch.from_numpy(audio)))
    }
    if find_spec("onnxruntime") and find_spec("onnx"):
        import onnxruntime

        axes = {"audio": {1: "samples"}, "logits": {1: "frames"}}
        torch.onnx.export(
            reference, (example,), folder / "base.onnx", input_names=["audio"], output_names=["logits"],
            dynamic_axes=axes, dynamo=False,
        )  # fmt: skip
        session = onnxruntime.InferenceSession(folder / "base.onnx")
        rivals["onnxruntime"] = lambda audio: session.run(None, {"audio": audio})
    if find_spec("openvino"):
        import openvino

        model = openvino.convert_model(reference, example_input=example)
        for precision in ("f32", "bf16"):
            hint = {"INFERENCE_PRECISION_HINT": precision}
            rivals[f"OpenVINO, {precision}"] = openvino.compile_model(model, "CPU", hint)
    return rivals


def compare_with_rivals(
    predict: Predict, rivals: Mapping[str, Predict], repeats: int
) -> dict[tuple[int, int, str], np.ndarray]:
    """Compare with what `open_rivals` opens.

    Short utterances are called several times in a row, as in an evaluation: a tenth of a second is too short to measure
    after the other library's call.

    Returns:
        How many times as fast as each, in CPU seconds and by the clock, by length in s, utterances in our batch, name.
    """
    from librispeech_clf.local.model.inference import BATCH_SAMPLES, bucket_length, plan_batches

    ratios = {}
    for seconds in (2, 10, 35):
        audio = make_audio(seconds * SAMPLING_RATE)[None]
        planned = plan_batches([audio.size] * MOST_ROWS, batch_samples=BATCH_SAMPLES)
        for count in sorted({1, len(planned[0])}):
            calls = max(1, 10 // (seconds * count))
            width = audio.size if count == 1 else bucket_length(audio.size)
            batch = np.repeat(np.pad(audio, ((0, 0), (0, width - audio.size))), count, axis=0)
            predict(batch)
            taken = []
            for _ in range(repeats + 1):
                ours = measure(predict, batch, calls)
                theirs = [measure(rival, audio, count * calls) for rival in rivals.values()]
                taken.append(np.array(theirs).reshape(-1, 2) / ours)
            medians = np.median(taken[1:], axis=0)  # the first round warms up
            ratios |= {(seconds, count, name): pair for name, pair in zip(rivals, medians, strict=True)}
    return ratios


def compare_with_padding(predict: Predict, count_frames: Callable[[int], int], count: int) -> np.ndarray:
    """Return how many times as fast utterances of test-clean's lengths are as all of 35 s, in CPU seconds and clock."""
    from librispeech_clf.local.model.inference import BATCH_SAMPLES, plan_batches, predict_batch

    lengths = make_lengths(count)
    waveforms = [make_audio(samples) for samples in lengths]

    def predict_all(waveforms: Sequence[np.ndarray]) -> None:
        for batch in plan_batches(lengths, batch_samples=BATCH_SAMPLES):
            predict_batch(predict, [waveforms[index] for index in batch], count_frames=count_frames)

    padded = np.pad(make_audio(int(np.median(lengths))), (0, LONGEST_SAMPLES))[None, :LONGEST_SAMPLES]
    predict(padded)
    ours, theirs = measure(predict_all, waveforms), measure(predict, padded)
    return count * np.array(theirs) / ours
