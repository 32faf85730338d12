"""Speed and memory of inference: base configuration, random weights.

1. test-clean's lengths: `inference.plan_batches` against padding every utterance to 35 s.
2. Unpadded utterances of 2 to 35 s against `transformers` on torch (where they are installed), which gets them one by
   one: the base model's group norm makes its answer depend on padding, so only so is it exact. Ours gets them one by
   one as well, then in the batches that `inference.plan_batches` makes.

Test-clean's lengths are the quantiles of a log-normal distribution with its median, 5.8 s, and mean, 7.4 s,
clipped to 1.3-35 s. Wall and CPU seconds (of all threads) are printed: CPU seconds bear other work better.
Measurements of the two sides alternate; figures are medians.
Run: `poetry run benchmark inference`.
"""

import math
import os
import statistics
import time

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
SAMPLING_RATE = 16_000
LONGEST_SAMPLES = 559_280
MEDIAN_S, MEAN_S = 5.8, 7.4
MOST_ROWS = 32


def make_lengths(count: int) -> list[int]:
    """Return `count` utterance lengths in samples, distributed as test-clean's, shuffled."""
    normal = statistics.NormalDist(math.log(MEDIAN_S), math.sqrt(2 * math.log(MEAN_S / MEDIAN_S)))
    seconds = [math.exp(normal.inv_cdf((index + 0.5) / count)) for index in range(count)]
    samples = [int(SAMPLING_RATE * min(max(length, 1.3), 35.0)) for length in seconds]
    return list(np.random.default_rng(0).permutation(samples))


def make_audio(samples: int) -> np.ndarray:
    """Return noise: float32 (N,)."""
    return np.random.default_rng(samples).standard_normal(samples).astype(np.float32)


def measure(call) -> tuple[float, float]:
    """Return wall and CPU seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def compare_with_torch(predict, repeats: int) -> dict[tuple[int, int], tuple[float, float]]:
    """Print seconds per utterance of both, by length and by the number of utterances in our batch.

    Short utterances are called several times in a row, as in an evaluation: a tenth of a second is too short to measure
    after the other library's call.

    Returns:
        How many times as fast as torch, in CPU seconds and by the clock, by length in s and utterances in a batch.
    """
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    from librispeech_clf.local.model.inference import BATCH_SAMPLES, bucket_length, plan_batches

    reference = Wav2Vec2ForCTC(Wav2Vec2Config()).eval()

    @torch.inference_mode()
    def predict_with_torch(audio):
        return reference(torch.from_numpy(audio)).logits.numpy()

    def compare(seconds, count):
        audio = make_audio(seconds * SAMPLING_RATE)[None]
        width = audio.size if count == 1 else bucket_length(audio.size)
        batch = np.repeat(np.pad(audio, ((0, 0), (0, width - audio.size))), count, axis=0)
        predict_with_torch(audio), predict(batch)
        calls = max(1, 10 // seconds)
        pairs = [
            (
                *measure(lambda: [predict_with_torch(audio) for _ in range(count * calls)]),
                *measure(lambda: [predict(batch) for _ in range(calls)]),
            )
            for _ in range(repeats)
        ]
        torch_wall, torch_cpu, keras_wall, keras_cpu = np.array(pairs).T / (count * calls)
        print(
            f"{seconds:7d} {count:6d} {np.median(torch_wall):11.2f} {np.median(keras_wall):11.2f}"
            f" {np.median(torch_wall / keras_wall):6.2f} {np.median(torch_cpu):11.2f}"
            f" {np.median(keras_cpu):10.2f} {np.median(torch_cpu / keras_cpu):6.2f}",
            flush=True,
        )
        return float(np.median(torch_cpu / keras_cpu)), float(np.median(torch_wall / keras_wall))

    print("seconds  batch  torch wall  keras wall  ratio   torch CPU  keras CPU  ratio")
    ratios = {}
    for seconds in (2, 5, 10, 20, 35):
        many = [seconds * SAMPLING_RATE] * MOST_ROWS
        for count in sorted({1, len(plan_batches(many, batch_samples=BATCH_SAMPLES)[0])}):
            ratios[seconds, count] = compare(seconds, count)
    return ratios


def compare_with_padding(model, predict_one, count: int, repeats: int) -> tuple[float, float]:
    """Print seconds for `count` utterances of test-clean's lengths, and for the same padded to 35 s.

    Returns:
        How many times as fast the first is, in CPU seconds and by the clock.
    """
    from librispeech_clf.local.model.inference import BATCH_SAMPLES, plan_batches, predict_batch

    lengths = make_lengths(count)
    waveforms = [make_audio(samples) for samples in lengths]
    count_frames = model.configuration.count_frames

    def predict_all():
        for batch in plan_batches(lengths, batch_samples=BATCH_SAMPLES):
            predict_batch(predict_one, [waveforms[index] for index in batch], count_frames=count_frames)

    padded = np.pad(make_audio(int(np.median(lengths))), (0, LONGEST_SAMPLES))[None, :LONGEST_SAMPLES]
    predict_one(padded)
    pairs = [(*measure(predict_all), *measure(lambda: predict_one(padded))) for _ in range(repeats)]
    ours_wall, ours_cpu, padded_wall, padded_cpu = np.median(pairs, axis=0) * [1, 1, count, count]
    mean_s = np.mean(lengths) / SAMPLING_RATE
    print(f"{count} utterances, mean {mean_s:.2f} s: wall {ours_wall:.1f} s, CPU {ours_cpu:.1f} s")
    print(f"padded to 35 s (one call, times {count}): wall {padded_wall:.1f} s, CPU {padded_cpu:.1f} s")
    print(f"times as fast: wall {padded_wall / ours_wall:.1f}, CPU {padded_cpu / ours_cpu:.1f}")
    return float(padded_cpu / ours_cpu), float(padded_wall / ours_wall)
