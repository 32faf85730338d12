"""Indexes: Arrow files in the cache that hold a subset's rows in the corpus schema, opened memory-mapped."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import pyarrow

from librispeech_clf.atomic_write import explain_disk
from librispeech_clf.corpus.cache import cache_folder
from librispeech_clf.corpus.schema import dataset_features

if TYPE_CHECKING:
    import datasets

INDEX_VERSION = "4"
MOST_HASHED_BYTES = 1 << 26


def open_index(origin: Path, *, state: object, tables: Iterable[pyarrow.Table]) -> datasets.Dataset:
    """Opens the index of a file or folder; makes it when there is none for its present state.

    A lock lets one of several processes make it; it is moved into place whole.

    Args:
        origin: The file or folder that is indexed, absolute.
        state: Anything whose `repr` changes when its content does.
        tables: Tables of the corpus schema; consumed only when the index must be made.

    Returns:
        The rows, memory-mapped; in memory when no folder can be written to.
    """
    import datasets

    cache = cache_folder()
    if cache is None:
        schema = dataset_features().arrow_schema
        return datasets.Dataset(pyarrow.concat_tables([schema.empty_table(), *tables]))
    prefix = f"index-{_digest(str(origin))}"
    path = cache / f"{prefix}-{_digest(repr((INDEX_VERSION, state)))}.arrow"
    if not path.is_file():
        _make(path, tables, prefix=prefix)
    return datasets.Dataset.from_file(str(path))


def file_state(path: Path) -> tuple[object, ...]:
    """What changes with a file's content, even where somebody keeps its time and size.

    Args:
        path: A file that is there.

    Returns:
        Path, size, and the content's SHA-256; of files above 64 MB the times of change instead, of which the
        system's own cannot be set (on Windows it is the time of creation, and the other one counts).
    """
    status = path.stat()
    if status.st_size > MOST_HASHED_BYTES:
        return str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns
    return str(path), status.st_size, hashlib.sha256(path.read_bytes()).hexdigest()


def _make(path: Path, tables: Iterable[pyarrow.Table], *, prefix: str) -> None:
    partial = path.with_suffix(".part")
    with filelock.FileLock(path.with_name(f"{prefix}.lock")):
        if path.is_file():
            return
        for outdated in path.parent.glob(f"{prefix}-*"):
            outdated.unlink(missing_ok=True)
        try:
            schema = dataset_features().arrow_schema
            with explain_disk(partial, reads_too=True):
                with pyarrow.ipc.new_stream(str(partial), schema) as writer:
                    for table in tables:
                        writer.write_table(table)
                os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
