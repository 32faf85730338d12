"""The model card: figures below the mark, and those that `evaluate-model` prints."""

import json
import shutil

import pytest

from librispeech_clf.configuration import PROJECT_ROOT, load_configuration
from librispeech_clf.report import model_card

ROWS = [["test", "2", "1", "0.500", "0.250"]]


def test_figures_replace_those_below_the_mark(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(PROJECT_ROOT / "models" / model_card.CARD, folder)
    record = {"log": [{"phase": "ctc", "audio_s": 3600, "loss": 1.0}]}
    (folder / model_card.TRAINING_RECORD).write_text(json.dumps(record))
    before = (folder / model_card.CARD).read_text()

    model_card.write_card(folder, ROWS, ROWS)

    after = (folder / model_card.CARD).read_text()
    assert after.startswith(before.partition(model_card.FIGURES_MARK)[0])
    assert after.count("| test | 2 | 1 | 0.500 | 0.250 |") == 2
    assert "real LibriSpeech, test-clean" in before and "real LibriSpeech, test-clean" not in after
    assert (tmp_path / model_card.LEARNING_CURVE).stat().st_size > 0


def test_a_card_without_the_mark_is_refused(tmp_path):
    (tmp_path / model_card.CARD).write_text("A card.\n")
    with pytest.raises(ValueError, match="must hold the line"):
        model_card.write_card(tmp_path, ROWS, ROWS)
    assert (tmp_path / model_card.CARD).read_text() == "A card.\n"


@pytest.mark.slow
def test_card_holds_the_figures_of_the_bundled_model():
    card = (PROJECT_ROOT / "models" / model_card.CARD).read_text()
    splits, voices = model_card.evaluate_splits(load_configuration(environment={}), real=None)
    assert len(splits) == 3
    assert len(voices) == 12
    for row in [*splits, *voices]:
        assert "| " + " | ".join(row) + " |" in card
