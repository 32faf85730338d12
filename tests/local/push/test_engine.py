"""Model files against what Tensorleap's importer knows, and the rehearsal with the importer itself."""

import ast
import json
import os
import sys

import h5py
import numpy as np
import pytest

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.ctc.frames import count_frames
from librispeech_clf.local.commands import check_push
from librispeech_clf.local.commands.check_push import main
from librispeech_clf.local.push import engine

INITIALIZER = {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None}


@pytest.fixture
def check(tmp_path):
    """Write a model file of an input and the layers given; return the problems found."""
    path = tmp_path / "model.h5"

    def run(*layers, weights=(1.0, 2.0), **changes):
        audio = ("InputLayer", {"name": "audio", "batch_input_shape": [None, None]})
        configuration = {
            "layers": [{"class_name": kind, "config": config} for kind, config in (audio, *layers)],
            "input_layers": [["audio", 0, 0]],
            "output_layers": [["logits", 0, 0]],
        }
        text = json.dumps({"class_name": "Functional", "config": configuration | changes})
        with h5py.File(path, "w") as file:
            file.attrs["model_config"] = text
            file["model_weights/lm_head/kernel:0"] = np.array(weights)
        return [finding.problem for finding in engine.check_model_file(path)]

    run.path = path
    return run


def test_built_in_layers_pass(check):
    dense = {"name": "lm_head", "units": 32, "activation": "gelu", "bias_initializer": INITIALIZER}
    assert check(("Dense", dense), ("TFOpLambda", {"function": "math.cumsum"})) == [None]


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (("Lambda", {"name": "l", "function": ["4wEAAA", None, None]}), "layer l: a Lambda holds code"),
        (
            ("librispeech_clf>FrameMask", {"name": "m"}),
            "layer m: class librispeech_clf>FrameMask is not known to",
        ),
        (("Dense", {"name": "d", "units": 1, "quantization_config": None}), "not know: quantization_config"),
        (("InputLayer", {"batch_shape": [None], "optional": False}), "not know: batch_shape, optional"),
        (("TFOpLambda", {"function": "py_function"}), "operation py_function is not on the list"),
        (("SlicingOpLambda", {}), "operation None is not on the list"),
        (("TFOpLambda", {"function": ["cast"]}), "operation ['cast'] is not on the list"),
        (("Activation", {"activation": "ours>gelu"}), "activation ours>gelu is not one of"),
        (("Dense", {"activation": {"class_name": "__lambda__"}}), "not one of Keras 2.12's"),
        (("Add", {"dtype": {"module": "keras", "class_name": "DTypePolicy"}}), "dtype holds a DTypePolicy"),
        (("Dense", {"kernel_initializer": INITIALIZER | {"registered_name": "x>Y"}}), "holds a Zeros"),
    ],
)
def test_what_the_importer_does_not_know_is_named(check, layer, words):
    problems = check(layer)
    assert any(words in problem for problem in problems), problems


def test_each_kind_of_problem_is_told_once(check):
    assert len(check(*[("Lambda", {"name": f"lambda_{i}"}) for i in range(3)])) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"input_layers": [["image", 0, 0]]}, "takes ['image']; expected the one input 'audio'"),
        ({"input_layers": []}, "takes []"),
        ({"output_layers": [["a", 0, 0], ["b", 0, 0]]}, "gives 2 outputs; expected one"),
        ({"layers": [{"class_name": "Dense"}]}, "not a Keras configuration"),
        ({"layers": [{"class_name": "Dense", "config": 1}]}, "a layer without class or configuration"),
        ({"layers": [{"class_name": ["Dense"], "config": {}}]}, "a layer without class or configuration"),
        ({"layers": [{"config": {}}]}, "not a Keras configuration"),
    ],
)
def test_another_architecture_is_refused(check, changes, words):
    (problem,) = check(**changes)
    assert words in problem


def test_bundled_model_is_made_of_what_the_importer_knows():
    (finding,) = engine.check_model_file(PROJECT_ROOT / "models" / "wav2vec.h5")
    assert finding.problem is None


def test_model_is_refused_before_anything_runs(check, monkeypatch, capsys):
    def run(*_, **__):
        raise AssertionError("ran")

    check(("Lambda", {"name": "l"}))
    monkeypatch.setattr(check_push, "run_bundle", run)
    assert main(["--model", str(check.path), "--engine"]) == 1
    assert "model.h5: layer l: a Lambda holds code" in capsys.readouterr().err


def make_python(path, version, has_importer=False):
    """A program that answers as a Python of a version does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version.replace('.', ' ')} {has_importer}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine whose PATH and pyenv hold nothing."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_script_is_valid_for_the_engines_oldest_python():
    assert ast.parse(engine.SCRIPT.read_text(), feature_version=(3, 8)).body


def test_no_python_is_said_plainly_and_fails(machine):
    assert engine.find_python() is None
    with pytest.raises(ValueError, match="needs a Python 3.8 to 3.10; none found.*pyenv install 3.10"):
        engine.prepare_environment(None)
    (finding,) = engine.rehearse_engine(machine / "model.h5", [], python=None)
    assert "--engine-python PATH" in finding.problem


def test_newest_python_that_starts_is_found_on_the_path_and_in_pyenv(machine):
    old = make_python(machine / "bin/python3.8", "3.8")
    make_python(machine / "bin/python3.9", "3.9").write_text("#!/bin/sh\nexit 127\n")
    assert engine.find_python() == old
    new = make_python(machine / "pyenv/versions/3.10.13/bin/python", "3.10")
    assert engine.find_python() == new


def test_python_of_another_version_is_refused_by_name(machine):
    with pytest.raises(ValueError, match="python: is not a Python 3.8 to 3.10"):
        engine.prepare_environment(make_python(machine / "python", "3.11"))
    assert engine.ask_python(machine / "none") is None


def test_environment_is_the_python_that_has_the_importer_or_made_once(machine):
    path = make_python(machine / "python", "3.9", has_importer=True)
    assert engine.prepare_environment(path) == path
    python = make_python(machine / "bin/python3.10", "3.10")  # says its version, makes no environment
    with pytest.raises(ValueError, match="leap-model-parser.* could not be installed by .*python3.10"):
        engine.prepare_environment(python)
    folder = machine / "cache/librispeech_clf/leap-model-parser-0.1.257-python3.10"
    kept = make_python(folder / "bin/python", "3.10", has_importer=True)
    (folder / "complete").touch()
    assert engine.prepare_environment(python) == kept


def logits(rows, samples):
    """Logits that say blank for certain where a row is padded, and the letter 5 elsewhere."""
    made = np.zeros((rows, count_frames(max(engine.MIXED_SAMPLES)), 32), np.float32)
    made[..., 5] = 3.0
    for row, length in zip(made, samples, strict=True):
        row[count_frames(length) :] = -1e4
        row[count_frames(length) :, 0] = 1e4
    return made


ANSWERS = {
    "mixed": logits(3, engine.MIXED_SAMPLES),
    "whole": logits(1, engine.MIXED_SAMPLES[:1]),
    "silence": logits(1, [0]),
    "gradient": np.ones((3, max(engine.MIXED_SAMPLES)), np.float32),
}


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("mixed", lambda x: x, set()),
        ("mixed", lambda x: x + 1e-3, {"logits, mixed"}),
        ("whole", lambda x: x[:, :-1], {"logits, whole"}),
        ("mixed", lambda x: x * 0, {"logits, mixed", "padding"}),
        ("mixed", lambda x: x * np.nan, {"logits, mixed", "padding"}),
        ("silence", lambda x: x * np.nan, {"silence"}),
        ("gradient", lambda x: x * 0, {"gradient, size"}),
        ("gradient", lambda x: x * np.inf, {"gradient, finite"}),
    ],
)
def test_each_defect_fails_its_check(name, change, expected):
    findings = engine.check_answers(ANSWERS | {name: change(ANSWERS[name])}, ANSWERS)
    assert {found.what.removeprefix("engine: ") for found in findings if found.problem} == expected


def test_rounding_may_grow_with_the_logits_of_its_own_frame_only():
    local = {**ANSWERS, "whole": np.ones((1, 2, 3), np.float32)}
    local["whole"][0, 1] = 50
    for frame, problems in ((0, {"engine: logits, whole"}), (1, set())):
        found = local["whole"].copy()
        found[0, frame] += 3e-4
        findings = engine.check_answers({**local, "whole": found}, local)
        assert {each.what for each in findings if each.problem} == problems


SOURCES = {
    "letters": {"name": "", "type": "Prediction0"},
    "transcript": {"name": "transcript", "type": "GroundTruth"},
}
WIRING = [
    {"node": {"name": "audio", "type": "Input0"}, "node_inputs": None},
    {"node": {"name": "loss", "type": "CustomLoss"}, "node_inputs": SOURCES},
]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, None),
        ({"inputs": ["input_1"]}, "the model takes ['input_1'], the integration test feeds ['audio']"),
        ({"outputs": [[0, 0, 32], [0, 0, 8]]}, "the model gives 2 outputs, the integration test uses 1"),
        ({"foreign": ["FrameMask"]}, "foreign to Keras: FrameMask"),
    ],
)
def test_wiring(changes, problem):
    result = {"inputs": ["audio"], "outputs": [[0, 0, 32]], "foreign": []}
    found = [finding.problem for finding in engine.check_wiring(result | changes, WIRING) if finding.problem]
    assert [text.startswith(problem) for text in found] == ([True] if problem else [])


def test_batches_are_the_same_every_time_and_end_in_padding():
    batches = engine.make_batches()
    assert [int(np.flatnonzero(row)[-1]) + 1 for row in batches["mixed"]] == list(engine.MIXED_SAMPLES)
    assert batches["whole"].shape == (1, 562_480)
    assert not batches["silence"].any()
    assert np.array_equal(batches["mixed"], engine.make_batches()["mixed"])


def test_importer_that_is_not_there_is_told(tmp_path):
    batches = {"mixed": np.zeros((1, 400), np.float32)}
    result, answers = engine.run_importer(sys.executable, tmp_path / "model.h5", WIRING, batches, tmp_path)
    assert "No module named 'leap_model_parser'" in result["error"]
    assert answers == {}


def test_engine_goes_without_files_only():
    with pytest.raises(SystemExit):
        main(["--engine", "--files-only"])


@pytest.mark.slow
@pytest.mark.network
def test_bundled_model_opens_in_the_engine(capsys):
    python = os.environ.get("ENGINE_PYTHON")
    assert main(["--engine", *(["--engine-python", python] if python else [])]) == 0
    assert "engine: gradient, size" in capsys.readouterr().out
    assert (PROJECT_ROOT / check_push.MODEL).is_file()
