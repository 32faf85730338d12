"""Training batches of speech: recordings in, augmented, normalised, padded arrays out, made ahead in a thread."""

import queue
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from librispeech_clf.audio.reading import normalize
from librispeech_clf.ctc.frames import SAMPLING_RATE_HZ
from librispeech_clf.development.training.augmentation import augment
from librispeech_clf.development.training.settings import Augmentation

LENGTH_RATIO, SHORTEST_EXPONENT = 1.17, -4
"""Batches are as long as 1 s times a power of the ratio, from half a second on."""
AHEAD = 3
"""Batches that are ready before they are needed."""


class Recording(NamedTuple):
    """One utterance, its audio read when it is needed.

    Attributes:
        utterance_id: its name.
        samples: N, at 16 kHz.
        labels: int32 (L,).
        read: returns the waveform, float32 (N,) in [-1, 1]; raises ValueError or OSError where that cannot be.
    """

    utterance_id: str
    samples: int
    labels: np.ndarray
    read: Callable[[], np.ndarray]


class Batch(NamedTuple):
    """What a step takes.

    Attributes:
        number: of the batch in its epoch.
        audio: float32 (B, N), normalised and zero-padded.
        samples: int32 (B,), before the padding.
        labels: int32 (B, L), padded with 0.
        label_lengths: int32 (B,).
    """

    number: int
    audio: np.ndarray
    samples: np.ndarray
    labels: np.ndarray
    label_lengths: np.ndarray


def round_up_length(samples: int) -> int:
    """Round a number of samples up to a geometric series, a sixth from one to the next.

    oneDNN prepares its kernels once for each shape it meets, so few shapes train faster than many.
    """
    exponent = SHORTEST_EXPONENT
    while (length := int(SAMPLING_RATE_HZ * LENGTH_RATIO**exponent)) < samples:
        exponent += 1
    return length


def plan_batches(
    lengths: np.ndarray, *, seconds_per_batch: float, generator: np.random.Generator
) -> list[np.ndarray]:
    """Group recordings of similar length into batches, in random order.

    Args:
        lengths: int (count,), samples of each recording.
        seconds_per_batch: most audio a batch may hold, padding included, in seconds; a longer recording is a batch of
            its own.
        generator: decides the order.

    Returns:
        Index arrays; every recording occurs once.
    """
    rounded = np.array([round_up_length(length) for length in lengths])
    batches = []
    for length in np.unique(rounded):
        members = generator.permutation(np.flatnonzero(rounded == length))
        size = max(1, int(seconds_per_batch * SAMPLING_RATE_HZ / length))
        batches += [members[start : start + size] for start in range(0, len(members), size)]
    return [batches[index] for index in generator.permutation(len(batches))]


def make_batch(
    recordings: Sequence[Recording],
    *,
    number: int,
    augmentation: Augmentation | None,
    fits: Callable[[int, np.ndarray], bool],
    generator: np.random.Generator,
) -> Batch | None:
    """Make one batch: varied if asked, normalised over each recording's own length, zero-padded to the longest.

    A recording that cannot be read is left out with a warning; one that speed made too short for its letters stays as
    it was.

    Args:
        recordings: of the batch.
        number: of the batch.
        augmentation: what to vary.
        fits: whether so many samples have room for these labels.
        generator: of the variations.

    Returns:
        The batch; None when no recording is left.
    """
    read = [
        (recording, waveform) for recording in recordings if (waveform := read_or_warn(recording)) is not None
    ]
    if not read:
        return None
    waveforms = [waveform for _, waveform in read]
    if augmentation is not None:
        others = [waveforms[index] for index in generator.permutation(len(waveforms))]
        for row, (recording, waveform) in enumerate(read):
            varied = augment(waveform, others[row], augmentation, generator)
            waveforms[row] = varied if fits(len(varied), recording.labels) else waveform
    labels = [recording.labels for recording, _ in read]
    return Batch(
        number,
        _stack([normalize(waveform) for waveform in waveforms], np.float32, round_up_length),
        np.array([len(waveform) for waveform in waveforms], np.int32),
        _stack(labels, np.int32, int),
        np.array([len(row) for row in labels], np.int32),
    )


def iterate_batches(
    recordings: Sequence[Recording],
    *,
    seconds_per_batch: float,
    augmentation: Augmentation | None,
    fits: Callable[[int, np.ndarray], bool],
    seed: int,
    epoch: int,
    start: int = 0,
) -> Iterator[Batch]:
    """Yield the batches of one epoch from batch `start` on; every batch depends on seed, epoch and its number alone."""
    lengths = np.array([recording.samples for recording in recordings])
    plan = plan_batches(
        lengths, seconds_per_batch=seconds_per_batch, generator=np.random.default_rng((seed, epoch))
    )
    for number, indices in enumerate(plan[start:], start):
        batch = make_batch(
            [recordings[index] for index in indices],
            number=number,
            augmentation=augmentation,
            fits=fits,
            generator=np.random.default_rng((seed, epoch, number)),
        )
        if batch is not None:
            yield batch


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


def read_or_warn(recording: Recording) -> np.ndarray | None:
    """Return a recording's waveform, float32 (N,); None with a warning where it cannot be read."""
    try:
        return recording.read()
    except (ValueError, OSError) as error:
        warnings.warn(f"{error} Training goes on without it.", stacklevel=2)
        return None


def _stack(rows: list[np.ndarray], dtype: type, round_length: Callable[[int], int]) -> np.ndarray:
    stacked: np.ndarray = np.zeros((len(rows), round_length(max(len(row) for row in rows))), dtype)
    for target, row in zip(stacked, rows, strict=True):
        target[: len(row)] = row
    return stacked
