"""Models and checkpoints for the tests: golden arrays, and folders as transformers writes them."""

import importlib.util
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from librispeech_clf.local.model.convert.conversion import convert_configuration
from librispeech_clf.local.model.convert.weights import convert_weights, name_as_wav2vec2
from librispeech_clf.local.model.save import save_model
from tests.helpers.letters import LETTERS

GOLDEN_FOLDER = Path(__file__).parent / "golden"


@dataclass(frozen=True)
class Golden:
    """One golden file: a tiny random transformers model and what it answers."""

    configuration: dict
    tensors: dict[str, np.ndarray]
    audio: list[np.ndarray]
    logits: list[np.ndarray]
    pooled: list[np.ndarray]


def load_golden(name: str) -> Golden:
    with np.load(GOLDEN_FOLDER / f"{name}.npz") as file:
        arrays = dict(file)
    lists = {
        group: [arrays[f"{group}/{index}"] for index in range(3)] for group in ("audio", "logits", "pooled")
    }
    tensors = {
        key.removeprefix("tensor/"): value for key, value in arrays.items() if key.startswith("tensor/")
    }
    return Golden(json.loads(str(arrays["configuration"])), tensors, **lists)


GOLDEN_FILES = sorted(path.stem for path in GOLDEN_FOLDER.glob("*.npz"))


@pytest.fixture(scope="session", params=GOLDEN_FILES)
def golden(request) -> Golden:
    return load_golden(request.param)


@pytest.fixture(scope="session")
def golden_base() -> Golden:
    return load_golden("tiny_base")


@pytest.fixture(scope="session")
def golden_model(golden):
    return build_model(golden)


@pytest.fixture(scope="session")
def golden_base_model(golden_base):
    return build_model(golden_base)


def build_model(golden: Golden):
    from librispeech_clf.local.model.graph import build_wav2vec2

    model = build_wav2vec2(convert_configuration(golden.configuration))
    family = golden.configuration["model_type"].replace("-", "_")
    convert_weights(model, name_as_wav2vec2(golden.tensors, family))
    return model


@pytest.fixture(scope="session")
def saved_base(golden_base_model, tmp_path_factory):
    """The base model's file; tests change copies."""
    path = tmp_path_factory.mktemp("saved") / "tiny.h5"
    save_model(golden_base_model, path)
    return path


@pytest.fixture
def saved(saved_base, tmp_path):
    """A copy of the base model's file, which the test may change."""
    return shutil.copy(saved_base, tmp_path / "tiny.h5")


@pytest.fixture
def checkpoint_folder(golden_base, tmp_path):
    """A folder as save_pretrained writes it: config.json, vocab.json, model.safetensors."""
    return write_folder(tmp_path / "checkpoint", golden_base.configuration, golden_base.tensors)


@pytest.fixture
def write_checkpoint(tmp_path):
    """Return a writer of changed checkpoint folders."""

    def write(configuration, tensors, vocabulary=None):
        return write_folder(tmp_path / "changed", configuration, tensors, vocabulary)

    return write


def write_folder(folder: Path, configuration: dict, tensors: dict, vocabulary: dict | None = None) -> Path:
    from safetensors.numpy import save_file

    folder.mkdir()
    vocabulary = vocabulary or {letter: row for row, letter in enumerate(LETTERS)}
    (folder / "config.json").write_text(json.dumps(configuration))
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    save_file(
        {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, folder / "model.safetensors"
    )
    return folder


@pytest.fixture(scope="session")
def make_golden():
    """The script that makes the golden arrays; it needs torch and transformers."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    specification = importlib.util.spec_from_file_location(
        "make_golden", Path(__file__).parent / "make_golden.py"
    )
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
