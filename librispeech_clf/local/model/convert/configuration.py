"""What a checkpoint's JSON says of architecture and preprocessing, and the refusal by name of what does not fit."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from librispeech_clf.local.model.architecture import Wav2Vec2Configuration

_ALLOWED = {  # None: absent, transformers' default
    "model_type": ("wav2vec2",),
    "hidden_act": ("gelu", None),
    "feat_extract_activation": ("gelu", None),
    "add_adapter": (False, None),
    "adapter_attn_dim": (None,),
    "position_embeddings_type": (None,),
    "quantization_config": (None,),
    "layer_norm_eps": (
        1e-5,
        None,
    ),  # transformers fixes it in the feature encoder; one value serves all norms here
}
_PREPROCESSING = {
    "sampling_rate": 16000,
    "do_normalize": True,
    "feature_size": 1,
    "feature_extractor_type": "Wav2Vec2FeatureExtractor",
}


def convert_configuration(hugging_face: Mapping[str, Any]) -> Wav2Vec2Configuration:
    """Return the architecture that a Hugging Face `config.json` describes.

    Args:
        hugging_face: the fields of `Wav2Vec2Config`; absent ones have that class's defaults.

    Raises:
        ValueError: not wav2vec 2.0 with a CTC head, with a part that this model does not have, or with a
            value that no model can have.
    """
    architectures = hugging_face.get("architectures") or []
    if architectures != ["Wav2Vec2ForCTC"]:
        raise ValueError(
            "config.json: architectures must be ['Wav2Vec2ForCTC'], a model with a CTC head. "
            f"Received: {architectures}. A model for pre-training must be fine-tuned with CTC first."
        )
    for name, allowed in _ALLOWED.items():
        if hugging_face.get(name) not in allowed:
            raise ValueError(
                f"config.json: {name} must be {allowed[0]!r}. Received: {hugging_face.get(name)!r}"
            )
    fields = [field.name for field in dataclasses.fields(Wav2Vec2Configuration)]
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value := hugging_face[name], list) else value
        for name in fields
        if hugging_face.get(name) is not None
    }
    try:
        return Wav2Vec2Configuration(**values)
    except ValueError as error:
        raise ValueError(f"config.json: {error}") from error


def check_preprocessing(preprocessing: Mapping[str, Any], *, file: str = "preprocessor_config.json") -> None:
    """Refuse a checkpoint that hears audio otherwise than this project prepares it.

    Args:
        preprocessing: fields of transformers' `Wav2Vec2FeatureExtractor`; absent ones have its defaults, which fit.
        file: where they stand, for the message.

    Raises:
        ValueError: another sampling rate than 16 kHz, audio that is not normalised, or no plain samples.
    """
    for name, expected in _PREPROCESSING.items():
        if preprocessing.get(name, expected) != expected:
            raise ValueError(
                f"{file}: {name} must be {expected}, as this project prepares audio. "
                f"Received: {preprocessing[name]!r}"
            )


def check_processor(processor: Mapping[str, Any]) -> None:
    """Refuse like `check_preprocessing` what `processor_config.json` of transformers 5 says of the audio.

    Args:
        processor: the file's fields; the preprocessing stands under "feature_extractor".

    Raises:
        ValueError: as `check_preprocessing`, or the field is of another kind.
    """
    extractor = processor.get("feature_extractor", {})
    if not isinstance(extractor, Mapping):
        raise ValueError(
            f"processor_config.json: feature_extractor must hold one JSON object. Received: {extractor!r}"
        )
    check_preprocessing(extractor, file="processor_config.json: feature_extractor")
