"""Two-dimensional maps of the latent spaces: standardized, PCA, then t-SNE.

In: the record's vectors (`latent`, the pooled hidden states, and `acoustic_statistics`). Out: a point per
utterance. The same seed and table give the same map.

Sources: van der Maaten & Hinton, "Visualizing data using t-SNE", JMLR 9, 2008 (perplexity 5 to 50; PCA
before); Kobak & Berens, "The art of using t-SNE for single-cell transcriptomics", Nature Communications 10,
2019 (start from the PCA).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from librispeech_clf.local.analysis.record import Record

LATENT_SPACES = ("latent", "acoustic_statistics")
MOST_COMPONENTS = 50
VARIANCE_KEPT = 0.95
PERPLEXITY = 30.0
FEWEST_FOR_NEIGHBORS = 10
MOST_FOR_NEIGHBORS = 20_000


@dataclass(frozen=True)
class LatentMap:
    """A map of utterances.

    Attributes:
        space: the column the map shows.
        utterance_ids: the utterances that have a vector, in the table's order.
        points: (x, y) of each, rounded to 4 decimals; no unit.
        method: "PCA and t-SNE", "PCA" (too few or too many utterances for t-SNE) or "none" (no vectors).
        perplexity: of the t-SNE, None without one.
        components: number of principal components kept.
        variance_kept: share of the variance that those components hold, in [0, 1].
        left_out: number of utterances without a vector.
    """

    space: str
    utterance_ids: tuple[str, ...]
    points: tuple[tuple[float, float], ...]
    method: str
    perplexity: float | None
    components: int
    variance_kept: float
    left_out: int


def make_latent_maps(record: Record) -> dict[str, LatentMap]:
    """Return a map per latent space, by column name; a space without vectors has an empty map."""
    # t-SNE lets other threads run. The limit is for the whole process, so it is set around both maps.
    with threadpool_limits(limits=1), ThreadPoolExecutor() as pool:
        made = pool.map(lambda space: make_latent_map(record, space=space), LATENT_SPACES)
        return dict(zip(LATENT_SPACES, made, strict=True))


def make_latent_map(record: Record, *, space: str, seed: int = 0) -> LatentMap:
    """Return the map of one latent space.

    Args:
        record: the results.
        space: the column of vectors.
        seed: of PCA and t-SNE.

    Returns:
        The map. With fewer than 10 or more than 20,000 utterances it shows the first two principal
        components.
    """
    vectors, rows = record.vectors(space)
    ids = tuple(record.ids[rows])
    left_out = len(record) - len(rows)
    if len(rows) == 0:
        return LatentMap(space, (), (), "none", None, 0, 0.0, left_out)
    reduced, kept = reduce_vectors(vectors, seed=seed)
    perplexity = choose_perplexity(len(rows)) if reduced.shape[1] else None
    points = reduced[:, :2] if perplexity is None else _embed(reduced, perplexity, seed)
    padded = np.zeros((len(rows), 2))
    padded[:, : points.shape[1]] = points
    method = "PCA" if perplexity is None else "PCA and t-SNE"
    pairs = tuple((round(float(x), 4), round(float(y), 4)) for x, y in padded)
    return LatentMap(space, ids, pairs, method, perplexity, reduced.shape[1], kept, left_out)


def choose_perplexity(count: int) -> float | None:
    """Return t-SNE's perplexity for a number of utterances: 30, less below 91; None where t-SNE is not used.

    The perplexity stays below a third of the utterances, so that every point has neighbors and others.
    """
    if not FEWEST_FOR_NEIGHBORS <= count <= MOST_FOR_NEIGHBORS:
        return None
    return min(PERPLEXITY, (count - 1) / 3)


def reduce_vectors(
    vectors: np.ndarray,
    *,
    seed: int = 0,
    most_components: int = MOST_COMPONENTS,
    variance_kept: float = VARIANCE_KEPT,
) -> tuple[np.ndarray, float]:
    """Standardize vectors and keep their first principal components.

    Args:
        vectors: float (K, D), K at least 1.
        seed: of the PCA.
        most_components: the largest number of components.
        variance_kept: the share of the variance to keep, in (0, 1].

    Returns:
        float64 (K, C) and the share of the variance it holds. C is the fewest components that hold
        `variance_kept`, at most `most_components`; 0 when all vectors are alike.
    """
    from sklearn.decomposition import PCA

    step = max(1, -(-len(vectors) // MOST_FOR_NEIGHBORS))
    fitted = vectors[::step].astype(np.float64)
    deviations = fitted.std(axis=0)
    varied = deviations > 1e-9 * np.maximum(1, np.abs(fitted).max(axis=0))
    if not varied.any():
        return np.zeros((len(vectors), 0)), 0.0
    means, deviations = fitted[:, varied].mean(axis=0), deviations[varied]
    standardized = (fitted[:, varied] - means) / deviations
    count = min(most_components, *standardized.shape)
    model = PCA(n_components=count, svd_solver="full", random_state=seed)
    with threadpool_limits(limits=1):
        reduced = model.fit_transform(standardized)
        if step > 1:  # of many vectors the components are those of some; all are projected, some at a time
            starts = range(0, len(vectors), MOST_FOR_NEIGHBORS)
            parts = (vectors[start : start + MOST_FOR_NEIGHBORS] for start in starts)
            reduced = np.concatenate(
                [model.transform((part[:, varied] - means) / deviations) for part in parts]
            )
    shares = np.cumsum(model.explained_variance_ratio_)
    wanted = min(int(np.searchsorted(shares, variance_kept - 1e-12)) + 1, count)
    return reduced[:, :wanted], float(min(shares[wanted - 1], 1.0))


def _embed(reduced: np.ndarray, perplexity: float, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    start = np.zeros((len(reduced), 2))
    start[:, : min(2, reduced.shape[1])] = reduced[:, :2]
    start *= 1e-4 / start[:, 0].std()
    model = TSNE(perplexity=perplexity, init=start.astype(np.float32), random_state=seed, n_jobs=1)
    with threadpool_limits(limits=1):  # threads that wait for a busy core make it 100 times slower
        return model.fit_transform(reduced.astype(np.float32))
