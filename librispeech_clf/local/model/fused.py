"""The same model with fewer passes over memory: for local inference on a CPU.

Other layers (`layers.py`) for the one graph of `graph.py`. What is replaced, and why:

- exact GELU: TensorFlow computes `x / 2 * (1 + erf(x / sqrt(2)))` as five operations, each of which reads and writes
  the whole array. XLA makes one loop of it, for large arrays.
- dense layers: on matrices instead of batches of them, and the GELU next to the product, oneDNN computes product, bias
  and GELU in one operation.
- rows that lie a multiple of 4 KB apart, in kernels of dense layers and between the windows of convolutions: copies of
  the kernels have columns of zeros, which spread the rows over the cache.
- layer norm: written as batch norm over frames, which TensorFlow replaces by oneDNN's layer norm (`FindMklLayerNorm`
  in its graph optimizer).
- attention: its products on matrices, too; long scores head by head, so that they stay in the cache.
- first convolution and group norm: the norm's mean and variance follow from the audio's own second moments, as the
  convolution is linear; so the norm becomes part of the kernel.
"""

import functools
import math
from collections.abc import Callable

import keras

from librispeech_clf.local.model.architecture import Wav2Vec2Configuration
from librispeech_clf.local.model.graph import connect, pool
from librispeech_clf.local.model.layers import Keras3Layers

SMALLEST_FUSED = 2**21
"""Elements from which an array's GELU is fused: XLA takes 20 ms to compile for a new shape, which smaller ones hardly
earn back."""
MOST_SCORES = 2**22
"""Attention scores from which heads are taken one by one: 17 MB."""

SLOW_STEP, SPARE_COLUMNS = 1024, 16
"""Numbers from one row to the next at whose multiples all rows begin in the same set of the cache (`VERYBAD_LD_MULT` in
oneDNN): products of under 400 rows take up to 1.7 times as long, the base model's convolutions 1.4 times (with AVX-512
1.2 and 1.1 times). And the columns of zeros that spread the rows."""


def fuse_for_inference(model: keras.Model) -> keras.Model:
    """Return a model that computes the same faster, as the module's first lines tell.

    Args:
        model: as `build_wav2vec2` or `load_model` returns it, in float32.

    Returns:
        A model from audio to logits and the pooled last hidden state, as `build_pooled_model`'s; it shares `model`'s
        weights, but has copies, as they are now, of kernels that get `SPARE_COLUMNS`.
    """
    layers = InferenceLayers(model)
    graph = connect(model.configuration, layers)
    return keras.Model(graph.audio, [graph.logits, pool(graph.hidden, graph.mask, layers)])


class InferenceLayers(Keras3Layers):
    """Everything that the module's first lines tell."""

    def __init__(self, model: keras.Model) -> None:
        """Take the model whose weights are used."""
        self.model = model
        # With a layer norm after each convolution, its columns of zeros would have to be cut off and added again.
        group_norm = model.configuration.feat_extract_norm == "group"
        self.spare = _plan_spare_channels(model) if group_norm else {}

    def layer(self, kind: str, name: str, **options):
        """Return the model's layer of this name."""
        return self.model.get_layer(name)

    def gelu(self, x, name: str):
        """Exact GELU, in one loop for large arrays."""
        return keras.layers.Activation(fused_gelu, name=name)(x)

    def dense(self, x, units: int, name: str, *, gelu: bool = False, **options):
        """A dense layer on the matrix of all frames, with spare columns where rows would lie 4 KB apart."""
        dense = self.model.get_layer(name)
        kind = MatrixDense if units % SLOW_STEP else SpacedDense
        return kind(dense, dense.activation, name=name)(x)

    def layer_norm(self, x, epsilon: float, name: str):
        """Layer norm in the form that TensorFlow's graph optimizer knows."""
        return MatrixLayerNormalization(self.model.get_layer(name), name=name)(x)

    def convolution(self, x, channels: int, kernel: int, stride: int, bias: bool, name: str, **options):
        """A strided convolution, with spare channels where it pays."""
        layer = self.model.get_layer(name)
        spare = self.spare.get(name, (0, 0))
        return SpacedConvolution(layer, *spare, name=name)(x) if any(spare) else layer(x)

    def normalized_convolution(self, x, samples, configuration: Wav2Vec2Configuration, name: str):
        """First convolution and group norm as one product."""
        kernel, stride = configuration.conv_kernel[0], configuration.conv_stride[0]
        windows = Windows(kernel, stride, name=f"{name}_windows")(x)
        mask = self.mask_frames(samples, windows, (kernel,), (stride,))
        convolution, norm = (self.model.get_layer(f"{name}_{part}") for part in ("convolution", "norm"))
        spare = self.spare[convolution.name][1]
        epsilon = configuration.layer_norm_eps
        return NormalizedConvolution(convolution, norm, epsilon, spare, name=norm.name)([windows, mask])

    def attend(self, query, key, value, name: str, bias=None):
        """Attention, heads one by one where there are more than `MOST_SCORES` scores."""
        if bias is not None:
            return super().attend(query, key, value, name, bias)
        return HeadwiseAttention(name=f"{name}_scores")([query, key, value])


def _plan_spare_channels(model: keras.Model) -> dict[str, tuple[int, int]]:
    """Return how many channels of zeros each convolution's input and output get, by the convolution's name."""
    count = len(model.configuration.conv_dim)
    convolutions = [model.get_layer(f"feature_encoder_{index}_convolution") for index in range(count)]
    steps = [layer.kernel.shape[1] * layer.strides[0] for layer in convolutions[1:]]
    spare = [0, *(0 if step % SLOW_STEP else SPARE_COLUMNS for step in steps), 0]
    return {layer.name: (spare[index], spare[index + 1]) for index, layer in enumerate(convolutions)}


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
    """A convolution of one input channel and group norm over valid frames after it, as one product.

    Call shapes: [windows (B, T, kernel), mask (B, T)] -> (B, T, C), the spare channels, zeros, included. With kernel k
    of a channel, m the mean window and S the covariance of windows over valid frames, the channel's mean is m.k and its
    variance k.S.k, in float64: speech has little power where some kernels look. A bias of the convolution would not
    change the result.
    """

    def __init__(
        self,
        convolution: keras.layers.Conv1D,
        scale: keras.layers.DepthwiseConv1D,
        epsilon: float,
        spare: int = 0,
        **kwargs,
    ):
        """Take the layers whose weights are used, the norm's epsilon, and the number of spare channels."""
        super().__init__(**kwargs)
        self.convolution, self.gamma_beta = convolution, scale
        self.epsilon, self.spare = epsilon, spare

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
        gamma = self.gamma_beta.kernel[:, :, 0]
        scale = tf.cast(gamma, tf.float64) * tf.math.rsqrt(variance + self.epsilon)
        shift = tf.cast(self.gamma_beta.bias, tf.float64) - tf.matmul(mean, kernel) * scale
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


class HeadwiseAttention(keras.layers.Layer):
    """[query, key (B, H, T, D + 1), value (B, H, T, D)] -> (B, H, T, D)."""

    def call(self, inputs):
        import tensorflow as tf

        query, key, value = inputs

        def one_by_one():
            heads = zip(*(tf.split(part, query.shape[1], axis=1) for part in inputs), strict=True)
            return tf.concat([_attend(*head) for head in heads], axis=1)

        scores = tf.size(query) // query.shape[3] * tf.shape(key)[2]
        return tf.cond(scores > MOST_SCORES, one_by_one, lambda: _attend(query, key, value))


def _attend(query, key, value):
    scores = keras.ops.matmul(query, keras.ops.transpose(key, (0, 1, 3, 2)))
    return keras.ops.matmul(keras.ops.softmax(scores, axis=-1), value)


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


def _apply_dense(dense, features, activation: Callable):
    """Apply the weights of a `Dense` as one product."""
    import tensorflow as tf

    rows, kernel, bias = tf.reshape(features, [-1, features.shape[-1]]), dense.kernel, dense.bias
    rows = activation(tf.nn.bias_add(tf.matmul(rows, tf.cast(kernel, rows.dtype)), tf.cast(bias, rows.dtype)))
    return tf.reshape(rows, tf.concat([tf.shape(features)[:2], dense.bias.shape], axis=0))


def fused_gelu(features):
    """Return exact GELU: of large arrays one loop in float32, which XLA compiles once for every shape."""
    import tensorflow as tf

    def loop():
        # The graph optimizer does not see the shape of what XLA returns; without it, it leaves layer norms as they are.
        return tf.ensure_shape(_compile_gelu()(features), features.shape)

    return tf.cond(
        tf.size(features) >= SMALLEST_FUSED, loop, lambda: keras.ops.gelu(features, approximate=False)
    )


@functools.lru_cache(maxsize=1)
def _compile_gelu() -> Callable:
    import tensorflow as tf

    @tf.function(jit_compile=True, autograph=False)
    def gelu(x):
        return x * (0.5 * (1.0 + tf.math.erf(x * math.sqrt(0.5))))

    return gelu
