"""Write files that a reader finds whole or not at all, and say what a full or closed disk needs."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""How the small file begins that stands for one Git LFS has not fetched."""
DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
NOT_WRITABLE = {
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.EISDIR,
}


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file beside its place, flush it to the disk, and move it into its place.

    Neither a killed process nor a power cut leaves a part of it under its name.

    Args:
        path: the file; its folder is there.
        content: of the file.

    Raises:
        OSError: it cannot be written; the message says where, and what to do when the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    remove_leftovers(path.parent, f".{path.name}.", ".tmp")
    with explain_disk(path, size=len(content)):
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        _flush_folder(path.parent)


def remove_leftovers(folder: Path, before: str, behind: str) -> None:
    """Remove unfinished files that killed processes left; what a living process writes stays.

    Args:
        folder: where they are.
        before: what their names have before the process id.
        behind: what they have behind it.
    """
    if os.name != "posix":
        return  # elsewhere a process cannot be asked whether it lives without ending it
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            number = entry.name.removeprefix(before).removesuffix(behind)
            if (
                entry.name == f"{before}{number}{behind}"
                and number.isdecimal()
                and not _is_alive(int(number))
            ):
                os.unlink(entry.path)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def write_table(path: Path, table: pyarrow.Table) -> None:
    """Write a Parquet file so that a reader finds the whole table or none.

    Raises:
        OSError: it cannot be written.
    """
    import pyarrow
    import pyarrow.parquet

    target = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(table, target, compression="zstd", write_page_checksum=True)
    write_whole(path, target.getvalue().to_pybytes())


def try_folder(folder: Path) -> None:
    """See, before long work, that a folder takes a file; nothing of the trial stays, not even a new folder.

    Args:
        folder: where files will be written; need not be there.

    Raises:
        OSError: it does not; the message says why, and what to do.
    """
    made = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    with explain_disk(folder, size=0):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".{os.getpid()}.tmp"
            probe.touch()
            probe.unlink()
        finally:
            for parent in made:
                with suppress(OSError):
                    parent.rmdir()


@contextmanager
def explain_disk(path: Path, *, size: int) -> Iterator[None]:
    """Turn the errors of a full disk and of a closed folder into messages that name place, need and remedy.

    Args:
        path: what is written.
        size: its bytes.

    Raises:
        OSError: with the same number, and what to do.
    """
    try:
        with explain_full_disk(path, size=size):
            yield
    except OSError as error:
        if error.errno not in NOT_WRITABLE:
            raise
        reason = (
            f"cannot be written ({error.strerror}); choose a folder of your own, or change its permissions"
        )
        raise _DescribedError(error.errno, f"{path}: {reason}.") from error


@contextmanager
def explain_full_disk(path: Path, *, size: int | None) -> Iterator[None]:
    """Turn the errors of a full disk and of a limit into messages that name place, need and remedy; others pass.

    Args:
        path: what is written.
        size: its bytes; None where they are not known beforehand.

    Raises:
        OSError: with the same number, and what to do.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.EFBIG:
            reason = f"cannot be written ({error.strerror}); choose a place that takes larger files, see `ulimit -f`"
            raise _DescribedError(error.errno, f"{path}: {reason}.") from error
        if error.errno not in DISK_FULL:
            raise
        free = _in_words(_free_bytes(path.parent))
        need = (
            f"more than {free} are needed"
            if size is None
            else f"{_in_words(size)} are needed, {free} are free"
        )
        reason = f"the disk is full: {need}; free space and run the command again"
        raise _DescribedError(error.errno, f"{path}: {reason}.") from error


class _DescribedError(OSError):
    """An error of the operating system whose message is a sentence."""

    def __str__(self) -> str:
        return str(self.strerror)


def _flush_folder(folder: Path) -> None:
    """Flush the folder's entries, where the system can (Windows cannot)."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _free_bytes(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


def _in_words(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"
