"""The one definition of wav2vec 2.0 and its kin with a CTC head: audio in, logits out, whatever the padding.

Architecture: Baevski et al. 2020 (arXiv 2006.11477) as implemented by `transformers.Wav2Vec2ForCTC`, with the
differences of HuBERT, data2vec-audio, UniSpeech, WavLM and the adapters of MMS. It is built from layers
(`layers.py`): Keras 3's for local use, Keras 2's for the model file, and faster ones for training and inference
(`fused.py`). Layer names are addresses for weights in files and for the converter (`convert/conversion.py`).
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from librispeech_clf.local.model.architecture import FORCED_LOGIT, Wav2Vec2Configuration
from librispeech_clf.local.model.layers import Keras3Layers
from librispeech_clf.text.vocabulary import BLANK

HIDDEN_STATE = "last_hidden_state"
FRAME_MASK = "frame_mask"
LONGEST_PERIOD = 1e4
"""The longest wavelength of the positional sinusoids, in units of 2 pi frames."""


@dataclass(frozen=True)
class Graph:
    """Tensors of the graph, in Keras's functional API.

    Attributes:
        audio: float32 (B, N), zero mean and unit variance over the real samples, then zero-padded. The real samples of
            a row end with its last non-zero one.
        mask: float32 (B, T), 1 at frames that come from real samples only, 0 at the others.
        features: (B, T, conv_dim[-1]), the convolutions' output after its norm.
        hidden: (B, T, hidden_size), the transformer's last hidden state.
        logits: float32 (B, T, V); where the mask is 0, the blank is `FORCED_LOGIT` and all other letters its negative.
    """

    audio: Any
    mask: Any
    features: Any
    hidden: Any
    logits: Any


def build_wav2vec2(configuration: Wav2Vec2Configuration) -> keras.Model:
    """Build the model with random weights, from `Graph.audio` to `Graph.logits`.

    The model keeps the configuration as `model.configuration`.
    """
    graph = connect(configuration, Keras3Layers())
    model = keras.Model(graph.audio, graph.logits, name="wav2vec2_ctc")
    model.configuration = configuration
    return model


def connect(configuration: Wav2Vec2Configuration, layers: Keras3Layers) -> Graph:
    """Connect the whole graph from these layers."""
    # A user's keras.json may set other defaults for other projects: channels first, half or double precision.
    layers.keras.backend.set_image_data_format("channels_last")
    layers.keras.backend.set_floatx("float32")
    audio = layers.keras.Input((None,), name="audio")
    samples = layers.count_samples(audio)
    encoded = _encode_features(audio, samples, configuration, layers)
    mask = layers.mask_frames(samples, encoded, configuration.conv_kernel, configuration.conv_stride)
    mask = layers.name_tensor(mask, FRAME_MASK)
    features = encoded
    if configuration.feat_proj_layer_norm:
        features = layers.layer_norm(encoded, configuration.layer_norm_eps, "feature_projection_norm")
    hidden = layers.dense(features, configuration.hidden_size, "feature_projection")
    hidden = hidden * layers.cast(mask, hidden.dtype)[:, :, None]
    hidden = _add_positions(hidden, mask, configuration, layers)
    hidden = _transform(hidden, mask, configuration, layers)
    # float32 from here on, whatever the policy: CTC and the platform read these numbers.
    logits = layers.dense(hidden, configuration.vocab_size, "lm_head", dtype="float32")
    forced = np.full((1, 1, configuration.vocab_size), -FORCED_LOGIT, np.float32)
    forced[..., BLANK] = FORCED_LOGIT
    logits = layers.where(layers.less(0.5, mask[:, :, None]), logits, forced)
    return Graph(audio, mask, features, hidden, layers.name_tensor(logits, "logits"))


def pool(hidden, mask, layers: Keras3Layers):
    """Return the mean over valid frames: (B, T, C) -> (B, C); zeros without a valid frame."""
    valid = mask[:, None, :]
    return layers.matmul(valid, hidden)[:, 0] / layers.maximum(layers.sum(mask, 1), 1.0)


def _encode_features(audio, samples, configuration: Wav2Vec2Configuration, layers: Keras3Layers):
    """Apply seven strided convolutions: (B, N) -> (B, T, conv_dim[-1]). The first runs in float32 under any policy."""
    x = layers.layer("Reshape", "samples", target_shape=(-1, 1), dtype="float32")(audio)
    shapes = zip(configuration.conv_dim, configuration.conv_kernel, configuration.conv_stride, strict=True)
    layer_norms = configuration.feat_extract_norm == "layer"
    for index, (channels, kernel, stride) in enumerate(shapes):
        name = f"feature_encoder_{index}"
        if index == 0 and not layer_norms:
            x = layers.normalized_convolution(x, samples, configuration, name)
        else:
            policy = {"dtype": "float32"} if index == 0 else {}
            bias = configuration.conv_bias
            x = layers.convolution(x, channels, kernel, stride, bias, f"{name}_convolution", **policy)
        if layer_norms:
            x = layers.layer_norm(x, configuration.layer_norm_eps, f"{name}_norm")
        x = layers.gelu(x, f"{name}_gelu")
    return x


def _add_positions(hidden, mask, configuration: Wav2Vec2Configuration, layers: Keras3Layers):
    kernel, groups = configuration.num_conv_pos_embeddings, configuration.num_conv_pos_embedding_groups
    sizes = (configuration.hidden_size, kernel, groups)
    x = hidden
    if configuration.num_conv_pos_layers == 1:
        x = layers.gelu(layers.grouped_convolution(x, *sizes, "positional_convolution"), "positional_gelu")
    else:
        for name in (f"positional_{index}" for index in range(configuration.num_conv_pos_layers)):
            x = layers.grouped_convolution(x, *sizes, f"{name}_convolution")
            norm = {"epsilon": configuration.layer_norm_eps, "center": False, "scale": False}
            x = layers.gelu(layers.layer("LayerNormalization", f"{name}_norm", **norm)(x), f"{name}_gelu")
            # The next convolution would see what this one wrote into the padding.
            x = x * layers.cast(mask, x.dtype)[:, :, None]
    added = [hidden, x]
    if configuration.sinusoidal_positions:
        added.append(_draw_sinusoids(hidden, layers))
    return layers.layer("Add", "positional_add")(added)


def _draw_sinusoids(hidden, layers: Keras3Layers):
    """Return sine and cosine of each frame's position, with wavelengths of 2 pi to 20,000 pi frames: (B, T, C)."""
    half = hidden.shape[-1] // 2
    frequencies = np.exp(-np.log(LONGEST_PERIOD) * np.arange(half) / (half - 1)).astype(np.float32)
    places = layers.cumulate(layers.ones_like(layers.cast(hidden[:, :, :1], "float32"))) - 1.0
    angles = places * frequencies[None, None]
    return layers.cast(layers.concatenate([layers.sin(angles), layers.cos(angles)]), hidden.dtype)


def _transform(hidden, mask, configuration: Wav2Vec2Configuration, layers: Keras3Layers):
    positions = None
    if configuration.num_buckets:
        positions = layers.relative_positions(mask, configuration, "relative_positions")
    if configuration.do_stable_layer_norm:
        for index in range(configuration.num_hidden_layers):
            hidden = _layer_norm_first(hidden, mask, positions, configuration, layers, f"layer_{index}")
        return layers.layer_norm(hidden, configuration.layer_norm_eps, HIDDEN_STATE)
    hidden = layers.layer_norm(hidden, configuration.layer_norm_eps, "encoder_norm")
    for index in range(configuration.num_hidden_layers):
        hidden = _layer_norm_last(hidden, mask, positions, configuration, layers, f"layer_{index}")
    return layers.layer("Activation", HIDDEN_STATE, activation="linear")(hidden)


def _layer_norm_last(hidden, mask, positions, configuration, layers: Keras3Layers, name: str):
    heads = configuration.num_attention_heads
    attended = layers.attention(hidden, mask, heads, f"{name}_attention", positions)
    hidden = layers.layer("Add", f"{name}_attention_add")([hidden, attended])
    hidden = layers.layer_norm(hidden, configuration.layer_norm_eps, f"{name}_attention_norm")
    fed = _feed_forward(hidden, configuration, layers, name)
    hidden = layers.layer("Add", f"{name}_feed_forward_add")([hidden, fed])
    return layers.layer_norm(hidden, configuration.layer_norm_eps, f"{name}_feed_forward_norm")


def _layer_norm_first(hidden, mask, positions, configuration, layers: Keras3Layers, name: str):
    normed = layers.layer_norm(hidden, configuration.layer_norm_eps, f"{name}_attention_norm")
    heads = configuration.num_attention_heads
    attended = layers.attention(normed, mask, heads, f"{name}_attention", positions)
    hidden = layers.layer("Add", f"{name}_attention_add")([hidden, attended])
    normed = layers.layer_norm(hidden, configuration.layer_norm_eps, f"{name}_feed_forward_norm")
    fed = _feed_forward(normed, configuration, layers, name)
    hidden = layers.layer("Add", f"{name}_feed_forward_add")([hidden, fed])
    if not configuration.adapter_attn_dim:
        return hidden
    x = layers.layer_norm(hidden, configuration.layer_norm_eps, f"{name}_adapter_norm")
    x = layers.dense(x, configuration.adapter_attn_dim, f"{name}_adapter_down")
    x = layers.layer("Activation", f"{name}_adapter_relu", activation="relu")(x)
    x = layers.dense(x, configuration.hidden_size, f"{name}_adapter_up")
    return layers.layer("Add", f"{name}_adapter_add")([hidden, x])


def _feed_forward(hidden, configuration, layers: Keras3Layers, name: str):
    x = layers.dense(hidden, configuration.intermediate_size, f"{name}_intermediate", gelu=True)
    return layers.dense(x, configuration.hidden_size, f"{name}_output")
