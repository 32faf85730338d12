"""The figures of all utterances, for a page that holds a sample of them.

In: the record of a run's recordings and its analysis. Out: what the page's script would compute if it held every row,
by the same definitions (`data.js`, `statistics.js`): figures, overall and by category or bin of a column.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from librispeech_clf.local.analysis.groups import list_groupings
from librispeech_clf.local.analysis.rates import find_interval, sum_by
from librispeech_clf.local.analysis.record import OPERATIONS, SPEAKER, Record
from librispeech_clf.local.report.payload import MAX_LEVELS, order_levels

if TYPE_CHECKING:
    from librispeech_clf.local.analysis.systems import Systems

MEANS = (
    "ctc_loss", "confidence", "word_information_lost", "word_information_preserved", "calibrated_confidence",
)  # fmt: skip
BIN_COUNTS = (5, 6, 8)
"""Numbers of bins in the overview, on the dashboards' cards, and on the dashboard when it opens."""
MOST_SPEAKERS = 10_000
STANDARD = ("readability_dale_chall_score", "text_word_count", "signal_to_noise_ratio_db", "words_per_second")
"""Endings of the columns against which all figures are shown; against others, only the first figure is."""
SPREAD = 20
"""Bars of the histogram of word error rates."""


class Figure(NamedTuple):
    """Numerators and denominators, float64 (N,) with NaN where unknown, and the scale of the interval."""

    key: str
    numerators: np.ndarray
    denominators: np.ndarray
    scale: str = "rate"


def summarize_whole(
    record: Record, systems: Systems | None = None, bounds: Mapping[str, Sequence[float]] | None = None
) -> dict[str, Any]:
    """Summarize all recordings of a run; `bounds` as for `list_groupings`.

    Returns:
        `size`; `sums` of the error counts; `figures` by key; `splits` by column and number of bins; and `spread`.
    """
    figures, blocks, known = list_figures(record), record.blocks, record.is_known
    groupings = list_groupings(record, bounds)
    own = {grouping.column for grouping in groupings} | {SPEAKER, "signal_duration_s"}
    splits: dict[str, Any] = {}

    def split(
        key: str, index: np.ndarray, count: int, chosen: Sequence[Figure] = figures, **told: Any
    ) -> None:
        order = np.argsort(index, kind="stable")
        ends = np.searchsorted(index[order], np.arange(count + 1))
        parts = [order[start:end] for start, end in itertools.pairwise(ends)]
        estimates = {each.key: [_estimate(each, blocks, known, part) for part in parts] for each in chosen}
        splits[key] = {**told, "figures": estimates}

    for grouping in groupings:
        if grouping.ranges:
            split(f"{grouping.column} groups", grouping.index, len(grouping.labels))
    for name in ["split", "subset", *record.metadata]:
        column = record.column(name)
        if column is None:
            continue
        chosen = figures if (name in own or name.endswith(STANDARD)) and name != SPEAKER else figures[:1]
        if column.numbers is None:
            labels, codes = order_levels(column)
            if len(labels) <= (MOST_SPEAKERS if name == SPEAKER else MAX_LEVELS):
                split(name, codes, len(labels), chosen, labels=labels)
            continue
        for count in BIN_COUNTS:
            edges = find_edges(column.numbers, count)
            places = np.clip(np.searchsorted(edges, column.numbers, "right") - 1, 0, len(edges) - 2)
            index = np.where(np.isfinite(column.numbers), places, -1)
            split(f"{name} {count}", index, len(edges) - 1, chosen, edges=edges.tolist())
    rates = record.numbers("word_error_rate")
    spread = np.histogram(np.minimum(rates[np.isfinite(rates)], 1), SPREAD, (0, 1))[0]
    kinds = [f"{unit}_{kind}" for unit in ("word", "character") for kind in OPERATIONS]
    sums = {key: int(np.nansum(record.numbers(key))) for key in kinds}
    return {
        "size": {
            "count": len(record),
            "speakers": len(np.unique(blocks[known])),
            "words": sum(sums[f"word_{kind}"] for kind in OPERATIONS[:3]),
            "seconds": float(np.nansum(record.numbers("signal_duration_s"))),
        },
        "sums": sums,
        "figures": {figure.key: _estimate(figure, blocks, known) for figure in figures},
        "splits": splits,
        "spread": spread.tolist(),
        "systems": None if systems is None else describe_systems(systems),
    }


def list_figures(record: Record) -> list[Figure]:
    """List the figures of the page, the word error rate first."""
    words, letters = record.counts(), record.counts("character")
    errors, spoken = words[:, 1:].sum(axis=1), words[:, :3].sum(axis=1)
    scored = np.where(np.isfinite(words).all(axis=1), 1.0, np.nan)
    figures = [
        Figure("word_error_rate", errors, spoken),
        Figure("character_error_rate", letters[:, 1:].sum(axis=1), letters[:, :3].sum(axis=1)),
        Figure("sentence_error_rate", (errors > 0) * scored, scored, "share"),
        Figure("match_error_rate", errors, words.sum(axis=1), "share"),
    ]
    for name in MEANS:
        values = record.numbers(name)
        scale = "rate" if name in ("ctc_loss", "confidence") else "share"
        figures.append(Figure(name, values, np.where(np.isfinite(values), 1.0, np.nan), scale))
    for unit, counts in (("word", words), ("character", letters)):
        for place, kind in enumerate(OPERATIONS[1:], 1):
            figures.append(Figure(f"{unit}_{kind[:-1]}_rate", counts[:, place], counts[:, :3].sum(axis=1)))
    return figures


def find_edges(numbers: np.ndarray, count: int) -> np.ndarray:
    """Return the edges of bins with about the same number of values, equal ones merged, as `quantileEdges` does."""
    edges = np.unique(np.quantile(numbers[np.isfinite(numbers)], np.arange(count + 1) / count))
    return edges if len(edges) > 1 else np.repeat(edges, 2)


def _estimate(
    figure: Figure, blocks: np.ndarray, known: np.ndarray, part: np.ndarray | slice = slice(None)
) -> list[float | int | None]:
    """Return estimate, lower and upper bound, numbers of units and utterances, and whether units are speakers."""
    numerators, denominators = figure.numerators[part], figure.denominators[part]
    held = np.isfinite(numerators) & np.isfinite(denominators)
    if not held.any():
        return [None, None, None, 0, 0, 0]
    values = np.stack([numerators[held], denominators[held]], axis=1)
    own = blocks[part][held]
    if own.max() > len(own):  # sorting costs more than empty sums, except for few rows among many speakers
        own = np.unique(own, return_inverse=True)[1]
    sums = sum_by(values, own)[np.bincount(own) > 0]
    total = sums.sum(axis=0)
    estimate = float(total[0] / total[1]) if total[1] > 0 else float(total[0])
    ends = find_interval(sums, figure.scale)
    return [estimate, *ends, len(sums), int(held.sum()), int(known[part][held].any())]


def describe_systems(systems: Systems) -> dict[str, Any]:
    """Return rates and pairs as the page's tables show them."""
    rates, pairs = {}, {}
    for one in systems.rates:
        word = one.word
        rates[one.name] = {
            "word": (word.rate, word.low, word.high, word.speakers, word.utterances, 1),
            "letters": one.character.rate,
            "kinds": one.kinds,
            "words": word.units,
        }
    for pair in systems.pairs:
        ends, told = (pair.difference, pair.low, pair.high), (0, pair.utterances, 1, pair.p_value)
        back = (None if end is None else -end for end in (pair.difference, pair.high, pair.low))
        pairs[f"{pair.second} minus {pair.first}"] = [*ends, *told]
        pairs[f"{pair.first} minus {pair.second}"] = [*back, *told]
    return {"rates": rates, "pairs": pairs, "oracle": systems.oracle}
