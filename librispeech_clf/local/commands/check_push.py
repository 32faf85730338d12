"""The command `check-push`: rehearse a push of the integration to Tensorleap, without a server."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from librispeech_clf.configuration import PROJECT_ROOT, load_configuration
from librispeech_clf.local.cli import make_parser, run
from librispeech_clf.local.push import checks


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code, 1 when a check fails."""
    parser = make_parser("check-push", "Rehearse a push to Tensorleap, without a server.")
    add = parser.add_argument
    add("--root", type=Path, default=PROJECT_ROOT, help="folder of leap.yaml")
    add("--files-only", action="store_true", help="check which files are pushed, run nothing")
    add(
        "--requirements", action="store_true",
        help="install requirements.txt into a new environment and use that; look for aarch64 wheels, too",
    )  # fmt: skip
    add(
        "--engine", action="store_true", help="import the model file as Tensorleap's engine does, and compare"
    )
    add(
        "--engine-python",
        type=Path,
        metavar="PATH",
        help="a Python 3.8 to 3.10 for --engine (default: found)",
    )
    add("--model", type=Path, help=f"the model file to push (default: {checks.MODEL})")
    return run(parser, partial(rehearse, parser), arguments)


def rehearse(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Check everything and print what was found."""
    if options.files_only and options.engine:
        parser.error("--engine needs the wiring, which --files-only does not run.")
    return checks.report(
        checks.rehearse(
            options.root.resolve(),
            model=options.model,
            vocabulary=load_configuration(environment={}).read_vocabulary(),
            files_only=options.files_only,
            install=options.requirements,
            engine=options.engine,
            engine_python=options.engine_python,
        )
    )


if __name__ == "__main__":
    sys.exit(main())
