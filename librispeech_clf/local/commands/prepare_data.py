"""The command `prepare-data`: bring LibriSpeech's subsets from OpenSLR, or fill the Hugging Face cache."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from librispeech_clf.configuration import load_configuration
from librispeech_clf.local.cli import make_parser, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = make_parser(
        "prepare-data", "Download LibriSpeech's subsets from OpenSLR, or fill the Hugging Face cache. "
        "A stopped run is continued by the next.",
    )  # fmt: skip
    add = parser.add_argument
    add(
        "--subset", action="append", metavar="NAME",
        help="for example test-clean; repeatable (default: those in config.yaml)",
    )  # fmt: skip
    add(
        "--root",
        type=Path,
        help="folder of the data; LibriSpeech/ is made in it (default: as in config.yaml)",
    )
    add("--source", choices=("openslr", "huggingface"), default="openslr", help="where from")
    add("--dataset", help="a Hugging Face dataset (default: as in config.yaml)")
    add("--list", action="store_true", help="show the subsets, their sizes and what is there")
    add("--base-url", metavar="URL", help="a mirror (default: openslr.org)")
    return run(parser, prepare, arguments, when_stopped="stopped; the next run continues.")


def prepare(options: argparse.Namespace) -> None:
    """Bring what is missing, or list what there is."""
    from librispeech_clf.corpus.openslr_archives import BASE_URL, list_subsets, prepare_subsets

    configuration = load_configuration()
    corpus = configuration.with_corpus(
        source=options.source, root=options.root, dataset=options.dataset
    ).corpus
    if options.list:
        list_subsets(corpus)
    else:
        prepare_subsets(corpus, options.subset, base_url=options.base_url or BASE_URL)


if __name__ == "__main__":
    sys.exit(main())
