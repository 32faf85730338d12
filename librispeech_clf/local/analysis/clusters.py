"""Clusters of the hidden states: where the model's inner picture of the utterances goes with more errors.

In: the record of results. Out: groups for the search for slices, and a `Clustering` to be shown. k-means sees the
hidden states only, never errors, so the search's test of a cluster is a fair one. Clusters are looked for at several
sizes; all those of one size are shown, each with what its utterances have in common.

Sources: Rousseeuw, "Silhouettes", J. of Computational and Applied Mathematics 20, 1987; Kaufman & Rousseeuw, "Finding
Groups in Data", 1990.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from librispeech_clf.local.analysis.candidates import FEWEST_UTTERANCES
from librispeech_clf.local.analysis.latent_space import reduce_vectors
from librispeech_clf.local.analysis.rates import ErrorRate, compare_groups, rate_errors, rate_groups
from librispeech_clf.local.analysis.record import SPEAKER, Record
from librispeech_clf.local.analysis.slices import ALPHA, Search, is_bound
from librispeech_clf.local.analysis.traits import Features, Trait, choose_plain, join_labels

COUNTS = (3, 4, 5, 6, 8, 10, 12, 16)
"""Numbers of clusters. Never two: the one would be what the other is not."""
MOST_SHOWN = 10
SHOWN_WITHOUT_STRUCTURE = 8
NO_STRUCTURE = 0.25
"""Mean silhouette below which a number of clusters is as good as another (Kaufman & Rousseeuw 1990)."""
MOST_FITTED = 20_000
"""Utterances that k-means learns the clusters from; all are assigned."""
TRAITS_IN_NAME = 3
_SILHOUETTE_SAMPLE = 2000
_COMPONENTS = 20


@dataclass(frozen=True)
class Grouping:
    """The clusters of the hidden states at several numbers of clusters.

    Attributes:
        labels: number of clusters -> int (N,), the cluster of each row, -1 without a hidden state.
        silhouettes: number of clusters -> mean silhouette in [-1, 1], of those that may be shown.
        note: why there are no clusters; None otherwise.
    """

    labels: Mapping[int, np.ndarray]
    silhouettes: Mapping[int, float]
    note: str | None

    @property
    def shown(self) -> int | None:
        """Return the number of clusters to show; None where there are none."""
        if not self.silhouettes:
            return None
        best = max(self.silhouettes, key=lambda count: self.silhouettes[count])
        if self.silhouettes[best] >= NO_STRUCTURE:
            return best
        return max(count for count in self.silhouettes if count <= SHOWN_WITHOUT_STRUCTURE)

    def list_clusters(self) -> dict[str, np.ndarray]:
        """Return every cluster by name, bool (N,)."""
        return {
            name_cluster(count, label): labels == label
            for count, labels in self.labels.items()
            for label in range(count)
        }


@dataclass(frozen=True)
class Cluster:
    """One cluster of the hidden states.

    Attributes:
        number: 1 for the highest word error rate.
        name: what its utterances have in common, in plain words; "" where nothing sets them apart.
        utterance_ids: its utterances.
        rate: its corpus word error rate with interval.
        rest: the same of all other utterances.
        difference: the first minus the second; None where one is unknown.
        low: lower bound of its 95 % interval; None where there is none.
        high: upper bound.
        speakers: number of known speakers in it.
        largest_speaker: the speaker with most of its utterances, None if unknown.
        largest_speaker_share: that speaker's share of its utterances, in [0, 1].
        p: corrected for everything that the search looked at; None where it did not look at this cluster.
        p_is_bound: whether the permutations tell no smaller p.
        findings: names of the search's findings that hold at least half of its utterances.
        is_weak: whether it is worse than the rest, and the search found it or what holds half of it.
        untested: why the search did not look at it, None if it did.
        traits: what sets it apart, largest effect first.
        sentence: all that in short, in words.
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
        clusters: highest word error rate first.
        criterion: how they were made, in words.
        silhouettes: mean silhouette by number of clusters tried, in [-1, 1].
        alpha: chance of any finding of the search where there is none.
        utterances: utterances clustered.
        left_out: utterances without a hidden state or without metrics.
        note: why there are no clusters, or none was looked at; None otherwise.
    """

    clusters: tuple[Cluster, ...]
    criterion: str
    silhouettes: Mapping[int, float]
    alpha: float
    utterances: int
    left_out: int
    note: str | None


def name_cluster(count: int, label: int) -> str:
    """Name a cluster for the search."""
    return f"cluster {label + 1} of {count}"


def group_states(record: Record, *, seed: int = 0, fewest: int = FEWEST_UTTERANCES) -> Grouping:
    """Group the hidden states by k-means, at several numbers of clusters.

    Args:
        record: the scored utterances; those without the column `latent` are in no cluster.
        seed: of PCA, k-means and silhouettes.
        fewest: utterances of a cluster on average.
    """
    vectors, rows = record.vectors("latent")
    if len(vectors) < COUNTS[0] * fewest:
        return Grouping({}, {}, f"{len(vectors)} utterances are too few for {COUNTS[0]} clusters")
    # By name, so that the order of the rows does not matter.
    order = np.argsort(record.ids[rows].astype(str), kind="stable")
    reduced, _ = reduce_vectors(vectors[order], seed=seed, most_components=_COMPONENTS, variance_kept=0.9)
    counts = [count for count in COUNTS if count * fewest <= len(reduced)]
    labels, silhouettes = {}, {}
    for count in counts if reduced.shape[1] else ():
        own = _group(reduced, count, seed)
        if len(np.unique(own)) < count:
            break  # fewer different hidden states than clusters
        labels[count] = np.full(len(record), -1)
        labels[count][rows[order]] = own
        if count <= MOST_SHOWN:
            silhouettes[count] = _score(reduced, own, seed)
    return Grouping(labels, silhouettes, None if labels else "the hidden states are alike")


def _group(reduced: np.ndarray, count: int, seed: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    model = KMeans(n_clusters=count, n_init=4, random_state=seed)
    step = -(-len(reduced) // MOST_FITTED)
    with threadpool_limits(limits=1):  # on some thousand points threads cost more than they save
        return model.fit(reduced[::step]).predict(reduced)


def _score(reduced: np.ndarray, labels: np.ndarray, seed: int) -> float:
    from sklearn.metrics import silhouette_score

    sample = min(len(reduced), _SILHOUETTE_SAMPLE)
    with threadpool_limits(limits=1):
        return float(silhouette_score(reduced, labels, sample_size=sample, random_state=seed))


def describe_clusters(record: Record, grouping: Grouping, search: Search) -> Clustering:
    """Describe the clusters to show.

    Args:
        record: the scored utterances.
        grouping: their clusters.
        search: whose candidates these clusters were.
    """
    count = grouping.shown
    labels = np.full(len(record), -1) if count is None else grouping.labels[count]
    clustered = record.select(labels >= 0)
    labels = labels[labels >= 0]
    features = Features(clustered)
    rates = rate_groups(clustered, labels, count or 0)
    order = sorted(range(count or 0), key=lambda label: -(rates[label].rate or 0.0))
    clusters = tuple(
        _describe(features, labels == label, rates[label], number, name_cluster(count or 0, label), search)
        for number, label in enumerate(order, 1)
    )
    criterion = (
        "k-means on the standardized hidden states reduced by PCA; of "
        f"{COUNTS[0]} to {MOST_SHOWN} clusters the number with the highest mean silhouette is shown, or "
        f"{SHOWN_WITHOUT_STRUCTURE} where none reaches {NO_STRUCTURE}"
    )
    left_out = len(record) - len(clustered)
    note = grouping.note or search.note
    return Clustering(clusters, criterion, grouping.silhouettes, search.alpha, len(clustered), left_out, note)


def _describe(
    features: Features, inside: np.ndarray, rate: ErrorRate, number: int, key: str, search: Search
) -> Cluster:
    record = features.record
    errors, words = record.errors(), record.units()
    tested = compare_groups(errors, words, inside, record.blocks)
    rest = rate_errors(record.select(~inside))
    traits = features.describe(inside)
    speakers = record.column(SPEAKER)
    codes = np.empty(0, int) if speakers is None else speakers.codes[inside & record.is_known]
    counts = np.bincount(codes) if len(codes) else np.zeros(1, int)
    largest = None if speakers is None or not len(codes) else speakers.levels[int(counts.argmax())]
    p, untested = search.clusters.get(key), None
    own = set(record.ids[inside])
    findings = tuple(
        finding.name for finding in search.findings if 2 * len(own & set(finding.utterance_ids)) >= len(own)
    )
    if p is None:
        untested = "of too few speakers, or nearly all of one: voices, not a weakness"
        if inside.sum() < FEWEST_UTTERANCES:
            untested = f"fewer than {FEWEST_UTTERANCES} utterances"
    labels = [trait.label for trait in traits]
    name = join_labels(choose_plain(labels, TRAITS_IN_NAME))
    against = "" if rest.rate is None else f" against {100 * rest.rate:.1f} %"
    sentence = (
        f"{name or 'nothing sets it apart'}: {int(inside.sum())} utterances, "
        f"word error rate {100 * (rate.rate or 0.0):.1f} %{against}"
    )
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
        largest_speaker_share=float(counts.max() / inside.sum()),
        p=p,
        p_is_bound=p is not None and is_bound(p, "cluster"),
        findings=findings,
        is_weak=tested is not None and tested.low > 0 and (bool(findings) or (p is not None and p < ALPHA)),
        untested=untested,
        traits=traits,
        sentence=sentence,
    )
