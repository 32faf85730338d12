"""Confusions: which words and letters are substituted, deleted and inserted, and which words are hard.

In: the results table's references and hypotheses. Out: a `Confusions` record. The alignments have
the same counts as the error rates, so the totals agree with the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.analysis.intervals import find_blocks, rate_interval
from librispeech_clf.analysis.results_table import is_null
from librispeech_clf.text.alignment import Edit, align_characters, align_words

if TYPE_CHECKING:
    import pandas as pd

MOST_LISTED = 50
LENGTH_BINS = ((1, 2), (3, 4), (5, 6), (7, 8), (9, None))
FREQUENCY_BINS = ((1, 1), (2, 2), (3, 5), (6, 10), (11, 50), (51, None))


@dataclass(frozen=True)
class Confusion:
    """One edit and how often it occurs.

    Attributes:
        reference: the word or character of the reference, None for an insertion.
        hypothesis: that of the hypothesis, None for a deletion.
        count: how often.
        of: how often the reference holds the word or character, 0 for an insertion.
    """

    reference: str | None
    hypothesis: str | None
    count: int
    of: int


@dataclass(frozen=True)
class UnitConfusions:
    """The confusions of words or of characters, most frequent first, at most `MOST_LISTED` each.

    Attributes:
        substitutions: pairs.
        deletions: what the hypotheses lack.
        insertions: what they add.
        substituted: substitutions in all, listed or not.
        deleted: deletions in all.
        inserted: insertions in all.
    """

    substitutions: tuple[Confusion, ...]
    deletions: tuple[Confusion, ...]
    insertions: tuple[Confusion, ...]
    substituted: int
    deleted: int
    inserted: int


@dataclass(frozen=True)
class WordGroup:
    """The reference words of one length or frequency.

    Attributes:
        label: "3 to 4", "9 and over".
        words: reference words in the group.
        errors: those substituted or deleted.
        rate: errors / words, in [0, 1]. Insertions belong to no reference word and are left out.
        low: lower bound of the 95 % interval, with speakers as the unit; None where there is none.
        high: upper bound.
    """

    label: str
    words: int
    errors: int
    rate: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Confusions:
    """What is confused, and how often.

    Attributes:
        words: confusions of words.
        characters: confusions of characters; the space between words is one.
        by_length: reference words by their number of letters.
        by_frequency: reference words by how often the evaluated references hold them.
        utterances: utterances with a reference and a hypothesis.
    """

    words: UnitConfusions
    characters: UnitConfusions
    by_length: tuple[WordGroup, ...]
    by_frequency: tuple[WordGroup, ...]
    utterances: int


def find_confusions(results: pd.DataFrame) -> Confusions:
    """Count the confusions of a results table.

    Args:
        results: the results table; rows without reference or hypothesis are left out.

    Returns:
        The confusions; empty ones for an empty table.
    """
    rows = _find_texts(results)
    texts = list(zip(rows.get("reference", ()), rows.get("hypothesis", ()), strict=True))
    words = [align_words(reference, hypothesis) for reference, hypothesis in texts]
    characters = [align_characters(reference, hypothesis) for reference, hypothesis in texts]
    frequency = _count_references(words)
    return Confusions(
        words=_count_unit(words),
        characters=_count_unit(characters),
        by_length=_rate_words(rows, words, LENGTH_BINS, len),
        by_frequency=_rate_words(rows, words, FREQUENCY_BINS, frequency.__getitem__),
        utterances=len(rows),
    )


def _find_texts(results: pd.DataFrame) -> pd.DataFrame:
    if not {"reference", "hypothesis"} <= set(results.columns):
        return results.iloc[:0]
    present = [
        not is_null(reference) and not is_null(hypothesis)
        for reference, hypothesis in zip(results["reference"], results["hypothesis"], strict=True)
    ]
    return results[np.array(present, dtype=bool)].reset_index(drop=True)


def _count_references(alignments: Sequence[tuple[Edit, ...]]) -> Counter:
    return Counter(edit.reference for edits in alignments for edit in edits if edit.reference is not None)


def _count_unit(alignments: Sequence[tuple[Edit, ...]]) -> UnitConfusions:
    counted: dict[str, Counter] = {
        operation: Counter() for operation in ("equal", "substitute", "delete", "insert")
    }
    for edits in alignments:
        for edit in edits:
            counted[edit.operation][edit.reference, edit.hypothesis] += 1
    frequency = _count_references(alignments)
    listed = {name: _list_most_frequent(counts, frequency) for name, counts in counted.items()}
    return UnitConfusions(
        substitutions=listed["substitute"],
        deletions=listed["delete"],
        insertions=listed["insert"],
        substituted=counted["substitute"].total(),
        deleted=counted["delete"].total(),
        inserted=counted["insert"].total(),
    )


def _list_most_frequent(counts: Counter, frequency: Counter) -> tuple[Confusion, ...]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0][0] or "", item[0][1] or ""))
    return tuple(
        Confusion(reference, hypothesis, count, frequency[reference] if reference is not None else 0)
        for (reference, hypothesis), count in ordered[:MOST_LISTED]
    )


def _rate_words(
    rows: pd.DataFrame,
    alignments: Sequence[tuple[Edit, ...]],
    bins: Sequence[tuple[int, int | None]],
    measure: Callable[[str], int],
) -> tuple[WordGroup, ...]:
    """Rate the reference words by a measure of theirs; groups without words are left out."""
    counts = np.zeros((len(rows), len(bins), 2))
    for row, edits in enumerate(alignments):
        for edit in edits:
            if edit.reference is not None:
                group = _find_bin(measure(edit.reference), bins)
                counts[row, group] += (edit.operation != "equal", 1)
    blocks = find_blocks(rows, fewest=1)
    groups = []
    for number, bounds in enumerate(bins):
        errors, words = counts[:, number].sum(axis=0)
        if words == 0:
            continue
        low, high = rate_interval(counts[:, number], blocks, scale="share")
        groups.append(WordGroup(_label(bounds), int(words), int(errors), float(errors / words), low, high))
    return tuple(groups)


def _find_bin(value: int, bins: Sequence[tuple[int, int | None]]) -> int:
    return max(number for number, (low, _) in enumerate(bins) if value >= low)


def _label(bounds: tuple[int, int | None]) -> str:
    low, high = bounds
    if high is None:
        return f"{low} and over"
    return str(low) if low == high else f"{low} to {high}"
