"""`evaluate`: which data sets it recognizes, and which it takes from reports of `evaluate`."""

import hashlib
import json

import pandas as pd
import pytest

from librispeech_clf.configuration import PROJECT_ROOT, load_configuration
from librispeech_clf.corpus.load import BUNDLED_FOLDER
from librispeech_clf.development.training import evaluate as evaluate_model
from librispeech_clf.development.training import model_card
from librispeech_clf.development.training.evaluate import evaluate_sets, read_reports


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.h5"
    path.write_bytes(b"a model")
    return path


def write_report(folder, content: bytes = b"a model", **run):
    folder.mkdir()
    results = pd.DataFrame(
        {"utterance_id": ["a", "b", "a noisy"], "subset": "test-clean", "simulation": [None, None, "noise"]}
    )
    results.to_parquet(folder / "results.parquet")
    described = {"model": "model.h5", "model SHA-256": hashlib.sha256(content).hexdigest()[:12], **run}
    (folder / "summary.json").write_text(json.dumps({"run": {"source": "openslr", **described}}))
    return folder


def test_reports_are_read_without_simulated_utterances(tmp_path, model):
    found = read_reports([write_report(tmp_path / "report")], model)
    assert list(found) == ["LibriSpeech test-clean"]
    assert list(found["LibriSpeech test-clean"]["utterance_id"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "run", "message"),
    [(b"another", {}, "of another model"), (b"a model", {"limit": "4"}, "first 4 utterances only")],
)
def test_reports_of_something_else_are_refused(tmp_path, model, content, run, message):
    with pytest.raises(ValueError, match=message):
        read_reports([write_report(tmp_path / "report", content, **run)], model)


def test_a_folder_without_a_report_is_refused(tmp_path, model):
    with pytest.raises(FileNotFoundError, match="results.parquet"):
        read_reports([tmp_path], model)


def test_known_sets_are_not_recognized_again(tmp_path, monkeypatch):
    (tmp_path / "LibriSpeech" / "test-clean").mkdir(parents=True)
    recognized = []
    monkeypatch.setattr("librispeech_clf.local.model.load.load_model", lambda path: "the model")
    monkeypatch.setattr(
        "librispeech_clf.corpus.load.load_split", lambda corpus, state: (corpus.source, state)
    )
    monkeypatch.setattr(model_card, "recognize_split", lambda model, split: recognized.append(split) or split)
    known = {"LibriSpeech test-other": "t", "synthetic, validation": "v"}
    results = evaluate_sets(load_configuration(environment={}), known=known, speech=tmp_path, subsets=None)
    assert list(results) == [
        "synthetic, training",
        "synthetic, validation",
        "synthetic, test",
        "LibriSpeech test-clean",
        "LibriSpeech test-other",
    ]
    assert recognized == [("sample", "training"), ("sample", "test"), ("openslr", "test")]
    assert results["synthetic, validation"] == "v"


@pytest.mark.slow
def test_card_holds_the_figures_of_the_bundled_model():
    card = (PROJECT_ROOT / "models" / model_card.CARD).read_text()
    results = evaluate_sets(load_configuration(environment={}), known={}, speech=None, subsets=None)
    tables = model_card.make_tables(results, voices=model_card.read_voices(BUNDLED_FOLDER))
    assert [len(table.rows) for table in tables] == [3, 12]
    for table in tables:
        for row in table.rows:
            assert "| " + " | ".join(row) + " |" in card


def test_the_command_prints_what_it_found(monkeypatch, capsys):
    rows = pd.DataFrame({"utterance_id": ["a"], "record_speaker_id": ["7"], "record_gender": ["F"]})
    for unit in ("word", "character"):
        rows[[f"{unit}_hits", f"{unit}_substitutions", f"{unit}_deletions", f"{unit}_insertions"]] = [
            3,
            1,
            0,
            0,
        ]
    monkeypatch.setattr(evaluate_model, "evaluate_sets", lambda *a, **k: {"LibriSpeech test-clean": rows})
    assert evaluate_model.main([]) == 0
    printed = capsys.readouterr().out
    assert "7 female" in printed and "0.250" in printed
