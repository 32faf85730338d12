"""Commands `test` and `benchmark`: pytest over the project, and the measurements in tests/benchmarks."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence

from librispeech_clf.configuration import PROJECT_ROOT

BENCHMARKS = PROJECT_ROOT / "tests" / "benchmarks"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run pytest over leap_test.py and tests/, or over what the arguments say; return its exit code."""
    if importlib.util.find_spec("pytest") is None:
        print("The tests need pytest: pip install -e '.[test]'.", file=sys.stderr)
        return 2
    command = [sys.executable, "-m", "pytest", *(sys.argv[1:] if arguments is None else arguments)]
    environment = {**os.environ, "TL_DISABLE_ANALYTICS": "1"}
    try:
        return subprocess.run(command, cwd=PROJECT_ROOT, env=environment, check=False).returncode
    except KeyboardInterrupt:
        return 130


def benchmark(arguments: Sequence[str] | None = None) -> int:
    """Run tests/benchmarks/run.py, which prints one table of ratios; return its exit code."""
    command = [
        sys.executable,
        str(BENCHMARKS / "run.py"),
        *(sys.argv[1:] if arguments is None else arguments),
    ]
    try:
        return subprocess.run(command, cwd=PROJECT_ROOT, check=False).returncode
    except KeyboardInterrupt:
        return 130
