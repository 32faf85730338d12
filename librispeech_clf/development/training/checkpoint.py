"""The checkpoint of a training run: arrays and a record in one file, written whole or not at all."""

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from librispeech_clf.atomic_write import atomic_write

CHECKPOINT = "checkpoint.npz"
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
    named = {f"array_{index}": array for index, array in enumerate(arrays)}
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **named, **{_RECORD: np.array(json.dumps(record))})
    atomic_write(folder / CHECKPOINT, content.getbuffer())


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
