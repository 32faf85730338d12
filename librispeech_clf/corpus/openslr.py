"""The source `openslr`: a LibriSpeech tree as unpacked from the OpenSLR archives, and LibriSpeech's tables.

    LibriSpeech/test-clean/1089/134686/1089-134686.trans.txt    lines "1089-134686-0000 HE HOPED THERE ..."
    LibriSpeech/test-clean/1089/134686/1089-134686-0000.flac
    LibriSpeech/SPEAKERS.TXT
        ;ID  |SEX| SUBSET           |MINUTES| NAME
        14   | F | train-clean-360  | 25.03 | Kristin LeMoine
        60   | M | train-clean-100  | 20.18 | |CBW|Simon

The transcripts become an index (an Arrow file in the cache, opened memory-mapped); no audio is read. It is rebuilt
when a chapter's folder or transcript file changes.

SPEAKERS.TXT, CHAPTERS.TXT and BOOKS.TXT are pipe-separated; comments start with `;`. The last field may hold pipes,
so a row is split at its first pipes only. Rows end with a line feed: the genuine BOOKS.TXT holds bare carriage
returns inside 87 titles, which are white space like any other. A missing table is empty; rows that do not
fit are left out, counted and named in one warning.
"""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from librispeech_clf.corpus.columns import NO_TEXT
from librispeech_clf.corpus.files import refuse_when_none_is_there
from librispeech_clf.corpus.index import file_state, open_index
from librispeech_clf.corpus.schema import Book, Chapter, Speaker
from librispeech_clf.corpus.text_tables import Row
from librispeech_clf.text.plain_text import escape_unprintable

if TYPE_CHECKING:
    import datasets

TREE_NAME = "LibriSpeech"
RECORDINGS = (".flac", ".wav")
"""Extensions, in lower case: the archives' own, and what people convert them to."""
MOST_SHOWN = 80
Record = TypeVar("Record", Speaker, Chapter, Book)
NAMED_ROWS = 5


def tree_folder(root: Path) -> Path:
    """Return the LibriSpeech folder: `root/LibriSpeech`, or `root` itself when it has that name."""
    root = root.absolute()
    inner = root / TREE_NAME
    return inner if inner.is_dir() or root.name != TREE_NAME else root


def open_subset(root: Path, subset: str) -> datasets.Dataset:
    """Open one subset, such as "test-clean", of a LibriSpeech tree or the folder it is in; audio is paths.

    Raises:
        FileNotFoundError: The subset is not on the disk, or none of its recordings is.
    """
    folder = tree_folder(root) / subset
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: the subset {subset} does not exist; "
            f"get it with: poetry run prepare-data --subset {subset} --root {folder.parent.parent}"
        )
    chapters = list_chapters(folder)
    if not chapters:
        raise FileNotFoundError(f"{folder}: holds no <speaker>/<chapter> folders; unpack the subset again.")

    def state(chapter: str) -> tuple[object, ...]:
        """Return what changes whenever a file is added or removed, or the transcript file's content changes."""
        transcript = os.path.join(chapter, "-".join(chapter.split(os.sep)[-2:]) + ".trans.txt")
        own = file_state(transcript) if os.path.isfile(transcript) else None
        return chapter, os.stat(chapter).st_mtime_ns, own

    def read_rows() -> Iterator[Row]:
        rows = (row for chapter in chapters for row in read_chapter(Path(chapter)))
        return refuse_when_none_is_there(rows, str(folder))

    return open_index(folder, state=[state(chapter) for chapter in chapters], rows=read_rows)


def list_chapters(folder: Path) -> list[str]:
    """List the chapters' folders `<speaker>/<chapter>`, sorted by number.

    They are strings: a `Path` for each of 300,000 takes seconds. Folders that other programs leave, such as @eaDir,
    .ipynb_checkpoints or lost+found, are skipped.
    """

    def named_folders(place: Path | os.DirEntry[str]) -> list[os.DirEntry[str]]:
        found = (entry for entry in os.scandir(place) if entry.name.isalnum() and entry.is_dir())
        return sorted(
            found, key=lambda entry: (int(entry.name) if entry.name.isdecimal() else -1, entry.name)
        )

    return [chapter.path for speaker in named_folders(folder) for chapter in named_folders(speaker)]


def read_chapter(folder: Path) -> list[Row]:
    """Read one chapter's transcript file into rows of the corpus schema.

    The row of a line that does not fit, or of a recording in a chapter without transcripts, says what is wrong.
    """
    path = folder / f"{folder.parent.name}-{folder.name}.trans.txt"
    found = sorted(name for name in os.listdir(folder) if name.lower().endswith(RECORDINGS))
    recordings = {os.path.splitext(name)[0]: name for name in reversed(found)}
    lines = [(name, "") for name in reversed(recordings)]
    problem = f"{path}: the chapter's transcripts are missing; unpack the subset again."
    if path.is_file():
        problem = ""
        # What is not UTF-8 becomes a sign that encoding the transcript refuses, naming the utterance.
        text = path.read_bytes().decode("utf-8-sig", "replace")
        numbered = enumerate(text.split("\n"), start=1)
        lines = [(f"{path}:{number}", line) for number, line in numbered if line.strip()]
    rows = []
    for place, line in lines:
        name, transcript = (*line.split(maxsplit=1), "")[:2] if line else (place, "")
        fits = re.fullmatch(r"\d+-\d+-[^-]+", name)
        reason = problem
        if not problem and not fits:
            shown = repr(line[:MOST_SHOWN])
            reason = f"{place}: expected 'speaker-chapter-number TRANSCRIPT', got {shown}; correct the line."
        elif not problem and not transcript.strip():
            reason = f"{place} {NO_TEXT}"
        speaker, chapter = name.split("-")[:2] if fits else (folder.parent.name, folder.name)
        file = os.path.join(folder, recordings.pop(name, f"{name}.flac"))
        audio = {"bytes": None, "path": file if fits and not problem else None}
        rows.append(
            {
                "id": name, "audio": audio, "text": transcript.strip(), "speaker_id": speaker, "chapter_id": chapter,
                "problem": reason or None,
            }
        )  # fmt: skip
    if recordings and not problem:
        names = ", ".join(sorted(recordings.values()))
        warnings.warn(escape_unprintable(f"{folder}: no transcript for {names}; left out."), stacklevel=2)
    return rows


def read_tables(folder: Path | None) -> tuple[dict[int, Speaker], dict[int, Chapter], dict[int, Book]]:
    """Read LibriSpeech's tables, each by id; a missing one is empty."""
    if folder is None:
        return {}, {}, {}
    return (
        _read_table(folder / "SPEAKERS.TXT", Speaker),
        _read_table(folder / "CHAPTERS.TXT", Chapter),
        _read_table(folder / "BOOKS.TXT", Book),
    )


def _read_table(path: Path, kind: type[Record]) -> dict[int, Record]:
    if not path.is_file():
        return {}
    records: dict[int, Record] = {}
    refused: list[str] = []
    names = [*kind.__annotations__]
    # Decoded from bytes: a file opened as text would also end rows at carriage returns.
    for number, line in enumerate(path.read_bytes().decode("utf-8-sig", "replace").split("\n"), start=1):
        fields = [" ".join(text.split()) for text in line.split("|", len(names) - 1)]
        if not line.strip() or fields[0].startswith(";") or fields[0].upper() == "ID":
            continue
        try:
            pairs = zip(names, fields, strict=False)
            values: list[Any] = [_CONVERTERS.get(key, str)(text) for key, text in pairs]
            record = kind(*values)
        except (ValueError, TypeError):  # TypeError: fields are missing
            refused.append(f"line {number}: expected {len(names)} fields, got {line.strip()[:MOST_SHOWN]!r}")
            continue
        if record.id in records:
            refused.append(f"line {number}: {record.id} occurs a second time")
        records.setdefault(record.id, record)
    if refused:
        named = "; ".join(refused[:NAMED_ROWS])
        more = f"; and {len(refused) - NAMED_ROWS} more" if len(refused) > NAMED_ROWS else ""
        rows = f"{len(refused)} row{'s' * (len(refused) > 1)} left out ({named}{more})"
        warnings.warn(escape_unprintable(f"{path}: {rows}; correct the table."), stacklevel=3)
    return records


def _amount(text: str) -> float | None:
    """Return the number; None for what is not an amount."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None


_CONVERTERS: dict[str, Callable[[str], object]] = {
    "id": int,
    "speaker_id": int,
    "gender": {"F": "F", "M": "M", "f": "F", "m": "M"}.get,
    "total_minutes": _amount,
    "minutes": _amount,
    "project_id": lambda text: int(text) if text.isdecimal() else None,
    "book_id": lambda text: int(text) if text.isdecimal() else None,
}
"""Field -> how its text is read; other fields are text."""
