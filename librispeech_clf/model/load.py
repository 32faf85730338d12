"""Read a model file that `convert-model` or `train-model` wrote: its numbers by h5py, nothing of it is run."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from librispeech_clf.model.architecture import Wav2Vec2Configuration
from librispeech_clf.model.check_model import check_model
from librispeech_clf.model.save import CONFIGURATION
from librispeech_clf.whole_file import LFS_POINTER

if TYPE_CHECKING:
    import h5py
    import keras

CONVERT_COMMAND = "poetry run convert-model --from facebook/wav2vec2-base-960h --to models/wav2vec.h5"
_HDF5 = b"\x89HDF\r\n\x1a\n"


def load_model(path: Path | str) -> "keras.Model":
    """Read a wav2vec 2.0 CTC model of this project, ready to predict.

    Args:
        path: an `.h5` file.

    Returns:
        A model from audio (B, N) to logits (B, T, V), as `graph.build_wav2vec2` describes it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or holds another model, another vocabulary, or weights that are no numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no model file; set model.path in config.yaml or make one: {CONVERT_COMMAND}"
        )
    configuration, weights = read_model_file(path)
    from librispeech_clf.model.graph import build_wav2vec2

    model = build_wav2vec2(configuration)
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    differing = sorted(layers.keys() ^ weights.keys())
    differing += [
        name
        for name in sorted(layers.keys() & weights.keys())
        if [array.shape for array in weights[name]] != [weight.shape for weight in layers[name].weights]
    ]
    if differing:
        raise ValueError(
            f"{path}: its weights are not those of its configuration, in the layers {differing[:5]}; make it again: "
            f"{CONVERT_COMMAND}"
        )
    for name, layer in layers.items():
        layer.set_weights(weights[name])
    check_model(model, path)
    return model


def read_model_file(path: Path) -> tuple[Wav2Vec2Configuration, dict[str, list[np.ndarray]]]:
    """Read the numbers of a model file.

    Args:
        path: an `.h5` file.

    Returns:
        The architecture, and the weights by layer name, in the layer's order.

    Raises:
        ValueError: the file is damaged, or holds another model.
    """
    with open(path, "rb") as file:
        start = file.read(len(LFS_POINTER))
    if start == LFS_POINTER:
        raise ValueError(f"{path}: a Git LFS pointer, not the model itself; fetch it: git lfs pull")
    if not start.startswith(_HDF5):
        raise ValueError(
            f"{path}: not a readable Keras model (not an HDF5 file); make it again: {CONVERT_COMMAND}"
        )
    import h5py

    try:
        with h5py.File(path) as file:
            configuration = _read_configuration(file, path)
            weights = {name: arrays for name in file["model_weights"] if (arrays := _read_layer(file, name))}
    except (OSError, KeyError, RuntimeError) as error:
        raise ValueError(
            f"{path}: not a readable Keras model ({error}); it may be cut off; make it again: {CONVERT_COMMAND}"
        ) from error
    return configuration, weights


def _read_configuration(file: "h5py.File", path: Path) -> Wav2Vec2Configuration:
    if CONFIGURATION not in file.attrs:
        raise ValueError(
            f"{path}: not a wav2vec 2.0 model of this project, it lacks the attribute {CONFIGURATION}. A file of an "
            f"earlier version, which Tensorleap's engine cannot open, must be made anew: {CONVERT_COMMAND}"
        )
    try:
        fields: dict[str, Any] = json.loads(file.attrs[CONFIGURATION])
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
        }
        return Wav2Vec2Configuration(**values)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path}: its {CONFIGURATION} cannot be read ({error}).") from error


def _read_layer(file: "h5py.File", name: str) -> list[np.ndarray]:
    group = file["model_weights"][name]
    return [group[weight][()] for weight in group.attrs.get("weight_names", ())]
