"""Dashboards: bins hold ratios of sums, correlations respect speakers."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from librispeech_clf.local.analysis.associations import METRICS, make_dashboards
from librispeech_clf.local.analysis.rates import rate_errors
from librispeech_clf.local.analysis.record import Record


def dashboards(table, **options):
    return make_dashboards(Record(table), **options)


def board(boards, metric, against):
    return next(item for item in boards if (item.metric, item.against) == (metric, against))


@pytest.fixture(scope="module")
def table():
    """24 speakers; the number of words drives the errors, the readability does not."""
    generator = np.random.default_rng(0)
    words = generator.integers(4, 30, 240)
    errors = generator.binomial(words, words / 60).astype(float)
    speaker = np.repeat(np.arange(24), 10)
    return pd.DataFrame(
        {
            "utterance_id": [f"u{n:03d}" for n in range(240)],
            "word_hits": words - errors,
            "word_substitutions": errors,
            "word_deletions": 0.0,
            "word_insertions": 0.0,
            "confidence": 1 - errors / words,
            "text_word_count": words,
            "readability_dale_chall_score": np.repeat(generator.normal(7, 2, 24), 10),
            "signal_duration_s": [None] * 240,
            "record_gender": np.where(speaker % 2, "F", "M"),
            "record_speaker_id": speaker.astype(str),
        }
    )


@pytest.fixture(scope="module")
def boards(table):
    return dashboards(table)


def test_each_metric_stands_against_each_column_that_exists(boards):
    assert len({item.metric for item in boards}) == len(METRICS) - 2  # no characters, no loss
    assert {item.against for item in boards} == {
        "text_word_count",
        "readability_dale_chall_score",
        "record_gender",
        "record_speaker_id",
    }


def test_bars_are_corpus_rates_of_their_bins(table, boards):
    bars = board(boards, "word_error_rate", "text_word_count").bars
    inside = table[table["text_word_count"].between(bars[0].low, bars[0].high)]
    expected = rate_errors(Record(inside))
    assert (bars[0].value, bars[0].interval_low, bars[0].interval_high) == (
        expected.rate,
        expected.low,
        expected.high,
    )
    assert sum(bar.utterances for bar in bars) == 240
    assert bars[0].value < bars[-1].value


def test_information_preserved_and_lost_add_up_to_one(boards):
    kept = board(boards, "word_information_preserved", "record_gender").bars
    lost = board(boards, "word_information_lost", "record_gender").bars
    assert [a.value + b.value for a, b in zip(kept, lost, strict=True)] == pytest.approx([1.0, 1.0])


def test_correlation_is_spearmans(table, boards):
    found = board(boards, "word_error_rate", "text_word_count").association
    rates = table["word_substitutions"] / table["text_word_count"]
    assert found.value == pytest.approx(spearmanr(table["text_word_count"], rates).statistic)
    assert found.low < found.value < found.high
    assert found.p_value <= found.p_corrected < 0.01


def test_trait_of_speakers_that_explains_nothing_is_not_significant(boards):
    assert board(boards, "word_error_rate", "readability_dale_chall_score").association.p_value > 0.05


def test_two_genders_are_compared_more_groups_are_not(boards):
    gender = board(boards, "word_error_rate", "record_gender")
    assert [bar.label for bar in gender.bars] == ["F", "M"]
    assert gender.association.groups == ("F", "M")
    assert gender.association.value == pytest.approx(gender.bars[0].value - gender.bars[1].value)
    assert board(boards, "word_error_rate", "record_speaker_id").association is None


def test_dashboards_are_json(boards):
    assert json.loads(json.dumps([asdict(item) for item in boards], allow_nan=False))


def test_empty_table_has_none():
    assert dashboards(pd.DataFrame()) == ()


def test_constant_column_has_no_correlation(table):
    made = dashboards(table.assign(signal_duration_s=2.0), against=["signal_duration_s"])
    assert made[0].association is None
    assert [bar.label for bar in made[0].bars] == ["2"]


def test_one_utterance_has_no_interval(table):
    bar = dashboards(table.head(1), against=["text_word_count"])[0].bars[0]
    assert (bar.utterances, bar.interval_low, bar.resampled) == (1, None, "nothing")


def test_one_speaker_is_correlated_over_utterances(table):
    (board,) = dashboards(table.head(10), against=["text_word_count"], metrics=["word_error_rate"])
    found = board.association
    rates = table["word_substitutions"][:10] / table["text_word_count"][:10]
    assert found.value == pytest.approx(spearmanr(table["text_word_count"][:10], rates).statistic)
    assert found.low < found.value < found.high


def test_without_bars_the_associations_are_the_same(table, boards):
    bare = dashboards(table, with_bars=False)
    assert [board.bars for board in bare] == [()] * len(boards)
    assert [board.association for board in bare] == [board.association for board in boards]
