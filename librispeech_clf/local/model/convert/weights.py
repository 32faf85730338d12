"""A checkpoint's tensors: their names, sizes and values, and which tensor belongs to which variable of the model.

Names are those of wav2vec 2.0 in `transformers`, whatever the family: `name_as_wav2vec2` sees to that.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.local.model.architecture import Wav2Vec2Configuration
from librispeech_clf.local.model.load import list_kernels, name_not_finite

if TYPE_CHECKING:
    import keras

UNNEEDED_TENSORS = frozenset(  # they replace masked frames, in training only; the second is the older name
    {"wav2vec2.masked_spec_embed", "wav2vec2.mask_time_emb_vector"}
)
_HEAD = "lm_head.weight"
_POSITIONAL = "wav2vec2.encoder.pos_conv_embed.conv"
_WEIGHT_NORM_SPELLINGS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)
_MODULES = {  # the model's layer: transformers' module
    r"feature_encoder_(\d+)_convolution": r"wav2vec2.feature_extractor.conv_layers.\1.conv",
    r"feature_encoder_(\d+)_norm": r"wav2vec2.feature_extractor.conv_layers.\1.layer_norm",
    "feature_projection_norm": "wav2vec2.feature_projection.layer_norm",
    "feature_projection": "wav2vec2.feature_projection.projection",
    r"positional_convolution_\d+": _POSITIONAL,
    r"positional_(\d+)_convolution_\d+": r"wav2vec2.encoder.pos_conv_embed.layers.\1.conv",
    "encoder_norm|last_hidden_state": "wav2vec2.encoder.layer_norm",
    "relative_positions": "wav2vec2.encoder.layers.0.attention.rel_attn_embed",
    r"layer_(\d+)_attention_query": r"wav2vec2.encoder.layers.\1.attention.q_proj",
    r"layer_(\d+)_attention_key": r"wav2vec2.encoder.layers.\1.attention.k_proj",
    r"layer_(\d+)_attention_value": r"wav2vec2.encoder.layers.\1.attention.v_proj",
    r"layer_(\d+)_attention_output": r"wav2vec2.encoder.layers.\1.attention.out_proj",
    r"layer_(\d+)_attention_gate": r"wav2vec2.encoder.layers.\1.attention.gru_rel_pos_linear",
    r"layer_(\d+)_attention_gate_scale": r"wav2vec2.encoder.layers.\1.attention.gru_rel_pos_const",
    r"layer_(\d+)_attention_norm": r"wav2vec2.encoder.layers.\1.layer_norm",
    r"layer_(\d+)_feed_forward_norm": r"wav2vec2.encoder.layers.\1.final_layer_norm",
    r"layer_(\d+)_intermediate": r"wav2vec2.encoder.layers.\1.feed_forward.intermediate_dense",
    r"layer_(\d+)_output": r"wav2vec2.encoder.layers.\1.feed_forward.output_dense",
    r"layer_(\d+)_adapter_norm": r"wav2vec2.encoder.layers.\1.adapter_layer.norm",
    r"layer_(\d+)_adapter_down": r"wav2vec2.encoder.layers.\1.adapter_layer.linear_1",
    r"layer_(\d+)_adapter_up": r"wav2vec2.encoder.layers.\1.adapter_layer.linear_2",
    "lm_head": "lm_head",
}
_FIELDS = {  # by the first word of a layer's name: what config.json says about its size
    "feature": "conv_dim, conv_kernel and hidden_size",
    "positional": "num_conv_pos_embeddings and num_conv_pos_embedding_groups",
    "relative": "num_buckets and num_attention_heads",
    "layer": "num_hidden_layers, intermediate_size and hidden_size",
    "lm": "vocab_size and hidden_size",
}


def name_as_wav2vec2(tensors: Mapping[str, np.ndarray], family: str) -> dict[str, np.ndarray]:
    """Return tensors of a family, such as "hubert", under the names of wav2vec 2.0.

    A wrapper's prefix on every name, such as "module." or "_orig_mod.", is removed; the CTC head's name reveals it.

    Raises:
        ValueError: there are names with and without the prefix, which would collide.
    """
    heads = [name for name in tensors if name.endswith(f".{_HEAD}")]
    wrapper = heads[0].removesuffix(_HEAD) if len(heads) == 1 and _HEAD not in tensors else ""
    bare = {name.removeprefix(wrapper): tensor for name, tensor in tensors.items()}
    if len(bare) != len(tensors):
        raise ValueError(f"The tensors have names with and without {wrapper!r}; keep one of the two models.")
    return {re.sub(rf"^{family}\.", "wav2vec2.", name): tensor for name, tensor in bare.items()}


def check_tensors(configuration: Wav2Vec2Configuration, tensors: Mapping[str, np.ndarray]) -> None:
    """Refuse weights that are not finite, or not of the sizes in `config.json`, before a model is built.

    Raises:
        ValueError: the message names fields of `config.json`, or tensors.
    """
    for layer, shape in list_kernels(configuration, layers=len(tensors)).items():
        path = f"{layer}/kernel"
        if (tensor := tensors.get(find_tensor_name(path))) is not None:
            tensor = _pick(path, tensor, groups=configuration.num_conv_pos_embedding_groups)
        if tensor is None or tensor.shape != shape:
            found = "is missing" if tensor is None else f"has {tensor.shape[::-1]}"
            raise ValueError(
                f"config.json: {_FIELDS[layer.split('_')[0]]} do not fit the weights, wrong shape: "
                f"{find_tensor_name(path)} {found}, config.json says {shape[::-1]}."
            )
    if bad := name_not_finite(tensors.items()):
        raise ValueError(
            f"The weights hold NaN or infinity: {bad}. The training diverged, or the file is damaged; use another "
            "checkpoint."
        )


def fold_weight_norm(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Replace the positional convolution's magnitude and direction, in either spelling of torch, by its kernel.

    `torch.nn.utils.weight_norm` with `dim=2` (Salimans and Kingma 2016, arXiv 1602.07868): at each position k
    of the kernel, w[:, :, k] = g[k] * v[:, :, k] / ||v[:, :, k]||. Tensors have wav2vec 2.0's names.

    Raises:
        ValueError: the magnitude does not have one value per position.
    """
    folded = dict(tensors)
    for spelling in _WEIGHT_NORM_SPELLINGS:
        names = [f"{_POSITIONAL}.{part}" for part in spelling]
        if not set(names) <= set(folded):
            continue
        if f"{_POSITIONAL}.weight" in folded:
            raise ValueError(f"{names[0]}: the tensors hold this convolution twice; keep one spelling.")
        magnitude, direction = (folded.pop(name).astype(np.float64) for name in names)
        expected = (1, 1, *direction.shape[2:])
        if direction.ndim != len(expected) or magnitude.shape != expected:
            raise ValueError(f"{names[0]}: must have shape {expected}. Received: {magnitude.shape}")
        length = np.linalg.norm(direction, axis=(0, 1), keepdims=True)
        if not length.all():
            raise ValueError(f"{names[1]}: must not be 0 at a position; its direction is undefined.")
        folded[f"{_POSITIONAL}.weight"] = (magnitude * direction / length).astype(np.float32)
    return folded


def convert_weights(model: "keras.Model", tensors: Mapping[str, np.ndarray]) -> None:
    """Fill a model with a checkpoint's weights; nothing is assigned unless everything fits.

    Args:
        model: as `build_wav2vec2` makes it from the checkpoint's configuration.
        tensors: float32 weights by wav2vec 2.0's name, the CTC head's rows in the vocabulary's order.

    Raises:
        ValueError: the message lists variables without a tensor, tensors without a variable, and shapes that differ.
    """
    tensors = fold_weight_norm(tensors)
    sources = {variable.path: find_tensor_name(variable.path) for variable in model.weights}
    missing = sorted(set(sources.values()) - set(tensors))
    unused = sorted(set(tensors) - set(sources.values()) - UNNEEDED_TENSORS)
    groups = model.configuration.num_conv_pos_embedding_groups
    values = {
        path: _pick(path, tensors[name], groups=groups) for path, name in sources.items() if name in tensors
    }
    misfits = [
        f"{sources[variable.path]} has {value.shape[::-1]}, the model needs {tuple(variable.shape)[::-1]}"
        for variable in model.weights
        if (value := values.get(variable.path)) is not None and value.shape != tuple(variable.shape)
    ]
    if missing or unused or misfits:
        raise ValueError(
            f"The tensors do not fit config.json: missing {missing}; unused {unused}; wrong shape {misfits}."
        )
    for variable in model.weights:
        variable.assign(values[variable.path])


def find_tensor_name(path: str) -> str:
    """Return Hugging Face's name of a variable, by its path in the Keras model.

    "layer_0_attention_query/kernel" is "wav2vec2.encoder.layers.0.attention.q_proj.weight".
    """
    layer, variable = path.split("/")
    match, module = next(
        (match, module) for layers, module in _MODULES.items() if (match := re.fullmatch(layers, layer))
    )
    kind = "bias" if variable in ("bias", "beta") else "weight"
    return match.expand(module) + ("" if layer.endswith("_gate_scale") else f".{kind}")


def _pick(path: str, tensor: np.ndarray, *, groups: int) -> np.ndarray:
    """Return a variable's numbers from the tensor that holds them.

    torch's (out, in) and (out, in, k) are Keras's (in, out) and (k, in, out). A grouped positional convolution becomes
    one per group. WavLM's gates become what the graph has: two sums of four numbers each, and c * b - 1 as scale and
    shift.
    """
    layer, _, variable = path.partition("/")
    if layer.startswith("positional"):
        tensor = np.array_split(np.atleast_1d(tensor), groups)[int(layer.rpartition("_")[2])]
    elif layer == "relative_positions":
        return tensor
    elif layer.endswith("_gate") and tensor.shape[:1] == (8,):
        tensor = tensor.reshape(2, 4, *tensor.shape[1:]).sum(axis=1)
    elif layer.endswith("_gate_scale"):
        tensor = tensor.reshape(-1) if variable == "kernel" else np.full(tensor.size, -1, np.float32)
    if variable == "kernel" and tensor.ndim == 1:  # a depthwise convolution of width 1
        return tensor[None, :, None]
    return tensor.T
