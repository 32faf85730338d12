"""The one definition of wav2vec 2.0 with a CTC head: audio in, logits out, no answer changed by zero padding.

Architecture: Baevski et al. 2020 (arXiv 2006.11477) as implemented by `transformers.Wav2Vec2ForCTC`. It is built from
parts (`parts.py`): of Keras 3 for local use, of Keras 2 for the model file, of faster ones for training and inference
(`fused.py`). Layer names are addresses for weights in files and for the converter (`convert/conversion.py`).
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from librispeech_clf.local.model.architecture import FORCED_LOGIT, Wav2Vec2Configuration
from librispeech_clf.local.model.parts import Keras3Parts
from librispeech_clf.text.vocabulary import BLANK

HIDDEN_STATE = "last_hidden_state"
FRAME_MASK = "frame_mask"


@dataclass(frozen=True)
class Graph:
    """Tensors of the graph, by Keras' functional API.

    Attributes:
        audio: float32 (B, N), zero mean and unit variance over the real samples and then zero-padded. A sample is real
            up to the last non-zero one of its row.
        mask: float32 (B, T), 1 at frames that come from real samples only, 0 at the others.
        features: (B, T, conv_dim[-1]), the convolutions' output behind its norm.
        hidden: (B, T, hidden_size), the transformer's last hidden state.
        logits: float32 (B, T, V); where the mask is 0 the blank has `FORCED_LOGIT`, all other letters its negative.
    """

    audio: Any
    mask: Any
    features: Any
    hidden: Any
    logits: Any


def build_wav2vec2(configuration: Wav2Vec2Configuration, *, dropout: float = 0.0) -> keras.Model:
    """Build the model with random weights.

    Args:
        configuration: the architecture; the model keeps it as `model.configuration`.
        dropout: share of activations dropped while training, in [0, 1).

    Returns:
        A model from `Graph.audio` to `Graph.logits`.
    """
    graph = connect(configuration, Keras3Parts(), dropout=dropout)
    model = keras.Model(graph.audio, graph.logits, name="wav2vec2_ctc")
    model.configuration = configuration
    return model


def build_pooled_model(model: keras.Model) -> keras.Model:
    """Return a model that shares `model`'s weights and gives logits and the pooled last hidden state.

    Args:
        model: as `build_wav2vec2` or `load_model` returns it.

    Returns:
        A model from audio to [logits (B, T, V), mean of the last hidden state over valid frames (B, C)].
    """
    hidden, mask = (model.get_layer(name).output for name in (HIDDEN_STATE, FRAME_MASK))
    return keras.Model(model.input, [model.output, pool(hidden, mask, Keras3Parts())], name="wav2vec2_pooled")


def connect(configuration: Wav2Vec2Configuration, parts: Keras3Parts, *, dropout: float = 0.0) -> Graph:
    """Connect the whole graph.

    Args:
        configuration: the architecture.
        parts: what it is made of.
        dropout: share of activations dropped while training; at 0 there is no layer for it.
    """
    audio = parts.keras.Input((None,), name="audio")
    samples = parts.count_samples(audio)
    encoded = _encode_features(audio, samples, configuration, parts)
    mask = parts.mask_frames(samples, encoded, configuration.conv_kernel, configuration.conv_stride)
    mask = parts.mark(mask, FRAME_MASK)
    features = parts.layer_norm(encoded, configuration.layer_norm_eps, "feature_projection_norm")
    hidden = parts.dense(features, configuration.hidden_size, "feature_projection")
    hidden = _drop(hidden, dropout, "feature_projection_dropout", parts)
    hidden = parts.keep_features(hidden) * parts.cast(mask, hidden.dtype)[:, :, None]
    hidden = _add_positions(hidden, configuration, parts)
    hidden = _transform(hidden, mask, configuration, parts, dropout)
    # float32 from here on, whatever the policy: CTC and the platform read these numbers.
    logits = parts.dense(hidden, configuration.vocab_size, "lm_head", dtype="float32")
    forced = np.full((1, 1, configuration.vocab_size), -FORCED_LOGIT, np.float32)
    forced[..., BLANK] = FORCED_LOGIT
    logits = parts.where(parts.less(0.5, mask[:, :, None]), logits, forced)
    return Graph(audio, mask, features, hidden, parts.mark(logits, "logits"))


def pool(hidden, mask, parts: Keras3Parts):
    """Return the mean over valid frames: (B, T, C) -> (B, C); zeros without a valid frame."""
    valid = mask[:, None, :]
    return parts.matmul(valid, hidden)[:, 0] / parts.maximum(parts.sum(mask, 1), 1.0)


def _drop(x, dropout: float, name: str, parts: Keras3Parts):
    return parts.layer("Dropout", name, rate=dropout)(x) if dropout else x


def _encode_features(audio, samples, configuration: Wav2Vec2Configuration, parts: Keras3Parts):
    """Seven strided convolutions: (B, N) -> (B, T, conv_dim[-1]). The first runs in float32 under any policy."""
    x = parts.layer("Reshape", "samples", target_shape=(-1, 1), dtype="float32")(audio)
    shapes = zip(configuration.conv_dim, configuration.conv_kernel, configuration.conv_stride, strict=True)
    layer_norms = configuration.feat_extract_norm == "layer"
    for index, (channels, kernel, stride) in enumerate(shapes):
        name = f"feature_encoder_{index}"
        if index == 0 and not layer_norms:
            x = parts.normalized_convolution(x, samples, configuration, name)
        else:
            policy = {"dtype": "float32"} if index == 0 else {}
            bias = configuration.conv_bias
            x = parts.convolution(x, channels, kernel, stride, bias, f"{name}_convolution", **policy)
        if layer_norms:
            x = parts.layer_norm(x, configuration.layer_norm_eps, f"{name}_norm")
        x = parts.gelu(x, f"{name}_gelu")
    return x


def _add_positions(hidden, configuration: Wav2Vec2Configuration, parts: Keras3Parts):
    x = parts.grouped_convolution(
        hidden,
        configuration.hidden_size,
        configuration.num_conv_pos_embeddings,
        configuration.num_conv_pos_embedding_groups,
        "positional_convolution",
    )
    return parts.layer("Add", "positional_add")([hidden, parts.gelu(x, "positional_gelu")])


def _transform(hidden, mask, configuration: Wav2Vec2Configuration, parts: Keras3Parts, dropout: float):
    if configuration.do_stable_layer_norm:
        for index in range(configuration.num_hidden_layers):
            hidden = _layer_norm_first(hidden, mask, configuration, parts, dropout, f"layer_{index}")
        return parts.layer_norm(hidden, configuration.layer_norm_eps, HIDDEN_STATE)
    hidden = parts.layer_norm(hidden, configuration.layer_norm_eps, "encoder_norm")
    for index in range(configuration.num_hidden_layers):
        hidden = _layer_norm_last(hidden, mask, configuration, parts, dropout, f"layer_{index}")
    return parts.layer("Activation", HIDDEN_STATE, activation="linear")(hidden)


def _layer_norm_last(hidden, mask, configuration, parts: Keras3Parts, dropout: float, name: str):
    attended = parts.attention(hidden, mask, configuration.num_attention_heads, f"{name}_attention")
    attended = _drop(attended, dropout, f"{name}_attention_dropout", parts)
    hidden = parts.layer("Add", f"{name}_attention_add")([hidden, attended])
    hidden = parts.layer_norm(hidden, configuration.layer_norm_eps, f"{name}_attention_norm")
    fed = _feed_forward(hidden, configuration, parts, dropout, name)
    hidden = parts.layer("Add", f"{name}_feed_forward_add")([hidden, fed])
    return parts.layer_norm(hidden, configuration.layer_norm_eps, f"{name}_feed_forward_norm")


def _layer_norm_first(hidden, mask, configuration, parts: Keras3Parts, dropout: float, name: str):
    normed = parts.layer_norm(hidden, configuration.layer_norm_eps, f"{name}_attention_norm")
    attended = parts.attention(normed, mask, configuration.num_attention_heads, f"{name}_attention")
    attended = _drop(attended, dropout, f"{name}_attention_dropout", parts)
    hidden = parts.layer("Add", f"{name}_attention_add")([hidden, attended])
    normed = parts.layer_norm(hidden, configuration.layer_norm_eps, f"{name}_feed_forward_norm")
    fed = _feed_forward(normed, configuration, parts, dropout, name)
    return parts.layer("Add", f"{name}_feed_forward_add")([hidden, fed])


def _feed_forward(hidden, configuration, parts: Keras3Parts, dropout: float, name: str):
    x = parts.dense(hidden, configuration.intermediate_size, f"{name}_intermediate", gelu=True)
    x = _drop(x, dropout, f"{name}_intermediate_dropout", parts)
    x = parts.dense(x, configuration.hidden_size, f"{name}_output")
    return _drop(x, dropout, f"{name}_output_dropout", parts)
