"""Plain names of slices."""

import pytest

from librispeech_clf.local.analysis.plain_names import describe_cut, join_names, name_category, name_end


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
    assert join_names(names) == joined


def test_ends_categories_and_cuts_are_named():
    assert name_end("signal_level_dbfs", "low") == "quiet recordings"
    assert name_end("corpus_age", "high") == "high age"
    assert name_category("record_gender", "F") == "women"
    assert name_category("corpus_accent", "Scottish") == "accent Scottish"
    assert describe_cut("signal_level_dbfs", "low", -31.25) == "level under -31.25 dBFS"
    assert describe_cut("corpus_age", "high", 60) == "age from 60"
