"""Weak clusters: groups in the latent space with a higher word error rate, and the metadata that name them.

In: the results table. Out: a `Clustering`. k-means sees the latent vectors only, never errors, so a
cluster's error rate is a fair test of it. Whether it is worse than all other utterances is tested with
speakers as units (`significance.compare_rates`), one-sided, corrected by Holm's procedure: in data without
a weakness the chance that any cluster is flagged is about `ALPHA`.

Source: Rousseeuw, "Silhouettes", J. of Computational and Applied Mathematics 20, 1987.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from librispeech_clf.local.analysis.intervals import (
    FEWEST_SPEAKERS,
    ErrorRate,
    corpus_error_rate,
    find_blocks,
)
from librispeech_clf.local.analysis.latent_space import reduce_vectors
from librispeech_clf.local.analysis.results_table import (
    count_errors,
    find_scored,
    list_speakers,
    read_vectors,
)
from librispeech_clf.local.analysis.significance import compare_rates, correct_holm
from librispeech_clf.local.analysis.traits import MetadataCorrelation, correlate_metadata

if TYPE_CHECKING:
    import pandas as pd

ALPHA = 0.01
SMALLEST_CLUSTER = 8
SMALLEST_SHARE = 0.02
MOST_CLUSTERS = 10
SPEAKERS_PER_CLUSTER = 6
FEWEST_EFFECTIVE_BLOCKS = 2.0
_SILHOUETTE_SAMPLE = 2000
_COMPONENTS = 20


@dataclass(frozen=True)
class Cluster:
    """One cluster of the latent space.

    Attributes:
        number: 1 for the highest word error rate.
        utterance_ids: its utterances.
        rate: its corpus word error rate with interval.
        rest: the same of all other utterances.
        difference: rate minus rest.
        speakers: number of known speakers in it.
        largest_speaker: the speaker with most of its utterances, None if unknown.
        largest_speaker_share: that speaker's share of its utterances, in [0, 1].
        p_value: one-sided, that the cluster is not worse than the rest; None where not tested.
        p_corrected: by Holm's procedure over the clusters tested.
        flagged: worse than the rest at `Clustering.alpha`.
        untested: why it was not tested, None if it was.
        metadata: what sets it apart, best first; looked for in flagged clusters only.
        sentence: the finding in words.
    """

    number: int
    utterance_ids: tuple[str, ...]
    rate: ErrorRate
    rest: ErrorRate
    difference: float | None
    speakers: int
    largest_speaker: str | None
    largest_speaker_share: float
    p_value: float | None
    p_corrected: float | None
    flagged: bool
    untested: str | None
    metadata: tuple[MetadataCorrelation, ...]
    sentence: str


@dataclass(frozen=True)
class Clustering:
    """The clusters of a results table.

    Attributes:
        clusters: highest word error rate first.
        criterion: how the number of clusters was chosen, in words.
        silhouettes: mean silhouette by number of clusters tried, in [-1, 1].
        alpha: chance of flagging anything when no cluster is worse.
        tested_by: "speakers" or "utterances": what the test takes as independent.
        smallest: fewest utterances of a cluster that is tested.
        utterances: utterances clustered.
        left_out: utterances without a latent vector or without metrics.
        note: why there are no clusters or no speakers to test by, None otherwise.
    """

    clusters: tuple[Cluster, ...]
    criterion: str
    silhouettes: dict[int, float]
    alpha: float
    tested_by: str
    smallest: int
    utterances: int
    left_out: int
    note: str | None


def find_clusters(results: pd.DataFrame, *, seed: int = 0) -> Clustering:
    """Cluster the latent space and flag the clusters with a higher word error rate.

    Args:
        results: the results table with the column `latent`.
        seed: of PCA, k-means and silhouettes.

    Returns:
        The clusters, highest word error rate first. Flagged ones carry the metadata that set them apart.
    """
    scored = find_scored(results)
    vectors, rows = read_vectors(scored, "latent")
    clustered = scored.iloc[rows].reset_index(drop=True)
    smallest = max(SMALLEST_CLUSTER, int(np.ceil(SMALLEST_SHARE * len(rows))))
    blocks = find_blocks(clustered)
    labels, silhouettes, note = choose_clusters(
        vectors, speakers=blocks.speakers, smallest=smallest, seed=seed
    )
    tested = _test_clusters(clustered, labels, smallest)
    return Clustering(
        clusters=tuple(replace(cluster, number=number) for number, cluster in enumerate(tested, 1)),
        criterion=_describe_criterion(smallest),
        silhouettes=silhouettes,
        alpha=ALPHA,
        tested_by="speakers" if blocks.resampled == "speakers" else "utterances",
        smallest=smallest,
        utterances=len(rows),
        left_out=len(results) - len(rows),
        note=note or blocks.note,
    )


def _describe_criterion(smallest: int) -> str:
    return (
        "k-means on the standardised latent space reduced by PCA; the number of clusters with the highest "
        f"mean silhouette, up to {MOST_CLUSTERS} and to one per {SPEAKERS_PER_CLUSTER} speakers (three with "
        f"few speakers); clusters below {smallest} utterances are not tested"
    )


def choose_clusters(
    vectors: np.ndarray, *, speakers: int, smallest: int, seed: int = 0
) -> tuple[np.ndarray, dict[int, float], str | None]:
    """Group latent vectors by k-means, the number of groups chosen by the mean silhouette.

    Args:
        vectors: float64 (K, D).
        speakers: number of known speakers; limits the number of groups if at least 5 are known.
        smallest: fewest members of a group that counts.
        seed: of PCA, k-means and silhouettes.

    Returns:
        int (K,) group of each vector; the mean silhouette by number of groups tried; why there is a single
        group, None otherwise.
    """
    alone = np.zeros(len(vectors), dtype=int)
    if len(vectors) < 2 * smallest:
        return alone, {}, f"{len(vectors)} utterances are too few for two clusters of {smallest}"
    reduced, _ = reduce_vectors(vectors, seed=seed, most_components=_COMPONENTS, variance_kept=0.9)
    if reduced.shape[1] == 0:
        return alone, {}, "all latent vectors are alike"
    limit = min(MOST_CLUSTERS, len(vectors) // smallest, len(np.unique(reduced, axis=0)) - 1)
    if speakers >= FEWEST_SPEAKERS:
        limit = min(limit, max(3, speakers // SPEAKERS_PER_CLUSTER))
    tried = {count: _group(reduced, count, seed) for count in range(2, limit + 1)}
    usable = {count: labels for count, labels in tried.items() if _has_clusters(labels, smallest)}
    silhouettes = {count: _score(reduced, labels, seed) for count, labels in usable.items()}
    if not silhouettes:
        return alone, {}, f"no grouping has two clusters of at least {smallest} utterances"
    best = max(silhouettes, key=lambda count: silhouettes[count])
    return usable[best], silhouettes, None


def _group(reduced: np.ndarray, count: int, seed: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    with threadpool_limits(limits=1):  # on some thousand points threads cost more than they save
        return KMeans(n_clusters=count, n_init=4, random_state=seed).fit_predict(reduced)


def _has_clusters(labels: np.ndarray, smallest: int) -> bool:
    sizes = np.bincount(labels)
    return bool((sizes >= smallest).sum() >= 2 and sizes[sizes >= smallest].sum() >= 0.9 * len(labels))


def _score(reduced: np.ndarray, labels: np.ndarray, seed: int) -> float:
    from sklearn.metrics import silhouette_score

    sample = min(len(reduced), _SILHOUETTE_SAMPLE)
    with threadpool_limits(limits=1):
        return float(silhouette_score(reduced, labels, sample_size=sample, random_state=seed))


def _test_clusters(clustered: pd.DataFrame, labels: np.ndarray, smallest: int) -> list[Cluster]:
    """Rate and test each cluster, correct for the number tested, describe those flagged; worst first."""
    groups = [labels == label for label in np.unique(labels)]
    tests = [_test_cluster(clustered, inside, smallest) for inside in groups]
    corrected = correct_holm([p for p, _ in tests])
    clusters = []
    for inside, (p_value, untested), p_corrected in zip(groups, tests, corrected, strict=True):
        flagged = p_corrected is not None and p_corrected < ALPHA
        cluster = _rate_cluster(
            clustered,
            inside,
            p_value=p_value,
            p_corrected=p_corrected,
            flagged=flagged,
            untested=untested,
            metadata=correlate_metadata(clustered, inside) if flagged else (),
        )
        clusters.append(replace(cluster, sentence=_write_sentence(cluster)))
    return sorted(clusters, key=lambda cluster: -(cluster.rate.rate or 0.0))


def _test_cluster(
    clustered: pd.DataFrame, inside: np.ndarray, smallest: int
) -> tuple[float | None, str | None]:
    """Return the one-sided p-value of a cluster, or None and why it cannot be tested."""
    if inside.all():
        return None, "all utterances are in one cluster"
    if inside.sum() < smallest:
        return None, f"{inside.sum()} utterances, fewer than {smallest}"
    blocks = find_blocks(clustered)
    tested = compare_rates(*count_errors(clustered), inside, blocks.index)
    if tested is None:
        return None, "no reference words to compare"
    if tested.effective_blocks < FEWEST_EFFECTIVE_BLOCKS:
        return (
            None,
            f"nearly all of one of the {blocks.resampled}: a voice of its own, not a weakness of many",
        )
    return tested.p_greater, None


def _rate_cluster(clustered: pd.DataFrame, inside: np.ndarray, **tested: Any) -> Cluster:
    rate = corpus_error_rate(clustered[inside])
    rest = corpus_error_rate(clustered[~inside])
    counted = Counter(speaker for speaker in list_speakers(clustered[inside]) if speaker is not None)
    largest, most = counted.most_common(1)[0] if counted else (None, 0)
    return Cluster(
        number=0,
        utterance_ids=tuple(str(name) for name in clustered["utterance_id"][inside]),
        rate=rate,
        rest=rest,
        difference=None if rate.rate is None or rest.rate is None else rate.rate - rest.rate,
        speakers=len(counted),
        largest_speaker=largest,
        largest_speaker_share=most / int(inside.sum()) if inside.any() else 0.0,
        sentence="",
        **tested,
    )


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f} %"


def _write_sentence(cluster: Cluster) -> str:
    against = f" against {_percent(cluster.rest.rate)}" if cluster.rest.rate is not None else ""
    count = cluster.rate.utterances
    sizes = f"{count} utterance{'s' * (count != 1)}"
    named = ", ".join(item.phrase for item in cluster.metadata if item.named)
    finding = f"word error rate {_percent(cluster.rate.rate or 0.0)}{against}, {sizes}"
    if cluster.flagged:
        return f"{finding}: {named or 'no metadata sets it apart'}"
    return finding
