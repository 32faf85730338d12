"""`training.evaluate`: reports that it takes, tables of figures, their place in the card, and the learning curve."""

import hashlib
import json
import os
import subprocess
import sys

import pandas as pd
import pytest

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.corpus.load import BUNDLED_FOLDER
from librispeech_clf.development.training import evaluate
from librispeech_clf.development.training.evaluate import REAL_TEST, SYNTHETIC_TEST, Table


def make_results(*rows: tuple[str, str | None, int, int], **columns) -> pd.DataFrame:
    """Utterances of a speaker and gender with so many right and wrong words; characters are ten times as many."""
    results = pd.DataFrame(rows, columns=["record_speaker_id", "record_gender", "hits", "substitutions"])
    counts = results[["hits", "substitutions"]].assign(deletions=0, insertions=0)
    parts = [counts.add_prefix("word_"), (10 * counts).add_prefix("character_")]
    table = pd.concat([results[["record_speaker_id", "record_gender"]], *parts], axis=1)
    return table.assign(utterance_id=[f"u{row}" for row in range(len(rows))], error=None, **columns)


def write_report(folder, content: bytes = b"a model", **run):
    folder.mkdir()
    rows = make_results(("7", "F", 3, 1), ("8", "M", 3, 1), ("7", "F", 0, 4), subset="test-clean")
    rows.assign(simulation=[None, None, "noise"]).to_parquet(folder / "results.parquet")
    described = {"model": "model.h5", "model SHA-256": hashlib.sha256(content).hexdigest()[:12], **run}
    (folder / "summary.json").write_text(json.dumps({"run": {"source": "openslr", **described}}))
    return folder


@pytest.fixture(autouse=True)
def model(tmp_path, monkeypatch):
    path = tmp_path / "model.h5"
    path.write_bytes(b"a model")
    monkeypatch.setenv("LIBRISPEECH_MODEL", str(path))


def test_the_command_prints_a_report_without_simulated_utterances(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    reports = [write_report(tmp_path / "real"), write_report(tmp_path / "bundled", source="sample")]
    assert evaluate.main(list(map(str, reports))) == 0
    printed = capsys.readouterr().out
    assert "7 female" in printed and "synthetic, test-clean" in printed
    assert "0.250" in printed and "0.500" not in printed


@pytest.mark.parametrize(
    ("content", "run", "message"),
    [
        (b"another", {}, "of another model (model.h5)"),
        (b"a model", {"limit": "4"}, "first 4 utterances only"),
        (None, {}, "results.parquet: not found"),
    ],
)
def test_reports_of_something_else_are_refused(tmp_path, capsys, content, run, message):
    report = tmp_path if content is None else write_report(tmp_path / "report", content, **run)
    assert evaluate.main([str(report)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_card_holds_the_figures_of_the_bundled_model(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIBRISPEECH_")}
    reports = [tmp_path / split for split in ("training", "validation", "test")]
    for report in reports:
        options = ["--split", report.name, "--out", str(report)]
        command = [sys.executable, "-m", "librispeech_clf.local.commands.evaluate", *options]
        subprocess.run(command, cwd=PROJECT_ROOT, env=environment, capture_output=True, check=True)
    results = evaluate.read_reports(reports, PROJECT_ROOT / "models" / "wav2vec.h5")
    tables = evaluate.make_tables(results, voices=evaluate.read_voices(BUNDLED_FOLDER))
    assert [len(table.rows) for table in tables] == [3, 12]
    card = (PROJECT_ROOT / "models" / evaluate.CARD).read_text()
    for row in (row for table in tables for row in table.rows):
        assert f"| {' | '.join(row)} |" in card


def test_test_sets_are_shown_by_voice_or_by_gender_and_speaker_without_failed_utterances():
    failed = pd.DataFrame([{"utterance_id": "bad", "error": "no sound"}])
    scored = make_results(("7", "F", 3, 1), ("7", "F", 5, 3), ("8", "M", 9, 1), ("9", None, 1, 1))
    real = pd.concat([scored, failed])
    synthetic = make_results(("51", "F", 1, 1), ("52", "M", 2, 0))
    tables = evaluate.make_tables(
        {"LibriSpeech dev-clean": real, REAL_TEST: real, SYNTHETIC_TEST: synthetic},
        voices={"51": "51 a voice"},
    )
    counts = {"LibriSpeech dev-clean": ("4", "3"), REAL_TEST: ("4", "3"), SYNTHETIC_TEST: ("2", "2")}
    assert {row[0]: row[1:3] for row in tables[0].rows} == counts
    assert tables[0].rows[0][3].startswith("0.250 (")
    assert [row[0] for row in tables[1].rows] == ["52", "51 a voice"]
    genders = [("female", "2", "1", "0.333", "0.333"), ("male", "1", "1", "0.100", "0.100")]
    assert tables[2] == Table("LibriSpeech test-clean, by gender", genders)
    assert [(row[0], row[3]) for row in tables[3].rows] == [
        ("8 male", "0.100"), ("7 female", "0.333"), ("9", "0.500")
    ]  # fmt: skip


def test_figures_replace_those_between_the_marks(tmp_path):
    card = tmp_path / "models" / evaluate.CARD
    card.parent.mkdir()
    before = (PROJECT_ROOT / "models" / evaluate.CARD).read_text() + "\nWhat comes after them stays.\n"
    card.write_text(before)
    log = [
        {"stage": "front", "phase": "front", "audio_s": 60, "development": {"front_error": 0.5}},
        {"stage": "begin", "phase": "ctc", "audio_s": 3600, "loss": 1.0},
        {"stage": "begin", "phase": "ctc", "audio_s": 7200, "loss": 0.9},
        {
            "stage": "whole",
            "phase": "ctc",
            "audio_s": 3600,
            "loss": 0.8,
            "development": {"wer": 0.5, "cer": 0.2},
        },
    ]
    assert evaluate.list_measurements(log) == ([(1, 1.0), (2, 0.9), (3, 0.8)], [(3, 0.5)])
    (card.parent / evaluate.TRAINING_RECORD).write_text(json.dumps({"log": log}))
    tables = [
        Table("data sets", [("test", "2", "1", "0.500", "0.250")]), Table("By voice", [("x", *"1111")])
    ]  # fmt: skip
    evaluate.write_card(card.parent, tables)
    after = card.read_text()
    assert after.startswith(before.partition(evaluate.FIGURES_MARK)[0])
    assert after.endswith("<!-- end of the figures -->\n\nWhat comes after them stays.\n")
    assert "| test | 2 | 1 | 0.500 | 0.250 |" in after and "By voice:\n\n| " in after
    assert "synthetic, test" in before and "synthetic, test" not in after
    assert (tmp_path / evaluate.LEARNING_CURVE).stat().st_size > 0
    evaluate.write_card(card.parent, tables)
    assert card.read_text() == after


@pytest.mark.parametrize("kept", ["A card.\n", evaluate.FIGURES_MARK, evaluate.END_MARK])
def test_a_card_without_the_marks_is_refused(tmp_path, kept):
    (tmp_path / evaluate.CARD).write_text(kept)
    with pytest.raises(ValueError, match="must hold the lines"):
        evaluate.write_card(tmp_path, [])
    assert (tmp_path / evaluate.CARD).read_text() == kept
