"""Cost of encoders, loss, metrics, visualizers, import, dataset check and of a whole evaluation.

Run: `python tests/benchmarks/run.py evaluation`. Times are CPU seconds of all threads, which bear other work on
the machine better than wall seconds; the two sides of a ratio alternate, and figures are medians.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.benchmark_scale import PROJECT_ROOT, measure_process
from tests.helpers.letters import VOCABULARY, encode

SAMPLING_RATE = 16_000
MAX_SAMPLES = 562_480
SECONDS = 12.0
Row = tuple[str, str, float]
"""What is measured, what it is compared with, how many times as fast it is."""


def cpu_seconds(call: Callable[[], object]) -> float:
    """Return the CPU seconds of a call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def times_as_fast(ours: Callable[[], object], other: Callable[[], object], *, repetitions: int = 7) -> float:
    """Return the median ratio of CPU seconds, other over ours; the first round warms up."""
    pairs = [(cpu_seconds(other), cpu_seconds(ours)) for _ in range(repetitions + 1)]
    return statistics.median(there / max(here, 1e-9) for there, here in pairs[1:])


def times_real_time(call: Callable[[], object], *, seconds: float = SECONDS, repetitions: int = 7) -> float:
    """Return the seconds of audio per CPU second of a call; the first call warms up."""
    return seconds / statistics.median([cpu_seconds(call) for _ in range(repetitions + 1)][1:])


def make_logits(text: str, *, frames: int) -> np.ndarray:
    """Return logits that say a text with every sixth letter wrong: float32 (T, V)."""
    from librispeech_clf.text.vocabulary import BLANK

    labels = encode(text, utterance_id="benchmark")
    generator = np.random.default_rng(0)
    labels[::6] = generator.integers(5, 32, len(labels[::6]))
    logits = generator.normal(0, 1, (frames, 32)).astype(np.float32)
    places = np.linspace(0, frames - 1, len(labels)).astype(int)
    logits[:, BLANK] += 4
    logits[places, labels] += 12
    return logits


def make_utterance(waveform: np.ndarray):
    """Return a FLAC recording of a waveform as a corpus record."""
    from librispeech_clf.audio.decoding import encode_flac
    from librispeech_clf.corpus.schema import Utterance

    return Utterance("benchmark", "", 0, 0, encode_flac(waveform, sampling_rate=SAMPLING_RATE), "b.flac")


def measure_functions() -> list[Row]:
    """Compare encoders, loss, metrics and visualizers of an utterance of 12 s."""
    from librispeech_clf import metrics, visualizers
    from librispeech_clf.audio import reading as audio
    from librispeech_clf.ctc import loss as ctc_loss
    from librispeech_clf.local.model.inference import pad_logits
    from librispeech_clf.text.vocabulary import pad_labels
    from tests.benchmarks.benchmark_metadata import TRANSCRIPT, make_waveform

    utterance, text = make_utterance(make_waveform(SECONDS)), f"{TRANSCRIPT} {TRANSCRIPT}"
    labels = encode(text, utterance_id="benchmark")
    padded_labels = pad_labels(labels, max_letters=640, utterance_id="benchmark")[None]
    logits = make_logits(text, frames=599)
    padded = pad_logits(logits, frames=1757)
    stored = padded[None].astype(np.float16)

    def encode_audio():
        audio.read_waveform.cache_clear()
        waveform = audio.read_waveform(utterance, sampling_rate=SAMPLING_RATE)
        return audio.pad(audio.normalize(waveform), max_samples=MAX_SAMPLES, utterance_id="benchmark")

    model_input = encode_audio()
    shown = [
        lambda: visualizers.draw_waveform(model_input, sampling_rate=SAMPLING_RATE),
        lambda: visualizers.draw_mel_spectrogram(model_input, sampling_rate=SAMPLING_RATE),
        lambda: visualizers.play_audio(model_input, sampling_rate=SAMPLING_RATE),
        lambda: visualizers.draw_letter_posteriors(padded, VOCABULARY, frame_duration_s=0.02),
        *(
            lambda f=f: f(padded, VOCABULARY)
            for f in (visualizers.show_hypothesis, visualizers.show_word_confidence)
        ),
        *(
            lambda f=f: f(padded, padded_labels[0], VOCABULARY)
            for f in (
                visualizers.show_word_alignment,
                visualizers.show_character_alignment,
                visualizers.show_edit_operations,
            )
        ),
    ]
    measured = (
        lambda: metrics.word_errors(stored, padded_labels, VOCABULARY),
        lambda: metrics.character_errors(stored, padded_labels, VOCABULARY),
        lambda: metrics.confidence(stored, VOCABULARY),
    )
    loss = times_as_fast(
        lambda: ctc_loss.ctc_loss(stored, padded_labels), make_dense_loss(padded, labels), repetitions=1
    )
    return [
        ("audio encoder", "real time", times_real_time(encode_audio)),
        ("CTC loss", "tf.nn.ctc_loss with dense labels", loss),
        ("all metrics", "real time", times_real_time(lambda: [call() for call in measured])),
        ("all visualizers", "real time", times_real_time(lambda: [call() for call in shown])),
    ]


def make_dense_loss(logits: np.ndarray, labels: np.ndarray) -> Callable[[], object]:
    """Return TensorFlow's dense CTC loss over all frames of the platform."""
    import tensorflow as tf

    arguments = {
        "labels": tf.constant(labels[None]),
        "logits": tf.constant(logits[None]),
        "label_length": tf.constant([len(labels)]),
        "logit_length": tf.constant([len(logits)]),
        "logits_time_major": False,
        "blank_index": 0,
    }
    return lambda: tf.nn.ctc_loss(**arguments)


CHECK_DATASET = f"""
from code_loader import LeapLoader
result = LeapLoader({str(PROJECT_ROOT)!r}, "leap_binder.py").check_dataset()
assert result.is_valid, result.general_error or [p.display for p in result.payloads if not p.is_passed]
"""


def measure_start() -> list[Row]:
    """Compare importing the entry file, and code-loader's dataset check, with importing TensorFlow."""
    codes = ("import tensorflow", "import leap_binder", CHECK_DATASET)
    tensorflow, *ours = (min(measure_process("-c", code).cpu_s for _ in range(2)) for code in codes)
    names = ("import of leap_binder", "code-loader's dataset check")
    return [(name, "import of TensorFlow", tensorflow / own) for name, own in zip(names, ours, strict=True)]


def measure_evaluation(*, model: str | None = None) -> list[Row]:
    """Evaluate the configured test split in a fresh process, report and page included.

    LIBRISPEECH_SOURCE, LIBRISPEECH_ROOT and LIBRISPEECH_SUBSETS choose another corpus than the bundled one.

    Args:
        model: the model file, config.yaml's by default.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "librispeech_clf.local.commands.evaluate", "--out", folder]
        measured = measure_process(*command, *(["--model", model] if model else []))
        summary = json.loads((Path(folder) / "summary.json").read_text())
    return [*rate_run(summary, cpu_s=measured.cpu_s), ("its peak memory", "1.5 GB", 1.5 / measured.peak_gb)]


def rate_run(summary: dict[str, Any], *, cpu_s: float) -> list[Row]:
    """Compare a run and its stages with real time.

    Args:
        summary: summary.json of the run.
        cpu_s: CPU seconds of the whole run, start-up included.
    """
    assert summary["failed"] == 0
    speed, utterances = summary["speed"], f"{summary['utterances']} utterances"
    stages = [
        (f"{stage} of {utterances}", "real time (clock)", rate["times_real_time"])
        for stage, rate in speed.items()
        if isinstance(rate, dict)
    ]
    after = sum(speed[stage]["seconds"] for stage in ("analysis", "page"))
    return [
        (f"whole run over {utterances}", "real time (CPU seconds)", speed["audio_s"] / cpu_s),
        *stages,
        (f"analysis and page of {utterances}", "30 s (clock)", 30 / after),
    ]
