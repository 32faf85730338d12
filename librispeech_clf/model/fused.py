"""Exact GELU in one pass over memory, for training and local inference on a CPU.

TensorFlow computes `x / 2 * (1 + erf(x / sqrt(2)))` as five operations, each of which reads and writes the whole array;
over the first convolutions of wav2vec 2.0 that costs as much as the convolutions. XLA makes one loop of it. The `.h5`
keeps the plain activation, so that what the engine loads needs none of this.
"""

import functools
import math
from collections.abc import Callable

import keras

SMALLEST_FUSED = 2**22
"""Elements from which an array's GELU is fused: XLA takes 20 ms to compile for a new shape, which smaller ones hardly
earn back."""


def fuse(model: keras.Model, *, smallest: int = SMALLEST_FUSED) -> keras.Model:
    """Return a model that computes the same, its exact GELUs by `fused_gelu`.

    Args:
        model: a functional model with TensorFlow as Keras' backend.
        smallest: elements from which an array's GELU is fused; 0 for training, which meets the same shapes for hours.

    Returns:
        A model of the same inputs and outputs; it shares `model`'s weights and all other layers.
    """

    def share(layer):
        if isinstance(layer, keras.layers.Activation) and layer.get_config()["activation"] == "gelu":
            gelu = functools.partial(fused_gelu, smallest=smallest)
            return keras.layers.Activation(gelu, dtype=layer.dtype_policy, name=layer.name)
        return layer

    return keras.models.clone_model(model, input_tensors=model.input, clone_function=share)


def fused_gelu(features, *, smallest: int):
    """Return exact GELU and, to gradients, its exact derivative.

    From `smallest` elements on one loop in float32, whatever the type of the features; XLA compiles it once for every
    shape.

    Args:
        features: tensor, float, any shape.
        smallest: elements from which it is fused.

    Returns:
        Tensor of the same type and shape.
    """
    import tensorflow as tf

    forward, backward = _compile_gelu()

    @tf.custom_gradient
    def operation(inputs):
        return forward(inputs), lambda upstream: backward(inputs, upstream)

    return tf.cond(
        tf.size(features) >= smallest,
        lambda: operation(features),
        lambda: keras.ops.gelu(features, approximate=False),
    )


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
