"""Source openslr: a LibriSpeech tree as the OpenSLR archives unpack it.

    LibriSpeech/test-clean/1089/134686/1089-134686.trans.txt    lines "1089-134686-0000 HE HOPED THERE ..."
    LibriSpeech/test-clean/1089/134686/1089-134686-0000.flac

The transcripts become an index (an Arrow file in the cache, opened memory-mapped); no audio is read.
It is made anew when a chapter's folder or transcript file changes.
"""

from __future__ import annotations

import itertools
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow

from librispeech_clf.corpus.files import refuse_when_none_is_there
from librispeech_clf.corpus.index import file_state, open_index
from librispeech_clf.corpus.schema import dataset_features
from librispeech_clf.text.plain_text import escape_unprintable

if TYPE_CHECKING:
    import datasets

TREE_NAME = "LibriSpeech"
ROWS_PER_BATCH = 10_000
MOST_SHOWN = 80


def tree_folder(root: Path) -> Path:
    """The LibriSpeech folder: `root/LibriSpeech`, or `root` itself when it has that name."""
    root = root.absolute()
    inner = root / TREE_NAME
    return inner if inner.is_dir() or root.name != TREE_NAME else root


def open_subset(root: Path, subset: str) -> datasets.Dataset:
    """Opens one subset of a LibriSpeech tree, memory-mapped, audio as paths.

    Args:
        root: The folder that contains `LibriSpeech/`, or that folder itself.
        subset: For example "test-clean".

    Raises:
        FileNotFoundError: The subset is not on the disk, or no recording of it is.
    """
    folder = tree_folder(root) / subset
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: the subset {subset} is not there; "
            f"get it with: poetry run prepare-data --subset {subset} --root {folder.parent.parent}"
        )
    chapters = list_chapters(folder)
    if not chapters:
        raise FileNotFoundError(f"{folder}: holds no <speaker>/<chapter> folders; unpack the subset again.")
    tables = refuse_when_none_is_there(_tables(chapters), str(folder))
    return open_index(folder, state=[_chapter_state(chapter) for chapter in chapters], tables=tables)


def list_chapters(folder: Path) -> list[Path]:
    """The chapters' folders `<speaker>/<chapter>`, sorted by number.

    Folders that others leave, such as @eaDir, .ipynb_checkpoints or lost+found, are passed by.
    """
    return [Path(chapter.path) for speaker in _named_folders(folder) for chapter in _named_folders(speaker)]


def read_chapter(folder: Path) -> list[dict[str, Any]]:
    """Reads one chapter's transcript file into rows of the corpus schema.

    A line that does not fit, and every recording of a chapter without transcripts, tells what is wrong.
    """
    prefix = f"{folder.parent.name}-{folder.name}"
    path = folder / f"{prefix}.trans.txt"
    recordings = {name for name in os.listdir(folder) if name.endswith(".flac")}
    if not path.is_file():
        problem = f"{path}: the chapter's transcripts are not there; unpack the subset again."
        return [
            _make_row(name.removesuffix(".flac"), "", folder=folder, problem=problem)
            for name in sorted(recordings)
        ]
    # What is no UTF-8 becomes a sign that the encoder of transcripts refuses by the utterance's name.
    lines = path.read_bytes().decode("utf-8-sig", "replace").split("\n")
    rows = [
        parse_transcript_line(line, folder=folder, place=f"{path}:{number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    untranscribed = recordings - {f"{row['id']}.flac" for row in rows}
    if untranscribed:
        warnings.warn(
            escape_unprintable(f"{folder}: no transcript for {', '.join(sorted(untranscribed))}; left out."),
            stacklevel=2,
        )
    return rows


def parse_transcript_line(line: str, *, folder: Path, place: str) -> dict[str, Any]:
    """Reads a line "1089-134686-0000 HE HOPED ..." of a transcript file into a row of the corpus schema.

    Args:
        line: Not blank. One whose id is not speaker, chapter and number becomes a row with a `problem`.
        folder: The chapter's, where the recording lies.
        place: File and line, for the message.
    """
    utterance_id, text = (*line.split(maxsplit=1), "")[:2]
    if re.fullmatch(r"\d+-\d+-[^-]+", utterance_id):
        return _make_row(utterance_id, text.strip(), folder=folder)
    problem = (
        f"{place}: expected 'speaker-chapter-number TRANSCRIPT', got {line[:MOST_SHOWN]!r}; correct the line."
    )
    return _make_row(utterance_id, text.strip(), folder=folder, problem=problem)


def _make_row(utterance_id: str, text: str, *, folder: Path, problem: str | None = None) -> dict[str, Any]:
    speaker, chapter = utterance_id.split("-")[:2] if problem is None else (folder.parent.name, folder.name)
    path = None if problem else os.path.join(folder, f"{utterance_id}.flac")
    return {
        "id": utterance_id,
        "audio": {"bytes": None, "path": path},
        "text": text,
        "speaker_id": speaker,
        "chapter_id": chapter,
        "fields": None,
        "problem": problem,
    }


def _tables(chapters: Iterable[Path]) -> Iterator[pyarrow.Table]:
    schema = dataset_features().arrow_schema
    rows = itertools.chain.from_iterable(map(read_chapter, chapters))
    while batch := list(itertools.islice(rows, ROWS_PER_BATCH)):
        yield pyarrow.Table.from_pylist(batch, schema=schema)


def _named_folders(folder: Path | os.DirEntry[str]) -> list[os.DirEntry[str]]:
    found = (entry for entry in os.scandir(folder) if entry.name.isalnum() and entry.is_dir())
    return sorted(found, key=_numerically)


def _numerically(entry: os.DirEntry[str]) -> tuple[int, str]:
    return (int(entry.name) if entry.name.isdecimal() else -1, entry.name)


def _chapter_state(folder: Path) -> tuple[object, ...]:
    """Changes whenever a file is added or removed, or the transcript file's content changes."""
    transcript = folder / f"{folder.parent.name}-{folder.name}.trans.txt"
    own = file_state(transcript) if transcript.is_file() else None
    return str(folder), folder.stat().st_mtime_ns, own
