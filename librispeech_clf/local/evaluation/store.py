"""Keep finished utterances on the disk, so that a run that was killed resumes where it stopped.

In: rows of the results table, a window of utterances at a time. Out: one Parquet part per window, which
appears whole or not at all, and results.parquet. A part is identified by everything its rows depend on: its folder by
model, code, settings and library versions, the part itself by the keys of its rows, which cover the utterance and its
audio. A part that does not match is not used; one that does is, whatever subset, limit or order it was evaluated in.
A row's last bits depend on the rows that were evaluated beside it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute
import pyarrow.parquet

from librispeech_clf.atomic_write import explain_disk, write_table
from librispeech_clf.configuration import PACKAGE_FOLDER, PROJECT_ROOT
from librispeech_clf.local.memory import release_memory

if TYPE_CHECKING:
    from librispeech_clf.corpus.schema import Split
    from librispeech_clf.local.evaluation.engine import Task

LIBRARIES = (
    "tensorflow", "keras", "numpy", "numba", "scipy", "librosa", "soundfile", "soxr", "jiwer", "rapidfuzz",
    "textstat", "code-loader",
)  # fmt: skip
CODE_SUFFIXES = (".py", ".yaml", ".txt", ".json")
UNRELATED = (
    "development", "local/analysis", "local/report", "local/push", "local/commands", "corpus/bundled", "config.yaml",
)  # fmt: skip
"""Files of the package that no row depends on, or that count by utterance or setting."""
ROWS_AT_ONCE = 20_000
FLAC_HEADER_BYTES = 42
"""The marker "fLaC", a block's header of 4 bytes, and STREAMINFO, whose last 16 bytes are the MD5 of the samples."""


class Store:
    """Parts of a results table.

    A part carries the run's key and its rows' keys. A file that is empty, truncated, damaged or of another table is not
    a part: its utterances are re-evaluated.

    Attributes:
        folder: `<out>/parts/<key>`.
    """

    def __init__(self, out: Path, key: str) -> None:
        """Take the output folder and the run's key."""
        self.folder = out / "parts" / key
        self._parts: dict[str, str] | None = None  # what `find_rows` found, and `save` added

    def path(self, name: str) -> Path:
        """Return where a part is, or will be."""
        return self.folder / f"{name}.parquet"

    def find_rows(self) -> dict[str, str]:
        """Return the part of each finished row, judging by the footers; `collect` verifies the rest."""
        found = {}
        for path in sorted(self.folder.glob("*.parquet")):
            try:
                footer = pyarrow.parquet.read_metadata(path)
            except (OSError, pyarrow.ArrowException):
                continue
            found.update(dict.fromkeys(self._list_keys(path.stem, footer.metadata), path.stem))
        self._parts = found
        return found

    def save(self, keys: Iterable[str], rows: pyarrow.Table, *, seconds: float = 0.0) -> str:
        """Write rows, in the order of their keys, as a part; return its name.

        Args:
            keys: keys of the rows.
            rows: rows of the results table.
            seconds: how long evaluating them took.

        Raises:
            OSError: they cannot be written.
        """
        keys = list(keys)
        joined = " ".join(keys)
        name = _digest(joined)
        path = self.path(name)
        with explain_disk(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                shutil.rmtree(path)
        marks = {"run": self.folder.name, "rows": joined, "seconds": repr(seconds)}
        write_table(path, rows.replace_schema_metadata(marks))
        if self._parts is not None:
            self._parts |= dict.fromkeys(keys, name)
        return name

    def remove_outdated(self) -> None:
        """Remove the parts of other keys; no other run may be writing into the output folder."""
        for other in self.folder.parent.glob("*"):
            if other.name != self.folder.name:
                shutil.rmtree(other, ignore_errors=True)

    def collect(
        self, keys: Sequence[str], *, renew: Callable[[list[str]], object] = lambda _: None
    ) -> tuple[pyarrow.Table, float]:
        """Return finished rows: recordings first, then simulations, each by utterance id; and their seconds.

        Args:
            keys: keys of the rows.
            renew: called with the keys of rows whose part turns out to be damaged, to save them again.

        Raises:
            OSError: a part was damaged or removed since it was written.
        """
        tables, seconds, lost = self._take(keys)
        if lost:
            renew(lost)
            renewed, more, lost = self._take(lost)
            tables, seconds = tables + renewed, seconds + more
        if lost:
            raise OSError(
                f"{self.folder}: {len(lost)} finished utterances were damaged or removed during the run; "
                "run the command again."
            )
        table = pyarrow.concat_tables(tables)
        tables.clear()
        by = [(name, "ascending", "at_start") for name in ("simulation", "severity", "utterance_id")]
        order, columns = pyarrow.compute.sort_indices(table, by), {}
        # Taking lists needs twice their memory until all are taken.
        slices = [order.slice(start, ROWS_AT_ONCE) for start in range(0, len(order), ROWS_AT_ONCE)]
        for name in table.column_names:  # one at a time, so that a large corpus is not in memory twice
            column = table[name].combine_chunks()
            table = table.drop_columns([name])
            columns[name] = pyarrow.chunked_array([column.take(rows) for rows in slices], column.type)
            if pyarrow.types.is_nested(column.type):  # the large ones
                del column
                release_memory()
        return pyarrow.table(columns), seconds

    def _take(self, keys: Iterable[str]) -> tuple[list[pyarrow.Table], float, list[str]]:
        """Take rows from the parts that hold them: tables, their share of the seconds, and keys that no part holds."""
        parts, by_part = self.find_rows() if self._parts is None else self._parts, defaultdict(list)
        for key in keys:
            by_part[parts.get(key, "")].append(key)
        lost, blocks, tables, seconds = by_part.pop("", []), [], [], 0.0
        for name, own in by_part.items():
            part = self._read(name)
            stored = [] if part is None else self._list_keys(name, part.schema.metadata)
            if part is None or not stored:
                lost += own
                continue
            seconds += float(part.schema.metadata[b"seconds"]) * len(own) / len(stored)
            part = part.replace_schema_metadata(None)
            tables.append(part if own == stored else part.take([stored.index(key) for key in own]))
            if len(tables) == 100:  # tables this small take twice the memory of what they hold
                blocks.append(pyarrow.concat_tables(tables).combine_chunks())
                tables.clear()
        return blocks + tables, seconds, lost

    def _read(self, name: str) -> pyarrow.Table | None:
        """Return a part, every page verified by its checksum; None if it does not exist or is not whole."""
        try:
            content = pyarrow.BufferReader(self.path(name).read_bytes())
            return pyarrow.parquet.read_table(content, page_checksum_verification=True)
        except (OSError, pyarrow.ArrowException):
            return None

    def _list_keys(self, name: str, metadata: dict[bytes, bytes] | None) -> list[str]:
        """Return the keys of a part's rows, in order; none if it is of another run, or not named after them."""
        found = metadata or {}
        keys = found.get(b"rows", b"").decode(errors="replace")
        is_own = found.get(b"run") == self.folder.name.encode() and _digest(keys) == name
        return keys.split() if is_own else []


def run_key(model_sha256: str, settings: Any) -> str:
    """Return the key of a run: a digest of model, code, library versions and settings.

    Args:
        model_sha256: SHA-256 of the model file.
        settings: whatever else the rows depend on; its `repr` counts.
    """
    digest = hashlib.sha256(model_sha256.encode())
    for path in list_code():
        digest.update(hash_file(path).encode())
    for name in LIBRARIES:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = "none"
        digest.update(f"{name} {version}\n".encode())
    digest.update(repr(settings).encode())
    return digest.hexdigest()[:20]


def _digest(text: str, content: bytes = b"") -> str:
    digest = hashlib.sha256(text.encode())
    digest.update(content)
    return digest.hexdigest()[:20]


def list_code() -> list[Path]:
    """Return the entry file and the package's files that rows can depend on."""
    skipped = tuple(PACKAGE_FOLDER / name for name in UNRELATED)
    found = [
        path
        for path in sorted(PACKAGE_FOLDER.rglob("*"))
        if path.suffix in CODE_SUFFIXES and not any(path.is_relative_to(folder) for folder in skipped)
    ]
    return [PROJECT_ROOT / "leap_binder.py", *found]


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def row_key(task: Task, utterance_key: str) -> str:
    """Return the key of a task's row: a digest of the task and of its utterance's key."""
    return _digest(repr(task), utterance_key.encode())


def utterance_keys(split: Split, ids: Collection[str]) -> dict[str, str]:
    """Return the keys of utterances by id: digests of the utterance with its audio and table rows."""
    keys = {}
    for utterance in split.utterances():
        if utterance.id not in ids:
            continue
        try:
            audio = utterance.audio_bytes or _recording_key(utterance.audio_path)
        except (OSError, ValueError) as error:  # it will fail again, and be reported, when it is evaluated
            audio = repr(error).encode()
        rows = split.speaker(utterance), split.chapter(utterance), split.book(utterance)
        keys[utterance.id] = _digest(repr((utterance, rows)), audio)
    return keys


def _recording_key(path: str | None) -> bytes:
    """Return what changes with a recording: size, time, and for FLAC the MD5 of its samples, else the inode's time.

    The content is read when it is evaluated, not here: a thousand hours take minutes to hash.
    """
    if path is None:
        return b"missing"
    with open(path, "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        header = file.read(FLAC_HEADER_BYTES)
    checksum: object = status.st_ctime_ns
    if header[:4] == b"fLaC" and any(header[-16:]):
        checksum = header[-16:]
    return repr((status.st_size, status.st_mtime_ns, checksum)).encode()
