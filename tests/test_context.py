"""Other recognizers' hypotheses that config.yaml names, as metadata of the platform; users without a home."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest

from librispeech_clf.configuration import PROJECT_ROOT, load_configuration
from librispeech_clf.context import Context


@pytest.fixture
def configuration(tmp_path):
    """The bundled corpus, with a data root of its own."""
    found = load_configuration(environment={}, source="sample", root=tmp_path)
    return dataclasses.replace(found, systems={"whisper": "hyp/whisper.csv"})


def test_systems_become_word_error_rates(configuration, tmp_path):
    split = Context(configuration).split("test")
    first, second, third = (split.utterance(name) for name in split.ids[:3])
    (tmp_path / "hyp").mkdir()
    lines = [f"clips/{first.id}.wav,{first.text.lower()}", f"{second.id},", "nobody,yes"]
    (tmp_path / "hyp" / "whisper.csv").write_text("\n".join(["file,text", *lines]))
    context = Context(configuration)
    measured = [context.measure_systems(utterance) for utterance in (first, second, third)]
    assert measured == [{"whisper_word_error_rate": rate} for rate in (0.0, 1.0, None)]
    ids = [first.id, second.id, third.id, f"{first.id}+noise=5"]
    changes = context.compare_systems(np.array([0.25, 0.5, 1.0, 1.0]), split, ids)
    assert changes == {"whisper_minus_model": [-0.25, 0.5, None, None]}


def test_files_names_and_places_that_cannot_be_are_refused(configuration):
    with pytest.raises(FileNotFoundError, match="whisper.csv: no such file of hypotheses"):
        _ = Context(configuration).systems
    for systems in ({"a b": "x.csv"}, {"a": "/x.csv"}, {"a": "../x.csv"}):
        with pytest.raises(ValueError, match="systems: a name of letters and digits and a file under"):
            dataclasses.replace(configuration, systems=systems)


WITHOUT_ACCOUNT = """
import os, pwd, sys
def find(number):
    raise KeyError(f"getpwuid(): uid not found: {number}")
pwd.getpwuid = find
os.environ.pop("HOME", None)
from librispeech_clf.context import context
from librispeech_clf.corpus.load import load_split
print(len(load_split(context().configuration.corpus, "test")))
import librosa
print(os.environ["HOME"])
"""


def test_user_without_an_account_and_home(tmp_path):
    """pytorch/pytorch#140765, LMCache/LMCache#4597: a container's user whose number has no name."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_HOME", "XDG_"))}
    environment = kept | {"PYTHONPATH": str(PROJECT_ROOT), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", WITHOUT_ACCOUNT]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count, home = done.stdout.split()
    assert int(count) > 50 and home.startswith(str(tmp_path))
    assert not (tmp_path / "~").exists()
