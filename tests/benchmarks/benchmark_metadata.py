"""Cost of metadata per utterance against librosa's ten features called one by one.

Same process, interleaved, medians; only ratios travel between machines.
"""

import statistics
import time

import numpy as np

SAMPLING_RATE = 16_000
SECONDS = 12.0
TRANSCRIPT = "THE QUICK BROWN FOX DIDN'T JUMP OVER THE EXTRAORDINARILY LAZY DOG BUT WENT ROUND IT INSTEAD"


def make_waveform(seconds: float) -> np.ndarray:
    """A voice-like tone in noise, float32 (N,)."""
    generator = np.random.default_rng(0)
    instants = np.arange(round(seconds * SAMPLING_RATE)) / SAMPLING_RATE
    voice = sum(np.sin(2 * np.pi * 120 * order * instants) / order for order in range(1, 11))
    syllables = np.maximum(np.sin(2 * np.pi * 2 * instants), 0)
    return (0.1 * voice * syllables + 0.003 * generator.standard_normal(instants.size)).astype(np.float32)


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


def measure_metadata(*, repetitions: int) -> dict[str, float]:
    """Return how many times as fast as librosa's ten features ours are, and all signal metadata."""
    from librispeech_clf.metadata import signal, spectrum

    waveform = make_waveform(SECONDS)

    def ten_features() -> None:
        fresh = spectrum.short_time_spectrum(waveform, sampling_rate=SAMPLING_RATE)
        spectrum.spectral_features(waveform, fresh)

    parts = {
        "librosa": lambda: compute_with_librosa(waveform),
        "ten features": ten_features,
        "all signal metadata": lambda: signal.signal_metadata(
            waveform, sampling_rate=SAMPLING_RATE, transcript=TRANSCRIPT
        ),
    }
    seconds: dict[str, list[float]] = {part: [] for part in parts}
    for _ in range(repetitions + 1):
        for part, call in parts.items():
            start = time.perf_counter()
            call()
            seconds[part].append(time.perf_counter() - start)
    medians = {part: statistics.median(values[1:]) for part, values in seconds.items()}  # the first warms up
    reference = medians.pop("librosa")
    return {part: reference / median for part, median in medians.items()}
