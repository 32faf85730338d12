"""The sentences of the bundled corpus: plain text files, one sentence a line, one file a chapter.

In: texts/<split>/<chapter>.txt, whose first lines "# book: ..." and "# chapter: ..." name them.
Out: sentences, and transcripts as LibriSpeech writes them.
"""

import re
from pathlib import Path
from typing import NamedTuple


class Sentence(NamedTuple):
    """One sentence, as the synthesizers read it, and the titles of its book and chapter."""

    text: str
    book: str
    chapter: str


def load_sentences(split: str) -> tuple[Sentence, ...]:
    """Read a split's sentences in the order of the files' names and lines."""
    sentences: list[Sentence] = []
    for path in sorted((Path(__file__).parent / "texts" / split).glob("*.txt")):
        text = path.read_text(encoding="ascii")
        titles = dict(re.findall(r"^# (book|chapter): (.+)$", text, re.MULTILINE))
        sentences += [Sentence(line, **titles) for line in text.splitlines() if line and line[0] != "#"]
    return tuple(sentences)


def to_transcript(text: str) -> str:
    """LibriSpeech's form of a sentence: upper case, apostrophes kept, other punctuation gone, single spaces.

    Raises:
        ValueError: Something besides letters, apostrophes, spaces and . , ; : ! ? " - is in the text.
    """
    transcript = " ".join(re.sub(r"[.,;:!?\"-]", " ", text).upper().split())
    if not re.fullmatch(r"[A-Z' ]*", transcript):
        raise ValueError(
            f"{text!r} holds characters other than letters and punctuation; spell numbers and signs out."
        )
    return transcript
