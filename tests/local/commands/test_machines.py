"""Machines of others: a user without a home, who may write neither to the project nor to its packages."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from librispeech_clf.configuration import PROJECT_ROOT

# As nobody, who reads everything (the interpreter may lie in root's home) and writes what is for all.
NOBODY = [
    "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
    "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",
]  # fmt: skip


def is_allowed() -> bool:
    """Whether a process may become nobody here."""
    command = [*NOBODY, sys.executable, "-c", ""]
    return bool(shutil.which("setpriv")) and not subprocess.run(command, capture_output=True).returncode


@pytest.mark.slow
@pytest.mark.skipif(not is_allowed(), reason="setpriv is not there, or not allowed")
@pytest.mark.parametrize("command", ["evaluate", "check_push"])
def test_user_without_a_home_and_read_only_packages(command):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "tmp").mkdir(mode=0o700)
        os.chown(folder / "tmp", 65534, 65534)
        owned = ("HF_", "NUMBA_", "XDG_", "MPL")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(owned)}
        environment |= {
            "HOME": "/nonexistent",
            "TMPDIR": str(folder / "tmp"),
            "PYTHONPATH": str(PROJECT_ROOT),
        }
        options = ["--limit", "2", "--out", str(folder / "out")] if command == "evaluate" else []
        done = subprocess.run(
            [*NOBODY, sys.executable, "-m", f"librispeech_clf.local.commands.{command}", *options],
            cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        assert command != "evaluate" or (folder / "out" / "index.html").is_file()
