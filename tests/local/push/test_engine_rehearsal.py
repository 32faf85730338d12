"""The rehearsal in the engine's importer: what it looks for, and what it says."""

import ast
import os
import sys

import numpy as np
import pytest

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.ctc.frames import count_frames
from librispeech_clf.local.commands.check_push import main
from librispeech_clf.local.push import checks, engine_rehearsal
from librispeech_clf.local.push.engine_rehearsal import (
    MIXED_SAMPLES,
    ask_python,
    check_answers,
    check_wiring,
    find_python,
    make_batches,
    prepare_environment,
    run_importer,
)

FRAMES = count_frames(max(MIXED_SAMPLES))


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
    return tmp_path


def test_script_is_valid_for_the_engines_oldest_python():
    source = engine_rehearsal.SCRIPT.read_text()
    assert ast.parse(source, feature_version=(3, 8)).body


def test_no_python_is_said_plainly_and_fails(machine):
    assert find_python() is None
    with pytest.raises(ValueError, match="needs a Python 3.8 to 3.10; none found.*pyenv install 3.10"):
        prepare_environment(None)
    (finding,) = engine_rehearsal.rehearse_engine(machine / "model.h5", [], python=None)
    assert "--engine-python PATH" in finding.problem


def test_newest_python_is_found_on_the_path_and_in_pyenv(machine):
    old = make_python(machine / "bin/python3.8", "3.8")
    assert find_python() == old
    new = make_python(machine / "pyenv/versions/3.10.13/bin/python", "3.10")
    assert find_python() == new


def test_python_that_does_not_start_is_passed_over(machine):
    shim = make_python(machine / "bin/python3.10", "3.10")
    shim.write_text("#!/bin/sh\nexit 127\n")
    old = make_python(machine / "bin/python3.9", "3.9")
    assert find_python() == old


def test_python_of_another_version_is_refused_by_name(machine):
    path = make_python(machine / "python", "3.11")
    with pytest.raises(ValueError, match="python: is no Python 3.8 to 3.10"):
        prepare_environment(path)
    assert ask_python(machine / "none") is None


def test_python_that_has_the_importer_is_used_as_it_is(machine):
    path = make_python(machine / "python", "3.9", has_importer=True)
    assert prepare_environment(path) == path


def test_environment_that_is_complete_is_reused(machine, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(machine / "cache"))
    python = make_python(machine / "bin/python3.10", "3.10")
    folder = machine / "cache/librispeech_clf/leap-model-parser-0.1.257-python3.10"
    kept = make_python(folder / "bin/python", "3.10", has_importer=True)
    (folder / "complete").touch()
    assert prepare_environment(python) == kept


def test_environment_that_cannot_be_made_is_told(machine, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(machine / "cache"))
    python = make_python(machine / "bin/python3.10", "3.10")  # says its version, makes no environment
    with pytest.raises(ValueError, match="leap-model-parser.* could not be installed by .*python3.10"):
        prepare_environment(python)


def logits(rows, samples):
    """Logits that say blank for certain where a row is padded, and the letter 5 elsewhere."""
    made = np.zeros((rows, FRAMES, 32), np.float32)
    made[..., 5] = 3.0
    for row, length in zip(made, samples, strict=True):
        row[count_frames(length) :] = -1e4
        row[count_frames(length) :, 0] = 1e4
    return made


@pytest.fixture
def answers():
    return {
        "mixed": logits(3, MIXED_SAMPLES),
        "whole": logits(1, MIXED_SAMPLES[:1]),
        "silence": logits(1, [0]),
        "gradient": np.ones((3, max(MIXED_SAMPLES)), np.float32),
    }


def failures(answers, local):
    return {
        finding.what.removeprefix("engine: ") for finding in check_answers(answers, local) if finding.problem
    }


def test_same_answers_pass(answers):
    assert failures(answers, answers) == set()


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("mixed", lambda x: x + 1e-3, {"logits, mixed"}),
        ("whole", lambda x: x[:, :-1], {"logits, whole"}),
        ("mixed", lambda x: x * 0, {"logits, mixed", "padding"}),
        ("mixed", lambda x: x * np.nan, {"logits, mixed", "padding"}),
        ("silence", lambda x: x * np.nan, {"silence"}),
        ("gradient", lambda x: x * 0, {"gradient, size"}),
        ("gradient", lambda x: x * np.inf, {"gradient, finite"}),
    ],
)
def test_each_defect_fails_its_check(answers, name, change, expected):
    assert failures({**answers, name: change(answers[name])}, answers) == expected


WIRING = [
    {"node": {"name": "audio", "type": "Input0"}, "node_inputs": None},
    {
        "node": {"name": "loss", "type": "CustomLoss"},
        "node_inputs": {
            "letters": {"name": "", "type": "Prediction0"},
            "transcript": {"name": "transcript", "type": "GroundTruth"},
        },
    },
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
    found = [finding.problem for finding in check_wiring(result | changes, WIRING) if finding.problem]
    assert [text.startswith(problem) for text in found] == ([True] if problem else [])


def test_batches_are_the_same_every_time_and_end_in_padding():
    batches = make_batches()
    assert [int(np.flatnonzero(row)[-1]) + 1 for row in batches["mixed"]] == list(MIXED_SAMPLES)
    assert batches["whole"].shape == (1, 562_480)
    assert not batches["silence"].any()
    assert np.array_equal(batches["mixed"], make_batches()["mixed"])


def test_importer_that_is_not_there_is_told(tmp_path):
    batches = {"mixed": np.zeros((1, 400), np.float32)}
    result, answers = run_importer(sys.executable, tmp_path / "model.h5", WIRING, batches, tmp_path)
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
    assert (PROJECT_ROOT / checks.MODEL).is_file()
