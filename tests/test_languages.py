"""Other languages from recordings to the page: a small random model with the language's vocabulary, five recordings."""

import csv
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.text.vocabulary import name_vocabulary_file
from tests.helpers.stand_in import save_stand_in
from tests.helpers.vocabularies import VOCABULARIES

QUICK = ("arabic", "mandarin")
LANGUAGES = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in VOCABULARIES]


@pytest.fixture(scope="module")
def make_model(tmp_path_factory):
    """Return a function that writes a model of random weights with a vocabulary, and the vocabulary beside it."""
    return lambda vocabulary: save_stand_in(tmp_path_factory.mktemp("model"), vocabulary)


def write_split(folder, text, count=5):
    """Write recordings of noise, all of one text."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    with open(folder / "metadata.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", "text", "speaker_id"])
        for number in range(count):
            soundfile.write(folder / f"u{number}.wav", generator.normal(0, 0.1, 9_000), 16_000)
            writer.writerow([f"u{number}.wav", text, f"s{number}"])


@pytest.mark.parametrize("name", LANGUAGES)
def test_five_recordings_become_a_page_in_their_own_letters(name, make_model, forked, tmp_path, browser):
    sample = VOCABULARIES[name]
    write_split(tmp_path / "test", sample.text)
    request = ["--source", "files", "--root", tmp_path, "--model", make_model(sample.vocabulary)]
    settings = {"LIBRISPEECH_NORMALIZE": "letters"}
    done = forked.run("evaluate", *request, "--out", tmp_path / "out", environment=settings)
    assert done.code == 0, done.stderr
    results = pd.read_parquet(tmp_path / "out" / "results.parquet")
    assert set(results["reference"]) == {sample.spelled}
    assert ("readability_dale_chall_score" in results) == (sample.vocabulary.language == "en")
    if sample.units == "words":
        assert "WER %" in done.stdout
    else:
        assert f"{sample.units[0].upper()}ER %" in done.stdout and "WER %" not in done.stdout
        assert (results["word_error_rate"] == results["character_error_rate"]).all()
    browser.open(tmp_path / "out" / "index.html")
    browser.show("utterances")
    shown = browser.run("return document.querySelector('.trow .diff').textContent")
    assert sample.spelled.split()[0] in shown
    right_to_left = browser.run("return getComputedStyle(document.querySelector('.trow .diff')).direction")
    assert right_to_left == ("rtl" if name == "arabic" else "ltr")
    page = browser.run("return document.body.innerText")
    assert ("words" in page.split("Latent map")[0]) == (sample.units == "words")


def check_push(folder, sample, model, *options, systems):
    """Rehearse the push of a copy of the project whose config.yaml names a vocabulary, recordings, and systems."""
    skip = shutil.ignore_patterns("__pycache__", "bundled", "development")
    shutil.copytree(PROJECT_ROOT / "librispeech_clf", folder / "librispeech_clf", ignore=skip)
    for name in ("leap_binder.py", "leap.yaml", "requirements.txt"):
        shutil.copy(PROJECT_ROOT / name, folder)
    (folder / "models").mkdir()
    shutil.copy(name_vocabulary_file(model), folder / "models")
    config = folder / "librispeech_clf" / "config.yaml"
    settings = yaml.safe_load(config.read_text())
    settings["corpus"] |= {"source": "files", "root": str(folder / "data")}
    settings["text"]["normalize"] = "letters"
    settings |= {
        "model": {"path": str(model), "vocabulary": "models/random.vocabulary.json"},
        "systems": systems,
    }
    config.write_text(yaml.safe_dump(settings))
    manifest = (folder / "leap.yaml").read_text().replace("    - models/wav2vec.h5\n", "")
    (folder / "leap.yaml").write_text(manifest)
    (folder / "data").mkdir()
    for state in ("training", "validation", "test"):
        write_split(folder / "data" / state, sample.text, count=2)
    (folder / "data" / "hyp.tsv").write_text(f"test/u0.wav\t{sample.text}\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "librispeech_clf.local.commands.check_push",
        "--model",
        str(model),
        *options,
    ]
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, encoding="utf-8"
    )


@pytest.mark.parametrize("name", LANGUAGES)
def test_push_is_rehearsed_with_the_languages_vocabulary_and_another_recognizer(name, make_model, tmp_path):
    sample = VOCABULARIES[name]
    done = check_push(tmp_path, sample, make_model(sample.vocabulary), systems={"whisper": "hyp.tsv"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "calls of metrics" in done.stdout and "FAILED" not in done.stdout


@pytest.mark.slow
def test_push_is_rehearsed_with_its_requirements(make_model, tmp_path):
    sample = VOCABULARIES["german"]
    done = check_push(tmp_path, sample, make_model(sample.vocabulary), "--requirements", systems={})
    assert done.returncode == 0, done.stdout + done.stderr


def test_leap_binder_is_imported_fast_with_a_large_vocabulary(tmp_path):
    """Under half a second with 3,500 characters, without TensorFlow; CPU time, as other work shares the machine."""
    path = tmp_path / "zh.vocabulary.json"
    path.write_text(json.dumps(VOCABULARIES["mandarin"].vocabulary.to_fields()), encoding="utf-8")
    code = (
        "import sys, time; start = time.process_time()\n"
        "import leap_binder\n"
        "print(time.process_time() - start, len(leap_binder.VOCABULARY.tokens), 'tensorflow' in sys.modules)"
    )
    environment = {**os.environ, "LIBRISPEECH_MODEL": str(tmp_path / "zh.h5")}
    runs = [
        subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True,
                       check=True).stdout.splitlines()[0].split()
        for _ in range(3)
    ]  # fmt: skip
    assert {tuple(run[1:]) for run in runs} == {("3503", "False")}
    assert min(float(run[0]) for run in runs) < 0.5
