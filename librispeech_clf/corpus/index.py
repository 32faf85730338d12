"""Indexes: Arrow files in our own cache that hold a subset's rows in the corpus schema, opened memory-mapped."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow

from librispeech_clf.atomic_write import explain_disk, make_lock
from librispeech_clf.corpus.schema import dataset_features

if TYPE_CHECKING:
    import datasets

INDEX_VERSION = "6"
DOUBT = ".doubt"
"""Suffix of an empty file beside an index whose rows do not follow from its state alone."""
MOST_HASHED_BYTES = 1 << 26
ROWS_PER_BATCH = 10_000


def open_index(
    origin: Path,
    *,
    state: object,
    rows: Callable[[], Iterable[dict[str, Any]]],
    is_certain: Callable[[], bool] = lambda: True,
) -> datasets.Dataset:
    """Open the index of a file or folder; make it if there is none for its present state, or only a damaged one.

    A lock lets only one of several processes make it, by an atomic write. Rows are memory-mapped, or held in memory
    where no folder is writable.

    Args:
        origin: the file or folder that is indexed, absolute.
        state: anything whose `repr` changes when its content does.
        rows: returns rows of the corpus schema; called only when the index must be made.
        is_certain: called after `rows`: whether they follow from the state alone; if not they are made again next time.
    """
    import datasets

    cache = cache_folder()
    if cache is None:
        schema = dataset_features().arrow_schema
        return datasets.Dataset(pyarrow.concat_tables([schema.empty_table(), *_batches(rows())]))
    prefix = f"index-{_digest(str(origin))}"
    path = cache / f"{prefix}-{_digest(repr((INDEX_VERSION, state)))}.arrow"
    with make_lock(path.with_name(f"{prefix}.lock")):
        if path.with_suffix(DOUBT).exists() or not _is_whole(path):
            _make(path, rows, is_certain, prefix=prefix)
    return datasets.Dataset.from_file(str(path))


def file_state(path: str | Path) -> tuple[object, ...]:
    """Return what changes with a file's content, even if somebody preserves its time and size.

    Path, size, and the content's SHA-256; above 64 MB the times of change instead of the SHA-256, since the system's
    own cannot be set (on Windows that is the creation time, and the other one counts).
    """
    with open(path, "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        if status.st_size > MOST_HASHED_BYTES:
            return str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns
        return str(path), status.st_size, hashlib.sha256(file.read()).hexdigest()


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[pyarrow.Table]:
    """Yield tables of many rows, or of few if they hold audio."""
    schema = dataset_features().arrow_schema
    iterator = iter(rows)
    while batch := list(islice(iterator, 64)):
        if batch[0]["audio"]["bytes"] is None:
            batch += islice(iterator, ROWS_PER_BATCH)
        yield pyarrow.Table.from_pylist(batch, schema=schema)


def _make(
    path: Path,
    rows: Callable[[], Iterable[dict[str, Any]]],
    is_certain: Callable[[], bool],
    *,
    prefix: str,
) -> None:
    partial = path.with_suffix(".part")
    for outdated in path.parent.glob(f"{prefix}-*"):
        outdated.unlink(missing_ok=True)
    try:
        with explain_disk(partial, reads_too=True):
            with pyarrow.ipc.new_stream(str(partial), dataset_features().arrow_schema) as writer:
                for table in _batches(rows()):
                    writer.write_table(table)
            if not is_certain():
                path.with_suffix(DOUBT).touch()  # before the index: a killed run leaves none without it
            os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _is_whole(path: Path) -> bool:
    """Return whether an index exists, can be read batch by batch, and ends with the mark that pyarrow writes last."""
    if not path.is_file() or path.stat().st_size < 8:
        return False
    try:
        with pyarrow.memory_map(str(path)) as source:
            for batch in pyarrow.ipc.open_stream(source):
                batch.validate()
            source.seek(-8, os.SEEK_END)
            return source.read() == b"\xff\xff\xff\xff\0\0\0\0"
    except (OSError, pyarrow.ArrowException):  # damaged, so it is rebuilt
        return False


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def cache_folder() -> Path | None:
    """Return a writable folder of our own, or None if there is none.

    The Hugging Face datasets cache (HF_HOME, HF_DATASETS_CACHE) comes first, the temporary folder second.
    The latter is used only if it is ours alone; the former begins with "~" where there is no home directory.
    """
    import datasets.config

    own = Path(datasets.config.HF_DATASETS_CACHE) / "librispeech_clf"
    # Windows has no numeric user ids.
    user = os.getuid() if hasattr(os, "getuid") else _digest(str(Path.home()))
    temporary = Path(tempfile.gettempdir()) / f"librispeech_clf-{user}"
    known = [temporary] if own.parts[0] == "~" else [own, temporary]
    return first_writable_folder(*known, trusted=is_own_folder)


def first_writable_folder(*candidates: Path, trusted: Callable[[Path], bool] = Path.is_dir) -> Path | None:
    """Return the first of these folders that exists or can be made, is trusted and is writable; None if none is."""
    for folder in candidates:
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if trusted(folder):
                with tempfile.TemporaryFile(dir=folder):
                    return folder
    return None


def is_own_folder(folder: Path) -> bool:
    """Return whether nobody else can have put files into a folder: it is no link, ours, and not writable by others.

    In the temporary directory anybody may already have made a folder of any name, and what is found there is opened
    as an index. Windows keeps a temporary directory per user and has no such owners; there, only links count.
    """
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return False
    if not hasattr(os, "getuid"):
        return True
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
