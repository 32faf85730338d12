"""The same model with fewer passes over memory: for local inference on a CPU.

Faster layers than those of `layers.py`, for the one graph of `graph.py`. What is replaced, and how much longer a
processor takes without it (two cores with AVX-512, batches of 6 and 28 s: base model, compact model):

- first convolution and group norm (7 %, 0): the norm's mean and variance follow from the audio's own second moments, as
  the convolution is linear; so the norm becomes part of the kernel.
- convolution windows whose rows lie a multiple of 4 KB apart (5 %, 0): copies of the kernels have columns of zeros,
  which spread the rows over the cache.
- layer norm (1 %, 5 %): written as batch norm over frames, which TensorFlow replaces by oneDNN's layer norm
  (`FindMklLayerNorm` in its graph optimizer).
- dense layers (3 %; 3 %, and 5 % in batches of 2 s): applied to the matrix of all frames, with the GELU next to the
  product, so that oneDNN computes product, bias and GELU in one operation.
- attention in long utterances (2 % at 35 s, 0; and 85 MB of memory for the compact model): head by head, so that the
  scores of all heads are never held at once.

Without all of them it takes 11 to 14 % longer (base), 7 to 12 % (compact).
"""

import keras

from librispeech_clf.local.model.architecture import Wav2Vec2Configuration
from librispeech_clf.local.model.graph import connect, pool
from librispeech_clf.local.model.layers import Keras3Layers

SLOW_STEP, SPARE_COLUMNS = 1024, 16
"""Row lengths that are multiples of the first put the start of every row in the same cache set (`VERYBAD_LD_MULT` in
oneDNN); the second is the number of columns of zeros that spread the rows."""

MOST_SCORES = 2**22
"""Attention scores above which heads are computed one by one: 17 MB."""


def fuse_for_inference(model: keras.Model) -> keras.Model:
    """Return a model that computes the same as a float32 one, but faster, as the module's docstring describes.

    Returns:
        A model from audio to [logits (B, T, V), mean of the last hidden state over valid frames (B, C)]; it shares
        the original's weights, except for copies, as of now, of the kernels that get `SPARE_COLUMNS`.
    """
    layers = InferenceLayers(model)
    graph = connect(model.configuration, layers)
    return keras.Model(graph.audio, [graph.logits, pool(graph.hidden, graph.mask, layers)])


class InferenceLayers(Keras3Layers):
    """The layers that the module's docstring describes."""

    def __init__(self, model: keras.Model) -> None:
        """Take the model whose weights are used."""
        self.model = model
        # With a layer norm after each convolution, its columns of zeros would have to be cut off and added again.
        group_norm = model.configuration.feat_extract_norm == "group"
        self.spare = _plan_spare_channels(model) if group_norm else {}

    def layer(self, kind: str, name: str, **options):
        """Return the model's layer of this name."""
        return self.model.get_layer(name)

    def dense(self, x, units: int, name: str, *, gelu: bool = False, **options):
        """Apply a dense layer to the matrix of all frames."""
        return MatrixDense(self.model.get_layer(name), name=name)(x)

    def layer_norm(self, x, epsilon: float, name: str):
        """Apply layer norm in the form that TensorFlow's graph optimizer recognizes."""
        return MatrixLayerNormalization(self.model.get_layer(name), name=name)(x)

    def attend(self, query, key, value, name: str, bias=None):
        """Attend, heads one by one if there are more than `MOST_SCORES` scores and nothing is added to them."""
        if bias is not None:
            return super().attend(query, key, value, name, bias)
        return HeadwiseAttention(name=f"{name}_scores")([query, key, value])

    def convolution(self, x, channels: int, kernel: int, stride: int, bias: bool, name: str, **options):
        """Apply a strided convolution, with padding channels where that pays."""
        layer = self.model.get_layer(name)
        spare = self.spare.get(name, (0, 0))
        return SpacedConvolution(layer, *spare, name=name)(x) if any(spare) else layer(x)

    def normalized_convolution(self, x, samples, configuration: Wav2Vec2Configuration, name: str):
        """Apply the first convolution and group norm as one product."""
        kernel, stride = configuration.conv_kernel[0], configuration.conv_stride[0]
        windows = Windows(kernel, stride, name=f"{name}_windows")(x)
        mask = self.mask_frames(samples, windows, (kernel,), (stride,))
        convolution, norm = (self.model.get_layer(f"{name}_{part}") for part in ("convolution", "norm"))
        spare = self.spare[convolution.name][1]
        epsilon = configuration.layer_norm_eps
        return NormalizedConvolution(convolution, norm, epsilon, spare, name=norm.name)([windows, mask])


def _plan_spare_channels(model: keras.Model) -> dict[str, tuple[int, int]]:
    """Return how many channels of zeros each convolution's input and output get, by the convolution's name."""
    count = len(model.configuration.conv_dim)
    convolutions = [model.get_layer(f"feature_encoder_{index}_convolution") for index in range(count)]
    steps = [layer.kernel.shape[1] * layer.strides[0] for layer in convolutions[1:]]
    spare = [0, *(0 if step % SLOW_STEP else SPARE_COLUMNS for step in steps), 0]
    return {layer.name: (spare[index], spare[index + 1]) for index, layer in enumerate(convolutions)}


class Windows(keras.layers.Layer):
    """The window that each frame of a convolution sees: samples (B, N, 1) -> windows (B, T, kernel)."""

    def __init__(self, kernel_size: int, stride: int, **kwargs):
        """Take kernel size and stride of the convolution, in samples."""
        super().__init__(**kwargs)
        self.kernel_size, self.stride = kernel_size, stride

    def call(self, samples):
        import tensorflow as tf

        return tf.signal.frame(samples[:, :, 0], self.kernel_size, self.stride)


class NormalizedConvolution(keras.layers.Layer):
    """A convolution of one input channel and group norm over valid frames after it, as one product.

    Call shapes: [windows (B, T, kernel), mask (B, T)] -> (B, T, C), including the padding channels of zeros. With k the
    kernel of a channel, m the mean window and S the covariance of windows over valid frames, the channel's mean is m.k
    and its variance k.S.k; in float64, as speech has little power where some kernels look. A bias of the convolution
    would not change the result.
    """

    def __init__(
        self,
        convolution: keras.layers.Conv1D,
        scale: keras.layers.DepthwiseConv1D,
        epsilon: float,
        spare: int = 0,
        **kwargs,
    ):
        """Take the layers whose weights are used, the norm's epsilon, and the number of padding channels."""
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
        covariance = tf.matmul(exact, exact, transpose_a=True) / count
        covariance -= tf.matmul(mean, mean, transpose_a=True)
        variance = tf.reduce_sum(kernel * tf.matmul(covariance, kernel), axis=1, keepdims=True)
        gamma = self.gamma_beta.kernel[:, :, 0]
        scale = tf.cast(gamma, tf.float64) * tf.math.rsqrt(variance + self.epsilon)
        shift = tf.cast(self.gamma_beta.bias, tf.float64) - tf.matmul(mean, kernel) * scale
        weights = tf.cast(tf.concat([kernel * scale, shift], axis=1), tf.float32)
        weights = tf.pad(weights, [[0, 0], [0, 0], [0, self.spare]])
        return tf.matmul(tf.concat([windows, tf.ones_like(windows[:, :, :1])], axis=2), weights)


class SpacedConvolution(keras.layers.Layer):
    """A convolution with a copy of its weights and padding channels of zeros: (B, N, C) -> (B, T, C)."""

    def __init__(self, convolution: keras.layers.Conv1D, inputs: int, outputs: int, **kwargs):
        """Take the layer whose weights are copied, and the numbers of padding channels in input and output."""
        import tensorflow as tf

        super().__init__(**kwargs)
        self.stride = convolution.strides[0]
        self.kernel = tf.pad(convolution.kernel, [[0, 0], [0, inputs], [0, outputs]])
        self.bias = tf.pad(convolution.bias, [[0, outputs]]) if convolution.use_bias else None

    def call(self, features):
        result = keras.ops.conv(features, self.kernel, strides=self.stride, padding="valid")
        return result if self.bias is None else result + self.bias


class MatrixLayerNormalization(keras.layers.Layer):
    """Layer norm over the last axis in the form that TensorFlow's graph optimizer recognizes."""

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


class HeadwiseAttention(keras.layers.Layer):
    """Attention one head at a time: query and key (B, H, T, D + 1), value (B, H, T, D) -> (B, H, T, D)."""

    def call(self, inputs):
        import tensorflow as tf

        def attend(query, key, value):
            return tf.matmul(tf.nn.softmax(tf.matmul(query, key, transpose_b=True)), value)

        def one_by_one():
            heads = zip(*(tf.split(part, part.shape[1], axis=1) for part in inputs), strict=True)
            return tf.concat([attend(*head) for head in heads], axis=1)

        query, key, _ = inputs
        # Minutes of audio have more scores than int32 holds.
        scores = tf.size(query, tf.int64) // query.shape[3] * tf.shape(key, tf.int64)[2]
        return tf.cond(scores > MOST_SCORES, one_by_one, lambda: attend(*inputs))


class MatrixDense(keras.layers.Layer):
    """A dense layer on the matrix of all frames, its activation next to the product."""

    def __init__(self, dense: keras.layers.Dense, **kwargs):
        """Take the layer whose weights are used."""
        super().__init__(**kwargs)
        self.dense = dense

    def call(self, features):
        import tensorflow as tf

        rows, dense = tf.reshape(features, [-1, features.shape[-1]]), self.dense
        rows = dense.activation(tf.nn.bias_add(tf.matmul(rows, dense.kernel), dense.bias))
        return tf.reshape(rows, tf.concat([tf.shape(features)[:2], dense.bias.shape], axis=0))
