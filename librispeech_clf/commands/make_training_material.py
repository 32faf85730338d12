"""The command `make-training-material`: synthesize the training speech of the compact model."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from librispeech_clf.commands.door import count, make_parser, run, share
from librispeech_clf.synthesis.engines import require_tools
from librispeech_clf.synthesis.make_training_material import MaterialMix, make_material, read_prose


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = make_parser(
        "make-training-material",
        "Synthesize training speech, as parquet shards; shards that are there are kept.",
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder of the shards")
    add("--hours", type=float, default=16.0, help="hours of speech")
    add("--seed", type=int, default=0, help="what every shard is drawn with")
    add("--processes", type=count, default=2, help="speech synthesizers at a time")
    add(
        "--reader-share", type=share, default=MaterialMix.reader_share,
        help="share of the utterances spoken by the known readers of the bundled corpus",
    )  # fmt: skip
    add("--prose", type=Path, help="folder of plain English text files (default: none)")
    add(
        "--prose-share", type=share, default=MaterialMix.prose_share,
        help="share of the texts that come from there",
    )  # fmt: skip
    add(
        "--salad-share", type=share, default=MaterialMix.salad_share,
        help="share of the other texts that are words in any order",
    )  # fmt: skip
    return run(parser, make, arguments, when_stopped="stopped; the same command goes on where it stopped.")


def make(options: argparse.Namespace) -> None:
    """Make the shards that are missing."""
    require_tools()
    mix = MaterialMix(
        prose=read_prose(options.prose) if options.prose else (),
        prose_share=options.prose_share,
        salad_share=options.salad_share,
        reader_share=options.reader_share,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    make_material(options.out, hours=options.hours, seed=options.seed, processes=options.processes, mix=mix)


if __name__ == "__main__":
    sys.exit(main())
