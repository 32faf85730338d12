"""The command `convert-model`: make this project's model file from a published checkpoint."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from librispeech_clf.local.cli import make_parser, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = make_parser(
        "convert-model",
        "Convert a Hugging Face CTC checkpoint to a Keras model file: wav2vec 2.0, XLSR, MMS, HuBERT, UniSpeech, "
        "data2vec-audio, WavLM.",
    )
    add = parser.add_argument
    add(
        "--from", dest="source", required=True,
        help="Hugging Face folder, or hub name such as facebook/wav2vec2-base-960h",
    )  # fmt: skip
    add("--to", type=Path, required=True, help="model file to write: models/NAME.h5")
    add("--language", metavar="CODE", help="its language, such as de; for MMS the adapter, such as deu")
    return run(parser, convert, arguments)


def convert(options: argparse.Namespace) -> None:
    """Read, convert, write, and say what the model is."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from librispeech_clf.local.model.convert.conversion import convert_file

    convert_file(options.source, options.to, language=options.language)


if __name__ == "__main__":
    sys.exit(main())
