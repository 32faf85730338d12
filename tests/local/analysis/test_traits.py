"""Traits: what sets a group apart, in plain words and once."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact, mannwhitneyu

from librispeech_clf.local.analysis import traits
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.traits import Features, join_labels, label_category, label_cut, label_tail

INSIDE = np.arange(40) < 20


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "utterance_id": [f"u{number:02d}" for number in range(40)],
            "signal_level_dbfs": np.r_[np.arange(10.0, 30), np.arange(0.0, 20)],
            "signal_constant": 1.0,
            "text_word_count": [None] * 40,
            "record_gender": ["F"] * 20 + ["M"] * 20,
            "record_speaker_id": [str(n // 5) for n in range(40)],
            "record_book": ["one"] * 5 + ["other"] * 35,
            "word_error_rate": np.r_[np.ones(20), np.zeros(20)],
        }
    )


def describe(table, inside=INSIDE):
    return Features(Record(table)).describe(inside)


def test_traits_by_hand(table):
    gender, level = describe(table)
    assert (gender.label, gender.effect, gender.inside, gender.outside) == ("women", 1.0, 1.0, 0.0)
    # of the 400 pairs 55 have the outer value above and 45 + 300 below or equal: 10 ties
    wins = sum((a > b) - (a < b) for a in range(10, 30) for b in range(20))
    assert (level.label, level.unit, level.inside, level.outside) == ("loud recordings", "dBFS", 19.5, 9.5)
    assert level.effect == pytest.approx(wins / 400)


def test_p_values_are_those_of_scipy(table):
    level = table["signal_level_dbfs"] = np.round(table["signal_level_dbfs"] / 3)
    (trait,) = describe(table[["utterance_id", "signal_level_dbfs"]])
    expected = mannwhitneyu(level[:20], level[20:], method="asymptotic").pvalue
    assert trait.p_corrected == pytest.approx(expected)
    (gender,) = describe(table[["utterance_id", "record_gender"]])
    assert gender.p_corrected == pytest.approx(fisher_exact([[20, 0], [0, 20]], alternative="greater").pvalue)


def test_a_listener_hears_each_thing_once(table):
    table["signal_rms_mean"] = table["signal_level_dbfs"] + np.random.default_rng(0).normal(0, 5, 40)
    table["signal_unnamed"] = table["signal_level_dbfs"] * 2 + 1
    assert [trait.label for trait in describe(table)] == ["women", "loud recordings"]


def test_who_speaks_is_no_trait(table):
    inside = np.arange(40) < 5
    assert describe(table, inside) == ()
    unknown = table.drop(columns="record_speaker_id")
    assert [trait.label for trait in describe(unknown, inside)] == ["book one"]


def test_unrelated_metadata_are_not_reported():
    generator = np.random.default_rng(0)
    table = pd.DataFrame({f"signal_{n}": generator.normal(size=200) for n in range(50)})
    assert describe(table.assign(utterance_id=range(200)), np.arange(200) < 60) == ()


def test_missing_values_are_on_no_side(table):
    table.loc[::4, "signal_level_dbfs"] = np.nan
    trait = next(own for own in describe(table) if own.column == "signal_level_dbfs")
    assert trait.inside == np.nanmedian(table["signal_level_dbfs"][:20])


@pytest.mark.parametrize(
    ("found", "label"),
    [
        (label_tail("signal_level_dbfs", "low"), "quiet recordings"),
        (label_tail("corpus_age", "high"), "high age"),
        (label_tail("readability_gunning_fog", "high"), "hard texts"),
        # a score of a text is no length of an utterance
        (label_tail("readability_linsear_write", "high"), "hard texts"),
        (label_tail("readability_flesch_reading_ease", "high"), "easy texts"),
        (label_tail("signal_rms_max", "high"), "loud recordings"),
        (label_tail("signal_spectral_rolloff_mean_hz", "high"), "bright sound"),
        (label_tail("text_letter_count", "high"), "long utterances"),
        (label_category("record_gender", "F"), "women"),
        (label_category("corpus_accent", "Scottish"), "accent Scottish"),
        (label_cut("signal_level_dbfs", "low", -31.25), "level under -31.25 dBFS"),
        (label_cut("corpus_age", "high", 60), "age from 60"),
        # names with one noun share it
        (join_labels(["quiet recordings", "noisy recordings"]), "quiet, noisy recordings"),
        (join_labels(["women", "fast speech"]), "women, fast speech"),
        (join_labels(["low voices", "quiet recordings", "low voices"]), "low voices, quiet recordings"),
        (join_labels(["women", "women"]), "women"),
        # a listener's are told from ours
        (
            traits.choose_plain(["high MFCC max", "high voices", "women", "low age"], 3),
            ["high voices", "women"],
        ),
        (traits.choose_plain(["high MFCC max", "low age"], 1), ["high MFCC max"]),
    ],
)
def test_labels_are_plain(found, label):
    assert found == label
