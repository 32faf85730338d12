"""Full disks: a run says where and what to do, leaves no half files, and goes on when there is room."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from librispeech_clf.local.model.load import load_model
from tests.helpers.trials import assert_equal_runs, assert_no_half_files, assert_whole_or_absent

pytestmark = pytest.mark.fault
SHARES = (0.001, 0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
LIMITS = (1, 5000, 30_000, 100_000)
ROOM = 64 << 20


class SmallDisk:
    """A file system in memory whose size can be set."""

    def __init__(self, folder: Path) -> None:
        """Mount it."""
        self.folder = folder
        mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("a small disk needs the right to mount one")

    def resize(self, size: int) -> None:
        """Give it so many bytes, rounded up to pages; 0 would be no limit."""
        options = f"remount,size={max(size, 1)}"
        subprocess.run(["mount", "-o", options, str(self.folder)], check=True, capture_output=True)

    def close(self) -> None:
        """Unmount it."""
        subprocess.run(["umount", "-l", str(self.folder)], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    small = SmallDisk(folder)
    yield small
    small.close()


def measure(folder: Path) -> int:
    """Bytes of whole pages that a folder's files take."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())


def assert_told(run, command, reason):
    """The last line is the reason, and there is no other."""
    line = " ".join(run.stderr.split("\n" + command)[-1].split())
    assert run.code == 2 and "Traceback" not in run.log and "Error:" not in run.log, run.log
    assert re.search(reason, line), run.log


FULL = "the disk is full: .*; free space and run the command again"


@pytest.mark.parametrize("share", SHARES)
def test_evaluate_on_a_full_disk(evaluation, disk, share):
    out = disk.folder / "out"
    disk.resize(int(measure(evaluation.whole) * share))
    run = evaluation.run(out)
    assert_told(run, "evaluate:", FULL)
    assert_no_half_files(out, evaluation.whole)
    disk.resize(ROOM)
    run = evaluation.run(out)
    assert run.code == 0, run.log
    assert_equal_runs(out, evaluation.whole)


@pytest.mark.parametrize("most_bytes", LIMITS)
def test_evaluate_where_files_may_not_be_large(evaluation, tmp_path, most_bytes):
    out = tmp_path / "out"
    run = evaluation.run(out, most_bytes=most_bytes)
    assert_told(run, "evaluate:", "cannot be written .*File too large")
    assert_no_half_files(out, evaluation.whole)
    run = evaluation.run(out)
    assert run.code == 0, run.log
    assert_equal_runs(out, evaluation.whole)


@pytest.mark.parametrize("share", SHARES)
def test_prepare_data_on_a_full_disk(preparation, disk, share):
    root = disk.folder / "root"
    needed = measure(preparation.whole) + preparation.settings["size"]
    disk.resize(int(needed * share))
    run = preparation.run(root)
    assert_told(run, "prepare-data:", "the disk is full; test-clean takes about")
    assert not assert_whole_or_absent(root, preparation.members)
    disk.resize(ROOM)
    run = preparation.run(root)
    assert run.code == 0, run.log
    assert assert_whole_or_absent(root, preparation.members)


@pytest.mark.parametrize("most_bytes", (1, 1000, 5000, 100_000))
def test_prepare_data_where_files_may_not_be_large(preparation, tmp_path, most_bytes):
    run = preparation.run(tmp_path, most_bytes=most_bytes)
    assert_told(run, "prepare-data:", "cannot be written .*File too large")
    assert not assert_whole_or_absent(tmp_path, preparation.members)


@pytest.mark.parametrize("share", SHARES)
def test_convert_model_on_a_full_disk(conversion, disk, share):
    folder = disk.folder / "models"
    disk.resize(int(measure(conversion.whole) * share))
    run = conversion.run(folder)
    assert_told(run, "convert-model:", FULL)
    assert not folder.exists() or not list(folder.iterdir())
    disk.resize(ROOM)
    run = conversion.run(folder)
    assert run.code == 0, run.log
    load_model(folder / "tiny.h5")
    assert {path.name for path in folder.iterdir()} == {"tiny.h5", "tiny.vocabulary.json"}


@pytest.mark.parametrize("most_bytes", LIMITS)
def test_convert_model_where_files_may_not_be_large(conversion, tmp_path, most_bytes):
    run = conversion.run(tmp_path / "models", most_bytes=most_bytes)
    assert_told(run, "convert-model:", "cannot be written .*File too large")
    assert not (tmp_path / "models").exists() or not list((tmp_path / "models").iterdir())
