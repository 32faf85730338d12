"""A checkpoint's tensors: wrappers' prefixes, sizes, finite values, and which of them is which variable of the model.

Names are those of `transformers`' wav2vec 2.0, whatever the family: `name_as_wav2vec2` takes a family's own prefix off.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.local.model.architecture import Wav2Vec2Configuration
from librispeech_clf.local.model.load import name_not_finite

if TYPE_CHECKING:
    import keras

UNNEEDED_TENSORS = frozenset(  # they replace masked frames in training only; the second is the older name
    {"wav2vec2.masked_spec_embed", "wav2vec2.mask_time_emb_vector"}
)
_HEAD = "lm_head.weight"
_LAYER = re.compile(r"wav2vec2\.encoder\.layers\.(\d+)\.")
_EMBEDDING = "wav2vec2.encoder.pos_conv_embed"
_POSITIONAL = f"{_EMBEDDING}.conv"
_POSITIONAL_PARTS = re.compile(rf"({re.escape(_EMBEDDING)}\.(?:layers\.\d+\.)?conv)\.(weight|bias)")
_WEIGHT_NORM_SPELLINGS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)
_GATE, _GATE_SCALE = "attention.gru_rel_pos_linear", "attention.gru_rel_pos_const"


def strip_prefix(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Take off the prefix that a wrapper put before every name: "module.", "model.", "_orig_mod." and the like.

    Args:
        tensors: weights by name; the CTC head's name tells the prefix.

    Returns:
        The weights by Hugging Face's name; names without the prefix stay.

    Raises:
        ValueError: the names with and without the prefix collide.
    """
    heads = [name for name in tensors if name.endswith(f".{_HEAD}")]
    if _HEAD in tensors or len(heads) != 1:
        return dict(tensors)
    prefix = heads[0].removesuffix(_HEAD)
    stripped = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    if len(stripped) != len(tensors):
        raise ValueError(f"The tensors have names with and without {prefix!r}; keep one of the two models.")
    return stripped


def name_as_wav2vec2(tensors: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Return tensors of another family, such as "hubert.", under the names of wav2vec 2.0."""
    return {re.sub(rf"^{prefix}\.", "wav2vec2.", name): tensor for name, tensor in tensors.items()}


def check_sizes(configuration: Wav2Vec2Configuration, tensors: Mapping[str, np.ndarray]) -> None:
    """Refuse sizes of `config.json` that the weights do not have, before a model of these sizes is built.

    Args:
        configuration: as `convert_configuration` returns it.
        tensors: weights by wav2vec 2.0's name; absent ones are not looked at.

    Raises:
        ValueError: a size of `config.json`, by the field's name.
    """
    layers = {int(match[1]) for name in tensors if (match := _LAYER.match(name))}
    if layers and max(layers) + 1 != configuration.num_hidden_layers:
        raise ValueError(
            f"config.json: num_hidden_layers is {configuration.num_hidden_layers}, but the weights hold "
            f"{max(layers) + 1} layers."
        )
    for name, (fields, shape) in _expect_shapes(configuration).items():
        if name in tensors and tensors[name].shape != shape:
            raise ValueError(
                f"config.json: {fields} do not fit the weights, wrong shape: {name} has {tensors[name].shape}, "
                f"config.json says {shape}."
            )


def _expect_shapes(configuration: Wav2Vec2Configuration) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return fields and shape by tensor, for the tensors that show every size of the model."""
    hidden, groups = configuration.hidden_size, configuration.num_conv_pos_embedding_groups
    kernel = (hidden, hidden // groups, configuration.num_conv_pos_embeddings)
    shapes: dict[str, tuple[str, tuple[int, ...]]] = {
        "wav2vec2.feature_projection.projection.weight": (
            "hidden_size and conv_dim",
            (hidden, configuration.conv_dim[-1]),
        ),
        "wav2vec2.encoder.layers.0.feed_forward.intermediate_dense.weight": (
            "intermediate_size and hidden_size",
            (configuration.intermediate_size, hidden),
        ),
        "wav2vec2.encoder.layers.0.attention.rel_attn_embed.weight": (
            "num_buckets and num_attention_heads",
            (configuration.num_buckets, configuration.num_attention_heads),
        ),
    }
    for name in (f"{_POSITIONAL}.weight", f"{_EMBEDDING}.layers.0.conv.weight"):
        shapes[name] = ("num_conv_pos_embeddings and num_conv_pos_embedding_groups", kernel)
    sizes = zip(configuration.conv_dim, (1, *configuration.conv_dim), configuration.conv_kernel, strict=False)
    for index, size in enumerate(sizes):
        name = f"wav2vec2.feature_extractor.conv_layers.{index}.conv.weight"
        shapes[name] = ("conv_dim and conv_kernel", size)
    return shapes


def check_finite(tensors: Mapping[str, np.ndarray]) -> None:
    """Raise ValueError, which names them, where weights hold NaN or infinity."""
    if bad := name_not_finite(tensors.items()):
        raise ValueError(
            f"The weights hold NaN or infinity: {bad}. The training diverged, or the file is damaged; use another "
            "checkpoint."
        )


def fold_weight_norm(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Replace the positional convolution's magnitude and direction by its kernel.

    `torch.nn.utils.weight_norm` with `dim=2` (Salimans and Kingma 2016, arXiv 1602.07868): at each position k
    of the kernel, w[:, :, k] = g[k] * v[:, :, k] / ||v[:, :, k]||.

    Args:
        tensors: weights by wav2vec 2.0's name, in either spelling of torch (`_WEIGHT_NORM_SPELLINGS`).

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


def _split_groups(tensors: Mapping[str, np.ndarray], *, groups: int) -> dict[str, np.ndarray]:
    """Replace each grouped positional convolution by one a group, named `conv.0.weight`, `conv.0.bias`, ..."""
    split = dict(tensors)
    for name, whole in tensors.items():
        if (match := _POSITIONAL_PARTS.fullmatch(name)) and not len(whole) % groups:
            del split[name]
            parts = enumerate(np.split(whole, groups))
            split |= {f"{match[1]}.{group}.{match[2]}": part for group, part in parts}
    return split


def _fold_gates(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Make WavLM's gates of what the graph has: two sums of four numbers each, and c * b - 1 as scale and shift."""
    folded = dict(tensors)
    for name, tensor in tensors.items():
        if _GATE in name and tensor.shape[:1] == (8,):
            folded[name] = tensor.reshape(2, 4, *tensor.shape[1:]).sum(axis=1)
        elif name.endswith(_GATE_SCALE) and tensor.ndim == 4:
            del folded[name]
            folded |= {
                f"{name}.weight": tensor.reshape(-1),
                f"{name}.bias": np.full(tensor.size, -1, np.float32),
            }
    return folded


def convert_weights(model: "keras.Model", tensors: Mapping[str, np.ndarray]) -> None:
    """Fill a model with a checkpoint's weights; nothing is assigned unless everything fits.

    Args:
        model: as `build_wav2vec2` makes it from the checkpoint's configuration.
        tensors: float32 weights by wav2vec 2.0's name, the CTC head's rows in the vocabulary's order.

    Raises:
        ValueError: lists variables without a tensor, tensors without a variable, and shapes that differ.
    """
    groups = model.configuration.num_conv_pos_embedding_groups
    tensors = _split_groups(_fold_gates(fold_weight_norm(tensors)), groups=groups)
    sources = {variable.path: find_tensor_name(variable.path) for variable in model.weights}
    missing = sorted({_join_groups(name) for name in sources.values() if name not in tensors})
    unused = sorted(set(tensors) - set(sources.values()) - UNNEEDED_TENSORS)
    present = [variable for variable in model.weights if sources[variable.path] in tensors]
    # torch's (out, in) and (out, in, k) are Keras' (in, out) and (k, in, out); embeddings are the same in both
    values = [_transpose(variable.path, tensors[sources[variable.path]]) for variable in present]
    misfits = [
        f"{sources[variable.path]} has {_transpose(variable.path, value).shape}, the model needs "
        f"{_flat_shape(variable)[::-1]}"
        for variable, value in zip(present, values, strict=True)
        if value.shape != _flat_shape(variable)
    ]
    if missing or unused or misfits:
        raise ValueError(
            f"The tensors do not fit config.json: missing {missing}; unused {unused}; wrong shape {misfits}."
        )
    for variable, value in zip(present, values, strict=True):
        variable.assign(value.reshape(variable.shape))


def _transpose(path: str, tensor: np.ndarray) -> np.ndarray:
    return tensor if path.endswith("/embeddings") else tensor.T


def _join_groups(name: str) -> str:
    """Return a tensor's name as the checkpoint has it, before `_split_groups`."""
    return re.sub(rf"^({re.escape(_EMBEDDING)}\.(?:layers\.\d+\.)?conv)\.\d+\.", r"\1.", name)


def find_tensor_name(path: str) -> str:
    """Return Hugging Face's name of a variable.

    Args:
        path: the variable's path in the Keras model, such as "layer_0_attention_query/kernel".

    Returns:
        The tensor's name, such as "wav2vec2.encoder.layers.0.attention.q_proj.weight".
    """
    layer, variable = path.split("/")
    kind = "bias" if variable in ("bias", "beta") else "weight"
    return f"{_name_module(layer)}.{kind}"


def _name_module(layer: str) -> str:
    """Return Hugging Face's name of a layer's module."""
    whole = {
        "feature_projection_norm": "wav2vec2.feature_projection.layer_norm",
        "feature_projection": "wav2vec2.feature_projection.projection",
        "encoder_norm": "wav2vec2.encoder.layer_norm",
        "last_hidden_state": "wav2vec2.encoder.layer_norm",
        "relative_positions": "wav2vec2.encoder.layers.0.attention.rel_attn_embed",
        "lm_head": "lm_head",
    }
    if layer in whole:
        return whole[layer]
    if match := re.fullmatch(r"feature_encoder_(\d+)_(convolution|norm)", layer):
        part = {"convolution": "conv", "norm": "layer_norm"}[match[2]]
        return f"wav2vec2.feature_extractor.conv_layers.{match[1]}.{part}"
    if match := re.fullmatch(r"positional_(?:(\d+)_)?convolution_(\d+)", layer):
        return f"{_EMBEDDING}.{f'layers.{match[1]}.' if match[1] else ''}conv.{match[2]}"
    index, part = layer.removeprefix("layer_").split("_", 1)
    modules = {
        "attention_query": "attention.q_proj",
        "attention_key": "attention.k_proj",
        "attention_value": "attention.v_proj",
        "attention_output": "attention.out_proj",
        "attention_gate": _GATE,
        "attention_gate_scale": _GATE_SCALE,
        "attention_norm": "layer_norm",
        "feed_forward_norm": "final_layer_norm",
        "intermediate": "feed_forward.intermediate_dense",
        "output": "feed_forward.output_dense",
        "adapter_norm": "adapter_layer.norm",
        "adapter_down": "adapter_layer.linear_1",
        "adapter_up": "adapter_layer.linear_2",
    }
    return f"wav2vec2.encoder.layers.{index}.{modules[part]}"


def _flat_shape(variable) -> tuple[int, ...]:
    """Return a variable's shape; that of a depthwise convolution of width 1 is the number of its channels."""
    shape = tuple(variable.shape)
    depthwise = variable.path == "feature_encoder_0_norm/kernel" or variable.path.endswith(
        "_gate_scale/kernel"
    )
    return shape[1:2] if depthwise else shape
