"""Rehearse what Tensorleap's engine does with a model file, by the engine's own importer.

In: a model file, and the wiring that the integration test declares. Out: findings. The importer is the package
leap-model-parser, which needs Python 3.8 to 3.10 and TensorFlow 2.12: it runs in an environment of its own, kept
in the user's cache, and its logits are compared with those of the project's model.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from librispeech_clf.ctc.frames import count_frames
from librispeech_clf.local.model.load import load_model
from librispeech_clf.local.push.findings import Finding

IMPORTER = "leap-model-parser==0.1.257"
VERSIONS = ("3.10", "3.9", "3.8")
SCRIPT = Path(__file__).with_name("import_in_engine.py")
RESULT_PREFIX = "engine: "
TOLERANCE = 1e-4
MIXED_SAMPLES = (40_000, 17_777, 5_000)
WHOLE_SAMPLES = 562_480
NO_PYTHON = (
    "needs a Python 3.8 to 3.10; none found on PATH or in pyenv. Get one (`pyenv install 3.10`, or your system's "
    "package python3.10 with its venv module), or name it by --engine-python PATH."
)
ASK = "import sys, importlib.util as u; print(*sys.version_info[:2], u.find_spec('leap_model_parser') is not None)"


def rehearse_engine(model: Path, wiring: Sequence[Mapping], *, python: Path | None) -> list[Finding]:
    """Import a model file as the engine does and compare it with the project's own model.

    Args:
        model: The .h5 file.
        wiring: The connections that the integration test declares, as rehearsal.py reports them.
        python: A Python 3.8 to 3.10; None looks for one.

    Returns:
        One finding for each check.
    """
    try:
        interpreter = prepare_environment(python)
    except (ValueError, OSError) as error:
        return [Finding("engine", str(error))]
    batches = make_batches()
    with tempfile.TemporaryDirectory(prefix="check-push-engine-") as folder:
        result, answers = run_importer(interpreter, model, wiring, batches, Path(folder))
    if result["error"]:
        remedy = "make the file of built-in layers that Keras 2.12 knows, by convert-model or train-model."
        return [Finding("engine", f"the importer refuses {model.name}: {result['error']:.400}; {remedy}")]
    findings = [Finding("engine", None, f"{model.name} imported, {result['nodes']} nodes")]
    findings += check_wiring(result, wiring)
    return [*findings, *check_answers(answers, local_logits(model, batches))]


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
    """Return a Python's version, and whether it has the importer; None where it is no Python 3.8 to 3.10."""
    try:
        done = subprocess.run([str(python), "-I", "-c", ASK], capture_output=True, text=True, check=False)
    except OSError:
        return None
    words = done.stdout.split()
    if done.returncode or len(words) != 3 or ".".join(words[:2]) not in VERSIONS:
        return None
    return ".".join(words[:2]), words[2] == "True"


def prepare_environment(python: Path | None) -> Path:
    """Make the importer's environment, or reuse the one that is there.

    Args:
        python: A Python 3.8 to 3.10, used as it is where it has the importer; None looks for one.

    Returns:
        The environment's Python.

    Raises:
        ValueError: There is no such Python, or the importer could not be installed.
    """
    found = python or find_python()
    if found is None:
        raise ValueError(NO_PYTHON)
    answer = ask_python(found)
    if answer is None:
        raise ValueError(f"{found}: is no Python 3.8 to 3.10; name another by --engine-python PATH.")
    if answer[1]:
        return found
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = f"{IMPORTER.replace('==', '-')}-python{answer[0]}"
    return install_importer(found, cache / "librispeech_clf" / name)


def install_importer(python: Path, folder: Path) -> Path:
    """Install the importer into a new environment, one process at a time; leave a complete one as it is."""
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
            if (
                not Path(command[0]).is_file()
                or subprocess.run(command, check=False, stdout=sys.stderr).returncode
            ):
                raise ValueError(
                    f"{IMPORTER} could not be installed by {python} (see above); check its venv module and the "
                    "network, or name another Python by --engine-python PATH."
                )
        complete.touch()
    return interpreter


def make_batches() -> dict[str, np.ndarray]:
    """Make batches of normalised noise: `mixed`, padded, `whole`, a longest row, and `silence`."""
    generator = np.random.default_rng(5)
    mixed = np.zeros((len(MIXED_SAMPLES), max(MIXED_SAMPLES)), np.float32)
    for row, samples in zip(mixed, MIXED_SAMPLES, strict=True):
        row[:samples] = generator.standard_normal(samples)
    whole = generator.standard_normal((1, WHOLE_SAMPLES)).astype(np.float32)
    return {"mixed": mixed, "whole": whole, "silence": np.zeros((1, max(MIXED_SAMPLES)), np.float32)}


def run_importer(
    python: Path, model: Path, wiring: Sequence[Mapping], batches: Mapping[str, np.ndarray], folder: Path
) -> tuple[dict, dict[str, np.ndarray]]:
    """Run import_in_engine.py in the importer's environment.

    Returns:
        What it says of the model, and its answers by name; where it failed, `error` and no answers.
    """
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


def local_logits(model: Path, batches: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the project's model's logits of every batch."""
    local = load_model(model)
    return {name: np.asarray(local(batch)) for name, batch in batches.items()}


def check_wiring(result: Mapping, wiring: Sequence[Mapping]) -> list[Finding]:
    """Check layers, inputs and outputs of the imported model against the integration test."""
    nodes = [connection["node"] for connection in wiring]
    sources = [node for entry in wiring for node in (entry["node_inputs"] or {}).values()]
    inputs = sorted({node["name"] for node in nodes if node["type"].startswith("Input")})
    outputs = {node["type"] for node in sources if node["type"].startswith("Prediction")}
    wrong = None
    if sorted(result["inputs"]) != inputs:
        wrong = f"the model takes {result['inputs']}, the integration test feeds {inputs}; name them alike."
    elif len(result["outputs"]) != len(outputs):
        wrong = f"the model gives {len(result['outputs'])} outputs, the integration test uses {len(outputs)}."
    foreign = ", ".join(result["foreign"])
    remedy = f"foreign to Keras: {foreign}; build the graph of built-in layers."
    return [
        Finding("engine: layers", remedy if foreign else None, "all of them Keras' own"),
        Finding("engine: inputs and outputs", wrong, f"inputs {', '.join(inputs)}; {len(outputs)} output"),
    ]


def check_answers(answers: Mapping[str, np.ndarray], local: Mapping[str, np.ndarray]) -> list[Finding]:
    """Compare the engine's logits with the project's, and check padding, silence and gradient.

    Args:
        answers: Logits (B, T, V) of the batches `make_batches` made, and `gradient` (B, N), by the engine.
        local: Logits of the same batches by the project's model.

    Returns:
        One finding for each check.
    """
    differ = "write the file by this version of the project, and open both sides with it."
    findings = []
    for name in ("mixed", "whole"):
        same = answers[name].shape == local[name].shape
        difference = float(abs(answers[name] - local[name]).max()) if same else float("inf")
        what, note = f"engine: logits, {name}", f"differ by {difference:.1e} from the local model's"
        findings.append(Finding(what, None if difference <= TOLERANCE else f"{note}; {differ}", note))
    rows = zip(answers["mixed"], MIXED_SAMPLES, strict=True)
    padding_is_blank = all(are_blank(logits[count_frames(samples) :]) for logits, samples in rows)
    gradient, cut = answers["gradient"], "an operation cuts it; heatmaps need it."
    checks = (
        ("padding", padding_is_blank, "exactly blank", "the graph must mask frames of padding."),
        ("silence", np.isfinite(answers["silence"]).all(), "finite", "a norm divides by nothing."),
        ("gradient, finite", np.isfinite(gradient).all(), "finite", "heatmaps need it."),
        ("gradient, size", gradient.any(), "other than zero", cut),
    )
    for what, holds, note, reason in checks:
        findings.append(Finding(f"engine: {what}", None if holds else f"is not {note}: {reason}", note))
    return findings


def are_blank(frames: np.ndarray) -> bool:
    """Tell whether the probability of blank is exactly 1 in every frame, in float32."""
    weights = np.exp(frames - frames.max(axis=-1, keepdims=True, initial=-np.inf))
    probabilities = weights / weights.sum(axis=-1, keepdims=True)
    return bool((probabilities[:, 0] == 1).all() and (probabilities[:, 1:] == 0).all())
