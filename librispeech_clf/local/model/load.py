"""Read a model file that `convert-model` or `train-model` wrote: its numbers by h5py, nothing of it is run."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from librispeech_clf.atomic_write import LFS_POINTER
from librispeech_clf.local.model.architecture import Wav2Vec2Configuration
from librispeech_clf.local.model.check_model import check_model
from librispeech_clf.local.model.save import CONFIGURATION

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
    kernels = _list_kernels(configuration, layers=len(weights))
    # Before a model is built whose size the file only claims.
    _refuse_layers(
        [name for name, shape in kernels.items() if name not in weights or weights[name][0].shape != shape],
        path,
    )
    from librispeech_clf.local.model.graph import build_wav2vec2

    model = build_wav2vec2(configuration)
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    _refuse_layers(sorted(layers.keys() ^ weights.keys()), path)
    _refuse_layers(
        [
            name
            for name in sorted(layers)
            if [array.shape for array in weights[name]] != [weight.shape for weight in layers[name].weights]
        ],
        path,
    )
    for name, layer in layers.items():
        layer.set_weights(weights[name])
    check_model(model, path)
    return model


def _list_kernels(configuration: Wav2Vec2Configuration, *, layers: int) -> dict[str, tuple[int, ...]]:
    """Return the kernels' shapes that decide how large the model is, by layer name; of `layers` layers at most."""
    hidden, channels = configuration.hidden_size, (1, *configuration.conv_dim)
    width = hidden // configuration.num_conv_pos_embedding_groups
    blocks = min(configuration.num_hidden_layers, layers + 1)
    convolutions = zip(configuration.conv_kernel, channels, configuration.conv_dim, strict=False)
    return {
        **{f"feature_encoder_{index}_convolution": shape for index, shape in enumerate(convolutions)},
        "feature_projection": (channels[-1], hidden),
        "positional_convolution_0": (configuration.num_conv_pos_embeddings, width, width),
        **{
            f"layer_{index}_intermediate": (hidden, configuration.intermediate_size)
            for index in range(blocks)
        },
        "lm_head": (hidden, configuration.vocab_size),
    }


def _refuse_layers(names: list[str], path: Path) -> None:
    if names:
        raise ValueError(
            f"{path}: its weights are not those of its configuration, in the layers {names[:5]}; make it again: "
            f"{CONVERT_COMMAND}"
        )


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
    except (OSError, KeyError, RuntimeError, TypeError) as error:
        raise ValueError(
            f"{path}: not a readable Keras model ({error}); it may be cut off; make it again: {CONVERT_COMMAND}"
        ) from error
    return configuration, weights


def _read_configuration(file: "h5py.File", path: Path) -> Wav2Vec2Configuration:
    if CONFIGURATION not in file.attrs:
        raise ValueError(
            f"{path}: not a wav2vec 2.0 model of this project, it lacks the attribute {CONFIGURATION}. A file of an "
            f"earlier version, which Tensorleap's engine cannot open, must be made again: {CONVERT_COMMAND}"
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
    """Return a layer's weights; TypeError where they are no floats."""
    group = file["model_weights"][name]
    arrays = [group[weight][()] for weight in group.attrs.get("weight_names", ())]
    for array in arrays:
        if array.dtype.kind != "f":
            raise TypeError(f"the layer {name} holds {array.dtype}, no floating-point numbers")
    with np.errstate(over="ignore"):  # beyond float32 is infinity, which is refused by name
        return [array.astype(np.float32, copy=False) for array in arrays]
