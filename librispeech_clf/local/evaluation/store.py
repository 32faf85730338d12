"""Keep finished utterances on the disk, so that a run that was killed goes on where it stopped.

In: rows of the results table, a window of utterances at a time. Out: one Parquet part per window, which
appears whole or not at all, and results.parquet. A part's name holds everything its rows depend on: model,
code, settings, library versions, and the utterances with their audio. What does not match is not used.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow
import pyarrow.parquet

from librispeech_clf.atomic_write import explain_disk, write_table
from librispeech_clf.configuration import PACKAGE_FOLDER, PROJECT_ROOT

if TYPE_CHECKING:
    from librispeech_clf.corpus.schema import Split
    from librispeech_clf.local.evaluation.plan import Task

LIBRARIES = (
    "tensorflow",
    "keras",
    "numpy",
    "numba",
    "scipy",
    "librosa",
    "soundfile",
    "soxr",
    "jiwer",
    "rapidfuzz",
    "textstat",
    "code-loader",
)
SECONDS = b"seconds"
CODE_SUFFIXES = (".py", ".yaml", ".txt", ".json")
UNRELATED = (
    "development",
    "local/analysis",
    "local/report",
    "local/push",
    "local/commands",
    "corpus/bundled",
)
"""Folders of the package that no row depends on, or whose content counts by utterance."""


class Store:
    """Parts of a results table.

    A part carries the run's key and its own name. A file that is empty, cut, damaged or of another table is
    no part: its window is evaluated anew.

    Attributes:
        folder: `<out>/parts/<key>`.
    """

    def __init__(self, folder: Path, key: str) -> None:
        """Take the output folder and the run's key."""
        self.folder = folder / "parts" / key

    def path(self, name: str) -> Path:
        """Where a window's part is, or will be."""
        return self.folder / f"{name}.parquet"

    def has(self, name: str) -> bool:
        """Tell whether a window is finished."""
        return self._read(name) is not None

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
        marked = schema.with_metadata(self._mark(name) | {SECONDS: repr(seconds).encode()})
        write_table(path, pyarrow.Table.from_pylist(list(rows), schema=marked))

    def remove_outdated(self) -> None:
        """Remove the parts of other keys; no other run may be writing into the output folder."""
        others = self.folder.parent.iterdir() if self.folder.parent.is_dir() else ()
        for other in others:
            if other.name != self.folder.name:
                shutil.rmtree(other, ignore_errors=True)

    def collect(self, names: Iterable[str]) -> pyarrow.Table:
        """Return the rows of the named windows: recordings first, then simulations, each by utterance id.

        Raises:
            OSError: a part was damaged or removed since it was written.
        """
        table = pyarrow.concat_tables([self._read_sound(name) for name in names]).replace_schema_metadata(
            None
        )
        keys = [table.column(name).to_pylist() for name in ("simulation", "severity", "utterance_id")]
        keyed = zip(*keys, range(len(table)), strict=True)
        ordered = sorted(keyed, key=lambda row: (row[0] or "", row[1] or 0.0, row[2]))
        return table.take([row[-1] for row in ordered])

    def measure_seconds(self, names: Iterable[str]) -> float:
        """Return the seconds that evaluating the named windows took, in this run and those it goes on from."""
        found = [pyarrow.parquet.read_schema(self.path(name)).metadata or {} for name in names]
        return sum(float(metadata.get(SECONDS, 0.0)) for metadata in found)

    def _read_sound(self, name: str) -> pyarrow.Table:
        table = self._read(name)
        if table is None:
            raise OSError(f"{self.path(name)}: was damaged or removed during the run; run the command again.")
        return table

    def _read(self, name: str) -> pyarrow.Table | None:
        """The part, every page verified by its checksum; None when it is not there or not whole."""
        path = self.path(name)
        if not path.is_file():
            return None
        try:
            table = pyarrow.parquet.read_table(
                pyarrow.BufferReader(path.read_bytes()), page_checksum_verification=True
            )
        except (OSError, pyarrow.ArrowException):
            return None
        found = table.schema.metadata or {}
        return table if all(found.get(key) == value for key, value in self._mark(name).items()) else None

    def _mark(self, name: str) -> dict[bytes, bytes]:
        return {b"run": self.folder.name.encode(), b"window": name.encode()}


def identify_run(model_sha256: str, settings: Any) -> str:
    """Return the key of a run: a digest of model, code, library versions and settings.

    Args:
        model_sha256: of the model file.
        settings: whatever else the rows depend on; its `repr` counts.
    """
    digest = hashlib.sha256(model_sha256.encode())
    for path in list_code():
        digest.update(hash_file(path).encode())
    for name in LIBRARIES:
        digest.update(f"{name} {_version(name)}\n".encode())
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


def identify_window(tasks: Sequence[Task], split: Split) -> str:
    """Return the name of a window: a digest of its tasks, and of their utterances with audio and table rows.

    Args:
        tasks: in their order.
        split: where their utterances are.
    """
    digest = hashlib.sha256()
    for task in tasks:
        digest.update(repr(task).encode())
        for piece in _describe_utterance(task.utterance_id, split):
            digest.update(piece)
    return digest.hexdigest()[:20]


def _describe_utterance(utterance_id: str, split: Split) -> list[bytes]:
    try:
        utterance = split.utterance(utterance_id)
    except Exception as error:  # it will fail again when it is evaluated, and be reported there
        return [repr(error).encode()]
    rows = (split.speaker(utterance), split.chapter(utterance), split.book(utterance))
    described = repr((utterance, rows)).encode()
    if utterance.audio_bytes is not None:
        return [described, utterance.audio_bytes]
    path = Path(utterance.audio_path or "")
    try:
        return [described, hash_file(path).encode() if path.is_file() else b"missing"]
    except OSError as error:
        return [described, repr(error).encode()]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"
