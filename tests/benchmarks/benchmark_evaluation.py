"""Cost of metadata, encoders, loss, metrics, visualizers, import, dataset check and of a whole evaluation.

Run: `python tests/benchmarks/run.py metadata evaluation`. Times are CPU seconds of all threads, which bear other work
on the machine better than wall seconds; the two sides of a ratio alternate, and figures are medians.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from tests.benchmarks.benchmark_scale import PROJECT_ROOT, measure_process
from tests.helpers.letters import VOCABULARY, encode

SAMPLING_RATE = 16_000
MAX_SAMPLES = 562_480
SECONDS = 12.0
TRANSCRIPT = "THE QUICK BROWN FOX DIDN'T JUMP OVER THE EXTRAORDINARILY LAZY DOG BUT WENT ROUND IT INSTEAD"
Row = tuple[str, str, float]
"""What is measured, what it is compared with, how many times as fast it is."""
Call = Callable[[], object]


def cpu_seconds(call: Call) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def times_as_fast(ours: Call, other: Call, *, repetitions: int = 7) -> float:
    """Return the median ratio of CPU seconds, other over ours; the first round warms up."""
    pairs = [(cpu_seconds(other), cpu_seconds(ours)) for _ in range(repetitions + 1)]
    return statistics.median(there / max(here, 1e-9) for there, here in pairs[1:])


def times_real_time(call: Call, *, repetitions: int = 7) -> float:
    """Return the seconds of audio per CPU second of a call; the first call warms up."""
    return SECONDS / statistics.median([cpu_seconds(call) for _ in range(repetitions + 1)][1:])


def make_waveform() -> np.ndarray:
    """A voice-like tone in noise, float32 (N,)."""
    generator = np.random.default_rng(0)
    instants = np.arange(round(SECONDS * SAMPLING_RATE)) / SAMPLING_RATE
    voice = sum(np.sin(2 * np.pi * 120 * order * instants) / order for order in range(1, 11))
    syllables = np.maximum(np.sin(2 * np.pi * 2 * instants), 0)
    return (0.1 * voice * syllables + 0.003 * generator.standard_normal(instants.size)).astype(np.float32)


def make_logits(text: str, *, frames: int) -> np.ndarray:
    """Return logits that say a text with every sixth letter wrong: float32 (T, V)."""
    from librispeech_clf.text.vocabulary import BLANK

    labels = encode(text)
    generator = np.random.default_rng(0)
    labels[::6] = generator.integers(5, 32, len(labels[::6]))
    logits = generator.normal(0, 1, (frames, 32)).astype(np.float32)
    logits[:, BLANK] += 4
    logits[np.linspace(0, frames - 1, len(labels)).astype(int), labels] += 12
    return logits


def compute_with_librosa(waveform: np.ndarray) -> None:
    """The ten features as librosa's users call them, each with `y=`, and their statistics."""
    from librosa import feature

    values = (
        feature.spectral_flatness(y=waveform),
        feature.spectral_contrast(y=waveform, sr=SAMPLING_RATE),
        feature.spectral_centroid(y=waveform, sr=SAMPLING_RATE),
        feature.spectral_bandwidth(y=waveform, sr=SAMPLING_RATE),
        feature.spectral_rolloff(y=waveform, sr=SAMPLING_RATE),
        feature.melspectrogram(y=waveform, sr=SAMPLING_RATE),
        feature.mfcc(y=waveform, sr=SAMPLING_RATE),
        feature.rms(y=waveform),
        feature.zero_crossing_rate(waveform),
        feature.poly_features(y=waveform, sr=SAMPLING_RATE),
    )
    for value in values:
        value.min(), value.max(), value.mean(), value.std()


def measure_metadata() -> list[Row]:
    """Compare ten features of one shared spectrum, and all signal metadata, with librosa's called one by one."""
    from librispeech_clf.metadata import signal, spectrum

    waveform = make_waveform()
    parts = {
        "ten features": lambda: spectrum.spectral_features(
            waveform, spectrum.short_time_spectrum(waveform, sampling_rate=SAMPLING_RATE)
        ),
        "all signal metadata": lambda: signal.signal_metadata(
            waveform, sampling_rate=SAMPLING_RATE, transcript=TRANSCRIPT
        ),
    }
    reference = partial(compute_with_librosa, waveform)
    return [(part, "librosa, ten calls", times_as_fast(call, reference)) for part, call in parts.items()]


def measure_functions() -> list[Row]:
    """Compare encoders, loss, metrics and visualizers of an utterance of 12 s."""
    import tensorflow as tf

    from librispeech_clf import metrics, visualizers
    from librispeech_clf.audio import reading as audio
    from librispeech_clf.audio.decoding import encode_flac
    from librispeech_clf.corpus.schema import Utterance
    from librispeech_clf.ctc import loss as ctc_loss
    from librispeech_clf.local.model.inference import pad_logits
    from librispeech_clf.text.vocabulary import pad_labels

    recording = encode_flac(make_waveform(), sampling_rate=SAMPLING_RATE)
    utterance, text = Utterance("benchmark", "", 0, 0, recording, "b.flac"), f"{TRANSCRIPT} {TRANSCRIPT}"
    labels = encode(text)
    padded_labels = pad_labels(labels, max_letters=640, utterance_id="benchmark")[None]
    padded = pad_logits(make_logits(text, frames=599), frames=1757)
    stored = padded[None].astype(np.float16)

    def encode_audio() -> np.ndarray:
        audio.read_waveform.cache_clear()
        waveform = audio.read_waveform(utterance, sampling_rate=SAMPLING_RATE)
        return audio.pad(audio.normalize(waveform), max_samples=MAX_SAMPLES, utterance_id="benchmark")

    model_input = encode_audio()
    with_audio = (visualizers.draw_waveform, visualizers.draw_mel_spectrogram, visualizers.play_audio)
    with_logits = (visualizers.show_hypothesis, visualizers.show_word_confidence)
    with_both = (
        visualizers.show_word_alignment,
        visualizers.show_character_alignment,
        visualizers.show_edit_operations,
    )
    shown = [
        *(partial(show, model_input, sampling_rate=SAMPLING_RATE) for show in with_audio),
        partial(visualizers.draw_letter_posteriors, padded, VOCABULARY, frame_duration_s=0.02),
        *(partial(show, padded, VOCABULARY) for show in with_logits),
        *(partial(show, padded, padded_labels[0], VOCABULARY) for show in with_both),
    ]
    measured = [
        partial(metrics.word_errors, stored, padded_labels, VOCABULARY),
        partial(metrics.character_errors, stored, padded_labels, VOCABULARY),
        partial(metrics.confidence, stored, VOCABULARY),
    ]
    dense = [tf.constant(value) for value in (labels[None], padded[None], [len(labels)], [len(padded)])]
    dense_loss = partial(tf.nn.ctc_loss, *dense, logits_time_major=False, blank_index=0)
    loss = times_as_fast(partial(ctc_loss.ctc_loss, stored, padded_labels), dense_loss, repetitions=1)
    return [
        ("audio encoder", "real time", times_real_time(encode_audio)),
        ("CTC loss", "tf.nn.ctc_loss with dense labels", loss),
        ("all metrics", "real time", times_real_time(lambda: [call() for call in measured])),
        ("all visualizers", "real time", times_real_time(lambda: [call() for call in shown])),
    ]


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

    LIBRISPEECH_SOURCE, LIBRISPEECH_ROOT and LIBRISPEECH_SUBSETS choose another corpus than the bundled one, `model`
    another model than config.yaml's.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "librispeech_clf.local.commands.evaluate", "--out", folder]
        measured = measure_process(*command, *(["--model", model] if model else []))
        summary = json.loads((Path(folder) / "summary.json").read_text())
    return [*rate_run(summary, cpu_s=measured.cpu_s), ("its peak memory", "1.5 GB", 1.5 / measured.peak_gb)]


def rate_run(summary: dict, *, cpu_s: float) -> list[Row]:
    """Compare a run, of so many CPU seconds with its start-up, and its stages with real time."""
    assert summary["failed"] == 0
    speed, utterances = summary["speed"], f"{summary['utterances']} utterances"
    stages = {stage: rate for stage, rate in speed.items() if isinstance(rate, dict)}
    after = sum(speed[stage]["seconds"] for stage in ("analysis", "page"))
    return [
        (f"whole run over {utterances}", "real time (CPU seconds)", speed["audio_s"] / cpu_s),
        *(
            (f"{stage} of {utterances}", "real time (clock)", x["times_real_time"])
            for stage, x in stages.items()
        ),
        (f"analysis and page of {utterances}", "30 s (clock)", 30 / after),
    ]
