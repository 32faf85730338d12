"""Predicted error rates: learnt of transcribed recordings, told of others; what to transcribe first."""

import dataclasses
import json

import numpy as np
import pytest

from librispeech_clf.configuration import load_configuration
from librispeech_clf.local.analysis import calibration as calibrations
from librispeech_clf.local.analysis.calibration import fit_calibration
from librispeech_clf.local.analysis.prediction import predict_rate, predict_rates, rank_recordings
from librispeech_clf.local.analysis.record import Record
from tests.helpers.spoken import make_spoken

CONDITIONS = {
    "recordings": (28.6, 27.9), "white 30 dB": (30.1, 31.2), "white 22.5 dB": (32.1, 33.9), "white 15 dB": (36.4, 39.6),
    "white 7.5 dB": (49.6, 53.5), "white 0 dB": (72.2, 76.7), "babble 30 dB": (29.9, 30.9),
    "babble 22.5 dB": (32.6, 34.0), "babble 15 dB": (41.3, 45.2), "babble 7.5 dB": (65.9, 69.9),
    "babble 0 dB": (93.2, 95.3), "telephone 3400 Hz": (38.4, 42.8), "telephone 2925 Hz": (43.5, 52.5),
    "telephone 2450 Hz": (49.4, 58.3), "telephone 1975 Hz": (60.8, 69.0), "telephone 1500 Hz": (78.6, 84.6),
}  # fmt: skip
"""Predicted and measured word error rates of real test-clean under simulations, in %."""
MILD = ("recordings", "white 30 dB", "white 22.5 dB", "babble 30 dB")
COUNTS = ["word_hits", "word_substitutions", "word_deletions", "word_insertions"]


@pytest.fixture(scope="module")
def learnt():
    return fit_calibration(Record(make_spoken(0)), corpus="made", split="validation")


@pytest.fixture(scope="module")
def spoken():
    return make_spoken(1)


def doubt(words):
    """Return words of which the model is not sure."""
    return [{**word, "confidence": 0.05} for word in words]


def test_predicted_rate_is_near_the_measured_one_and_needs_no_transcript(learnt, spoken):
    (whole,) = predict_rates(Record(spoken), learnt)
    assert abs(whole.rate - whole.measured) < 0.03
    assert whole.low < whole.measured < whole.high and not whole.is_beyond
    hidden = spoken.assign(reference=None, **dict.fromkeys(COUNTS))
    (alone,) = predict_rates(Record(hidden), learnt)
    assert dataclasses.replace(alone, measured=whole.measured) == whole


def test_less_sure_than_nine_in_ten_speakers_is_told(learnt, spoken):
    (found,) = predict_rates(Record(spoken.assign(words=spoken["words"].map(doubt))), learnt)
    assert found.is_beyond and found.low > learnt.highest


def test_few_speakers_widen_the_interval(learnt, spoken):
    several = dataclasses.replace(learnt, spread=0.2)
    tables = spoken.assign(record_speaker_id="0"), spoken
    (one,), (whole,) = (predict_rates(Record(table), several) for table in tables)
    assert np.log(one.high / one.low) > 2 * np.log(whole.high / whole.low)


def test_without_words_nothing_is_expected(learnt, spoken):
    record = Record(spoken.assign(words=None))
    assert np.isnan(learnt.predict_errors(record)).all()
    assert predict_rates(record, learnt) == () == predict_rates(record, None)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_what_is_more_than_3_points_off_is_warned_of(condition, spoken):
    predicted, measured = CONDITIONS[condition]
    path = calibrations.name_calibration_file(load_configuration(environment={}).model.path)
    sha256 = json.loads(path.read_text())[calibrations.CHECKSUM]
    calibration = calibrations.read_calibrations(path, sha256)["openslr"]
    rows = Record(spoken.assign(record_speaker_id=[str(row % 40) for row in spoken.index])[:240])
    words = np.tile([predicted / 5, 20.0], (len(rows), 1))  # about as many as 250 utterances have
    found = predict_rate(condition, words, rows.blocks, np.zeros_like(words), calibration)
    assert found.rate == pytest.approx(predicted / 100)
    assert found.is_beyond or abs(predicted - measured) <= 3
    assert not found.is_beyond or condition not in MILD


@pytest.fixture(scope="module")
def unlabeled():
    """Recordings of 3 s each; the first speaker's sound all alike, and no word of them is sure."""
    table = make_spoken(5, speakers=6, utterances=10)
    same = (table["record_speaker_id"] == "0").to_numpy()
    latent = np.where(same[:, None], 1, np.random.default_rng(5).normal(size=(len(table), 8)))
    words = [doubt(own) if alike else own for own, alike in zip(table["words"], same, strict=True)]
    return table.assign(latent=list(latent), words=words, signal_duration_s=3.0, transcribed=False)


def rank(table, learnt):
    return rank_recordings(Record(table), learnt, minutes=1)


def test_budget_is_spent_on_errors_once_each(unlabeled, learnt):
    chosen = rank(unlabeled, learnt)
    assert chosen["seconds"].sum() == 60 and chosen["id"].nunique() == 20
    assert chosen["id"][0].startswith("0-") and chosen["predicted_error_rate"][0] > 0.9
    # The most errors are the first speaker's, but one transcript of what sounds alike is enough.
    assert chosen["id"].str.startswith("0-").sum() == 1


def test_what_sounds_like_labeled_recordings_is_not_chosen(unlabeled, learnt):
    chosen = rank(unlabeled.assign(transcribed=unlabeled.index == 0), learnt)
    assert len(chosen) == 20 and not chosen["id"].str.startswith("0-").any()


@pytest.mark.parametrize(("column", "value"), [("words", None), ("latent", None), ("transcribed", True)])
def test_what_is_transcribed_or_not_known_is_not_chosen(column, value, unlabeled, learnt):
    assert rank(unlabeled.assign(**{column: value}), learnt).empty
