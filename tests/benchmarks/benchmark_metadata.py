"""Cost of metadata per utterance against librosa's ten features called one by one.

Run alone: `python tests/benchmarks/benchmark_metadata.py`. Same process, interleaved, medians; only ratios
travel between machines.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np

SAMPLING_RATE = 16_000
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


def measure_metadata(*, seconds: float = 12.0, repetitions: int = 15) -> list[dict[str, str | float]]:
    """Time each part of the metadata.

    Returns:
        One row per part: `part`, `milliseconds`, and `ratio`, how much faster than librosa.
    """
    from librispeech_clf.metadata import readability, signal, spectrum, text

    waveform = make_waveform(seconds)
    shared = spectrum.short_time_spectrum(waveform, sampling_rate=SAMPLING_RATE)
    blocks = signal.block_powers(waveform, sampling_rate=SAMPLING_RATE)

    def ten_features() -> None:
        fresh = spectrum.short_time_spectrum(waveform, sampling_rate=SAMPLING_RATE)
        spectrum.spectral_features(waveform, fresh)

    words = TRANSCRIPT.split()

    def read_fresh_text() -> None:
        words.append(words.pop(0))  # textstat caches by text
        readability.readability_metadata(" ".join(words))

    parts: dict[str, Callable[[], object]] = {
        "librosa, ten features": lambda: compute_with_librosa(waveform),
        "ten features": ten_features,
        "all signal metadata": lambda: signal.signal_metadata(
            waveform, sampling_rate=SAMPLING_RATE, transcript=TRANSCRIPT
        ),
        "of these: spectrum": lambda: spectrum.short_time_spectrum(waveform, sampling_rate=SAMPLING_RATE),
        "of these: fundamental frequency": lambda: signal.fundamental_frequency(shared),
        "of these: level and clipping": lambda: (signal.level(waveform), signal.clipping(waveform)),
        "of these: noise and pauses": lambda: (signal.signal_to_noise_ratio(blocks), signal.pauses(blocks)),
        "text": lambda: text.text_metadata(TRANSCRIPT),
        "readability": read_fresh_text,
    }
    medians = measure_interleaved(parts, repetitions=repetitions)
    reference = medians["librosa, ten features"]
    return [
        {"part": part, "milliseconds": 1000 * median, "ratio": reference / median}
        for part, median in medians.items()
    ]


def measure_interleaved(parts: dict[str, Callable[[], object]], *, repetitions: int) -> dict[str, float]:
    """Median seconds of each part, one call of each per round, after one round to warm up."""
    seconds: dict[str, list[float]] = {part: [] for part in parts}
    for _ in range(repetitions + 1):
        for part, call in parts.items():
            start = time.perf_counter()
            call()
            seconds[part].append(time.perf_counter() - start)
    return {part: statistics.median(values[1:]) for part, values in seconds.items()}


if __name__ == "__main__":
    for row in measure_metadata():
        print(f"{row['part']:32} {row['milliseconds']:8.2f} ms {row['ratio']:8.1f}")
