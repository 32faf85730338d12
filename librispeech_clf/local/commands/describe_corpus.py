"""The command `describe-corpus`: a table of what each split of the corpus holds."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from librispeech_clf.configuration import load_configuration
from librispeech_clf.local.cli import add_corpus_options, make_parser, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code, 1 when recordings cannot be read or no split is there."""
    parser = make_parser(
        "describe-corpus", "Describe the splits of the corpus: speech, speakers, words and readability."
    )
    add_corpus_options(parser)
    return run(parser, describe, arguments)


def describe(options: argparse.Namespace) -> int:
    """Print the table."""
    from librispeech_clf.local.report.corpus_statistics import print_statistics

    return print_statistics(load_configuration(source=options.source, root=options.root))


if __name__ == "__main__":
    sys.exit(main())
