"""Predicted error rates: learnt of transcribed recordings, told of others."""

import dataclasses
import json

import numpy as np
import pytest

from librispeech_clf.configuration import load_configuration
from librispeech_clf.local.analysis import calibration as calibrations
from librispeech_clf.local.analysis.calibration import fit_calibration
from librispeech_clf.local.analysis.prediction import predict_rate, predict_rates
from librispeech_clf.local.analysis.record import Record
from tests.helpers.spoken import make_spoken

CONDITIONS = {
    "recordings": (43.3, 42.8), "white 20 dB": (46.0, 47.2), "white 10 dB": (52.6, 55.4), "white 0 dB": (77.5, 78.6),
    "babble 20 dB": (47.1, 48.6), "babble 10 dB": (61.3, 65.3), "babble 0 dB": (98.0, 93.9),
    "telephone 3400 Hz": (49.1, 50.9), "telephone 2767 Hz": (54.0, 57.3), "telephone 2133 Hz": (63.5, 70.2),
    "telephone 1500 Hz": (81.6, 89.0),
}  # fmt: skip
"""Predicted and measured word error rates of real test-clean under simulations, in %."""
COUNTS = ["word_hits", "word_substitutions", "word_deletions", "word_insertions"]


def count(table):
    """Fill in the counts of words that are right or substituted."""
    pairs = zip(table["reference"], table["hypothesis"], strict=True)
    right = [sum(a == b for a, b in zip(r.split(), h.split(), strict=True)) for r, h in pairs]
    table = table.assign(word_hits=right, word_deletions=0, word_insertions=0, subset="made")
    return table.assign(word_substitutions=[len(r.split()) for r in table["reference"]] - table["word_hits"])


def learn():
    return fit_calibration(Record(count(make_spoken(0))), corpus="made", split="validation")


def test_predicted_rate_is_near_the_measured_one_and_needs_no_transcript():
    learnt, table = learn(), count(make_spoken(1))
    (whole,) = predict_rates(Record(table), learnt)
    assert abs(whole.rate - whole.measured) < 0.03
    assert whole.low < whole.measured < whole.high and not whole.is_beyond
    hidden = table.assign(reference=None, **dict.fromkeys(COUNTS))
    (alone,) = predict_rates(Record(hidden), learnt)
    assert dataclasses.replace(alone, measured=whole.measured) == whole


def test_less_sure_than_any_speaker_is_told():
    learnt, table = learn(), count(make_spoken(2))
    table["words"] = [[{**word, "confidence": 0.05} for word in words] for words in table["words"]]
    (found,) = predict_rates(Record(table), learnt)
    assert found.is_beyond and found.rate > learnt.highest


def test_few_speakers_widen_the_interval():
    learnt, table = learn(), count(make_spoken(3))
    several = dataclasses.replace(learnt, spread=0.2)
    one = table[table["record_speaker_id"] == table["record_speaker_id"].iloc[0]]
    widths = [
        np.log(found.high / found.low) for t in (one, table) for found in predict_rates(Record(t), several)
    ]
    assert widths[0] > 2 * widths[1]


def test_without_words_nothing_is_expected():
    table = count(make_spoken(4))
    table["words"] = None
    assert np.isnan(learn().predict_errors(Record(table))).all()
    assert predict_rates(Record(table), learn()) == () == predict_rates(Record(table), None)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_what_is_more_than_3_points_off_is_warned_of(condition):
    predicted, measured = CONDITIONS[condition]
    model = load_configuration(environment={}).model.path
    path = calibrations.name_calibration_file(model)
    sha256 = json.loads(path.read_text())[calibrations.CHECKSUM]
    calibration = calibrations.read_calibrations(path, sha256)["openslr"]
    rows = Record(make_spoken(0, speakers=40, utterances=6))
    words = np.tile([predicted / 5, 20.0], (len(rows), 1))  # about as many as 250 utterances have
    found = predict_rate(condition, rows, words, calibration)
    assert found.rate == pytest.approx(predicted / 100)
    assert found.is_beyond or abs(predicted - measured) <= 3
    assert not found.is_beyond or "20 dB" not in condition and condition != "recordings"
