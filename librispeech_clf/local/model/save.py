"""Write a model file for Tensorleap's engine and for `load.load_model`, atomically.

The engine opens models with Keras 2.12: the file holds the graph of `graph.py`, built in tf-keras from built-in
layers and TensorFlow operations, and nothing in its configuration that Keras 2.12 does not know.
"""

import io
import json
import logging
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from librispeech_clf.atomic_write import atomic_write, explain_disk
from librispeech_clf.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    import h5py
    import keras

CONFIGURATION = "wav2vec2_configuration"
"""Attribute of the file that holds `Wav2Vec2Configuration` as JSON."""
VOCABULARY = "vocabulary"
"""Attribute of the file that holds `Vocabulary.to_fields` as JSON."""


def save_model(
    model: "keras.Model", path: Path, *, vocabulary: Vocabulary | None = None, compressed: bool = False
) -> None:
    """Write a model of `build_wav2vec2` or `load_model` atomically; the file is made in memory.

    Without a vocabulary, the JSON file beside it says what its logits mean; `compressed` uses `compress_h5`.

    Raises:
        ValueError: the suffix is not `.h5`.
        OSError: the file cannot be written; the message says why, and what to do.
    """
    import h5py

    check_suffix(path)
    with explain_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        _save_keras_2(model, file)
        _describe(model, file)
        if vocabulary is not None:
            file.attrs[VOCABULARY] = json.dumps(vocabulary.to_fields())
    atomic_write(path, (compress_h5(content) if compressed else content).getbuffer())


def _save_keras_2(model: "keras.Model", file: "h5py.File") -> None:
    logger = logging.getLogger("tensorflow")
    level = logger.level
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You are saving your model as an HDF5 file")
        logger.setLevel(logging.ERROR)  # it warns that no metrics are compiled, but no file here holds any
        try:
            build_engine_model(model).save(file, include_optimizer=False, save_format="h5")
        finally:
            logger.setLevel(level)


def build_engine_model(model: "keras.Model"):
    """Return the same graph with the same weights as a model of tf-keras."""
    from librispeech_clf.local.model.graph import connect
    from librispeech_clf.local.model.layers import load_keras_2_layers

    layers = load_keras_2_layers()
    graph = connect(model.configuration, layers)
    built = layers.keras.Model(graph.audio, graph.logits, name=model.name)
    for layer in built.layers:
        if layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return built


def _describe(model: "keras.Model", file: "h5py.File") -> None:
    """Add our configuration to a file, and remove what Keras 2.12 does not know."""
    stored = json.loads(file.attrs["model_config"])
    for layer in stored["config"]["layers"]:
        if layer["class_name"] == "InputLayer":
            layer["config"].pop("optional", None)
    file.attrs["model_config"] = json.dumps(stored)
    file.attrs[CONFIGURATION] = json.dumps(asdict(model.configuration))


def check_suffix(path: Path) -> None:
    """Raise ValueError unless the suffix is `.h5`."""
    if path.suffix != ".h5":
        raise ValueError(f"{path}: a model file must end in .h5.")


def compress_h5(plain: io.BytesIO) -> io.BytesIO:
    """Return an `.h5` compressed with HDF5's own gzip filter; it is lossless, and the same programs read it.

    Random float32 weights hardly shrink; those that were rounded to float16 take little more than half the space.
    """
    import h5py

    smaller = io.BytesIO()
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
    return smaller
