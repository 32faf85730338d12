"""The candidates that the search for slices tests: categories, tails of numeric columns, pairs, hidden-state clusters.

In: the record of results. Out: `Candidate`s. Nothing here sees an error, so a test over all candidates is fair.
Correlated columns are one feature, with the plainest name; those without a plain name (spectral statistics, letter
counts) are not tested, as every candidate costs power, but can be reported as what else differs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from librispeech_clf.local.analysis.record import label_column
from librispeech_clf.local.analysis.traits import (
    Features,
    has_plain_label,
    label_category,
    label_cut,
    label_tail,
)

FEWEST_UTTERANCES = 20
FEWEST_SPEAKERS = 3
FEWEST_EFFECTIVE = 2.0
"""Smallest effective number of speakers: with fewer, it is a single voice, not a weakness shared by several."""
SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 1 / 3, 0.4, 0.5, 0.6, 2 / 3, 0.75, 0.8, 0.85, 0.9, 0.95)
SHARES_OF_TAILS = {"low": SHARES[:8], "high": SHARES[7:]}
"""At most half of the utterances, except for ties: a larger tail is not a group of its own."""
SHARES_IN_PAIRS = {"low": (1 / 3, 0.5), "high": (0.5, 2 / 3)}
CORRELATED = 0.8
MOST_CATEGORIES = 100
"""Most categories per column, the largest ones: their number must not grow with the corpus, as chapters do."""
MOST_FOR_PAIRS = 20_000
"""Utterances in which pairs are searched for; of more, a sample."""
MOST_CELLS = 40_000_000
"""Pairs times utterances that the search can take; with more, no pair is tested."""


@dataclass(frozen=True)
class Condition:
    """A condition that utterances of a slice fulfill.

    Attributes:
        column: column of the results table; "latent" for a cluster.
        name: name in plain words: "noisy recordings", "women".
        where: exact definition: "signal to noise ratio under 12.5 dB", "gender F".
        correlated: other columns that rank the utterances similarly.
    """

    column: str
    name: str
    where: str
    below: float | None = None
    at_least: float | None = None
    equals: str | None = None
    correlated: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """Utterances to test together, or the trend along a numeric column.

    Attributes:
        kind: "category", "number", "pair", "cluster" or "trend".
        conditions: one, or the two of a pair; a trend's has the tail it leads to, but no bound.
        parts: for each condition, bool (N,), which utterances fulfill it; for a trend, float32 (N,), ranks from 0 to 1
            towards its tail.
    """

    kind: str
    conditions: tuple[Condition, ...]
    parts: tuple[np.ndarray, ...]

    @property
    def scores(self) -> np.ndarray:
        """Return which utterances fulfill all conditions, bool (N,), or a trend's ranks; recomputed each time."""
        return np.logical_and(*self.parts) if len(self.parts) > 1 else self.parts[0]


def list_candidates(
    features: Features,
    blocks: np.ndarray,
    clusters: Mapping[str, np.ndarray],
    fewest: int = FEWEST_UTTERANCES,
) -> tuple[list[Candidate], str | None]:
    """List everything that the search tests.

    Args:
        features: features of the scored utterances.
        blocks: int (N,), the speaker of each utterance.
        clusters: name -> bool (N,), which utterances it holds.
        fewest: smallest number of utterances inside a candidate, and outside it.

    Returns:
        The candidates, each with at least `fewest` utterances and 3 speakers inside and outside; why pairs were left
        out or searched for only in a sample, None otherwise.
    """
    leaders = {name: own for name, own in merge_correlated(features).items() if has_plain_label(name)}
    tails = [tail for name, own in leaders.items() for tail in _cut(features, name, own, SHARES_OF_TAILS)]
    categories = list(_list_categories(features, fewest))
    groups = [
        Candidate("cluster", (Condition("latent", name, name),), (inside,))
        for name, inside in clusters.items()
    ]
    singles = _keep_large([*categories, *tails, *groups], blocks, fewest)
    # A trend is told by its strongest tail: without one it would be a finding of all utterances.
    shown = {(own.conditions[0].column, own.conditions[0].name) for own in singles if own.kind == "number"}
    trends = [
        trend
        for name, own in leaders.items()
        for trend in _make_trends(features, name, own)
        if (name, trend.conditions[0].name) in shown
    ]
    cuts = [tail for name, own in leaders.items() for tail in _cut(features, name, own, SHARES_IN_PAIRS)]
    frequent = (own for own in categories if own.scores.sum() >= SHARES[0] * len(blocks))
    parts = _keep_large([*frequent, *cuts], blocks, fewest)
    if len(parts) ** 2 / 2 * min(len(blocks), MOST_FOR_PAIRS) > MOST_CELLS:
        return singles + trends, "too many metadata columns to search pairs"
    pairs = (
        Candidate("pair", first.conditions + second.conditions, first.parts + second.parts)
        for first, second in itertools.combinations(parts, 2)
        if first.conditions[0].column != second.conditions[0].column
    )
    sampled = f"pairs are searched for in {MOST_FOR_PAIRS:,} of the utterances"
    found = singles + trends + _keep_large(pairs, blocks, fewest)
    return found, sampled if len(blocks) > MOST_FOR_PAIRS else None


def merge_correlated(features: Features) -> dict[str, tuple[str, ...]]:
    """Group columns whose ranks correlate above 0.8, up or down, with an earlier one: leader -> the others."""
    groups: dict[str, list[str]] = {}
    for name in features.ranks:
        leaders = [leader for leader in groups if features.correlation(leader, name) > CORRELATED]
        groups.setdefault(leaders[0] if leaders else name, []).append(name)
    return {leader: tuple(names[1:]) for leader, names in groups.items()}


def _make_trends(features: Features, column: str, correlated: tuple[str, ...]) -> Iterator[Candidate]:
    ranks = features.ranks[column]
    for tail, scores in (("low", 1 - ranks), ("high", ranks)):
        name = label_tail(column, tail)
        yield Candidate("trend", (Condition(column, name, name, correlated=correlated),), (scores,))


def _cut(
    features: Features, column: str, correlated: tuple[str, ...], shares: Mapping[str, Sequence[float]]
) -> Iterator[Candidate]:
    """Yield both tails of a column, cut at quantiles rounded to three digits."""
    numbers = features.numbers[column]
    quantiles = np.quantile(numbers[np.isfinite(numbers)], SHARES)
    cuts = {share: float(f"{value:.3g}") for share, value in zip(SHARES, quantiles, strict=True)}
    for tail, wanted in shares.items():
        for cut in dict.fromkeys(cuts[share] for share in wanted):
            below, at_least = (cut, None) if tail == "low" else (None, cut)
            named = label_tail(column, tail), label_cut(column, tail, cut)
            condition = Condition(column, *named, below, at_least, correlated=correlated)
            yield Candidate("number", (condition,), (numbers < cut if tail == "low" else numbers >= cut,))


def _list_categories(features: Features, fewest: int) -> Iterator[Candidate]:
    for column, speakers in zip(features.categories, features.speakers, strict=True):
        if not has_plain_label(column.name):
            continue
        counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels))
        large = np.flatnonzero((counts >= fewest) & (speakers >= FEWEST_SPEAKERS))
        for code in np.sort(large[np.argsort(-counts[large], kind="stable")[:MOST_CATEGORIES]]):
            value = column.levels[code]
            where = f"{label_column(column.name)} {value}"
            condition = Condition(column.name, label_category(column.name, value), where, equals=value)
            yield Candidate("category", (condition,), (column.codes == code,))


def _keep_large(candidates: Iterable[Candidate], blocks: np.ndarray, fewest: int) -> list[Candidate]:
    """Keep those with enough utterances and speakers inside and outside."""
    totals = np.bincount(blocks)
    kept = []
    for candidate in candidates:
        inside = np.bincount(blocks[candidate.scores], minlength=len(totals))
        if _is_large(inside, fewest) and _is_large(totals - inside, fewest):
            kept.append(candidate)
    return kept


def _is_large(counts: np.ndarray, fewest: int) -> bool:
    """Return whether utterances, counted by speaker, make a slice: many, of several speakers, not nearly all of one."""
    if counts.sum() < fewest or np.count_nonzero(counts) < FEWEST_SPEAKERS:
        return False
    return bool(counts.sum() ** 2 / np.sum(counts.astype(np.float64) ** 2) >= FEWEST_EFFECTIVE)
