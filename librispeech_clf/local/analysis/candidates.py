"""What the search for slices looks at: categories, ends of numeric columns, pairs, regions of the latent space.

In: the results table. Out: `Candidate` records. Nothing here sees an error, so that a test over all candidates
is a fair one. Columns that rank the utterances alike are one feature, with the plainest name; those without a plain
name (spectral statistics, letter counts) are not looked at, but can be what else differs: each thing looked at costs
power.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.local.analysis.plain_names import (
    LOW_AND_HIGH,
    describe_cut,
    has_plain_name,
    name_category,
    name_end,
)
from librispeech_clf.local.analysis.regions import find_regions
from librispeech_clf.local.analysis.results_table import (
    is_null,
    list_metadata,
    read_categories,
    read_numbers,
    readable_name,
)

if TYPE_CHECKING:
    import pandas as pd

FEWEST_UTTERANCES = 20
FEWEST_SPEAKERS = 3
FEWEST_EFFECTIVE = 2.0
"""Equally frequent speakers that would be as many: fewer are a voice of its own, not a weakness of several."""
SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 1 / 3, 0.4, 0.5, 0.6, 2 / 3, 0.75, 0.8, 0.85, 0.9, 0.95)
SHARES_IN_PAIRS = {"low": (1 / 3, 0.5), "high": (0.5, 2 / 3)}
ALIKE = 0.8
MOST_CELLS = 40_000_000
"""Pairs times utterances that the search takes on; with more it looks at no pair."""
RARE_WORDS = "text_rare_word_share"


@dataclass(frozen=True)
class Condition:
    """A condition that utterances of a slice fulfil.

    Attributes:
        column: of the results table; "latent" for a cluster.
        name: in plain words: "noisy recordings", "women".
        where: exactly: "signal to noise ratio under 12.5 dB", "gender F".
        below: upper bound of a number, exclusive; None where there is none.
        at_least: lower bound of a number; None where there is none.
        equals: the category; None for a number.
        alike: other columns that rank the utterances alike.
    """

    column: str
    name: str
    where: str
    below: float | None = None
    at_least: float | None = None
    equals: str | None = None
    alike: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """Utterances to look at together, or the trend along a numeric column.

    Attributes:
        kind: "category", "number", "pair", "cluster" or "trend".
        conditions: one, or the two of a pair; a trend's has the end it leads to, but no bound.
        scores: float32 (N,): 1 inside, 0 outside; of a trend, the ranks from 0 to 1 towards its end.
    """

    kind: str
    conditions: tuple[Condition, ...]
    scores: np.ndarray


@dataclass(frozen=True)
class Feature:
    """A numeric column with those that rank the utterances alike.

    Attributes:
        column: the plainest of them.
        numbers: float64 (N,), NaN where null.
        alike: the others.
    """

    column: str
    numbers: np.ndarray
    alike: tuple[str, ...]


def list_candidates(scored: pd.DataFrame, blocks: np.ndarray) -> tuple[list[Candidate], str | None]:
    """List everything that the search looks at.

    Args:
        scored: scored utterances with metadata; the column `latent` gives the clusters.
        blocks: int (N,), the speaker of each utterance.

    Returns:
        The candidates, each with at least 20 utterances and 3 speakers inside and outside; why pairs were left
        out, None where they were not.
    """
    features = [item for item in merge_alike(read_features(scored)) if has_plain_name(item.column)]
    trends = [trend for feature in features for trend in _make_trends(feature)]
    ends = [end for feature in features for end in _cut(feature, {"low": SHARES, "high": SHARES})]
    categories = list(_list_categories(scored))
    parts = categories + [end for feature in features for end in _cut(feature, SHARES_IN_PAIRS)]
    singles = _keep_large([*categories, *ends, *_list_regions(scored)], blocks)
    parts = _keep_large(parts, blocks)
    if len(parts) ** 2 / 2 * len(scored) > MOST_CELLS:
        return singles + trends, "too many utterances and metadata to look at pairs"
    return singles + trends + _keep_large(_pair(parts), blocks), None


def read_features(scored: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the numeric columns that vary, float64 (N,) each, and the share of rare words; plain names first."""
    found = {column: read_numbers(scored[column]) for column in list_metadata(scored)}
    found[RARE_WORDS] = measure_rare_words(scored)
    varied = {
        column: numbers
        for column, numbers in found.items()
        if numbers is not None and len(np.unique(numbers[np.isfinite(numbers)])) > 1
    }
    order = [*LOW_AND_HIGH, *varied]
    return {column: varied[column] for column in dict.fromkeys(order) if column in varied}


def measure_rare_words(scored: pd.DataFrame) -> np.ndarray | None:
    """Return the share of an utterance's words that no other place of the references holds, in [0, 1]."""
    if "reference" not in scored.columns:
        return None
    words = [[] if is_null(text) else str(text).split() for text in scored["reference"]]
    counted = Counter(itertools.chain.from_iterable(words))
    return np.array([sum(counted[word] == 1 for word in own) / max(len(own), 1) for own in words])


def merge_alike(features: dict[str, np.ndarray]) -> list[Feature]:
    """Merge columns whose ranks correlate above 0.8, up or down, with an earlier one."""
    ranks = {column: _rank(numbers) for column, numbers in features.items()}
    groups: dict[str, list[str]] = {}
    for column, own in ranks.items():
        leaders = [leader for leader in groups if abs(np.corrcoef(ranks[leader], own)[0, 1]) > ALIKE]
        groups.setdefault(leaders[0] if leaders else column, []).append(column)
    return [Feature(leader, features[leader], tuple(names[1:])) for leader, names in groups.items()]


def _rank(numbers: np.ndarray) -> np.ndarray:
    """Return mid-ranks from 0 to 1; nulls are in the middle."""
    from scipy.stats import rankdata

    ranks = np.full(len(numbers), 0.5)
    present = np.isfinite(numbers)
    ranks[present] = (rankdata(numbers[present]) - 0.5) / present.sum()
    return ranks


def _make_trends(feature: Feature) -> Iterator[Candidate]:
    ranks = _rank(feature.numbers).astype(np.float32)
    for end, scores in (("low", 1 - ranks), ("high", ranks)):
        name = name_end(feature.column, end)
        yield Candidate("trend", (Condition(feature.column, name, name, alike=feature.alike),), scores)


def _cut(feature: Feature, shares: Mapping[str, Sequence[float]]) -> Iterator[Candidate]:
    """Yield both ends of a column, cut at quantiles rounded to three digits."""
    numbers, column = feature.numbers, feature.column
    quantiles = np.quantile(numbers[np.isfinite(numbers)], SHARES)
    cuts = {share: float(f"{value:.3g}") for share, value in zip(SHARES, quantiles, strict=True)}
    for end, wanted in shares.items():
        for cut in dict.fromkeys(cuts[share] for share in wanted):
            inside = numbers < cut if end == "low" else numbers >= cut
            condition = Condition(
                column,
                name_end(column, end),
                describe_cut(column, end, cut),
                below=cut if end == "low" else None,
                at_least=cut if end == "high" else None,
                alike=feature.alike,
            )
            yield Candidate("number", (condition,), inside.astype(np.float32))


def _list_categories(scored: pd.DataFrame) -> Iterator[Candidate]:
    for column in filter(has_plain_name, list_metadata(scored)):
        values = read_categories(scored[column])
        counted = Counter(() if values is None else [value for value in values if value is not None])
        for value in sorted(name for name, count in counted.items() if count >= FEWEST_UTTERANCES):
            where = f"{readable_name(column)} {value}"
            condition = Condition(column, name_category(column, value), where, equals=value)
            yield Candidate("category", (condition,), (values == value).astype(np.float32))


def _list_regions(scored: pd.DataFrame) -> Iterator[Candidate]:
    name = "a region of the latent space"
    for inside in find_regions(scored, smallest=FEWEST_UTTERANCES):
        yield Candidate("cluster", (Condition("latent", name, name),), inside.astype(np.float32))


def _pair(parts: Sequence[Candidate]) -> Iterator[Candidate]:
    for first, second in itertools.combinations(parts, 2):
        if first.conditions[0].column != second.conditions[0].column:
            yield Candidate("pair", first.conditions + second.conditions, first.scores * second.scores)


def _keep_large(candidates: Iterable[Candidate], blocks: np.ndarray) -> list[Candidate]:
    """Keep those with enough utterances and speakers inside and outside."""
    return [
        candidate
        for candidate in candidates
        if all(_is_large(blocks[side]) for side in (candidate.scores > 0, candidate.scores <= 0))
    ]


def _is_large(blocks: np.ndarray) -> bool:
    """Tell whether utterances of these speakers are a slice: many, of several, and not nearly all of one."""
    if len(blocks) < FEWEST_UTTERANCES:
        return False
    counts = np.bincount(blocks)
    effective = len(blocks) ** 2 / np.sum(counts.astype(np.float64) ** 2)
    return bool(np.count_nonzero(counts) >= FEWEST_SPEAKERS and effective >= FEWEST_EFFECTIVE)
