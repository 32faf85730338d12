"""What Tensorleap's model importer can open, and whether a model file is made of that alone.

In: a Keras .h5 file, read by h5py; nothing of it is executed. Out: findings. The importer runs Keras 2.12 and
TensorFlow 2.12 in an image of its own, so the project's classes do not exist there. Layers, their keys and the
operations are those of keras 2.12.0 and tensorflow 2.12.0 that a speech model may be made of.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from librispeech_clf.local.push.findings import Finding

if TYPE_CHECKING:
    import h5py

LFS_POINTER = b"version https://git-lfs"
WRITE_ANEW = "write the file anew by convert-model or train-model."
_KERNEL = "kernel_initializer kernel_regularizer kernel_constraint"
_BIAS = "use_bias bias_initializer bias_regularizer bias_constraint activity_regularizer activation"
_WINDOW = "kernel_size strides padding data_format dilation_rate groups"
_POOL = "pool_size strides padding data_format"
_SCALE = (
    "axis epsilon center scale beta_initializer beta_regularizer beta_constraint "
    "gamma_initializer gamma_regularizer gamma_constraint"
)
_OWN_KEYS = {
    "Activation": "activation",
    "Add": "",
    "Average": "",
    "AveragePooling1D": _POOL,
    "BatchNormalization": f"{_SCALE} momentum moving_mean_initializer moving_variance_initializer",
    "Concatenate": "axis",
    "Conv1D": f"filters {_WINDOW} {_KERNEL} {_BIAS}",
    "Conv2D": f"filters {_WINDOW} {_KERNEL} {_BIAS}",
    "Cropping1D": "cropping",
    "Dense": f"units {_KERNEL} {_BIAS}",
    "DepthwiseConv1D": (
        f"{_WINDOW} {_BIAS} depth_multiplier depthwise_initializer depthwise_regularizer depthwise_constraint"
    ),
    "Dot": "axes normalize",
    "Dropout": "rate noise_shape seed",
    "EinsumDense": (
        "equation output_shape bias_axes activation activity_regularizer "
        f"{_KERNEL} bias_initializer bias_regularizer bias_constraint"
    ),
    "Flatten": "data_format",
    "GroupNormalization": f"groups {_SCALE}",
    "InputLayer": "batch_input_shape sparse ragged",
    "LayerNormalization": _SCALE,
    "MaxPooling1D": _POOL,
    "Maximum": "",
    "Minimum": "",
    "Multiply": "",
    "Permute": "dims",
    "ReLU": "max_value negative_slope threshold",
    "RepeatVector": "n",
    "Reshape": "target_shape",
    "SlicingOpLambda": "function",
    "Softmax": "axis",
    "Subtract": "",
    "TFOpLambda": "function",
    "UnitNormalization": "axis",
    "ZeroPadding1D": "padding",
}
LAYER_KEYS = {name: {"name", "trainable", "dtype", *keys.split()} for name, keys in _OWN_KEYS.items()}
"""Configuration keys of each layer class that the importer knows."""
OPERATIONS = tuple(
    "__operators__.add __operators__.getitem cast clip_by_value compat.v1.gather compat.v1.pad compat.v1.shape "
    "compat.v1.transpose concat expand_dims fill identity linalg.matmul math.abs math.add math.ceil math.cumsum "
    "math.divide math.equal math.erf math.exp math.floor math.floordiv math.greater math.greater_equal math.less "
    "math.less_equal math.log math.logical_and math.logical_not math.logical_or math.maximum math.minimum "
    "math.multiply math.negative math.not_equal math.pow math.reduce_all math.reduce_any math.reduce_max "
    "math.reduce_mean math.reduce_min math.reduce_sum math.round math.rsqrt math.sigmoid math.sqrt math.square "
    "math.subtract math.tanh math.truediv nn.gelu nn.moments nn.relu nn.softmax ones_like pad reshape shape split "
    "squeeze stack tile transpose unstack where zeros_like".split()
)
"""TensorFlow operations, as TFOpLambda and SlicingOpLambda name them."""
ACTIVATIONS = tuple(
    "elu exponential gelu hard_sigmoid linear log_softmax relu selu sigmoid softmax softplus softsign swish "
    "tanh".split()
)
NESTED_MODULES = ("keras.initializers", "keras.regularizers", "keras.constraints")


def check_model_file(path: Path, *, input_name: str = "audio") -> list[Finding]:
    """Check that a model file opens in the importer, as far as its text and numbers tell.

    Args:
        path: A Keras .h5 file.
        input_name: Name of the model's only input.

    Returns:
        A finding for everything that does not, else one that passed.
    """
    try:
        problems = list(find_problems(path, input_name))
    except (OSError, RuntimeError) as error:  # h5py raises both for damaged files
        problems = [f"cannot be read to its end ({error}); the file is truncated or damaged: {WRITE_ANEW}"]
    if problems:
        return [Finding(str(path), problem) for problem in problems]
    return [Finding(str(path), None, "layers, keys and operations known to Keras 2.12; weights finite")]


def find_problems(path: Path, input_name: str) -> Iterator[str]:
    """Go through a model file from the outside in; stop where the rest cannot be judged."""
    import h5py

    if not path.is_file():
        yield "does not exist; name the model file by --model."
        return
    with path.open("rb") as file:
        start = file.read(len(LFS_POINTER))
    if start == LFS_POINTER:
        yield "is a Git LFS pointer, not the model; run `git lfs pull`."
    elif not h5py.is_hdf5(path):
        yield f"is not an HDF5 file (truncated, pickled, or of another kind); {WRITE_ANEW}"
    else:
        with h5py.File(path, "r") as file:
            configuration = read_model_configuration(file)
            if isinstance(configuration, str):
                yield configuration
                return
            yield from find_architecture_problems(configuration, input_name)
            yield from find_weight_problems(file)


def read_model_configuration(file: h5py.File) -> dict | str:
    """Return the configuration of a functional model, or what is wrong with it."""
    text = file.attrs.get("model_config")
    if text is None:
        return f"holds no model_config, so weights at most; {WRITE_ANEW}"
    try:
        configuration = json.loads(text)
        if configuration["class_name"] not in ("Functional", "Model"):
            return f"is a {configuration['class_name']!s:.60}; expected a functional model: {WRITE_ANEW}"
        layers = configuration["config"]["layers"]
        if all(
            isinstance(layer["config"], dict) and isinstance(layer["class_name"], str) for layer in layers
        ):
            return dict(configuration["config"])
    except (ValueError, TypeError, KeyError) as error:
        return f"its model_config is no Keras configuration ({type(error).__name__}); {WRITE_ANEW}"
    return f"its model_config has a layer without class or configuration; {WRITE_ANEW}"


def find_architecture_problems(configuration: Mapping, input_name: str) -> Iterator[str]:
    """Name every kind of layer, key and operation that the importer does not know, once."""
    wired, outputs = (list_ends(configuration.get(key)) for key in ("input_layers", "output_layers"))
    if wired != [input_name]:
        yield f"takes {wired}; expected the one input {input_name!r}, as the integration test wires it."
    if len(outputs) != 1:
        yield f"gives {len(outputs)} outputs; expected one, the logits."
    seen = set()
    for layer in configuration["layers"]:
        for problem in find_layer_problems(layer["class_name"], layer["config"]):
            if problem not in seen:
                seen.add(problem)
                yield f"layer {layer['config'].get('name', '?')!s:.60}: {problem}"


def list_ends(ends: object) -> list[str]:
    """Return the layers that a model's inputs or outputs are; Keras 3 writes a single one without its list."""
    if not isinstance(ends, list):
        return []
    return [str(end[0]) if isinstance(end, list) and end else str(end) for end in ends if end != 0]


def find_layer_problems(kind: str, configuration: Mapping) -> Iterator[str]:
    """Tell what the importer would not know of one layer."""
    if kind == "Lambda":
        yield f"a Lambda holds code, which is never run from a model file; {WRITE_ANEW}"
        return
    if kind not in LAYER_KEYS:
        yield f"class {kind!s:.60} is none of the importer's; {WRITE_ANEW}"
        return
    unknown = sorted(set(configuration) - LAYER_KEYS[kind])
    if unknown:
        yield f"{kind} has keys that Keras 2.12 does not know: {', '.join(unknown)}; {WRITE_ANEW}"
    if "OpLambda" in kind and configuration.get("function") not in OPERATIONS:
        yield f"operation {configuration.get('function')!s:.60} is not on the list; {WRITE_ANEW}"
    if "activation" in configuration and configuration["activation"] not in ACTIVATIONS:
        yield f"activation {configuration['activation']!s:.60} is none of Keras 2.12's; {WRITE_ANEW}"
    for key, value in configuration.items():
        if isinstance(value, dict) and not is_built_in(value):
            yield f"{key} holds a {value.get('class_name')!s:.60}, which is none of Keras 2.12's; {WRITE_ANEW}"


def is_built_in(value: Mapping) -> bool:
    """Tell whether a nested object (an initializer, say) is one of Keras' own."""
    return value.get("module", NESTED_MODULES[0]) in NESTED_MODULES and value.get("registered_name") is None


def find_weight_problems(file: h5py.File) -> Iterator[str]:
    """Name the weights that are not finite numbers."""
    import h5py
    import numpy as np

    names: list[str] = []
    file.visit(names.append)
    for name in names:
        part = file[name]
        if not isinstance(part, h5py.Dataset):
            continue
        if part.dtype.kind not in "fiu":
            yield f"{name}: holds {part.dtype}, not numbers; {WRITE_ANEW}"
        elif not np.isfinite(part[()]).all():
            yield f"weights {name}: not all finite; train or convert the model again."
