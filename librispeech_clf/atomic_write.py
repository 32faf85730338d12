"""Write files that a reader finds whole or not at all, and explain what to do about a full or read-only disk."""

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
"""The first bytes of the small file that stands for one that Git LFS has not fetched."""
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
NOT_WRITABLE = (
    errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR,
)  # fmt: skip

ROW_GROUP = 20_000
"""Rows of a Parquet file that are read together."""
NOT_LOCKABLE = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, 524)
"""The last is the kernel's ENOTSUPP, which some network file systems pass on."""


def atomic_write(path: Path, content: bytes | memoryview) -> None:
    """Write a file atomically: write it beside its place, flush it to the disk, and move it into place.

    Neither a killed process nor a power cut leaves a partial file under its name.
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
    """Remove what killed processes left of a file; what a running process is writing stays."""
    if os.name != "posix":
        return  # elsewhere os.kill ends the process that it asks about
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        process = leftover.name.split(".")[-2]
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            with suppress(OSError):
                leftover.unlink()
        except (OSError, OverflowError, ValueError):
            continue  # it is running as another user, or the file is not ours


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
    """Check, before long work, that a file can be written to a folder; leave nothing behind, not even a new folder."""
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
    """Return a lock between processes, not yet held; where files cannot be locked, the file's existence is the lock.

    Some network folders are like that; a lock left by a killed process is then recognized by the process's id.
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
    means nothing. The message says that another process, which holds the lock, is doing `work` there.
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
    """Turn the errors of a full disk and a read-only folder into sentences that name place, need and remedy.

    `size` bytes are written to `path` (0: unknown). With `reads_too`, other files are read meanwhile, so errors about
    missing or unreadable files pass unchanged. The error keeps its number.
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
