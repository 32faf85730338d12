import json
import stat

import pytest

from librispeech_clf.development.training import language_model
from librispeech_clf.development.training.language_model import main_title, read_book, read_evaluated

CHAPTERS = """\
;ID |READER|MINUTES| SUBSET | PROJ.|BOOK ID| CH. TITLE | PROJECT TITLE
1 | 10 | 8.0 | test-clean | 5 | 71 | In Fog | The Gray Lighthouse
2 | 11 | 8.0 | dev-other | 6 | 72 | One | Emma | with a pipe
3 | 12 | 8.0 | train-clean-100 | 7 | 73 | One | Bread and Salt
"""
BOOKS = "71 | The Gray Lighthouse; or, Fog | \n72 | Emma Volume 2 | \n73 | Bread and Salt |\n"
SPOKEN = "THE KEEPER LIT NINE LAMPS BEFORE THE FIRST SHIP CAME HOME"
LMPLZ = """#!/bin/sh
while [ $# -gt 0 ]; do case $1 in --arpa) arpa=$2;; --text) text=$2;; esac; shift; done
wc -l < $text > $arpa
"""


@pytest.fixture
def tree(tmp_path):
    chapter = tmp_path / "LibriSpeech" / "test-clean" / "10" / "1"
    chapter.mkdir(parents=True)
    (chapter / "10-1.trans.txt").write_text(f"10-1-0000 {SPOKEN}\n")
    (tmp_path / "LibriSpeech" / "CHAPTERS.TXT").write_text(CHAPTERS)
    (tmp_path / "LibriSpeech" / "BOOKS.TXT").write_text(BOOKS)
    return tmp_path


def write_book(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_reads_books_and_runs_of_dev_and_test(tree):
    (tree / "more.txt").write_text("x ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT\n")
    evaluated = read_evaluated(tree, [tree / "more.txt"], ["The Lamps"])
    assert evaluated.numbers == {"71", "72"}
    assert {"GRAY LIGHTHOUSE", "EMMA", "LAMPS"} <= evaluated.titles
    assert "BREAD AND SALT" not in evaluated.titles
    assert "THE KEEPER LIT NINE LAMPS BEFORE THE FIRST" in evaluated.runs
    assert len(evaluated.runs) == 4 + 1


def test_main_title():
    titles = {
        "The Gray Lighthouse; or, Fog": "GRAY LIGHTHOUSE",
        "Life of Someone  Volume 1": "LIFE OF SOMEONE",
        "A_Walk": "WALK",
        "\u00c9tude": "ETUDE",
        "": "",
    }
    assert {title: main_title(title) for title in titles} == titles


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("The Gray Lighthouse.md", "Text.", "title GRAY"),
        ("x.md", "# Title: The Gray Lighthouse\n\nText.", "title GRAY"),
        ("x.txt", "GRAY LIGHTHOUSE IN TWO PARTS\nText.", "title GRAY"),
        ("x.txt", "Emma\nText.", "title EMMA"),
        ("x.txt", "Emma Brown\nText.", None),
        ("x.txt", "Some title\n[EBook #71]", "number 71"),
        ("x.txt", "Some title\nhttp://www.gutenberg.org/files/73/", None),
        ("x.xml", "<TEI><teiHeader><title>Emma</title></teiHeader></TEI>", "title EMMA"),
    ],
)
def test_recognizes_evaluated_books(tree, name, content, reason):
    path = write_book(tree, name, content)
    found = language_model.find_evaluated(path, read_book(path)[0], read_evaluated(tree))
    assert found is None if reason is None else reason in found


def test_words_are_written_as_librispeech_writes_them():
    text = (
        "Mr. Brown\u2019s _to-morrow_, na\u00efve! 'Tis \u2018so\u2019. It was 1850; or not -- he said:\n\nNo"
    )
    said = [" ".join(words) for words in language_model.split_sentences(text)]
    assert said == ["MISTER BROWN'S TO MORROW NAIVE", "'TIS SO", "OR NOT", "HE SAID", "NO"]
    assert language_model.to_words("'quoted' ' \u00c6on") == ["QUOTED", "AEON"]


def test_a_book_of_tei_gives_the_paragraphs_of_its_body(tmp_path):
    content = (
        '<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><title>A</title></teiHeader><text><front><p>No.</p>'
        "</front><body><head>I</head><p>Yes <pb/> indeed.</p><p>More.</p></body></text></TEI>"
    )
    assert read_book(write_book(tmp_path, "b.xml", content)) == (["b", "A"], "Yes indeed.\n\nMore.")


def test_leaves_out_what_shares_eight_words_with_a_transcript(tree):
    quoting = write_book(tree / "books", "quoting.txt", f"Q\n\n{SPOKEN}. Another sentence.")
    reprint = write_book(tree / "books", "reprint.txt", "R\n\n" + f"He said {SPOKEN}. " * 4 + "Rest of it.")
    twice = "A sentence of more than six words."
    first = write_book(tree / "books", "first.txt", f"F\n\n{twice}")
    again = write_book(tree / "books", "again.txt", f"G\n\n{twice} Short one. Short one.")
    out = tree / "text.txt"
    text = language_model.write_text([quoting, reprint, first, again], read_evaluated(tree), out)
    assert list(text.left_out) == [str(reprint)]
    assert (text.books, text.with_run, text.repeated) == (3, 1, 1)
    lines = out.read_text().splitlines()
    assert "ANOTHER SENTENCE" in lines and "REST OF IT" not in lines
    assert lines.count("A SENTENCE OF MORE THAN SIX WORDS") == 1
    assert lines.count("SHORT ONE") == 2


def test_the_command_makes_model_words_and_report(tree, capfd):
    write_book(tree / "books", "a/b.txt", "B\n\nA dog saw a dog. The end.")
    program = write_book(tree, "bin/lmplz", LMPLZ)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    out = tree / "out"
    command = [str(tree / "books"), "--librispeech", str(tree), "--lmplz", str(program), "--out", str(out)]
    assert language_model.main(command) == 0
    assert (out / "lm.arpa").read_text().strip() == "3"
    assert (out / "words.txt").read_text().split() == ["A", "DOG"]
    report = json.loads((out / "report.json").read_text())
    assert report["books"] == 1 and report["left out"] == {} and report["words"] == 8
    assert "8 words of 1 books" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("books", "program", "message"),
    [
        ("books", "none", "kenlm"),
        ("empty", "true", "no books"),
        ("books", "true", "no chapter in CHAPTERS.TXT"),
    ],
)
def test_says_what_is_missing(tree, capsys, books, program, message):
    write_book(tree / "books", "b.txt", "B")
    (tree / "LibriSpeech" / "CHAPTERS.TXT").unlink()
    (tree / "empty").mkdir()
    command = [str(tree / books), "--librispeech", str(tree), "--lmplz", program, "--out", str(tree / "out")]
    assert language_model.main(command) == 2
    assert message in capsys.readouterr().err
