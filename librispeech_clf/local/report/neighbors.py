"""Which utterances are alike: the nearest ones to each, and duplicates within and across splits.

In: the record of a run. Out: row numbers, for the page. Duplicates matter to a corpus's owner: they count twice, and
across splits they leak.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from librispeech_clf.local.analysis.record import Record

NEAREST = 5
MOST_ROWS = 20_000
"""Most utterances whose nearest ones are looked for: all distances are computed."""
NEARLY = 0.25
"""Distance of nearly identical audio, as a share of the median distance of an utterance to its nearest one."""
EQUAL = 1e-5
"""Largest relative difference between the acoustic statistics of the same audio."""


def find_nearest(record: Record) -> dict[str, Any] | None:
    """Return the rows of each utterance's nearest five, by hidden states or else by acoustic statistics."""
    for space in ("latent", "acoustic_statistics"):
        vectors, rows = record.vectors(space)
        if 1 < len(rows) <= MOST_ROWS:
            nearest, _ = _measure_nearest(vectors, NEAREST)
            found: list[list[int]] = [[] for _ in range(len(record))]
            for row, places in zip(rows.tolist(), nearest, strict=True):
                found[row] = rows[places].tolist()
            return {"space": space, "rows": found}
    return None


def _measure_nearest(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return indices (N, count) of the nearest others, nearest first, and distances between standardized vectors."""
    from sklearn.neighbors import NearestNeighbors

    spread = vectors.std(axis=0)
    scaled = (vectors - vectors.mean(axis=0)) / np.where(spread > 0, spread, 1)
    distances, places = NearestNeighbors(n_neighbors=min(count, len(scaled) - 1)).fit(scaled).kneighbors()
    return places, distances


def find_doubles(record: Record) -> list[dict[str, Any]]:
    """Find recordings that occur twice, and texts that two splits share.

    Returns:
        Records of `kind` ("same audio", "same text and nearly the same audio", "same text in two splits"), `rows` and
        `splits`, those across splits first.
    """
    vectors, rows = record.vectors("acoustic_statistics")
    texts = [text or "" for text in record.texts("reference")]
    splits = list(zip(record.texts("split"), record.texts("subset"), strict=True))
    seconds = record.numbers("signal_duration_s")
    found: dict[tuple[int, ...], str] = {}
    if 1 < len(rows) <= MOST_ROWS:
        nearest, distances = _measure_nearest(vectors, 1)
        nearly = NEARLY * float(np.median(distances))
        for row, place, distance in zip(rows, nearest[:, 0], distances[:, 0], strict=True):
            pair = tuple(sorted((int(row), int(rows[place]))))
            one, other = vectors[np.searchsorted(rows, pair)]
            is_equal = np.allclose(one, other, rtol=EQUAL, atol=EQUAL * np.abs(one).max())
            if is_equal and (np.isnan(seconds[pair[0]]) or seconds[pair[0]] == seconds[pair[1]]):
                found[pair] = "same audio"
            elif distance < nearly and texts[pair[0]] and texts[pair[0]] == texts[pair[1]]:
                found[pair] = "same text and nearly the same audio"
    same_text: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        same_text.setdefault(text or f"no text {row}", []).append(row)
    across = [pair for pair in found if splits[pair[0]] != splits[pair[1]]]
    for shared in same_text.values():
        if len({splits[row] for row in shared}) > 1 and not any(set(pair) & set(shared) for pair in across):
            found[tuple(shared)] = "same text in two splits"
    names = ["/".join(filter(None, of_row)) for of_row in splits]
    doubles = [
        {"kind": kind, "rows": list(of), "splits": sorted({names[row] for row in of})}
        for of, kind in found.items()
    ]
    return sorted(doubles, key=lambda double: (-len(double["splits"]), double["kind"], double["rows"]))
