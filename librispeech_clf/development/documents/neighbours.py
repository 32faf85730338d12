"""Whether near utterances are alike: how far neighbours in a latent space agree in a metadata column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.local.analysis.latent_space import reduce_vectors
from librispeech_clf.local.analysis.results_table import read_vectors

if TYPE_CHECKING:
    import pandas as pd

NEIGHBOURS = 15


def place_vectors(results: pd.DataFrame, space: str, *, seed: int = 0) -> np.ndarray:
    """Lay the vectors from which a map is made on the rows of the results table.

    Args:
        results: the results table.
        space: the column of vectors.
        seed: of the PCA.

    Returns:
        float64 (N, C) principal components, NaN for utterances without a vector.
    """
    vectors, rows = read_vectors(results, space)
    reduced, _ = reduce_vectors(vectors, seed=seed)
    placed = np.full((len(results), reduced.shape[1]), np.nan)
    placed[rows] = reduced
    return placed


def measure_numeric_agreement(vectors: np.ndarray, numbers: np.ndarray) -> str:
    """Rank-correlate each utterance's number with the mean of its nearest neighbours.

    Args:
        vectors: float64 (N, C), NaN where unknown.
        numbers: float64 (N,), NaN where unknown.
    """
    from scipy.stats import spearmanr

    known = np.isfinite(vectors).all(axis=1) & np.isfinite(numbers)
    neighbours = find_neighbours(vectors[known])
    if neighbours.shape[1] == 0 or np.ptp(numbers[known]) == 0:
        return "too few different values for a correlation"
    correlation = spearmanr(numbers[known], numbers[known][neighbours].mean(axis=1)).statistic
    return f"rank correlation with the mean of the {neighbours.shape[1]} nearest neighbours {correlation:.2f}"


def measure_category_agreement(vectors: np.ndarray, categories: np.ndarray) -> str:
    """Count how many of the nearest neighbours share the utterance's category, against chance.

    Args:
        vectors: float64 (N, C), NaN where unknown.
        categories: object (N,), None where unknown.
    """
    known = np.isfinite(vectors).all(axis=1) & np.array([value is not None for value in categories])
    values = categories[known].astype(str)
    neighbours = find_neighbours(vectors[known])
    if neighbours.shape[1] == 0:
        return "too few utterances to compare neighbours"
    same = (values[neighbours] == values[:, None]).mean()
    _, counts = np.unique(values, return_counts=True)
    chance = (counts * (counts - 1)).sum() / (len(values) * (len(values) - 1))
    return f"{same:.0%} of the {neighbours.shape[1]} nearest neighbours share it, {chance:.0%} by chance"


def find_neighbours(points: np.ndarray) -> np.ndarray:
    """Find each point's nearest other points.

    Args:
        points: float64 (N, C), finite.

    Returns:
        int (N, K), K = 15 or as many as there are; K = 0 for fewer than two points.
    """
    from scipy.spatial import KDTree

    count = min(NEIGHBOURS, len(points) - 1)
    if count < 1:
        return np.zeros((len(points), 0), dtype=int)
    _, found = KDTree(points).query(points, k=count + 1)
    others = found != np.arange(len(points))[:, None]
    others[others.all(axis=1), -1] = False  # a point among more than K equal ones may miss itself
    return found[others].reshape(len(points), count)
