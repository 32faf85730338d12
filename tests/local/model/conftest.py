"""Models and checkpoints for the tests: golden arrays, and folders as transformers writes them."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

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

    def build(self):
        """Build the Keras model."""
        from librispeech_clf.local.model.graph import build_wav2vec2

        model = build_wav2vec2(convert_configuration(self.configuration))
        family = self.configuration["model_type"].replace("-", "_")
        convert_weights(model, name_as_wav2vec2(self.tensors, family))
        return model

    @property
    def older_tensors(self) -> dict[str, np.ndarray]:
        """The tensors under the names of a torch before 2."""
        new = "parametrizations.weight.original"
        spellings = {f"{new}0": "weight_g", f"{new}1": "weight_v"}
        pattern = "|".join(map(re.escape, spellings))
        return {
            re.sub(pattern, lambda match: spellings[match[0]], name): x for name, x in self.tensors.items()
        }

    def assert_first_logits(self, model):
        """Assert that a model says of the first audio what it should."""
        np.testing.assert_allclose(model(self.audio[0][None])[0], self.logits[0], atol=1e-5)


def build_pooled_model(model):
    """Return a Keras model of the same weights from audio to logits and the mean of the last hidden state."""
    import keras

    from librispeech_clf.local.model.graph import FRAME_MASK, HIDDEN_STATE, pool
    from librispeech_clf.local.model.layers import Keras3Layers

    hidden, mask = (model.get_layer(name).output for name in (HIDDEN_STATE, FRAME_MASK))
    return keras.Model(model.input, [model.output, pool(hidden, mask, Keras3Layers())])


def load_golden(name: str) -> Golden:
    with np.load(GOLDEN_FOLDER / f"{name}.npz") as file:
        arrays = dict(file)
    lists = ([arrays[f"{group}/{index}"] for index in range(3)] for group in ("audio", "logits", "pooled"))
    tensors = {name.removeprefix("tensor/"): x for name, x in arrays.items() if name.startswith("tensor/")}
    return Golden(json.loads(str(arrays["configuration"])), tensors, *lists)


@pytest.fixture(scope="session", params=sorted(path.stem for path in GOLDEN_FOLDER.glob("*.npz")))
def golden(request) -> Golden:
    return load_golden(request.param)


@pytest.fixture(scope="session")
def golden_base() -> Golden:
    return load_golden("tiny_base")


@pytest.fixture(scope="session")
def golden_model(golden):
    return golden.build()


@pytest.fixture(scope="session")
def golden_base_model(golden_base):
    return golden_base.build()


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
def write_checkpoint(golden_base, tmp_path):
    """Return a writer of the base model's folder as save_pretrained writes it, with changes; None leaves out."""

    def write(fields=(), tensors=(), vocabulary=None):
        folder = tmp_path / "checkpoint"
        folder.mkdir()
        vocabulary = vocabulary or {letter: row for row, letter in enumerate(LETTERS)}
        (folder / "config.json").write_text(json.dumps(golden_base.configuration | dict(fields)))
        (folder / "vocab.json").write_text(json.dumps(vocabulary))
        changed = {name: x for name, x in (golden_base.tensors | dict(tensors)).items() if x is not None}
        whole = {name: np.ascontiguousarray(tensor) for name, tensor in changed.items()}
        save_file(whole, folder / "model.safetensors")
        return folder

    return write


@pytest.fixture
def checkpoint_folder(write_checkpoint):
    return write_checkpoint()
