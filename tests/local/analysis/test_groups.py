"""Groups by the corpus' own columns, and numbers cut at fixed bounds."""

import numpy as np
import pytest

from librispeech_clf.local.analysis.groups import (
    bin_by_quantiles,
    find_bounds,
    list_groupings,
    name_groups,
    summarize_rates,
)
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.thresholds import list_groups
from tests.helpers.planted import count_table


def make_table(**columns):
    """Utterances of two words, one of them wrong."""
    return count_table(np.ones(len(next(iter(columns.values())))), 2, **columns)


def name_labels(**columns):
    return {each.name: each.labels for each in list_groupings(Record(make_table(**columns)))}


def test_own_categories_of_2_to_30_values_and_own_numbers_are_grouped_gender_first():
    groups = name_labels(
        corpus_accent=["b", "a", "a", None] * 10,
        corpus_native=[True, False] * 20,
        corpus_snr_db=np.arange(40.0),
        corpus_session=[f"s{number}" for number in range(40)],  # too many
        corpus_room=["lab"] * 40,  # says nothing
        signal_duration_s=np.arange(40.0),  # measured
        record_gender=["F", "M"] * 20,
    )
    assert list(groups.items()) == [
        ("gender", ("F", "M")),
        ("accent", ("a", "b")),
        ("native", ("False", "True")),
        ("snr", ("0 to 9", "10 to 19", "20 to 29", "30 to 39")),
    ]


def test_texts_of_their_own_are_no_groups():
    hypotheses, accents = [*"ABCDEF", None], [*"aaabb", None, None]
    assert name_labels(corpus_hypothesis=hypotheses, corpus_accent=accents) == {"accent": ("a", "b")}


def test_gender_is_the_corpus_own_where_no_table_of_speakers_tells():
    own, known = ["f", "m"] * 2, {"gender": ("F", "M"), "corpus_gender": ("f", "m")}
    assert name_labels(corpus_gender=own, record_gender=[None] * 4) == {"gender": ("f", "m")}
    assert name_labels(corpus_gender=own, record_gender=["F", "M"] * 2) == known


def test_a_column_of_ones_own_is_not_taken_for_the_speaker_or_the_split():
    table = make_table(record_speaker_id=["a", "b"] * 2, corpus_speaker=["a", "a", "b", "b"])
    table.loc[[0, 2], "word_hits"] = 0.0
    summary = summarize_rates(Record(table))
    assert list(summary["word"]["groups"]) == ["corpus_speaker"]
    assert list_groups(summary, "word")["speaker: a"]["rate"] == 1.0


def test_numbers_are_cut_at_bounds_that_stand_before_the_run():
    table = make_table(corpus_duration=[1.0, 5.0, 9.9, 10.0], signal_level_dbfs=[-30.0, -20.0, -10.0, np.nan])
    bounds = find_bounds({"duration": [5, 10], "Level_dBFS": [-20]}, ["signal_level_dbfs", "corpus_duration"])
    assert bounds == {"corpus_duration": (5, 10), "signal_level_dbfs": (-20,)}
    duration, level = list_groupings(Record(table), bounds)
    assert duration.labels == ("under 5", "5 to 10", "10 and over")
    assert duration.ranges == ((None, 5), (5, 10), (10, None))
    assert (duration.index.tolist(), level.index.tolist()) == ([0, 1, 1, 2], [0, 1, 1, -1])
    known = name_groups(Record(table[["utterance_id", "corpus_duration"]]), bounds)
    assert {"duration: 5 to 10", "level: -20 and over"} <= set(known)


def test_bounds_of_nothing_are_refused_with_what_there_is():
    with pytest.raises(ValueError, match="called 'age'; there are duration, level"):
        find_bounds({"age": [5]}, ["signal_level_dbfs", "corpus_duration", "word_error_rate"])


def test_bin_without_recordings_and_group_without_words_have_figures_that_say_so():
    table = make_table(corpus_snr=[1.0, 2.0, 2.0], corpus_room=["lab", "car", "car"])
    table.loc[0, ["word_hits", "word_substitutions", "word_insertions"]] = [0.0, 0.0, 1.0]
    rates = summarize_rates(Record(table), {"corpus_snr": (1.5, 10.0)})["word"]["groups"]
    empty, silent = rates["snr"]["10 and over"], rates["room"]["lab"]
    assert (empty["rate"], empty["utterances"]) == (None, 0)
    assert (silent["rate"], silent["units"]) == (1.0, 0)  # an error, as jiwer has it


@pytest.mark.parametrize(
    ("column", "values", "bounds", "group", "rows"),
    [
        # NVIDIA-NeMo/Speech#5728: a manifest's own classes, and durations under and over 5 s
        ("emotion", ["cry", "laugh", None, "cry"], {}, "cry", [0, 3]),
        ("duration", [1.0, 5.0, 7.0, 4.9], {"duration": [5]}, "under 5", [0, 3]),
        # stanford-crfm/helm#3418: FLEURS' numbers of gender, where there is no table of speakers
        ("gender", ["0", "1", "0", "1"], {}, "1", [1, 3]),
        # archiki/Robust-E2E-ASR#3: kinds of noise, and ratios as few numbers, some of them negative
        ("noise_type", ["babble", "cafe", "cafe", "car"], {}, "cafe", [1, 2]),
        ("snr", [-5.0, 0.0, 20.0, 0.0], {"snr": [0, 20]}, "0 to 20", [1, 3]),
    ],
)
def test_groups_that_people_ask_for(column, values, bounds, group, rows):
    table = make_table(**{f"corpus_{column}": values})
    table.loc[rows, "word_hits"] = 0.0
    found = find_bounds(bounds, [name for name in table if table[name].dtype == float])
    groups = summarize_rates(Record(table), found)["word"]["groups"][column.replace("_", " ")]
    own = groups.pop(group)
    assert (own["utterances"], own["errors"], own["rate"]) == (len(rows), len(rows), 1.0)
    assert {other["rate"] for other in groups.values()} <= {0.5, None}


def test_recordings_without_a_transcript_did_not_fail():
    table = make_table(error=[None, "cut off", None, None], transcribed=[True, True, False, False])
    table.loc[1:, ["word_hits", "character_hits"]] = np.nan
    summary = summarize_rates(Record(table))
    assert (summary["utterances"], summary["failed"], summary["word"]["all"]["utterances"]) == (4, 1, 1)


def test_bins_hold_about_equally_many_and_labels_are_true():
    values = np.random.default_rng(0).normal(7, 1.5, 1000)
    bins = bin_by_quantiles(values, count=5)
    assert bins.labels == ("under 5.7", "5.7 to 6.5", "6.5 to 7.3", "7.3 to 8.2", "8.2 and over")
    assert np.bincount(bins.index).min() > 150
    assert all(5.7 <= value < 6.5 for value in values[bins.index == 1])


@pytest.mark.parametrize(
    ("values", "count", "labels"),
    [
        (np.arange(1.0, 21.0), 4, ("1 to 5", "6 to 10", "11 to 15", "16 to 20")),
        ([1.0, 1.0, 2.0, 5.0], 5, ("1", "2", "5")),  # few are bins of their own
        ([2.5] * 4, 5, ("2.5",)),
        ([np.nan] * 2, 5, ()),
    ],
)
def test_bins_are_labeled_by_what_they_hold(values, count, labels):
    assert bin_by_quantiles(np.array(values), count=count).labels == labels


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (1_700_000_000 + np.arange(8) * 60, "1700000000 to 1700000060"),
        ([10_000_001, 10_000_002, 10_000_003], "10000001"),
        (0.1234567 + np.arange(4) * 1e-8, "under 0.12345671"),
        (np.array([1, 2, 3]) * 1e300, "1e+300"),
    ],
)
def test_groups_of_near_numbers_have_names_of_their_own(values, labels):
    table = make_table(corpus_n=np.asarray(values, float))
    rates = summarize_rates(Record(table))["word"]["groups"]["n"]
    assert next(iter(rates)) == labels
    assert sum(rate["utterances"] for rate in rates.values()) == len(values)


def test_nulls_are_in_no_bin_and_skewed_values_leave_none_empty():
    bins = bin_by_quantiles(np.array([np.nan, 1.0, np.nan]))
    assert (bins.index.tolist(), bins.labels) == ([-1, 0, -1], ("1",))
    skewed = bin_by_quantiles(np.concatenate([np.zeros(90), np.linspace(0.1, 1, 10)]), count=5)
    assert np.bincount(skewed.index).min() > 0
