"""wav2vec 2.0 with a CTC head as a Keras functional model: audio in, logits out, no answer changed by zero padding.

Architecture: Baevski et al. 2020 (arXiv 2006.11477) as implemented by `transformers.Wav2Vec2ForCTC`. Layer names are
addresses for the converter (`convert.py`).
"""

import keras
from keras import layers

from librispeech_clf.model.configuration import Wav2Vec2Configuration
from librispeech_clf.model.layers import (
    ForceBlank,
    FrameMask,
    MaskedGroupNormalization,
    MaskedMean,
    MaskedSelfAttention,
    PositionalConvolution,
    ZeroPaddedFrames,
)

HIDDEN_STATE = "last_hidden_state"
FRAME_MASK = "frame_mask"


def build_wav2vec2(configuration: Wav2Vec2Configuration, *, dropout: float = 0.0) -> keras.Model:
    """Build the model with random weights.

    Args:
        configuration: the architecture.
        dropout: share of activations dropped while training, in [0, 1).

    Returns:
        A model from `audio`, float32 (B, N), zero mean and unit variance over the real samples and then zero-padded, to
        logits, float32 (B, T, V). A sample is real up to the last non-zero one of its row. Frames that padding touches
        are certain blanks (see `ForceBlank`).
    """
    audio = keras.Input((None,), name="audio")
    mask = FrameMask(configuration.conv_kernel, configuration.conv_stride, name=FRAME_MASK)(audio)
    features = _encode_features(audio, configuration)
    hidden = _project_features(features, configuration, dropout)
    hidden = ZeroPaddedFrames(name="zero_padded_frames")([hidden, mask])
    hidden = _add_positions(hidden, configuration)
    hidden = _transform(hidden, mask, configuration, dropout)
    # float32 from here on, whatever the policy: CTC and the platform read these numbers.
    logits = layers.Dense(configuration.vocab_size, dtype="float32", name="lm_head")(hidden)
    logits = ForceBlank(dtype="float32", name="logits")([logits, mask])
    return keras.Model(audio, logits, name="wav2vec2_ctc")


def build_pooled_model(model: keras.Model) -> keras.Model:
    """Return a model that shares `model`'s weights and gives logits and the pooled last hidden state.

    Args:
        model: as `build_wav2vec2` or `load_model` returns it.

    Returns:
        A model from audio to [logits (B, T, V), mean of the last hidden state over valid frames (B, C)].
    """
    hidden = model.get_layer(HIDDEN_STATE).output
    mask = model.get_layer(FRAME_MASK).output
    return keras.Model(
        model.input, [model.output, MaskedMean(name="pooled")([hidden, mask])], name="wav2vec2_pooled"
    )


def _layer_norm(configuration: Wav2Vec2Configuration, name: str) -> layers.Layer:
    return layers.LayerNormalization(epsilon=configuration.layer_norm_eps, name=name)


def _gelu(name: str) -> layers.Layer:
    """Exact GELU: Keras' own default is `approximate=False`."""
    return layers.Activation("gelu", name=name)


def _encode_features(audio, configuration: Wav2Vec2Configuration):
    """Seven strided convolutions: (B, N) -> (B, T, conv_dim[-1]). The first runs in float32 under any policy."""
    x = layers.Reshape((-1, 1), dtype="float32", name="samples")(audio)
    shapes = zip(configuration.conv_dim, configuration.conv_kernel, configuration.conv_stride, strict=True)
    for index, (channels, kernel, stride) in enumerate(shapes):
        name = f"feature_encoder_{index}"
        policy = {"dtype": "float32"} if index == 0 else {}
        x = layers.Conv1D(
            channels, kernel, stride, use_bias=configuration.conv_bias, name=f"{name}_convolution", **policy
        )(x)
        if configuration.feat_extract_norm == "layer":
            x = _layer_norm(configuration, f"{name}_norm")(x)
        elif index == 0:
            first_mask = FrameMask((kernel,), (stride,), name=f"{name}_mask")(audio)
            x = MaskedGroupNormalization(configuration.layer_norm_eps, dtype="float32", name=f"{name}_norm")(
                [x, first_mask]
            )
        x = _gelu(f"{name}_gelu")(x)
    return x


def _project_features(features, configuration: Wav2Vec2Configuration, dropout: float):
    x = _layer_norm(configuration, "feature_projection_norm")(features)
    x = layers.Dense(configuration.hidden_size, name="feature_projection")(x)
    return layers.Dropout(dropout, name="feature_projection_dropout")(x)


def _add_positions(hidden, configuration: Wav2Vec2Configuration):
    x = PositionalConvolution(
        configuration.num_conv_pos_embeddings,
        configuration.num_conv_pos_embedding_groups,
        name="positional_convolution",
    )(hidden)
    x = _gelu("positional_gelu")(x)
    return layers.Add(name="positional_add")([hidden, x])


def _transform(hidden, mask, configuration: Wav2Vec2Configuration, dropout: float):
    if configuration.do_stable_layer_norm:
        for index in range(configuration.num_hidden_layers):
            hidden = _transformer_layer_norm_first(hidden, mask, configuration, dropout, f"layer_{index}")
        return layers.LayerNormalization(epsilon=configuration.layer_norm_eps, name=HIDDEN_STATE)(hidden)
    hidden = _layer_norm(configuration, "encoder_norm")(hidden)
    for index in range(configuration.num_hidden_layers):
        hidden = _transformer_layer_norm_last(hidden, mask, configuration, dropout, f"layer_{index}")
    return layers.Identity(name=HIDDEN_STATE)(hidden)


def _transformer_layer_norm_last(
    hidden, mask, configuration: Wav2Vec2Configuration, dropout: float, name: str
):
    attended = _attention(configuration, name)([hidden, mask])
    attended = layers.Dropout(dropout, name=f"{name}_attention_dropout")(attended)
    hidden = layers.Add(name=f"{name}_attention_add")([hidden, attended])
    hidden = _layer_norm(configuration, f"{name}_attention_norm")(hidden)
    fed = _feed_forward(hidden, configuration, dropout, name)
    hidden = layers.Add(name=f"{name}_feed_forward_add")([hidden, fed])
    return _layer_norm(configuration, f"{name}_feed_forward_norm")(hidden)


def _transformer_layer_norm_first(
    hidden, mask, configuration: Wav2Vec2Configuration, dropout: float, name: str
):
    normed = _layer_norm(configuration, f"{name}_attention_norm")(hidden)
    attended = _attention(configuration, name)([normed, mask])
    attended = layers.Dropout(dropout, name=f"{name}_attention_dropout")(attended)
    hidden = layers.Add(name=f"{name}_attention_add")([hidden, attended])
    normed = _layer_norm(configuration, f"{name}_feed_forward_norm")(hidden)
    fed = _feed_forward(normed, configuration, dropout, name)
    return layers.Add(name=f"{name}_feed_forward_add")([hidden, fed])


def _attention(configuration: Wav2Vec2Configuration, name: str) -> MaskedSelfAttention:
    heads = configuration.num_attention_heads
    return MaskedSelfAttention(heads, configuration.hidden_size // heads, name=f"{name}_attention")


def _feed_forward(hidden, configuration: Wav2Vec2Configuration, dropout: float, name: str):
    x = layers.Dense(configuration.intermediate_size, activation="gelu", name=f"{name}_intermediate")(hidden)
    x = layers.Dropout(dropout, name=f"{name}_intermediate_dropout")(x)
    x = layers.Dense(configuration.hidden_size, name=f"{name}_output")(x)
    return layers.Dropout(dropout, name=f"{name}_output_dropout")(x)
