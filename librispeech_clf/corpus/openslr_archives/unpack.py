"""Unpacks a LibriSpeech archive and moves a subset into place whole.

Everything happens in a folder on the same file system; one rename makes the subset appear.
"""

from __future__ import annotations

import errno
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from librispeech_clf.corpus.openslr import TREE_NAME

IMPOSSIBLE_PATH = {errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}


def unpack_archive(archive: Path, folder: Path, *, on_progress: Callable[[int, int], None]) -> None:
    """Unpacks `LibriSpeech/...` from a .tar.gz into a folder, which is emptied first.

    Args:
        archive: The .tar.gz file.
        folder: Where to.
        on_progress: Told the bytes of the archive that are read and that there are.

    Raises:
        ValueError: The archive is damaged, or holds a link, a device, a path outside `LibriSpeech/`, or one that
            no file can have.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    size = archive.stat().st_size
    try:
        with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:gz") as tar:
            tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Python before 3.11.4 has none
            for member in tar:
                _refuse_unsafe(member, archive)
                _extract(tar, member, folder, archive)
                on_progress(raw.tell(), size)
    except (tarfile.TarError, EOFError) as error:
        raise ValueError(
            f"{archive}: not a whole .tar.gz archive ({error}); choose another mirror."
        ) from error


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, archive: Path) -> None:
    try:
        tar.extract(member, folder, set_attrs=False)
    except OSError as error:
        if error.errno not in IMPOSSIBLE_PATH:
            raise
        raise ValueError(
            f"{archive.name}: {member.name[:80]} cannot be unpacked ({error.strerror}); the archive is refused."
        ) from error


def move_into_place(unpacked: Path, tree: Path, subset: str) -> None:
    """Moves a subset and the tables beside it from `unpacked/LibriSpeech/` into a LibriSpeech tree.

    Files that the tree has already stay as they are.

    Raises:
        ValueError: The subset was not in the archive.
    """
    source = unpacked / TREE_NAME
    if not (source / subset).is_dir():
        raise ValueError(
            f"{subset}: its archive holds no folder {TREE_NAME}/{subset}; choose another mirror."
        )
    tree.mkdir(parents=True, exist_ok=True)
    for table in source.iterdir():
        if table.is_file() and not (tree / table.name).exists():
            os.replace(table, tree / table.name)
    os.rename(source / subset, tree / subset)


def _refuse_unsafe(member: tarfile.TarInfo, archive: Path) -> None:
    path = PurePosixPath(member.name)
    if not (member.isfile() or member.isdir()):
        raise ValueError(f"{archive.name}: {member.name} is no plain file or folder; the archive is refused.")
    if path.parts[:1] != (TREE_NAME,) or ".." in path.parts:
        raise ValueError(f"{archive.name}: {member.name} leads out of {TREE_NAME}/; the archive is refused.")
