"""What labeled recordings lack: regions and drifts in which the unlabeled ones differ from them.

In: the record of results, whose column `transcribed` says which are labeled. Out: `Coverage`.

Regions are those that the search for slices tests: categories, tails of numbers, clusters of the hidden states. For
each, the share of the unlabeled inside it is compared with that of the labeled. So that no chance region is named, the
labels are permuted among speakers 999 times, and a region's standardized difference is compared with the largest of
each permutation (max-T, Westfall & Young 1993), which bounds the chance of any false finding at 5 %. For each
utterance, the share of labeled ones among its 15 nearest in the hidden states is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from librispeech_clf.local.analysis.candidates import Candidate, list_candidates
from librispeech_clf.local.analysis.latent_space import group_states, reduce_vectors
from librispeech_clf.local.analysis.rates import compare_groups
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.traits import Features, choose_plain, join_labels

TRANSCRIBED = "transcribed"
NEIGHBORS = 15
ALPHA = 0.05
FEWEST_UTTERANCES = 10
PERMUTATIONS = 999
MOST_LACKS = 10
NAMED = "record_gender"
"""The only column tested from the corpus's tables: other books and chapters are other recordings, not a lack."""
COVERED = 0.5
"""If earlier lacks hold this share of a region's unlabeled utterances, it is one of them by another name."""
TRAITS_IN_NAME = 3


@dataclass(frozen=True)
class Lack:
    """A region with few labeled recordings: its plain name, exact definition, and unlabeled utterances.

    Attributes:
        neighbors: mean share of labeled ones among the 15 nearest to its unlabeled ones; NaN without hidden states.
        p: p-value, corrected for everything that was tested.
    """

    name: str
    where: str
    unlabeled: int
    labeled: int
    speakers: int
    neighbors: float
    p: float
    utterance_ids: tuple[str, ...]


@dataclass(frozen=True)
class Drift:
    """A column's means, and their difference (unlabeled minus labeled) in standard deviations, with a 95 % interval."""

    column: str
    labeled: float
    unlabeled: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Coverage:
    """How well labeled recordings cover the unlabeled ones.

    Attributes:
        lacks: regions, the one with the fewest labeled per unlabeled recording first.
        drifts: the drift of every column, the largest first.
        neighbors: as for a lack, but over all unlabeled ones.
        expected: share of labeled ones among all others.
        tested: number of regions tested.
    """

    lacks: tuple[Lack, ...]
    drifts: tuple[Drift, ...]
    neighbors: float
    expected: float
    tested: int


def find_lacks(record: Record) -> Coverage | None:
    """Find what the labeled recordings lack, ignoring failed ones; None unless some are labeled and some are not."""
    kept = np.flatnonzero([error is None for error in record.texts("error")])
    record = record.select(kept[np.argsort(record.ids[kept].astype(str), kind="stable")])
    unlabeled = find_unlabeled(record)
    if unlabeled.all() or not unlabeled.any():
        return None
    shares, features = share_labeled_neighbors(record, unlabeled), Features(record)
    regions = _list_regions(features, unlabeled)
    inside = np.array([region.scores for region in regions], bool).reshape(-1, len(record))
    p = _test(record.blocks, unlabeled, inside)
    labeled, lacking = ((inside & side).sum(axis=1) for side in (~unlabeled, unlabeled))
    lacks: list[Lack] = []
    covered = np.zeros(len(record), bool)
    for number in np.argsort((labeled + 0.5) / np.maximum(lacking, 1), kind="stable"):
        own = inside[number] & unlabeled
        if p[number] < ALPHA and len(lacks) < MOST_LACKS and (own & covered).sum() < COVERED * own.sum():
            lacks.append(_describe(features, regions[number], unlabeled, shares, float(p[number])))
            covered |= own
    drifts = sorted(_list_drifts(features, unlabeled), key=lambda drift: -abs(drift.difference))
    expected = float((~unlabeled).sum() / (len(unlabeled) - 1))
    return Coverage(tuple(lacks), tuple(drifts), float(shares[unlabeled].mean()), expected, len(regions))


def find_unlabeled(record: Record) -> np.ndarray:
    """Return which recordings have no transcript, bool (N,)."""
    column = record.column(TRANSCRIBED)
    return np.zeros(len(record), bool) if column is None else column.categories == "False"


def share_labeled_neighbors(record: Record, unlabeled: np.ndarray) -> np.ndarray:
    """Return the share of labeled ones among each utterance's 15 nearest, float64 (N,), NaN where unknown."""
    from sklearn.neighbors import NearestNeighbors

    shares = np.full(len(record), np.nan)
    vectors, rows = record.vectors("latent")
    if len(rows) > NEIGHBORS:
        with threadpool_limits(limits=1):
            model = NearestNeighbors(n_neighbors=NEIGHBORS).fit(reduce_vectors(vectors))
            nearest = model.kneighbors(return_distance=False)  # for each fitted vector, without itself
        shares[rows] = np.mean(~unlabeled[rows][nearest], axis=1)
    return shares


def _list_regions(features: Features, unlabeled: np.ndarray) -> list[Candidate]:
    """List the regions, from columns that are known for labeled recordings, too."""
    clusters = group_states(features.record, fewest=FEWEST_UTTERANCES).list_clusters()
    listed, _ = list_candidates(features, features.record.blocks, clusters, fewest=FEWEST_UTTERANCES)
    unknown = {column.name for column in features.categories if (column.codes[~unlabeled] < 0).all()}
    return [
        candidate
        for candidate in listed
        if candidate.kind in ("category", "number", "cluster")
        and _is_shared(candidate.conditions[0].column)
        and candidate.conditions[0].column not in unknown
    ]


def _is_shared(column: str) -> bool:
    return column == NAMED or not column.startswith("record_")


def _test(blocks: np.ndarray, unlabeled: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return each region's corrected p, float64 (R,), given which utterances are inside, bool (R, N)."""
    sizes = np.bincount(blocks).astype(float)
    counts = np.array([np.bincount(blocks, own, len(sizes)) for own in inside]).reshape(-1, len(sizes)).T
    has_label = np.bincount(blocks, ~unlabeled) > sizes / 2
    generator = np.random.default_rng(0)
    deals = np.stack([has_label, *(generator.permutation(has_label) for _ in range(PERMUTATIONS))])
    shares, others = (dealt @ counts / (dealt @ sizes)[:, None] for dealt in (deals, ~deals))
    scores = (others - shares) / np.maximum((others - shares)[1:].std(axis=0), 1e-12)
    largest = scores[1:].max(axis=1, initial=-np.inf)
    return (1 + (largest[:, None] >= scores[0]).sum(axis=0)) / (1 + PERMUTATIONS)


def _describe(
    features: Features, region: Candidate, unlabeled: np.ndarray, shares: np.ndarray, p: float
) -> Lack:
    record, condition = features.record, region.conditions[0]
    own, name = region.scores & unlabeled, condition.name
    if region.kind == "cluster":
        labels = [trait.label for trait in features.describe(own) if _is_shared(trait.column)]
        name = join_labels(choose_plain(labels, TRAITS_IN_NAME)) or name
    return Lack(
        name=name,
        where=condition.where,
        unlabeled=int(own.sum()),
        labeled=int((region.scores & ~unlabeled).sum()),
        speakers=len(np.unique(record.blocks[own & record.is_known])),
        neighbors=float(shares[own].mean()),
        p=p,
        utterance_ids=tuple(record.ids[own]),
    )


def _list_drifts(features: Features, unlabeled: np.ndarray) -> Iterator[Drift]:
    for name, numbers in features.numbers.items():
        known = np.isfinite(numbers)
        values, side, rows = numbers[known], unlabeled[known], features.record.select(known)
        found = compare_groups(values, np.ones(len(values)), side, rows.blocks)
        if found is not None and _is_shared(name) and name in rows.names:
            means = (float(values[own].mean()) for own in (~side, side))
            scaled = (own / float(values.std()) for own in (found.value, found.low, found.high))
            yield Drift(name, *means, *scaled)
