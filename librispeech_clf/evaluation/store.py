"""Keep finished utterances on the disk, so that a run that was killed goes on where it stopped.

In: rows of the results table, a window of utterances at a time. Out: one Parquet part per window, which
appears whole or not at all, and results.parquet. A part's name holds everything its rows depend on: model,
code, settings, library versions, and the utterances with their audio. What does not match is not used.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from librispeech_clf.configuration import PACKAGE_FOLDER, PROJECT_ROOT

if TYPE_CHECKING:
    import pyarrow

    from librispeech_clf.corpus.schema import Split
    from librispeech_clf.evaluation.engine import Task

LIBRARIES = (
    "tensorflow",
    "keras",
    "numpy",
    "scipy",
    "librosa",
    "soundfile",
    "soxr",
    "jiwer",
    "textstat",
    "code-loader",
)
CODE_SUFFIXES = (".py", ".yaml", ".txt", ".json")
UNRELATED = ("report", "corpus/bundled", "corpus/synthesis")
"""Folders of the package that no row depends on, or whose content counts by utterance."""


class Store:
    """Parts of a results table.

    Attributes:
        folder: `<out>/parts/<key>`; parts of other keys are removed when a part is saved.
    """

    def __init__(self, folder: Path, key: str) -> None:
        """Take the output folder and the run's key."""
        self.folder = folder / "parts" / key

    def path(self, name: str) -> Path:
        """Where a window's part is, or will be."""
        return self.folder / f"{name}.parquet"

    def has(self, name: str) -> bool:
        """Tell whether a window is finished."""
        return self.path(name).is_file()

    def save(self, name: str, rows: Sequence[dict[str, Any]], schema: pyarrow.Schema) -> None:
        """Write a window's rows."""
        import pyarrow

        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove_outdated()
        write_whole(self.path(name), pyarrow.Table.from_pylist(list(rows), schema=schema))

    def _remove_outdated(self) -> None:
        for other in self.folder.parent.iterdir():
            if other.name != self.folder.name:
                shutil.rmtree(other, ignore_errors=True)

    def collect(self, names: Iterable[str]) -> pyarrow.Table:
        """Return the rows of the named windows: recordings first, then simulations, each by utterance id."""
        import pyarrow
        import pyarrow.parquet

        table = pyarrow.concat_tables([pyarrow.parquet.read_table(self.path(name)) for name in names])
        keys = [table.column(name).to_pylist() for name in ("simulation", "severity", "utterance_id")]
        keyed = zip(*keys, range(len(table)), strict=True)
        ordered = sorted(keyed, key=lambda row: (row[0] or "", row[1] or 0.0, row[2]))
        return table.take([row[-1] for row in ordered])


def write_whole(path: Path, table: pyarrow.Table) -> None:
    """Write a Parquet file so that a reader finds the whole table or none."""
    import pyarrow.parquet

    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        pyarrow.parquet.write_table(table, temporary, compression="zstd")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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
    state = path.stat() if path.is_file() else None
    return [described, f"{state.st_size} {state.st_mtime_ns}".encode() if state else b"missing"]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"
