"""Write files that a reader finds whole or not at all, and explain what a full or closed disk needs."""

from __future__ import annotations

import errno
import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

if TYPE_CHECKING:
    import pyarrow

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""How the small file begins that stands for one Git LFS has not fetched."""
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
NOT_WRITABLE = (
    errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR,
)  # fmt: skip

ROW_GROUP = 20_000
"""Rows of a Parquet file that are read together."""
NOT_LOCKABLE = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, 524)
"""The last is the kernel's ENOTSUPP, which some network file systems let through."""


def atomic_write(path: Path, content: bytes | memoryview) -> None:
    """Write a file beside its place, flush it to the disk, and move it into its place.

    Neither a killed process nor a power cut leaves a part of it under its name.
    """
    _remove_leftovers(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
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
    with suppress(OSError):  # the move itself; Windows cannot open a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _remove_leftovers(path: Path) -> None:
    """Remove what killed processes left of a file; what a living process writes stays."""
    if os.name != "posix":
        return  # elsewhere os.kill ends the process that it asks for
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        process = leftover.name.split(".")[-2]
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            with suppress(OSError):
                leftover.unlink()
        except (OSError, OverflowError, ValueError):
            continue  # it lives and is another user's, or the file is not ours


def write_table(path: Path, table: pyarrow.Table) -> None:
    """Write a Parquet file by `atomic_write`, in row groups that can be read one by one."""
    import pyarrow
    import pyarrow.parquet

    target = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(
        table, target, compression="zstd", write_page_checksum=True, row_group_size=ROW_GROUP
    )
    atomic_write(path, memoryview(target.getvalue()))


def check_writable(folder: Path) -> None:
    """See, before long work, that a folder takes a file; nothing of the trial stays, not even a new folder."""
    made = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    with explain_disk(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".{os.getpid()}.tmp"
            probe.touch()
            probe.unlink()
        finally:
            for parent in made:
                with suppress(OSError):
                    parent.rmdir()


def make_lock(path: Path) -> filelock.BaseFileLock:
    """Return a lock between processes, not held yet; where files cannot be locked, it is a file that is there or not.

    So some network folders are; the file of a process that was killed is then known by the process's id.
    """
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
        lock.release()
    except filelock.Timeout:
        return lock
    except OSError as error:
        if error.errno not in NOT_LOCKABLE:
            raise
        return filelock.SoftFileLock(path.with_name(f"{path.name}.held"))
    return lock


@contextmanager
def output_lock(folder: Path, work: str) -> Iterator[None]:
    """Make an output folder and keep other processes out of it.

    The operating system frees the lock when its process ends, killed or not; the lock file that stays behind
    means nothing. Another process that holds it is doing `work` there, as the message says.
    """
    with explain_disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = make_lock(folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise ValueError(
                f"{folder}: another {work} is writing there; wait until it is finished, or choose another "
                "folder with --out."
            ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def explain_disk(path: Path, *, size: int = 0, reads_too: bool = False) -> Iterator[None]:
    """Turn the errors of a full disk and of a closed folder into sentences that name place, need and remedy.

    `size`, bytes, are written to `path`, 0 where that is unknown; other files are read meanwhile where `reads_too`, so
    a missing or closed one passes as it is. The error keeps its number.
    """
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            free = shutil.disk_usage(next(folder for folder in path.parents if folder.exists())).free
            needed = f"{size:,} bytes are needed, " if size else ""
            reason = (
                f"the disk is full: {needed}{free:,} bytes are free; free space and run the command again"
            )
        elif error.errno == errno.EFBIG:
            reason = f"cannot be written ({error.strerror}); choose a place that takes larger files, see `ulimit -f`"
        elif error.errno in NOT_WRITABLE and not reads_too:
            reason = f"cannot be written ({error.strerror}); choose a folder of your own, or change its permissions"
        else:
            raise
        raise _ExplainedError(error.errno, f"{path}: {reason}.") from error


class _ExplainedError(OSError):
    """An error of the operating system whose message is a sentence."""

    def __str__(self) -> str:
        return str(self.strerror)
