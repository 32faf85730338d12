"""Files are whole or not there; a full or closed disk is told with place, need and remedy."""

import errno
import os

import pytest

from librispeech_clf.atomic_write import explain_disk, write_whole


def test_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a.txt"
    for content in (b"old", b"new"):
        write_whole(path, content)
        assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, r"a.txt: the disk is full: 2.0 MB are needed, \d+\.\d .B are free; free space"),
        (errno.EDQUOT, "a.txt: the disk is full"),
        (errno.EACCES, "a.txt: cannot be written .*; choose a folder of your own"),
        (errno.EROFS, "a.txt: cannot be written"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch, failing, number, message):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    (tmp_path / "a.txt").write_bytes(b"old")
    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match=message) as caught:
        write_whole(tmp_path / "a.txt", bytes(2_000_000))
    assert caught.value.errno == number
    assert (tmp_path / "a.txt").read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_other_errors_pass(tmp_path):
    with pytest.raises(ValueError, match="mine"), explain_disk(tmp_path, size=1):
        raise ValueError("mine")
