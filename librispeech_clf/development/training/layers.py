"""Layers of the graph for training: fused operations, and features that can be masked."""

import functools

import keras

from librispeech_clf.local.model.fused import MatrixDense, SharedLayers, fused_gelu
from librispeech_clf.local.model.graph import Graph, connect


def fuse_for_training(model: keras.Model, *, dropout: float = 0.0, kept: tuple = ()) -> Graph:
    """Connect the graph again, its exact GELUs fused, forwards and backwards; it shares `model`'s weights.

    Args:
        model: as `build_wav2vec2` returns it, with TensorFlow as Keras' backend.
        dropout: as the model was built with.
        kept: two inputs, float32 (B, T) and (B, hidden_size), 0 at the frames and at the channels of the projected
            features that are masked, 1 elsewhere; none masks nothing.
    """
    return connect(model.configuration, TrainingLayers(model, kept), dropout=dropout)


class TrainingLayers(SharedLayers):
    """Fused GELUs, no depthwise convolution, whose gradient is slow, and masked features."""

    def __init__(self, model: keras.Model, kept: tuple = ()) -> None:
        """Take the model whose weights are used, and the inputs that say which features are kept."""
        super().__init__(model)
        self.kept = kept

    def mask_features(self, hidden):
        """Mask frames and channels."""
        if not self.kept:
            return hidden
        frames, channels = (self.cast(kept, hidden.dtype) for kept in self.kept)
        return hidden * frames[:, :, None] * channels[:, None, :]

    def gelu(self, x, name: str):
        """Exact GELU in one loop."""
        gelu = functools.partial(fused_gelu, smallest=0)
        policy = self.model.get_layer(name).dtype_policy
        return keras.layers.Activation(gelu, dtype=policy, name=name)(x)

    def dense(self, x, units: int, name: str, *, gelu: bool = False, **options):
        """A dense layer on the matrix of all frames."""
        dense = self.model.get_layer(name)
        activation = functools.partial(fused_gelu, smallest=0) if gelu else keras.activations.linear
        return MatrixDense(dense, activation, dtype=dense.dtype_policy, name=name)(x)

    def scale(self, x, name: str):
        """Multiply and add the weights of the depthwise convolution."""
        return ChannelScale(self.model.get_layer(name), dtype="float32", name=name)(x)


class ChannelScale(keras.layers.Layer):
    """The weights of a depthwise convolution of width 1, multiplied and added: (B, T, C) -> (B, T, C)."""

    def __init__(self, convolution: keras.layers.DepthwiseConv1D, **kwargs):
        """Take the layer whose weights are used."""
        super().__init__(**kwargs)
        self.convolution = convolution

    def call(self, features):
        return features * self.convolution.kernel[:, :, 0] + self.convolution.bias
