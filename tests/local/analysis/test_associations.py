"""Associations: correlations and differences respect speakers."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from librispeech_clf.local.analysis.associations import METRICS, find_associations
from librispeech_clf.local.analysis.record import Record
from tests.helpers.planted import count_table


def associate(table, **options):
    return {(own.metric, own.against): own for own in find_associations(Record(table), **options)}


@pytest.fixture(scope="module")
def table():
    """24 speakers; the number of words drives the errors, the readability does not."""
    generator = np.random.default_rng(0)
    words = generator.integers(4, 30, 240)
    errors = generator.binomial(words, words / 60).astype(float)
    rate, speaker = errors / words, np.repeat(np.arange(24), 10)
    return count_table(
        errors,
        words,
        word_error_rate=rate,
        match_error_rate=rate,
        word_information_preserved=(1 - rate) ** 2,
        word_information_lost=1 - (1 - rate) ** 2,
        confidence=1 - rate,
        text_word_count=words,
        readability_dale_chall_score=np.repeat(generator.normal(7, 2, 24), 10),
        signal_duration_s=[None] * 240,
        record_gender=np.where(speaker % 2, "F", "M"),
        record_speaker_id=speaker.astype(str),
    )


@pytest.fixture(scope="module")
def found(table):
    return associate(table)


def test_each_metric_is_tested_against_each_column_that_exists(found):
    columns = {"text_word_count", "readability_dale_chall_score", "record_gender"}
    assert {metric for metric, _ in found} == {*METRICS} - {"ctc_loss"}
    assert {against for _, against in found} == columns


@pytest.mark.parametrize("rows", [240, 10])  # of one speaker it is over utterances
def test_correlation_is_spearmans(table, rows):
    table = table.head(rows)
    own = associate(table)["word_error_rate", "text_word_count"]
    assert (own.kind, own.groups, own.utterances) == ("spearman", (), rows)
    assert own.value == pytest.approx(spearmanr(table["text_word_count"], table["word_error_rate"]).statistic)
    assert own.low < own.value < own.high
    assert rows < 240 or own.p_value <= own.p_corrected < 0.01


def test_preserved_and_lost_go_opposite_ways_and_what_explains_nothing_is_not_significant(found):
    kept, lost = (found[f"word_information_{name}", "text_word_count"] for name in ("preserved", "lost"))
    assert kept.value == pytest.approx(-lost.value)
    assert found["word_error_rate", "readability_dale_chall_score"].p_value > 0.05


def test_error_rates_of_two_genders_are_compared_nothing_else_of_groups(table, found):
    gender = found["word_error_rate", "record_gender"]
    sums = table.groupby("record_gender")[["word_substitutions", "text_word_count"]].sum()
    assert (gender.kind, gender.groups) == ("difference", ("F", "M"))
    assert gender.value == pytest.approx(-np.diff(sums["word_substitutions"] / sums["text_word_count"])[0])
    assert ("confidence", "record_gender") not in found
    assert associate(table, against=["record_speaker_id"]) == {}


def test_rates_without_a_reference_are_not_ranked(table):
    table = table.copy()
    table.loc[:9, ["word_hits", "word_substitutions"]] = 0.0
    table.loc[:9, ["word_insertions", "word_error_rate"]] = 7.0
    found = associate(table, against=["text_word_count"])
    assert found["word_error_rate", "text_word_count"].utterances == 230
    assert found["confidence", "text_word_count"].utterances == 240


def test_empty_table_and_constant_column_have_none(table):
    assert associate(pd.DataFrame()) == {}
    assert associate(table.assign(signal_duration_s=2.0), against=["signal_duration_s"]) == {}
    assert associate(table.head(1)) == {}
