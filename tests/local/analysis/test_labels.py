"""Labels of slices."""

import pytest

from librispeech_clf.local.analysis.labels import is_plain, join_labels, label_category, label_cut, label_tail


@pytest.mark.parametrize(
    ("names", "joined"),
    [
        (["quiet recordings", "noisy recordings"], "quiet, noisy recordings"),
        (["women", "fast speech"], "women, fast speech"),
        (["low voices", "quiet recordings", "low voices"], "low voices, quiet recordings"),
        (["women", "women"], "women"),
    ],
)
def test_names_with_one_noun_share_it(names, joined):
    assert join_labels(names) == joined


def test_tails_are_named():
    assert label_tail("signal_level_dbfs", "low") == "quiet recordings"
    assert label_tail("corpus_age", "high") == "high age"


@pytest.mark.parametrize(
    ("column", "label"),
    [
        ("readability_gunning_fog", "hard texts"),
        ("readability_flesch_reading_ease", "easy texts"),
        ("signal_rms_max", "loud recordings"),
        ("signal_spectral_rolloff_mean_hz", "bright sound"),
        ("text_letter_count", "long utterances"),
    ],
)
def test_synonyms_have_one_label(column, label):
    assert label_tail(column, "high") == label


def test_labels_of_a_listener_are_told_from_ours():
    assert is_plain("high voices") and is_plain("women")
    assert not is_plain("high MFCC max")


def test_categories_and_cuts_are_named():
    assert label_category("record_gender", "F") == "women"
    assert label_category("corpus_accent", "Scottish") == "accent Scottish"
    assert label_cut("signal_level_dbfs", "low", -31.25) == "level under -31.25 dBFS"
    assert label_cut("corpus_age", "high", 60) == "age from 60"
