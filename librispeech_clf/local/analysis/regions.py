"""Regions of the latent space, large and small: groups that are dense, or that come back.

In: the results table's latent vectors. Out: which utterances each region holds. Regions may lie within another.
Dense ones last long over the levels of density; the others are branches of a tree by Ward's method which trees of
seven tenths of the utterances have, too (mean Jaccard similarity of at least 0.6).

Sources: Campello, Moulavi & Sander, "Density-based clustering based on hierarchical density estimates", PAKDD 2013,
doi:10.1007/978-3-642-37456-2_14; stability, Hennig, "Cluster-wise assessment of cluster stability", 2007,
doi:10.1016/j.csda.2006.11.025.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.local.analysis.latent_space import reduce_vectors
from librispeech_clf.local.analysis.results_table import read_vectors

if TYPE_CHECKING:
    import pandas as pd

COMPONENTS = 10
SUBSAMPLES = 5
SUBSAMPLE_SHARE = 0.7
STABLE = 0.6
MOST_FOR_TREE = 5_000
"""A tree takes time and memory with the square of the utterances; of more, only dense regions are found."""


def find_regions(scored: pd.DataFrame, *, smallest: int) -> list[np.ndarray]:
    """Find the regions of the latent space.

    Args:
        scored: the utterances; without the column `latent` there are no regions.
        smallest: fewest utterances of a region.

    Returns:
        bool (N,) each, no two alike.
    """
    vectors, rows = read_vectors(scored, "latent")
    if len(rows) < 2 * smallest:
        return []
    reduced, _ = reduce_vectors(vectors, most_components=COMPONENTS)
    if reduced.shape[1] == 0:
        return []
    found = _find_dense(reduced, smallest)
    if len(reduced) <= MOST_FOR_TREE:
        found = np.concatenate([found, _find_stable(reduced, smallest)])
    regions = np.zeros((len(found), len(scored)), bool)
    regions[:, rows] = found
    return list({region.tobytes(): region for region in regions}.values())


def _find_dense(reduced: np.ndarray, smallest: int) -> np.ndarray:
    """Return dense regions and the densest parts of them, bool (C, K)."""
    from sklearn.cluster import HDBSCAN

    found = []
    for selection in ("eom", "leaf"):
        model = HDBSCAN(
            min_cluster_size=smallest, min_samples=2, cluster_selection_method=selection, copy=True
        )
        labels = model.fit_predict(reduced)
        found += [labels == label for label in range(labels.max(initial=-1) + 1)]
    return np.array(found, bool).reshape(len(found), len(reduced))


def _find_stable(reduced: np.ndarray, smallest: int) -> np.ndarray:
    """Return the branches of Ward's tree that subsamples' trees have, too, bool (C, K)."""
    generator = np.random.default_rng(0)
    branches = _list_branches(reduced, smallest)
    similarity = np.zeros(len(branches))
    for _ in range(SUBSAMPLES):
        chosen = generator.permutation(len(reduced))[: int(SUBSAMPLE_SHARE * len(reduced))]
        others = _list_branches(reduced[chosen], max(2, int(SUBSAMPLE_SHARE * smallest / 2)))
        similarity += _measure_similarity(branches[:, chosen], others).max(axis=1, initial=0) / SUBSAMPLES
    return branches[similarity >= STABLE]


def _measure_similarity(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the Jaccard similarity of each pair of groups, bool (C, K) and (D, K), as (C, D)."""
    left, right = first.astype(np.float32), second.astype(np.float32)
    common = left @ right.T
    return common / np.maximum(left.sum(axis=1)[:, None] + right.sum(axis=1) - common, 1)


def _list_branches(reduced: np.ndarray, smallest: int) -> np.ndarray:
    """Return the branches of Ward's tree that hold at least `smallest` and at most half of all, bool (C, K)."""
    from scipy.cluster.hierarchy import linkage

    count = len(reduced)
    members = [np.array([number]) for number in range(count)]
    for left, right in linkage(reduced, "ward")[:, :2].astype(int):
        members.append(np.concatenate([members[left], members[right]]))
    kept = [own for own in members[count:] if smallest <= len(own) <= count / 2]
    branches = np.zeros((len(kept), count), bool)
    for number, own in enumerate(kept):
        branches[number, own] = True
    return branches
