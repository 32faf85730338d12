"""Command `describe-corpus`: a table of what each split of the configured corpus holds.

In: the configured corpus. Out: utterances, minutes, speakers by gender, words and readability, printed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from librispeech_clf.audio.reading import measure_length
from librispeech_clf.configuration import load_configuration
from librispeech_clf.corpus.load import load_split
from librispeech_clf.corpus.schema import Split, Utterance
from librispeech_clf.metadata.readability import readability_metadata
from librispeech_clf.text.plain_text import print_plain
from librispeech_clf.text.vocabulary import STRICT, describe_normalization, normalize_transcript

if TYPE_CHECKING:
    import rich.table


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
        normalization: How much text normalisation took out of the transcripts; None: nothing.
        unreadable: Why recordings cannot be read; their lengths are left out.
    """

    name: str
    utterances: int
    seconds: tuple[float, ...]
    speakers: dict[str, int]
    words: tuple[int, ...]
    readability: tuple[float, ...]
    normalization: str | None = None
    unreadable: tuple[str, ...] = ()


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the command."""
    import rich.console

    parser = argparse.ArgumentParser(prog="describe-corpus", description="Describe the splits of the corpus.")
    parser.add_argument(
        "--source", help="sample, openslr, huggingface or files (default: the configured one)"
    )
    parser.add_argument("--root", help="folder of the data (default: the configured one)")
    options = parser.parse_args(arguments)
    configuration = load_configuration().with_corpus(source=options.source, root=options.root)
    corpus, normalization = configuration.corpus, configuration.text.normalize
    statistics, missing = [], []
    for state in corpus.subsets_by_state:
        try:
            statistics.append(describe_split(load_split(corpus, state), normalization))
        except FileNotFoundError as error:
            missing.append(f"{state}: {error}")
    if statistics:
        rich.console.Console().print(statistics_table(f"Corpus, source {corpus.source}", statistics))
    changes = [f"{split.name}: {split.normalization}" for split in statistics if split.normalization]
    unreadable = [f"{split.name}: {reason}" for split in statistics for reason in split.unreadable]
    for line in [*changes, *missing, *unreadable]:
        print_plain(line)
    if unreadable or not statistics:
        raise SystemExit(1)


def describe_split(split: Split, normalization: str = STRICT) -> SplitStatistics:
    """Count what a split holds; decodes only recordings whose header does not tell their length."""
    utterances = [split.utterance(utterance_id) for utterance_id in split.ids]
    genders: dict[str, str] = {}
    for utterance in utterances:
        speaker = split.speaker(utterance)
        genders[utterance.speaker_id] = (speaker.gender if speaker else None) or "?"
    seconds, unreadable = measure_lengths(utterances)
    texts = [normalize_transcript(utterance.text, normalization) for utterance in utterances]
    scores = [readability_metadata(text)["dale_chall_score"] for text in texts]
    return SplitStatistics(
        name=split.name,
        utterances=len(utterances),
        seconds=seconds,
        speakers={gender: list(genders.values()).count(gender) for gender in sorted(set(genders.values()))},
        words=tuple(len(text.split()) for text in texts),
        readability=tuple(score for score in scores if score is not None),
        normalization=describe_normalization(split.texts, normalization),
        unreadable=unreadable,
    )


def measure_lengths(utterances: Iterable[Utterance]) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Lengths in s of the recordings that can be read, and the reasons why others cannot."""
    seconds, unreadable = [], []
    for utterance in utterances:
        try:
            seconds.append(measure_length(utterance))
        except (OSError, ValueError) as error:
            unreadable.append(str(error))
    return tuple(seconds), tuple(unreadable)


def statistics_table(title: str, statistics: Sequence[SplitStatistics]) -> rich.table.Table:
    """One row a split."""
    import rich.box
    import rich.table

    table = rich.table.Table(title=title, box=rich.box.SIMPLE, pad_edge=False)
    table.add_column("Split", no_wrap=True)
    for head in (
        "Utter-\nances",
        "Minutes",
        "Seconds\neach",
        "Speakers",
        "Words",
        "Words\neach",
        "Dale-\nChall",
    ):
        table.add_column(head, justify="right", no_wrap=True)
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
    main()
