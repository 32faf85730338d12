"""Training batches: recordings in, varied, leveled, padded arrays out, made ahead in a thread."""

import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from librispeech_clf.ctc.frames import SAMPLING_RATE_HZ
from librispeech_clf.development.training.augmentation import Augmentation, augment
from librispeech_clf.development.training.material import Recording, read_or_warn

AHEAD = 6
"""Batches that are ready before they are needed."""
LONGEST_S, SHORTEST_S = 17.0, 0.8
"""Longer recordings take memory with the square of their length; in shorter ones little is left after speed."""
ROOM = 1.12
"""Frames per letter at least: a blank belongs between two equal letters."""
SPARE_FRAMES = 4
CROP_S = (3.0, 9.0)
"""Shortest and longest piece of a recording that the front end is trained on."""


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


def has_room(recording: Recording, frame_samples: int) -> bool:
    """Whether a recording is neither too short nor too long, and has frames for its letters."""
    seconds = recording.samples / SAMPLING_RATE_HZ
    frames = recording.samples / frame_samples
    return SHORTEST_S <= seconds <= LONGEST_S and frames > SPARE_FRAMES + ROOM * len(recording.labels)


def make_batch(
    recordings: Sequence[Recording],
    others: Sequence[Recording],
    *,
    augmentation: Augmentation,
    frame_samples: int,
    generator: np.random.Generator,
) -> Batch | None:
    """Make one batch; a recording that cannot be read is left out with a warning.

    Args:
        recordings: of the batch.
        others: of the same number, used as babble.
        augmentation: what to vary.
        frame_samples: from one frame to the next.
        generator: of the variations.

    Returns:
        The batch; None when no recording is left.
    """
    rows, labels = [], []
    for recording, other in zip(recordings, others, strict=True):
        waveform, babble = read_or_warn(recording), read_or_warn(other)
        if waveform is None or babble is None:
            continue
        fastest = len(waveform) / frame_samples / (SPARE_FRAMES + ROOM * len(recording.labels))
        rows.append(level(augment(waveform, babble, augmentation, generator, fastest=fastest)))
        labels.append(recording.labels)
    if not rows:
        return None
    lengths = [np.array([len(row) for row in column]) for column in (rows, labels)]
    return Batch(_stack(rows, np.float32), lengths[0], _stack(labels, np.int64), lengths[1])


def make_crops(
    draw: Callable[[], Recording],
    *,
    seconds: float,
    augmentation: Augmentation,
    generator: np.random.Generator,
) -> Batch:
    """Make a batch of pieces of one length, without letters.

    Args:
        draw: returns any recording.
        seconds: of all pieces together.
        augmentation: what to vary.
        generator: decides.
    """
    length = generator.uniform(*CROP_S)
    count, samples = max(1, round(seconds / length)), int(length * SAMPLING_RATE_HZ)
    rows: list[np.ndarray] = []
    while len(rows) < count:
        waveform, babble, more = (read_or_warn(draw()) for _ in range(3))
        if waveform is None or babble is None or more is None:
            continue
        waveform = augment(waveform, babble, augmentation, generator)
        if len(waveform) < samples:
            waveform = np.concatenate([waveform, np.resize(more, samples - len(waveform))])
        start = int(generator.integers(0, len(waveform) - samples + 1))
        rows.append(level(waveform[start : start + samples]))
    none = np.zeros((count, 0), np.int64)
    return Batch(np.stack(rows), np.full(count, samples), none, np.zeros(count, np.int64))


def level(waveform: np.ndarray) -> np.ndarray:
    """Zero mean and unit variance: what `audio.reading.normalize` makes of it, but for digital silence."""
    centered = waveform - waveform.mean()
    return (centered / (np.sqrt(np.mean(centered**2)) + 1e-6)).astype(np.float32)


def make_ahead(batches: Iterator[Batch]) -> Generator[Batch, None, None]:
    """Make batches in a second thread while the model trains; close the iterator to end the thread."""
    waiting: queue.Queue = queue.Queue(AHEAD)
    stopped = threading.Event()
    end = object()

    def put(item) -> None:
        while not stopped.is_set():
            try:
                return waiting.put(item, timeout=0.1)
            except queue.Full:
                continue

    def fill() -> None:
        try:
            for batch in batches:
                put(batch)
                if stopped.is_set():
                    return
            put(end)
        except BaseException as error:  # handed to the training thread, which raises it
            put(error)

    thread = threading.Thread(target=fill, daemon=True, name="training batches")
    thread.start()
    try:
        while (item := waiting.get()) is not end:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()


def _stack(rows: Sequence[np.ndarray], dtype: type) -> np.ndarray:
    stacked: np.ndarray = np.zeros((len(rows), max(len(row) for row in rows)), dtype)
    for target, row in zip(stacked, rows, strict=True):
        target[: len(row)] = row
    return stacked
