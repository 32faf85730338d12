"""Comparison of two runs over the same utterances, with paired significance tests.

In: two records of results. Out: a `Comparison`. Differences are second minus first, the first run being the old one, so
below zero the second run is better.

The test is a paired one with the speaker as the unit: Gillick & Cox, "Some statistical issues in the comparison
of speech recognition algorithms", ICASSP 1989, whose segments must be independent, here all utterances of a
speaker, because those of one speaker are not (Liu & Peng, arXiv:1912.09508); see `rates`. The probability of
improvement is that of Bisani & Ney, ICASSP 2004, doi:10.1109/ICASSP.2004.1326009, from the same t.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from librispeech_clf.local.analysis.rates import (
    ErrorRate,
    compare_paired,
    explain_blocks,
    rate_errors,
    sum_by,
)
from librispeech_clf.local.analysis.record import OPERATIONS, Record


@dataclass(frozen=True)
class UnitComparison:
    """Two runs compared by words or by characters.

    Attributes:
        first: corpus rate of the first run, over the shared utterances.
        second: the same of the second run.
        difference: second rate minus first rate.
        low: lower bound of its 95 % interval; None with a single speaker or utterance.
        high: upper bound.
        p_value: two-sided, that both runs have the same error rate; None where there is no interval.
        probability_of_improvement: that the second run has the lower error rate, in [0, 1].
        resampled: the unit of the test: "speakers", "utterances" or "nothing".
        note: why there is no test, or what it lacks; None otherwise.
        changes: second minus first of the summed "substitutions", "deletions", "insertions" and "hits".
    """

    first: ErrorRate
    second: ErrorRate
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    probability_of_improvement: float | None
    resampled: str
    note: str | None
    changes: dict[str, int]


@dataclass(frozen=True)
class Change:
    """One utterance whose number of word errors changed.

    Attributes:
        utterance_id: the utterance.
        first: its word errors in the first run.
        second: its word errors in the second run.
        words: its reference words.
    """

    utterance_id: str
    first: int
    second: int
    words: int


@dataclass(frozen=True)
class Comparison:
    """Two runs over the same utterances.

    Attributes:
        names: of the runs.
        word: compared by words.
        character: compared by characters; None when a table lacks the counts.
        better: utterances with fewer word errors in the second run, largest change first.
        worse: utterances with more.
        unchanged: number of utterances with as many.
        only_first: utterances that only the first run scored.
        only_second: utterances that only the second run scored.
        sources: of the tests, in words.
    """

    names: tuple[str, str]
    word: UnitComparison
    character: UnitComparison | None
    better: tuple[Change, ...]
    worse: tuple[Change, ...]
    unchanged: int
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    sources: tuple[str, ...]


SOURCES = (
    "matched pairs by speaker: Gillick & Cox 1989; speakers: arXiv:1912.09508",
    "probability of improvement: Bisani & Ney 2004, doi:10.1109/ICASSP.2004.1326009",
)


def compare_runs(
    first: Record, second: Record, *, names: tuple[str, str] = ("first", "second")
) -> Comparison:
    """Compare two runs over the utterances that both scored.

    Args:
        first: results of the first run.
        second: results of the second run.
        names: of the runs, for messages and headings.

    Raises:
        ValueError: an utterance occurs twice in a run, the runs share no scored utterance, or their
            references differ.
    """
    left, right = (_select_unique(run, name) for run, name in zip((first, second), names, strict=True))
    places = {name: place for place, name in enumerate(right.ids)}
    shared = np.array([name in places for name in left.ids], bool)
    if not shared.any():
        raise ValueError(
            f"{names[0]} and {names[1]}: two runs can be compared over utterances that both scored; "
            f"received {len(left)} and {len(right)} scored utterances, none shared. "
            "Evaluate the same split with both models."
        )
    known = set(left.ids)
    only = tuple(left.ids[~shared]), tuple(name for name in right.ids if name not in known)
    left = left.select(shared)
    right = right.select(np.array([places[name] for name in left.ids], int))
    _check_references(left, right, names)
    word = _compare_unit(left, right, "word")
    # A character count is missing where a table was made without them.
    has_letters = all(np.isfinite(run.counts("character")).all() for run in (left, right))
    character = _compare_unit(left, right, "character") if has_letters else None
    rows = zip(left.ids, left.errors(), right.errors(), left.units(), strict=True)
    changes = [Change(str(name), int(a), int(b), int(n)) for name, a, b, n in rows if a != b]
    changes.sort(key=lambda change: (-abs(change.second - change.first), change.utterance_id))
    better = tuple(change for change in changes if change.second < change.first)
    worse = tuple(change for change in changes if change.second > change.first)
    return Comparison(names, word, character, better, worse, len(left) - len(changes), *only, SOURCES)


def _select_unique(run: Record, name: str) -> Record:
    scored = run.select_scored()
    distinct, counts = np.unique(scored.ids.astype(str), return_counts=True)
    if (counts > 1).any():
        twice = str(distinct[counts > 1][0])
        raise ValueError(f"{name}: an utterance may occur once; received {twice!r} more than once.")
    return scored


def _check_references(left: Record, right: Record, names: tuple[str, str]) -> None:
    if "reference" in left.names and "reference" in right.names:
        pairs = zip(left.ids, left.texts("reference"), right.texts("reference"), strict=True)
        differing = [(name, a, b) for name, a, b in pairs if None not in (a, b) and a != b]
    else:
        rows = zip(left.ids, left.units(), right.units(), strict=True)
        differing = [(name, f"{a:g} words", f"{b:g} words") for name, a, b in rows if a != b]
    if differing:
        name, a, b = differing[0]
        raise ValueError(
            f"{name}: two runs can be compared over the same references; received {a!r} in {names[0]} and "
            f"{b!r} in {names[1]} ({len(differing)} utterances differ). Evaluate both on the same corpus."
        )


def _compare_unit(left: Record, right: Record, unit: str) -> UnitComparison:
    first, second = rate_errors(left, unit), rate_errors(right, unit)
    changed = right.errors(unit) - left.errors(unit)
    sums = sum_by(np.stack([changed, right.units(unit)], axis=1), right.blocks)
    tested = compare_paired(*sums.T)
    totals = (right.counts(unit) - left.counts(unit)).sum(axis=0)
    changes = {name: int(total) for name, total in zip(OPERATIONS, totals, strict=True)}
    difference = None if first.rate is None or second.rate is None else second.rate - first.rate
    resampled, note = explain_blocks(second.speakers, len(sums))
    return UnitComparison(
        first=first,
        second=second,
        difference=difference,
        low=tested.low if tested else None,
        high=tested.high if tested else None,
        p_value=tested.p_value if tested else None,
        probability_of_improvement=tested.probability if tested else None,
        resampled=resampled,
        note=note,
        changes=changes,
    )
