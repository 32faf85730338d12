"""One run at a time writes into an output folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from librispeech_clf.atomic_write import explain_disk, write_whole

LOCK_NAME = ".lock"


@contextmanager
def hold_output(out: Path) -> Iterator[None]:
    """Make an output folder, see that it takes a file, and keep other runs out of it.

    The operating system frees the lock when its process ends, killed or not; the lock file that stays behind
    means nothing.

    Args:
        out: the folder.

    Raises:
        OSError: the folder cannot be made or written to.
        ValueError: another run holds it.
    """
    folder = out / "parts"
    with explain_disk(out, size=0):
        folder.mkdir(parents=True, exist_ok=True)
    probe = out / ".write-test"
    write_whole(probe, b"")
    probe.unlink()
    lock = filelock.FileLock(folder / LOCK_NAME)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise ValueError(
            f"{out}: another evaluation is writing there; wait until it is finished, or choose another "
            "folder with --out."
        ) from None
    try:
        yield
    finally:
        lock.release()
