"""One run at a time writes into an output folder; a killed run locks nobody out."""

import subprocess
import sys
import time

import pytest

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.local.evaluation.lock import hold_output

HOLD = """
import sys, time
from pathlib import Path
from librispeech_clf.local.evaluation.lock import hold_output
with hold_output(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_second_run_is_refused_until_the_first_ends(tmp_path):
    with hold_output(tmp_path / "out"):
        with pytest.raises(ValueError, match=r"out: another evaluation is writing there; wait .* --out"):
            with hold_output(tmp_path / "out"):
                pass
        with hold_output(tmp_path / "other"):
            pass
    with hold_output(tmp_path / "out"):
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["parts"]


def test_killed_run_leaves_no_lock(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    with pytest.raises(ValueError, match="another evaluation"):
        with hold_output(tmp_path):
            pass
    process.kill()
    process.wait()
    process.stdout.close()
    started = time.monotonic()
    with hold_output(tmp_path):
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("out", ["file", "file/inside", "blocked"])
def test_folder_that_cannot_be_written_to_is_told(tmp_path, out):
    (tmp_path / "file").write_text("")
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "parts").write_text("")
    with pytest.raises(OSError, match=r"cannot be written .*; choose a folder of your own"):
        with hold_output(tmp_path / out):
            pass
