"""The command `make-corpus`: make the bundled corpus again."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from librispeech_clf.commands.door import make_parser, run
from librispeech_clf.synthesis import make_corpus as synthesis
from librispeech_clf.synthesis.engines import require_tools


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code, 1 when `--check` finds a difference."""
    parser = make_parser(
        "make-corpus",
        "Make the bundled corpus again: its sentences, spoken by speech synthesizers and recorded.",
    )
    add = parser.add_argument
    add("--out", type=Path, default=synthesis.BUNDLED, help="folder of the files")
    add("--seed", type=int, default=synthesis.SEED, help="deals the chapters and draws the conditions")
    add("--check", action="store_true", help="make it elsewhere and compare with the folder's files")
    return run(parser, make, arguments)


def make(options: argparse.Namespace) -> int:
    """Make the files, or compare them."""
    require_tools()
    synthesis.report_versions()
    if options.check:
        return synthesis.check_corpus(options.out, seed=options.seed)
    synthesis.make_corpus(options.out, seed=options.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
