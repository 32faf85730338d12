"""Other languages from recordings to the page: a small random model with the language's vocabulary, five recordings."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.text.vocabulary_file import name_vocabulary_file
from tests.helpers.vocabularies import VOCABULARIES

QUICK = ("arabic", "mandarin")


@pytest.fixture(scope="module")
def make_model(tmp_path_factory):
    """Return a function that writes a model of random weights with a vocabulary, and the vocabulary beside it."""
    from librispeech_clf.local.model.architecture import Wav2Vec2Configuration
    from librispeech_clf.local.model.graph import build_wav2vec2
    from librispeech_clf.local.model.save import save_model

    def make(vocabulary):
        sizes = {"conv_dim": (8,) * 7, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        small = Wav2Vec2Configuration(
            **sizes, intermediate_size=16, num_conv_pos_embedding_groups=2, vocab_size=len(vocabulary.tokens)
        )
        path = tmp_path_factory.mktemp("model") / "random.h5"
        save_model(build_wav2vec2(small), path, vocabulary=vocabulary)
        name_vocabulary_file(path).write_text(json.dumps(vocabulary.to_fields()), encoding="utf-8")
        return path

    return make


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in VOCABULARIES]
)
def test_five_recordings_become_a_page_in_their_own_letters(name, make_model, tmp_path, browser):
    sample = VOCABULARIES[name]
    (tmp_path / "test").mkdir()
    generator = np.random.default_rng(0)
    with open(tmp_path / "test" / "metadata.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", "text", "speaker_id"])
        for number in range(5):
            soundfile.write(tmp_path / "test" / f"u{number}.wav", generator.normal(0, 0.1, 9_000), 16_000)
            writer.writerow([f"u{number}.wav", sample.text, f"s{number}"])
    command = [sys.executable, "-m", "librispeech_clf.local.commands.evaluate", "--source", "files"]
    command += ["--root", str(tmp_path), "--out", str(tmp_path / "out")]
    command += ["--model", str(make_model(sample.vocabulary))]
    settings = {**os.environ, "LIBRISPEECH_NORMALIZE": "letters", "COLUMNS": "100"}
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env=settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
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
