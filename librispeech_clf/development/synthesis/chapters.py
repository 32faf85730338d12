"""Who reads what in the bundled corpus: sentences dealt to readers as chapters, and LibriSpeech's tables.

In: sentences and readers. Out: chapters, and LibriSpeech's tables and CONDITIONS.TXT as text.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from librispeech_clf.development.synthesis.recording import Conditions
from librispeech_clf.development.synthesis.sentences import Sentence
from librispeech_clf.development.synthesis.voices import Reader

CHAPTERS_PER_READER = {"training": 2, "validation": 1, "test": 3, "unlabeled": 1}
FIRST_CHAPTER_ID = {"training": 1001, "validation": 2001, "test": 3001, "unlabeled": 4001}
GROUPS = {"training": "known", "validation": "known", "test": "test", "unlabeled": "unlabeled"}
"""How the group of the readers of a split begins."""


class ReadChapter(NamedTuple):
    """A chapter of a split as one reader reads it; the first sentence's titles name it."""

    id: int
    split: str
    reader: Reader
    sentences: tuple[Sentence, ...]


class Recording(NamedTuple):
    """One utterance of the bundled corpus, "<speaker>-<chapter>-NNNN", its transcript in upper case."""

    id: str
    chapter: ReadChapter
    transcript: str
    conditions: Conditions
    minutes: float
    flac: bytes


def deal_chapters(
    split: str, sentences: Sequence[Sentence], readers: Sequence[Reader], generator: np.random.Generator
) -> tuple[ReadChapter, ...]:
    """Cut a split's texts into chapters of about equal size and deal them to its readers in turn.

    Args:
        split: "training", "validation", "test" or "unlabeled".
        sentences: Its sentences in order.
        readers: All readers; those of the split's group read about CHAPTERS_PER_READER chapters each.
        generator: Shuffles the readers again for each round.
    """
    members = [reader for reader in readers if reader.group.startswith(GROUPS[split])]
    rounds = CHAPTERS_PER_READER[split]
    order = [members[place] for _ in range(rounds) for place in generator.permutation(len(members))]
    size = len(sentences) / len(order)
    blocks = []
    for _, text in itertools.groupby(sentences, key=lambda sentence: (sentence.book, sentence.chapter)):
        lines = list(text)
        bounds = np.linspace(0, len(lines), max(1, round(len(lines) / size)) + 1).round().astype(int)
        blocks += [tuple(lines[start:end]) for start, end in itertools.pairwise(bounds)]
    numbered = zip(itertools.count(FIRST_CHAPTER_ID[split]), itertools.cycle(order), blocks, strict=False)
    return tuple(ReadChapter(number, split, reader, block) for number, reader, block in numbered)


def speakers_table(recordings: Sequence[Recording], readers: Iterable[Reader]) -> str:
    """SPEAKERS.TXT: a reader's subset is the first one that has his or her speech."""
    lines = [
        "; Synthetic voices of the bundled corpus; the names are made up.",
        "; Readers of training also read validation, other sentences.",
        ";ID  |SEX| SUBSET           |MINUTES| NAME",
    ]
    for reader in readers:
        own = [recording for recording in recordings if recording.chapter.reader == reader]
        subset, minutes = own[0].chapter.split, sum(recording.minutes for recording in own)
        lines.append(f"{reader.id:<5}| {reader.gender} | {subset:<17}| {minutes:<6.2f}| {reader.name}")
    return "\n".join(lines) + "\n"


def chapters_table(recordings: Sequence[Recording]) -> str:
    """CHAPTERS.TXT."""
    lines = [
        "; Chapters of the bundled corpus, each read by one synthetic voice.",
        ";ID    |READER|MINUTES| SUBSET           | PROJ.|BOOK ID| CH. TITLE | PROJECT TITLE",
    ]
    books = book_ids(recordings)
    for chapter in dict.fromkeys(recording.chapter for recording in recordings):
        minutes = sum(recording.minutes for recording in recordings if recording.chapter == chapter)
        first = chapter.sentences[0]
        book = books[first.book]
        left = f"{chapter.id:<7}| {chapter.reader.id:<5}| {minutes:<6.2f}| {chapter.split:<17}"
        lines.append(f"{left}| {book + 400:<5}| {book:<6}| {first.chapter} | {first.book}")
    return "\n".join(lines) + "\n"


def books_table(recordings: Sequence[Recording]) -> str:
    """BOOKS.TXT."""
    lines = ["; Texts written for this project.", ";ID   | TITLE | AUTHORS"]
    lines += [f"{number:<6}| {title} | this project" for title, number in book_ids(recordings).items()]
    return "\n".join(lines) + "\n"


def book_ids(recordings: Sequence[Recording]) -> dict[str, int]:
    """Book title -> book id, in the order of appearance."""
    titles = dict.fromkeys(recording.chapter.sentences[0].book for recording in recordings)
    return {title: 101 + place for place, title in enumerate(titles)}


def conditions_table(recordings: Sequence[Recording]) -> str:
    """CONDITIONS.TXT: voice, noise, signal-to-noise ratio and echo of every utterance."""
    lines = [
        "; How utterances were made. SNR: mean power of speech over noise; - is none. DECAY: T60; 0 is none.",
        f";{'ID':<16}| {'VOICE':<31}| NOISE | SNR DB | DECAY S",
    ]
    for recording in recordings:
        conditions, voice = recording.conditions, recording.chapter.reader.voice
        ratio = "-" if conditions.ratio_db is None else f"{conditions.ratio_db:.1f}"
        name = f"{voice.engine} {voice.name}"
        left = f"{recording.id:<17}| {name:<31}| {conditions.noise:<6}"
        lines.append(f"{left}| {ratio:<7}| {conditions.decay_time_s:.2f}")
    return "\n".join(lines) + "\n"
