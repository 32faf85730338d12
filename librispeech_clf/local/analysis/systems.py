"""Compare the systems of a run: rates, paired differences of every two, where they differ, and what all get wrong.

In: one record per system over the same utterances. Out: a `Systems` record. A difference is the second system's rate
minus the first's over the utterances that both recognized, below zero: the second is better. Its test is paired, with
the speaker as the unit: Gillick & Cox, "Some statistical issues in the comparison of speech recognition algorithms",
ICASSP 1989, whose segments must be independent, here all utterances of a speaker, because those of one are not (Liu &
Peng, arXiv:1912.09508); see `rates.compare_paired`. p is corrected by Holm over all pairs, and over the groups of a
pair. The page's script computes the same for what is filtered.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from librispeech_clf.local.analysis.groups import bin_by_quantiles
from librispeech_clf.local.analysis.rates import ErrorRate, compare_paired, correct_holm, rate_errors, sum_by
from librispeech_clf.local.analysis.record import UNITS, Record

MOST_LEVELS = 12
"""Of a column whose categories are compared."""
LENGTH, LENGTHS = "signal_duration_s", 5


@dataclass(frozen=True)
class SystemRate:
    """A system's errors.

    Attributes:
        name: of the system.
        word: its word error rate with interval, over the utterances that it recognized.
        character: likewise.
        substitutions: words.
        deletions: words.
        insertions: words.
    """

    name: str
    word: ErrorRate
    character: ErrorRate
    substitutions: int
    deletions: int
    insertions: int


@dataclass(frozen=True)
class Pair:
    """Two systems over the same utterances.

    Attributes:
        first: name of the first system.
        second: name of the second one.
        difference: second rate minus first rate; None without shared words.
        low: lower bound of its 95 % interval; None where there is none.
        high: upper bound.
        p_value: two-sided, that both have the same rate.
        corrected: the same for the whole family.
        probability: that the second has the lower rate (Bisani & Ney 2004, doi:10.1109/ICASSP.2004.1326009).
        utterances: that both recognized.
        better: utterances with fewer errors by the second.
        worse: utterances with more.
        column: whose group it is; "" for all utterances.
        group: the group's name.
    """

    first: str
    second: str
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    corrected: float | None
    probability: float | None
    utterances: int
    better: int
    worse: int
    column: str = ""
    group: str = ""


@dataclass(frozen=True)
class Systems:
    """The systems of a run beside each other.

    Attributes:
        rates: of each system, the main one first.
        pairs: every two systems.
        characters: the main system and each other one, by characters.
        groups: the main system and each other one, by groups, the largest change first.
        oracle: word error rate of the best system of each utterance; None where no utterance is shared.
        all_wrong: share of the shared utterances that every system gets wrong.
    """

    rates: tuple[SystemRate, ...]
    pairs: tuple[Pair, ...]
    characters: tuple[Pair, ...]
    groups: tuple[Pair, ...]
    oracle: float | None
    all_wrong: float | None


def compare_systems(records: Mapping[str, Record]) -> Systems:
    """Compare systems, by name; the first is the main one, which holds the metadata."""
    names, recordings = list(records), [record.select_recordings() for record in records.values()]
    main = recordings[0].select_scored()
    (errors, words), letters = (align_errors(main, recordings, unit) for unit in UNITS)
    others = range(1, len(names))

    def pair(left: int, right: int, at: np.ndarray | slice = slice(None)) -> Pair:
        both = [left, right]
        chosen = errors[both][:, at], words[both][:, at], main.blocks[at]
        return compare_pair((names[left], names[right]), *chosen)

    groups: list[Pair] = []
    for place in others:
        of_pair = [
            replace(pair(0, place, at), column=name, group=level) for name, level, at in list_groups(main)
        ]
        groups += sorted(correct(of_pair), key=lambda pair: -abs(pair.difference or 0.0))
    by_letters = [
        compare_pair((names[0], names[place]), letters[0][[0, place]], letters[1][[0, place]], main.blocks)
        for place in others
    ]
    shared = np.flatnonzero(np.isfinite(errors).all(axis=0))
    best = errors[:, shared].argmin(axis=0), shared
    wrong, total = errors[best], words[best].sum()
    return Systems(
        rates=tuple(map(_rate, names, recordings)),
        pairs=correct([pair(*places) for places in itertools.combinations(range(len(names)), 2)]),
        characters=correct(by_letters),
        groups=tuple(groups),
        oracle=float(wrong.sum() / total) if total else None,
        all_wrong=float((wrong > 0).mean()) if total else None,
    )


def align_errors(
    main: Record, records: Sequence[Record], unit: str = "word"
) -> tuple[np.ndarray, np.ndarray]:
    """Return each record's errors and units by the main one's ids, each float64 (S, N), NaN where it has none."""
    rows = {name: row for row, name in enumerate(main.ids)}
    errors, units = np.full((2, len(records), len(rows)), np.nan)
    for place, record in enumerate(records):
        at = [(rows[name], row) for row, name in enumerate(record.ids) if name in rows]
        to, of = np.array(at, int).reshape(-1, 2).T
        errors[place, to], units[place, to] = record.errors(unit)[of], record.units(unit)[of]
    return errors, units


def compare_pair(names: tuple[str, str], errors: np.ndarray, words: np.ndarray, blocks: np.ndarray) -> Pair:
    """Compare two systems.

    Args:
        names: of the systems.
        errors: float64 (2, N), of each utterance, NaN where a system did not recognize it.
        words: float64 (2, N), reference words, or characters; (N,) where both have the same.
        blocks: int (N,), the speaker of each utterance.
    """
    both = np.isfinite(errors).all(axis=0)
    values = np.concatenate([errors, np.broadcast_to(words, errors.shape)]).T[both]
    sums = sum_by(values, np.unique(blocks[both], return_inverse=True)[1].reshape(-1))
    tested = compare_paired(sums[:, :2], sums[:, 2:])
    old, new, *totals = values.sum(axis=0)
    low, high, p_value, probability = None, None, None, None
    if tested is not None:
        low, high, p_value, probability = tested.low, tested.high, tested.p_value, tested.probability
    difference = float(new / totals[1] - old / totals[0]) if all(totals) else None
    better, worse = (int((sign * (values[:, 1] - values[:, 0]) > 0).sum()) for sign in (-1, 1))
    return Pair(*names, difference, low, high, p_value, p_value, probability, len(values), better, worse)


def correct(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Correct the p-values of a family."""
    corrected = correct_holm([pair.p_value for pair in pairs])
    return tuple(replace(pair, corrected=p_value) for pair, p_value in zip(pairs, corrected, strict=True))


def list_groups(record: Record) -> list[tuple[str, str, np.ndarray]]:
    """Return the groups that systems are compared by: column, name, and int (M,) rows.

    They are the categories of each column with 2 to 12 of them, and durations in five groups of one size.
    """
    groups = []
    for name in ["subset", "split", *record.metadata]:
        column = record.column(name)
        if column is None or name.startswith("text_"):  # its categories are letters
            continue
        codes, levels = column.codes, column.levels
        if name == LENGTH and column.numbers is not None:
            bins = bin_by_quantiles(column.numbers, count=LENGTHS)
            codes, levels = bins.index, bins.labels
        present = np.unique(codes[codes >= 0])
        if 2 <= len(present) <= MOST_LEVELS:
            groups += [(name, levels[code], np.flatnonzero(codes == code)) for code in present]
    return groups


def _rate(name: str, recordings: Record) -> SystemRate:
    counts = recordings.select_scored().counts().sum(axis=0)
    rates = rate_errors(recordings), rate_errors(recordings, "character")
    return SystemRate(name, *rates, *(int(count) for count in counts[1:]))
