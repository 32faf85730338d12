"""The command `benchmark`: the measurements in tests/benchmarks."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.local.cli import make_parser, run

SCRIPT = PROJECT_ROOT / "tests" / "benchmarks" / "run.py"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = make_parser(
        "benchmark", "Measure time and memory of metadata, evaluation, inference and opening, or of those named, and "
        "print one table of ratios.", usage="benchmark [-h] [--version] [NAME ...]",
    )  # fmt: skip
    return run(parser, measure, arguments, passes_on=True)


def measure(options: argparse.Namespace) -> int:
    """Run the script, in a process of its own; it knows the names."""
    command = [sys.executable, str(SCRIPT), *options.others]
    return subprocess.run(command, cwd=PROJECT_ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
