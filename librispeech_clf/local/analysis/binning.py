"""Bins with readable edges for a metadata column: numbers in, one bin number per utterance and labels out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Bins:
    """Bins of a column.

    Attributes:
        labels: one readable label per bin, lowest first.
        lows: smallest value within each bin.
        highs: largest value within each bin.
        index: int (N,), the bin of each utterance, -1 where the value is null.
        ranges: where each bin starts, and where it ends, which it does not hold; None: at no bound.
    """

    labels: tuple[str, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    index: np.ndarray
    ranges: tuple[tuple[float | None, float | None], ...] = ()

    def groups(self) -> list[str | None]:
        """Return the label of each utterance's bin, None where its value is null."""
        return [self.labels[number] if number >= 0 else None for number in self.index]


def bin_by_quantiles(values: np.ndarray, *, count: int = 5) -> Bins:
    """Cut numbers into bins that hold about equally many, at edges rounded to what reads well.

    Edges are quantiles rounded to the fewest significant digits (2 to 6) that keep them distinct;
    utterances are binned by the rounded edges, so a label says exactly what its bin holds. With at most
    `count` distinct values each value is a bin of its own; a constant column is one bin.

    Args:
        values: float64 (N,), NaN where null.
        count: the largest number of bins.

    Returns:
        The bins, none of them empty; no bin when every value is null.

    Raises:
        ValueError: `count` is below 1.
    """
    if count < 1:
        raise ValueError(f"count: at least 1 bin is needed; received {count}.")
    present = values[np.isfinite(values)]
    distinct = np.unique(present)
    whole = bool(np.all(distinct == np.round(distinct)))
    edges = distinct[1:] if len(distinct) <= count else _round_edges(present, count, whole)
    index = np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), -1)
    kept = [number for number in range(len(edges) + 1) if np.any(index == number)]
    lows = tuple(float(values[index == number].min()) for number in kept)
    highs = tuple(float(values[index == number].max()) for number in kept)
    renumbered = np.array([kept.index(number) if number >= 0 else -1 for number in index], dtype=int)
    ends = [None, *(float(edge) for edge in edges), None]
    ranges = tuple((ends[number], ends[number + 1]) for number in kept)
    return Bins(_label(lows, highs, edges, kept, whole), lows, highs, renumbered, ranges)


def bin_at(values: np.ndarray, edges: Sequence[float]) -> Bins:
    """Cut numbers, float64 (N,), at fixed edges; a bin holds its lower edge, and may hold nothing."""
    index = np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), -1)
    ends = [None, *edges, None]
    ranges = tuple(zip(ends[:-1], ends[1:], strict=True))
    labels = tuple(_label_between(number, np.array(edges)) for number in range(len(edges) + 1))
    lows, highs = (tuple(np.nan if end is None else end for end in pair) for pair in (ends[:-1], ends[1:]))
    return Bins(labels, lows, highs, index, ranges)


def _round_edges(present: np.ndarray, count: int, whole: bool) -> np.ndarray:
    quantiles = np.unique(np.quantile(present, np.arange(1, count) / count))
    quantiles = quantiles[quantiles > present.min()]
    if whole:
        return np.unique(np.ceil(quantiles))
    rounded = quantiles
    for digits in range(2, 7):
        rounded = np.unique([float(f"{edge:.{digits}g}") for edge in quantiles])
        if len(rounded) == len(quantiles):
            break
    return rounded


def _label(lows, highs, edges, kept: list[int], whole: bool) -> tuple[str, ...]:
    if whole or len(kept) == 1:
        pairs = zip(lows, highs, strict=True)
        return tuple(f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}" for low, high in pairs)
    return tuple(_label_between(number, edges) for number in kept)


def _label_between(number: int, edges: np.ndarray) -> str:
    if number == 0:
        return f"under {edges[0]:.6g}"
    if number == len(edges):
        return f"{edges[-1]:.6g} and over"
    return f"{edges[number - 1]:.6g} to {edges[number]:.6g}"
