"""wav2vec 2.0's costliest elementwise steps in one pass over memory each, for training and local inference on a CPU.

TensorFlow computes exact GELU, `x / 2 * (1 + erf(x / sqrt(2)))`, as five operations, each of which reads and writes the
whole array; over the first convolutions that costs more than the convolutions. The group norm after the first one is
alike. XLA makes one loop of each. The `.h5` keeps the plain layers, so that what the engine loads needs none of this.
"""

import functools
import math
from collections.abc import Callable

import keras

from librispeech_clf.model.layers import MaskedGroupNormalization

SMALLEST_FUSED = 2**20
"""Elements from which an array's GELU is fused: XLA takes 20 ms to compile for a new shape, which smaller ones never
earn back."""


def fuse(model: keras.Model) -> keras.Model:
    """Return a model that computes the same, its exact GELUs and group norm by the loops of this file.

    Args:
        model: a functional model with TensorFlow as Keras' backend.

    Returns:
        A model of the same inputs and outputs; it shares `model`'s weights and all other layers.
    """

    def share(layer):
        if isinstance(layer, keras.layers.Activation) and layer.get_config()["activation"] == "gelu":
            return keras.layers.Activation(fused_gelu, dtype=layer.dtype_policy, name=layer.name)
        if isinstance(layer, MaskedGroupNormalization):
            return FusedGroupNormalization(layer)
        return layer

    return keras.models.clone_model(model, input_tensors=model.input, clone_function=share)


def fused_gelu(features):
    """Return exact GELU and, to gradients, its exact derivative.

    From `SMALLEST_FUSED` elements on one loop in float32, whatever the type of the features; XLA compiles it once for
    every shape.

    Args:
        features: tensor, float, any shape.

    Returns:
        Tensor of the same type and shape.
    """
    import tensorflow as tf

    forward, backward = _compile_gelu()

    @tf.custom_gradient
    def operation(inputs):
        return forward(inputs), lambda upstream: backward(inputs, upstream)

    return tf.cond(
        tf.size(features) >= SMALLEST_FUSED,
        lambda: operation(features),
        lambda: keras.ops.gelu(features, approximate=False),
    )


class FusedGroupNormalization(keras.layers.Layer):
    """A `MaskedGroupNormalization` in few loops, with that layer's own weights."""

    def __init__(self, layer: MaskedGroupNormalization):
        """Take the layer whose weights to use."""
        super().__init__(name=layer.name, dtype=layer.dtype_policy)
        self.layer = layer

    def call(self, inputs):
        """Normalise [features (B, T, C), mask (B, T)] over the valid frames."""
        features, mask = inputs
        gamma, beta = self.layer.gamma.value, self.layer.beta.value
        return _compile_group_norm()(features, mask, gamma, beta, self.layer.epsilon)

    def compute_output_shape(self, input_shape):
        """Return the shape of the features."""
        return input_shape[0]


@functools.lru_cache(maxsize=1)
def _compile_gelu() -> tuple[Callable, Callable]:
    import tensorflow as tf

    def cumulated(x):
        return 0.5 * (1.0 + tf.math.erf(x * math.sqrt(0.5)))

    @tf.function(jit_compile=True, autograph=False)
    def forward(features):
        x = tf.cast(features, tf.float32)
        return tf.cast(x * cumulated(x), features.dtype)

    @tf.function(jit_compile=True, autograph=False)
    def backward(features, upstream):
        x = tf.cast(features, tf.float32)
        density = tf.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        return tf.cast(tf.cast(upstream, tf.float32) * (cumulated(x) + x * density), features.dtype)

    return forward, backward


@functools.lru_cache(maxsize=1)
def _compile_group_norm() -> Callable:
    import tensorflow as tf

    @tf.function(jit_compile=True, autograph=False)
    def normalize(features, mask, gamma, beta, epsilon):
        valid = tf.cast(mask, features.dtype)[:, :, None]
        count = tf.maximum(tf.reduce_sum(valid, axis=1, keepdims=True), 1)
        mean = tf.reduce_sum(features * valid, axis=1, keepdims=True) / count
        centred = features - mean
        variance = tf.reduce_sum(tf.square(centred) * valid, axis=1, keepdims=True) / count
        return centred * (gamma * tf.math.rsqrt(variance + epsilon)) + beta

    return normalize
