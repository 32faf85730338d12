"""The checkpoint of a training run: arrays and a record in one file, written whole or not at all."""

import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from librispeech_clf.atomic_write import explain_disk, remove_leftovers

CHECKPOINT = "checkpoint.npz"
LOCK = ".lock"
_RECORD = "record"


def write_checkpoint(folder: Path, arrays: Sequence[np.ndarray], record: dict[str, Any]) -> None:
    """Write a checkpoint beside the old one, and then into its place; neither a kill nor a power cut leaves half of it.

    Args:
        folder: of the run.
        arrays: in an order of the caller's.
        record: JSON.

    Raises:
        OSError: the disk is full or the folder closed; the message says so, and the old checkpoint stays.
    """
    path = folder / CHECKPOINT
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    remove_leftovers(folder, f".{path.name}.", ".tmp")
    named = {f"array_{index}": array for index, array in enumerate(arrays)}
    with explain_disk(path, size=sum(array.nbytes for array in arrays)):
        try:
            with temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, **named, **{_RECORD: np.array(json.dumps(record))})
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def read_checkpoint(folder: Path) -> tuple[list[np.ndarray], dict[str, Any]] | None:
    """Read the checkpoint of a run; None where there is none.

    Raises:
        ValueError: the file is damaged.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = [stored[f"array_{index}"] for index in range(len(stored.files) - 1)]
            return arrays, json.loads(str(stored[_RECORD]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path}: not a checkpoint of this version ({error}); delete it or choose another --out."
        ) from error


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Make the folder of a run, and keep other runs out of it; the system frees the lock when the process ends.

    Raises:
        OSError: the folder cannot be made.
        ValueError: another run holds it.
    """
    with explain_disk(folder, size=0):
        folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise ValueError(f"{folder}: another training is writing there; choose another --out.") from None
    try:
        yield
    finally:
        lock.release()
