"""The latent spaces: maps of the utterances, and clusters of the hidden states where the model errs more.

In: the record's vectors (`latent`, the pooled hidden states, and `acoustic_statistics`). Out: a `LatentMap` of each
space; groups for the search for slices, and a `Clustering` to show. Vectors are standardized and reduced by PCA, and
for the maps then by t-SNE; the same table gives the same result. k-means sees only the hidden states, never errors, so
the search's test of a cluster is fair. Several numbers of clusters are tried; all clusters of one number are shown,
each with what its utterances have in common.

Sources: van der Maaten & Hinton, "Visualizing data using t-SNE", JMLR 9, 2008 (perplexity 5 to 50; PCA before); Kobak &
Berens, "The art of using t-SNE for single-cell transcriptomics", Nature Communications 10, 2019 (start from the PCA);
Rousseeuw, "Silhouettes", J. of Computational and Applied Mathematics 20, 1987; Kaufman & Rousseeuw, "Finding Groups in
Data", 1990.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from librispeech_clf.local.analysis.candidates import FEWEST_UTTERANCES
from librispeech_clf.local.analysis.rates import ErrorRate, compare_groups, rate_errors, rate_groups
from librispeech_clf.local.analysis.record import SPEAKER, Record
from librispeech_clf.local.analysis.slices import ALPHA, Search, is_bound
from librispeech_clf.local.analysis.traits import Features, Trait, choose_plain, join_labels

LATENT_SPACES = ("latent", "acoustic_statistics")
PERPLEXITY = 30.0
FEWEST_FOR_NEIGHBORS = 10
MOST_FOR_NEIGHBORS = 20_000
"""Utterances that t-SNE maps, and that PCA and k-means learn from; all are projected and assigned."""
COUNTS = (3, 4, 5, 6, 8, 10, 12, 16)
"""Numbers of clusters. Never two: one would simply be the complement of the other."""
MOST_SHOWN = 10
SHOWN_WITHOUT_STRUCTURE = 8
NO_STRUCTURE = 0.25
"""Mean silhouette below which any number of clusters is as good as another (Kaufman & Rousseeuw 1990)."""
TRAITS_IN_NAME = 3
_SILHOUETTE_SAMPLE = 2000


@dataclass(frozen=True)
class LatentMap:
    """A map of utterances.

    Attributes:
        space: the column the map shows.
        utterance_ids: the utterances that have a vector, in the table's order.
        points: (x, y) of each, rounded to 4 decimals; no unit.
        method: "PCA and t-SNE", "PCA" (too few or too many utterances for t-SNE) or "none" (no vectors).
    """

    space: str
    utterance_ids: tuple[str, ...]
    points: tuple[tuple[float, float], ...]
    method: str


def make_latent_maps(record: Record) -> dict[str, LatentMap]:
    """Return a map per latent space, by column name; a space without vectors has an empty map."""
    # t-SNE lets other threads run. The limit applies to the whole process, so it is set around both maps.
    with threadpool_limits(limits=1), ThreadPoolExecutor() as pool:
        made = pool.map(lambda space: make_latent_map(record, space), LATENT_SPACES)
        return dict(zip(LATENT_SPACES, made, strict=True))


def make_latent_map(record: Record, space: str) -> LatentMap:
    """Return the map of one latent space, a column of vectors.

    With fewer than 10 or more than 20,000 utterances it shows the first two principal components.
    """
    from sklearn.manifold import TSNE

    vectors, rows = record.vectors(space)
    if len(rows) == 0:
        return LatentMap(space, (), (), "none")
    reduced, method = reduce_vectors(vectors), "PCA"
    points = np.zeros((len(rows), 2))
    points[:, : reduced.shape[1]] = reduced[:, :2]
    if FEWEST_FOR_NEIGHBORS <= len(rows) <= MOST_FOR_NEIGHBORS and reduced.shape[1]:
        method = "PCA and t-SNE"
        # Less than a third of the utterances, so that every point has both neighbors and others.
        perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
        start = (points * (1e-4 / points[:, 0].std())).astype(np.float32)
        model = TSNE(perplexity=perplexity, init=start, random_state=0, n_jobs=1)
        with threadpool_limits(limits=1):  # threads that wait for a busy core make it 100 times slower
            points = model.fit_transform(reduced.astype(np.float32))
    pairs = tuple((round(float(x), 4), round(float(y), 4)) for x, y in points)
    return LatentMap(space, tuple(record.ids[rows]), pairs, method)


def reduce_vectors(
    vectors: np.ndarray, *, most_components: int = 50, variance_kept: float = 0.95
) -> np.ndarray:
    """Standardize vectors, float (K, D) with K at least 1, and keep their first principal components.

    Returns:
        float64 (K, C). C is the smallest number of components that hold `variance_kept`, a share in (0, 1], at most
        `most_components`; 0 if all vectors are equal.
    """
    from sklearn.decomposition import PCA

    step = -(-len(vectors) // MOST_FOR_NEIGHBORS)
    fitted = vectors[::step].astype(np.float64)
    deviations = fitted.std(axis=0)
    varied = deviations > 1e-9 * np.maximum(1, np.abs(fitted).max(axis=0))
    if not varied.any():
        return np.zeros((len(vectors), 0))
    means, deviations = fitted[:, varied].mean(axis=0), deviations[varied]
    standardized = (fitted[:, varied] - means) / deviations
    count = min(most_components, *standardized.shape)
    model = PCA(n_components=count, svd_solver="full")
    with threadpool_limits(limits=1):
        reduced = model.fit_transform(standardized)
        shares = np.cumsum(model.explained_variance_ratio_)
        wanted = min(int(np.searchsorted(shares, variance_kept - 1e-12)) + 1, count)
        if step > 1:  # all are projected, some at a time
            starts = range(0, len(vectors), MOST_FOR_NEIGHBORS)
            parts = (vectors[start : start + MOST_FOR_NEIGHBORS][:, varied] for start in starts)
            projected = [model.transform((part - means) / deviations)[:, :wanted] for part in parts]
            reduced = np.concatenate(projected)
    return reduced[:, :wanted]


@dataclass(frozen=True)
class Grouping:
    """The clusters of the hidden states at several numbers of clusters.

    Attributes:
        labels: number of clusters -> int (N,), the cluster of each row, -1 without a hidden state.
        silhouettes: number of clusters -> mean silhouette in [-1, 1], for numbers that may be shown.
        note: why there are no clusters; None otherwise.
    """

    labels: Mapping[int, np.ndarray]
    silhouettes: Mapping[int, float]
    note: str | None

    @property
    def shown(self) -> int:
        """Return the number of clusters to show; 0 where there are none."""
        best = max(self.silhouettes, key=lambda count: self.silhouettes[count], default=0)
        if not best or self.silhouettes[best] >= NO_STRUCTURE:
            return best
        return max(count for count in self.silhouettes if count <= SHOWN_WITHOUT_STRUCTURE)

    def list_clusters(self) -> dict[str, np.ndarray]:
        """Return every cluster by name, bool (N,)."""
        return {
            name_cluster(count, label): labels == label
            for count, labels in self.labels.items()
            for label in range(count)
        }


def name_cluster(count: int, label: int) -> str:
    """Name a cluster for the search."""
    return f"cluster {label + 1} of {count}"


def group_states(record: Record, *, fewest: int = FEWEST_UTTERANCES) -> Grouping:
    """Group the hidden states of scored utterances by k-means, at several numbers of clusters.

    On average a cluster has at least `fewest` utterances; utterances without the column `latent` are in no cluster.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    # By name, so that the order of the rows does not matter.
    order = np.argsort(record.ids.astype(str), kind="stable")
    vectors, rows = record.select(order).vectors("latent")
    if len(vectors) < COUNTS[0] * fewest:
        return Grouping({}, {}, f"{len(vectors)} utterances are too few for {COUNTS[0]} clusters")
    reduced = reduce_vectors(vectors, most_components=20, variance_kept=0.9)
    step, sample = -(-len(reduced) // MOST_FOR_NEIGHBORS), min(len(reduced), _SILHOUETTE_SAMPLE)
    labels, silhouettes = {}, {}
    for count in [count for count in COUNTS if count * fewest <= len(reduced) and reduced.shape[1]]:
        with threadpool_limits(limits=1):  # on a few thousand points, threads cost more than they save
            model = KMeans(n_clusters=count, n_init=4, random_state=0).fit(reduced[::step])
            own = model.predict(reduced)
            if len(np.unique(own)) < count:
                break  # fewer distinct hidden states than clusters
            if count <= MOST_SHOWN:
                silhouettes[count] = float(silhouette_score(reduced, own, sample_size=sample, random_state=0))
        labels[count] = np.full(len(record), -1)
        labels[count][order[rows]] = own
    return Grouping(labels, silhouettes, None if labels else "the hidden states are alike")


@dataclass(frozen=True)
class Cluster:
    """One cluster of the hidden states.

    Attributes:
        number: its rank, 1 for the highest word error rate.
        name: what its utterances have in common, in plain words; "" if nothing sets them apart.
        rate: its corpus word error rate with interval.
        rest: the same for all other utterances.
        difference: the first minus the second; None if one is unknown.
        low: lower bound of the difference's 95 % interval; None if there is none.
        speakers: number of known speakers in it.
        largest_speaker: the speaker with the most of its utterances, None if unknown.
        largest_speaker_share: that speaker's share of its utterances, in [0, 1].
        p: p-value, corrected for everything that the search tested; None if it did not test this cluster.
        p_is_bound: whether p is the smallest that the permutations can give.
        findings: names of the search's findings that hold at least half of its utterances.
        is_weak: whether it is worse than the rest, and the search found it or a slice that holds half of it.
        untested: why the search did not test it, None if it did.
        traits: what sets it apart, largest effect first.
        sentence: all of that in brief.
    """

    number: int
    name: str
    utterance_ids: tuple[str, ...]
    rate: ErrorRate
    rest: ErrorRate
    difference: float | None
    low: float | None
    high: float | None
    speakers: int
    largest_speaker: str | None
    largest_speaker_share: float
    p: float | None
    p_is_bound: bool
    findings: tuple[str, ...]
    is_weak: bool
    untested: str | None
    traits: tuple[Trait, ...]
    sentence: str


@dataclass(frozen=True)
class Clustering:
    """The clusters that are shown.

    Attributes:
        clusters: the clusters, highest word error rate first.
        criterion: how they were made, in words.
        silhouettes: mean silhouette by number of clusters tried, in [-1, 1].
        alpha: the search's chance of any false finding.
        utterances: number of utterances clustered.
        left_out: number of utterances without a hidden state or without metrics.
        note: why there are no clusters, or none was tested; None otherwise.
    """

    clusters: tuple[Cluster, ...]
    criterion: str
    silhouettes: Mapping[int, float]
    alpha: float
    utterances: int
    left_out: int
    note: str | None


def describe_clusters(record: Record, grouping: Grouping, search: Search) -> Clustering:
    """Describe the clusters of scored utterances that are shown, all of which were candidates in the search."""
    count = grouping.shown
    labels = grouping.labels.get(count, np.full(len(record), -1))
    clustered = record.select(labels >= 0)
    labels = labels[labels >= 0]
    features = Features(clustered)
    rates = rate_groups(clustered, labels, count)
    order = sorted(range(count), key=lambda label: -(rates[label].rate or 0.0))
    clusters = tuple(
        _describe(features, labels == label, rates[label], number, name_cluster(count, label), search)
        for number, label in enumerate(order, 1)
    )
    criterion = (
        "k-means on the standardized hidden states reduced by PCA; of the numbers of clusters from "
        f"{COUNTS[0]} to {MOST_SHOWN}, the one with the highest mean silhouette is shown, or "
        f"{SHOWN_WITHOUT_STRUCTURE} if none reaches {NO_STRUCTURE}"
    )
    left_out, note = len(record) - len(clustered), grouping.note or search.note
    return Clustering(clusters, criterion, grouping.silhouettes, search.alpha, len(clustered), left_out, note)


def _describe(
    features: Features, inside: np.ndarray, rate: ErrorRate, number: int, key: str, search: Search
) -> Cluster:
    record, count = features.record, int(inside.sum())
    tested = compare_groups(record.errors(), record.units(), inside, record.blocks)
    rest, traits = rate_errors(record.select(~inside)), features.describe(inside)
    speakers = record.column(SPEAKER)
    counts = np.zeros(1, int) if speakers is None else np.bincount(speakers.codes[inside] + 1)[1:]
    largest = speakers.levels[int(counts.argmax())] if speakers is not None and counts.any() else None
    own, p, untested = set(record.ids[inside]), search.clusters.get(key), None
    findings = tuple(
        finding.name for finding in search.findings if 2 * len(own & set(finding.utterance_ids)) >= len(own)
    )
    if p is None:
        untested = "of too few speakers, or nearly all of one: voices, not a weakness"
        if count < FEWEST_UTTERANCES:
            untested = f"fewer than {FEWEST_UTTERANCES} utterances"
    name = join_labels(choose_plain([trait.label for trait in traits], TRAITS_IN_NAME))
    against = "" if rest.rate is None else f" against {100 * rest.rate:.1f} %"
    rates = f"word error rate {100 * (rate.rate or 0.0):.1f} %{against}"
    return Cluster(
        number=number,
        name=name,
        utterance_ids=tuple(record.ids[inside]),
        rate=rate,
        rest=rest,
        difference=None if rate.rate is None or rest.rate is None else rate.rate - rest.rate,
        low=None if tested is None else tested.low,
        high=None if tested is None else tested.high,
        speakers=int(np.count_nonzero(counts)),
        largest_speaker=largest,
        largest_speaker_share=float(counts.max(initial=0) / count),
        p=p,
        p_is_bound=p is not None and is_bound(p, "cluster"),
        findings=findings,
        is_weak=tested is not None and tested.low > 0 and (bool(findings) or (p is not None and p < ALPHA)),
        untested=untested,
        traits=traits,
        sentence=f"{name or 'nothing sets it apart'}: {count} utterances, {rates}",
    )
