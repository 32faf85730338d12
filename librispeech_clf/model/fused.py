"""The same model with fewer passes over memory: for training and local inference on a CPU.

The `.h5` keeps plain layers, so that what the engine loads needs none of this. What is replaced, and why:

- exact GELU: TensorFlow computes `x / 2 * (1 + erf(x / sqrt(2)))` as five operations, each of which reads and writes
  the whole array. XLA makes one loop of it, for large arrays.
- dense layers: on matrices instead of batches of them, and the GELU next to the product, oneDNN computes product, bias
  and GELU in one operation.
- rows that lie a multiple of 4 KB apart, in kernels of dense layers and between the windows of convolutions: copies of
  the kernels have columns of zeros, which spread the rows over the cache.
- layer norm: written as batch norm over frames, which TensorFlow replaces by oneDNN's layer norm (`FindMklLayerNorm`
  in its graph optimizer).
- attention: its products on matrices, too; long scores head by head, so that they stay in the cache.
- positional convolution: its kernel is cut into groups once, not at every call.
- first convolution and group norm: the norm's mean and variance follow from the audio's own second moments, as the
  convolution is linear; so the norm becomes part of the kernel.
"""

import functools
import math
from collections.abc import Callable

import keras

from librispeech_clf.model.layers import (
    MaskedGroupNormalization,
    MaskedSelfAttention,
    PositionalConvolution,
    attend,
)

SMALLEST_FUSED = 2**21
"""Elements from which an array's GELU is fused: XLA takes 20 ms to compile for a new shape, which smaller ones hardly
earn back."""
MOST_SCORES = 2**23
"""Attention scores from which heads are taken one by one: 34 MB."""

SLOW_STEP, SPARE_COLUMNS = 1024, 16
"""Numbers from one row to the next at whose multiples all rows begin in the same set of the cache (`VERYBAD_LD_MULT` in
oneDNN): products of under 400 rows take up to 1.7 times as long, the base model's convolutions 1.4 times (with AVX-512
1.2 and 1.1 times). And the columns of zeros that spread the rows."""


def fuse_for_training(model: keras.Model) -> keras.Model:
    """Return a model that computes the same, its exact GELUs fused, forwards and backwards.

    Args:
        model: a functional model with TensorFlow as Keras' backend.

    Returns:
        A model of the same inputs and outputs; it shares `model`'s weights and all other layers.
    """
    gelu = functools.partial(fused_gelu, smallest=0)

    def replace(layer):
        if isinstance(layer, keras.layers.Dense) and layer.activation is keras.activations.gelu:
            return MatrixDense(layer, gelu, dtype=layer.dtype_policy, name=layer.name)
        return _fuse_gelu(layer, gelu)

    return _replace(model, replace)


def fuse_for_inference(model: keras.Model) -> keras.Model:
    """Return a model that computes the same faster, as the module's first lines tell.

    Args:
        model: as `build_wav2vec2` or `build_pooled_model` returns it, in float32.

    Returns:
        A model of the same inputs and outputs; it shares `model`'s weights, but has copies, as they are now, of the
        positional convolution's kernel and of kernels that get `SPARE_COLUMNS`.
    """
    norms = [layer for layer in model.layers if isinstance(layer, MaskedGroupNormalization)]
    gelu = functools.partial(fused_gelu, smallest=SMALLEST_FUSED)
    normed = {norm.name.removesuffix("_norm") + "_convolution": norm for norm in norms}
    # With a layer norm after each convolution, its columns of zeros would have to be cut off and added again.
    spare = _plan_spare_channels(model) if norms else {}

    def replace(layer):
        if layer.name in normed:
            return Windows(layer.kernel_size[0], layer.strides[0], name=layer.name)
        if isinstance(layer, MaskedGroupNormalization):
            convolution = model.get_layer(layer.name.removesuffix("_norm") + "_convolution")
            return NormalizedConvolution(convolution, layer, spare[convolution.name][1], name=layer.name)
        if any(spare.get(layer.name, ())):
            return SpacedConvolution(layer, *spare[layer.name], name=layer.name)
        if isinstance(layer, PositionalConvolution):
            return GroupwiseConvolution(layer, name=layer.name)
        if isinstance(layer, MaskedSelfAttention):
            return MatrixSelfAttention(layer, name=layer.name)
        if isinstance(layer, keras.layers.LayerNormalization):
            return MatrixLayerNormalization(layer, name=layer.name)
        if isinstance(layer, keras.layers.Dense):
            kind = MatrixDense if layer.units % SLOW_STEP else SpacedDense
            return kind(layer, layer.activation, name=layer.name)
        return _fuse_gelu(layer, gelu)

    return _replace(model, replace)


def _plan_spare_channels(model: keras.Model) -> dict[str, tuple[int, int]]:
    """Return how many channels of zeros each convolution's input and output get, by the convolution's name."""
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv1D)]
    steps = [layer.kernel.shape[1] * layer.strides[0] for layer in convolutions[1:]]
    spare = [0, *(0 if step % SLOW_STEP else SPARE_COLUMNS for step in steps), 0]
    return {layer.name: (spare[index], spare[index + 1]) for index, layer in enumerate(convolutions)}


def _replace(model: keras.Model, function: Callable) -> keras.Model:
    return keras.models.clone_model(model, input_tensors=model.input, clone_function=function)


def _fuse_gelu(layer: keras.layers.Layer, gelu: Callable) -> keras.layers.Layer:
    if isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.gelu:
        return keras.layers.Activation(gelu, dtype=layer.dtype_policy, name=layer.name)
    return layer


class Windows(keras.layers.Layer):
    """What each frame of a convolution sees: samples (B, N, 1) -> windows (B, T, kernel)."""

    def __init__(self, kernel_size: int, stride: int, **kwargs):
        """Take kernel size and stride of the convolution, in samples."""
        super().__init__(**kwargs)
        self.kernel_size, self.stride = kernel_size, stride

    def call(self, samples):
        import tensorflow as tf

        return tf.signal.frame(samples[:, :, 0], self.kernel_size, self.stride)


class NormalizedConvolution(keras.layers.Layer):
    """A convolution of one input channel and `MaskedGroupNormalization` after it, as one product.

    Call shapes: [windows (B, T, kernel), mask (B, T)] -> (B, T, C), the spare channels, zeros, included. With kernel k
    of a channel, m the mean window and S the covariance of windows over valid frames, the channel's mean is m.k and its
    variance k.S.k, in float64: speech has little power where some kernels look. A bias of the convolution would not
    change the result.
    """

    def __init__(
        self, convolution: keras.layers.Conv1D, norm: MaskedGroupNormalization, spare: int = 0, **kwargs
    ):
        """Take the two layers whose weights are used, and the number of spare channels."""
        super().__init__(**kwargs)
        self.convolution, self.norm, self.spare = convolution, norm, spare

    def call(self, inputs):
        import tensorflow as tf

        windows, mask = inputs
        kernel = tf.cast(self.convolution.kernel[:, 0], tf.float64)
        valid = tf.cast(mask, tf.float64)[:, :, None]
        exact = tf.cast(windows, tf.float64) * valid
        count = tf.maximum(tf.reduce_sum(valid, axis=1, keepdims=True), 1)
        mean = tf.reduce_sum(exact, axis=1, keepdims=True) / count
        covariance = tf.matmul(exact, exact, transpose_a=True) / count - tf.matmul(
            mean, mean, transpose_a=True
        )
        variance = tf.reduce_sum(kernel * tf.matmul(covariance, kernel), axis=1, keepdims=True)
        scale = tf.cast(self.norm.gamma, tf.float64) * tf.math.rsqrt(variance + self.norm.epsilon)
        shift = tf.cast(self.norm.beta, tf.float64) - tf.matmul(mean, kernel) * scale
        weights = tf.cast(tf.concat([kernel * scale, shift], axis=1), tf.float32)
        weights = tf.pad(weights, [[0, 0], [0, 0], [0, self.spare]])
        return tf.matmul(tf.concat([windows, tf.ones_like(windows[:, :, :1])], axis=2), weights)


class SpacedConvolution(keras.layers.Layer):
    """A convolution with a copy of its weights and spare channels, of zeros: (B, N, C) -> (B, T, C)."""

    def __init__(self, convolution: keras.layers.Conv1D, inputs: int, outputs: int, **kwargs):
        """Take the layer whose weights are copied, and the numbers of spare channels of input and output."""
        import tensorflow as tf

        super().__init__(**kwargs)
        self.stride = convolution.strides[0]
        self.kernel = tf.pad(convolution.kernel, [[0, 0], [0, inputs], [0, outputs]])
        self.bias = tf.pad(convolution.bias, [[0, outputs]]) if convolution.use_bias else None

    def call(self, features):
        result = keras.ops.conv(features, self.kernel, strides=self.stride, padding="valid")
        return result if self.bias is None else result + self.bias


class GroupwiseConvolution(keras.layers.Layer):
    """`PositionalConvolution` that keeps the kernel of each group: (B, T, C) -> (B, T, C)."""

    def __init__(self, convolution: PositionalConvolution, **kwargs):
        """Take the layer whose kernel is copied and whose bias is used."""
        super().__init__(**kwargs)
        self.convolution = convolution
        self.kernels = convolution.split_kernel()

    def call(self, features):
        return self.convolution.convolve(features, self.kernels)


class MatrixSelfAttention(keras.layers.Layer):
    """`MaskedSelfAttention` on matrices; heads one by one where there are more than `MOST_SCORES` scores."""

    def __init__(self, attention: MaskedSelfAttention, **kwargs):
        """Take the layer whose weights are used."""
        super().__init__(**kwargs)
        self.attention = attention

    def call(self, inputs):
        return self.attention.call(inputs, attend=_attend_headwise, project=_apply_dense)


def _attend_headwise(query, key, value):
    import tensorflow as tf

    def one_by_one():
        heads = zip(*(tf.split(part, query.shape[1], axis=1) for part in (query, key, value)), strict=True)
        return tf.concat([attend(*head) for head in heads], axis=1)

    scores = tf.size(query) // query.shape[3] * tf.shape(key)[2]
    return tf.cond(scores > MOST_SCORES, one_by_one, lambda: attend(query, key, value))


class MatrixLayerNormalization(keras.layers.Layer):
    """Layer norm over the last axis in the form that TensorFlow's graph optimizer knows."""

    def __init__(self, norm: keras.layers.LayerNormalization, **kwargs):
        """Take the layer whose weights are used."""
        super().__init__(**kwargs)
        self.norm = norm

    def call(self, features):
        import tensorflow as tf

        shape = tf.shape(features)
        rows = shape[0] * shape[1]
        normed, _, _ = tf.compat.v1.nn.fused_batch_norm(
            tf.reshape(features, [1, rows, features.shape[2], 1]),
            scale=tf.fill([rows], 1.0),
            offset=tf.fill([rows], 0.0),
            epsilon=self.norm.epsilon,
            data_format="NCHW",
        )
        return tf.reshape(normed, shape) * self.norm.gamma + self.norm.beta


class MatrixDense(keras.layers.Layer):
    """A dense layer on the matrix of all frames, its activation next to the product."""

    def __init__(self, dense: keras.layers.Dense, activation: Callable, **kwargs):
        """Take the layer whose weights are used, and the activation to use instead of its own."""
        super().__init__(**kwargs)
        self.dense, self.activation = dense, activation

    def call(self, features):
        return _apply_dense(self.dense, features, self.activation)


class SpacedDense(MatrixDense):
    """`MatrixDense` with a copy of its weights and `SPARE_COLUMNS` of zeros."""

    def __init__(self, dense: keras.layers.Dense, activation: Callable, **kwargs):
        """Take the layer whose weights are copied, and the activation to use instead of its own."""
        import tensorflow as tf

        super().__init__(dense, activation, **kwargs)
        self.kernel = tf.pad(dense.kernel, [[0, 0], [0, SPARE_COLUMNS]])
        self.bias = tf.pad(dense.bias, [[0, SPARE_COLUMNS]])

    def call(self, features):
        return _apply_dense(self, features, self.activation)[:, :, : self.dense.units]


def _apply_dense(dense, features, activation=keras.activations.linear):
    """Apply the weights of a `Dense`, or of an `EinsumDense` that keeps the first two axes, as one product."""
    import tensorflow as tf

    width = math.prod(features.shape[2:])
    rows, kernel = tf.reshape(features, [-1, width]), tf.reshape(dense.kernel, [width, -1])
    rows = activation(tf.nn.bias_add(tf.matmul(rows, kernel), tf.reshape(dense.bias, [-1])))
    return tf.reshape(rows, tf.concat([tf.shape(features)[:2], dense.bias.shape], axis=0))


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
        # The graph optimizer does not see the shape of what XLA returns; without it, it leaves layer norms as they are.
        output = tf.ensure_shape(forward(inputs), inputs.shape)
        return output, lambda upstream: backward(inputs, upstream)

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
