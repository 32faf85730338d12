"""What the graph of `graph.py` is made of: built-in layers and plain operations of Keras 3 or Keras 2.

`Keras3Layers` builds for local use, `Keras2Layers` for the model file: Tensorleap's engine opens it with Keras 2.12,
and knows neither Keras 3 nor our layers. `fused.py` has a faster set of the same layers.

Legend of shapes: B batch, N samples, T frames, C channels, H heads, D width of a head. A mask is float32 (B, T), 1 at
valid frames and 0 at padded ones.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras

from librispeech_clf.local.model.architecture import Wav2Vec2Configuration

PADDING_PENALTY = 3e4
"""Subtracted from the attention score of a padded key: its weight becomes exactly 0, even in float16."""


class Keras3Layers:
    """Keras 3 layers; a subclass's replacements compute the same."""

    keras_layers: Any = keras.layers
    keras: Any = keras
    operations: Sequence[Any] = (keras.ops,)

    def __getattr__(self, name: str) -> Any:
        """Return a plain operation, such as `matmul`, from the first of `operations` that has it."""
        return next(getattr(place, name) for place in self.operations if hasattr(place, name))

    def sum(self, x, axis: int):
        """Sum over an axis, which is kept with length 1."""
        return keras.ops.sum(x, axis=axis, keepdims=True)

    def cumulate(self, x):
        """Return running sums over the second axis."""
        return self.cumsum(x, axis=1)

    def largest(self, x):
        """Return the largest element of each row: (B, N) -> (B, 1)."""
        return keras.ops.max(x, axis=1, keepdims=True)

    def concatenate(self, parts):
        """Join tensors on the last axis."""
        return keras.ops.concatenate(parts, axis=-1)

    def layer(self, kind: str, name: str, **options):
        """Return a built-in layer of a class such as "Dense"; its weights are addressed by the name."""
        return getattr(self.keras_layers, kind)(name=name, **options)

    def count_samples(self, audio):
        """Return how many samples of each row are real: up to the last non-zero one; float32 (B, N) -> (B, 1).

        A position is a sum of ones, exact in float32 up to 2**24, so one graph serves every length.
        """
        positions = self.cumulate(self.ones_like(audio))
        return self.largest(self.where(self.not_equal(audio, 0.0), positions, 0.0))

    def mask_frames(self, samples, features, kernels, strides):
        """Return which frames come from real samples only, (B, T), given the counts of `count_samples`.

        The frames are those of the features (B, T, C); kernels and strides are those of each convolution up to there.
        """
        frames = samples
        for kernel, stride in zip(kernels, strides, strict=True):
            frames = self.floor_divide(frames - float(kernel), float(stride)) + 1.0
        ones = self.ones_like(self.cast(features[:, :, 0], "float32"))
        return self.cast(self.less(self.cumulate(ones) - 1.0, frames), "float32")

    def gelu(self, x, name: str):
        """Apply exact GELU: in both versions of Keras, "gelu" has approximate=False."""
        return self.layer("Activation", name, activation="gelu")(x)

    def dense(self, x, units: int, name: str, *, gelu: bool = False, **options):
        """Apply a dense layer, followed by exact GELU if requested."""
        return self.layer("Dense", name, units=units, activation="gelu" if gelu else "linear", **options)(x)

    def layer_norm(self, x, epsilon: float, name: str):
        """Apply layer norm over the last axis."""
        return self.layer("LayerNormalization", name, epsilon=epsilon)(x)

    def convolution(self, x, channels: int, kernel: int, stride: int, bias: bool, name: str, **options):
        """Apply a strided convolution without padding: (B, N, C) -> (B, T, channels)."""
        options |= {"filters": channels, "kernel_size": kernel, "strides": stride, "use_bias": bias}
        return self.layer("Conv1D", name, **options)(x)

    def normalized_convolution(self, x, samples, configuration: Wav2Vec2Configuration, name: str):
        """Apply the first convolution and group norm over time, one channel per group, over valid frames only.

        Without padding the norm is `torch.nn.GroupNorm(C, C)`; a row without a valid frame gives finite values. Its
        gamma and beta are a depthwise convolution of width 1. In float32 under any policy.
        """
        kernel, stride = configuration.conv_kernel[0], configuration.conv_stride[0]
        sizes = configuration.conv_dim[0], kernel, stride, configuration.conv_bias
        x = self.convolution(x, *sizes, f"{name}_convolution", dtype="float32")
        valid = self.mask_frames(samples, x, (kernel,), (stride,))[:, None, :]
        count = self.maximum(self.sum(valid, 2), 1.0)
        centered = x - self.matmul(valid, x) / count
        variance = self.matmul(valid, self.square(centered)) / count
        normed = centered * self.rsqrt(variance + configuration.layer_norm_eps)
        return self.scale(normed, f"{name}_norm")

    def scale(self, x, name: str):
        """Multiply each channel by a weight and add another: (B, T, C) -> (B, T, C), float32."""
        return self.layer("DepthwiseConv1D", name, kernel_size=1, dtype="float32")(x)

    def grouped_convolution(self, x, channels: int, kernel: int, groups: int, name: str):
        """Apply a grouped convolution over time that keeps T, as one plain convolution per group: (B, T, C) -> same.

        TensorFlow runs a grouped convolution on the CPU through XLA, recompiled for every length; 16 plain ones are
        2 to 8 times as fast forwards and over 70 times backwards (measured at C=256 and C=768). Zero-padded by
        kernel // 2 on the left, and on the right so that T is kept: transformers' `Wav2Vec2PositionalConvEmbedding`.
        """
        width = channels // groups
        left = kernel // 2
        padded = self.layer("ZeroPadding1D", f"{name}_padding", padding=(left, kernel - 1 - left))(x)
        own = (padded[:, :, start : start + width] for start in range(0, channels, width))
        sizes = width, kernel, 1, True
        parts = [self.convolution(part, *sizes, f"{name}_{group}") for group, part in enumerate(own)]
        return self.concatenate(parts) if groups > 1 else parts[0]

    def relative_positions(self, mask, configuration: Wav2Vec2Configuration, name: str):
        """Return WavLM's bias for every pair of frames by their distance, before its gates: (B, T) -> (1, H, T, T).

        As in T5: exact distances for the nearer quarter of the buckets, logarithmic ones beyond, separately forwards
        and backwards (`WavLMAttention._relative_positions_bucket` of transformers).
        """
        side = configuration.num_buckets // 2
        exact = side // 2
        # One row of ones for all utterances: Keras cannot slice a batch of unknown size.
        positions = self.cumulate(self.minimum(self.sum(self.ones_like(mask), 0), 1.0))
        distance = positions[:, None, :] - positions[:, :, None]
        near = self.abs(distance)
        scale = math.log(configuration.max_bucket_distance / exact)
        far = self.log(self.maximum(near, float(exact)) / float(exact)) / scale
        far = self.minimum(self.floor(far * float(side - exact) + float(exact)), float(side - 1))
        bucket = self.where(self.less(near, float(exact)), near, far)
        bucket = bucket + self.cast(self.less(0.0, distance), "float32") * float(side)
        sizes = {"input_dim": configuration.num_buckets, "output_dim": configuration.num_attention_heads}
        embedded = self.layer("Embedding", name, **sizes)(self.cast(bucket, "int32"))
        return self.transpose(embedded, (0, 3, 1, 2))

    def gate_positions(self, x, positions, heads: int, name: str):
        """Return the position bias of each utterance, gated by its frames: (1, H, T, T) -> (B, H, T, T).

        WavLM's gate is a * (b * c - 1) + 2, with a and b in (0, 1) from the frame's part of the head, c the head's own.
        Its projection to 2 x 4 numbers, summed in fours, equals one to 2 numbers: conversion sums the weights.
        """
        split = self.layer("Reshape", f"{name}_gate_heads", target_shape=(-1, heads, x.shape[-1] // heads))(x)
        gates = self.sigmoid(self.layer("Dense", f"{name}_gate", units=2, dtype="float32")(split))
        scaled = self.scale(gates[:, :, :, 1], f"{name}_gate_scale")
        gate = self.transpose(gates[:, :, :, 0] * scaled + 2.0, (0, 2, 1))
        return gate[:, :, :, None] * positions

    def attention(self, x, mask, heads: int, name: str, positions=None):
        """Apply self-attention that leaves out padded keys: (B, T, C) -> (B, T, C).

        `positions`, if any, as `relative_positions` returns them, are added to the scores.

        The penalty of a padded key is one more element of the key, against a 1 in every query: the product adds it, and
        no mask of T x T elements is made (a quarter of the time at T=1747). No attention dropout.
        """
        channels = x.shape[-1]
        depth = channels // heads

        def project(part: str):
            rows = self.dense(x, channels, f"{name}_{part}")
            split = self.layer("Reshape", f"{name}_{part}_heads", target_shape=(-1, heads, depth))(rows)
            return self.layer("Permute", f"{name}_{part}_by_head", dims=(2, 1, 3))(split)

        query, key, value = project("query") * depth**-0.5, project("key"), project("value")
        ones = self.ones_like(query[:, :, :, :1])
        penalty = self.cast((mask - 1.0) * PADDING_PENALTY, key.dtype)[:, None, :, None]
        query, key = self.concatenate([query, ones]), self.concatenate([key, ones * penalty])
        bias = None if positions is None else self.gate_positions(x, positions, heads, name)
        attended = self.attend(query, key, value, name, bias)
        frames = self.layer("Permute", f"{name}_by_frame", dims=(2, 1, 3))(attended)
        joined = self.layer("Reshape", f"{name}_joined", target_shape=(-1, channels))(frames)
        return self.dense(joined, channels, f"{name}_output")

    def attend(self, query, key, value, name: str, bias=None):
        """Attend with all heads: query and key (B, H, T, D + 1), value (B, H, T, D) -> (B, H, T, D)."""
        scores = self.matmul(query, self.transpose(key, (0, 1, 3, 2)))
        scores = scores if bias is None else scores + bias
        return self.matmul(self.layer("Softmax", f"{name}_softmax")(scores), value)

    def name_tensor(self, x, name: str):
        """Give a tensor a name: a layer that does nothing, in float32."""
        return self.layer("Activation", name, activation="linear", dtype="float32")(x)


def load_keras_2_layers() -> Keras3Layers:
    """Return the layers of Keras 2 (tf-keras), with which a model file is written."""
    import tensorflow as tf
    import tf_keras

    class Keras2Layers(Keras3Layers):
        """Layers of tf-keras, and operations of TensorFlow."""

        keras_layers, keras = tf_keras.layers, tf_keras
        operations = tf, tf.math

        def floor_divide(self, x, y):
            return tf.floor(x / y)

        def sum(self, x, axis: int):
            return tf.reduce_sum(x, axis=axis, keepdims=True)

        def largest(self, x):
            return tf.reduce_max(x, axis=1, keepdims=True)

        def concatenate(self, parts):
            return tf.concat(parts, axis=-1)

    return Keras2Layers()
