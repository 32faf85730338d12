"""Kinds of word errors: each error once, by the words at hand. Recall of terms: counted by hand."""

import jiwer
import pandas as pd
import pytest

from librispeech_clf.local.analysis.error_kinds import (
    KINDS,
    classify_errors,
    count_term,
    find_error_kinds,
    measure_recall,
    read_terms,
)
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.text.alignment import align_words
from tests.helpers.letters import VOCABULARY


def make_record(*texts):
    """Utterances of a speaker each."""
    table = pd.DataFrame(texts, columns=["reference", "hypothesis"], dtype=object).assign(error=None)
    ids = [f"u{number}" for number in range(len(texts))]
    return Record(table.assign(utterance_id=ids, record_speaker_id=ids))


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
    kinds = find_error_kinds(make_record(*texts))
    counted = jiwer.process_words(*map(list, zip(*texts, strict=True)))
    assert [kind.name for kind in kinds] == list(KINDS)
    errors = counted.substitutions + counted.deletions + counted.insertions
    assert sum(kind.errors for kind in kinds) == errors
    assert sum(kind.share for kind in kinds) == pytest.approx(1)
    joined = kinds[1]
    assert (joined.name, joined.errors, joined.utterance_ids) == ("joined words", 2, ("u0",))
    assert joined.examples == (("ROLLED THE", "ROLLEDTHE", 1),)
    assert 0 <= joined.low <= joined.share <= joined.high <= 1


def test_failed_utterances_and_tables_without_texts_have_no_kind():
    assert find_error_kinds(Record(pd.DataFrame({"utterance_id": ["a"]}))) == ()
    assert find_error_kinds(make_record(("A", None))) == ()


def test_terms_are_spelled_as_transcripts_and_named_once(tmp_path):
    path = tmp_path / "terms.txt"
    path.write_text("# names\nmontréal\n\n  New   York \nMONTREAL\n", encoding="utf-8")
    assert read_terms(path, VOCABULARY.normalize) == ("MONTREAL", "NEW YORK")


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, FileNotFoundError, "--terms needs a text file"),
        (b"# nothing\n", ValueError, r"terms.txt: at least one term"),
        ("Müller".encode("latin-1"), ValueError, "UTF-8"),
    ],
)
def test_files_without_terms_are_refused(tmp_path, content, error, message):
    if content is not None:
        (tmp_path / "terms.txt").write_bytes(content)
    with pytest.raises(error, match=message):
        read_terms(tmp_path / "terms.txt", str)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("IN NEW YORK", "IN NEW YORK", (1, 1, 0)),
        ("IN NEW YORK", "IN NEW FORK", (1, 0, 0)),
        ("IN NEW YORK", "IN NEW OLD YORK", (1, 0, 0)),
        ("IN NEWARK", "IN NEW YORK", (0, 0, 1)),
        ("NEW YORK NEW YORK", "NEW YORK NEW", (2, 1, 0)),
        ("", "", (0, 0, 0)),
    ],
)
def test_a_term_of_two_words_is_right_when_both_are(reference, hypothesis, expected):
    assert count_term(align_words(reference, hypothesis), ("NEW", "YORK")) == expected


def test_recall_of_all_and_each_worst_first():
    said = "ANNA CAME", "ANNA WENT", "BOB CAME", "BOB WENT", "CARL", "ANNA"
    record = make_record(*zip(said, ("ANNA CAME", "HANNA WENT", *said[2:4], "KARL", "ANNA"), strict=True))
    everything, *each = measure_recall(record, ("ANNA", "BOB", "CARL", "DORA"))
    assert (everything.term, everything.occurrences, everything.recognized) == (None, 6, 4)
    assert everything.low <= everything.recall <= everything.high
    recalls = [("CARL", 0.0), ("ANNA", 2 / 3), ("BOB", 1.0), ("DORA", None)]
    assert [(item.term, item.recall) for item in each] == recalls
    assert measure_recall(record, ()) == ()
