"""Training batches: recordings in, varied, leveled, padded arrays out, made ahead in a thread.

A random generator decides everything.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from librispeech_clf.audio.acoustics import mix_at_signal_to_noise_ratio, pink_noise, white_noise
from librispeech_clf.ctc.frames import SAMPLING_RATE_HZ
from librispeech_clf.development.training.material import Recording, read_or_warn
from librispeech_clf.development.training.whisper import HOP_OF_FRAMES

AHEAD = 6
"""Batches that are ready before they are needed."""
LONGEST_S, SHORTEST_S = 17.0, 0.8
"""Longer recordings take memory with the square of their length; in shorter ones little is left after speed."""
ROOM = 1.12
"""Frames per letter at least: a blank belongs between two equal letters."""
SPARE_FRAMES = 4
GRID_SAMPLES = 8000
"""Batches are padded to a multiple of this: oneDNN prepares its products for each shape, a tenth of a step."""
CROP_S = (3.0, 9.0)
"""Shortest and longest piece of a recording that the front end is trained on."""
SPEEDS = (0.88, 1.13)
"""Lowest and highest factor of resampling; changes tempo, pitch and formants together."""
TILT = 0.5
"""Highest absolute coefficient of the one-tap filter that tilts the spectrum."""
NOISE_RATIOS_DB = (5.0, 30.0)


class Augmentation(NamedTuple):
    """Shares of the recordings that are resampled, filtered, and get noise (white, pink, or another recording)."""

    speed: float = 0.35
    tilt: float = 0.12
    noise: float = 0.1


LIGHT = Augmentation()
STRONG = Augmentation(0.7, 0.4, 0.35)
"""For the front end, which must learn what sounds there are; the letters learn from few passes over the material."""


class Batch(NamedTuple):
    """What a step takes.

    Attributes:
        audio: float32 (B, N), zero mean and unit variance over each row's samples, zero-padded.
        samples: int64 (B,), before the padding.
        labels: int64 (B, L), padded with 0.
        label_lengths: int64 (B,).
    """

    audio: np.ndarray
    samples: np.ndarray
    labels: np.ndarray
    label_lengths: np.ndarray


def has_room(recording: Recording) -> bool:
    """Whether a recording is neither too short nor too long, and has frames for its letters."""
    seconds = recording.samples / SAMPLING_RATE_HZ
    frames = recording.samples / HOP_OF_FRAMES
    return SHORTEST_S <= seconds <= LONGEST_S and frames > SPARE_FRAMES + ROOM * len(recording.labels)


def make_batch(
    recordings: Sequence[Recording],
    others: Sequence[Recording],
    *,
    generator: np.random.Generator,
    augmentation: Augmentation = LIGHT,
) -> Batch | None:
    """Make one batch; a recording that cannot be read is left out with a warning.

    Args:
        recordings: of the batch.
        others: of the same number, used as babble.
        generator: of the variations.
        augmentation: what to vary.

    Returns:
        The batch; None when no recording is left.
    """
    rows, labels = [], []
    for recording, other in zip(recordings, others, strict=True):
        waveform, babble = read_or_warn(recording), read_or_warn(other)
        if waveform is None or babble is None:
            continue
        fastest = len(waveform) / HOP_OF_FRAMES / (SPARE_FRAMES + ROOM * len(recording.labels))
        rows.append(level(augment(waveform, babble, augmentation, generator, fastest=fastest)))
        labels.append(recording.labels)
    if not rows:
        return None
    lengths = [np.array([len(row) for row in column]) for column in (rows, labels)]
    audio = _stack(rows, np.float32, grid=GRID_SAMPLES)
    return Batch(audio, lengths[0], _stack(labels, np.int64), lengths[1])


def make_crops(draw: Callable[[], Recording], *, seconds: float, generator: np.random.Generator) -> Batch:
    """Make a batch of pieces of one length, together about so many seconds, of any recordings, without letters."""
    length = generator.uniform(*CROP_S)
    count, samples = max(1, round(seconds / length)), int(length * SAMPLING_RATE_HZ)
    rows: list[np.ndarray] = []
    while len(rows) < count:
        waveform, babble, more = (read_or_warn(draw()) for _ in range(3))
        if waveform is None or babble is None or more is None:
            continue
        waveform = augment(waveform, babble, STRONG, generator)
        if len(waveform) < samples:
            waveform = np.concatenate([waveform, np.resize(more, samples - len(waveform))])
        start = int(generator.integers(0, len(waveform) - samples + 1))
        rows.append(level(waveform[start : start + samples]))
    none = np.zeros((count, 0), np.int64)
    return Batch(np.stack(rows), np.full(count, samples), none, np.zeros(count, np.int64))


def augment(
    waveform: np.ndarray,
    other: np.ndarray,
    shares: Augmentation,
    generator: np.random.Generator,
    *,
    fastest: float = np.inf,
) -> np.ndarray:
    """Vary one waveform.

    Args:
        waveform: float32 (N,), in [-1, 1].
        other: float32 (M,), another recording, used as babble.
        shares: of what is varied.
        generator: decides.
        fastest: highest factor of resampling that leaves room for the letters.

    Returns:
        float32 (N',); N' differs from N by the speed factor.
    """
    if generator.random() < shares.speed:
        factor = min(generator.uniform(*SPEEDS), max(fastest, SPEEDS[0]))
        positions = np.arange(0, len(waveform) - 1, factor)
        waveform = np.interp(positions, np.arange(len(waveform)), waveform)
    if generator.random() < shares.tilt:
        coefficient = np.float32(generator.uniform(-TILT, TILT))
        waveform = np.concatenate([waveform[:1], waveform[1:] + coefficient * waveform[:-1]])
    if generator.random() < shares.noise:
        ratio_db, kind = generator.uniform(*NOISE_RATIOS_DB), generator.integers(3)
        if kind == 2:
            noise = np.resize(other, len(waveform))
        else:
            noise = (white_noise, pink_noise)[kind](len(waveform), generator)
        waveform = mix_at_signal_to_noise_ratio(waveform, noise, ratio_db)
    return waveform.astype(np.float32)


def level(waveform: np.ndarray) -> np.ndarray:
    """Zero mean and unit variance: what `audio.reading.normalize` makes of it, but for digital silence."""
    centered = waveform - waveform.mean()
    return (centered / (np.sqrt(np.mean(centered**2)) + 1e-6)).astype(np.float32)


def make_ahead(batches: Iterator[Batch]) -> Generator[Batch, None, None]:
    """Make batches in a second thread while the model trains; close the iterator to end the thread."""
    with ThreadPoolExecutor(1, "training batches") as thread:
        waiting = deque(thread.submit(next, batches, None) for _ in range(AHEAD))
        while (batch := waiting.popleft().result()) is not None:
            waiting.append(thread.submit(next, batches, None))
            yield batch


def _stack(rows: Sequence[np.ndarray], dtype: type, *, grid: int = 1) -> np.ndarray:
    longest = max(len(row) for row in rows)
    stacked: np.ndarray = np.zeros((len(rows), -(-longest // grid) * grid), dtype)
    for target, row in zip(stacked, rows, strict=True):
        target[: len(row)] = row
    return stacked
