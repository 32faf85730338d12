"""Where derived files are kept: with the Hugging Face cache, else in the temporary folder."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path


def cache_folder() -> Path | None:
    """A folder of our own that can be written to, or None when there is none.

    The Hugging Face datasets cache (HF_HOME, HF_DATASETS_CACHE) comes first, the temporary folder second.
    The latter is used only where it is ours alone.
    """
    import datasets.config

    return first_writable_folder(
        [
            Path(datasets.config.HF_DATASETS_CACHE) / "librispeech_clf",
            Path(tempfile.gettempdir()) / f"librispeech_clf-{_user_name()}",
        ],
        trusted=is_own_folder,
    )


def first_writable_folder(
    candidates: Iterable[Path], *, trusted: Callable[[Path], bool] = lambda _: True
) -> Path | None:
    """The first of these folders that exists, or can be made, and takes a file; None when none does.

    Args:
        candidates: In the order of preference.
        trusted: Whether a folder that is there may be used.
    """
    for folder in candidates:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not trusted(folder):
                continue
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return None


def is_own_folder(folder: Path) -> bool:
    """Whether nobody else can have put files into a folder: no link, ours, and not for others to write.

    In the temporary directory anybody may make a folder of any name first, and what is found there is opened
    as an index. Windows keeps a temporary directory per user and has no such owners; there, only links count.
    """
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return False
    if not hasattr(os, "getuid"):
        return True
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _user_name() -> str:
    """A name of the user's own for files: the number, or on Windows a digest of the home folder."""
    if hasattr(os, "getuid"):
        return str(os.getuid())
    return hashlib.sha256(str(Path.home()).encode()).hexdigest()[:16]
