"""The page's data: rounding, columns, alignments, timings."""

import json
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow
import pytest

from librispeech_clf.local.report import payload as payloads


@dataclass(frozen=True)
class Record:
    """A record as the analysis gives them."""

    name: str
    values: np.ndarray


@pytest.fixture
def table():
    """Two utterances; the second failed."""
    return pd.DataFrame(
        {
            "utterance_id": ["a-1", "b-2"],
            "reference": ["THE OLD BRIDGE", "RIVER"],
            "hypothesis": ["THE COLD", None],
            "error": [None, "audio is empty"],
            "word_error_rate": [2 / 3, np.nan],
            "ctc_loss": [123.456789, np.nan],
            "signal_duration_s": [1.25, 2.0],
            "record_speaker_id": ["10", "9"],
            "record_gender": ["F", None],
            "record_empty": [None, None],
            "words": [[{"text": "COLD", "start_s": 0.52, "end_s": 0.8, "confidence": 0.9994}], None],
            "latent": [[1.0, 2.0], None],
        }
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (math.nan, None),
        (math.inf, None),
        (3.0, 3),
        (0.123456789, 0.12346),
        (-1234.5678, -1234.6),
    ],
)
def test_round_number(value, expected):
    assert payloads.round_number(value) == expected


def test_records_arrays_and_tables_become_records_arrays_and_tables():
    value = {1: Record("x", np.array([1.0, np.nan])), "t": pd.DataFrame({"a": [np.float32(0.5)]})}
    assert payloads.to_jsonable(value) == {"1": {"name": "x", "values": [1, None]}, "t": [{"a": 0.5}]}


@pytest.mark.parametrize(
    ("key", "group", "label", "unit"),
    [
        ("signal_duration_s", "signal", "duration", "s"),
        ("signal_signal_to_noise_ratio_db", "signal", "signal-to-noise ratio", "dB"),
        ("signal_words_per_second", "signal", "words per second", ""),
        ("readability_dale_chall_score", "readability", "Dale-Chall score", ""),
        ("readability_flesch_kincaid_grade", "readability", "Flesch-Kincaid grade", ""),
        ("signal_mfcc_mean", "signal", "MFCC mean", ""),
        ("ctc_loss", "metric", "CTC loss", ""),
        ("split", "record", "split", ""),
    ],
)
def test_describe_column(key, group, label, unit):
    assert payloads.describe_column(key) == {"key": key, "group": group, "label": label, "unit": unit}


def test_columns_have_kinds_and_leave_empty_ones_out(table):
    columns = {column["key"]: column for column in payloads.build_columns(table)}
    assert list(columns) == [
        "word_error_rate",
        "ctc_loss",
        "signal_duration_s",
        "record_speaker_id",
        "record_gender",
    ]
    assert columns["ctc_loss"]["values"] == [123.46, None]
    assert columns["record_speaker_id"] == {
        "key": "record_speaker_id", "group": "record", "label": "speaker", "unit": "", "kind": "category",
        "levels": ["9", "10"], "values": [1, 0],
    }  # fmt: skip
    assert columns["record_gender"]["values"] == [0, -1]


def test_a_name_stands_once(table):
    twins = table.assign(subset=["x", "y"], record_subset=["x", "y"], corpus_gender=["a", "b"])
    columns = {column["key"]: column["label"] for column in payloads.build_columns(twins)}
    assert columns["subset"] == "subset" and "record_subset" not in columns
    assert columns["record_gender"] == "gender" and columns["corpus_gender"] == "gender (corpus)"


def test_many_different_texts_are_free_text():
    series = pd.Series([f"title {number}" for number in range(payloads.MAX_LEVELS + 1)])
    assert payloads.build_column("record_title", series)["kind"] == "text"


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [("A B C", "A B D E C", "2=2i1="), ("", "", ""), ("THE BALL TO", "BOL TER", "1d2s")],
)
def test_operations_are_counted_in_runs_and_words_paired_by_their_letters(reference, hypothesis, expected):
    assert payloads.align_texts([reference], [hypothesis])[0] == [expected]


def test_payload_aligns_and_blanks_failures(table):
    payload = payloads.build_payload(table)
    assert payload["word_operations"] == ["1=1s1d", ""]
    assert payload["letter_operations"][1] == ""
    assert payload["errors"] == ["", "audio is empty"]
    json.dumps(payload, allow_nan=False)


def test_timings_lie_on_the_matching_words(table):
    assert payloads.build_payload(table)["word_timings"] == [[-1, -1, -1, 52, 28, 999], []]


def test_timings_skip_blank_letters():
    timings = [
        {"text": text, "start_s": i, "end_s": i + 1, "confidence": None} for i, text in enumerate(" A B")
    ]
    assert payloads.encode_timings(list("AB"), timings) == [100, 100, -1, 300, 100, -1]


def test_analysis_holds_rows_instead_of_ids():
    analysis = {
        "clusters": {"clusters": [{"utterance_ids": ("b", "gone", "a")}]},
        "robustness": None,
        "confusions": {"words": []},
    }
    built = payloads.build_analysis(["a", "b"], analysis)
    assert built == {"clusters": {"clusters": [{"rows": [1, 0]}]}}


def test_simulated_rows_are_apart(table):
    counts = {"word_hits": 2, "word_substitutions": 1, "word_deletions": 1, "word_insertions": 3}
    clean = table.assign(**counts)
    noisy = clean.assign(simulation="additive_noise", severity=10.0)
    noisy["utterance_id"] = ["a-1+additive_noise-10-s0", "gone"]
    both = pd.concat([clean, noisy], ignore_index=True)
    payload = payloads.build_payload(both)
    assert payload["ids"] == ["a-1", "b-2"]
    assert payloads.list_heard(both) == ["a-1", "b-2", "a-1+additive_noise=10"]
    assert payload["simulated"] == [
        {
            "simulation": "additive_noise",
            "severity_name": "ratio in dB",
            "row": [0],
            "severity": [10],
            "errors": [5],
            "words": [4],
            "hypotheses": ["THE COLD"],
            "word_operations": ["1=1s1d"],
            "audio": 2,
        }
    ]
    assert payloads.build_payload(noisy)["simulated"] == []


@pytest.mark.parametrize(
    ("simulation", "expected"), [("tempo", "rate"), ("reverberation", "decay time in s"), ("own", "severity")]
)
def test_name_severity(simulation, expected):
    assert payloads.name_severity(simulation) == expected


def test_a_system_follows_the_rows_of_the_main_one():
    counts = dict.fromkeys(payloads.SYSTEM_COUNTS, [1.0, None])
    texts = {"reference": ["THE BRIDGE", "THE OLD"], "hypothesis": ["THE OLD BRIDGE", None]}
    other = pyarrow.table({"utterance_id": ["b-2", "a-1"], **texts, **counts})
    system = payloads.build_system("b1", other, ["a-1", "b-2", "c-3"], ["THE OLD", "THE BRIDGE", "NO"])
    assert system["hypotheses"] == ["", "THE OLD BRIDGE", ""]
    assert system["word_operations"] == ["", "1=1i1=", ""]
    assert system["counts"]["word_insertions"] == [None, 1, None]
    assert "word_hits" not in system["counts"]  # it was scored over the main one's references


def test_a_system_that_was_scored_over_another_reference_has_its_own_words():
    counts = dict.fromkeys([*payloads.SYSTEM_COUNTS, "word_hits", "character_hits"], [3.0])
    other = pyarrow.table(
        {"utterance_id": ["a"], "reference": ["THE OLD ONE"], "hypothesis": ["THE OLD"], **counts}
    )
    system = payloads.build_system("b1", other, ["a"], ["THE OLD"])
    assert system["counts"]["word_hits"] == [3] and system["nearest"] == {0: "THE OLD ONE"}


def test_empty_table_gives_an_empty_payload(table):
    payload = payloads.build_payload(table.iloc[:0])
    assert payload["count"] == 0
    assert payload["columns"] == []
