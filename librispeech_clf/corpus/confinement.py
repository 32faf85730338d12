"""Keep a table's recordings inside the folders that it may name files of.

A table comes from anybody, and what it names is read, evaluated and embedded in a page that people send
around. So a path that is absolute, climbs by `..` or leads out through a link is taken out of the corpus.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow

SHOWN_NAMES = 3
REMEDY = "move it there, or name its folder under corpus.audio_folders in config.yaml."


def confine(
    tables: Iterable[pyarrow.Table], *, folders: Sequence[Path], place: str
) -> Iterator[pyarrow.Table]:
    """Take from tables the paths that lead outside some folders; their utterances fail and tell why.

    Args:
        tables: Of the corpus schema. Where there are bytes, the path is not read and may be anything.
        folders: Where recordings may lie; links of these folders themselves are followed.
        place: Where the tables come from, for the message.

    Yields:
        The tables; a row whose recording lies elsewhere, links followed, has a `problem` instead of the path.

    Raises:
        ValueError: Every recording lies elsewhere.
    """
    roots = [os.path.realpath(folder) for folder in folders]
    outside: list[str] = []
    rows = 0
    for table in tables:
        rows += len(table)
        audio = table.column("audio").combine_chunks()
        pairs = zip(audio.field("path").to_pylist(), audio.field("bytes").is_null().to_pylist(), strict=True)
        away = [path if is_read and path and _lies_outside(path, roots) else None for path, is_read in pairs]
        outside += filter(None, away)
        yield (
            _take_out(table, away, f"{place} names its recording outside {folders[0]}")
            if any(away)
            else table
        )
    if outside and len(outside) == rows:
        shown = ", ".join(repr(path) for path in outside[:SHOWN_NAMES])
        raise ValueError(
            f"{place}: every recording lies outside {folders[0]}: {shown}"
            f"{', ...' if len(outside) > SHOWN_NAMES else ''}; {REMEDY}"
        )


def _take_out(table: pyarrow.Table, away: Sequence[str | None], reason: str) -> pyarrow.Table:
    """The table without the paths in `away`, which their rows' problems name."""
    audio = table.column("audio").combine_chunks()
    kept = [None if out else path for path, out in zip(audio.field("path").to_pylist(), away, strict=True)]
    told = table.column("problem").to_pylist()
    problems = [f"{reason} ({out!r}); {REMEDY}" if out else old for old, out in zip(told, away, strict=True)]
    changed = {
        "audio": pyarrow.StructArray.from_arrays(
            [audio.field("bytes"), pyarrow.array(kept, pyarrow.string())], ["bytes", "path"]
        ),
        "problem": pyarrow.array(problems, pyarrow.string()),
    }
    columns = [changed.get(name, table.column(name)) for name in table.column_names]
    return pyarrow.Table.from_arrays(columns, schema=table.schema)


def _follow_links(path: str) -> str:
    """Where a path leads; one that no file can have stays as it is, and is not there when it is read."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return os.path.normpath(path)


def _lies_outside(path: str, roots: Sequence[str]) -> bool:
    real = _follow_links(path)
    return not any(real.startswith(root.rstrip(os.sep) + os.sep) for root in roots)
