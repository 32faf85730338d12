"""Where derived files are kept: with the Hugging Face cache, else in the temporary folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def cache_folder() -> Path | None:
    """A folder of our own that can be written to, or None when there is none.

    The Hugging Face datasets cache (HF_HOME, HF_DATASETS_CACHE) comes first, the temporary folder second.
    """
    import datasets.config

    return first_writable_folder(
        [
            Path(datasets.config.HF_DATASETS_CACHE) / "librispeech_clf",
            Path(tempfile.gettempdir()) / f"librispeech_clf-{os.getuid()}",
        ]
    )


def first_writable_folder(candidates: Iterable[Path]) -> Path | None:
    """The first of these folders that exists, or can be made, and takes a file; None when none does."""
    for folder in candidates:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return None
