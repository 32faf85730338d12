"""Dashboards: every metric against readability, length, noise, speaking rate, gender and speaker.

In: the record of results. Out: `Dashboard` records, ready to be drawn. Rates of a bin are ratios of sums; intervals
and tests take the speaker as the unit (see `rates`), because utterances of one speaker share traits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from librispeech_clf.local.analysis.binning import bin_by_quantiles
from librispeech_clf.local.analysis.rates import (
    FEWEST_SPEAKERS,
    compare_groups,
    correct_holm,
    correlate_ranks,
    divide,
    explain_blocks,
    find_interval,
    sum_by,
)
from librispeech_clf.local.analysis.record import OPERATIONS, SPEAKER, UNITS, Column, Record

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


def _error_rate(sums: np.ndarray) -> np.ndarray:
    return divide(sums[:, 1:].sum(axis=1), sums[:, :3].sum(axis=1))


def _match_error_rate(sums: np.ndarray) -> np.ndarray:
    return divide(sums[:, 1:].sum(axis=1), sums.sum(axis=1))


def _information_preserved(sums: np.ndarray) -> np.ndarray:
    hits, substitutions, deletions, insertions = sums.T
    return divide(hits**2, (hits + substitutions + deletions) * (hits + substitutions + insertions))


def _information_lost(sums: np.ndarray) -> np.ndarray:
    return 1 - _information_preserved(sums)


def _share(sums: np.ndarray, *, number: int) -> np.ndarray:
    return divide(sums[:, number], sums[:, :3].sum(axis=1))


def _mean(sums: np.ndarray) -> np.ndarray:
    return divide(sums[:, 0], sums[:, 1])


@dataclass(frozen=True)
class Measure:
    """How a metric is summed up over utterances.

    Attributes:
        figure: of summed counts, or of a sum and the number of utterances: float64 (R, C) to (R,).
        unit: "word" or "character" of the counts; None for a mean.
        scale: of its interval, see `rates.find_interval`.
    """

    figure: Callable[[np.ndarray], np.ndarray]
    unit: str | None
    scale: str


# Sources: word and match error rate, word information lost: Morris, Maier & Green, "From WER and RIL to MER and
# WIL", Interspeech 2004.
METRICS = {
    "word_error_rate": Measure(_error_rate, "word", "rate"),
    "match_error_rate": Measure(_match_error_rate, "word", "share"),
    "word_information_lost": Measure(_information_lost, "word", "share"),
    "word_information_preserved": Measure(_information_preserved, "word", "share"),
    "character_error_rate": Measure(_error_rate, "character", "rate"),
    "confidence": Measure(_mean, None, "rate"),
    "ctc_loss": Measure(_mean, None, "rate"),
}
COUNTS = {
    f"{unit}_{operation}": Measure(
        partial(_share, number=number), unit, "rate" if operation == "insertions" else "share"
    )
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
        low: lower bound of its 95 % interval.
        high: upper bound.
        utterances: number of utterances used.
        p_value: that there is none, utterances of a speaker taken as dependent.
        p_corrected: by Holm's procedure over all dashboards of one call.
        groups: the two groups of a difference, empty for a correlation.
    """

    kind: str
    value: float
    low: float
    high: float
    utterances: int
    p_value: float
    p_corrected: float
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
    record: Record,
    *,
    against: Sequence[str] = AGAINST,
    metrics: Sequence[str] = tuple(METRICS),
    with_bars: bool = True,
) -> tuple[Dashboard, ...]:
    """Set each metric that the record holds against each metadata column that it holds.

    Args:
        record: the results; failed rows are left out.
        against: metadata columns; those that the record lacks or that are null throughout are skipped.
        metrics: of `MEASURES`; the correction takes in all that are tested, so figures of another choice differ.
        with_bars: whether the dashboards are to be drawn; without, they hold their associations only.

    Returns:
        The dashboards, by metadata column, then metric; none for an empty record.
    """
    scored = record.select_scored()
    columns = [column for name in against if len(scored) and (column := scored.column(name)) is not None]
    sums = {metric: _sum_metric(scored, metric) for metric in metrics}
    boards = [
        _make_dashboard(scored, metric, column, values, with_bars)
        for column in columns
        for metric, values in sums.items()
        if values is not None and (column.numbers is None or np.isfinite(column.numbers).any())
    ]
    corrected = correct_holm([board.association.p_value if board.association else None for board in boards])
    return tuple(
        board if board.association is None or p is None
        else replace(board, association=replace(board.association, p_corrected=p))
        for board, p in zip(boards, corrected, strict=True)
    )  # fmt: skip


def _sum_metric(scored: Record, metric: str) -> np.ndarray | None:
    """Return what a metric sums over utterances, float64 (N, C); None when the record lacks it."""
    unit = MEASURES[metric].unit
    if unit is None:
        values = scored.numbers(metric)[:, None]
        values = np.concatenate([values, np.ones_like(values)], axis=1)
        values[np.isnan(values[:, 0])] = 0.0
    else:
        values = np.nan_to_num(scored.counts(unit))
    return values if values.any() else None


def _make_bar(
    scored: Record,
    metric: str,
    sums: np.ndarray,
    inside: np.ndarray,
    label: str,
    low: float | None,
    high: float | None,
) -> Bar:
    measure = MEASURES[metric]
    blocks = np.unique(scored.blocks[inside], return_inverse=True)[1].reshape(-1)
    speakers = len(np.unique(scored.blocks[inside & scored.is_known]))
    by_block = sum_by(sums[inside], blocks)
    columns = {None: slice(1, 2), "word": slice(0, 3), "character": slice(0, 3)}[measure.unit]
    if metric == "match_error_rate":
        columns = slice(None)
    units = by_block[:, columns].sum(axis=1)
    lower, upper = find_interval(by_block, measure.scale, figure=measure.figure, units=units)
    value = float(measure.figure(by_block.sum(axis=0, keepdims=True))[0])
    known = value if np.isfinite(value) else None
    resampled, _ = explain_blocks(speakers, len(by_block))
    return Bar(label, low, high, known, lower, upper, int(inside.sum()), speakers, resampled)


def _make_dashboard(
    scored: Record, metric: str, column: Column, sums: np.ndarray, with_bars: bool
) -> Dashboard:
    measure, numbers = MEASURES[metric], column.numbers
    groups: tuple[str, ...] = ()
    bars: list[Bar] = []
    parts: list[tuple[np.ndarray, str, float | None, float | None]]
    if numbers is None or column.name == SPEAKER:
        held = np.unique(column.codes[column.codes >= 0])
        groups = tuple(column.levels[code] for code in held)
        parts = [(column.codes == code, column.levels[code], None, None) for code in held]
    else:
        bins = bin_by_quantiles(numbers, count=BINS)
        ends = zip(bins.labels, bins.lows, bins.highs, strict=True)
        parts = [(bins.index == number, *end) for number, end in enumerate(ends)]
    if with_bars:
        bars = [_make_bar(scored, metric, sums, *part) for part in parts]
    tested, present = None, column.codes >= 0
    if numbers is not None:
        values = measure.figure(sums)
        present = np.isfinite(values) & np.isfinite(numbers)
        speakers = len(np.unique(scored.blocks[present & scored.is_known]))
        # So few speakers tell nothing of others: the correlation is then of their utterances.
        blocks = scored.blocks if speakers >= FEWEST_SPEAKERS else np.arange(len(scored))
        tested = correlate_ranks(values[present], numbers[present], blocks[present])
    elif len(groups) == 2 and metric in ("word_error_rate", "character_error_rate"):
        errors, units = sums[present, 1:].sum(axis=1), sums[present, :3].sum(axis=1)
        inside = column.codes[present] == held[0]
        tested = compare_groups(errors, units, inside, scored.blocks[present])
    association = None if tested is None else Association(
        kind="difference" if groups else "spearman",
        value=tested.value,
        low=tested.low,
        high=tested.high,
        utterances=int(present.sum()),
        p_value=tested.p_value,
        p_corrected=tested.p_value,
        groups=groups,
    )  # fmt: skip
    kind, unit = ("categorical", None) if numbers is None else ("numeric", column.unit)
    return Dashboard(metric, column.name, column.label, unit, kind, tuple(bars), association)
