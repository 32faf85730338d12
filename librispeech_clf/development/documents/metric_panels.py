"""A picture of every metric against one metadata column: a panel each, bins and intervals as the page has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.development.documents.drawing import (
    ACCENT,
    LINE,
    in_own_style,
    make_figure,
    name_column,
    save_image,
)
from librispeech_clf.local.analysis.associations import COUNTS, MEASURES, make_dashboards

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from librispeech_clf.local.analysis.associations import Bar, Dashboard

PANEL_COLUMNS = 3
NO_RATES = ("confidence", "ctc_loss")


@in_own_style
def draw_metrics_against(results: pd.DataFrame, *, column: str, path: Path) -> str:
    """Draw every metric against a numeric column: bins with 95 % intervals with speakers as the unit.

    Args:
        results: the results table.
        column: a numeric column.
        path: the PNG to write.

    Returns:
        The metrics in the lowest and the highest bin.

    Raises:
        ValueError: the column is missing, empty or not numeric.
    """
    from matplotlib.ticker import PercentFormatter

    boards = make_dashboards(results, against=(column,), metrics=tuple(MEASURES))
    if not boards or boards[0].kind != "numeric":
        raise ValueError(f"{column}: the results hold no such numbers; evaluate with its metadata.")
    rows = -(-len(boards) // PANEL_COLUMNS)
    layout = {"nrows": rows, "ncols": PANEL_COLUMNS, "squeeze": False, "sharex": True}
    figure, grid = make_figure(width=9.2, height=2 * rows + 0.8, **layout)
    for axes in grid.flat[len(boards) :]:
        axes.set_visible(False)
    for axes, board in zip(grid.flat, boards, strict=False):
        _draw_bars(axes, board.bars, title=name_measure(board.metric))
        if board.metric not in NO_RATES:
            axes.yaxis.set_major_formatter(PercentFormatter(1))
    for axes in grid[-1]:
        axes.set_xlabel(name_column(column))
    save_image(figure, path)
    phrases = [_name_ends(board) for board in boards]
    return f"{boards[0].bars[0].label} against {boards[0].bars[-1].label}: " + ", ".join(phrases)


def name_measure(metric: str) -> str:
    """Name a metric in words, counts with what they are counted by: "word deletions per reference word"."""
    name = metric.replace("_", " ").replace("ctc", "CTC")
    return f"{name} per {metric.partition('_')[0]}" if metric in COUNTS else name


def _name_ends(board: Dashboard) -> str:
    scale, unit = (1, "") if board.metric in NO_RATES else (100, " %")
    values = [bar.value for bar in (board.bars[0], board.bars[-1])]
    ends = ["-" if value is None else f"{scale * value:.3g}{unit}" for value in values]
    return f"{name_measure(board.metric)} {' to '.join(ends)}"


def _draw_bars(axes: Axes, bars: Sequence[Bar], *, title: str) -> None:
    figures = [(bar.value, bar.interval_low, bar.interval_high) for bar in bars]
    known = [[np.nan if value is None else value for value in figure] for figure in figures]
    middle, low, high = np.array(known, dtype=float).T
    places = np.arange(len(bars))
    axes.vlines(places, low, high, color=ACCENT, linewidth=2, alpha=0.55)
    axes.plot(places, middle, "o", color=ACCENT, markersize=5)
    axes.set_xticks(places, [f"{_shorten(bar.label)}\nn = {bar.utterances}" for bar in bars], fontsize=7)
    axes.set(title=title, ylim=choose_limits(middle, low, high), xlim=(-0.5, len(bars) - 0.5))
    axes.grid(axis="y", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)


def _shorten(label: str) -> str:
    """Shorten a bin's label: "under 2.1" to "< 2.1", "2.1 to 6" to "2.1-6", "6 and over" to "≥ 6"."""
    if label.endswith(" and over"):
        return f"≥ {label.removesuffix(' and over')}"
    return label.replace("under ", "< ").replace(" to ", "-")


def choose_limits(middle: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[float, float]:
    """Choose an axis that holds zero, every value and the intervals, those of few speakers cut.

    Args:
        middle: float64 (N,), values, NaN where unknown.
        low: lower bounds, NaN where unknown.
        high: upper bounds.
    """
    values = np.concatenate([middle, low, high, [0.0]])
    widest = 2.5 * np.nanmax(np.abs(np.append(middle, 0.0)))
    if widest == 0:
        return 0.0, 1.0
    bottom, top = np.clip([np.nanmin(values), np.nanmax(values)], -widest, widest)
    return 1.05 * float(bottom), 1.05 * float(top)
