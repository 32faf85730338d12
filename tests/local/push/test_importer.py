"""Model files against the frozen list of what Tensorleap's importer knows."""

import json

import h5py
import numpy as np
import pytest

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.local.commands.check_push import main
from librispeech_clf.local.push import checks
from librispeech_clf.local.push.importer import check_model_file

INITIALIZER = {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None}


@pytest.fixture
def check(tmp_path):
    """Write a model file of an input and the layers given; return the problems found."""
    path = tmp_path / "model.h5"

    def run(*layers, weights=(1.0, 2.0), **changes):
        audio = {"class_name": "InputLayer", "config": {"name": "audio", "batch_input_shape": [None, None]}}
        configuration = {
            "name": "model",
            "layers": [audio, *({"class_name": kind, "config": config} for kind, config in layers)],
            "input_layers": [["audio", 0, 0]],
            "output_layers": [["logits", 0, 0]],
        }
        text = json.dumps({"class_name": "Functional", "config": configuration | changes})
        with h5py.File(path, "w") as file:
            file.attrs["model_config"] = text
            file["model_weights/lm_head/kernel:0"] = np.array(weights)
        return [finding.problem for finding in check_model_file(path)]

    run.path = path
    return run


def test_built_in_layers_pass(check):
    dense = {"name": "lm_head", "units": 32, "activation": "gelu", "bias_initializer": INITIALIZER}
    assert check(("Dense", dense), ("TFOpLambda", {"function": "math.cumsum"})) == [None]


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (("Lambda", {"name": "l", "function": ["4wEAAA", None, None]}), "layer l: a Lambda holds code"),
        (("librispeech_clf>FrameMask", {"name": "m"}), "layer m: class librispeech_clf>FrameMask is none of"),
        (("Dense", {"name": "d", "units": 1, "quantization_config": None}), "not know: quantization_config"),
        (("InputLayer", {"batch_shape": [None], "optional": False}), "not know: batch_shape, optional"),
        (("TFOpLambda", {"function": "py_function"}), "operation py_function is not on the list"),
        (("SlicingOpLambda", {}), "operation None is not on the list"),
        (("TFOpLambda", {"function": ["cast"]}), "operation ['cast'] is not on the list"),
        (("Activation", {"activation": "ours>gelu"}), "activation ours>gelu is none of"),
        (("Dense", {"activation": {"class_name": "__lambda__"}}), "none of Keras 2.12's"),
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
        ({"layers": [{"class_name": "Dense"}]}, "no Keras configuration"),
        ({"layers": [{"class_name": "Dense", "config": 1}]}, "a layer without class or configuration"),
        ({"layers": [{"class_name": ["Dense"], "config": {}}]}, "a layer without class or configuration"),
        ({"layers": [{"config": {}}]}, "no Keras configuration"),
    ],
)
def test_another_architecture_is_refused(check, changes, words):
    (problem,) = check(**changes)
    assert words in problem


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_named(check, value):
    (problem,) = check(weights=(1.0, value))
    assert problem.startswith("weights model_weights/lm_head/kernel:0: not all finite")


def test_weights_that_are_no_numbers_are_named(check):
    (problem,) = check(weights=(b"pickled", b"payload"))
    assert "model_weights/lm_head/kernel:0: holds |S7, not numbers" in problem


def test_file_without_configuration_is_refused(check):
    check()
    with h5py.File(check.path, "a") as file:
        del file.attrs["model_config"]
    assert "holds no model_config" in check_model_file(check.path)[0].problem


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_truncated_file_is_refused(check, share):
    check(weights=np.ones(10_000))
    whole = check.path.read_bytes()
    check.path.write_bytes(whole[: int(share * len(whole))])
    (finding,) = check_model_file(check.path)
    assert "truncated" in finding.problem


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer"),
        (b"\x80\x04\x95payload", "is not an HDF5 file"),
        (b"", "is not an HDF5 file"),
        (None, "does not exist"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, content, words):
    if content is not None:
        (tmp_path / "model.h5").write_bytes(content)
    (finding,) = check_model_file(tmp_path / "model.h5")
    assert finding.what.endswith("model.h5")
    assert words in finding.problem


def test_bundled_model_is_made_of_what_the_importer_knows():
    (finding,) = check_model_file(PROJECT_ROOT / "models" / "wav2vec.h5")
    assert finding.problem is None


def test_model_is_refused_before_anything_runs(check, monkeypatch, capsys):
    def run(*_, **__):
        raise AssertionError("ran")

    check(("Lambda", {"name": "l"}))
    monkeypatch.setattr(checks, "run_bundle", run)
    assert main(["--model", str(check.path), "--engine"]) == 1
    assert "model.h5: layer l: a Lambda holds code" in capsys.readouterr().err
