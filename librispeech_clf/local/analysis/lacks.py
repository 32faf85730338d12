"""What labeled recordings lack: regions and drifts in which the unlabeled ones differ from them.

In: the record of results, whose column `transcribed` tells which are labeled. Out: `Coverage`.

Regions are those that the search for slices looks at: categories, tails of numbers, clusters of the hidden states. Of
each, the share of the unlabeled inside it is compared with that of the labeled; so that no chance region is named, the
labels are dealt to other speakers 999 times, and a region's standardized difference is held against the largest of
each deal (max-T, Westfall & Young 1993), which bounds the chance of any false name by 5 %. Of each utterance, the share
of labeled ones among its 15 nearest in the hidden states is told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from librispeech_clf.local.analysis.candidates import Candidate, list_candidates
from librispeech_clf.local.analysis.latent_space import group_states, reduce_vectors
from librispeech_clf.local.analysis.rates import compare_groups
from librispeech_clf.local.analysis.record import Record, physical_unit
from librispeech_clf.local.analysis.traits import Features, choose_plain, join_labels

TRANSCRIBED = "transcribed"
NEIGHBORS = 15
ALPHA = 0.05
FEWEST_UTTERANCES = 10
FEWEST_SPEAKERS = 3
PERMUTATIONS = 999
MOST_LACKS = 10
NAMED = "record_gender"
"""The only column of the corpus' tables that is looked at: other books and chapters are other recordings, no lack."""
COVERED = 0.5
"""Share of its unlabeled utterances that earlier lacks hold, from which on a region is one of them by another name."""
TRAITS_IN_NAME = 3


@dataclass(frozen=True)
class Lack:
    """A region with few labeled recordings.

    Attributes:
        name: in plain words.
        where: exactly.
        unlabeled: how many unlabeled utterances it holds.
        labeled: how many labeled ones.
        speakers: of the unlabeled.
        neighbors: mean share of labeled ones among the 15 nearest of its unlabeled; None without hidden states.
        p: corrected for everything that was looked at.
        utterance_ids: its unlabeled utterances.
    """

    name: str
    where: str
    unlabeled: int
    labeled: int
    speakers: int
    neighbors: float | None
    p: float
    utterance_ids: tuple[str, ...]


@dataclass(frozen=True)
class Drift:
    """A column of numbers in the unlabeled recordings against the labeled ones.

    Attributes:
        column: of the results table.
        label: in words.
        unit: of the means.
        labeled: mean.
        unlabeled: mean.
        difference: of the means, in standard deviations of all; unlabeled minus labeled.
        low: lower bound of its 95 % interval by speaker.
        high: upper bound.
    """

    column: str
    label: str
    unit: str | None
    labeled: float
    unlabeled: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Coverage:
    """How well labeled recordings cover the unlabeled ones.

    Attributes:
        lacks: that with the fewest labeled ones for each unlabeled one first.
        drifts: of every column, the largest first.
        neighbors: mean share of labeled ones among the 15 nearest of the unlabeled; None without hidden states.
        expected: share of labeled ones among all others.
        tested: number of regions.
        note: why no region was looked at; None otherwise.
    """

    lacks: tuple[Lack, ...]
    drifts: tuple[Drift, ...]
    neighbors: float | None
    expected: float
    tested: int
    note: str | None


def find_lacks(record: Record, *, seed: int = 0) -> Coverage | None:
    """Find what the labeled recordings lack.

    Args:
        record: the recordings; failed ones are left out.
        seed: of the deals.

    Returns:
        What they lack; None unless there are labeled and unlabeled recordings.
    """
    kept = np.flatnonzero([error is None for error in record.texts("error")])
    kept = kept[np.argsort(record.ids[kept].astype(str), kind="stable")]
    record = record.select(kept)
    unlabeled = find_unlabeled(record)
    if unlabeled is None:
        return None
    shares = share_labeled_neighbors(record, unlabeled)
    mean = float(np.nanmean(shares)) if np.isfinite(shares).any() else None
    expected = float((~unlabeled).sum() / (len(unlabeled) - 1))
    features = Features(record)
    drifts = tuple(sorted(_list_drifts(features, unlabeled), key=lambda drift: -abs(drift.difference)))
    counts = [len(np.unique(record.blocks[side])) for side in (unlabeled, ~unlabeled)]
    if min(counts) < FEWEST_SPEAKERS:
        few = f"fewer than {FEWEST_SPEAKERS} speakers on one side: no region is looked at"
        return Coverage((), drifts, mean, expected, 0, few)
    candidates = _list_regions(features, unlabeled)
    p = _test(record, unlabeled, candidates, seed)
    lacks: list[Lack] = []
    covered = np.zeros(len(record), bool)
    found = np.flatnonzero(p < ALPHA)
    held = np.array([candidates[number].scores[~unlabeled].sum() for number in found])
    owned = np.array([candidates[number].scores[unlabeled].sum() for number in found])
    for number in found[np.argsort((held + 0.5) / np.maximum(owned, 1), kind="stable")]:
        inside = candidates[number].scores & unlabeled
        if len(lacks) < MOST_LACKS and (inside & covered).sum() < COVERED * inside.sum():
            lacks.append(_describe(features, candidates[number], unlabeled, shares, float(p[number])))
            covered |= inside
    return Coverage(tuple(lacks), drifts, mean, expected, len(candidates), None)


def find_unlabeled(record: Record) -> np.ndarray | None:
    """Tell which recordings have no transcript, bool (N,); None unless some have one and some have none."""
    column = record.column(TRANSCRIBED)
    if column is None or len(np.unique(column.codes)) < 2:
        return None
    return column.categories == "False"


def share_labeled_neighbors(record: Record, unlabeled: np.ndarray) -> np.ndarray:
    """Return the share of labeled ones among each unlabeled utterance's 15 nearest, float64 (N,), else NaN."""
    from sklearn.neighbors import NearestNeighbors

    shares = np.full(len(record), np.nan)
    vectors, rows = record.vectors("latent")
    asked = unlabeled[rows]
    if len(rows) <= NEIGHBORS or not asked.any():
        return shares
    reduced = reduce_vectors(vectors)
    with threadpool_limits(limits=1):
        model = NearestNeighbors(n_neighbors=NEIGHBORS + 1).fit(reduced)
        nearest = model.kneighbors(reduced[asked], return_distance=False)
    others = nearest != np.flatnonzero(asked)[:, None]  # oneself is nearest, unless somebody is alike
    others[others.all(axis=1), -1] = False
    shares[rows[asked]] = np.sum(~unlabeled[rows][nearest] & others, axis=1) / NEIGHBORS
    return shares


def _list_regions(features: Features, unlabeled: np.ndarray) -> list[Candidate]:
    """List the regions: of columns that are known of labeled ones, too."""
    record = features.record
    clusters = group_states(record, fewest=FEWEST_UTTERANCES).list_clusters()
    listed, _ = list_candidates(features, record.blocks, clusters, fewest=FEWEST_UTTERANCES)
    columns = {column.name: column for column in features.categories}
    regions = []
    for candidate in listed:
        name = candidate.conditions[0].column
        unknown = name in columns and (columns[name].codes[~unlabeled] < 0).all()
        if candidate.kind in ("category", "number", "cluster") and _is_shared(name) and not unknown:
            regions.append(candidate)
    return regions


def _is_shared(column: str) -> bool:
    return column == NAMED or not column.startswith("record_")


def _test(record: Record, unlabeled: np.ndarray, candidates: list[Candidate], seed: int) -> np.ndarray:
    """Return the corrected p of each region, float64 (R,)."""
    blocks, count = record.blocks, int(record.blocks.max()) + 1
    sizes = np.bincount(blocks, minlength=count).astype(float)
    inside = np.stack([np.bincount(blocks[own.scores], minlength=count) for own in candidates], axis=1)
    has_label = np.bincount(blocks, ~unlabeled, minlength=count) > sizes / 2
    generator = np.random.default_rng(seed)
    deals = np.stack([has_label, *(generator.permutation(has_label) for _ in range(PERMUTATIONS))])
    labeled = deals @ inside / (deals @ sizes)[:, None]
    others = ~deals @ inside / (~deals @ sizes)[:, None]
    differences = others - labeled
    scores = differences / np.maximum(differences[1:].std(axis=0), 1e-12)
    largest = scores[1:].max(axis=1)
    p = (1 + (largest[:, None] >= scores[0]).sum(axis=0)) / (1 + PERMUTATIONS)
    return p


def _describe(
    features: Features, candidate: Candidate, unlabeled: np.ndarray, shares: np.ndarray, p: float
) -> Lack:
    record, inside = features.record, candidate.scores
    own = inside & unlabeled
    name = candidate.conditions[0].name
    if candidate.kind == "cluster":
        labels = [trait.label for trait in features.describe(own) if _is_shared(trait.column)]
        name = join_labels(choose_plain(labels, TRAITS_IN_NAME)) or name
    known = shares[own][np.isfinite(shares[own])]
    return Lack(
        name=name,
        where=candidate.conditions[0].where,
        unlabeled=int(own.sum()),
        labeled=int((inside & ~unlabeled).sum()),
        speakers=len(np.unique(record.blocks[own & record.is_known])),
        neighbors=float(known.mean()) if len(known) else None,
        p=p,
        utterance_ids=tuple(record.ids[own]),
    )


def _list_drifts(features: Features, unlabeled: np.ndarray) -> list[Drift]:
    drifts = []
    for name, numbers in features.numbers.items():
        column = features.record.column(name)
        known = np.isfinite(numbers)
        if (
            column is None
            or not _is_shared(name)
            or not (known & unlabeled).any()
            or not (known & ~unlabeled).any()
        ):
            continue
        values, blocks = numbers[known], np.unique(features.record.blocks[known], return_inverse=True)[1]
        found = compare_groups(values, np.ones(len(values)), unlabeled[known], blocks.reshape(-1))
        deviation = float(values.std())
        if found is not None and deviation > 0:
            means = (float(values[side].mean()) for side in (~unlabeled[known], unlabeled[known]))
            scaled = (value / deviation for value in (found.value, found.low, found.high))
            drifts.append(Drift(name, column.label, physical_unit(name), *means, *scaled))
    return drifts
