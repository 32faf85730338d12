"""Predict many utterances quickly: sorted by length, batched, one compiled call for all lengths.

In: pairs of utterance id and normalised audio, padded or not. Out: one `Prediction` per utterance; what
shared its batch does not matter, as the model ignores padding (`graph.py`).
Legend: N samples, T frames, V vocabulary, C channels.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.audio.reading import count_samples
from librispeech_clf.model.architecture import FORCED_LOGIT
from librispeech_clf.text.vocabulary import BLANK

if TYPE_CHECKING:
    import keras

BATCH_SAMPLES = 562_480
"""Samples of a batch, padding included: one utterance of 35 s, or 16 of 2 s. Bounds the memory of a call."""
WINDOW_SAMPLES = 32_000_000
"""Samples that are read ahead and sorted by length: 128 MB, some 270 utterances of LibriSpeech."""
SHORTEST_BUCKET = 16_000
BUCKET_RATIO = 2 ** (1 / 6)
"""Batches are padded to a length from this geometric series, so that TensorFlow sees 32 widths up to 36 s,
not thousands; adds some 6 % of samples."""


@dataclass(frozen=True)
class Prediction:
    """What the model says about one utterance.

    Attributes:
        utterance_id: as it came in.
        logits: float32 (T, V), the utterance's own frames only.
        pooled: float32 (C,), mean of the last hidden state over the frames; zeros when there is no frame.
    """

    utterance_id: str
    logits: np.ndarray
    pooled: np.ndarray


def predict(
    model: "keras.Model",
    utterances: Iterable[tuple[str, np.ndarray]],
    *,
    batch_samples: int = BATCH_SAMPLES,
    window_samples: int = WINDOW_SAMPLES,
) -> Iterator[Prediction]:
    """Predict utterances, not in their order: longest first within each window that is read ahead.

    Args:
        model: as `load.load_model` returns it.
        utterances: utterance id and audio, float32 (N,), zero mean and unit variance, padded or not.
        batch_samples: most samples of a batch, padding included; a longer utterance is a batch of its own.
        window_samples: samples that are read before sorting.

    Yields:
        One `Prediction` per utterance. The same input gives the same order and numbers.
    """
    call = compile_model(model)
    for window in _read_windows(utterances, window_samples):
        lengths = [len(audio) for _, audio in window]
        for batch in plan_batches(lengths, batch_samples=batch_samples):
            width = bucket_length(lengths[batch[0]])
            padded = np.stack([np.pad(window[index][1], (0, width - lengths[index])) for index in batch])
            logits, pooled = call(padded)
            for row, index in enumerate(batch):
                frames = model.configuration.count_frames(lengths[index])
                yield Prediction(window[index][0], logits[row, :frames].copy(), pooled[row].copy())


def compile_model(model: "keras.Model") -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return a compiled call that takes any batch size and length, in the operations of `fused.py`.

    Args:
        model: as `load.load_model` returns it.

    Returns:
        From audio, float32 (B, N), to logits (B, T, V) and the pooled last hidden state (B, C), float32.
    """
    import tensorflow as tf

    from librispeech_clf.model.fused import fuse_for_inference

    fused_model = fuse_for_inference(model)

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float32)], autograph=False)
    def call(audio):
        return fused_model(audio, training=False)

    return lambda audio: tuple(output.numpy() for output in call(tf.constant(audio, tf.float32)))


def plan_batches(lengths: Sequence[int], *, batch_samples: int) -> list[list[int]]:
    """Group utterances of similar length.

    Args:
        lengths: samples of each utterance.
        batch_samples: most samples of a batch, each row as wide as the longest one's bucket.

    Returns:
        Indices into `lengths`, batch by batch, longest first; each index once.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: (-lengths[index], index)):
        rows_fit = (
            batches and (len(batches[-1]) + 1) * bucket_length(lengths[batches[-1][0]]) <= batch_samples
        )
        similar = batches and bucket_length(lengths[index]) == bucket_length(lengths[batches[-1][0]])
        if rows_fit and similar:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def bucket_length(samples: int) -> int:
    """Return the smallest length of the geometric series that holds `samples` samples."""
    length = float(SHORTEST_BUCKET)
    while round(length) < samples:
        length *= BUCKET_RATIO
    return round(length)


def pad_logits(logits: np.ndarray, *, frames: int) -> np.ndarray:
    """Extend logits to a fixed number of frames, as the model itself does for padded audio.

    Args:
        logits: float32 (T, V).
        frames: frames wanted, such as `count_frames(audio.max_samples)` on the platform.

    Returns:
        float32 (frames, V), the added frames certain blanks (`configuration.FORCED_LOGIT`).

    Raises:
        ValueError: the logits have more frames than wanted.
    """
    if len(logits) > frames:
        raise ValueError(f"logits have {len(logits)} frames, the limit is {frames}; raise audio.max_samples.")
    padded = np.full((frames, logits.shape[1]), -FORCED_LOGIT, np.float32)
    padded[:, BLANK] = FORCED_LOGIT
    padded[: len(logits)] = logits
    return padded


def _read_windows(
    utterances: Iterable[tuple[str, np.ndarray]], window_samples: int
) -> Iterator[list[tuple[str, np.ndarray]]]:
    """Collect utterances, their padding cut off, until they fill a window."""
    window: list[tuple[str, np.ndarray]] = []
    held = 0
    for utterance_id, audio in utterances:
        window.append((utterance_id, audio[: count_samples(audio)].copy()))
        held += len(window[-1][1])
        if held >= window_samples:
            yield window
            window, held = [], 0
    if window:
        yield window
