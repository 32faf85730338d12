"""The layers that Keras lacks for an exact wav2vec 2.0: everything that must know which frames are padding.

Legend of shapes: B batch, N samples, T frames, C channels, V vocabulary. A mask is bool (B, T), True at valid frames.
All layers are registered with Keras under the package name `librispeech_clf`; leap_binder registers them with
Tensorleap.
"""

import operator

import keras
from keras import ops

from librispeech_clf.vocabulary import BLANK

FORCED_LOGIT = 1e4
"""Size of the logits at padded frames; fits float16, in which the Tensorleap engine stores tensors."""
PADDING_PENALTY = 3e4
"""Taken from the attention score of a padded key: its weight becomes exactly 0, also in float16."""


@keras.saving.register_keras_serializable(package="librispeech_clf")
class FrameMask(keras.layers.Layer):
    """Which frames of a convolution stack come from real samples only.

    A sample is real up to the last non-zero one of its row. Call shapes: audio float (B, N) -> bool (B, T), where T is
    the number of frames that N samples give.
    """

    def __init__(self, kernels, strides, **kwargs):
        """Take kernel size and stride of each convolution, in order."""
        super().__init__(**kwargs)
        self.kernels = tuple(kernels)
        self.strides = tuple(strides)

    def _count_frames(self, samples):
        for kernel, stride in zip(self.kernels, self.strides, strict=True):
            samples = (samples - kernel) // stride + 1
        return samples

    def call(self, audio):
        total = ops.shape(audio)[1]
        positions = ops.arange(1, total + 1, dtype="int32")
        samples = ops.max(ops.where(audio != 0, positions, 0), axis=1)
        frames = ops.arange(self._count_frames(total), dtype="int32")
        return frames[None, :] < self._count_frames(samples)[:, None]

    def compute_output_spec(self, audio):
        total = audio.shape[1]
        frames = None if total is None else self._count_frames(total)
        return keras.KerasTensor((audio.shape[0], frames), dtype="bool")

    def get_config(self):
        return {**super().get_config(), "kernels": self.kernels, "strides": self.strides}


@keras.saving.register_keras_serializable(package="librispeech_clf")
class MaskedGroupNormalization(keras.layers.Layer):
    """Group norm over time with one channel a group, its mean and variance taken over valid frames only.

    Without padding it is `torch.nn.GroupNorm(C, C)`. Call shapes: [features (B, T, C), mask (B, T)] -> (B, T, C).
    A row without a valid frame gives finite values.
    """

    def __init__(self, epsilon=1e-5, **kwargs):
        """Take the epsilon that is added to the variance."""
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        channels = input_shape[0][-1]
        self.gamma = self.add_weight(name="gamma", shape=(channels,), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(channels,), initializer="zeros")

    def call(self, inputs):
        features, mask = inputs
        valid = ops.cast(mask, features.dtype)[:, None, :]
        count = ops.maximum(ops.sum(valid, axis=2, keepdims=True), 1)
        mean = ops.matmul(valid, features) / count
        centred = features - mean
        variance = ops.matmul(valid, ops.square(centred)) / count
        return centred * (self.gamma * ops.rsqrt(variance + self.epsilon)) + self.beta

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="librispeech_clf")
class ZeroPaddedFrames(keras.layers.Layer):
    """Set padded frames to zero. Call shapes: [features (B, T, C), mask (B, T)] -> (B, T, C)."""

    def call(self, inputs):
        features, mask = inputs
        return features * ops.cast(mask, features.dtype)[:, :, None]

    def compute_output_shape(self, input_shape):
        return input_shape[0]


@keras.saving.register_keras_serializable(package="librispeech_clf")
class PositionalConvolution(keras.layers.Layer):
    """Grouped convolution over time, as one plain convolution per group: (B, T, C) -> (B, T, C).

    TensorFlow runs a grouped convolution on the CPU through XLA, compiled anew for every length; 16 plain ones are
    2 to 8 times as fast forwards and over 70 times backwards (measured at C=256 and C=768). Zero-padded by
    kernel_size // 2 on the left, and on the right so that T is kept: what transformers'
    `Wav2Vec2PositionalConvEmbedding` does for even kernels, too.
    """

    def __init__(self, kernel_size, groups, **kwargs):
        """Take the kernel size in frames and the number of groups."""
        super().__init__(**kwargs)
        self.kernel_size = kernel_size
        self.groups = groups

    def build(self, input_shape):
        channels = input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel", shape=(self.kernel_size, channels // self.groups, channels)
        )
        self.bias = self.add_weight(name="bias", shape=(channels,), initializer="zeros")

    def call(self, features):
        return self.convolve(features, self.split_kernel())

    def split_kernel(self) -> list:
        """Return the kernel of each group, (kernel_size, C / groups, C / groups)."""
        width = self.kernel.shape[1]
        return [self.kernel[:, :, start : start + width] for start in range(0, self.groups * width, width)]

    def convolve(self, features, kernels):
        """Return the layer's output for `features` (B, T, C), with `kernels` as `split_kernel` returns them."""
        left = self.kernel_size // 2
        padded = ops.pad(features, ((0, 0), (left, self.kernel_size - 1 - left), (0, 0)))
        parts = [
            ops.conv(part, kernel, strides=1, padding="valid")
            for part, kernel in zip(ops.split(padded, self.groups, axis=2), kernels, strict=True)
        ]
        return ops.concatenate(parts, axis=2) + self.bias

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size, "groups": self.groups}


def attend(query, key, value):
    """Attention of all heads at once: query and key (B, H, T, D + 1), value (B, H, T, D) -> (B, H, T, D)."""
    scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))
    return ops.matmul(ops.softmax(scores, axis=-1), value)


@keras.saving.register_keras_serializable(package="librispeech_clf")
class MaskedSelfAttention(keras.layers.MultiHeadAttention):
    """Self-attention that leaves out padded keys. Call shapes: [features (B, T, C), mask (B, T)] -> (B, T, C).

    The penalty of a padded key is one more element of the key, against a 1 in every query: the product adds it, and no
    mask of T x T elements is made (a quarter of the layer's time at T=1747). No attention dropout.
    """

    def build(self, input_shape):
        features = input_shape[0]
        super().build(features, features)

    def call(self, inputs, training=None, attend=attend, project=operator.call):
        features, mask = inputs
        query = project(self._query_dense, features) * self._inverse_sqrt_key_dim
        key, value = project(self._key_dense, features), project(self._value_dense, features)
        penalty = ops.cast(ops.where(mask, 0.0, -PADDING_PENALTY), key.dtype)[:, :, None, None]
        key = ops.concatenate([key, ops.broadcast_to(penalty, ops.shape(key[..., :1]))], axis=-1)
        query = ops.concatenate([query, ops.ones_like(query[..., :1])], axis=-1)
        attended = attend(*(ops.transpose(part, (0, 2, 1, 3)) for part in (query, key, value)))
        return project(self._output_dense, ops.transpose(attended, (0, 2, 1, 3)))

    def compute_output_spec(self, inputs, training=None):
        features, _ = inputs
        return keras.KerasTensor(features.shape, dtype=self.compute_dtype)


@keras.saving.register_keras_serializable(package="librispeech_clf")
class ForceBlank(keras.layers.Layer):
    """Make padded frames certain blanks, so that decoding and CTC need no length.

    Call shapes: [logits (B, T, V), mask (B, T)] -> float32 (B, T, V); at padded frames the blank has `FORCED_LOGIT`,
    all other letters its negative.
    """

    def call(self, inputs):
        logits, mask = inputs
        letters = ops.arange(logits.shape[-1])
        forced = ops.where(letters == BLANK, FORCED_LOGIT, -FORCED_LOGIT)
        return ops.where(mask[:, :, None], logits, ops.cast(forced, logits.dtype))

    def compute_output_shape(self, input_shape):
        return input_shape[0]


@keras.saving.register_keras_serializable(package="librispeech_clf")
class MaskedMean(keras.layers.Layer):
    """Mean over valid frames. Call shapes: [features (B, T, C), mask (B, T)] -> (B, C); zeros without a valid frame."""

    def call(self, inputs):
        features, mask = inputs
        valid = ops.cast(mask, features.dtype)[:, :, None]
        return ops.sum(features * valid, axis=1) / ops.maximum(ops.sum(valid, axis=1), 1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], input_shape[0][-1])


CUSTOM_LAYERS = (
    FrameMask,
    MaskedGroupNormalization,
    ZeroPaddedFrames,
    PositionalConvolution,
    MaskedSelfAttention,
    ForceBlank,
    MaskedMean,
)
