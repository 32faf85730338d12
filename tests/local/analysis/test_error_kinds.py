"""Kinds of word errors: each error once, by the words at hand."""

import jiwer
import pandas as pd
import pytest

from librispeech_clf.local.analysis.error_kinds import KINDS, classify_errors, find_error_kinds
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.text.alignment import align_words


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("THE CAT SAT", "THE BAT SAT", [("near miss", 1, "CAT", "BAT")]),
        ("THE CAT SAT", "THE DOGS SAT", [("substitution", 1, "CAT", "DOGS")]),
        ("THE CAT SAT", "THE SAT", [("deletion", 1, "CAT", "")]),
        ("THE CAT", "THE BIG CAT", [("insertion", 1, "", "BIG")]),
        ("HE ROLLED THE BALL", "HE ROLLEDTHE BALL", [("joined words", 2, "ROLLED THE", "ROLLEDTHE")]),
        ("HE ROLLED THE BALL", "HE ROLDEDTHE BALL", [("joined words", 2, "ROLLED THE", "ROLDEDTHE")]),
        ("EVERYTHING IS FINE", "EVERY THING IS FINE", [("split word", 2, "EVERYTHING", "EVERY THING")]),
        ("A NEVERTHELESS B", "A NEVER THE LESS B", [("split word", 3, "NEVERTHELESS", "NEVER THE LESS")]),
        ("I A", "IA", [("near miss", 1, "A", "IA"), ("deletion", 1, "I", "")]),
        ("SAME", "SAME", []),
        ("", "WORD", [("insertion", 1, "", "WORD")]),
    ],
)
def test_kinds(reference, hypothesis, expected):
    assert sorted(classify_errors(align_words(reference, hypothesis))) == sorted(expected)


def test_kinds_add_up_to_the_errors_that_jiwer_counts():
    texts = [
        ("HE ROLLED THE BALL TO ME", "HE ROLLEDTHE BOL TOO ME"),
        ("EVERYTHING WENT WELL", "EVERY THING WENT"),
        ("NOTHING", ""),
    ]
    table = pd.DataFrame(texts, columns=["reference", "hypothesis"]).assign(
        utterance_id=["a", "b", "c"], record_speaker_id=["1", "2", "3"], error=None
    )
    kinds = find_error_kinds(Record(table))
    counted = jiwer.process_words(*map(list, zip(*texts, strict=True)))
    assert [kind.name for kind in kinds] == list(KINDS)
    assert (
        sum(kind.errors for kind in kinds) == counted.substitutions + counted.deletions + counted.insertions
    )
    assert sum(kind.share for kind in kinds) == pytest.approx(1)
    joined = next(kind for kind in kinds if kind.name == "joined words")
    assert (joined.errors, joined.examples) == (2, (("ROLLED THE", "ROLLEDTHE", 1),))
    assert joined.utterance_ids == ("a",)
    assert 0 <= joined.low <= joined.share <= joined.high <= 1


def test_failed_utterances_and_tables_without_texts_have_no_kind():
    assert find_error_kinds(Record(pd.DataFrame({"utterance_id": ["a"]}))) == ()
    table = pd.DataFrame({"utterance_id": ["a"], "reference": ["A"], "hypothesis": [None], "error": ["x"]})
    assert find_error_kinds(Record(table)) == ()
