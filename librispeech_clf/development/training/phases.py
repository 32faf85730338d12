"""The phases of training: their models, losses, optimizers and compiled steps.

From scratch there are two: first the convolutions learn to regress the log-mel spectrum, so that the transformer need
not wait for spectral analysis to emerge from CTC; then the whole model learns CTC. From a model on there is
the second only.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from librispeech_clf.development.training.objectives import MEL_BANDS, ctc_loss_per_letter, mel_loss
from librispeech_clf.development.training.settings import TrainingSettings
from librispeech_clf.local.model.architecture import COMPACT

if TYPE_CHECKING:
    import keras

MEL, CTC = "mel", "ctc"
MEL_LEARNING_RATE = 3e-3
ADAM_LAYERS = ("feature_encoder_0", "positional_convolution", "lm_head")


@dataclass(frozen=True)
class Phase:
    """One objective with its optimizer.

    Attributes:
        step: compiled; takes audio (B, N), labels (B, L), their lengths (B,), kept frames (B, T) and kept channels
            (B, C), and returns the loss and whether the gradient was finite.
        optimizer: of the phase.
        variables: what it trains.
    """

    step: Callable[..., tuple[Any, Any]]
    optimizer: Any
    variables: list


@contextmanager
def using_policy(name: str) -> Iterator[None]:
    """Make a dtype policy Keras' global one for a while."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def build_model(settings: TrainingSettings, source: Path | None) -> "keras.Model":
    """Build the model under training: the one of a file, or the compact one with random weights."""
    from librispeech_clf.local.model.graph import build_wav2vec2
    from librispeech_clf.local.model.load import load_model

    if source is None:
        if settings.freeze_feature_encoder:
            raise ValueError(
                "freeze_feature_encoder: random convolutions cannot be frozen; start --from a model."
            )
        return build_wav2vec2(COMPACT, dropout=settings.dropout)
    with using_policy("float32"):
        loaded = load_model(source)
    model = build_wav2vec2(loaded.configuration, dropout=settings.dropout)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(loaded.get_layer(layer.name).get_weights())
        if settings.freeze_feature_encoder and layer.name.startswith("feature_encoder_"):
            layer.trainable = False
    return model


def build_phases(model: "keras.Model", settings: TrainingSettings, *, with_mel: bool) -> dict[str, Phase]:
    """Make objective and optimizer of each phase."""
    import keras

    from librispeech_clf.development.training.layers import fuse_for_training
    from librispeech_clf.development.training.optimizer import MatrixMuon

    channels = model.configuration.hidden_size
    kept = (keras.Input((None,), name="kept_frames"), keras.Input((channels,), name="kept_channels"))
    graph = fuse_for_training(model, dropout=settings.dropout, kept=kept)
    muon = MatrixMuon(
        settings.peak_learning_rate,
        weight_decay=settings.weight_decay,
        adam_weight_decay=0.0,
        adam_beta_2=0.98,
        global_clipnorm=settings.gradient_norm,
        exclude_layers=list(ADAM_LAYERS),
    )
    ctc_model = keras.Model([graph.audio, *kept], [graph.logits, graph.mask])
    phases = {CTC: _compile(functools.partial(_ctc_loss, ctc_model), muon, model.trainable_variables)}
    if with_mel:
        mel = keras.layers.Dense(MEL_BANDS, dtype="float32", name="mel")(graph.features)
        mel_model = keras.Model(graph.audio, [mel, graph.mask])
        adam = keras.optimizers.AdamW(
            MEL_LEARNING_RATE, weight_decay=0.0, global_clipnorm=settings.gradient_norm
        )
        phases[MEL] = _compile(functools.partial(_mel_loss, mel_model), adam, mel_model.trainable_variables)
    return phases


def _ctc_loss(model, audio, labels, label_lengths, kept_frames, kept_channels):
    logits, mask = model([audio, kept_frames, kept_channels], training=True)
    return ctc_loss_per_letter(logits, labels, label_lengths, mask)


def _mel_loss(model, audio, labels, label_lengths, kept_frames, kept_channels):
    predicted, mask = model(audio, training=True)
    return mel_loss(predicted, audio, mask)


def _compile(loss_function: Callable, optimizer: Any, variables: list) -> Phase:
    """Compile a step of an optimizer for batches of every shape."""
    import tensorflow as tf

    optimizer.build(variables)

    def step(*batch):
        with tf.GradientTape() as tape:
            loss = loss_function(*batch)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        finite = tf.math.is_finite(tf.linalg.global_norm(gradients))
        optimizer.apply([tf.where(finite, gradient, 0.0) for gradient in gradients], variables)
        return loss, finite

    floats, integers = tf.TensorSpec((None, None), tf.float32), tf.TensorSpec((None, None), tf.int32)
    signature = [floats, integers, tf.TensorSpec((None,), tf.int32), floats, floats]
    return Phase(tf.function(step, input_signature=signature), optimizer, variables)
