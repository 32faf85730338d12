"""Files are whole or not there; a full or closed disk is explained; one process at a time writes into a folder."""

import errno
import os
import subprocess
import sys

import pytest

from librispeech_clf.atomic_write import atomic_write, explain_disk, output_lock
from librispeech_clf.configuration import PROJECT_ROOT

HOLD = """
import sys, time
from pathlib import Path
from librispeech_clf.atomic_write import output_lock
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


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "message"),
    [
        (
            errno.ENOSPC,
            r"a.txt: the disk is full: 2,000,000 bytes are needed, [\d,]+ bytes are free; free space",
        ),
        (errno.EDQUOT, "a.txt: the disk is full"),
        (errno.EFBIG, "a.txt: .*ulimit"),
        (errno.EACCES, "a.txt: cannot be written .*; choose a folder of your own"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch, failing, number, message):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    (tmp_path / "a.txt").write_bytes(b"old")
    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match=message) as caught:
        atomic_write(tmp_path / "a.txt", bytes(2_000_000))
    assert caught.value.errno == number
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.txt", b"old")]


def test_errors_of_reading_pass(tmp_path):
    with pytest.raises(FileNotFoundError, match="^mine$"), explain_disk(tmp_path, reads_too=True):
        raise FileNotFoundError("mine")


def lock(folder):
    return output_lock(folder, "evaluation")


def test_second_run_is_refused_until_the_first_ends(tmp_path):
    with lock(tmp_path / "out"), lock(tmp_path / "other"):
        with pytest.raises(ValueError, match=r"out: another evaluation is writing there; wait .* --out"):
            with lock(tmp_path / "out"):
                pass
    with lock(tmp_path / "out"):
        pass


def test_killed_run_leaves_no_lock(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match="another evaluation"), lock(tmp_path):
            pass
        process.kill()
    with lock(tmp_path):
        pass


HOLD_WITHOUT_FLOCK = f"""
import fcntl, sys
def flock(*_):
    raise OSError(int(sys.argv[2]), "no locks available")
fcntl.flock = flock
{HOLD}"""


@pytest.mark.parametrize(
    "number",
    [
        errno.ENOSYS,  # python-poetry/poetry#8825: Lustre
        errno.ENOLCK,  # ARPA-SIMC/arkimet#76: NFS 3
        errno.EOPNOTSUPP,
        524,  # HDFGroup/hdf5#3311: dvs
    ],
)
@pytest.mark.filterwarnings("ignore:.*flock")
def test_file_system_without_locks_is_locked_all_the_same(tmp_path, monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", fail)
    with lock(tmp_path):
        with pytest.raises(ValueError, match="another evaluation is writing"), lock(tmp_path):
            pass
    command = [sys.executable, "-c", HOLD_WITHOUT_FLOCK, str(tmp_path), str(number)]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match="another evaluation"), lock(tmp_path):
            pass
        process.kill()
    with lock(tmp_path):  # of a process that is gone
        pass


@pytest.mark.parametrize("out", ["file", "file/inside", "blocked"])
def test_folder_that_cannot_be_written_to_is_explained(tmp_path, out):
    (tmp_path / "file").write_text("")
    (tmp_path / "blocked" / ".lock").mkdir(parents=True)
    with (
        pytest.raises(OSError, match=r"cannot be written .*; choose a folder of your own"),
        lock(tmp_path / out),
    ):
        pass
