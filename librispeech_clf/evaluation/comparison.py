"""Comparison of two runs over the same utterances, with paired significance tests.

In: two results tables. Out: a `Comparison` record. Differences are second minus first, so below zero the
second run is better.

Sources: paired bootstrap and probability of improvement, Bisani & Ney, ICASSP 2004,
doi:10.1109/ICASSP.2004.1326009, here resampling speakers as Liu & Peng, arXiv:1912.09508, advise for
dependent utterances; matched pairs, Gillick & Cox, "Some statistical issues in the comparison of speech
recognition algorithms", ICASSP 1989, as in the test `mapsswe` of NIST's SCTK (sc_stats), here with whole
utterances as segments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.evaluation.intervals import (
    REPLICATES,
    ErrorRate,
    corpus_error_rate,
    find_blocks,
    percentile_interval,
    resample_sums,
)
from librispeech_clf.evaluation.results_table import OPERATIONS, UNITS, count_errors, find_scored, is_null

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class MatchedPairs:
    """The matched-pairs test on the errors of each utterance.

    Attributes:
        segments: number of utterances.
        mean: mean difference of errors per utterance, second minus first.
        score: mean / (standard deviation / sqrt(segments)), standard normal without a difference.
        p_value: two-sided; None with fewer than two utterances.
    """

    segments: int
    mean: float
    score: float
    p_value: float | None


@dataclass(frozen=True)
class UnitComparison:
    """Two runs compared by words or by characters.

    Attributes:
        first: corpus rate of the first run, over the shared utterances.
        second: the same of the second run.
        difference: second rate minus first rate.
        low: lower bound of its 95 % interval (paired bootstrap); None where nothing can be resampled.
        high: upper bound.
        p_bootstrap: two-sided, from the share of replicates beyond zero; None where nothing can be resampled.
        probability_of_improvement: share of replicates in which the second run has fewer errors, in [0, 1].
        resampled: "speakers", "utterances" or "nothing".
        matched_pairs: the matched-pairs test.
        changes: second minus first of the summed "substitutions", "deletions", "insertions" and "hits".
    """

    first: ErrorRate
    second: ErrorRate
    difference: float | None
    low: float | None
    high: float | None
    p_bootstrap: float | None
    probability_of_improvement: float | None
    resampled: str
    matched_pairs: MatchedPairs
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
    "paired bootstrap: Bisani & Ney 2004, doi:10.1109/ICASSP.2004.1326009; speakers: arXiv:1912.09508",
    "matched pairs: Gillick & Cox 1989, whole utterances as segments",
)


def compare_runs(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    names: tuple[str, str] = ("first", "second"),
    seed: int = 0,
    replicates: int = REPLICATES,
) -> Comparison:
    """Compare two results tables over the utterances that both scored.

    Args:
        first: results of the first run.
        second: results of the second run.
        names: of the runs, for messages and headings.
        seed: of the bootstrap.
        replicates: bootstrap replicates.

    Returns:
        The comparison.

    Raises:
        ValueError: an utterance occurs twice in a run, the runs share no scored utterance, or their
            references differ.
    """
    left, right = (_index(run, name) for run, name in zip((first, second), names, strict=True))
    shared = [name for name in left.index if name in set(right.index)]
    if not shared:
        raise ValueError(
            f"{names[0]} and {names[1]}: two runs can be compared over utterances that both scored; "
            f"received {len(left)} and {len(right)} scored utterances, none shared. "
            "Evaluate the same split with both models."
        )
    only = [
        tuple(name for name in own.index if name not in set(other.index))
        for own, other in ((left, right), (right, left))
    ]
    left, right = left.loc[shared].reset_index(), right.loc[shared].reset_index()
    _check_references(left, right, names)
    units = {unit: _compare_unit(left, right, unit, seed, replicates) for unit in UNITS}
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


def _compare_unit(
    left: pd.DataFrame, right: pd.DataFrame, unit: str, seed: int, replicates: int
) -> UnitComparison | None:
    if any(len(find_scored(run, unit=unit)) < len(run) for run in (left, right)):
        return None
    first, second = (
        corpus_error_rate(run, unit=unit, seed=seed, replicates=replicates) for run in (left, right)
    )
    errors, units = count_errors(left, unit=unit)
    change = count_errors(right, unit=unit)[0] - errors
    blocks = find_blocks(left)
    low = high = p_value = improved = None
    if blocks.resampled != "nothing" and units.sum() > 0:
        drawn = resample_sums(np.stack([change, units], axis=1), blocks, seed=seed, replicates=replicates)
        drawn = drawn[drawn[:, 1] > 0]
        low, high = percentile_interval(drawn[:, 0] / drawn[:, 1])
        p_value, improved = _read_bootstrap(drawn[:, 0])
    changes = {name: int(right[f"{unit}_{name}"].sum() - left[f"{unit}_{name}"].sum()) for name in OPERATIONS}
    difference = None if first.rate is None or second.rate is None else second.rate - first.rate
    tested = compare_matched_pairs(change)
    return UnitComparison(
        first, second, difference, low, high, p_value, improved, blocks.resampled, tested, changes
    )


def _read_bootstrap(drawn: np.ndarray) -> tuple[float, float]:
    """Return the two-sided p-value and the probability of improvement; ties count half towards the latter."""
    count = len(drawn)
    tail = min((drawn <= 0).sum(), (drawn >= 0).sum())
    improved = ((drawn < 0).sum() + 0.5 * (drawn == 0).sum()) / count
    return float(min(1.0, 2 * (tail + 1) / (count + 1))), float(improved)


def compare_matched_pairs(changes: np.ndarray) -> MatchedPairs:
    """Test whether two runs make as many errors, by the differences of matched segments.

    Args:
        changes: float64 (N,), errors of the second run minus errors of the first, per segment.

    Returns:
        The test. Without any variation the p-value is 1 for no change and 0 for the same change everywhere.
    """
    from scipy.stats import norm

    count = len(changes)
    mean = float(changes.mean()) if count else 0.0
    if count < 2:
        return MatchedPairs(count, mean, 0.0, None)
    deviation = float(changes.std(ddof=1))
    if deviation == 0:
        return MatchedPairs(count, mean, 0.0, 1.0 if mean == 0 else 0.0)
    score = mean / (deviation / count**0.5)
    return MatchedPairs(count, mean, score, float(2 * norm.sf(abs(score))))


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
