"""Recall of terms: counted by hand."""

import pandas as pd
import pytest

from librispeech_clf.local.analysis.error_kinds import count_term, measure_recall, read_terms
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.text.alignment import align_words
from tests.helpers.letters import VOCABULARY


def test_terms_are_spelled_as_transcripts_and_named_once(tmp_path):
    path = tmp_path / "terms.txt"
    path.write_text("# names\nmontréal\n\n  New   York \nMONTREAL\n", encoding="utf-8")
    assert read_terms(path, VOCABULARY.normalize) == ("MONTREAL", "NEW YORK")


def test_files_without_terms_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="--terms needs a text file"):
        read_terms(tmp_path / "missing.txt", str)
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(ValueError, match=r"empty.txt: at least one term"):
        read_terms(tmp_path / "empty.txt", str)
    (tmp_path / "latin.txt").write_bytes("Müller".encode("latin-1"))
    with pytest.raises(ValueError, match="UTF-8"):
        read_terms(tmp_path / "latin.txt", str)


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
    table = pd.DataFrame(
        {
            "utterance_id": list("abcdef"),
            "record_speaker_id": list("123456"),
            "reference": ["ANNA CAME", "ANNA WENT", "BOB CAME", "BOB WENT", "CARL", "ANNA"],
            "hypothesis": ["ANNA CAME", "HANNA WENT", "BOB CAME", "BOB WENT", "KARL", "ANNA"],
            "error": None,
        }
    )
    everything, *each = measure_recall(Record(table), ("ANNA", "BOB", "CARL", "DORA"))
    assert (everything.term, everything.occurrences, everything.recognized) == (None, 6, 4)
    assert everything.low <= everything.recall <= everything.high
    assert [(item.term, item.recall) for item in each] == [
        ("CARL", 0.0),
        ("ANNA", pytest.approx(2 / 3)),
        ("BOB", 1.0),
        ("DORA", None),
    ]
    assert measure_recall(Record(table), ()) == ()
