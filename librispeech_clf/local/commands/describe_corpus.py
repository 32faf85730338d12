"""The command `describe-corpus`: a table of what each split of the corpus holds."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import rich.console
import rich.table

from librispeech_clf.audio.reading import measure_length
from librispeech_clf.configuration import load_configuration
from librispeech_clf.corpus.load import load_split
from librispeech_clf.corpus.schema import Split
from librispeech_clf.local.cli import add_corpus_options, make_parser, run
from librispeech_clf.local.report.terminal import make_table
from librispeech_clf.metadata.readability import readability_metadata
from librispeech_clf.text.changes import describe_normalization
from librispeech_clf.text.normalization import STRICT
from librispeech_clf.text.plain_text import print_plain
from librispeech_clf.text.vocabulary import Vocabulary

SHOWN_SIGNS = 40
HEADS = "Split|Utter-\nances|Minutes|Seconds\neach|Speakers|Words|Words\neach|Dale-\nChall".split("|")


@dataclass(frozen=True, kw_only=True)
class SplitStatistics:
    """What a split holds.

    Attributes:
        seconds: Length of each utterance, s.
        speakers: Number of speakers by gender: "F", "M", or "?" where the speaker table does not say.
        words: Words in each utterance.
        readability: Dale-Chall score of each utterance that has words: below 5 fourth grade, above 9 college.
        notes: What text normalization removed from the transcripts, how many hold signs that cannot be encoded,
            and which additional columns there are; one line each.
        unreadable: Why recordings cannot be read; their lengths are left out.
    """

    name: str
    utterances: int
    seconds: tuple[float, ...]
    speakers: dict[str, int]
    words: tuple[int, ...]
    readability: tuple[float, ...]
    notes: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code, 1 if recordings cannot be read or no split exists."""
    parser = make_parser(
        "describe-corpus", "Describe the splits of the corpus: speech, speakers, words and readability."
    )
    add_corpus_options(parser)
    return run(parser, describe, arguments)


def describe(options: argparse.Namespace) -> int:
    """Print the table of every split that exists, and what is missing or cannot be read."""
    configuration = load_configuration(source=options.source, root=options.root)
    corpus, text = configuration.corpus, configuration.text
    vocabulary = configuration.read_vocabulary()
    statistics, missing = [], []
    for state in corpus.subsets_by_state:
        try:
            split = load_split(corpus, state, annotations=text.annotations)
            statistics.append(describe_split(split, vocabulary, text.normalize))
        except (OSError, ValueError) as error:
            missing.append(f"{state}: {error}")
    if statistics:
        rich.console.Console().print(statistics_table(f"Corpus, source {corpus.source}", statistics))
    notes = [f"{split.name}: {note}" for split in statistics for note in split.notes]
    unreadable = [f"{split.name}: {reason}" for split in statistics for reason in split.unreadable]
    for line in [*notes, *missing, *unreadable]:
        print_plain(line)
    return int(bool(unreadable or not statistics))


def describe_split(split: Split, vocabulary: Vocabulary, normalization: str = STRICT) -> SplitStatistics:
    """Count what a split holds; decode only recordings whose header does not declare their length."""
    genders: dict[str, str] = {}
    seconds, unreadable = [], []
    for utterance in split.utterances():
        speaker = split.speaker(utterance)
        genders[utterance.speaker_id] = (speaker.gender if speaker else None) or "?"
        try:
            seconds.append(measure_length(utterance))
        except (OSError, ValueError) as error:
            unreadable.append(str(error))
    texts = [vocabulary.normalize(text, normalization) for text in split.texts if text is not None]
    english = vocabulary.language == "en"
    scores = [readability_metadata(text)["dale_chall_score"] for text in texts] if english else []
    return SplitStatistics(
        name=split.name,
        utterances=len(split),
        seconds=tuple(seconds),
        speakers={gender: list(genders.values()).count(gender) for gender in sorted(set(genders.values()))},
        words=tuple(len(text.split()) for text in texts),
        readability=tuple(score for score in scores if score is not None),
        notes=tuple(_note(split, vocabulary, normalization)),
        unreadable=tuple(unreadable),
    )


def _note(split: Split, vocabulary: Vocabulary, normalization: str) -> Iterator[str]:
    texts = [text for text in split.texts if text]
    if changes := describe_normalization(texts, vocabulary, normalization):
        yield changes
    if unknown := list(filter(None, (vocabulary.find_unknown(text, normalization) for text in texts))):
        signs = sorted({sign for of_text in unknown for sign in of_text})
        shown = " ".join(signs[:SHOWN_SIGNS]) + " ..." * (len(signs) > SHOWN_SIGNS)
        yield f"{len(unknown)} of {len(split)} transcripts hold signs that the model cannot write: {shown}"
    if split.field_types:
        fields = ", ".join(f"{name} ({kind})" for name, kind in split.field_types.items())
        yield f"additional columns: {fields}"


def statistics_table(title: str, statistics: Sequence[SplitStatistics]) -> rich.table.Table:
    """Return a table with one row per split."""
    table = make_table(title, HEADS)
    for split in statistics:
        table.add_row(
            split.name,
            str(split.utterances),
            f"{sum(split.seconds) / 60:.1f}",
            _range(split.seconds, ".1f"),
            ", ".join(f"{count} {gender}" for gender, count in split.speakers.items()),
            str(sum(split.words)),
            _range(split.words, "d"),
            _range(split.readability, ".1f"),
        )
    return table


def _range(values: Sequence[float], form: str) -> str:
    return f"{min(values):{form}}-{max(values):{form}}" if values else "-"


if __name__ == "__main__":
    sys.exit(main())
