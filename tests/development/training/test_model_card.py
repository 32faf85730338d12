"""The model card: figures between the marks, their tables, and the learning curve."""

import json
import shutil

import pandas as pd
import pytest

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.development.training import model_card
from librispeech_clf.development.training.model_card import REAL_TEST, SYNTHETIC_TEST, Table

TABLES = [
    Table("data sets", (("test", "2", "1", "0.500", "0.250"),)),
    Table("By voice", (("x", "1", "1", "1", "1"),)),
]


def make_results(*rows: tuple[str, str | None, int, int]) -> pd.DataFrame:
    """Utterances of a speaker and gender with so many right and wrong words; characters are ten times as many."""
    return pd.DataFrame(
        {
            "utterance_id": f"u{index}",
            "record_speaker_id": speaker,
            "record_gender": gender,
            "error": None,
            "word_hits": right,
            "word_substitutions": wrong,
            "word_deletions": 0,
            "word_insertions": 0,
            "character_hits": 10 * right,
            "character_substitutions": 10 * wrong,
            "character_deletions": 0,
            "character_insertions": 0,
        }
        for index, (speaker, gender, right, wrong) in enumerate(rows)
    )


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(PROJECT_ROOT / "models" / model_card.CARD, folder)
    log = [
        {"phase": "ctc", "audio_s": 3600, "loss": 1.0},
        {"phase": "ctc", "audio_s": 7200, "development": {"wer": 0.5, "cer": 0.2}},
    ]
    (folder / model_card.TRAINING_RECORD).write_text(json.dumps({"log": log}))
    return folder


def test_figures_replace_those_between_the_marks(tmp_path, folder):
    card = folder / model_card.CARD
    card.write_text(card.read_text() + "\nWhat comes after them stays.\n")
    before = card.read_text()
    model_card.write_card(folder, TABLES)
    after = card.read_text()
    assert after.startswith(before.partition(model_card.FIGURES_MARK)[0])
    assert after.endswith("<!-- end of the figures -->\n\nWhat comes after them stays.\n")
    assert "| test | 2 | 1 | 0.500 | 0.250 |" in after and "By voice:\n\n| " in after
    assert "synthetic, test" in before and "synthetic, test" not in after
    assert (tmp_path / model_card.LEARNING_CURVE).stat().st_size > 0
    model_card.write_card(folder, TABLES)
    assert card.read_text() == after


@pytest.mark.parametrize("kept", ["A card.\n", model_card.FIGURES_MARK, model_card.END_MARK])
def test_a_card_without_the_marks_is_refused(tmp_path, kept):
    (tmp_path / model_card.CARD).write_text(kept)
    with pytest.raises(ValueError, match="must hold the lines"):
        model_card.write_card(tmp_path, TABLES)
    assert (tmp_path / model_card.CARD).read_text() == kept


def test_real_speech_is_shown_by_gender_and_speaker():
    real = make_results(("7", "F", 3, 1), ("7", "F", 5, 3), ("8", "M", 9, 1), ("9", None, 1, 1))
    tables = model_card.make_tables({"LibriSpeech dev-clean": real, REAL_TEST: real}, voices={})
    assert [row[:3] for row in tables[0].rows] == [
        ("LibriSpeech dev-clean", "4", "3"),
        ("LibriSpeech test-clean", "4", "3"),
    ]
    assert tables[0].rows[0][3].startswith("0.250 (")
    assert tables[1].title == "LibriSpeech test-clean, by gender"
    assert tables[1].rows == (("female", "2", "1", "0.333", "0.333"), ("male", "1", "1", "0.100", "0.100"))
    assert [row[0] for row in tables[2].rows] == ["8 male", "7 female", "9"]
    assert tables[2].rows[2][3] == "0.500"


def test_the_synthetic_test_split_is_shown_by_voice():
    results = {SYNTHETIC_TEST: make_results(("51", "F", 1, 1), ("52", "M", 2, 0))}
    tables = model_card.make_tables(results, voices={"51": "51 a voice"})
    assert [row[0] for row in tables[1].rows] == ["52", "51 a voice"]


def test_failed_utterances_are_no_errors():
    failed = pd.DataFrame([{"utterance_id": "bad", "error": "no sound"}])
    results = pd.concat([make_results(("7", "F", 3, 1)), failed])
    assert model_card.list_figures(results, "x") == ("x", "1", "1", "0.250", "0.250")
