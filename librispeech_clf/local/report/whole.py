"""The figures of all utterances, for a page that holds a sample of them.

In: the record of a run's recordings and its analysis. Out: what the page's script would compute if it held every row,
with the same definitions (`data.js`, `statistics.js`): figures, and figures by category and by bin of a column.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from librispeech_clf.local.analysis.groups import list_groupings
from librispeech_clf.local.analysis.rates import find_interval, sum_by
from librispeech_clf.local.analysis.record import SPEAKER, Record
from librispeech_clf.local.report.payload import natural_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from librispeech_clf.local.analysis.systems import Systems

Figure = tuple[str, np.ndarray, np.ndarray, str]
"""Key, numerators and denominators, each float64 (N,) with NaN where unknown, and the scale of its interval."""
KINDS = ("substitutions", "deletions", "insertions")
MEANS = (
    "ctc_loss", "confidence", "word_information_lost", "word_information_preserved", "calibrated_confidence",
)  # fmt: skip
BIN_COUNTS = (5, 6, 8)
"""Of the overview, of the dashboards' cards, and of the dashboard when it opens."""
MOST_LEVELS = 400
MOST_SPEAKERS = 10_000
STANDARD = ("readability_dale_chall_score", "text_word_count", "signal_to_noise_ratio_db", "words_per_second")
"""Endings of the columns that all figures are shown against; against the others it is the first figure."""
SPREAD = 20
"""Bars of the histogram of word error rates."""


def summarize_whole(
    record: Record, systems: Systems | None = None, bounds: Mapping[str, Sequence[float]] | None = None
) -> dict[str, Any]:
    """Summarize all recordings of a run.

    Args:
        record: the recordings.
        systems: beside each other, if there are several.
        bounds: of columns of numbers, see `analysis.groups`.

    Returns:
        `size`, `sums` of the error counts, `figures` by key, `splits` by column and number of bins, and `spread`.
    """
    figures = list_figures(record)
    codes, known = record.blocks, record.is_known
    groupings = list_groupings(record, bounds)
    own = {grouping.column for grouping in groupings} | {SPEAKER, "signal_duration_s"}
    splits: dict[str, Any] = {}
    for grouping in groupings:
        if grouping.ranges:
            index, count = grouping.index, len(grouping.labels)
            splits[f"{grouping.column} groups"] = _split(figures, index, count, codes, known)
    for name in ["split", "subset", *record.metadata]:
        column = record.column(name)
        if column is None:
            continue
        chosen = figures if name in own or name.endswith(STANDARD) else figures[:1]
        if column.numbers is None:
            present = np.unique(column.codes[column.codes >= 0])
            if len(present) > (MOST_SPEAKERS if name == SPEAKER else MOST_LEVELS):
                continue
            if name == SPEAKER:
                chosen = figures[:1]
            order = sorted(present.tolist(), key=lambda code: natural_order(column.levels[code]))
            places = np.full(len(column.levels) + 1, -1)
            places[order] = np.arange(len(order))
            labels = [column.levels[code] for code in order]
            splits[name] = {
                "labels": labels,
                **_split(chosen, places[column.codes], len(order), codes, known),
            }
            continue
        for count in BIN_COUNTS:
            edges = find_edges(column.numbers, count)
            index = np.where(
                np.isfinite(column.numbers),
                np.clip(np.searchsorted(edges, column.numbers, "right") - 1, 0, len(edges) - 2),
                -1,
            )
            splits[f"{name} {count}"] = {
                "edges": edges.tolist(),
                **_split(chosen, index, len(edges) - 1, codes, known),
            }
    rates = record.numbers("word_error_rate")
    spread = np.histogram(np.minimum(rates[np.isfinite(rates)], 1), SPREAD, (0, 1))[0]
    kinds = [f"{unit}_{kind}" for unit in ("word", "character") for kind in ("hits", *KINDS)]
    sums = {key: int(np.nansum(record.numbers(key))) for key in kinds}
    return {
        "size": {
            "count": len(record),
            "speakers": len(np.unique(codes[known])),
            "words": sum(sums[f"word_{kind}"] for kind in ("hits", *KINDS[:2])),
            "seconds": float(np.nansum(record.numbers("signal_duration_s"))),
        },
        "sums": sums,
        "figures": {
            figure[0]: _estimate(figure[1], figure[2], figure[3], codes, known) for figure in figures
        },
        "splits": splits,
        "spread": spread.tolist(),
        "systems": None if systems is None else describe_systems(systems),
    }


def list_figures(record: Record) -> list[Figure]:
    """List the figures of the page, the word error rate first."""
    words, letters = record.counts(), record.counts("character")
    scored = np.isfinite(words).all(axis=1)
    errors, spoken = words[:, 1:].sum(axis=1), words[:, :3].sum(axis=1)
    figures: list[Figure] = [
        ("word_error_rate", errors, spoken, "rate"),
        ("character_error_rate", letters[:, 1:].sum(axis=1), letters[:, :3].sum(axis=1), "rate"),
        (
            "sentence_error_rate",
            np.where(scored, errors > 0, np.nan),
            np.where(scored, 1.0, np.nan),
            "share",
        ),
        ("match_error_rate", errors, words.sum(axis=1), "share"),
    ]
    for name in MEANS:
        values = record.numbers(name)
        figures.append((name, values, np.where(np.isfinite(values), 1.0, np.nan), "rate"))
    for unit, counts in (("word", words), ("character", letters)):
        for place, kind in enumerate(KINDS, 1):
            key = f"{unit}_{kind[:-1]}_rate"
            figures.append((key, counts[:, place], counts[:, :3].sum(axis=1), "rate"))
    return figures


def find_edges(numbers: np.ndarray, count: int) -> np.ndarray:
    """Return the edges of bins of about the same number of values, equal ones merged, as `quantileEdges` has them."""
    edges = np.unique(np.quantile(numbers[np.isfinite(numbers)], np.arange(count + 1) / count))
    return edges if len(edges) > 1 else np.repeat(edges, 2)


def _split(
    figures: Sequence[Figure], index: np.ndarray, count: int, blocks: np.ndarray, known: np.ndarray
) -> dict[str, Any]:
    """Estimate figures in each of `count` groups of rows, int (N,), -1 for none."""
    order = np.argsort(index, kind="stable")
    ends = np.searchsorted(index[order], np.arange(count + 1))
    parts = [order[start:end] for start, end in zip(ends[:-1], ends[1:], strict=True)]
    return {
        "figures": {
            key: [
                _estimate(numerators[part], denominators[part], scale, blocks[part], known[part])
                for part in parts
            ]
            for key, numerators, denominators, scale in figures
        }
    }


def _estimate(
    numerators: np.ndarray, denominators: np.ndarray, scale: str, blocks: np.ndarray, known: np.ndarray
) -> list[float | int | None]:
    """Return estimate, lower and upper bound, number of units and of utterances, and whether units are speakers."""
    held = np.isfinite(numerators) & np.isfinite(denominators)
    if not held.any():
        return [None, None, None, 0, 0, 0]
    values = np.stack([numerators[held], denominators[held]], axis=1)
    own = blocks[held]
    if own.max() > len(own):  # sorting costs more than empty sums, but for a few rows of many speakers
        own = np.unique(own, return_inverse=True)[1].reshape(-1)
    sums = sum_by(values, own)[np.bincount(own) > 0]
    total = sums.sum(axis=0)
    estimate = float(total[0] / total[1]) if total[1] > 0 else float(total[0])
    low, high = find_interval(sums, scale) if len(sums) > 1 else (None, None)
    return [estimate, low, high, len(sums), int(held.sum()), int(known[held].any())]


def describe_systems(systems: Systems) -> dict[str, Any]:
    """Return rates and pairs as the page's tables show them."""
    rates = {}
    for one in systems.rates:
        word = (one.word.rate, one.word.low, one.word.high, one.word.speakers, one.word.utterances, 1)
        kinds = [one.substitutions, one.deletions, one.insertions]
        rates[one.name] = {
            "word": word,
            "letters": one.character.rate,
            "kinds": kinds,
            "words": one.word.units,
        }
    pairs = {}
    for pair in systems.pairs:
        ends = (pair.difference, pair.low, pair.high)
        back = (None if end is None else -end for end in (pair.difference, pair.high, pair.low))
        told = (0, pair.utterances, 1, pair.p_value)
        pairs[f"{pair.second} minus {pair.first}"] = [*ends, *told]
        pairs[f"{pair.first} minus {pair.second}"] = [*back, *told]
    return {"rates": rates, "pairs": pairs, "oracle": systems.oracle}
