"""Make an n-gram language model of folders of books, without the books that dev and test sets are read from.

    python -m librispeech_clf.development.training.language_model BOOKS... --librispeech ROOT --lmplz lmplz --out FOLDER

Two rules keep the evaluated text out, for titles alone miss what is published under another name: a book is left
out when its Gutenberg number or title is that of a chapter of a dev or test set (CHAPTERS.TXT, BOOKS.TXT), or when
several of its sentences share a run of eight words with a transcript; single such sentences are left out alone.
The model itself is made by KenLM's `lmplz` (github.com/kpu/kenlm), which is not part of this project.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from librispeech_clf.atomic_write import atomic_write
from librispeech_clf.corpus.openslr import read_tables, tree_folder
from librispeech_clf.local.cli import count, make_parser, run
from librispeech_clf.text.vocabulary import APOSTROPHES

RUN_WORDS = 8
MOST_RUNS = 3
"""Sentences with a run that a book may have, as proverbs and quotations do."""
REPEATED_WORDS = 6
"""A sentence of so many words that another book had already is the same book in another collection."""
BOOK_SUFFIXES = frozenset((".txt", ".md", ".xml"))
_EVALUATED = re.compile(r"\b(dev|test)-")
_NUMBER = re.compile(r"gutenberg\.org/(?:files|ebooks|etext)/(\d+)|\[(?:EBook|Etext) #(\d+)\]", re.IGNORECASE)
_SUBTITLE = re.compile(r"[;:(\[]|,? or,? |,? vol(?:ume|\.)? |--", re.IGNORECASE)
_ABBREVIATIONS = {
    "MR.": "MISTER", "MRS.": "MISSUS", "DR.": "DOCTOR", "ST.": "SAINT", "CAPT.": "CAPTAIN", "MESSRS.": "MESSRS",
}  # fmt: skip
_ABBREVIATED = re.compile(r"\b(?:Mr|Mrs|Dr|St|Capt|Messrs)\.", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?;:][\"'\u201d\u2019)]*\s+|\s--\s|\n\s*\n")
_AS_ASCII = str.maketrans(
    dict.fromkeys(APOSTROPHES, "'")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015", " ")
    | {"\u00e6": "ae", "\u00c6": "Ae", "\u0153": "oe", "\u0152": "Oe"}
)
_NO_LETTERS = re.compile(r"[^A-Z' ]+")
_ELISIONS = frozenset(("'TIS", "'TWAS", "'TWILL", "'TWERE", "'TWOULD", "'EM"))


class Evaluated(NamedTuple):
    """What must not be in the text.

    Attributes:
        numbers: Gutenberg numbers of the books that dev and test sets are read from.
        titles: their titles, by `main_title`.
        runs: every eight words in a row of their transcripts, joined by spaces.
    """

    numbers: set[str]
    titles: set[str]
    runs: set[str]


@dataclass
class Text:
    """What became of the books.

    Attributes:
        left_out: reason by book.
        counts: how often each word occurs in the text.
        books, sentences, repeated, with_run: how many there are, and how many sentences of theirs are not.
    """

    left_out: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    books: int = 0
    sentences: int = 0
    repeated: int = 0
    with_run: int = 0


def read_evaluated(
    root: Path, transcripts: Sequence[Path] = (), further_titles: Sequence[str] = ()
) -> Evaluated:
    """Read the books and transcripts of the dev and test sets.

    Args:
        root: with the LibriSpeech tree: CHAPTERS.TXT, BOOKS.TXT, and what subsets there are.
        transcripts: further files of lines "id TRANSCRIPT", for subsets that are not on the disk.
        further_titles: under which such a book is published elsewhere, whole or in parts.

    Raises:
        FileNotFoundError: the tree holds no CHAPTERS.TXT.
    """
    tree = tree_folder(root)
    _, chapters, books = read_tables(tree)
    if not chapters:
        raise FileNotFoundError(f"{tree}: holds no chapter in CHAPTERS.TXT, which says what to leave out.")
    spoken = [chapter for chapter in chapters.values() if _EVALUATED.search(chapter.subset)]
    numbers = {chapter.book_id for chapter in spoken if chapter.book_id is not None}
    titles = {*further_titles, *(chapter.project_title for chapter in spoken)}
    titles |= {books[number].title for number in numbers if number in books}
    files = [path for path in sorted(tree.glob("*/*/*/*.trans.txt")) if _EVALUATED.search(path.parts[-4])]
    texts = (path.read_text(encoding="utf-8") for path in (*files, *transcripts))
    runs = {run for text in texts for line in text.splitlines() for run in list_runs(line.split()[1:])}
    return Evaluated(set(map(str, numbers)), set(map(main_title, titles)) - {""}, runs)


def main_title(title: str) -> str:
    """Return a title without subtitle, volume, article and punctuation, upper case."""
    words = to_words(_SUBTITLE.split(title.replace("_", " "), maxsplit=1)[0])
    return " ".join(words[1:] if words[:1] in (["THE"], ["A"], ["AN"]) else words)


def list_runs(words: Sequence[str]) -> Iterator[str]:
    """Yield every eight words in a row."""
    for start in range(len(words) - RUN_WORDS + 1):
        yield " ".join(words[start : start + RUN_WORDS])


def to_words(text: str) -> list[str]:
    """Return a sentence's words as LibriSpeech writes them: A-Z and apostrophes within words."""
    plain = (
        unicodedata.normalize("NFKD", text.translate(_AS_ASCII)).encode("ascii", "ignore").decode().upper()
    )
    words = (
        word if word in _ELISIONS else word.strip("'")
        for word in _NO_LETTERS.sub(" ", plain.replace("_", " ")).split()
    )
    return [word for word in words if word]


def split_sentences(text: str) -> Iterator[list[str]]:
    """Yield the sentences of a book as words; those with digits are left out, as nobody knows how they are read."""
    text = _ABBREVIATED.sub(lambda match: _ABBREVIATIONS[match[0].upper()], text)
    for sentence in _SENTENCE_END.split(text):
        if not any(sign.isdigit() for sign in sentence) and (words := to_words(sentence)):
            yield words


def read_book(path: Path) -> tuple[list[str], str]:
    """Return the titles that a book may go by (file, heading, first line) and its text."""
    content = path.read_text(encoding="utf-8-sig", errors="replace").replace("\r\n", "\n")
    titles = [path.stem]
    if path.suffix == ".xml":
        # TEI: the namespace stands in every tag.
        root = ElementTree.fromstring(content)
        titles += ["".join(part.itertext()) for part in root.iterfind(".//{*}teiHeader//{*}title")]
        body = root.find(".//{*}text/{*}body")
        parts = [] if body is None else body.iterfind(".//{*}p")
        return titles, "\n\n".join(" ".join("".join(part.itertext()).split()) for part in parts)
    lines = content.split("\n")
    first = next((line for line in lines if line.strip()), "")
    titles.append(re.sub(r"^#+\s*(?:Title:)?", "", first))
    return titles, "\n".join(line for line in lines if not line.startswith("#"))


def find_evaluated(path: Path, titles: Iterable[str], evaluated: Evaluated) -> str | None:
    """Return why a book's number or title says that dev or test sets are read from it; None: nothing says so."""
    with open(path, encoding="utf-8", errors="replace") as file:
        stated = {
            number for match in _NUMBER.finditer(file.read(4000)) for number in match.groups() if number
        }
    if found := stated & evaluated.numbers:
        return f"Gutenberg number {min(found)}"
    for title in map(main_title, titles):
        for other in evaluated.titles:
            shorter, longer = sorted((title, other), key=len)
            # A single word, such as EMMA, is a title only as a whole.
            if title == other or " " in shorter and longer.startswith(f"{shorter} "):
                return f"title {other}"
    return None


def write_text(books: Sequence[Path], evaluated: Evaluated, path: Path) -> Text:
    """Write a sentence a line of every book that may be used.

    Args:
        books: files.
        evaluated: what must not be in the text.
        path: of the text.
    """
    text, seen = Text(), set()
    with open(path, "w", encoding="ascii") as file:
        for book in books:
            titles, content = read_book(book)
            reason = find_evaluated(book, titles, evaluated)
            kept, with_run = [], 0
            for words in () if reason else split_sentences(content):
                if any(run in evaluated.runs for run in list_runs(words)):
                    with_run += 1
                else:
                    kept.append(words)
            if with_run > MOST_RUNS:
                reason = f"{with_run} sentences with words of a transcript"
            if reason:
                text.left_out[str(book)] = reason
                continue
            text.books += 1
            text.with_run += with_run
            for words in kept:
                key = hash(tuple(words))
                if len(words) >= REPEATED_WORDS and key in seen:
                    text.repeated += 1
                    continue
                seen.add(key)
                text.sentences += 1
                text.counts.update(words)
                file.write(" ".join(words) + "\n")
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = make_parser(
        "language_model", "Make an n-gram language model of folders of books by KenLM's lmplz."
    )
    add = parser.add_argument
    add("books", nargs="+", type=Path, help="folders of books: .txt, .md, TEI .xml")
    add("--librispeech", type=Path, required=True, help="the LibriSpeech tree, for what to leave out")
    add("--transcripts", type=Path, nargs="*", default=[], help="further transcripts to leave out: id, text")
    add("--titles", nargs="*", default=[], help="further titles to leave out, such as other translations'")
    add("--lmplz", required=True, help="KenLM's program; build_binary beside it is used too")
    add("--order", type=count, default=3, help="words of an n-gram")
    add("--prune", nargs="+", default=["0", "1"], help="counts up to which n-grams go, by order")
    add("--words", type=count, default=200_000, help="most frequent words to keep")
    add("--out", type=Path, required=True, help="folder to write to")
    return run(parser, make_language_model, arguments)


def make_language_model(options: argparse.Namespace) -> None:
    """Write text, words, ARPA model, its binary and a report."""
    lmplz = shutil.which(options.lmplz)
    if lmplz is None:
        raise FileNotFoundError(
            f"{options.lmplz}: no such program; build lmplz of github.com/kpu/kenlm by cmake."
        )
    books = sorted(
        path for folder in options.books for path in folder.rglob("*") if path.suffix in BOOK_SUFFIXES
    )
    if not books:
        raise FileNotFoundError(f"{options.books[0]}: holds no books ({', '.join(sorted(BOOK_SUFFIXES))}).")
    options.out.mkdir(parents=True, exist_ok=True)
    evaluated = read_evaluated(options.librispeech, options.transcripts, options.titles)
    text = write_text(books, evaluated, options.out / "text.txt")
    words = [word for word, times in text.counts.most_common(options.words) if times > 1]
    atomic_write(options.out / "words.txt", "\n".join(words).encode())
    arpa, binary = options.out / "lm.arpa", options.out / "lm.bin"
    command = [
        lmplz, "--order", str(options.order), "--prune", *options.prune, "--text", str(options.out / "text.txt"),
        "--arpa", str(arpa), "--limit_vocab_file", str(options.out / "words.txt"),
        "--temp_prefix", str(options.out / "tmp"), "-S", "4G",
    ]  # fmt: skip
    subprocess.run(command, check=True)
    if builder := shutil.which("build_binary", path=str(Path(lmplz).parent)):
        # A trie with numbers of 8 bits: a fifth of the ARPA file, and no measurable loss.
        subprocess.run(
            [builder, "-q", "8", "-b", "8", "-a", "22", "trie", str(arpa), str(binary)], check=True
        )
    report = {
        "books": text.books, "left out": text.left_out, "sentences": text.sentences,
        "sentences of a book met before": text.repeated, "sentences with words of a transcript": text.with_run,
        "words": text.counts.total(), "vocabulary": len(words), "command": command[1:],
    }  # fmt: skip
    atomic_write(options.out / "report.json", json.dumps(report, indent=1).encode())
    print(f"{arpa}: {text.counts.total()} words of {text.books} books, {len(text.left_out)} books left out.")


if __name__ == "__main__":
    sys.exit(main())
