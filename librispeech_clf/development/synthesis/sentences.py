"""The sentences of the bundled corpus: plain text files, one sentence a line, one file a chapter.

In: texts/<split>/<chapter>.txt, whose first lines "# book: ..." and "# chapter: ..." name them.
Out: sentences, and transcripts as LibriSpeech writes them.
"""

import dataclasses
import re
from importlib import resources


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sentence:
    """One sentence.

    Attributes:
        text: Prose with punctuation, as the synthesizers read it.
        split: "training", "validation", "test" or "unlabeled".
        book: Title of its book.
        chapter: Title of its chapter.
    """

    text: str
    split: str
    book: str
    chapter: str


def load_sentences(split: str) -> tuple[Sentence, ...]:
    """Read a split's sentences in the order of the files' names and lines."""
    folder = resources.files(__package__).joinpath("texts", split)
    paths = sorted(
        (path for path in folder.iterdir() if path.name.endswith(".txt")), key=lambda path: path.name
    )
    return tuple(
        sentence for path in paths for sentence in parse_chapter(path.read_text(encoding="ascii"), split)
    )


def parse_chapter(text: str, split: str) -> tuple[Sentence, ...]:
    """Parse one chapter file.

    Args:
        text: "# book: TITLE", "# chapter: TITLE", then one sentence a line.
        split: Its split.
    """
    titles = dict(re.findall(r"^# (book|chapter): (.+)$", text, flags=re.MULTILINE))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return tuple(
        Sentence(text=line, split=split, book=titles["book"], chapter=titles["chapter"]) for line in lines
    )


def to_transcript(text: str) -> str:
    """LibriSpeech's form of a sentence: upper case, apostrophes kept, other punctuation gone, single spaces.

    Raises:
        ValueError: Something besides letters, apostrophes, spaces and . , ; : ! ? " - is in the text.
    """
    words = re.sub(r"[.,;:!?\"-]", " ", text).upper().split()
    transcript = " ".join(words)
    if not re.fullmatch(r"[A-Z' ]*", transcript):
        raise ValueError(
            f"{text!r} holds characters other than letters and punctuation; spell numbers and signs out."
        )
    return transcript
