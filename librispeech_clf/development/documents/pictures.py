"""Pictures of a finished evaluation; those of the README are among them.

In: the results table of `poetry run evaluate`, and the corpus for the audio of two utterances. Out: small PNG
files. Each `draw_*` function writes one picture and returns what it shows in a sentence.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from librispeech_clf.audio.reading import read_waveform
from librispeech_clf.development.documents.drawing import (
    ACCENT,
    LINE,
    WEAK,
    label_column,
    make_figure,
    save_image,
)
from librispeech_clf.local.analysis.groups import Bins, bin_by_quantiles
from librispeech_clf.local.analysis.latent_space import (
    describe_clusters,
    group_states,
    make_latent_map,
    reduce_vectors,
)
from librispeech_clf.local.analysis.rates import find_interval, sum_by
from librispeech_clf.local.analysis.record import OPERATIONS, UNITS, Record
from librispeech_clf.local.analysis.slices import find_slices
from librispeech_clf.local.report.recordings import DECIBEL_SPAN, compute_envelope, compute_spectrogram
from librispeech_clf.local.report.terminal import interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

    from librispeech_clf.corpus.schema import Utterance
    from librispeech_clf.local.analysis.latent_space import Clustering, LatentMap

CATEGORY_COLORS = ("#1f77a4", "#d9822b", "#3b9a5f", "#b5417f", "#7a62c0", "#8a6d3b", "#2aa5a5", "#c2453a")
RAMP = ("#c4d6e4", "#76b3c8", "#3c86ae", "#46509b", "#39154f")
MAP_FIELD = (0.02, 0.03, 0.72, 0.89)
"""Of every map, as shares of the figure: left, bottom, width, height; colors are explained at its right."""
SPECTROGRAM_PALETTE_SIZE = 32
PANEL_COLUMNS = 3
MEANS = ("word_information_lost", "word_information_preserved", "confidence", "ctc_loss")
NO_RATES = MEANS[2:]
BINS = 5
MAP_COLUMNS = {
    "latent_by_word_count": "text_word_count",
    "latent_by_duration": "signal_duration_s",
    "latent_by_spectral_flatness": "signal_spectral_flatness_mean",
    "latent_by_gender": "record_gender",
}
DALE_CHALL = "readability_dale_chall_score"
NEIGHBORS = 15
ALIKE, SOMEWHAT_ALIKE = 0.5, 0.2


def draw_all(
    results: pd.DataFrame, folder: Path, *, find_utterance: Callable[[str], Utterance], sampling_rate: int
) -> dict[str, str]:
    """Draw every picture of an evaluation.

    Args:
        results: the results table, its rows numbered from 0.
        folder: where the PNG files go.
        find_utterance: gives the corpus record of an utterance id.
        sampling_rate: Hz.

    Returns:
        What each picture shows, by its name without ending.
    """
    record = Record(results)
    latent_map = make_latent_map(record, "latent")
    # Agreement is measured before t-SNE, which a last bit's difference between two processors changes.
    vectors, rows = record.vectors("latent")
    near = find_neighbors(reduce_vectors(vectors))
    shown = {}
    for name, column in MAP_COLUMNS.items():
        path = folder / f"{name}.png"
        draw_latent_map(results, latent_map, column=column, path=path)
        shown[name] = describe_neighbors(results[column].iloc[rows], near)
    for name, row in zip(("long_utterance", "short_utterance"), choose_extremes(results), strict=True):
        utterance = find_utterance(str(results["utterance_id"][row]))
        waveform = read_waveform(utterance, sampling_rate=sampling_rate)
        shown[name] = draw_utterance(
            waveform, sampling_rate=sampling_rate, utterance_id=utterance.id,
            reference=str(results["reference"][row]), path=folder / f"{name}.png",
        )  # fmt: skip
    scored = record.select_scored()
    grouping = group_states(scored)
    clustering = describe_clusters(scored, grouping, find_slices(scored, grouping.list_clusters()))
    path = folder / "weak_cluster.png"
    shown["weak_cluster"] = draw_weak_cluster(results, latent_map, clustering, path=path)
    path = folder / "metrics_by_dale_chall.png"
    shown["metrics_by_dale_chall"] = draw_metrics_against(results, column=DALE_CHALL, path=path)
    return shown


def choose_extremes(results: pd.DataFrame) -> tuple[int, int]:
    """Choose the rows of the longest and the shortest utterance that has a reference, by duration."""
    lengths = results.loc[results["reference"].fillna("").str.strip() != "", "signal_duration_s"]
    return lengths.idxmax(), lengths.idxmin()


def draw_latent_map(results: pd.DataFrame, latent_map: LatentMap, *, column: str, path: Path) -> None:
    """Draw the latent map colored by a numeric or categorical metadata column.

    Raises:
        ValueError: the column is missing or empty.
    """
    values = Record(results).column(column)
    if values is None:
        raise ValueError(f"{column}: the results hold no such column; evaluate with its metadata.")
    name = label_column(column)
    title = f"Hidden states by {name} ({latent_map.method}, {len(latent_map.points)} utterances)"
    figure, axes, points, size = _begin_map(results, latent_map, title)
    if values.numbers is not None:
        low, high = np.nanpercentile(values.numbers, [2, 98])
        drawn = axes.scatter(
            points[:, 0],
            points[:, 1],
            s=size,
            linewidths=0,
            c=values.numbers,
            cmap=make_ramp(),
            vmin=low,
            vmax=high,
        )
        beside = figure.add_axes((0.77, 0.18, 0.025, 0.6))
        figure.colorbar(drawn, cax=beside, label=name).outline.set_visible(False)
    else:
        for level, color in zip(values.levels, itertools.cycle(CATEGORY_COLORS), strict=False):
            chosen = points[values.categories == level]
            if len(chosen):
                label = f"{level} ({len(chosen)})"
                axes.scatter(chosen[:, 0], chosen[:, 1], s=size, linewidths=0, color=color, label=label)
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    save_image(figure, path)


def make_ramp() -> Colormap:
    """Return the colors of numbers, the lowest the palest."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("report", RAMP)


def _begin_map(
    results: pd.DataFrame, latent_map: LatentMap, title: str
) -> tuple[Any, Axes, np.ndarray, float]:
    """Figure, axes, float64 (N, 2) points of the rows (NaN outside the map), area of a point."""
    from matplotlib.figure import Figure

    places = dict(zip(latent_map.utterance_ids, latent_map.points, strict=True))
    found = [places.get(str(name), (np.nan, np.nan)) for name in results["utterance_id"]]
    points = np.array(found, dtype=float).reshape(-1, 2)
    figure = Figure(figsize=(6.4, 4.2))
    axes = figure.add_axes(MAP_FIELD)
    axes.set(title=title, xticks=[], yticks=[])
    axes.spines[["left", "bottom"]].set_color(LINE)
    return figure, axes, points, float(np.clip(16 * 500 / max(len(points), 1), 7, 16))


def find_neighbors(points: np.ndarray) -> np.ndarray:
    """Find each point's nearest other points.

    Args:
        points: float64 (N, C), finite.

    Returns:
        int (N, K), K = 15 or as many as there are; K = 0 for fewer than two points.
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(NEIGHBORS, len(points) - 1)
    if count < 1:
        return np.zeros((len(points), 0), dtype=int)
    return NearestNeighbors(n_neighbors=count).fit(points).kneighbors(return_distance=False)


def describe_neighbors(column: pd.Series, near: np.ndarray) -> str:
    """Say how far an utterance's nearest neighbors are like it.

    Args:
        column: N values, numbers or categories.
        near: int (N, K), as `find_neighbors` returns them.
    """
    from scipy.stats import spearmanr

    name, values = label_column(str(column.name)), Record(column.to_frame()).column(str(column.name))
    count, alike = near.shape[1], float("nan")
    if values is not None and values.numbers is not None and count:
        numbers, group = values.numbers, f"similar {name}"
        means = np.nanmean(np.where(np.isnan(numbers[near]).all(axis=1)[:, None], 0, numbers[near]), axis=1)
        if np.ptp(numbers[np.isfinite(numbers)]) > 0:
            alike = float(spearmanr(numbers, means, nan_policy="omit").statistic)
        figure = f"rank correlation with the mean of the {count} nearest neighbors {alike:.2f}"
    elif values is not None and count:
        codes, group = values.codes, f"one {name}"
        known = codes >= 0
        same = float((codes[near] == codes[:, None])[known].mean())
        sizes = np.bincount(codes[known])
        chance = float((sizes * (sizes - 1)).sum() / (sizes.sum() * (sizes.sum() - 1)))
        if chance < 1:
            alike = (same - chance) / (1 - chance)
        figure = f"{same:.0%} of the {count} nearest neighbors share it, {chance:.0%} by chance"
    if np.isnan(alike):
        return f"{name}: too few different values to compare neighbors"
    verdict = "no visible order"
    if alike >= SOMEWHAT_ALIKE:
        verdict = f"utterances of {group} {'' if alike >= ALIKE else 'tend to '}lie together"
    return f"{name}: {verdict} ({figure})"


def draw_utterance(
    waveform: np.ndarray, *, sampling_rate: int, utterance_id: str, reference: str, path: Path
) -> str:
    """Draw one utterance, float32 (N,) in [-1, 1], as waveform and spectrogram.

    Returns:
        Duration, words and letters per second.
    """
    duration_s = len(waveform) / sampling_rate
    figure, (above, below) = make_figure(height=3.6, nrows=2, sharex=True, height_ratios=[1, 2])
    envelope = compute_envelope(waveform) / 127 * np.abs(waveform).max()
    times = np.linspace(0, duration_s, len(envelope))
    above.fill_between(times, envelope[:, 0], envelope[:, 1], color=ACCENT, linewidth=0.4)
    above.set(title=f"{utterance_id}, {duration_s:.1f} s", ylabel="amplitude", xlim=(0, duration_s))
    levels, highest_hz = compute_spectrogram(waveform, sampling_rate=sampling_rate)
    low, high = np.percentile(levels, DECIBEL_SPAN)
    below.imshow(
        levels, origin="lower", aspect="auto", extent=(0, duration_s, 0, highest_hz / 1000), vmin=low, vmax=high,
        cmap=make_ramp(),
    )  # fmt: skip
    below.set(xlabel="time in s", ylabel="frequency in kHz")
    save_image(figure, path, colors=SPECTROGRAM_PALETTE_SIZE)
    rate = len(reference) / max(duration_s, 1e-9)
    words = len(reference.split())
    return f"{utterance_id}: {duration_s:.2f} s, {words} words, {rate:.1f} letters per second"


def draw_weak_cluster(
    results: pd.DataFrame, latent_map: LatentMap, clustering: Clustering, *, path: Path
) -> str:
    """Draw the worst flagged cluster on the latent map; the worst of all where none is flagged.

    Returns:
        The cluster's finding in words, with its corrected p-value.

    Raises:
        ValueError: there is no cluster.
    """
    if not clustering.clusters:
        raise ValueError(f"clusters: none were found ({clustering.note}); evaluate more utterances.")
    cluster = next((cluster for cluster in clustering.clusters if cluster.is_weak), clustering.clusters[0])
    # The legend tells the rates.
    title = f"{cluster.name or 'a cluster'}: {len(cluster.utterance_ids)} utterances"
    figure, axes, points, size = _begin_map(results, latent_map, textwrap.shorten(title, 80))
    inside = results["utterance_id"].isin(cluster.utterance_ids).to_numpy()
    for name, rate, chosen, color in (
        ("others", cluster.rest, points[~inside], "#a9b4bf"), ("cluster", cluster.rate, points[inside], WEAK)
    ):  # fmt: skip
        ends = "" if rate.low is None else f"\n({interval(vars(rate))})"
        label = f"{name}: word error\nrate {100 * (rate.rate or 0):.1f} %{ends}"
        axes.scatter(chosen[:, 0], chosen[:, 1], s=size, linewidths=0, color=color, label=label)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    save_image(figure, path)
    tested = cluster.untested or f"corrected p {'<=' if cluster.p_is_bound else '='} {cluster.p:.2g}"
    verdict = "significantly worse" if cluster.is_weak else "not significantly worse"
    return f"{cluster.sentence} ({verdict}, {tested})"


def draw_metrics_against(results: pd.DataFrame, *, column: str, path: Path) -> str:
    """Draw every metric against a numeric column: a panel each, bins with 95 % intervals as the page has them.

    Returns:
        The metrics in the lowest and the highest bin.

    Raises:
        ValueError: the column is missing, empty or not numeric.
    """
    from matplotlib.ticker import PercentFormatter

    record = Record(results).select_scored()
    against = record.column(column)
    if against is None or against.numbers is None:
        raise ValueError(f"{column}: the results hold no such numbers; evaluate with its metadata.")
    bins, metrics = bin_by_quantiles(against.numbers, count=BINS), list_metrics(record)
    rows = -(-len(metrics) // PANEL_COLUMNS)
    layout = {"nrows": rows, "ncols": PANEL_COLUMNS, "squeeze": False, "sharex": True}
    figure, grid = make_figure(width=9.2, height=2 * rows + 0.8, **layout)
    for axes in grid.flat[len(metrics) :]:
        axes.set_visible(False)
    told = []
    for axes, (metric, (values, scale)) in zip(grid.flat, metrics.items(), strict=False):
        groups = [(bins.index == number) & (values[:, 1] > 0) for number in range(len(bins.labels))]
        estimates = np.array([_estimate(values[inside], record.blocks[inside], scale) for inside in groups])
        _draw_bins(axes, bins, estimates, title=label_measure(metric))
        factor, unit = (1, "") if metric in NO_RATES else (100, " %")
        ends = (f"{factor * value:.3g}{unit}" for value in estimates[[0, -1], 0])
        told.append(f"{label_measure(metric)} {' to '.join(ends)}")
        if metric not in NO_RATES:
            axes.yaxis.set_major_formatter(PercentFormatter(1))
    for axes in grid[-1]:
        axes.set_xlabel(label_column(column))
    save_image(figure, path)
    return f"{bins.labels[0]} against {bins.labels[-1]}: {', '.join(told)}"


def list_metrics(record: Record) -> dict[str, tuple[np.ndarray, str]]:
    """Return each metric's numerator and denominator, float64 (N, 2), by utterance, and its interval's scale."""
    counts = {unit: record.counts(unit) for unit in UNITS}
    ratios = {f"{unit}_error_rate": (record.errors(unit), record.units(unit), "rate") for unit in UNITS} | {
        "match_error_rate": (record.errors(), counts["word"].sum(axis=1), "share")
    }
    for name in MEANS:
        values = record.numbers(name)
        ratios[name] = (np.nan_to_num(values), np.isfinite(values), "rate")
    for unit in UNITS:
        for place, operation in enumerate(OPERATIONS):
            scale = "rate" if operation == "insertions" else "share"
            ratios[f"{unit}_{operation}"] = (counts[unit][:, place], record.units(unit), scale)
    return {
        name: (np.stack([over, under], axis=1), scale)
        for name, (over, under, scale) in ratios.items()
        if np.any(under > 0)
    }


def _estimate(values: np.ndarray, blocks: np.ndarray, scale: str) -> tuple[float, float, float]:
    """Return a ratio of sums and its interval, NaN where there is none."""
    sums = sum_by(values, np.unique(blocks, return_inverse=True)[1].reshape(-1))
    low, high = (np.nan if end is None else end for end in find_interval(sums, scale))
    over, under = values.sum(axis=0)
    return over / under if under else np.nan, low, high


def label_measure(metric: str) -> str:
    """Return a metric in words, counts with what they are counted by: "word deletions per word"."""
    name, unit = label_column(metric), metric.partition("_")[0]
    return f"{name} per {unit}" if metric.endswith(OPERATIONS) else name


def _draw_bins(axes: Axes, bins: Bins, estimates: np.ndarray, *, title: str) -> None:
    middle, low, high = estimates.T
    places = np.arange(len(middle))
    labels = [label.replace("under ", "< ").replace(" to ", "-") for label in bins.labels]
    labels = [
        f"≥ {label.removesuffix(' and over')}" if label.endswith(" and over") else label for label in labels
    ]
    axes.vlines(places, low, high, color=ACCENT, linewidth=2, alpha=0.55)
    axes.plot(places, middle, "o", color=ACCENT, markersize=5)
    counts = [f"{label}\nn = {np.sum(bins.index == place)}" for place, label in enumerate(labels)]
    axes.set_xticks(places, counts, fontsize=7)
    axes.set(title=title, ylim=choose_limits(middle, low, high), xlim=(-0.5, len(places) - 0.5))
    axes.grid(axis="y", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)


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
