"""Bins with readable edges."""

import numpy as np
import pytest

from librispeech_clf.local.analysis.binning import bin_by_quantiles


def test_bins_hold_about_equally_many_and_labels_are_true():
    values = np.random.default_rng(0).normal(7, 1.5, 1000)
    bins = bin_by_quantiles(values, count=5)
    assert bins.labels == ("under 5.7", "5.7 to 6.5", "6.5 to 7.3", "7.3 to 8.2", "8.2 and over")
    assert np.bincount(bins.index).min() > 150
    assert all(5.7 <= value < 6.5 for value in values[bins.index == 1])


def test_whole_numbers_are_labeled_by_what_they_hold():
    assert bin_by_quantiles(np.arange(1.0, 21.0), count=4).labels == (
        "1 to 5",
        "6 to 10",
        "11 to 15",
        "16 to 20",
    )


def test_few_distinct_values_are_bins_of_their_own():
    assert bin_by_quantiles(np.array([1.0, 1.0, 2.0, 5.0]), count=5).labels == ("1", "2", "5")


def test_constant_column_is_one_bin():
    assert bin_by_quantiles(np.full(4, 2.5)).labels == ("2.5",)


def test_nulls_are_in_no_bin():
    bins = bin_by_quantiles(np.array([np.nan, 1.0, np.nan]))
    assert bins.index.tolist() == [-1, 0, -1]
    assert bins.groups() == [None, "1", None]
    assert bin_by_quantiles(np.full(2, np.nan)).labels == ()


def test_skewed_values_leave_no_bin_empty():
    bins = bin_by_quantiles(np.concatenate([np.zeros(90), np.linspace(0.1, 1, 10)]), count=5)
    assert np.bincount(bins.index).min() > 0


def test_no_bin_is_refused():
    with pytest.raises(ValueError, match="count: at least 1 bin is needed; received 0"):
        bin_by_quantiles(np.ones(3), count=0)
