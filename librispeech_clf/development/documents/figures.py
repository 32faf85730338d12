"""Pictures of a finished evaluation; those of the README are among them.

In: the results table of `poetry run evaluate`, and the corpus for the audio of two utterances. Out: small PNG
files. Each `draw_*` function writes one picture and returns what it shows in a sentence.
"""

from __future__ import annotations

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
    in_own_style,
    make_figure,
    name_column,
    save_image,
)
from librispeech_clf.development.documents.metric_panels import draw_metrics_against
from librispeech_clf.development.documents.neighbours import (
    measure_category_agreement,
    measure_numeric_agreement,
    place_vectors,
)
from librispeech_clf.local.analysis.clusters import find_clusters
from librispeech_clf.local.analysis.latent_space import make_latent_map
from librispeech_clf.local.analysis.results_table import read_categories, read_numbers
from librispeech_clf.local.report.recordings import DECIBEL_SPAN, compute_envelope, compute_spectrogram
from librispeech_clf.local.report.terminal import interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from librispeech_clf.corpus.schema import Utterance
    from librispeech_clf.local.analysis.clusters import Clustering
    from librispeech_clf.local.analysis.latent_space import LatentMap

CATEGORY_COLOURS = ("#1f77a4", "#d9822b", "#3b9a5f", "#b5417f", "#7a62c0", "#8a6d3b", "#2aa5a5", "#c2453a")
RAMP = ("#c4d6e4", "#76b3c8", "#3c86ae", "#46509b", "#39154f")
SPECTROGRAM_PALETTE_SIZE = 32
MAP_COLUMNS = {
    "latent_by_word_count": "text_word_count",
    "latent_by_duration": "signal_duration_s",
    "latent_by_spectral_flatness": "signal_spectral_flatness_min",
    "latent_by_gender": "record_gender",
}
DALE_CHALL = "readability_dale_chall_score"


def place_points(results: pd.DataFrame, latent_map: LatentMap) -> np.ndarray:
    """Lay a map's points on the rows of the results table.

    Returns:
        float64 (N, 2), NaN for utterances which are not on the map.
    """
    places = dict(zip(latent_map.utterance_ids, latent_map.points, strict=True))
    nowhere = (np.nan, np.nan)
    found = [places.get(str(name), nowhere) for name in results["utterance_id"]]
    return np.array(found, dtype=float).reshape(-1, 2)


@in_own_style
def draw_latent_map(
    results: pd.DataFrame, latent_map: LatentMap, vectors: np.ndarray, *, column: str, path: Path
) -> str:
    """Draw the latent map coloured by one metadata column.

    Agreement is measured before t-SNE, which a last bit's difference between two processors changes.

    Args:
        results: the results table.
        latent_map: the map of its latent vectors.
        vectors: as `place_vectors` returns them.
        column: a numeric or categorical column.
        path: the PNG to write.

    Returns:
        How well neighbours in the latent space agree in that column.

    Raises:
        ValueError: the column is missing or empty.
    """
    if column not in results.columns or not results[column].notna().any():
        raise ValueError(f"{column}: the results hold no such column; evaluate with its metadata.")
    points = place_points(results, latent_map)
    figure, axes = make_figure()
    numbers = read_numbers(results[column])
    name = name_column(column)
    if numbers is not None:
        _scatter_numbers(figure, axes, points, numbers, name)
        agreement = measure_numeric_agreement(vectors, numbers)
    else:
        categories = np.asarray(read_categories(results[column]), dtype=object)
        _scatter_categories(axes, points, categories)
        agreement = measure_category_agreement(vectors, categories)
    _finish_map(axes, f"Hidden states by {name} ({latent_map.method}, {len(latent_map.points)} utterances)")
    save_image(figure, path)
    return f"{name}: {agreement}"


@in_own_style
def draw_utterance(
    waveform: np.ndarray, *, sampling_rate: int, utterance_id: str, reference: str, path: Path
) -> str:
    """Draw one utterance as waveform and spectrogram.

    Args:
        waveform: float32 (N,) in [-1, 1].
        sampling_rate: Hz.
        utterance_id: for the title.
        reference: its transcript.
        path: the PNG to write.

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
    extent = (0, duration_s, 0, highest_hz / 1000)
    below.imshow(levels, origin="lower", aspect="auto", extent=extent, cmap=_make_ramp(), vmin=low, vmax=high)
    below.set(xlabel="time in s", ylabel="frequency in kHz")
    save_image(figure, path, colours=SPECTROGRAM_PALETTE_SIZE)
    words = len(reference.split())
    rate = len(reference) / max(duration_s, 1e-9)
    return f"{utterance_id}: {duration_s:.2f} s, {words} words, {rate:.1f} letters per second"


@in_own_style
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
    cluster = next((cluster for cluster in clustering.clusters if cluster.flagged), clustering.clusters[0])
    points = place_points(results, latent_map)
    inside = results["utterance_id"].isin(cluster.utterance_ids).to_numpy()
    figure, axes = make_figure()
    size = choose_size(points)
    others, own = _name_rate("others", cluster.rest), _name_rate("cluster", cluster.rate)
    _scatter(axes, points[~inside], size=0.9 * size, color="#a9b4bf", label=others)
    _scatter(axes, points[inside], size=size, color=WEAK, label=own)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, -0.02))
    _finish_map(axes, textwrap.fill(cluster.sentence, 88))
    save_image(figure, path)
    tested = cluster.untested or f"corrected p = {cluster.p_corrected:.2g}"
    verdict = "significantly worse" if cluster.flagged else "not significantly worse"
    return f"{cluster.sentence} ({verdict}, {tested})"


def choose_extremes(results: pd.DataFrame) -> tuple[int, int]:
    """Choose the rows of the longest and the shortest utterance that has a reference, by duration."""
    column = "signal_duration_s" if "signal_duration_s" in results.columns else "text_word_count"
    spoken = results[results["reference"].fillna("").str.strip() != ""].reset_index()
    lengths = read_numbers(spoken[column])
    if lengths is None:
        raise ValueError(f"{column}: the results hold no lengths; evaluate with the signal metadata.")
    return int(spoken["index"][np.nanargmax(lengths)]), int(spoken["index"][np.nanargmin(lengths)])


def draw_all(
    results: pd.DataFrame,
    folder: Path,
    *,
    find_utterance: Callable[[str], Utterance],
    sampling_rate: int,
    seed: int = 0,
) -> dict[str, str]:
    """Draw every picture of an evaluation.

    Args:
        results: the results table.
        folder: where the PNG files go.
        find_utterance: gives the corpus record of an utterance id.
        sampling_rate: Hz.
        seed: of map and clusters.

    Returns:
        What each picture shows, by its name without ending.
    """
    results = results.reset_index(drop=True)
    latent_map = make_latent_map(results, space="latent", seed=seed)
    vectors = place_vectors(results, "latent", seed=seed)
    shown = {}
    for name, column in MAP_COLUMNS.items():
        path = folder / f"{name}.png"
        shown[name] = draw_latent_map(results, latent_map, vectors, column=column, path=path)
    for name, row in zip(("long_utterance", "short_utterance"), choose_extremes(results), strict=True):
        utterance = find_utterance(str(results["utterance_id"][row]))
        shown[name] = _draw_recording(
            utterance, sampling_rate, results["reference"][row], folder / f"{name}.png"
        )
    clustering = find_clusters(results, seed=seed)
    path = folder / "weak_cluster.png"
    shown["weak_cluster"] = draw_weak_cluster(results, latent_map, clustering, path=path)
    path = folder / "metrics_by_dale_chall.png"
    shown["metrics_by_dale_chall"] = draw_metrics_against(results, column=DALE_CHALL, path=path)
    return shown


def _draw_recording(utterance: Utterance, sampling_rate: int, reference: str, path: Path) -> str:
    waveform = read_waveform(utterance, sampling_rate=sampling_rate)
    return draw_utterance(
        waveform, sampling_rate=sampling_rate, utterance_id=utterance.id, reference=str(reference), path=path
    )


def choose_size(points: np.ndarray) -> float:
    """Choose the points' area in square typographic points: 16, less for more than 500 of them, at least 7."""
    return float(np.clip(16 * 500 / max(len(points), 1), 7, 16))


def _scatter(axes: Axes, points: np.ndarray, *, size: float, **look: Any) -> Any:
    return axes.scatter(points[:, 0], points[:, 1], s=size, linewidths=0, **look)


def _scatter_numbers(figure: Figure, axes: Axes, points: np.ndarray, numbers: np.ndarray, name: str) -> None:
    low, high = np.nanpercentile(numbers, [2, 98])
    look = {"c": numbers, "cmap": _make_ramp(), "vmin": low, "vmax": high}
    drawn = _scatter(axes, points, size=choose_size(points), **look)
    figure.colorbar(drawn, ax=axes, label=name, shrink=0.8).outline.set_visible(False)


def _scatter_categories(axes: Axes, points: np.ndarray, categories: np.ndarray) -> None:
    levels = sorted({value for value in categories if value is not None})
    for number, level in enumerate(levels):
        chosen = points[categories == level]
        colour = CATEGORY_COLOURS[number % len(CATEGORY_COLOURS)]
        label = f"{level} ({len(chosen)})"
        _scatter(axes, chosen, size=choose_size(points), color=colour, label=label)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _finish_map(axes: Axes, title: str) -> None:
    axes.set(title=title, xticks=[], yticks=[])
    axes.spines[["left", "bottom"]].set_color(LINE)


def _make_ramp() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("report", RAMP)


def _name_rate(name: str, rate: Any) -> str:
    ends = "" if rate.low is None else f" ({interval({'low': rate.low, 'high': rate.high})})"
    return f"{name}: word error rate {100 * (rate.rate or 0):.1f} %{ends}"
