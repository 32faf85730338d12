"""A small corpus in any language that espeak-ng speaks: texts in, recordings and their table out, to try a model on.

Run `python -m librispeech_clf.development.synthesis.speak_texts --language de --texts FILE --out FOLDER`, then
`poetry run evaluate --source files --root FOLDER`. `espeak-ng --voices` lists the languages; Mandarin is cmn.
"""

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import soundfile

from librispeech_clf.atomic_write import atomic_write
from librispeech_clf.development.synthesis.voices import SAMPLING_RATE, Voice, require_tools, synthesize
from librispeech_clf.local.cli import make_parser, run

SPEAKERS = ("f2", "m3", "f5", "m7")
"""espeak-ng's variants that take turns."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = make_parser(
        "speak_texts", "Speak texts by espeak-ng, and write them with their recordings as a corpus."
    )
    add = parser.add_argument
    add("--language", required=True, help="espeak-ng's name of the language, such as de, fr or cmn")
    add("--texts", type=Path, required=True, help="text file in UTF-8, one transcript a line")
    add("--out", type=Path, required=True, help="folder of the corpus; the split is test")
    return run(parser, speak, arguments)


def speak(options: argparse.Namespace) -> None:
    """Write `test/metadata.csv` and one WAV for each text."""
    require_tools(["espeak-ng"])
    lines = options.texts.read_text(encoding="utf-8").splitlines()
    texts = [line.strip() for line in lines if line.strip()]
    (options.out / "test").mkdir(parents=True, exist_ok=True)
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["file_name", "text", "speaker_id"])
    for number, text in enumerate(texts):
        speaker = SPEAKERS[number % len(SPEAKERS)]
        (samples,) = synthesize([text], Voice(engine="espeak-ng", name=f"{options.language}+{speaker}"))
        sound = io.BytesIO()
        soundfile.write(sound, samples, SAMPLING_RATE, format="WAV")
        atomic_write(options.out / "test" / f"{number:04}.wav", sound.getvalue())
        writer.writerow([f"{number:04}.wav", text, speaker])
    atomic_write(options.out / "test" / "metadata.csv", table.getvalue().encode())


if __name__ == "__main__":
    sys.exit(main())
