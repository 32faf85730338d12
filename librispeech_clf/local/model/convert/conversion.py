"""Convert published wav2vec 2.0 CTC checkpoints to this project's Keras model: `poetry run convert-model`.

In: a Hugging Face folder or hub name (`checkpoint.py`). Out: an `.h5` file that `load.load_model`
reads. The order: configuration, vocabulary, weights, file; a doubt is an error that names what does not fit.
"""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from librispeech_clf.ctc.frames import measure_frame_duration
from librispeech_clf.local.model.convert.checkpoint import Checkpoint, find_checkpoint, read_checkpoint
from librispeech_clf.local.model.convert.configuration import (
    check_preprocessing,
    check_processor,
    convert_configuration,
)
from librispeech_clf.local.model.convert.tensors import check_finite, check_sizes, strip_prefix
from librispeech_clf.local.model.convert.vocabulary import (
    check_head,
    fit_head,
    fit_vocabulary,
    list_left_out,
    list_never_written,
    name_tokens,
)
from librispeech_clf.local.model.save import check_suffix, save_model
from librispeech_clf.text.plain_text import escape_unprintable, print_plain
from librispeech_clf.text.vocabulary import BLANK, LETTERS

if TYPE_CHECKING:
    import keras

_UNNEEDED_TENSORS = frozenset(  # they replace masked frames in training only; the second is the older name
    {"wav2vec2.masked_spec_embed", "wav2vec2.mask_time_emb_vector"}
)
_POSITIONAL = "wav2vec2.encoder.pos_conv_embed.conv"
_WEIGHT_NORM_SPELLINGS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)


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
        if f"{_POSITIONAL}.weight" in folded:
            raise ValueError(f"{names[0]}: the tensors hold this convolution twice; keep one spelling.")
        magnitude, direction = (folded.pop(name).astype(np.float64) for name in names)
        expected = (1, 1, *direction.shape[2:])
        if direction.ndim != len(expected) or magnitude.shape != expected:
            raise ValueError(f"{names[0]}: must have shape {expected}. Received: {magnitude.shape}")
        length = np.sqrt(np.sum(direction**2, axis=(0, 1), keepdims=True))
        if not length.all():
            raise ValueError(f"{names[1]}: must not be 0 at a position; its direction is undefined.")
        folded[f"{_POSITIONAL}.weight"] = (magnitude * direction / length).astype(np.float32)
    return folded


def split_groups(tensors: Mapping[str, np.ndarray], *, groups: int) -> dict[str, np.ndarray]:
    """Replace the grouped positional convolution by one convolution a group, named `conv.0.weight`, `conv.0.bias`, ...

    Args:
        tensors: weights by Hugging Face's name; without those of the positional convolution nothing is done.
        groups: of the convolution; outputs are split among them in order.
    """
    split = dict(tensors)
    for kind in ("weight", "bias"):
        if (whole := split.get(f"{_POSITIONAL}.{kind}")) is not None and not len(whole) % groups:
            del split[f"{_POSITIONAL}.{kind}"]
            parts = np.split(whole, groups)
            split |= {f"{_POSITIONAL}.{group}.{kind}": part for group, part in enumerate(parts)}
    return split


def _join_groups(name: str) -> str:
    """Return a tensor's name as the checkpoint has it, before `split_groups`."""
    return re.sub(rf"^({re.escape(_POSITIONAL)})\.\d+\.", r"\1.", name)


def convert_weights(model: "keras.Model", tensors: Mapping[str, np.ndarray]) -> None:
    """Fill a model with a checkpoint's weights; nothing is assigned unless everything fits.

    Args:
        model: as `build_wav2vec2` makes it from the checkpoint's configuration.
        tensors: float32 weights by Hugging Face's name, the CTC head's rows in this project's order.

    Raises:
        ValueError: lists variables without a tensor, tensors without a variable, and shapes that differ.
    """
    tensors = split_groups(
        fold_weight_norm(tensors), groups=model.configuration.num_conv_pos_embedding_groups
    )
    sources = {variable.path: name_tensor(variable.path) for variable in model.weights}
    missing = sorted({_join_groups(name) for name in sources.values() if name not in tensors})
    unused = sorted(set(tensors) - set(sources.values()) - _UNNEEDED_TENSORS)
    present = [variable for variable in model.weights if sources[variable.path] in tensors]
    # torch's (out, in) and (out, in, k) are Keras' (in, out) and (k, in, out)
    values = [tensors[sources[variable.path]].T for variable in present]
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


def name_tensor(path: str) -> str:
    """Return Hugging Face's name of a variable.

    Args:
        path: the variable's path in the Keras model, such as "layer_0_attention_query/kernel".

    Returns:
        The tensor's name, such as "wav2vec2.encoder.layers.0.attention.q_proj.weight".
    """
    layer, variable = path.split("/")
    kind = {"kernel": "weight", "gamma": "weight", "bias": "bias", "beta": "bias"}[variable]
    return f"{_name_module(layer)}.{kind}"


def _name_module(layer: str) -> str:
    """Return Hugging Face's name of a layer's module."""
    whole = {
        "feature_projection_norm": "wav2vec2.feature_projection.layer_norm",
        "feature_projection": "wav2vec2.feature_projection.projection",
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
    if layer.startswith("positional_convolution_"):
        return f"{_POSITIONAL}.{layer.removeprefix('positional_convolution_')}"
    index, part = layer.removeprefix("layer_").split("_", 1)
    modules = {
        "attention_query": "attention.q_proj",
        "attention_key": "attention.k_proj",
        "attention_value": "attention.v_proj",
        "attention_output": "attention.out_proj",
        "attention_norm": "layer_norm",
        "feed_forward_norm": "final_layer_norm",
        "intermediate": "feed_forward.intermediate_dense",
        "output": "feed_forward.output_dense",
    }
    return f"wav2vec2.encoder.layers.{index}.{modules[part]}"


def _flat_shape(variable) -> tuple[int, ...]:
    """Return a variable's shape; that of a depthwise convolution of width 1 is the number of its channels."""
    shape = tuple(variable.shape)
    return shape[1:2] if variable.path == "feature_encoder_0_norm/kernel" else shape


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
    check_processor(checkpoint.processor)
    head_rows = configuration.vocab_size
    tensors = strip_prefix(checkpoint.tensors)
    check_head(tensors, head_rows=head_rows)
    tokens = name_tokens(checkpoint, head_rows=head_rows)
    rows = fit_vocabulary(tokens, head_rows=head_rows, drop_letters=drop_letters)
    blank = checkpoint.configuration.get("pad_token_id")
    if blank not in (None, rows[BLANK]):
        raise ValueError(f"config.json: pad_token_id is {blank}, but vocab.json has <pad> at {rows[BLANK]}.")
    tensors = fold_weight_norm(fit_head(tensors, rows))
    check_sizes(configuration, tensors)
    check_finite(tensors)
    from librispeech_clf.local.model.graph import build_wav2vec2

    model = build_wav2vec2(dataclasses.replace(configuration, vocab_size=len(LETTERS)))
    convert_weights(model, tensors)
    return model


def convert_file(source: str, path: Path, *, drop_letters: bool) -> None:
    """Convert a checkpoint to a model file, and print what was converted.

    Args:
        source: Hugging Face folder or hub name.
        path: the `.h5` file to write.
        drop_letters: leave out letters of the checkpoint that this project does not know.

    Raises:
        ValueError: the suffix is another, or the checkpoint cannot be converted.
        OSError: the checkpoint is not there, or the file cannot be written.
    """
    check_suffix(path)
    checkpoint = read_checkpoint(find_checkpoint(source))
    model = convert_checkpoint(checkpoint, drop_letters=drop_letters)
    save_model(model, path)
    _print_summary(source, checkpoint, model, path)


def _print_summary(source: str, checkpoint: Checkpoint, model: "keras.Model", path: Path) -> None:
    """Print what was converted, and how to push it."""
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
    table.add_row("frames", f"one every {1000 * measure_frame_duration(configuration.conv_stride):g} ms")
    table.add_row("parameters", f"{model.count_params():,} in {len(model.weights)} variables, all assigned")
    unneeded = sorted(_UNNEEDED_TENSORS & set(strip_prefix(checkpoint.tensors)))
    tokens = name_tokens(checkpoint, head_rows=configuration.vocab_size)
    left_out = list_left_out(tokens, head_rows=configuration.vocab_size)
    rows = fit_vocabulary(tokens, head_rows=configuration.vocab_size, drop_letters=True)
    table.add_row("tensors left out", ", ".join(unneeded) or "none")
    table.add_row("letters left out", Text(escape_unprintable(", ".join(left_out) or "none")))
    table.add_row("letters never written", ", ".join(list_never_written(rows)) or "none")
    Console().print(table)
    print_plain(f"Push it with the code:  leap push -n {path.stem} -m {path} -e")
    print_plain(f"Older leap CLI:         leap projects push {path}")
