"""A checkpoint's tensors before they are put into a model: wrappers' prefixes, sizes, finite values."""

import re
from collections.abc import Mapping

import numpy as np

from librispeech_clf.local.model.architecture import Wav2Vec2Configuration
from librispeech_clf.local.model.check_model import name_not_finite

_HEAD = "lm_head.weight"
_LAYER = re.compile(r"wav2vec2\.encoder\.layers\.(\d+)\.")


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


def check_sizes(configuration: Wav2Vec2Configuration, tensors: Mapping[str, np.ndarray]) -> None:
    """Refuse sizes of `config.json` that the weights do not have, before a model of these sizes is built.

    Args:
        configuration: as `convert_configuration` returns it.
        tensors: weights by Hugging Face's name; absent ones are not looked at.

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
    shapes = {
        "wav2vec2.feature_projection.projection.weight": (
            "hidden_size and conv_dim",
            (hidden, configuration.conv_dim[-1]),
        ),
        "wav2vec2.encoder.layers.0.feed_forward.intermediate_dense.weight": (
            "intermediate_size and hidden_size",
            (configuration.intermediate_size, hidden),
        ),
        "wav2vec2.encoder.pos_conv_embed.conv.weight": (
            "num_conv_pos_embeddings and num_conv_pos_embedding_groups",
            (hidden, hidden // groups, configuration.num_conv_pos_embeddings),
        ),
    }
    sizes = zip(configuration.conv_dim, (1, *configuration.conv_dim), configuration.conv_kernel, strict=False)
    for index, size in enumerate(sizes):
        name = f"wav2vec2.feature_extractor.conv_layers.{index}.conv.weight"
        shapes[name] = ("conv_dim and conv_kernel", size)
    return shapes


def check_finite(tensors: Mapping[str, np.ndarray]) -> None:
    """Refuse weights that are no numbers.

    Args:
        tensors: float32 weights by Hugging Face's name.

    Raises:
        ValueError: names the tensors that hold NaN or infinity.
    """
    if bad := name_not_finite(tensors.items()):
        raise ValueError(
            f"The weights hold NaN or infinity: {bad}. The training diverged, or the file is damaged; use another "
            "checkpoint."
        )
