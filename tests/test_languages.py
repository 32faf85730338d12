"""Other languages from recordings to the page: a small random model with the language's vocabulary, five recordings."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from librispeech_clf.configuration import PACKAGE_FOLDER, PROJECT_ROOT
from librispeech_clf.text.vocabulary import name_vocabulary_file
from tests.helpers.stand_in import save_stand_in
from tests.helpers.vocabularies import VOCABULARIES

QUICK = ("arabic", "mandarin")
LANGUAGES = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in VOCABULARIES]
PUSHED = [name if name == "mandarin" else pytest.param(name, marks=pytest.mark.slow) for name in VOCABULARIES]


def write_split(folder, text, count=5):
    """Write recordings of noise, all of one text."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    names = [f"u{number}.wav" for number in range(count)]
    for name in names:
        soundfile.write(folder / name, generator.normal(0, 0.1, 9_000), 16_000)
    table = pd.DataFrame({"file_name": names, "text": text, "speaker_id": [name[:2] for name in names]})
    table.to_csv(folder / "metadata.csv", index=False)


@pytest.mark.parametrize("name", LANGUAGES)
def test_five_recordings_become_a_page_in_their_own_letters(name, forked, tmp_path, browser):
    sample = VOCABULARIES[name]
    write_split(tmp_path / "test", sample.text)
    model = save_stand_in(tmp_path, sample.vocabulary)
    request = ["--source", "files", "--root", tmp_path, "--model", model, "--out", tmp_path / "out"]
    done = forked.run("evaluate", *request, environment={"LIBRISPEECH_NORMALIZE": "letters"})
    assert done.code == 0, done.stderr
    results = pd.read_parquet(tmp_path / "out" / "results.parquet")
    assert set(results["reference"]) == {sample.spelled}
    assert ("readability_dale_chall_score" in results) == (sample.vocabulary.language == "en")
    in_words = sample.units == "words"
    assert ("WER %" in done.stdout) == in_words
    if not in_words:
        assert f"{sample.units[0].upper()}ER %" in done.stdout
        assert (results["word_error_rate"] == results["character_error_rate"]).all()
    browser.open(tmp_path / "out" / "index.html", "#tab=utterances")
    assert sample.spelled.split()[0] in browser.read(".trow .diff")
    assert browser.look(".trow .diff", "direction") == ("rtl" if name == "arabic" else "ltr")
    assert ("words" in browser.text("body").split("Latent map")[0]) == in_words


def check_push(folder, sample, *options, systems):
    """Rehearse the push of a copy of the project whose config.yaml names a vocabulary, recordings, and systems."""
    skip = shutil.ignore_patterns("__pycache__", "bundled", "development")
    shutil.copytree(PACKAGE_FOLDER, folder / "librispeech_clf", ignore=skip)
    for name in ("leap_binder.py", "requirements.txt"):
        shutil.copy(PROJECT_ROOT / name, folder)
    manifest = (PROJECT_ROOT / "leap.yaml").read_text().replace("    - models/wav2vec.h5\n", "")
    (folder / "leap.yaml").write_text(manifest)
    for name in ("models", "data"):
        (folder / name).mkdir()
    model = save_stand_in(folder, sample.vocabulary)
    shutil.copy(name_vocabulary_file(model), folder / "models")
    config = folder / "librispeech_clf" / "config.yaml"
    settings = yaml.safe_load(config.read_text())
    settings["corpus"] |= {"source": "files", "root": str(folder / "data")}
    settings["text"]["normalize"] = "letters"
    settings["model"] = {"path": str(model), "vocabulary": "models/random.vocabulary.json"}
    config.write_text(yaml.safe_dump(settings | {"systems": systems}))
    for state in ("training", "validation", "test"):
        write_split(folder / "data" / state, sample.text, count=2)
    (folder / "data" / "hyp.tsv").write_text(f"test/u0.wav\t{sample.text}\n", encoding="utf-8")
    command = [sys.executable, "-m", "librispeech_clf.local.commands.check_push", "--model", model, *options]
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", PUSHED)
def test_push_is_rehearsed_with_the_languages_vocabulary_and_another_recognizer(name, tmp_path):
    said = check_push(tmp_path, VOCABULARIES[name], systems={"whisper": "hyp.tsv"})
    assert "calls of metrics" in said and "FAILED" not in said


@pytest.mark.slow
def test_push_is_rehearsed_with_its_requirements(tmp_path):
    assert check_push(tmp_path, VOCABULARIES["german"], "--requirements", systems={})
