"""Dashboards: every metric against readability, length, noise, speaking rate, gender and speaker.

In: the results table. Out: `Dashboard` records, ready to be drawn. Rates of a bin are ratios of sums;
intervals resample speakers; correlations are tested by the same resampling, because utterances of one
speaker share traits.

Sources: Spearman's rank correlation; Fisher's z transform, Fisher 1921; see `intervals` and `significance`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.local.analysis.binning import bin_by_quantiles
from librispeech_clf.local.analysis.intervals import (
    REPLICATES,
    Blocks,
    divide,
    find_blocks,
    percentile_interval,
    resample_sums,
)
from librispeech_clf.local.analysis.jackknife import interval_of_figure, interval_of_ratio, sum_blocks
from librispeech_clf.local.analysis.results_table import (
    OPERATIONS,
    UNITS,
    count_columns,
    count_errors,
    find_scored,
    list_speakers,
    physical_unit,
    read_categories,
    read_numbers,
    readable_name,
)
from librispeech_clf.local.analysis.significance import compare_rates, correct_holm

if TYPE_CHECKING:
    import pandas as pd

AGAINST = (
    "readability_dale_chall_score",
    "text_word_count",
    "signal_duration_s",
    "signal_signal_to_noise_ratio_db",
    "signal_words_per_second",
    "record_gender",
    "record_speaker_id",
)
BINS = 5


def _word_error_rate(sums: np.ndarray) -> np.ndarray:
    hits, substitutions, deletions, insertions = sums.T
    return divide(substitutions + deletions + insertions, hits + substitutions + deletions)


def _match_error_rate(sums: np.ndarray) -> np.ndarray:
    return divide(sums[:, 1:].sum(axis=1), sums.sum(axis=1))


def _word_information_preserved(sums: np.ndarray) -> np.ndarray:
    hits, substitutions, deletions, insertions = sums.T
    return divide(hits**2, (hits + substitutions + deletions) * (hits + substitutions + insertions))


def _word_information_lost(sums: np.ndarray) -> np.ndarray:
    return 1 - _word_information_preserved(sums)


def _share(sums: np.ndarray, *, number: int) -> np.ndarray:
    return divide(sums[:, number], sums[:, :3].sum(axis=1))


def _mean(sums: np.ndarray) -> np.ndarray:
    return divide(sums[:, 0], sums[:, 1])


# How a metric is summed up over utterances. Sources: word and match error rate, word information lost:
# Morris, Maier & Green, "From WER and RIL to MER and WIL", Interspeech 2004.
METRICS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str | None]] = {
    "word_error_rate": (_word_error_rate, "word"),
    "match_error_rate": (_match_error_rate, "word"),
    "word_information_lost": (_word_information_lost, "word"),
    "word_information_preserved": (_word_information_preserved, "word"),
    "character_error_rate": (_word_error_rate, "character"),
    "confidence": (_mean, None),
    "ctc_loss": (_mean, None),
}
COUNTS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str | None]] = {
    f"{unit}_{operation}": (partial(_share, number=number), unit)
    for unit in UNITS
    for number, operation in enumerate(OPERATIONS)
}
"""The counts, each per reference word or letter."""
MEASURES = METRICS | COUNTS


@dataclass(frozen=True)
class Bar:
    """A metric over the utterances of one bin or group.

    Attributes:
        label: the bin or group in words.
        low: smallest value in the bin, None for a group.
        high: largest value in the bin, None for a group.
        value: the metric over the bin, a ratio of sums (or the mean, for confidence and loss).
        interval_low: lower bound of the 95 % interval, None where there is none.
        interval_high: upper bound.
        utterances: number of utterances.
        speakers: number of known speakers.
        resampled: "speakers", "utterances" or "nothing".
    """

    label: str
    low: float | None
    high: float | None
    value: float | None
    interval_low: float | None
    interval_high: float | None
    utterances: int
    speakers: int
    resampled: str


@dataclass(frozen=True)
class Association:
    """How a metric goes with a metadata column.

    Attributes:
        kind: "spearman" (rank correlation in [-1, 1]) or "difference" (of two groups, first minus second).
        value: the correlation or the difference.
        low: lower bound of its 95 % interval, None if unknown.
        high: upper bound.
        utterances: number of utterances used.
        p_value: that there is none, utterances of a speaker taken as dependent; None if it cannot be tested.
        p_corrected: by Holm's procedure over all dashboards of one call.
        groups: the two groups of a difference, empty for a correlation.
    """

    kind: str
    value: float
    low: float | None
    high: float | None
    utterances: int
    p_value: float | None
    p_corrected: float | None
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Dashboard:
    """One metric against one metadata column.

    Attributes:
        metric: the metric's column.
        against: the metadata column.
        name: the metadata column in words.
        unit: its physical unit, None for a plain number or a category.
        kind: "numeric" or "categorical".
        bars: bins, lowest first, or groups by name; none where they were not asked for.
        association: None where there is nothing to correlate (constant columns, more than two groups).
    """

    metric: str
    against: str
    name: str
    unit: str | None
    kind: str
    bars: tuple[Bar, ...]
    association: Association | None


def make_dashboards(
    results: pd.DataFrame,
    *,
    against: Sequence[str] = AGAINST,
    metrics: Sequence[str] = tuple(METRICS),
    with_bars: bool = True,
    replicates: int = REPLICATES,
) -> tuple[Dashboard, ...]:
    """Set each metric that the table holds against each metadata column that it holds.

    Args:
        results: the results table.
        against: metadata columns; those that the table lacks or that are null throughout are skipped.
        metrics: of `MEASURES`; the correction takes in all that are tested, so figures of another choice differ.
        with_bars: whether the dashboards are to be drawn; without, they hold their associations only.
        replicates: bootstrap replicates.

    Returns:
        The dashboards, by metadata column, then metric; none for an empty table.
    """
    scored = find_scored(results)
    dashboards = [
        _make_dashboard(scored, metric, column, sums, with_bars=with_bars, replicates=replicates)
        for column in against
        if column in scored.columns and scored[column].notna().any()
        for metric in metrics
        if (sums := metric_sums(scored, metric)) is not None
    ]
    p_values = [board.association.p_value if board.association else None for board in dashboards]
    return tuple(
        replace(board, association=replace(board.association, p_corrected=p)) if board.association else board
        for board, p in zip(dashboards, correct_holm(p_values), strict=True)
    )


def metric_sums(scored: pd.DataFrame, metric: str) -> np.ndarray | None:
    """Return what a metric sums over utterances: float64 (N, C), or None when the table lacks it.

    Rates sum the four counts of their unit; confidence and loss sum themselves and the number of utterances.
    Rows without the metric count as zeros.
    """
    unit = MEASURES[metric][1]
    columns = [metric] if unit is None else count_columns(unit)
    if not set(columns) <= set(scored.columns) or len(scored) == 0:
        return None
    values = scored[columns].to_numpy(np.float64)
    if unit is None:
        present = np.isfinite(values)
        values = np.concatenate([np.where(present, values, 0.0), present], axis=1)
    return np.nan_to_num(values) if values.any() else None


def _make_dashboard(
    scored: pd.DataFrame, metric: str, column: str, sums: np.ndarray, *, with_bars: bool, replicates: int
) -> Dashboard:
    numbers = None if column == "record_speaker_id" else read_numbers(scored[column])
    name, unit = readable_name(column), physical_unit(column)
    if numbers is not None:
        bars = _make_bins(scored, metric, sums, numbers) if with_bars else ()
        association = _correlate(scored, metric, sums, numbers, replicates)
        return Dashboard(metric, column, name, unit, "numeric", bars, association)
    groups = _read_groups(scored, column)
    names = sorted({group for group in groups if group is not None})
    shown = names if with_bars else ()
    bars = tuple(_make_bar(scored, metric, sums, groups == group, group) for group in shown)
    association = _compare_groups(scored, metric, groups, names)
    return Dashboard(metric, column, name, None, "categorical", bars, association)


def _make_bins(scored: pd.DataFrame, metric: str, sums: np.ndarray, numbers: np.ndarray) -> tuple[Bar, ...]:
    cut = bin_by_quantiles(numbers, count=BINS)
    return tuple(
        replace(_make_bar(scored, metric, sums, cut.index == number, label), low=low, high=high)
        for number, (label, low, high) in enumerate(zip(cut.labels, cut.lows, cut.highs, strict=True))
    )


def _read_groups(scored: pd.DataFrame, column: str) -> np.ndarray:
    if column == "record_speaker_id":
        return np.array(list_speakers(scored), dtype=object)
    categories = read_categories(scored[column])
    return np.full(len(scored), None, dtype=object) if categories is None else categories


def _make_bar(scored: pd.DataFrame, metric: str, sums: np.ndarray, inside: np.ndarray, label: str) -> Bar:
    rows, sums = scored[inside], sums[inside]
    rate = MEASURES[metric][0]
    blocks = find_blocks(rows, fewest=1)
    low, high = _interval(metric, sum_blocks(sums, blocks.index, blocks.count))
    value = float(rate(sums.sum(axis=0, keepdims=True))[0])
    known = value if np.isfinite(value) else None
    return Bar(label, None, None, known, low, high, len(rows), blocks.speakers, blocks.resampled)


def _interval(metric: str, sums: np.ndarray) -> tuple[float, float] | tuple[None, None]:
    """Return the 95 % interval of a metric from its sums by speaker, float64 (K, C)."""
    rate, unit = MEASURES[metric]
    if unit is None:
        return interval_of_ratio(sums) or (None, None)
    units = sums.sum(axis=1) if metric == "match_error_rate" else sums[:, :3].sum(axis=1)
    above_one = metric.endswith(("word_error_rate", "character_error_rate", "insertions"))
    scale = "log" if above_one else "share"
    return interval_of_figure(sums, rate, units, scale=scale) or (None, None)


def _correlate(
    scored: pd.DataFrame, metric: str, sums: np.ndarray, numbers: np.ndarray, replicates: int
) -> Association | None:
    from scipy.stats import spearmanr

    values = MEASURES[metric][0](sums)
    present = np.isfinite(values) & np.isfinite(numbers)
    values, numbers = values[present], numbers[present]
    if len(values) < 3 or np.ptp(values) == 0 or np.ptp(numbers) == 0:
        return None
    test = spearmanr(numbers, values)
    rho, blocks = float(test.statistic), find_blocks(scored[present])
    low, high, p_value = None, None, float(test.pvalue)
    if blocks.resampled == "speakers":
        low, high, p_value = _resample_correlation(numbers, values, rho, blocks, replicates)
    return Association("spearman", rho, low, high, len(values), p_value, None, ())


def _resample_correlation(
    numbers: np.ndarray, values: np.ndarray, rho: float, blocks: Blocks, replicates: int
) -> tuple[float | None, float | None, float]:
    """Return the interval of a rank correlation and its p-value (Fisher's z over its bootstrap deviation)."""
    from scipy.stats import rankdata
    from scipy.stats import t as student

    x, y = rankdata(numbers), rankdata(values)
    x, y = x - x.mean(), y - y.mean()
    moments = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)
    n, sx, sy, sxx, syy, sxy = resample_sums(moments, blocks, replicates=replicates).T
    spread = (n * sxx - sx**2) * (n * syy - sy**2)
    drawn = divide(n * sxy - sx * sy, np.sqrt(np.maximum(spread, 0)))
    drawn = drawn[np.isfinite(drawn)]
    deviation = np.arctanh(np.clip(drawn, -0.999999, 0.999999)).std(ddof=1) if len(drawn) > 1 else 0.0
    score = abs(np.arctanh(np.clip(rho, -0.999999, 0.999999)))
    p_value = float(2 * student.sf(score / deviation, blocks.count - 1)) if deviation > 0 else 1.0
    return *percentile_interval(drawn), p_value


def _compare_groups(
    scored: pd.DataFrame, metric: str, groups: np.ndarray, names: list[str]
) -> Association | None:
    """Return the difference of an error rate between two groups; None for other metrics."""
    if len(names) != 2 or metric not in ("word_error_rate", "character_error_rate"):
        return None
    rows = np.array([group is not None for group in groups], dtype=bool)
    unit = MEASURES[metric][1] or "word"
    errors, units = (values[rows] for values in count_errors(scored, unit=unit))
    tested = compare_rates(errors, units, groups[rows] == names[0], find_blocks(scored[rows]).index)
    if tested is None:
        return None
    from scipy.stats import t as student

    reach = float(student.ppf(0.975, tested.degrees_of_freedom)) * tested.standard_error
    low, high = tested.difference - reach, tested.difference + reach
    return Association(
        "difference", tested.difference, low, high, int(rows.sum()), tested.p_two_sided, None, tuple(names)
    )
