"""The tables SPEAKERS.TXT, CHAPTERS.TXT and BOOKS.TXT: pipe-separated, comments start with `;`.

    ;ID  |SEX| SUBSET           |MINUTES| NAME
    14   | F | train-clean-360  | 25.03 | Kristin LeMoine
    60   | M | train-clean-100  | 20.18 | |CBW|Simon

The last field may hold pipes, so a row is split at its first pipes only. Rows end with a line feed: the
genuine BOOKS.TXT holds bare carriage returns inside 87 titles, which are white space like any other. A table
that is not there is empty; rows that do not fit are left out, counted and named in one warning.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from librispeech_clf.corpus.schema import Book, Chapter, Speaker
from librispeech_clf.text.plain_text import escape_unprintable

Record = TypeVar("Record", Speaker, Chapter, Book)
GENDERS = ("F", "M")
NAMED_ROWS = 5
MOST_SHOWN = 80


def read_speakers(folder: Path) -> dict[int, Speaker]:
    """Reads SPEAKERS.TXT; empty when there is none."""
    return _read_table(folder / "SPEAKERS.TXT", 5, parse_speaker)


def read_chapters(folder: Path) -> dict[int, Chapter]:
    """Reads CHAPTERS.TXT; empty when there is none."""
    return _read_table(folder / "CHAPTERS.TXT", 8, parse_chapter)


def read_books(folder: Path) -> dict[int, Book]:
    """Reads BOOKS.TXT; empty when there is none."""
    return _read_table(folder / "BOOKS.TXT", 3, parse_book)


def parse_speaker(fields: Sequence[str]) -> Speaker:
    """Reads the five fields id, gender, subset, minutes, name.

    Raises:
        ValueError: A field is missing or the id is no number.
    """
    number, gender, subset, minutes, name = fields
    gender = gender.upper()
    return Speaker(
        id=int(number),
        gender=gender if gender in GENDERS else None,
        subset=subset,
        total_minutes=_optional_float(minutes),
        name=name,
    )


def parse_chapter(fields: Sequence[str]) -> Chapter:
    """Reads the eight fields id, reader, minutes, subset, project id, book id, title, project title.

    Raises:
        ValueError: A field is missing, or the id or reader is no number.
    """
    number, speaker_id, minutes, subset, project_id, book_id, title, project_title = fields
    return Chapter(
        id=int(number),
        speaker_id=int(speaker_id),
        minutes=_optional_float(minutes),
        subset=subset,
        project_id=_optional_int(project_id),
        book_id=_optional_int(book_id),
        title=title,
        project_title=project_title,
    )


def parse_book(fields: Sequence[str]) -> Book:
    """Reads the fields id, title and, when there, authors.

    Raises:
        ValueError: The title is missing or the id is no number.
    """
    number, title, *rest = fields
    return Book(id=int(number), title=title, authors=rest[0] if rest else None)


def _read_table(path: Path, field_count: int, parse: Callable[[Sequence[str]], Record]) -> dict[int, Record]:
    if not path.is_file():
        return {}
    records: dict[int, Record] = {}
    refused: list[str] = []
    # Decoded from bytes: a file opened as text would end rows at carriage returns, too.
    for number, line in enumerate(path.read_bytes().decode("utf-8-sig", "replace").split("\n"), start=1):
        fields = [" ".join(text.split()) for text in line.split("|", field_count - 1)]
        if not line.strip() or _is_comment_or_header(fields[0]):
            continue
        try:
            record = parse(fields)
        except ValueError:
            refused.append(f"line {number}: expected {field_count} fields, got {line.strip()[:MOST_SHOWN]!r}")
            continue
        if record.id in records:
            refused.append(f"line {number}: {record.id} occurs a second time")
        records.setdefault(record.id, record)
    if refused:
        warnings.warn(_refusal(path, refused), stacklevel=3)
    return records


def _refusal(path: Path, refused: Sequence[str]) -> str:
    named = "; ".join(refused[:NAMED_ROWS])
    more = f"; and {len(refused) - NAMED_ROWS} more" if len(refused) > NAMED_ROWS else ""
    count = f"{len(refused)} row{'s' * (len(refused) > 1)}"
    return escape_unprintable(f"{path}: {count} left out ({named}{more}); correct the table.")


def _is_comment_or_header(first_field: str) -> bool:
    return first_field.startswith(";") or first_field.upper() == "ID"


def _optional_float(text: str) -> float | None:
    """The number; None for what is no amount."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None


def _optional_int(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
