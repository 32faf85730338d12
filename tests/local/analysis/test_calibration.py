"""The chance of a word to be right: learnt, kept beside a model, measured."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.configuration import load_configuration
from librispeech_clf.local.analysis import calibration as calibrations
from librispeech_clf.local.analysis.calibration import Calibration, fit_calibration, measure_reliability
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.evaluation.store import hash_file
from tests.helpers.spoken import make_spoken

SURE = np.linspace(0.01, 0.99, 50)
MADE = Calibration("sample", "validation", 740, 18, 8.7, 0.17, 3.2, 1.1, 1.0, 0.1, 0.5)


def fit(table):
    return fit_calibration(Record(table), corpus="made", split="validation")


def test_the_share_of_right_words_is_learnt():
    learnt = fit(make_spoken(0))
    assert (learnt.words, learnt.speakers) == (4000, 20)
    np.testing.assert_allclose(learnt.apply(np.array([0.4, 0.6, 0.8])), [0.16, 0.36, 0.64], atol=0.04)
    record = Record(make_spoken(1))
    found, plain = measure_reliability(record, learnt), measure_reliability(record, None)
    assert found.error < 0.03 < 0.15 < found.uncalibrated_error == plain.error == plain.uncalibrated_error
    assert (found.calibrated, plain.calibrated) == (str(learnt), None) == ("validation of made", None)
    assert sum(part.words for part in found.bins) == found.words == 4000


@pytest.mark.parametrize(
    "chance", [lambda sure: 1 - sure, lambda sure: 0.5 + 0 * sure, lambda sure: sure**0.1]
)
def test_more_confidence_is_never_less_chance(chance):
    learnt = fit(make_spoken(2, chance=chance))
    assert (np.diff(learnt.apply(SURE)) >= 0).all()
    assert min(learnt.certain, learnt.uncertain) >= 0


def test_speakers_who_differ_at_equal_confidence_spread():
    alike, other = make_spoken(0), make_spoken(1, chance=lambda sure: sure**4)
    both = pd.concat([alike, other.assign(record_speaker_id=other["record_speaker_id"] + "x")])
    # Half of them err in 54 % of their words, half in 72 %.
    assert (fit(alike).spread, fit(both).spread) == pytest.approx((0, np.log(0.72 / 0.54) / 2), abs=0.03)


def test_no_words_no_reliability(make_results):
    table = make_results(20).drop(columns="words")
    assert measure_reliability(Record(table), MADE) is None
    assert np.isnan(MADE.average(Record(table))).all()
    with pytest.raises(ValueError, match="300 recognized words.*received 0"):
        fit(table)


def test_failed_rows_and_those_of_other_words_are_left_out():
    table = make_spoken(4, speakers=3)
    table.loc[0, "error"] = "damaged"
    table.loc[1, "hypothesis"] += " MORE"
    table.at[2, "words"] = [{**word, "confidence": None} for word in table["words"][2]]
    table.at[3, "words"] = None
    assert measure_reliability(Record(table), None).words == 10 * (len(table) - 4)


def test_the_average_is_of_the_rows_words():
    table = make_spoken(5, speakers=2, utterances=2)
    table.at[1, "words"] = []
    own = [[word["confidence"] for word in words] for words in table["words"]]
    expected = np.array([MADE.apply(np.array(values)).mean() if values else np.nan for values in own])
    np.testing.assert_allclose(MADE.average(Record(table)), expected)
    np.testing.assert_allclose(MADE.average(Record(table).select(np.array([3, 1]))), expected[[3, 1]])


def test_a_calibration_is_of_one_model(tmp_path):
    path = calibrations.name_calibration_file(tmp_path / "model.h5")
    assert path.name == "model.calibration.json"
    assert calibrations.read_calibrations(path, "abc") == {}
    path.write_text(calibrations.render_calibrations({"sample": MADE}, "abc"))
    assert calibrations.read_calibrations(path, "abc") == {"sample": MADE}
    assert calibrations.read_calibrations(path, "abd") == {}


@pytest.mark.parametrize(
    "content", ["", "[]", '{"model_sha256": "abc"}', '{"model_sha256": "abc", "fitted": [1]}']
)
def test_a_file_of_something_else_is_refused(tmp_path, content):
    path = tmp_path / "model.calibration.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"model\.calibration\.json: not a calibration"):
        calibrations.read_calibrations(path, "abc")


@pytest.mark.parametrize(
    ("name", "value"), [("words", "5"), ("certain", np.nan), ("highest", None), ("split", 5)]
)
def test_a_file_of_wrong_values_is_refused(tmp_path, name, value):
    path = tmp_path / "model.calibration.json"
    fitted = {"sample": dataclasses.asdict(MADE) | {name: value}}
    path.write_text(json.dumps({"model_sha256": "abc", "fitted": fitted}))
    with pytest.raises(ValueError, match=rf"model\.calibration\.json: not a calibration \({name} is "):
        calibrations.read_calibrations(path, "abc")


def test_the_corpus_own_calibration_is_chosen_else_that_of_most_words():
    both = {"sample": MADE, "openslr": Calibration("openslr", "dev-clean", 26000, 20, 4.0, 1.7, -1.0)}
    assert calibrations.choose_calibration(both, "sample") is MADE
    assert calibrations.choose_calibration(both, "files mine") is both["openslr"]
    assert calibrations.choose_calibration({}, "sample") is None


def test_the_bundled_one_is_of_the_bundled_model():
    model = load_configuration(environment={}).model.path
    path = calibrations.name_calibration_file(model)
    assert calibrations.read_calibrations(path, hash_file(model)).keys() >= {"sample", "openslr"}
    assert json.loads(path.read_text())[calibrations.CHECKSUM] == hash_file(model)
