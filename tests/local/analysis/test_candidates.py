"""What the search looks at: ends, categories, pairs and clusters of enough utterances and speakers."""

import operator

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.local.analysis import candidates as looked_at
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.traits import Features, measure_rare_words
from tests.helpers.planted import simulate_corpus


@pytest.fixture(scope="module")
def corpus():
    return simulate_corpus(1, speakers=10, utterances=20)


@pytest.fixture(scope="module")
def listed(corpus):
    """The candidates, three clusters among them."""
    record, rows = Record(corpus), np.arange(200)
    clusters = {"large": rows % 3 == 0, "small": rows < 19, "most": rows >= 19, "one": record.blocks == 0}
    candidates, note = looked_at.list_candidates(Features(record), record.blocks, clusters)
    assert note is None
    return candidates


def test_every_slice_has_twenty_utterances_and_three_speakers_inside_and_outside(corpus, listed):
    assert {own.kind for own in listed} == {"category", "number", "trend", "pair", "cluster"}
    assert [own.conditions[0].name for own in listed if own.kind == "cluster"] == ["large"]
    for inside in (own.scores for own in listed if own.kind != "trend"):
        for side in (inside, ~inside):
            assert side.sum() >= 20
            assert len(set(corpus["record_speaker_id"][side])) >= 3


def test_bounds_say_exactly_which_utterances_are_inside(corpus, listed):
    for candidate in listed:
        if candidate.kind in ("number", "category", "pair") and "rare" not in candidate.conditions[0].column:
            inside = np.ones(len(corpus), bool)
            for condition in candidate.conditions:
                bounds = {"equals": operator.eq, "below": operator.lt, "at_least": operator.ge}
                for name, fits in bounds.items():
                    if (bound := getattr(condition, name)) is not None:
                        inside &= fits(corpus[condition.column], bound).to_numpy()
            assert (inside == candidate.scores).all(), candidate.conditions


def test_columns_that_rank_alike_are_one_feature_with_the_plainest_name():
    own = np.arange(50.0)
    columns = {"signal_rms_mean": own**3, "signal_level_dbfs": own, "signal_peak": -own, "signal_flat": 1.0}
    merged = looked_at.merge_correlated(Features(Record(pd.DataFrame(columns))))
    assert merged == {"signal_level_dbfs": ("signal_rms_mean", "signal_peak")}


def test_missing_values_are_in_no_end():
    numbers = np.where(np.arange(60) % 3, np.arange(60.0), np.nan)
    features = Features(Record(pd.DataFrame({"signal_level_dbfs": numbers})))
    candidates, _ = looked_at.list_candidates(features, np.arange(60) % 6, {})
    ends = [candidate.scores for candidate in candidates if candidate.kind == "number"]
    assert ends and not np.any([inside[::3] for inside in ends])


def test_rare_words_are_those_that_occur_once():
    table = pd.DataFrame({"reference": ["THE CAT", "THE THE", "", None]})
    assert measure_rare_words(Record(table)).tolist() == [0.5, 0.0, 0.0, 0.0]


def test_a_trend_is_looked_at_where_a_tail_can_show_it():
    record = Record(
        simulate_corpus(1, speakers=8, utterances=3)
    )  # no tail has 20 utterances inside and outside
    found, _ = looked_at.list_candidates(Features(record), record.blocks, {})
    assert [own for own in found if own.kind == "trend"] == []
