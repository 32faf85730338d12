"""Read a model file that `convert-model` or the training script wrote."""

from pathlib import Path
from typing import TYPE_CHECKING

from librispeech_clf.model.check_model import check_model

if TYPE_CHECKING:
    import keras

CONVERT_COMMAND = "poetry run convert-model --from facebook/wav2vec2-base-960h --to models/wav2vec.h5"


def load_model(path: Path | str) -> "keras.Model":
    """Read a wav2vec 2.0 CTC model of this project, ready to predict.

    Args:
        path: an `.h5` or `.keras` file.

    Returns:
        A model from audio (B, N) to logits (B, T, 32), as `wav2vec2.build_wav2vec2` describes it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or holds another model, another vocabulary, or weights that are no numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no model file; set model.path in config.yaml or make one: {CONVERT_COMMAND}"
        )
    import keras

    from librispeech_clf.model import layers, wav2vec2

    custom = {layer.__name__: layer for layer in layers.CUSTOM_LAYERS}
    try:
        model = keras.models.load_model(path, custom_objects=custom, compile=False)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{path}: not a readable Keras model ({error}); make it again: {CONVERT_COMMAND}"
        ) from error
    names = {layer.name for layer in model.layers}
    missing = sorted({"audio", wav2vec2.FRAME_MASK, wav2vec2.HIDDEN_STATE, "logits"} - names)
    if missing:
        raise ValueError(f"{path}: not a wav2vec 2.0 model of this project, it lacks the layers {missing}.")
    check_model(model, path)
    return model
