"""Traits of a group of utterances: the metadata that set it apart from the others.

In: the results table and which rows belong to the group. Out: `MetadataCorrelation`s, the largest effect first.

Sources: Cliff, "Dominance statistics", Psychological Bulletin 114, 1993; the bound of a negligible effect, 0.147,
Romano et al., 2006; Mann & Whitney 1947; Fisher's exact test.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.local.analysis.results_table import (
    list_metadata,
    physical_unit,
    read_categories,
    read_numbers,
    readable_name,
)
from librispeech_clf.local.analysis.significance import correct_holm

if TYPE_CHECKING:
    import pandas as pd

METADATA_ALPHA = 0.01
NEGLIGIBLE_EFFECT = 0.147
NAMED_IN_SENTENCE = 4
ALIKE = 0.9


@dataclass(frozen=True)
class MetadataCorrelation:
    """A metadata column (or one value of it) that sets a cluster apart.

    Attributes:
        column: the column of the results table.
        name: its name in words.
        kind: "numeric" or "categorical".
        direction: "higher" or "lower" for numbers, "more" for categories.
        value: the category, None for numbers.
        effect: Cliff's delta in [-1, 1]: the chance that a value inside is above one outside, minus the
            reverse; for a category, the share inside minus the share outside.
        inside: median inside, or share of the category inside, in [0, 1].
        outside: the same outside.
        enrichment: share inside / share outside, None for numbers or where the share outside is 0.
        unit: physical unit of the medians, None for a plain number.
        p_value: Mann-Whitney U test, two-sided, or Fisher's exact test, one-sided.
        p_corrected: by Holm's procedure over everything tested for the cluster.
        named: whether the cluster's sentence names it: among the best, and not just another spelling of a
            better one.
        phrase: in words: "gender F", "higher spectral centroid".
    """

    column: str
    name: str
    kind: str
    direction: str
    value: str | None
    effect: float
    inside: float
    outside: float
    enrichment: float | None
    unit: str | None
    p_value: float
    p_corrected: float
    named: bool
    phrase: str


def correlate_metadata(results: pd.DataFrame, inside: np.ndarray) -> tuple[MetadataCorrelation, ...]:
    """Find the metadata that set some utterances apart from the others.

    Numbers are compared by Mann-Whitney's U and Cliff's delta, categories by Fisher's exact test of each
    value that is more frequent inside. p-values describe the utterances at hand: they take utterances as
    independent, so a speaker's own traits count once per utterance.

    Args:
        results: the rows, with metadata columns or without.
        inside: bool (N,), the utterances to set apart.

    Returns:
        What is significant at 1 % after Holm's correction over everything tested and not negligible (|Cliff's
        delta| at least 0.147), largest effect first.
    """
    found = [item for column in list_metadata(results) for item in _correlate(results[column], inside)]
    corrected = correct_holm([item.p_value for item in found])
    kept = [
        replace(item, p_corrected=p)
        for item, p in zip(found, corrected, strict=True)
        if p is not None and p < METADATA_ALPHA and abs(item.effect) >= NEGLIGIBLE_EFFECT
    ]
    kept.sort(key=lambda item: (-abs(item.effect), item.p_corrected, item.column))
    return _choose_named(results, kept)


def _correlate(column: pd.Series, inside: np.ndarray) -> list[MetadataCorrelation]:
    numbers = read_numbers(column)
    if numbers is not None:
        return _correlate_numbers(str(column.name), numbers, inside)
    categories = read_categories(column)
    return [] if categories is None else _correlate_categories(str(column.name), categories, inside)


def _correlate_numbers(column: str, numbers: np.ndarray, inside: np.ndarray) -> list[MetadataCorrelation]:
    from scipy.stats import mannwhitneyu

    present = np.isfinite(numbers)
    within, without = numbers[present & inside], numbers[present & ~inside]
    if min(len(within), len(without)) == 0 or np.ptp(numbers[present]) == 0:
        return []
    test = mannwhitneyu(within, without, alternative="two-sided", method="asymptotic")
    effect = float(2 * test.statistic / (len(within) * len(without)) - 1)
    direction = "higher" if effect > 0 else "lower"
    return [
        MetadataCorrelation(
            column=column,
            name=readable_name(column),
            kind="numeric",
            direction=direction,
            value=None,
            effect=effect,
            inside=float(np.median(within)),
            outside=float(np.median(without)),
            enrichment=None,
            unit=physical_unit(column),
            p_value=float(test.pvalue),
            p_corrected=1.0,
            named=False,
            phrase=f"{direction} {readable_name(column).removesuffix(' mean').removesuffix(' median')}",
        )
    ]


def _correlate_categories(column: str, values: np.ndarray, inside: np.ndarray) -> list[MetadataCorrelation]:
    present = np.array([value is not None for value in values], dtype=bool)
    within, without = Counter(values[present & inside]), Counter(values[present & ~inside])
    if len(set(within) | set(without)) < 2 or not within or not without:
        return []
    return [
        _correlate_category(column, value, within, without)
        for value in sorted(within)
        if within[value] >= 3 and within[value] / within.total() > without[value] / without.total()
    ]


def _correlate_category(column: str, value: str, within: Counter, without: Counter) -> MetadataCorrelation:
    from scipy.stats import fisher_exact

    table = [
        [within[value], within.total() - within[value]],
        [without[value], without.total() - without[value]],
    ]
    share, share_outside = within[value] / within.total(), without[value] / without.total()
    return MetadataCorrelation(
        column=column,
        name=readable_name(column),
        kind="categorical",
        direction="more",
        value=value,
        effect=share - share_outside,
        inside=share,
        outside=share_outside,
        enrichment=share / share_outside if share_outside else None,
        unit=None,
        p_value=float(fisher_exact(table, alternative="greater").pvalue),
        p_corrected=1.0,
        named=False,
        phrase=f"{readable_name(column)} {value}",
    )


def _choose_named(results: pd.DataFrame, kept: list[MetadataCorrelation]) -> tuple[MetadataCorrelation, ...]:
    """Mark the best few that are not another spelling of a better one (|rank correlation| at most 0.9)."""
    named: list[np.ndarray] = []
    marked = []
    for item in kept:
        values = _rank(results[item.column], item.value)
        fresh = len(named) < NAMED_IN_SENTENCE and not any(_are_alike(values, other) for other in named)
        if fresh:
            named.append(values)
        marked.append(replace(item, named=fresh))
    return tuple(marked)


def _rank(column: pd.Series, value: str | None) -> np.ndarray:
    from scipy.stats import rankdata

    numbers = read_numbers(column) if value is None else None
    if numbers is None:
        categories = read_categories(column)
        return np.array([float(category == value) for category in ([] if categories is None else categories)])
    return rankdata(np.where(np.isfinite(numbers), numbers, np.nanmedian(numbers)))


def _are_alike(values: np.ndarray, other: np.ndarray) -> bool:
    return abs(float(np.corrcoef(values, other)[0, 1])) > ALIKE
