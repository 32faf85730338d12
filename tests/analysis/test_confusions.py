"""Confusions counted by hand, and totals against jiwer."""

import json
from dataclasses import asdict

import jiwer
import pandas as pd
import pytest

from librispeech_clf.analysis.confusions import find_confusions

TEXTS = [
    ("THE CAT SAT", "THE CAP SAT ON"),
    ("A CAT", "A CAP"),
    ("", "UM"),
    ("THE END", "THE END"),
    ("OH NO", ""),
]


@pytest.fixture
def table():
    frame = pd.DataFrame(TEXTS, columns=["reference", "hypothesis"])
    return frame.assign(utterance_id=[f"u{n}" for n in range(5)], record_speaker_id=list("abcde"))


def test_words_by_hand(table):
    words = find_confusions(table).words
    assert [(item.reference, item.hypothesis, item.count, item.of) for item in words.substitutions] == [
        ("CAT", "CAP", 2, 2)
    ]
    assert [item.reference for item in words.deletions] == ["NO", "OH"]
    assert [item.hypothesis for item in words.insertions] == ["ON", "UM"]


@pytest.mark.parametrize(
    ("unit", "process"), [("words", jiwer.process_words), ("characters", jiwer.process_characters)]
)
def test_totals_agree_with_jiwer(table, unit, process):
    counted = process(list(table["reference"]), list(table["hypothesis"]))
    found = getattr(find_confusions(table), unit)
    assert found.substituted == counted.substitutions
    assert found.deleted == counted.deletions
    assert found.inserted == counted.insertions


def test_words_by_length_and_frequency(table):
    confusions = find_confusions(table)
    assert [(group.label, group.words, group.errors) for group in confusions.by_length] == [
        ("1 to 2", 3, 2),
        ("3 to 4", 6, 2),
    ]
    assert [(group.label, group.words, group.errors) for group in confusions.by_frequency] == [
        ("1", 5, 2),
        ("2", 4, 2),
    ]
    assert all(group.low <= group.rate <= group.high for group in confusions.by_length)


def test_texts_that_are_null_are_left_out(table):
    table.loc[0, "hypothesis"] = None
    assert find_confusions(table).utterances == 4


def test_empty_table_and_single_utterance(table):
    assert find_confusions(pd.DataFrame()).words.substitutions == ()
    assert find_confusions(table.head(1)).by_length[0].low is None


def test_confusions_are_json(table):
    assert json.loads(json.dumps(asdict(find_confusions(table)), allow_nan=False))["utterances"] == 5
