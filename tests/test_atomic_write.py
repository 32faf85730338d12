"""Files are whole or not there; a full or closed disk is explained; one process at a time writes into a folder."""

import errno
import os
import subprocess
import sys

import pytest

from librispeech_clf.atomic_write import atomic_write, explain_disk, output_lock
from librispeech_clf.configuration import PROJECT_ROOT

HOLD = """
import fcntl, os, sys, time
from pathlib import Path
from librispeech_clf.atomic_write import output_lock
def flock(*_):
    raise OSError(int(sys.argv[2]), "no locks available")
if sys.argv[2] != "0":
    fcntl.flock = flock
with output_lock(Path(sys.argv[1]), "evaluation"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_file_is_replaced_whole_and_leftovers_go(tmp_path):
    ended = subprocess.Popen(["true"])
    ended.wait()
    for process in (ended.pid, os.getppid()):
        (tmp_path / f".a.txt.{process}.tmp").write_text("half")
    for content in (b"old", b"new"):
        atomic_write(tmp_path / "a.txt", content)
        assert (tmp_path / "a.txt").read_bytes() == content
    assert {path.name for path in tmp_path.iterdir()} == {"a.txt", f".a.txt.{os.getppid()}.tmp"}


def fail_with(number):
    """Return a function that fails as the system does."""

    def fail(*_):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, r"the disk is full: 2,000,000 bytes are needed, [\d,]+ bytes are free; free space"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EFBIG, ".*ulimit"),
        (errno.EACCES, "cannot be written .*; choose a folder of your own"),
        (errno.EIO, None),
    ],
)
def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch, failing, number, message):
    (tmp_path / "a.txt").write_bytes(b"old")
    monkeypatch.setattr(os, failing, fail_with(number))
    expected = f"a.txt: {message}" if message else "Input/output error"
    with pytest.raises(OSError, match=expected) as caught:
        atomic_write(tmp_path / "a.txt", bytes(2_000_000))
    assert caught.value.errno == number
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.txt", b"old")]


def test_errors_of_reading_pass(tmp_path):
    with pytest.raises(FileNotFoundError, match="^mine$"), explain_disk(tmp_path, reads_too=True):
        raise FileNotFoundError("mine")


def lock(folder):
    """Lock a folder and release it."""
    with output_lock(folder, "evaluation"):
        pass


def refused():
    """Expect that another process, or this one, holds the folder."""
    return pytest.raises(ValueError, match=r"out: another evaluation is writing there; wait .* --out")


@pytest.mark.parametrize(
    "number",
    [
        0,  # with locks
        errno.ENOSYS,  # python-poetry/poetry#8825: Lustre
        errno.ENOLCK,  # ARPA-SIMC/arkimet#76: NFS 3
        errno.EOPNOTSUPP,
        524,  # HDFGroup/hdf5#3311: dvs
    ],
)
@pytest.mark.filterwarnings("ignore:.*flock")
def test_second_run_is_refused_until_the_first_ends_or_is_killed(tmp_path, monkeypatch, number):
    out = tmp_path / "out"
    if number:
        monkeypatch.setattr("fcntl.flock", fail_with(number))
    with output_lock(out, "evaluation"), output_lock(tmp_path / "other", "evaluation"):
        with refused():
            lock(out)
    lock(out)
    command = [sys.executable, "-c", HOLD, str(out), str(number)]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with refused():
            lock(out)
        process.kill()
    lock(out)


@pytest.mark.parametrize("out", ["file", "file/inside", "blocked"])
def test_folder_that_cannot_be_written_to_is_explained(tmp_path, out):
    (tmp_path / "file").write_text("")
    (tmp_path / "blocked" / ".lock").mkdir(parents=True)
    with pytest.raises(OSError, match=r"cannot be written .*; choose a folder of your own"):
        lock(tmp_path / out)
