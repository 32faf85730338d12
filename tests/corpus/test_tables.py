"""The tables as LibriSpeech writes them, and as they should not be."""

import os
from pathlib import Path

import pytest

from librispeech_clf.corpus.openslr import read_tables
from librispeech_clf.corpus.schema import Book, Chapter, Speaker

REAL_TREE = Path(os.environ.get("LIBRISPEECH_TREE", "none")) / "LibriSpeech"

HEADER = "; gender: 'F' | 'M'\n;ID |SEX| SUBSET |MINUTES| NAME\n"
ADA = "1 | F | own | 2 | Ada\n"
MANY = "1|A|\n" + "no number|B|\n" * 7
CHAPTERS = """\
; comment
;ID    |READER|MINUTES| SUBSET           | PROJ.|BOOK ID| CH. TITLE | PROJECT TITLE
340    | 12   | 15.10 | test-clean       | 52   | 1004  | Canto I | Divine Comedy | in one | line
341    | 12   |  n/a  | test-clean       |      |       | Untitled |
"""
NAMES = ("SPEAKERS.TXT", "CHAPTERS.TXT", "BOOKS.TXT")


def read(folder, table, content):
    """What a table of that content holds."""
    folder.mkdir(exist_ok=True)
    (folder / NAMES[table]).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_tables(folder)[table]


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (f"{HEADER}60 | M | own|20.18| |CBW|Simon\n", (60, "M", "own", 20.18, "|CBW|Simon")),
        ('\ufeffID|SEX\r\n1|f|own|2|Zoë, "the" O\'Neil\r\n\r\n', (1, "F", "own", 2.0, 'Zoë, "the" O\'Neil')),
        ("7 | ? | own | - | Somebody\n", (7, None, "own", None, "Somebody")),
        *(
            (f"7 | F | own | {minutes} | Ada\n", (7, "F", "own", None, "Ada"))
            for minutes in ("nan", "inf", "-inf", "-1", "1e999")
        ),
    ],
)
def test_speakers_of_any_dress(tmp_path, content, fields):
    assert read(tmp_path, 0, content) == {fields[0]: Speaker(*fields)}


def test_chapters_with_pipes_in_the_title_and_missing_numbers(tmp_path):
    assert read(tmp_path, 1, CHAPTERS) == {
        340: Chapter(340, 12, 15.1, "test-clean", 52, 1004, "Canto I", "Divine Comedy | in one | line"),
        341: Chapter(341, 12, None, "test-clean", None, None, "Untitled", ""),
    }


def test_books_with_and_without_authors(tmp_path):
    content = ";ID|TITLE|AUTHORS\n1004 | Divine Comedy | Dante | and others\n5|Poems\n"
    expected = {1004: Book(1004, "Divine Comedy", "Dante | and others"), 5: Book(5, "Poems", None)}
    assert read(tmp_path, 2, content) == expected


def test_carriage_returns_within_a_row_are_white_space(tmp_path):
    titles = b"1 | Books of the Bible\r Apocrypha | Many\r\n2 | One\r\rTwo\x0bThree | \n"
    assert read(tmp_path, 2, titles + b"3|Four\xe2\x80\xa8Five|A\rB") == {
        1: Book(1, "Books of the Bible Apocrypha", "Many"),
        2: Book(2, "One Two Three", ""),
        3: Book(3, "Four Five", "A B"),
    }
    chapter = read(tmp_path, 1, b"7|3|1.5|dev-clean|4|1|Chapter\r One|Books\rof it|2\n")[7]
    assert (chapter.title, chapter.project_title) == ("Chapter One", "Books of it|2")


@pytest.mark.parametrize(
    ("table", "content", "kept", "message"),
    [
        (
            0,
            f"{ADA}x | F\n3 | M | own | 1 | Ben\n",
            [1, 3],
            "1 row left out (line 2: expected 5 fields, got 'x | F')",
        ),
        (0, f"{ADA}1 | M | own | 2 | Ben\n", [1], "line 2: 1 occurs a second time"),
        (2, MANY, [1], "7 rows left out (line 2: "),
        (2, MANY, [1], "line 6: expected 3 fields, got 'no number|B|'; and 2 more"),
        (0, "x\x1b]0;t\x07 | F\n", [], r"a\x1b[2Jb\u202ec/SPEAKERS.TXT: 1 row left out (line 1: "),
    ],
)
def test_rows_that_do_not_fit_are_left_out_and_told_in_one_warning(tmp_path, table, content, kept, message):
    with pytest.warns(UserWarning) as caught:
        rows = read(tmp_path / "a\x1b[2Jb\u202ec", table, content)
    (told,) = (str(warning.message) for warning in caught)
    assert list(rows) == kept and told.isprintable() and message in told
    assert table or 1 not in rows or rows[1].name == "Ada"


def test_missing_tables_are_empty(tmp_path):
    assert read_tables(tmp_path) == read_tables(None) == ({}, {}, {})


@pytest.mark.skipif(not REAL_TREE.is_dir(), reason="no real LibriSpeech here")
def test_real_speakers():
    speakers = read_tables(REAL_TREE)[0]
    genders = [speaker.gender for speaker in speakers.values()]
    assert (len(speakers), genders.count("F"), genders.count("M")) == (2484, 1201, 1283)
    assert speakers[60] == Speaker(60, "M", "train-clean-100", 20.18, "|CBW|Simon")
