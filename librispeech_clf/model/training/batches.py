"""Training batches of speech: shards of utterances in, augmented, normalised, padded arrays out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from librispeech_clf.audio.reading import normalize
from librispeech_clf.text.vocabulary import encode

SAMPLING_RATE = 16000
_LENGTHS = tuple(int(SAMPLING_RATE * 1.17**exponent) for exponent in range(-4, 28))


class Recording(NamedTuple):
    """One utterance in memory: samples int16 (N,) at 16 kHz, labels int32 (L,)."""

    samples: np.ndarray
    labels: np.ndarray


class Batch(NamedTuple):
    """audio float32 (B, N) normalised and zero-padded; labels int32 (B, L) padded with 0; label_lengths int32 (B,)."""

    audio: np.ndarray
    labels: np.ndarray
    label_lengths: np.ndarray


@dataclass(frozen=True)
class Augmentation:
    """How recordings are varied; each variation applies with its own probability.

    Attributes:
        speed: lowest and highest factor of resampling; changes tempo, pitch and formants together.
        speed_probability: share of recordings resampled.
        tilt: highest absolute coefficient of the one-tap filter that tilts the spectrum.
        tilt_probability: share of recordings filtered.
        noise_ratio_db: lowest and highest signal-to-noise ratio of added noise.
        noise_probability: share of recordings with noise (white, pink, or another recording of the batch).
        echo_decay_s: shortest and longest reverberation time.
        echo_probability: share of recordings with echo.
        gap_s: longest stretch that is silenced.
        gaps_per_s: mean number of silenced stretches a second.
    """

    speed: tuple[float, float] = (0.84, 1.19)
    speed_probability: float = 0.6
    tilt: float = 0.6
    tilt_probability: float = 0.5
    noise_ratio_db: tuple[float, float] = (5.0, 30.0)
    noise_probability: float = 0.2
    echo_decay_s: tuple[float, float] = (0.1, 0.6)
    echo_probability: float = 0.15
    gap_s: float = 0.08
    gaps_per_s: float = 0.2


def read_shard(path: Path) -> list[Recording]:
    """Read one parquet shard of `make_training_material`: columns id, text, samples (int16 bytes at 16 kHz)."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(path, columns=["id", "text", "samples"])
    columns = (table[name].to_pylist() for name in ("id", "text", "samples"))
    return [
        Recording(np.frombuffer(samples, "<i2"), encode(text, utterance_id=utterance_id))
        for utterance_id, text, samples in zip(*columns, strict=True)
    ]


def round_up_length(samples: int) -> int:
    """Round a number of samples up to the grid of batch lengths, about a sixth apart.

    oneDNN prepares its kernels once for each shape it meets, so few shapes train faster than many.
    """
    return next(length for length in _LENGTHS if length >= samples)


def plan_batches(
    lengths: np.ndarray, *, seconds_per_batch: float, generator: np.random.Generator
) -> list[np.ndarray]:
    """Group recordings of similar length into batches, in random order.

    Args:
        lengths: int (count,), samples of each recording.
        seconds_per_batch: most audio a batch may hold, padding included, in seconds.
        generator: decides the order.

    Returns:
        Index arrays; every recording occurs once.
    """
    rounded = np.array([round_up_length(length) for length in lengths])
    batches = []
    for length in np.unique(rounded):
        members = generator.permutation(np.flatnonzero(rounded == length))
        size = max(1, int(seconds_per_batch * SAMPLING_RATE / length))
        batches += [members[start : start + size] for start in range(0, len(members), size)]
    return [batches[index] for index in generator.permutation(len(batches))]


def augment(
    waveform: np.ndarray, other: np.ndarray, settings: Augmentation, generator: np.random.Generator
) -> np.ndarray:
    """Vary one waveform.

    Args:
        waveform: float32 (N,), in [-1, 1].
        other: float32 (M,), another recording, used as babble.
        settings: what to vary and how far.
        generator: decides what and how far within the settings.

    Returns:
        float32 (N',); N' differs from N by the speed factor.
    """
    if generator.random() < settings.speed_probability:
        waveform = _resample(waveform, generator.uniform(*settings.speed))
    if generator.random() < settings.tilt_probability:
        coefficient = np.float32(generator.uniform(-settings.tilt, settings.tilt))
        waveform = np.concatenate([waveform[:1], waveform[1:] + coefficient * waveform[:-1]])
    if generator.random() < settings.echo_probability:
        waveform = _add_echo(waveform, generator.uniform(*settings.echo_decay_s), generator)
    waveform = _silence_gaps(waveform, settings, generator)
    if generator.random() < settings.noise_probability:
        waveform = _add_noise(waveform, other, generator.uniform(*settings.noise_ratio_db), generator)
    return waveform.astype(np.float32)


def make_batch(
    recordings: list[Recording], *, augmentation: Augmentation | None, generator: np.random.Generator
) -> Batch:
    """Make one batch of recordings: varied if asked, normalised over their own length, zero-padded to the longest."""
    waveforms = [recording.samples.astype(np.float32) / np.float32(32768) for recording in recordings]
    if augmentation is not None:
        others = [waveforms[index] for index in generator.permutation(len(waveforms))]
        waveforms = [
            augment(waveform, other, augmentation, generator)
            for waveform, other in zip(waveforms, others, strict=True)
        ]
    labels = [recording.labels for recording in recordings]
    return Batch(
        _stack([normalize(waveform) for waveform in waveforms], np.float32, round_up_length),
        _stack(labels, np.int32, int),
        np.array([len(row) for row in labels], np.int32),
    )


def iterate_batches(
    recordings: list[Recording],
    *,
    seconds_per_batch: float,
    augmentation: Augmentation | None,
    seed: int,
    epoch: int,
    start: int = 0,
) -> Iterator[Batch]:
    """Yield the batches of one epoch from batch `start` on; every batch depends on seed, epoch and its number alone."""
    lengths = np.array([len(recording.samples) for recording in recordings])
    plan = plan_batches(
        lengths, seconds_per_batch=seconds_per_batch, generator=np.random.default_rng((seed, epoch))
    )
    for number, indices in enumerate(plan[start:], start):
        generator = np.random.default_rng((seed, epoch, number))
        yield make_batch([recordings[i] for i in indices], augmentation=augmentation, generator=generator)


def _stack(rows: list[np.ndarray], dtype: type, round_length: Callable[[int], int]) -> np.ndarray:
    stacked: np.ndarray = np.zeros((len(rows), round_length(max(len(row) for row in rows))), dtype)
    for target, row in zip(stacked, rows, strict=True):
        target[: len(row)] = row
    return stacked


def _resample(waveform: np.ndarray, factor: float) -> np.ndarray:
    positions = np.arange(0, len(waveform) - 1, factor)
    left = positions.astype(np.int32)
    share = (positions - left).astype(np.float32)
    return waveform[left] * (1 - share) + waveform[left + 1] * share


def _add_echo(waveform: np.ndarray, decay_s: float, generator: np.random.Generator) -> np.ndarray:
    from librispeech_clf.audio.acoustics import reverberate

    return reverberate(waveform, decay_time_s=decay_s, sampling_rate=SAMPLING_RATE, generator=generator)


def _silence_gaps(waveform: np.ndarray, settings: Augmentation, generator: np.random.Generator) -> np.ndarray:
    count = generator.poisson(settings.gaps_per_s * len(waveform) / SAMPLING_RATE)
    waveform = waveform.copy()
    for start in generator.integers(0, max(1, len(waveform)), count):
        waveform[start : start + int(generator.uniform(0, settings.gap_s) * SAMPLING_RATE)] = 0
    return waveform


def _add_noise(
    waveform: np.ndarray, other: np.ndarray, ratio_db: float, generator: np.random.Generator
) -> np.ndarray:
    from librispeech_clf.audio.acoustics import mix_at_signal_to_noise_ratio, pink_noise, white_noise

    kind = generator.integers(3)
    if kind == 0:
        noise = white_noise(len(waveform), generator)
    elif kind == 1:
        noise = pink_noise(len(waveform), generator)
    else:
        noise = np.resize(other, len(waveform))
    return mix_at_signal_to_noise_ratio(waveform, noise, ratio_db)
