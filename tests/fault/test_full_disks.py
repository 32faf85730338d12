"""Full disks: a run says where and what to do, leaves no half files, and goes on when there is room."""

import subprocess

import pytest

from tests.helpers.trials import Conversion, Evaluation, Preparation

pytestmark = pytest.mark.fault
TRIALS = {"evaluation": Evaluation, "preparation": Preparation, "conversion": Conversion}
SHARES = (0.001, 0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
ROOM = 64 << 20


@pytest.fixture
def disk(tmp_path):
    """A file system in memory: its folder, and a function that gives it so many bytes, rounded up to pages."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs the right to mount one")

    def resize(size):
        options = f"remount,size={max(size, 1)}"  # 0 would be no limit
        subprocess.run(["mount", "-o", options, str(folder)], check=True, capture_output=True)

    yield folder, resize
    subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", TRIALS)
def test_full_disk(request, disk, name, share):
    trial, (folder, resize) = request.getfixturevalue(name), disk
    resize(int(trial.count_bytes() * share))
    trial.fail(folder / "out", trial.full)
    resize(ROOM)
    trial.finish(folder / "out")


@pytest.mark.parametrize(
    ("name", "most_bytes"), [(name, x) for name, kind in TRIALS.items() for x in kind.limits]
)
def test_files_may_not_be_large(request, tmp_path, name, most_bytes):
    trial = request.getfixturevalue(name)
    trial.fail(tmp_path / "out", "cannot be written .*File too large", most_bytes=most_bytes)
    trial.finish(tmp_path / "out")
