"""Keep finished utterances on the disk, so that a run that was killed goes on where it stopped.

In: rows of the results table, a window of utterances at a time. Out: one Parquet part per window, which
appears whole or not at all, and results.parquet. A part's name holds everything its rows depend on: model,
code, settings, library versions, and the utterances with their audio. What does not match is not used.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute
import pyarrow.parquet

from librispeech_clf.atomic_write import explain_disk, write_table
from librispeech_clf.configuration import PACKAGE_FOLDER, PROJECT_ROOT

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
"""What of the package no row depends on, or counts by utterance or setting."""
FLAC_HEADER_BYTES = 42
"""The marker "fLaC", a block's header of 4 bytes, and STREAMINFO, whose last 16 bytes are the MD5 of the samples."""


class Store:
    """Parts of a results table.

    A part carries the run's key and its own name. A file that is empty, cut, damaged or of another table is
    no part: its window is evaluated again.

    Attributes:
        folder: `<out>/parts/<key>`.
    """

    def __init__(self, out: Path, key: str) -> None:
        """Take the output folder and the run's key."""
        self.folder = out / "parts" / key

    def path(self, name: str) -> Path:
        """Where a window's part is, or will be."""
        return self.folder / f"{name}.parquet"

    def has(self, name: str) -> bool:
        """Tell by a part's footer whether a window is finished; `collect` looks at the rest."""
        try:
            return self._fits(name, pyarrow.parquet.read_schema(self.path(name)))
        except (OSError, pyarrow.ArrowException):
            return False

    def save(
        self, name: str, rows: Sequence[dict[str, Any]], schema: pyarrow.Schema, *, seconds: float = 0.0
    ) -> None:
        """Write a window's rows.

        Args:
            name: of the window.
            rows: of its utterances.
            schema: of the results table.
            seconds: that evaluating them took.

        Raises:
            OSError: they cannot be written.
        """
        path = self.path(name)
        with explain_disk(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                shutil.rmtree(path)
        marked = schema.with_metadata({"run": self.folder.name, "window": name, "seconds": repr(seconds)})
        write_table(path, pyarrow.Table.from_pylist(list(rows), schema=marked))

    def remove_outdated(self) -> None:
        """Remove the parts of other keys; no other run may be writing into the output folder."""
        others = self.folder.parent.iterdir() if self.folder.parent.is_dir() else ()
        for other in others:
            if other.name != self.folder.name:
                shutil.rmtree(other, ignore_errors=True)

    def collect(
        self, names: Iterable[str], *, renew: Callable[[str], object] = lambda _: None
    ) -> tuple[pyarrow.Table, float]:
        """Return the rows of windows: recordings first, then simulations, each by utterance id; and their seconds.

        Args:
            names: of windows that are finished.
            renew: called with the name of one whose part turns out to be damaged; to save it again.

        Raises:
            OSError: a part was damaged or removed since it was written.
        """
        parts, seconds = [], 0.0
        for name in names:
            part = self._read(name)
            if part is None:
                renew(name)
                part = self._read(name)
            if part is None:
                raise OSError(
                    f"{self.path(name)}: was damaged or removed during the run; run the command again."
                )
            seconds += float(part.schema.metadata[b"seconds"])
            parts.append(part.replace_schema_metadata(None))
        table = pyarrow.concat_tables(parts)
        keys = [(name, "ascending", "at_start") for name in ("simulation", "severity", "utterance_id")]
        return table.take(pyarrow.compute.sort_indices(table, keys)), seconds

    def _read(self, name: str) -> pyarrow.Table | None:
        """The part, every page verified by its checksum; None when it does not exist or is not whole."""
        try:
            content = pyarrow.BufferReader(self.path(name).read_bytes())
            table = pyarrow.parquet.read_table(content, page_checksum_verification=True)
        except (OSError, pyarrow.ArrowException):
            return None
        return table if self._fits(name, table.schema) else None

    def _fits(self, name: str, schema: pyarrow.Schema) -> bool:
        found = schema.metadata or {}
        return (found.get(b"run"), found.get(b"window")) == (self.folder.name.encode(), name.encode())


def run_key(model_sha256: str, settings: Any) -> str:
    """Return the key of a run: a digest of model, code, library versions and settings.

    Args:
        model_sha256: of the model file.
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


def window_key(tasks: Sequence[Task], split: Split) -> str:
    """Return the name of a window: a digest of its tasks, and of their utterances with audio and table rows.

    Args:
        tasks: in their order.
        split: where their utterances are.
    """
    digest = hashlib.sha256()
    for task in tasks:
        digest.update(repr(replace(task, drawn=False)).encode())
        try:
            utterance = split.utterance(task.utterance_id)
            rows = split.speaker(utterance), split.chapter(utterance), split.book(utterance)
            digest.update(repr((utterance, rows)).encode())
            digest.update(utterance.audio_bytes or _recording_key(utterance.audio_path))
        except Exception as error:  # it will fail again when it is evaluated, and be reported there
            digest.update(repr(error).encode())
    return digest.hexdigest()[:20]


def _recording_key(path: str | None) -> bytes:
    """Return what changes with a recording: size, time, and of FLAC the MD5 of its samples, else the inode's time too.

    The content is read when it is evaluated, not here: a thousand hours take minutes to hash.
    """
    if path is None:
        return b"missing"
    with open(path, "rb") as file:
        status = Path(path).stat()
        header = file.read(FLAC_HEADER_BYTES)
    checksum: object = status.st_ctime_ns
    if header[:4] == b"fLaC" and any(header[-16:]):
        checksum = header[-16:]
    return repr((status.st_size, status.st_mtime_ns, checksum)).encode()
