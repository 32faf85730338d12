"""Write a model file for Tensorleap's engine and for `load.load_model`, whole or not at all.

The engine opens models with Keras 2.12: the file holds the graph of `graph.py`, built with tf-keras of built-in
layers and TensorFlow operations, and nothing in its configuration that Keras 2.12 does not know.
"""

import json
import logging
import os
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from librispeech_clf.whole_file import remove_leftovers

if TYPE_CHECKING:
    import keras

CONFIGURATION = "wav2vec2_configuration"
"""Attribute of the file that holds `Wav2Vec2Configuration` as JSON."""
_UNKNOWN_TO_KERAS_2_12 = {"InputLayer": ("optional",)}


def save_model(model: "keras.Model", path: Path, *, compressed: bool = False) -> None:
    """Write a model file whole or not at all: under a temporary name in the same folder, then renamed.

    Args:
        model: as `build_wav2vec2` or `load_model` returns it.
        path: ends in `.h5`; its folder is made.
        compressed: by `compress_h5`.

    Raises:
        ValueError: another suffix.
    """
    check_suffix(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    smaller = plain.with_suffix(".compressed")
    for suffix in (path.suffix, smaller.suffix):
        remove_leftovers(path.parent, f".{path.stem}.", suffix)
    try:
        _save_keras_2(model, plain)
        _describe(model, plain)
        if compressed:
            compress_h5(plain, smaller)
        os.replace(smaller if compressed else plain, path)
    finally:
        plain.unlink(missing_ok=True)
        smaller.unlink(missing_ok=True)


def _save_keras_2(model: "keras.Model", path: Path) -> None:
    logger = logging.getLogger("tensorflow")
    level = logger.level
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You are saving your model as an HDF5 file")
        logger.setLevel(logging.ERROR)  # it warns that no metrics are compiled, which no file here holds
        try:
            build_engine_model(model).save(path, include_optimizer=False)
        finally:
            logger.setLevel(level)


def build_engine_model(model: "keras.Model"):
    """Return the same graph with the same weights as a model of tf-keras."""
    from librispeech_clf.model.graph import connect
    from librispeech_clf.model.parts import load_keras_2_parts

    parts = load_keras_2_parts()
    graph = connect(model.configuration, parts)
    built = parts.keras.Model(graph.audio, graph.logits, name=model.name)
    for layer in built.layers:
        if layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return built


def _describe(model: "keras.Model", path: Path) -> None:
    """Add our configuration to a file, and take out what Keras 2.12 does not know."""
    import h5py

    with h5py.File(path, "r+") as file:
        stored = json.loads(file.attrs["model_config"])
        for layer in stored["config"]["layers"]:
            for key in _UNKNOWN_TO_KERAS_2_12.get(layer["class_name"], ()):
                layer["config"].pop(key, None)
        file.attrs["model_config"] = json.dumps(stored)
        file.attrs[CONFIGURATION] = json.dumps(asdict(model.configuration))


def check_suffix(path: Path) -> None:
    """Raise ValueError unless the suffix is `.h5`."""
    if path.suffix != ".h5":
        raise ValueError(f"{path}: a model file must end in .h5.")


def compress_h5(plain: Path, smaller: Path) -> None:
    """Write an `.h5` again with HDF5's own gzip filter; nothing is lost, and what reads the one reads the other.

    Random float32 weights hardly shrink; those that were rounded to float16 take little more than half.
    """
    import h5py

    with h5py.File(plain) as source, h5py.File(smaller, "w") as target:
        target.attrs.update(source.attrs)

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                filters = {"compression": "gzip", "shuffle": True} if item.shape else {}
                target.create_dataset(name, data=item[()], **filters)
            else:
                target.require_group(name)
            target[name].attrs.update(item.attrs)

        source.visititems(copy)
