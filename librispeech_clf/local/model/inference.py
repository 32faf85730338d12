"""Predict many utterances quickly: sorted by length, batched, one compiled call for all lengths.

In: normalized waveforms without padding. Out: their logits and pooled hidden states. `plan_batches` says what
goes together and `predict_batch` predicts it, both for the evaluation and the benchmarks.
Legend: B batch, N samples, T frames, V vocabulary, C channels.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.local.model.architecture import FORCED_LOGIT
from librispeech_clf.text.vocabulary import BLANK

if TYPE_CHECKING:
    import keras

BATCH_SAMPLES = 562_480
"""Samples of a batch, padding included: one utterance of 35 s, or 16 of 2 s. Bounds the memory of a call."""
SHORTEST_BUCKET = 16_000
BUCKET_RATIO = 2 ** (1 / 4)
"""Batches are padded to a length from this geometric series and have 1, 2, 4, ... rows, so that TensorFlow sees few
shapes, not thousands: oneDNN keeps 2 to 3 MB for each. On test-clean that makes 43 shapes, and 9 % more samples."""

Predict = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From audio, float32 (B, N), to logits, float32 (B, T, V), and the pooled last hidden state, float32 (B, C)."""


def predict_batch(
    predict: Predict, waveforms: Sequence[np.ndarray], *, count_frames: Callable[[int], int]
) -> tuple[np.ndarray, np.ndarray]:
    """Predict utterances together; what else is in the batch does not matter, as the model ignores padding.

    Args:
        predict: as `compile_model` returns it.
        waveforms: a batch of `plan_batches`: each float32 (N,), zero mean and unit variance, without padding.
        count_frames: maps a number of samples to the model's number of frames.

    Returns:
        Logits float32 (B, T, V), where T is the longest utterance's and shorter ones end in certain blanks; and
        the mean of the last hidden state over each utterance's frames, float32 (B, C), zeros if it has none.
    """
    lengths = [len(waveform) for waveform in waveforms]
    width = bucket_length(max(lengths))
    padded = np.stack([np.pad(waveform, (0, width - len(waveform))) for waveform in waveforms])
    logits, pooled = predict(padded)
    frames = [count_frames(length) for length in lengths]
    longest = max(1, *frames)
    own = [pad_logits(rows[:count], frames=longest) for rows, count in zip(logits, frames, strict=True)]
    return np.stack(own), pooled


def compile_model(model: "keras.Model") -> Predict:
    """Compile a model of `load_model` for any batch and length, with the operations of `fused.py`.

    Returns:
        A function from audio, float32 (B, N), to logits (B, T, V) and the pooled last hidden state (B, C), float32.
    """
    import tensorflow as tf

    from librispeech_clf.local.model.fused import fuse_for_inference

    fused_model = fuse_for_inference(model)

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float32)], autograph=False)
    def call(audio):
        return fused_model(audio, training=False)

    return lambda audio: tuple(output.numpy() for output in call(tf.constant(audio, tf.float32)))


def plan_batches(lengths: Sequence[int], *, batch_samples: int) -> list[list[int]]:
    """Group utterances of similar length, in samples.

    A batch of several has at most `batch_samples` samples, with every row as wide as its bucket.

    Returns:
        Indices into `lengths`, batch by batch, longest first; each index once, and a power of two of them per batch.
    """
    longest_first = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    batches: list[list[int]] = []
    for width, group in itertools.groupby(longest_first, key=lambda index: bucket_length(lengths[index])):
        waiting = list(group)
        while waiting:
            most = min(len(waiting), max(1, batch_samples // width))
            rows = 1 << (most.bit_length() - 1)
            batches.append(waiting[:rows])
            waiting = waiting[rows:]
    return batches


def bucket_length(samples: int) -> int:
    """Return the smallest length of the geometric series, or `BATCH_SAMPLES`, that holds `samples` samples."""
    length = float(SHORTEST_BUCKET)
    while round(length) < samples:
        length *= BUCKET_RATIO
    return min(round(length), BATCH_SAMPLES) if samples <= BATCH_SAMPLES else round(length)


def pad_logits(logits: np.ndarray, *, frames: int) -> np.ndarray:
    """Extend logits (T, V) to a fixed number of frames, as the model itself does for padded audio.

    Returns:
        float32 (frames, V); the added frames are certain blanks (`architecture.FORCED_LOGIT`).

    Raises:
        ValueError: the logits have more frames than that.
    """
    if len(logits) > frames:
        raise ValueError(f"logits have {len(logits)} frames, the limit is {frames}; raise audio.max_samples.")
    padded = np.full((frames, logits.shape[1]), -FORCED_LOGIT, np.float32)
    padded[:, BLANK] = FORCED_LOGIT
    padded[: len(logits)] = logits
    return padded
