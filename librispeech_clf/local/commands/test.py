"""The command `test`: pytest over the project."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.local.cli import make_parser, run

MOST_PROCESSES = 4
"""One of them may take up to 7 GB of memory, as TensorFlow keeps what it has compiled."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return pytest's exit code, 2 without pytest."""
    parser = make_parser(
        "test", "Run leap_test.py and all but the slow tests of tests/; other arguments go to pytest: "
        "tests/metadata, -k NAME, -m slow.", usage="test [-h] [--version] [ARGUMENT ...]",
    )  # fmt: skip
    return run(parser, test, arguments, passes_on=True)


def test(options: argparse.Namespace) -> int:
    """Run pytest."""
    if importlib.util.find_spec("pytest") is None:
        raise ImportError("the tests need pytest: pip install -e '.[test]'.")
    # The whole suite runs in as many processes as there are cores; a selection in one, which starts sooner.
    # Files keep their own order: sorted by number of tests, slow files with few tests would run alone at the end.
    # A process that crashes ends the run: pytest-xdist waits forever for its replacement (pytest-xdist#1323).
    processes = min(MOST_PROCESSES, os.cpu_count() or 1)
    whole = f"-n {processes} --dist loadfile --no-loadscope-reorder --max-worker-restart 0".split()
    command = [sys.executable, "-m", "pytest", *(options.others or whole)]
    environment = {**os.environ, "TL_DISABLE_ANALYTICS": "1"}
    return subprocess.run(command, cwd=PROJECT_ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
