"""Commands `test` and `benchmark`: pytest over the project, and the measurements in tests/benchmarks."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from librispeech_clf.configuration import PROJECT_ROOT

BENCHMARKS = PROJECT_ROOT / "tests" / "benchmarks"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run pytest over leap_test.py and tests/, or over what the arguments say; return its exit code."""
    command = [sys.executable, "-m", "pytest", *(sys.argv[1:] if arguments is None else arguments)]
    environment = {**os.environ, "TL_DISABLE_ANALYTICS": "1"}
    try:
        return subprocess.run(command, cwd=PROJECT_ROOT, env=environment, check=False).returncode
    except KeyboardInterrupt:
        return 130


def benchmark(arguments: Sequence[str] | None = None) -> int:
    """Run the measurements in tests/benchmarks, or the one named; return 1 when one failed."""
    files = {
        path.stem.removeprefix("benchmark_").removeprefix("test_"): path for path in BENCHMARKS.glob("*.py")
    }
    parser = argparse.ArgumentParser(prog="benchmark", description="Measure time and memory.")
    parser.add_argument("name", nargs="?", choices=sorted(files), help="one measurement (default: all)")
    name = parser.parse_args(arguments).name
    chosen = [files[name]] if name else [files[known] for known in sorted(files)]
    failed = False
    for path in chosen:
        print(f"{path.relative_to(PROJECT_ROOT)}", flush=True)
        failed |= bool(subprocess.run([sys.executable, path], cwd=PROJECT_ROOT, check=False).returncode)
    return int(failed)
