"""What Tensorleap's engine makes of a model file: predicted from its content, or tried with the engine's own importer.

In: a Keras .h5 file, and the wiring that the integration test declares. Out: findings. The engine runs Keras 2.12 and
TensorFlow 2.12 in its own image, so the project's classes do not exist there. `check_model_file` compares the
file's layers, keys and operations with those of Keras 2.12, read by h5py; nothing is executed. `rehearse_engine`
imports it with the package leap-model-parser, which needs Python 3.8 to 3.10, in a separate environment kept in the
user's cache, and compares its logits with those of the project's model.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import numpy as np

from librispeech_clf.atomic_write import LFS_POINTER
from librispeech_clf.ctc.frames import count_frames
from librispeech_clf.local.model.load import compare_vocabulary, find_foreign, load_model
from librispeech_clf.local.model.save import CONFIGURATION
from librispeech_clf.local.push.bundle import Finding
from librispeech_clf.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    import h5py

CONVERT_AGAIN = "convert the checkpoint again: poetry run convert-model."
_KERNEL = "kernel_initializer kernel_regularizer kernel_constraint"
_BIAS = "use_bias bias_initializer bias_regularizer bias_constraint activity_regularizer activation"
_WINDOW = "kernel_size strides padding data_format dilation_rate groups"
_SCALE = (
    "axis epsilon center scale beta_initializer beta_regularizer beta_constraint "
    "gamma_initializer gamma_regularizer gamma_constraint"
)
_OWN_KEYS = {
    **dict.fromkeys(("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"), ""),
    "Activation": "activation",
    **dict.fromkeys(("Conv1D", "Conv2D"), f"filters {_WINDOW} {_KERNEL} {_BIAS}"),
    **dict.fromkeys(("Concatenate", "Softmax", "UnitNormalization"), "axis"),
    "Dense": f"units {_KERNEL} {_BIAS}",
    "DepthwiseConv1D": (
        f"{_WINDOW} {_BIAS} depth_multiplier depthwise_initializer depthwise_regularizer depthwise_constraint"
    ),
    "Dropout": "rate noise_shape seed",
    "Embedding": "batch_input_shape input_dim output_dim mask_zero input_length activity_regularizer "
    "embeddings_initializer embeddings_regularizer embeddings_constraint",
    "InputLayer": "batch_input_shape sparse ragged",
    "LayerNormalization": _SCALE,
    "Permute": "dims",
    "Reshape": "target_shape",
    **dict.fromkeys(("SlicingOpLambda", "TFOpLambda"), "function"),
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
    "math.reduce_mean math.reduce_min math.reduce_sum math.round math.rsqrt math.sigmoid math.sin math.sqrt "
    "math.square math.cos math.subtract math.tanh math.truediv nn.gelu nn.moments nn.relu nn.softmax ones_like pad "
    "reshape shape split squeeze stack tile transpose unstack where zeros_like".split()
)
"""TensorFlow operations, as TFOpLambda and SlicingOpLambda name them."""
ACTIVATIONS = tuple(
    "elu exponential gelu hard_sigmoid linear log_softmax relu selu sigmoid softmax softplus softsign swish "
    "tanh".split()
)
NESTED_MODULES = ("keras.initializers", "keras.regularizers", "keras.constraints")

IMPORTER = "leap-model-parser==0.1.257"
VERSIONS = ("3.10", "3.9", "3.8")
SCRIPT = Path(__file__).with_name("import_in_engine.py")
RESULT_PREFIX = "engine: "
TOLERANCE, RELATIVE = 1e-4, 1e-5
"""As for `numpy.allclose`, but relative to a frame's largest logit: float32 rounds larger numbers more."""
MIXED_SAMPLES, WHOLE_SAMPLES = (40_000, 17_777, 5_000), 562_480
NO_PYTHON = (
    "needs a Python 3.8 to 3.10; none found on PATH or in pyenv. Get one (`pyenv install 3.10`, or your system's "
    "package python3.10 with its venv module), or name one with --engine-python PATH."
)
ASK = "import sys, importlib.util as u; print(*sys.version_info[:2], u.find_spec('leap_model_parser') is not None)"


def check_model_file(path: Path, *, vocabulary: Vocabulary | None = None) -> list[Finding]:
    """Check, as far as its content shows, that a Keras .h5 file opens in the importer; also check its vocabulary."""
    try:
        problems = list(find_problems(path, vocabulary))
    except (OSError, RuntimeError) as error:  # h5py raises both for damaged files
        problems = [f"cannot be read to its end ({error}); the file is truncated or damaged: {CONVERT_AGAIN}"]
    note = "layers, keys and operations known to Keras 2.12; weights finite"
    return [Finding(str(path), problem) for problem in problems] or [Finding(str(path), None, note)]


def find_problems(path: Path, vocabulary: Vocabulary | None) -> Iterator[str]:
    """Check a model file from the outside in; stop where the rest cannot be judged."""
    import h5py

    if not path.is_file():
        yield "does not exist; name the model file with --model."
        return
    with path.open("rb") as file:
        start = file.read(len(LFS_POINTER))
    if start == LFS_POINTER:
        yield "is a Git LFS pointer, not the model; run `git lfs pull`."
    elif not h5py.is_hdf5(path):
        yield f"is not an HDF5 file (truncated, pickled, or of another kind); {CONVERT_AGAIN}"
    else:
        with h5py.File(path, "r", locking=False) as file:
            configuration = read_model_configuration(file)
            if isinstance(configuration, str):
                yield configuration
                return
            yield from find_architecture_problems(configuration)
            foreign = list(find_foreign(file))
            yield from foreign or find_weight_problems(file)
            if vocabulary and CONFIGURATION in file.attrs:
                if problem := compare_vocabulary(file, vocabulary):
                    yield problem


def read_model_configuration(file: h5py.File) -> dict | str:
    """Return the configuration of a functional model, or what is wrong with it."""
    text = file.attrs.get("model_config")
    if text is None:
        return f"holds no model_config, so at most weights; {CONVERT_AGAIN}"
    try:
        configuration = json.loads(text)
        if configuration["class_name"] not in ("Functional", "Model"):
            return f"is a {configuration['class_name']!s:.60}; expected a functional model: {CONVERT_AGAIN}"
        layers = configuration["config"]["layers"]
        if all(
            isinstance(layer["config"], dict) and isinstance(layer["class_name"], str) for layer in layers
        ):
            return dict(configuration["config"])
    except (ValueError, TypeError, KeyError) as error:
        return f"its model_config is not a Keras configuration ({type(error).__name__}); {CONVERT_AGAIN}"
    return f"its model_config has a layer without class or configuration; {CONVERT_AGAIN}"


def find_architecture_problems(configuration: Mapping) -> Iterator[str]:
    """Name every kind of layer, key and operation that the importer does not know, once."""
    # Keras 3 writes a single input or output without its list.
    keys = ("input_layers", "output_layers")
    ends = ([end for end in configuration.get(key) or () if end != 0] for key in keys)
    wired, outputs = ([str(x[0] if isinstance(x, list) and x else x) for x in each] for each in ends)
    if wired != ["audio"]:
        yield f"takes {wired}; expected the one input 'audio', as the integration test wires it."
    if len(outputs) != 1:
        yield f"gives {len(outputs)} outputs; expected one, the logits."
    seen = set()
    for layer in configuration["layers"]:
        for problem in find_layer_problems(layer["class_name"], layer["config"]):
            if problem not in seen:
                seen.add(problem)
                yield f"layer {layer['config'].get('name', '?')!s:.60}: {problem}"


def find_layer_problems(kind: str, configuration: Mapping) -> Iterator[str]:
    """Name what the importer would not know about one layer."""
    if kind == "Lambda":
        yield f"a Lambda holds code, which is never run from a model file; {CONVERT_AGAIN}"
        return
    if kind not in LAYER_KEYS:
        yield f"class {kind!s:.60} is not known to the importer; {CONVERT_AGAIN}"
        return
    if unknown := sorted(set(configuration) - LAYER_KEYS[kind]):
        yield f"{kind} has keys that Keras 2.12 does not know: {', '.join(unknown)}; {CONVERT_AGAIN}"
    if "OpLambda" in kind and configuration.get("function") not in OPERATIONS:
        yield f"operation {configuration.get('function')!s:.60} is not on the list; {CONVERT_AGAIN}"
    if "activation" in configuration and configuration["activation"] not in ACTIVATIONS:
        yield f"activation {configuration['activation']!s:.60} is not one of Keras 2.12's; {CONVERT_AGAIN}"
    for key, value in configuration.items():
        if isinstance(value, dict) and not (
            value.get("module", NESTED_MODULES[0]) in NESTED_MODULES and value.get("registered_name") is None
        ):
            yield f"{key} holds a {value.get('class_name')!s:.60}, which is not one of Keras 2.12's; {CONVERT_AGAIN}"


def find_weight_problems(file: h5py.File) -> Iterator[str]:
    """Name the weights that are not finite numbers."""
    import h5py

    names: list[str] = []
    file.visit(names.append)
    for name in names:
        part = file[name]
        if not isinstance(part, h5py.Dataset):
            continue
        if part.dtype.kind not in "fiu":
            yield f"{name}: holds {part.dtype}, not numbers; {CONVERT_AGAIN}"
        elif not np.isfinite(part[()]).all():
            yield f"weights {name}: not all finite; train or convert the model again."


def rehearse_engine(model: Path, wiring: Sequence[Mapping], *, python: Path | None) -> list[Finding]:
    """Import a model file as the engine does, with Python 3.8 to 3.10, and compare it with the project's own model."""
    try:
        interpreter = prepare_environment(python)
    except (ValueError, OSError) as error:
        return [Finding("engine", str(error))]
    batches = make_batches()
    with tempfile.TemporaryDirectory(prefix="check-push-engine-") as folder:
        result, answers = run_importer(interpreter, model, wiring, batches, Path(folder))
    if result["error"]:
        remedy = "make the file from built-in layers that Keras 2.12 knows, with convert-model."
        return [Finding("engine", f"the importer refuses {model.name}: {result['error']:.400}; {remedy}")]
    findings = [Finding("engine", None, f"{model.name} imported, {result['nodes']} nodes")]
    local = load_model(model)
    logits = {name: np.asarray(local(batch)) for name, batch in batches.items()}
    return [*findings, *check_wiring(result, wiring), *check_answers(answers, logits)]


def find_python() -> Path | None:
    """Find a Python 3.8 to 3.10, the newest first: on PATH, then in pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in VERSIONS:
        on_path = shutil.which(f"python{version}")
        installed = sorted(pyenv.glob(f"{version}.*/bin/python"))
        for candidate in [*([Path(on_path)] if on_path else []), *reversed(installed)]:
            if ask_python(candidate) is not None:
                return candidate
    return None


def ask_python(python: Path) -> tuple[str, bool] | None:
    """Return a Python's version, and whether it has the importer; None unless it is a Python 3.8 to 3.10."""
    try:
        done = subprocess.run([str(python), "-I", "-c", ASK], capture_output=True, text=True, check=False)
    except OSError:
        return None
    words = done.stdout.split()
    if done.returncode or len(words) != 3 or ".".join(words[:2]) not in VERSIONS:
        return None
    return ".".join(words[:2]), words[2] == "True"


def prepare_environment(python: Path | None) -> Path:
    """Return the Python of the importer's environment: a new one, the existing one, or `python` if it has the importer.

    Raises:
        ValueError: There is no Python 3.8 to 3.10, or the importer could not be installed.
    """
    found = python or find_python()
    if found is None:
        raise ValueError(NO_PYTHON)
    answer = ask_python(found)
    if answer is None:
        raise ValueError(f"{found}: is not a Python 3.8 to 3.10; name another with --engine-python PATH.")
    if answer[1]:
        return found
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = f"{IMPORTER.replace('==', '-')}-python{answer[0]}"
    return install_importer(found, cache / "librispeech_clf" / name)


def install_importer(python: Path, folder: Path) -> Path:
    """Install the importer into a new environment, one process at a time; leave a complete one unchanged."""
    complete, interpreter = folder / "complete", folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{folder}.lock"):
        if complete.is_file() and ask_python(interpreter):
            return interpreter
        print(f"Installing {IMPORTER} into {folder}, once ...", file=sys.stderr)
        commands = [
            [str(python), "-m", "venv", "--clear", str(folder)],
            [str(interpreter), "-m", "pip", "install", "--quiet", IMPORTER],
        ]
        for command in commands:
            there = Path(command[0]).is_file()
            if not there or subprocess.run(command, check=False, stdout=sys.stderr).returncode:
                raise ValueError(
                    f"{IMPORTER} could not be installed by {python} (see above); check its venv module and the "
                    "network, or name another Python with --engine-python PATH."
                )
        complete.touch()
    return interpreter


def make_batches() -> dict[str, np.ndarray]:
    """Make batches of normalized noise: `mixed` (padded), `whole` (a longest row), and `silence`."""
    generator = np.random.default_rng(5)
    mixed = np.zeros((len(MIXED_SAMPLES), max(MIXED_SAMPLES)), np.float32)
    for row, samples in zip(mixed, MIXED_SAMPLES, strict=True):
        row[:samples] = generator.standard_normal(samples)
    whole = generator.standard_normal((1, WHOLE_SAMPLES)).astype(np.float32)
    return {"mixed": mixed, "whole": whole, "silence": np.zeros((1, max(MIXED_SAMPLES)), np.float32)}


def run_importer(
    python: Path, model: Path, wiring: Sequence[Mapping], batches: Mapping[str, np.ndarray], folder: Path
) -> tuple[dict, dict[str, np.ndarray]]:
    """Return what import_in_engine.py says about the model, and its answers by name; `error` and none if it failed."""
    (folder / "wiring.json").write_text(json.dumps(list(wiring)), encoding="utf-8")
    arrays: dict[str, Any] = dict(batches)
    np.savez(folder / "audio.npz", **arrays)
    command = [str(python), "-I", str(SCRIPT), str(model), str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith(RESULT_PREFIX)]
    if not lines:
        return {"error": f"exit code {done.returncode}: {' '.join(done.stderr[-300:].split())}"}, {}
    result = json.loads(lines[-1].removeprefix(RESULT_PREFIX))
    if result["error"]:
        return result, {}
    with np.load(folder / "answers.npz") as file:
        return result, {name: file[name] for name in file.files}


def check_wiring(result: Mapping, wiring: Sequence[Mapping]) -> list[Finding]:
    """Check layers, inputs and outputs of the imported model against the integration test."""
    nodes = [connection["node"] for connection in wiring]
    sources = [node for entry in wiring for node in (entry["node_inputs"] or {}).values()]
    inputs = sorted({node["name"] for node in nodes if node["type"].startswith("Input")})
    outputs = {node["type"] for node in sources if node["type"].startswith("Prediction")}
    wrong = None
    if sorted(result["inputs"]) != inputs:
        wrong = f"the model takes {result['inputs']}, the integration test feeds {inputs}; give both the same names."
    elif len(result["outputs"]) != len(outputs):
        wrong = f"the model gives {len(result['outputs'])} outputs, the integration test uses {len(outputs)}."
    foreign = ", ".join(result["foreign"])
    remedy = f"foreign to Keras: {foreign}; build the graph from built-in layers."
    return [
        Finding("engine: layers", remedy if foreign else None, "all of them Keras' own"),
        Finding("engine: inputs and outputs", wrong, f"inputs {', '.join(inputs)}; {len(outputs)} output"),
    ]


def check_answers(answers: Mapping[str, np.ndarray], local: Mapping[str, np.ndarray]) -> list[Finding]:
    """Compare the engine's logits (B, T, V) with the project's, and check padding, silence and gradient (B, N)."""
    differ = "write the file with this version of the project, and open both sides with it."
    findings = []
    for name in ("mixed", "whole"):
        same = answers[name].shape == local[name].shape
        differences = abs(answers[name] - local[name]) if same else np.array(np.inf)
        most = TOLERANCE + RELATIVE * abs(local[name]).max(axis=-1, keepdims=True)
        fits = bool((differences <= most).all())
        what, note = f"engine: logits, {name}", f"differ by {differences.max():.1e} from the local model's"
        findings.append(Finding(what, None if fits else f"{note}; {differ}", note))
    rows = zip(answers["mixed"], MIXED_SAMPLES, strict=True)
    frames = np.concatenate([logits[count_frames(samples) :] for logits, samples in rows])
    weights = np.exp(frames - frames.max(axis=-1, keepdims=True))
    padding_is_blank = (weights / weights.sum(axis=-1, keepdims=True) == np.eye(1, frames.shape[-1])).all()
    gradient, cut = answers["gradient"], "an operation cuts it; heatmaps need it."
    checks = (
        ("padding", padding_is_blank, "exactly blank", "the graph must mask padded frames."),
        ("silence", np.isfinite(answers["silence"]).all(), "finite", "a norm divides by zero."),
        ("gradient, finite", np.isfinite(gradient).all(), "finite", "heatmaps need it."),
        ("gradient, size", gradient.any(), "other than zero", cut),
    )
    for what, holds, note, reason in checks:
        findings.append(Finding(f"engine: {what}", None if holds else f"is not {note}: {reason}", note))
    return findings
