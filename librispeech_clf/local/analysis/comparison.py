"""Comparison of two runs over the same utterances, with paired significance tests.

In: two results tables. Out: a `Comparison` record. Differences are second minus first, the first run being the
old one, so below zero the second run is better.

The test is a paired one with the speaker as the unit: Gillick & Cox, "Some statistical issues in the comparison
of speech recognition algorithms", ICASSP 1989, whose segments must be independent, here all utterances of a
speaker, because those of one speaker are not (Liu & Peng, arXiv:1912.09508); see `jackknife`. The probability of
improvement is that of Bisani & Ney, ICASSP 2004, doi:10.1109/ICASSP.2004.1326009, from the same t.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.local.analysis.intervals import ErrorRate, corpus_error_rate, find_blocks
from librispeech_clf.local.analysis.jackknife import compare_paired, sum_blocks
from librispeech_clf.local.analysis.results_table import OPERATIONS, UNITS, count_errors, find_scored, is_null

if TYPE_CHECKING:
    import pandas as pd


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
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    names: tuple[str, str] = ("first", "second"),
) -> Comparison:
    """Compare two results tables over the utterances that both scored.

    Args:
        first: results of the first run.
        second: results of the second run.
        names: of the runs, for messages and headings.

    Returns:
        The comparison.

    Raises:
        ValueError: an utterance occurs twice in a run, the runs share no scored utterance, or their
            references differ.
    """
    left, right = (_index(run, name) for run, name in zip((first, second), names, strict=True))
    scored = [set(run.index) for run in (left, right)]
    shared = [name for name in left.index if name in scored[1]]
    if not shared:
        raise ValueError(
            f"{names[0]} and {names[1]}: two runs can be compared over utterances that both scored; "
            f"received {len(left)} and {len(right)} scored utterances, none shared. "
            "Evaluate the same split with both models."
        )
    only = [
        tuple(name for name in own.index if name not in other)
        for own, other in ((left, scored[1]), (right, scored[0]))
    ]
    left, right = left.loc[shared].reset_index(), right.loc[shared].reset_index()
    _check_references(left, right, names)
    units = {unit: _compare_unit(left, right, unit) for unit in UNITS}
    better, worse, unchanged = _list_changes(left, right)
    word = units["word"]
    if word is None:  # `find_scored` kept rows with word counts only
        raise ValueError(f"{names[0]} and {names[1]}: the tables hold no word counts.")
    return Comparison(names, word, units["character"], better, worse, unchanged, only[0], only[1], SOURCES)


def _index(run: pd.DataFrame, name: str) -> pd.DataFrame:
    if "utterance_id" not in run.columns:
        return run.iloc[:0]
    scored = find_scored(run)
    twice = scored["utterance_id"][scored["utterance_id"].duplicated()]
    if len(twice):
        raise ValueError(f"{name}: an utterance may occur once; received {twice.iloc[0]!r} more than once.")
    return scored.set_index("utterance_id")


def _check_references(left: pd.DataFrame, right: pd.DataFrame, names: tuple[str, str]) -> None:
    if "reference" in left.columns and "reference" in right.columns:
        pairs = zip(left["utterance_id"], left["reference"], right["reference"], strict=True)
        differing = [(name, a, b) for name, a, b in pairs if not is_null(a) and not is_null(b) and a != b]
    else:
        words = [count_errors(run)[1] for run in (left, right)]
        rows = zip(left["utterance_id"], *words, strict=True)
        differing = [(name, f"{a:g} words", f"{b:g} words") for name, a, b in rows if a != b]
    if differing:
        name, a, b = differing[0]
        raise ValueError(
            f"{name}: two runs can be compared over the same references; received {a!r} in {names[0]} and "
            f"{b!r} in {names[1]} ({len(differing)} utterances differ). Evaluate both on the same corpus."
        )


def _compare_unit(left: pd.DataFrame, right: pd.DataFrame, unit: str) -> UnitComparison | None:
    if any(len(find_scored(run, unit=unit)) < len(run) for run in (left, right)):
        return None
    first, second = (corpus_error_rate(run, unit=unit) for run in (left, right))
    errors, units = count_errors(left, unit=unit)
    change = count_errors(right, unit=unit)[0] - errors
    blocks = find_blocks(left, fewest=1)
    sums = sum_blocks(np.stack([change, units], axis=1), blocks.index, blocks.count)
    tested = compare_paired(*sums.T)
    low, high, p_value, improved = (None,) * 4 if tested is None else astuple(tested)
    changes = {name: int(right[f"{unit}_{name}"].sum() - left[f"{unit}_{name}"].sum()) for name in OPERATIONS}
    difference = None if first.rate is None or second.rate is None else second.rate - first.rate
    return UnitComparison(
        first, second, difference, low, high, p_value, improved, blocks.resampled, blocks.note, changes
    )


def _list_changes(
    left: pd.DataFrame, right: pd.DataFrame
) -> tuple[tuple[Change, ...], tuple[Change, ...], int]:
    (first, words), (second, _) = count_errors(left), count_errors(right)
    rows = zip(left["utterance_id"], first, second, words, strict=True)
    changes = [Change(str(name), int(a), int(b), int(n)) for name, a, b, n in rows if a != b]
    changes.sort(key=lambda change: (-abs(change.second - change.first), change.utterance_id))
    better = tuple(change for change in changes if change.second < change.first)
    worse = tuple(change for change in changes if change.second > change.first)
    return better, worse, len(left) - len(changes)
