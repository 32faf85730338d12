"""The tables as LibriSpeech writes them, and as they should not be."""

import os
from pathlib import Path

import pytest

from librispeech_clf.corpus.openslr import read_tables
from librispeech_clf.corpus.schema import Book, Chapter, Speaker

REAL_TREE = Path(os.environ.get("LIBRISPEECH_TREE", "none")) / "LibriSpeech"

CHAPTERS = """\
; comment
;ID    |READER|MINUTES| SUBSET           | PROJ.|BOOK ID| CH. TITLE | PROJECT TITLE
340    | 12   | 15.10 | test-clean       | 52   | 1004  | Canto I | Divine Comedy | in one | line
341    | 12   |  n/a  | test-clean       |      |       | Untitled |
"""


def test_reader_with_pipes_in_the_name(tmp_path):
    (tmp_path / "SPEAKERS.TXT").write_text(
        "; gender: 'F' | 'M'\n;ID |SEX| SUBSET |MINUTES| NAME\n60 | M | train-clean-100|20.18| |CBW|Simon\n"
    )
    assert read_tables(tmp_path)[0] == {60: Speaker(60, "M", "train-clean-100", 20.18, "|CBW|Simon")}


def test_header_without_semicolon_byte_order_mark_and_carriage_returns(tmp_path):
    text = 'ID|SEX|SUBSET|MINUTES|NAME\r\n1|f|own|2|Zoë, "the" O\'Neil\r\n\r\n'
    (tmp_path / "SPEAKERS.TXT").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_tables(tmp_path)[0] == {1: Speaker(1, "F", "own", 2.0, 'Zoë, "the" O\'Neil')}


def test_unknown_gender_and_minutes_are_none(tmp_path):
    (tmp_path / "SPEAKERS.TXT").write_text("7 | ? | own | - | Somebody\n")
    assert read_tables(tmp_path)[0] == {7: Speaker(7, None, "own", None, "Somebody")}


def test_row_that_does_not_fit_is_named_and_left_out(tmp_path):
    (tmp_path / "SPEAKERS.TXT").write_text("1 | F | own | 2 | Ada\nx | F\n3 | M | own | 1 | Ben\n")
    with pytest.warns(
        UserWarning, match=r"SPEAKERS.TXT: 1 row left out \(line 2: expected 5 fields, got 'x \| F'\)"
    ):
        speakers = read_tables(tmp_path)[0]
    assert list(speakers) == [1, 3]


def test_second_row_of_an_id_is_named_and_left_out(tmp_path):
    (tmp_path / "SPEAKERS.TXT").write_text("1 | F | own | 2 | Ada\n1 | M | own | 2 | Ben\n")
    with pytest.warns(UserWarning, match="line 2: 1 occurs a second time"):
        speakers = read_tables(tmp_path)[0]
    assert speakers[1].name == "Ada"


def test_chapters_with_pipes_in_the_title_and_missing_numbers(tmp_path):
    (tmp_path / "CHAPTERS.TXT").write_text(CHAPTERS)
    assert read_tables(tmp_path)[1] == {
        340: Chapter(340, 12, 15.1, "test-clean", 52, 1004, "Canto I", "Divine Comedy | in one | line"),
        341: Chapter(341, 12, None, "test-clean", None, None, "Untitled", ""),
    }


def test_books_with_and_without_authors(tmp_path):
    (tmp_path / "BOOKS.TXT").write_text(
        ";ID|TITLE|AUTHORS\n1004 | Divine Comedy | Dante | and others\n5|Poems\n"
    )
    assert read_tables(tmp_path)[2] == {
        1004: Book(1004, "Divine Comedy", "Dante | and others"),
        5: Book(5, "Poems", None),
    }


def test_carriage_returns_within_a_row_are_white_space(tmp_path):
    (tmp_path / "BOOKS.TXT").write_bytes(
        b"1 | Books of the Bible\r Apocrypha | Many\r\n2 | One\r\rTwo\x0bThree | \n3|Four\xe2\x80\xa8Five|A\rB"
    )
    (tmp_path / "CHAPTERS.TXT").write_bytes(b"7|3|1.5|dev-clean|4|1|Chapter\r One|Books\rof it|2\n")
    assert read_tables(tmp_path)[2] == {
        1: Book(1, "Books of the Bible Apocrypha", "Many"),
        2: Book(2, "One Two Three", ""),
        3: Book(3, "Four Five", "A B"),
    }
    assert read_tables(tmp_path)[1][7].title == "Chapter One"
    assert read_tables(tmp_path)[1][7].project_title == "Books of it|2"


def test_rows_that_do_not_fit_are_counted_in_one_warning(tmp_path):
    (tmp_path / "BOOKS.TXT").write_text("1|A|\n" + "no number|B|\n" * 7)
    with pytest.warns(UserWarning) as caught:
        assert list(read_tables(tmp_path)[2]) == [1]
    assert len(caught) == 1
    assert "7 rows left out (line 2: " in str(caught[0].message)
    assert "line 6: expected 3 fields, got 'no number|B|'; and 2 more" in str(caught[0].message)


def test_unprintable_characters_of_path_and_row_are_escaped_in_the_warning(tmp_path):
    folder = tmp_path / "a\x1b[2Jb\u202ec"
    folder.mkdir()
    (folder / "SPEAKERS.TXT").write_text("x\x1b]0;t\x07 | F\n")
    with pytest.warns(UserWarning) as caught:
        read_tables(folder)[0]
    assert str(caught[0].message).isprintable()
    assert r"a\x1b[2Jb\u202ec/SPEAKERS.TXT: 1 row left out (line 1: " in str(caught[0].message)


def test_missing_tables_are_empty(tmp_path):
    assert read_tables(tmp_path) == read_tables(None) == ({}, {}, {})


@pytest.mark.skipif(not REAL_TREE.is_dir(), reason="no real LibriSpeech here")
def test_real_speakers():
    speakers = read_tables(REAL_TREE)[0]
    genders = [speaker.gender for speaker in speakers.values()]
    assert (len(speakers), genders.count("F"), genders.count("M")) == (2484, 1201, 1283)
    assert speakers[60] == Speaker(60, "M", "train-clean-100", 20.18, "|CBW|Simon")


@pytest.mark.parametrize("minutes", ["nan", "inf", "-inf", "-1", "1e999"])
def test_minutes_that_are_no_amount_are_unknown(tmp_path, minutes):
    (tmp_path / "SPEAKERS.TXT").write_text(f"7 | F | own | {minutes} | Ada\n")
    assert read_tables(tmp_path)[0][7].total_minutes is None
