"""Reading the results table: nulls, identifiers, numbers, names."""

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.local.analysis.results_table import (
    list_metadata,
    list_speakers,
    physical_unit,
    read_categories,
    read_numbers,
    readable_name,
)


def test_speaker_is_spelled_alike_from_text_integers_and_floats():
    for values in (["84", None], [84, None], [84.0, np.nan]):
        assert list_speakers(pd.DataFrame({"record_speaker_id": values})) == ["84", None]
    assert list_speakers(pd.DataFrame({"utterance_id": ["u"]})) == [None]


def test_numbers_are_not_identifiers_texts_truth_values_or_lists():
    columns = {"a": [1, None], "record_book_id": [1, 2], "b": ["x", "y"], "c": [True, False], "d": [[1], [2]]}
    table = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    assert [name for name in table if read_numbers(table[name]) is not None] == ["a"]
    assert [name for name in table if read_categories(table[name]) is not None] == [
        "record_book_id",
        "b",
        "c",
    ]


def test_infinities_and_nulls_become_nan():
    np.testing.assert_array_equal(read_numbers(pd.Series([1.0, np.inf, None])), [1.0, np.nan, np.nan])
    assert read_numbers(pd.Series([None, None], dtype=object)) is None


def test_names_in_words():
    assert readable_name("signal_spectral_centroid_mean_hz") == "spectral centroid mean"
    assert readable_name("record_speaker_id") == "speaker"
    assert readable_name("readability_dale_chall_score") == "dale chall score"
    assert (physical_unit("signal_duration_s"), physical_unit("text_word_count")) == ("s", None)


def test_metadata_are_found_by_their_group():
    table = pd.DataFrame(columns=["utterance_id", "word_hits", "text_word_count", "record_gender", "latent"])
    assert list_metadata(table) == ["text_word_count", "record_gender"]


@pytest.mark.parametrize("dtype", ["object", "float64", "Float64"])
def test_numbers_are_read_alike_whatever_the_column_type(dtype):
    column = pd.Series([1.5, None, 2.0], name="signal_x", dtype=dtype)
    np.testing.assert_array_equal(read_numbers(column), [1.5, np.nan, 2.0])
    assert read_numbers(column.rename("record_x_id")) is None
    assert read_numbers(pd.Series([None, None], dtype=dtype)) is None


def test_numbers_are_read_from_whole_and_narrow_types():
    np.testing.assert_array_equal(read_numbers(pd.Series([1, 2], dtype="int64")), [1.0, 2.0])
    np.testing.assert_array_equal(read_numbers(pd.Series([0.5, np.inf], dtype="float32")), [0.5, np.nan])
    assert read_numbers(pd.Series([True, False])) is None
