"""What training lowers: the distance to the log-mel spectrum first, then CTC.

Legend of shapes: B batch, N samples, T frames, V vocabulary, L letters.
"""

import numpy as np

from librispeech_clf.ctc.frames import SAMPLING_RATE_HZ
from librispeech_clf.local.model.architecture import Wav2Vec2Configuration

MEL_BANDS = 80
WINDOW, HOP = 400, 320
"""Receptive field and stride of the convolutions, in samples."""


def mel_loss(predicted, audio, mask):
    """Return the mean squared distance to `log_mel_targets` over valid frames.

    Args:
        predicted: tensor float32 (B, T, MEL_BANDS).
        audio: tensor float32 (B, N).
        mask: tensor float32 (B, T), 1 at valid frames.
    """
    import tensorflow as tf

    valid = tf.cast(mask, tf.float32)[:, :, None]
    distance = tf.square(predicted - log_mel_targets(audio, mask)) * valid
    return tf.reduce_sum(distance) / (tf.reduce_sum(valid) * MEL_BANDS)


def log_mel_targets(audio, mask):
    """Return the log-mel spectrum over the windows that the convolutions see.

    Args:
        audio: tensor float32 (B, N).
        mask: tensor float32 (B, T), 1 at valid frames.

    Returns:
        Tensor float32 (B, T, MEL_BANDS): logarithm of power, every band with zero mean and unit variance over the
        valid frames of its row, zero elsewhere.
    """
    import tensorflow as tf

    spectrum = tf.abs(tf.signal.stft(audio, WINDOW, HOP, fft_length=512))[:, : tf.shape(mask)[1]] ** 2
    bank = tf.signal.linear_to_mel_weight_matrix(MEL_BANDS, 257, SAMPLING_RATE_HZ, 60.0, 7600.0)
    logarithm = tf.math.log(tf.matmul(spectrum, bank) + 1e-2)
    valid = tf.cast(mask, tf.float32)[:, :, None]
    mean, variance = tf.nn.weighted_moments(logarithm, axes=[1], frequency_weights=valid, keepdims=True)
    return (logarithm - mean) * tf.math.rsqrt(variance + 1e-3) * valid


def ctc_loss_per_letter(logits, labels, label_lengths, mask):
    """Return the CTC loss of a batch in nats a letter.

    Args:
        logits: tensor float32 (B, T, V), blank first.
        labels: tensor int32 (B, L), padded with 0.
        label_lengths: tensor int32 (B,), not all 0.
        mask: tensor float32 (B, T), 1 at valid frames.
    """
    import tensorflow as tf

    frames = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
    losses = native_ctc_loss(logits, labels, label_lengths, frames)
    return tf.reduce_sum(losses) / tf.cast(tf.reduce_sum(label_lengths), tf.float32)


def native_ctc_loss(logits, labels, label_lengths, frames):
    """Return the CTC loss per row by TensorFlow's native kernel; the dense one is some hundred times slower.

    Args:
        logits: tensor float32 (B, T, V), blank first.
        labels: tensor int32 (B, L), padded with 0.
        label_lengths: tensor int32 (B,).
        frames: tensor int32 (B,), valid frames of each row.

    Returns:
        Tensor float32 (B,), in nats; 0 where the label does not fit into the frames.
    """
    import tensorflow as tf

    blank_last = tf.roll(logits, shift=-1, axis=2)
    positions = tf.where(tf.sequence_mask(label_lengths, tf.shape(labels)[1]))
    sparse = tf.SparseTensor(
        positions, tf.gather_nd(labels, positions) - 1, tf.shape(labels, out_type=tf.int64)
    )
    return tf.compat.v1.nn.ctc_loss(
        labels=sparse,
        inputs=blank_last,
        sequence_length=frames,
        time_major=False,
        ignore_longer_outputs_than_inputs=True,
    )


def fits(samples: int, labels: np.ndarray, configuration: Wav2Vec2Configuration) -> bool:
    """Whether audio has room for its letters: a frame for each, and one for the blank between equal neighbours.

    Args:
        samples: of the audio.
        labels: int32 (L,).
        configuration: of the model, which decides the frames.
    """
    needed = len(labels) + np.count_nonzero(labels[1:] == labels[:-1])
    return bool(configuration.count_frames(samples) >= needed)
