"""The page's data: rounding, columns, alignments, timings."""

import json
import math
from dataclasses import make_dataclass

import numpy as np
import pandas as pd
import pyarrow
import pytest

from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.report import payload as payloads


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


def test_numbers_are_rounded_and_records_arrays_and_tables_become_records_arrays_and_tables():
    numbers = [None, math.nan, math.inf, 3.0, 0.123456789, -1234.5678]
    assert [payloads.round_number(value) for value in numbers] == [None, None, None, 3, 0.12346, -1234.6]
    value = {
        1: make_dataclass("Named", ["name", "values"])("x", np.array([1.0, np.nan])),
        "t": pd.DataFrame({"a": [np.float32(0.5)]}),
    }
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


def test_columns_have_kinds_and_a_name_once_and_leave_empty_ones_out(table):
    columns = {column["key"]: column for column in payloads.build_columns(Record(table))}
    shown = ["word_error_rate", "ctc_loss", "signal_duration_s", "record_speaker_id", "record_gender"]
    assert list(columns) == shown
    assert columns["ctc_loss"]["values"] == [123.46, None]
    speaker = payloads.describe_column("record_speaker_id") | {"label": "speaker", "kind": "category"}
    assert columns["record_speaker_id"] == speaker | {"levels": ["9", "10"], "values": [1, 0]}
    assert columns["record_gender"]["values"] == [0, -1]
    twins = table.assign(subset=["x", "y"], record_subset=["x", "y"], corpus_gender=["a", "b"])
    labels = {column["key"]: column["label"] for column in payloads.build_columns(Record(twins))}
    assert labels["subset"] == "subset" and "record_subset" not in labels
    assert (labels["record_gender"], labels["corpus_gender"]) == ("gender", "gender (corpus)")
    titles = pd.DataFrame({"record_title": [f"title {number}" for number in range(payloads.MAX_LEVELS + 1)]})
    assert payloads.build_columns(Record(titles))[0]["kind"] == "text"


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [("A B C", "A B D E C", "2=2i1="), ("", "", ""), ("THE BALL TO", "BOL TER", "1d2s")],
)
def test_operations_are_counted_in_runs_and_words_paired_by_their_letters(reference, hypothesis, expected):
    assert payloads.align_texts([reference], [hypothesis])[0] == [expected]


def test_payload_aligns_times_and_blanks_failures(table):
    payload = payloads.build_payload(Record(table))
    assert payload["word_operations"] == ["1=1s1d", ""]
    assert payload["letter_operations"][1] == ""
    assert payload["errors"] == ["", "audio is empty"]
    assert payload["word_timings"] == [[-1, -1, -1, 52, 28, 999], []]  # of the words that match
    json.dumps(payload, allow_nan=False)
    empty = payloads.build_payload(Record(table.iloc[:0]))
    assert (empty["count"], empty["columns"]) == (0, [])


def test_timings_skip_blank_letters():
    spans = [
        {"text": text, "start_s": i, "end_s": i + 1, "confidence": None} for i, text in enumerate(" A B")
    ]
    assert payloads.encode_timings(list("AB"), spans) == [100, 100, -1, 300, 100, -1]


def test_analysis_holds_rows_instead_of_ids():
    clusters = {"clusters": [{"utterance_ids": ("b", "gone", "a")}]}
    analysis = {"clusters": clusters, "robustness": None, "confusions": {"words": []}}
    assert payloads.build_analysis(["a", "b"], analysis) == {"clusters": {"clusters": [{"rows": [1, 0]}]}}


def test_simulated_rows_are_apart(table):
    clean = table.assign(word_hits=2, word_substitutions=1, word_deletions=1, word_insertions=3)
    noisy = clean.assign(simulation="additive_noise", severity=10.0)
    noisy["utterance_id"] = ["a-1+additive_noise-10-s0", "gone"]
    both = pd.concat([clean, noisy], ignore_index=True)
    payload = payloads.build_payload(Record(both))
    assert payload["ids"] == ["a-1", "b-2"]
    assert payloads.list_heard(Record(both)) == ["a-1", "b-2", "a-1+additive_noise=10"]
    counts = {"row": [0], "severity": [10], "errors": [5], "words": [4], "audio": 2}
    texts = {"hypotheses": ["THE COLD"], "word_operations": ["1=1s1d"]}
    named = {"simulation": "additive_noise", "severity_name": "ratio in dB"}
    assert payload["simulated"] == [named | counts | texts]
    assert payloads.build_payload(Record(noisy))["simulated"] == []
    named = {"tempo": "rate", "reverberation": "decay time in s", "own": "severity"}
    assert {name: payloads.name_severity(name) for name in named} == named


def test_a_system_follows_the_rows_of_the_main_one_and_has_its_own_words_over_another_reference():
    counts = dict.fromkeys([*payloads.SYSTEM_COUNTS, "word_hits", "character_hits"], [1.0, None])
    texts = {"reference": ["THE BRIDGE", "THE OLD"], "hypothesis": ["THE OLD BRIDGE", None]}
    other = pyarrow.table({"utterance_id": ["b-2", "a-1"], **texts, **counts})
    ids = ["a-1", "b-2", "c-3"]
    system = payloads.build_system("b1", other, ids, ["THE OLD", "THE BRIDGE", "NO"])
    assert system["hypotheses"] == ["", "THE OLD BRIDGE", ""]
    assert system["word_operations"] == ["", "1=1i1=", ""]
    assert system["counts"]["word_insertions"] == [None, 1, None]
    assert "word_hits" not in system["counts"] and not system["nearest"]
    system = payloads.build_system("b1", other, ids, ["THE OLD", "A BRIDGE", "NO"])
    assert system["counts"]["word_hits"] == [None, 1, None] and system["nearest"] == {1: "THE BRIDGE"}
