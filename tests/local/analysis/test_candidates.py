"""What the search looks at: ends, categories, pairs and clusters of enough utterances and speakers."""

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.local.analysis import candidates as looked_at
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.traits import Features, measure_rare_words
from tests.helpers.planted import simulate_corpus


def list_candidates(table, blocks, clusters=()):
    return looked_at.list_candidates(Features(Record(table)), blocks, dict(clusters))


@pytest.fixture(scope="module")
def corpus():
    return simulate_corpus(1, speakers=10, utterances=20)


def test_every_slice_has_twenty_utterances_and_three_speakers_inside_and_outside(corpus):
    blocks = np.unique(corpus["record_speaker_id"], return_inverse=True)[1]
    candidates, note = list_candidates(corpus, blocks)
    assert note is None
    assert {candidate.kind for candidate in candidates} >= {"category", "number", "trend", "pair"}
    for candidate in candidates:
        for side in (candidate.scores > 0, candidate.scores <= 0):
            if candidate.kind != "trend":
                assert side.sum() >= 20
                assert len(set(corpus["record_speaker_id"][side])) >= 3


def test_bounds_say_exactly_which_utterances_are_inside(corpus):
    blocks = np.unique(corpus["record_speaker_id"], return_inverse=True)[1]
    for candidate in list_candidates(corpus, blocks)[0]:
        if candidate.kind in ("number", "category", "pair") and "rare" not in candidate.conditions[0].column:
            inside = np.ones(len(corpus), bool)
            for condition in candidate.conditions:
                column = corpus[condition.column]
                if condition.equals is not None:
                    inside &= (column == condition.equals).to_numpy()
                if condition.below is not None:
                    inside &= (column < condition.below).to_numpy()
                if condition.at_least is not None:
                    inside &= (column >= condition.at_least).to_numpy()
            assert (inside == (candidate.scores > 0)).all(), candidate.conditions


def test_clusters_are_looked_at_where_they_are_large_enough(corpus):
    blocks = np.unique(corpus["record_speaker_id"], return_inverse=True)[1]
    rows = np.arange(len(corpus))
    found, _ = list_candidates(
        corpus, blocks, {"large": rows % 3 == 0, "small": rows < 19, "one": blocks == 0}
    )
    assert [own.conditions[0].name for own in found if own.kind == "cluster"] == ["large"]


def test_columns_that_rank_alike_are_one_feature_with_the_plainest_name():
    numbers = np.arange(50.0)
    table = pd.DataFrame(
        {
            "signal_rms_mean": numbers**3,
            "signal_level_dbfs": numbers,
            "signal_peak": -numbers,
            "signal_flat": 1.0,
        }
    )
    merged = looked_at.merge_correlated(Features(Record(table)))
    assert merged == {"signal_level_dbfs": ("signal_rms_mean", "signal_peak")}


def test_missing_values_are_in_no_end():
    numbers = np.arange(60.0)
    numbers[::3] = np.nan
    table = pd.DataFrame({"signal_level_dbfs": numbers})
    candidates, _ = list_candidates(table, np.arange(60) % 6)
    ends = [candidate for candidate in candidates if candidate.kind == "number"]
    assert ends
    assert all(candidate.scores[::3].max() == 0 for candidate in ends)


def test_rare_words_are_those_that_occur_once():
    table = pd.DataFrame({"reference": ["THE CAT", "THE THE", "", None]})
    assert measure_rare_words(Record(table)).tolist() == [0.5, 0.0, 0.0, 0.0]
