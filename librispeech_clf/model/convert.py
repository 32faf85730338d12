"""Convert published wav2vec 2.0 CTC checkpoints to this project's Keras model: `poetry run convert-model`.

In: a Hugging Face folder or hub name (`checkpoint.py`). Out: an `.h5` or `.keras` file that `load.load_model`
reads. The order: configuration, vocabulary, weights, file; a doubt is an error that names what does not fit.
"""

import argparse
import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from librispeech_clf.model.checkpoint import Checkpoint, find_checkpoint, read_checkpoint
from librispeech_clf.model.configuration import Wav2Vec2Configuration
from librispeech_clf.model.save import check_suffix, save_model
from librispeech_clf.plain_text import escape_unprintable, print_plain
from librispeech_clf.vocabulary import BLANK, LETTERS, SPECIALS

if TYPE_CHECKING:
    import keras

NEVER = -1e4
"""Bias of a special letter that a checkpoint lacks: it is never written; fits float16."""

_ALLOWED = {  # None: absent, transformers' default
    "model_type": ("wav2vec2",),
    "hidden_act": ("gelu", None),
    "feat_extract_activation": ("gelu", None),
    "add_adapter": (False, None),
    "adapter_attn_dim": (None,),
    "position_embeddings_type": (None,),
    "layer_norm_eps": (
        1e-5,
        None,
    ),  # transformers fixes it in the feature encoder; one value serves all norms here
}
_UNNEEDED_TENSORS = frozenset({"wav2vec2.masked_spec_embed"})  # replaces masked frames in training only
_SPECIAL_ALIASES = {"[PAD]": "<pad>", "[UNK]": "<unk>", " ": "|"}
_POSITIONAL = "wav2vec2.encoder.pos_conv_embed.conv"
_WEIGHT_NORM_SPELLINGS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)


def convert_configuration(hugging_face: Mapping[str, Any]) -> Wav2Vec2Configuration:
    """Return the architecture that a Hugging Face `config.json` describes.

    Args:
        hugging_face: the fields of `Wav2Vec2Config`; absent ones have that class's defaults.

    Raises:
        ValueError: not wav2vec 2.0 with a CTC head, or with a part that this model does not have.
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
        name: hugging_face[name] for name in fields if hugging_face.get(name) is not None
    }
    for name in ("conv_dim", "conv_kernel", "conv_stride"):
        if name in values:
            values[name] = tuple(values[name])
    return Wav2Vec2Configuration(**values)


def check_preprocessing(preprocessing: Mapping[str, Any]) -> None:
    """Refuse a checkpoint that hears audio otherwise than this project prepares it.

    Args:
        preprocessing: `preprocessor_config.json`; absent fields have transformers' defaults, which fit.

    Raises:
        ValueError: another sampling rate than 16 kHz, or audio that is not normalised.
    """
    for name, expected in {"sampling_rate": 16000, "do_normalize": True}.items():
        if preprocessing.get(name, expected) != expected:
            raise ValueError(
                f"preprocessor_config.json: {name} must be {expected}, as this project prepares audio. "
                f"Received: {preprocessing[name]!r}"
            )


def fit_vocabulary(
    vocabulary: Mapping[str, int], *, head_rows: int, drop_letters: bool = False
) -> tuple[int | None, ...]:
    """Find the row of a checkpoint's CTC head for each letter of this project.

    Letters may be in another order and in lower case; special letters other than the blank may be missing.

    Args:
        vocabulary: row by letter, as `vocab.json` holds it.
        head_rows: rows of the checkpoint's head (`vocab_size`).
        drop_letters: leave out rows whose letter this project does not know, instead of refusing them.

    Returns:
        For each of the 32 letters of `vocabulary.LETTERS` the row, None for a special letter that is missing.

    Raises:
        ValueError: ids that are no rows, letters missing, letters unknown.
    """
    wrong = {
        letter: row for letter, row in vocabulary.items() if type(row) is not int or not 0 <= row < head_rows
    }
    if wrong or len(set(vocabulary.values())) != len(vocabulary):
        raise ValueError(
            f"vocab.json: must give every letter its own row in 0..{head_rows - 1}. "
            f"Received: {wrong or dict(vocabulary)}"
        )
    folded = {_fold_letter(letter): row for letter, row in vocabulary.items()}
    missing = [x for i, x in enumerate(LETTERS) if x not in folded and (i == BLANK or i not in SPECIALS)]
    rows = tuple(folded.get(letter) for letter in LETTERS)
    names = {row: letter for letter, row in vocabulary.items()}
    unknown = [names.get(row, f"row {row}, without a letter") for row in range(head_rows) if row not in rows]
    if missing or (unknown and not drop_letters):
        raise ValueError(
            f"vocab.json does not fit the 32 letters of librispeech_clf.vocabulary: missing {missing}, "
            f"unknown {unknown}. "
            + ("Use a checkpoint for English." if missing else "--drop-letters leaves the unknown ones out.")
        )
    return rows


def find_dropped_letters(vocabulary: Mapping[str, int]) -> list[str]:
    """Return the letters of a checkpoint that this project does not know, sorted."""
    return sorted(letter for letter in vocabulary if _fold_letter(letter) not in LETTERS)


def _fold_letter(letter: str) -> str:
    """Return a checkpoint's letter as this project spells it."""
    return _SPECIAL_ALIASES.get(letter, letter if len(letter) > 1 else letter.upper())


def fit_head(
    tensors: Mapping[str, np.ndarray], rows: Sequence[int | None], *, head_rows: int
) -> dict[str, np.ndarray]:
    """Return the tensors with the CTC head's rows in this project's order.

    Args:
        tensors: float32 weights by Hugging Face's name.
        rows: as `fit_vocabulary` returns them; None becomes a row that is never the highest (`NEVER`).
        head_rows: rows of the checkpoint's head (`vocab_size`).

    Raises:
        ValueError: the head is missing or has another number of rows.
    """
    names = ("lm_head.weight", "lm_head.bias")
    if absent := [name for name in names if name not in tensors]:
        raise ValueError(f"The checkpoint has no CTC head: tensors missing {absent}.")
    if wrong := [f"{name} has {tensors[name].shape}" for name in names if len(tensors[name]) != head_rows]:
        raise ValueError(f"wrong shape: {wrong}; config.json says vocab_size {head_rows}.")
    picked = [0 if row is None else row for row in rows]
    weight, bias = (tensors[name][picked] for name in names)
    absent_rows = np.array([row is None for row in rows])
    weight[absent_rows], bias[absent_rows] = 0, NEVER
    return {**tensors, names[0]: weight, names[1]: bias}


def fold_weight_norm(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Replace the positional convolution's magnitude and direction by its kernel.

    `torch.nn.utils.weight_norm` with `dim=2` (Salimans and Kingma 2016, arXiv 1602.07868): at each position k
    of the kernel, w[:, :, k] = g[k] * v[:, :, k] / ||v[:, :, k]||.

    Args:
        tensors: weights by Hugging Face's name, in either spelling of torch (`_WEIGHT_NORM_SPELLINGS`).

    Raises:
        ValueError: the magnitude does not have one value per position.
    """
    folded = dict(tensors)
    for magnitude_name, direction_name in _WEIGHT_NORM_SPELLINGS:
        names = f"{_POSITIONAL}.{magnitude_name}", f"{_POSITIONAL}.{direction_name}"
        if not all(name in folded for name in names):
            continue
        magnitude, direction = (folded.pop(name).astype(np.float64) for name in names)
        if magnitude.shape != (1, 1, direction.shape[-1]):
            raise ValueError(
                f"{names[0]}: must have shape {(1, 1, direction.shape[-1])}. Received: {magnitude.shape}"
            )
        length = np.sqrt(np.sum(direction**2, axis=(0, 1), keepdims=True))
        folded[f"{_POSITIONAL}.weight"] = (magnitude * direction / length).astype(np.float32)
    return folded


def convert_weights(model: "keras.Model", tensors: Mapping[str, np.ndarray]) -> int:
    """Fill a model with a checkpoint's weights; nothing is assigned unless everything fits.

    Args:
        model: as `build_wav2vec2` makes it from the checkpoint's configuration.
        tensors: float32 weights by Hugging Face's name, the CTC head's rows in this project's order.

    Returns:
        How many variables were assigned (all of them).

    Raises:
        ValueError: lists variables without a tensor, tensors without a variable, and shapes that differ.
    """
    tensors = fold_weight_norm(tensors)
    sources = {variable.path: name_tensor(variable.path) for variable in model.weights}
    missing = sorted(name for name in sources.values() if name not in tensors)
    unused = sorted(set(tensors) - set(sources.values()) - _UNNEEDED_TENSORS)
    present = [variable for variable in model.weights if sources[variable.path] in tensors]
    values = [_to_keras_layout(tensors[sources[variable.path]]) for variable in present]
    misfits = [
        f"{sources[variable.path]} has {value.T.shape}, the model needs {_flat_shape(variable)[::-1]}"
        for variable, value in zip(present, values, strict=True)
        if value.shape != _flat_shape(variable)
    ]
    if missing or unused or misfits:
        raise ValueError(
            f"The tensors do not fit config.json: missing {missing}; unused {unused}; wrong shape {misfits}."
        )
    for variable, value in zip(present, values, strict=True):
        variable.assign(value.reshape(variable.shape))
    return len(present)


def name_tensor(path: str) -> str:
    """Return Hugging Face's name of a variable.

    Args:
        path: the variable's path in the Keras model, such as "layer_0_attention/query/kernel".

    Returns:
        The tensor's name, such as "wav2vec2.encoder.layers.0.attention.q_proj.weight".
    """
    layer, *parts = path.split("/")
    kind = {"kernel": "weight", "gamma": "weight", "bias": "bias", "beta": "bias"}[parts[-1]]
    projections = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "attention_output": "out_proj"}
    words = [_name_module(layer), *(projections[part] for part in parts[:-1]), kind]
    return ".".join(words)


def _name_module(layer: str) -> str:
    """Return Hugging Face's name of a layer's module."""
    whole = {
        "feature_projection_norm": "wav2vec2.feature_projection.layer_norm",
        "feature_projection": "wav2vec2.feature_projection.projection",
        "positional_convolution": _POSITIONAL,
        "encoder_norm": "wav2vec2.encoder.layer_norm",
        "last_hidden_state": "wav2vec2.encoder.layer_norm",
        "lm_head": "lm_head",
    }
    if layer in whole:
        return whole[layer]
    if layer.startswith("feature_encoder_"):
        index, part = layer.removeprefix("feature_encoder_").split("_", 1)
        return (
            f"wav2vec2.feature_extractor.conv_layers.{index}."
            + {"convolution": "conv", "norm": "layer_norm"}[part]
        )
    index, part = layer.removeprefix("layer_").split("_", 1)
    modules = {
        "attention": "attention",
        "attention_norm": "layer_norm",
        "feed_forward_norm": "final_layer_norm",
        "intermediate": "feed_forward.intermediate_dense",
        "output": "feed_forward.output_dense",
    }
    return f"wav2vec2.encoder.layers.{index}.{modules[part]}"


def _to_keras_layout(tensor: np.ndarray) -> np.ndarray:
    """Reverse the axes: torch's (out, in) and (out, in, k) are Keras' (in, out) and (k, in, out)."""
    return tensor.T


def _flat_shape(variable) -> tuple[int, ...]:
    """Return a variable's shape, the attention's axes of heads and head width as one."""
    shape = tuple(variable.shape)
    names = variable.path.split("/")[1:]
    if names[0] in ("query", "key", "value"):
        return (*shape[:-2], shape[-2] * shape[-1])
    if names == ["attention_output", "kernel"]:
        return (shape[0] * shape[1], shape[2])
    return shape


def convert_checkpoint(checkpoint: Checkpoint, *, drop_letters: bool = False) -> "keras.Model":
    """Return the Keras model of a checkpoint.

    Args:
        checkpoint: as `read_checkpoint` returns it.
        drop_letters: see `fit_vocabulary`.

    Raises:
        ValueError: something does not fit; see the functions above.
    """
    configuration = convert_configuration(checkpoint.configuration)
    check_preprocessing(checkpoint.preprocessing)
    rows = fit_vocabulary(
        checkpoint.vocabulary, head_rows=configuration.vocab_size, drop_letters=drop_letters
    )
    blank = checkpoint.configuration.get("pad_token_id", rows[BLANK])
    if blank != rows[BLANK]:
        raise ValueError(f"config.json: pad_token_id is {blank}, but vocab.json has <pad> at {rows[BLANK]}.")
    tensors = fit_head(checkpoint.tensors, rows, head_rows=configuration.vocab_size)
    from librispeech_clf.model.wav2vec2 import build_wav2vec2

    model = build_wav2vec2(dataclasses.replace(configuration, vocab_size=len(LETTERS)))
    convert_weights(model, tensors)
    return model


def _print_summary(source: str, checkpoint: Checkpoint, model: "keras.Model", path: Path) -> None:
    """Print what was converted, and how to push it."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    configuration = convert_configuration(checkpoint.configuration)
    order = "stable layer norm" if configuration.do_stable_layer_norm else "layer norm last"
    table = Table(title="Converted", show_header=False)
    table.add_row("from", Text(escape_unprintable(source)))
    table.add_row("to", Text(escape_unprintable(str(path)) + f" ({path.stat().st_size / 1e6:.1f} MB)"))
    table.add_row(
        "feature encoder",
        f"{len(configuration.conv_dim)} convolutions, {configuration.feat_extract_norm} norm",
    )
    table.add_row(
        "transformer",
        f"{configuration.num_hidden_layers} layers of width {configuration.hidden_size}, {order}",
    )
    table.add_row("parameters", f"{model.count_params():,} in {len(model.weights)} variables, all assigned")
    table.add_row(
        "tensors left out", ", ".join(sorted(_UNNEEDED_TENSORS & set(checkpoint.tensors))) or "none"
    )
    table.add_row("letters left out", ", ".join(find_dropped_letters(checkpoint.vocabulary)) or "none")
    Console().print(table)
    print_plain(f"Push it with the code:  leap push -n {path.stem} -m {path} -e")
    print_plain(f"Older leap CLI:         leap projects push {path}")


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="convert-model", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--from",
        dest="source",
        required=True,
        help="Hugging Face folder, or hub name such as facebook/wav2vec2-base-960h",
    )
    parser.add_argument(
        "--to", dest="path", type=Path, required=True, help="model file to write: models/NAME.h5"
    )
    parser.add_argument(
        "--drop-letters",
        action="store_true",
        help="leave out letters of the checkpoint that this project does not know",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `convert-model`; return 0, or 1 after printing why nothing was written."""
    options = _parse_arguments(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        check_suffix(options.path)
        checkpoint = read_checkpoint(find_checkpoint(options.source))
        model = convert_checkpoint(checkpoint, drop_letters=options.drop_letters)
        save_model(model, options.path)
    except (ValueError, OSError) as error:
        print_plain(f"convert-model: {error}", file=sys.stderr)
        return 1
    _print_summary(options.source, checkpoint, model, options.path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
