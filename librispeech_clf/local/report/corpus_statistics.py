"""A table of what each split of the configured corpus holds.

In: the configured corpus. Out: utterances, minutes, speakers by gender, words and readability, printed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import rich.console
import rich.table

from librispeech_clf.audio.reading import measure_length
from librispeech_clf.configuration import Configuration
from librispeech_clf.corpus.load import load_split
from librispeech_clf.corpus.schema import Split
from librispeech_clf.local.report.terminal import make_table
from librispeech_clf.metadata.readability import readability_metadata
from librispeech_clf.text.normalization import STRICT, describe_normalization
from librispeech_clf.text.plain_text import print_plain
from librispeech_clf.text.vocabulary import Vocabulary

SHOWN_SIGNS = 40


@dataclass(frozen=True, kw_only=True)
class SplitStatistics:
    """What a split holds.

    Attributes:
        name: The state.
        utterances: Number of utterances.
        seconds: Length of each utterance, s.
        speakers: Number of speakers by gender: "F", "M", or "?" where the speaker table does not tell.
        words: Words in each utterance.
        readability: Dale-Chall score of each utterance that has words: below 5 fourth grade, above 9 college.
        notes: What text normalization took out of the transcripts, how many hold signs that cannot be encoded,
            and which further columns there are; a line each.
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


def print_statistics(configuration: Configuration) -> int:
    """Print the table of every split that is there, and what is missing or cannot be read.

    Args:
        configuration: with the corpus.

    Returns:
        1 when recordings cannot be read or no split is there, else 0.
    """
    corpus, normalization = configuration.corpus, configuration.text.normalize
    vocabulary = configuration.read_vocabulary()
    statistics, missing = [], []
    for state in corpus.subsets_by_state:
        try:
            split = load_split(corpus, state, annotations=configuration.text.annotations)
            statistics.append(describe_split(split, vocabulary, normalization))
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
    """Count what a split holds; decodes only recordings whose header does not tell their length."""
    genders: dict[str, str] = {}
    seconds, unreadable = [], []
    for utterance in map(split.utterance, split.ids):
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
    changes = describe_normalization(filter(None, split.texts), vocabulary, normalization)
    if changes:
        yield changes
    unknown = [
        signs for text in filter(None, split.texts) if (signs := vocabulary.find_unknown(text, normalization))
    ]
    if unknown:
        signs = sorted({sign for of_text in unknown for sign in of_text})
        shown = " ".join(signs[:SHOWN_SIGNS]) + " ..." * (len(signs) > SHOWN_SIGNS)
        yield f"{len(unknown)} of {len(split)} transcripts hold signs that the model has no letters for: {shown}"
    if split.field_types:
        fields = ", ".join(f"{name} ({kind})" for name, kind in split.field_types.items())
        yield f"further columns: {fields}"


def statistics_table(title: str, statistics: Sequence[SplitStatistics]) -> rich.table.Table:
    """One row a split."""
    heads = [
        "Split",
        "Utter-\nances",
        "Minutes",
        "Seconds\neach",
        "Speakers",
        "Words",
        "Words\neach",
        "Dale-\nChall",
    ]
    table = make_table(title, heads)
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
