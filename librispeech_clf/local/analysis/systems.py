"""Compare the systems of a run: rates, pairwise paired differences, where they differ, and what all get wrong.

In: one record per system over the same utterances. Out: a `Systems` record. A difference is the second system's rate
minus the first's over the utterances that both recognized; below zero, the second is better. Its test is paired, with
the speaker as the unit: Gillick & Cox, "Some statistical issues in the comparison of speech recognition algorithms",
ICASSP 1989, require independent segments; here a segment is all of a speaker's utterances, because these depend on one
another (Liu & Peng, arXiv:1912.09508); see `rates.compare_paired`. p is corrected by Holm over all pairs, and over the
groups of a pair. The page's script computes the same for what is filtered.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from librispeech_clf.local.analysis.groups import list_groupings
from librispeech_clf.local.analysis.rates import ErrorRate, compare_paired, correct_holm, rate_errors, sum_by
from librispeech_clf.local.analysis.record import UNITS, Record

GROUPED = ("split", "subset", "signal_duration_s")
"""Columns, besides the corpus's own, by which systems are compared."""


@dataclass(frozen=True)
class SystemRate:
    """A system's error rates with intervals over the utterances that it recognized.

    Attributes:
        kinds: numbers of word substitutions, deletions and insertions.
    """

    name: str
    word: ErrorRate
    character: ErrorRate
    kinds: tuple[int, ...]


@dataclass(frozen=True)
class Pair:
    """Two systems, by name, over the utterances that both recognized.

    Attributes:
        difference: second rate minus first rate, with its 95 % interval; None without shared words.
        p_value: two-sided p of equal rates.
        corrected: the same, corrected for the whole family.
        better: number of utterances with fewer errors by the second.
        worse: number of utterances with more.
        column: the column that the group is of; "" for all utterances.
        group: the group's name.
    """

    first: str
    second: str
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    corrected: float | None
    utterances: int
    better: int
    worse: int
    column: str = ""
    group: str = ""


@dataclass(frozen=True)
class Systems:
    """The systems of a run, side by side.

    Attributes:
        rates: rates of each system, the main one first.
        pairs: all pairs of systems.
        characters: the main system and each other one, by characters.
        groups: the main system and each other one, by groups, the largest change first.
        oracle: word error rate of the best system for each utterance; None if no utterance is shared.
        all_wrong: share of the shared utterances that every system gets wrong.
    """

    rates: tuple[SystemRate, ...]
    pairs: tuple[Pair, ...]
    characters: tuple[Pair, ...]
    groups: tuple[Pair, ...]
    oracle: float | None
    all_wrong: float | None


def compare_systems(
    records: Mapping[str, Record], bounds: Mapping[str, Sequence[float]] | None = None
) -> Systems:
    """Compare systems by name; the first, the main one, holds the metadata; `bounds` as for `list_groupings`."""
    names, recordings = list(records), [record.select_recordings() for record in records.values()]
    main = recordings[0].select_scored()
    counted = {unit: align_errors(main, recordings, unit) for unit in UNITS}

    def compare(left: int, right: int, unit: str = "word", at: np.ndarray | slice = slice(None)) -> Pair:
        errors, units = (values[[left, right]][:, at] for values in counted[unit])
        return compare_pair((names[left], names[right]), errors, units, main.blocks[at])

    groupings = list_groupings(main, {**dict.fromkeys(GROUPED, ()), **(bounds or {})})
    groups: list[Pair] = []
    for place in range(1, len(names)):
        of_pair = [
            replace(compare(0, place, at=np.flatnonzero(each.index == code)), column=each.column, group=label)
            for each in groupings
            for code, label in enumerate(each.labels)
        ]
        groups += sorted(correct(of_pair), key=lambda pair: -abs(pair.difference or 0.0))
    errors, words = counted["word"]
    shared = np.flatnonzero(np.isfinite(errors).all(axis=0))
    best = errors[:, shared].argmin(axis=0), shared
    wrong, total = errors[best], words[best].sum()
    rated = set(main.ids.tolist())
    return Systems(
        rates=tuple(_rate(name, each, rated) for name, each in zip(names, recordings, strict=True)),
        pairs=correct([compare(*places) for places in itertools.combinations(range(len(names)), 2)]),
        characters=correct([compare(0, place, "character") for place in range(1, len(names))]),
        groups=tuple(groups),
        oracle=float(wrong.sum() / total) if total else None,
        all_wrong=float((wrong > 0).mean()) if total else None,
    )


def align_errors(
    main: Record, records: Sequence[Record], unit: str = "word"
) -> tuple[np.ndarray, np.ndarray]:
    """Return each record's errors and units in the order of the main one's ids, float64 (S, N), NaN where missing."""
    import pandas as pd

    def align(values: Callable[[Record, str], np.ndarray]) -> np.ndarray:
        own = [pd.Series(values(record, unit), record.ids, float) for record in records]
        return np.stack([series.reindex(main.ids) for series in own])

    return align(Record.errors), align(Record.units)


def compare_pair(names: tuple[str, str], errors: np.ndarray, words: np.ndarray, blocks: np.ndarray) -> Pair:
    """Compare two systems.

    Args:
        names: names of the systems.
        errors: float64 (2, N), errors in each utterance, NaN where a system did not recognize it.
        words: float64 (2, N), reference words, or characters; (N,) where both have the same.
        blocks: int (N,), the speaker of each utterance.
    """
    both = np.isfinite(errors).all(axis=0)
    values = np.concatenate([errors, np.broadcast_to(words, errors.shape)]).T[both]
    sums = sum_by(values, np.unique(blocks[both], return_inverse=True)[1])
    tested = compare_paired(sums[:, :2], sums[:, 2:])
    low, high, p_value = (tested.low, tested.high, tested.p_value) if tested else (None, None, None)
    old, new, *totals = values.sum(axis=0)
    difference = float(new / totals[1] - old / totals[0]) if all(totals) else None
    gained = values[:, 0] - values[:, 1]
    better, worse = int((gained > 0).sum()), int((gained < 0).sum())
    return Pair(*names, difference, low, high, p_value, p_value, len(values), better, worse)


def correct(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Correct the p-values of a family."""
    corrected = correct_holm([pair.p_value for pair in pairs])
    return tuple(replace(pair, corrected=p_value) for pair, p_value in zip(pairs, corrected, strict=True))


def _rate(name: str, recordings: Record, rated: set[str]) -> SystemRate:
    """Rate a system on what the main one recognized; what was not evaluated is in no figure."""
    recordings = recordings.select(np.array([name in rated for name in recordings.ids], bool))
    kinds = recordings.select_scored().counts().sum(axis=0)[1:].astype(int).tolist()
    return SystemRate(name, rate_errors(recordings), rate_errors(recordings, "character"), tuple(kinds))
