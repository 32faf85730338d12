"""Read a model file that `convert-model` or training wrote: h5py reads its numbers, and none of it is executed."""

import json
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from librispeech_clf.atomic_write import LFS_POINTER
from librispeech_clf.local.model.architecture import Wav2Vec2Configuration
from librispeech_clf.local.model.save import CONFIGURATION, VOCABULARY
from librispeech_clf.text.vocabulary import Vocabulary, make_vocabulary, name_vocabulary_file, read_vocabulary

if TYPE_CHECKING:
    import h5py
    import keras

CONVERT_COMMAND = "poetry run convert-model --from facebook/wav2vec2-base-960h --to models/wav2vec.h5"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_MOST_DEFLATED = 1032  # bytes that one byte of gzip can stand for
_SHOWN = 3


def load_model(path: Path | str, vocabulary: Vocabulary | None = None) -> "keras.Model":
    """Read a wav2vec 2.0 CTC model of this project, an `.h5` file, ready to predict.

    Its vocabulary must be the given one; None skips the comparison.

    Returns:
        A model from audio (B, N) to logits (B, T, V), as `graph.build_wav2vec2` describes it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or holds another model, another vocabulary, or weights that are not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no model file; set model.path in config.yaml or make one: {CONVERT_COMMAND}"
        )
    configuration, weights = read_model_file(path, vocabulary)
    kernels = list_kernels(configuration, layers=len(weights)).items()
    # Checked before building a model whose size the file merely claims.
    wrong = [name for name, shape in kernels if name not in weights or weights[name][0].shape != shape]
    _refuse_layers(wrong, path)
    from librispeech_clf.local.model.graph import build_wav2vec2

    model = build_wav2vec2(configuration)
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    _refuse_layers(sorted(layers.keys() ^ weights.keys()), path)
    shapes = {name: [weight.shape for weight in layer.weights] for name, layer in sorted(layers.items())}
    own = {name: [array.shape for array in arrays] for name, arrays in weights.items()}
    _refuse_layers([name for name, expected in shapes.items() if own[name] != expected], path)
    for name, layer in layers.items():
        layer.set_weights(weights[name])
    if bad := name_not_finite((variable.path, variable.value.numpy()) for variable in model.weights):
        raise ValueError(f"{path}: weights hold NaN or infinity: {bad}; train or convert it again.")
    return model


def name_not_finite(weights: Iterable[tuple[str, np.ndarray]]) -> str:
    """Return the first names of weights that hold NaN or infinity, and how many more do; "" if none does."""
    bad = [name for name, x in weights if x.size and not (np.isfinite(x.min()) and np.isfinite(x.max()))]
    more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    return ", ".join(bad[:_SHOWN]) + more


def list_kernels(configuration: Wav2Vec2Configuration, *, layers: int) -> dict[str, tuple[int, ...]]:
    """Return the kernel shapes that decide how large the model is, by layer name; of at most `layers` layers."""
    hidden, channels = configuration.hidden_size, (1, *configuration.conv_dim)
    width = hidden // configuration.num_conv_pos_embedding_groups
    positional = "positional" if configuration.num_conv_pos_layers == 1 else "positional_0"
    convolutions = zip(configuration.conv_kernel, channels, configuration.conv_dim, strict=False)
    blocks = range(min(configuration.num_hidden_layers, layers + 1))
    buckets = configuration.num_buckets, configuration.num_attention_heads
    return {
        **{f"feature_encoder_{index}_convolution": shape for index, shape in enumerate(convolutions)},
        "feature_projection": (channels[-1], hidden),
        f"{positional}_convolution_0": (configuration.num_conv_pos_embeddings, width, width),
        **({"relative_positions": buckets} if configuration.num_buckets else {}),
        **{f"layer_{index}_intermediate": (hidden, configuration.intermediate_size) for index in blocks},
        "lm_head": (hidden, configuration.vocab_size),
    }


def _refuse_layers(names: list[str], path: Path) -> None:
    if names:
        raise ValueError(
            f"{path}: its weights do not match its configuration, in the layers {names[:5]}; make it again: "
            f"{CONVERT_COMMAND}"
        )


def read_model_file(
    path: Path, vocabulary: Vocabulary | None = None
) -> tuple[Wav2Vec2Configuration, dict[str, list[np.ndarray]]]:
    """Read the numbers of an `.h5` file; `vocabulary` as for `load_model`.

    Returns:
        The architecture, and the weights by layer name, in the order of the layer's variables.

    Raises:
        ValueError: the file is damaged, or holds another model, or another vocabulary.
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
        with h5py.File(path, locking=False) as file:
            if foreign := next(find_foreign(file), None):
                raise ValueError(f"{path}: {foreign}; make it again: {CONVERT_COMMAND}")
            configuration = _read_configuration(file, path)
            if vocabulary is not None and (problem := compare_vocabulary(file, vocabulary)):
                raise ValueError(f"{path}: {problem}")
            weights = {name: arrays for name in file["model_weights"] if (arrays := _read_layer(file, name))}
    except (OSError, KeyError, RuntimeError, TypeError) as error:
        raise ValueError(
            f"{path}: not a readable Keras model ({error}); it may be cut off; make it again: {CONVERT_COMMAND}"
        ) from error
    return configuration, weights


def find_foreign(file: "h5py.File") -> Iterator[str]:
    """Yield which parts of an HDF5 file lie in other files, or claim more memory than their bytes can fill."""
    import h5py

    links: dict[str, Any] = {}
    file.visititems_links(lambda name, link: links.update({name: link}))
    for name, link in links.items():
        if not isinstance(link, h5py.HardLink):
            yield f"{name} is a link to another place, which is not followed"
        elif isinstance(part := file[name], h5py.Dataset):
            if part.external or part.is_virtual:
                yield f"{name} keeps its numbers in other files, which are not read"
            elif part.nbytes > _MOST_DEFLATED * part.id.get_storage_size():
                yield f"{name} claims {part.nbytes} bytes and holds {part.id.get_storage_size()}"


def compare_vocabulary(file: "h5py.File", vocabulary: Vocabulary) -> str:
    """Say how a model file's letters differ from those of a vocabulary; empty if they do not.

    A file without its own vocabulary has that of the JSON file beside it. The number of rows proves nothing: another
    language, or another order, may have as many.
    """
    path = Path(file.filename)
    beside = name_vocabulary_file(path)
    remedy = "set model.vocabulary in config.yaml to the JSON file that convert-model wrote beside the model"
    try:
        if VOCABULARY in file.attrs:
            own = make_vocabulary(json.loads(file.attrs[VOCABULARY]), place=f"its attribute {VOCABULARY}")
        elif beside.is_file():
            own = read_vocabulary(beside)
        else:
            return (
                f"it holds no vocabulary, and none lies beside it, so what its rows mean is unknown; put the model's "
                f"{beside.name} there, or make both again: {CONVERT_COMMAND}"
            )
    except (TypeError, ValueError) as error:
        return f"its vocabulary cannot be read ({error})"
    if (rows := _read_configuration(file, path).vocab_size) != len(own.tokens):
        return f"its head has {rows} rows and its vocabulary {len(own.tokens)} tokens; make it again: {CONVERT_COMMAND}"
    for row, (here, configured) in enumerate(zip_longest(own.tokens, vocabulary.tokens)):
        if here != configured:
            message = f"row {row} writes {here!r}, not {configured!r}"
            return f"its vocabulary is not the configured one: {message}; {remedy}."
    for name in ("special", "word_delimiter"):
        if getattr(own, name) != getattr(vocabulary, name):
            return f"its vocabulary is not the configured one: {name} differs; {remedy}."
    return ""


def _read_configuration(file: "h5py.File", path: Path) -> Wav2Vec2Configuration:
    if CONFIGURATION not in file.attrs:
        raise ValueError(
            f"{path}: not a wav2vec 2.0 model of this project: it lacks the attribute {CONFIGURATION}. A file of an "
            f"earlier version, which Tensorleap's engine cannot open, must be made again: {CONVERT_COMMAND}"
        )
    try:
        fields: dict[str, Any] = json.loads(file.attrs[CONFIGURATION])
        values: Any = {name: tuple(x) if isinstance(x, list) else x for name, x in fields.items()}
        return Wav2Vec2Configuration(**values)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path}: its {CONFIGURATION} cannot be read ({error}).") from error


def _read_layer(file: "h5py.File", name: str) -> list[np.ndarray]:
    """Return a layer's weights; raise TypeError if they are not floats."""
    group = file["model_weights"][name]
    arrays = [group[weight][()] for weight in group.attrs.get("weight_names", ())]
    for array in arrays:
        if array.dtype.kind != "f":
            raise TypeError(f"the layer {name} holds {array.dtype}, not floating-point numbers")
    with np.errstate(over="ignore"):  # beyond float32 it becomes infinity, which is refused by name
        return [array.astype(np.float32, copy=False) for array in arrays]
