"""Groups by the corpus' own columns, and numbers cut at fixed bounds."""

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.local.analysis.groups import (
    bin_by_quantiles,
    find_bounds,
    list_groupings,
    name_groups,
    summarize_rates,
)
from librispeech_clf.local.analysis.record import Record

COUNTS = {f"{unit}_{kind}": 1.0 for unit in ("word", "character")
          for kind in ("hits", "substitutions", "deletions", "insertions")}  # fmt: skip


def make_table(**columns):
    count = len(next(iter(columns.values())))
    ids = [f"u{number}" for number in range(count)]
    return pd.DataFrame(
        {"utterance_id": ids, **{key: [value] * count for key, value in COUNTS.items()}, **columns}
    )


def named(table, **settings):
    return {each.name: each.labels for each in list_groupings(Record(table), **settings)}


def test_own_categories_of_2_to_30_values_and_own_numbers_are_grouped_gender_first():
    table = make_table(
        corpus_accent=["b", "a", "a", None] * 10,
        corpus_native=[True, False] * 20,
        corpus_snr_db=np.arange(40.0),
        corpus_session=[f"s{number}" for number in range(40)],  # too many
        corpus_room=["lab"] * 40,  # says nothing
        signal_duration_s=np.arange(40.0),  # measured
        record_gender=["F", "M"] * 20,
    )
    groups = named(table)
    assert list(groups) == ["gender", "accent", "native", "snr"]
    assert groups["accent"] == ("a", "b") and groups["native"] == ("False", "True")
    assert groups["snr"] == ("0 to 9", "10 to 19", "20 to 29", "30 to 39")


def test_texts_of_their_own_are_no_groups():
    texts = ["ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", None]
    assert named(
        make_table(corpus_hypothesis=texts, corpus_accent=["a", "a", "a", "b", "b", None, None])
    ) == {"accent": ("a", "b")}


def test_gender_is_the_corpus_own_where_no_table_of_speakers_tells():
    own = make_table(corpus_gender=["f", "m"] * 2, record_gender=[None] * 4)
    assert named(own) == {"gender": ("f", "m")}
    both = named(own.assign(record_gender=["F", "M"] * 2))
    assert both == {"gender": ("F", "M"), "corpus_gender": ("f", "m")}


def test_numbers_are_cut_at_bounds_that_stand_before_the_run():
    table = make_table(corpus_duration=[1.0, 5.0, 9.9, 10.0], signal_level_dbfs=[-30.0, -20.0, -10.0, np.nan])
    bounds = find_bounds({"duration": [5, 10], "Level_dBFS": [-20]}, ["signal_level_dbfs", "corpus_duration"])
    assert bounds == {"corpus_duration": (5, 10), "signal_level_dbfs": (-20,)}
    duration, level = list_groupings(Record(table), bounds)
    assert duration.labels == ("under 5", "5 to 10", "10 and over") and duration.index.tolist() == [
        0,
        1,
        1,
        2,
    ]
    assert duration.ranges == ((None, 5), (5, 10), (10, None))
    assert level.index.tolist() == [0, 1, 1, -1]
    known = name_groups(Record(table[["utterance_id", "corpus_duration"]]), bounds)
    assert {"duration: 5 to 10", "level: -20 and over"} <= set(known)


def test_bounds_of_nothing_are_refused_with_what_there_is():
    with pytest.raises(ValueError, match="called 'age'; there are duration, level"):
        find_bounds({"age": [5]}, ["signal_level_dbfs", "corpus_duration", "word_error_rate"])


def test_bin_without_recordings_and_group_without_words_have_figures_that_say_so():
    table = make_table(corpus_snr=[1.0, 2.0, 2.0], corpus_room=["lab", "car", "car"])
    table.loc[0, ["word_hits", "word_substitutions", "word_deletions"]] = 0.0
    rates = summarize_rates(Record(table), {"corpus_snr": (1.5, 10.0)})["word"]["groups"]
    assert rates["snr"]["10 and over"]["rate"] is None and rates["snr"]["10 and over"]["utterances"] == 0
    assert (
        rates["room"]["lab"]["rate"] == 1.0 and rates["room"]["lab"]["units"] == 0
    )  # an error, as jiwer has it


@pytest.mark.parametrize(
    ("columns", "bounds", "group", "rows"),
    [
        # NVIDIA-NeMo/Speech#5728: a manifest's own classes, and durations under and over 5 s
        ({"corpus_emotion": ["cry", "laugh", None, "cry"]}, {}, ("emotion", "cry"), [0, 3]),
        ({"corpus_duration": [1.0, 5.0, 7.0, 4.9]}, {"duration": [5]}, ("duration", "under 5"), [0, 3]),
        # stanford-crfm/helm#3418: FLEURS' numbers of gender, where there is no table of speakers
        ({"corpus_gender": ["0", "1", "0", "1"]}, {}, ("gender", "1"), [1, 3]),
        # archiki/Robust-E2E-ASR#3: kinds of noise, and ratios as few numbers, some of them negative
        ({"corpus_noise_type": ["babble", "cafe", "cafe", "car"]}, {}, ("noise_type", "cafe"), [1, 2]),
        ({"corpus_snr": [-5.0, 0.0, 20.0, 0.0]}, {"snr": [0, 20]}, ("snr", "0 to 20"), [1, 3]),
    ],
)
def test_groups_that_people_ask_for(columns, bounds, group, rows):
    table = make_table(**columns)
    table.loc[rows, "word_hits"] = 0.0
    found = find_bounds(bounds, [name for name in table if table[name].dtype == float])
    rates = summarize_rates(Record(table), found)["word"]["groups"]
    name, label = group
    (title,) = [title for title in rates if title.replace(" ", "_") == name]
    expected = table.loc[rows, ["word_substitutions", "word_deletions", "word_insertions"]].to_numpy().sum()
    assert (rates[title][label]["utterances"], rates[title][label]["errors"]) == (len(rows), expected)
    assert rates[title][label]["rate"] > max(
        rate["rate"] for other, rate in rates[title].items() if other != label and rate["rate"] is not None
    )


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
    assert bins.labels == ("1",)
    assert bin_by_quantiles(np.full(2, np.nan)).labels == ()


def test_skewed_values_leave_no_bin_empty():
    bins = bin_by_quantiles(np.concatenate([np.zeros(90), np.linspace(0.1, 1, 10)]), count=5)
    assert np.bincount(bins.index).min() > 0
