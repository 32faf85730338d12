"""What to look at first: the slices of a corpus where the model errs more than elsewhere.

In: the record of results. Out: a `Search` with its findings. Categories, tails and trends of numeric columns, pairs,
clusters of the hidden states and the worst speakers are tested together; see `candidates` and `search`.
The chance of any finding in a table without one is about `ALPHA`, whatever was tested.

The strongest significant candidate is taken, then the strongest that is still significant alongside it, and so on, so
that several names for one weakness are one finding; a pair is a finding only if it is worse than its parts. A candidate
that is significant only within speakers, and whose interval over speakers contains 0, is not a finding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from librispeech_clf.local.analysis.candidates import MOST_FOR_PAIRS, Candidate, Condition, list_candidates
from librispeech_clf.local.analysis.rates import FEWEST_SPEAKERS, compare_groups, merge_blocks
from librispeech_clf.local.analysis.record import SPEAKER, Record
from librispeech_clf.local.analysis.search import (
    PERMUTATIONS,
    SIMULATIONS,
    Sample,
    find_outliers,
    max_t_p_values,
    sum_squares,
    t_beside,
)
from librispeech_clf.local.analysis.traits import Features, choose_plain, join_labels

ALPHA = 0.02
SHARES_OF_ALPHA = {"single": 0.35, "pair": 0.35, "speakers": 0.3}
"""How the chance of a false finding is divided among the families of candidates."""
MOST_FINDINGS = 10
EXAMPLES = 5
ALSO_DIFFERS = 4
TRAITS_IN_NAME = 2
"""Most traits in the name of a cluster."""
SAME = 0.8
"""Share of common utterances above which two findings are one."""
_ALMOST = 0.99
"""How far, for rounding, a t alongside others may fall below the smallest significant t, as a factor."""
_WORSE_THAN_PARTS = 3.5
"""The t that a pair needs alongside both of its parts to be named instead of one of them."""


@dataclass(frozen=True)
class Finding:
    """Utterances to look at.

    Attributes:
        name: name in plain words: "women, noisy recordings".
        where: exact definition: "gender F, signal to noise ratio under 12.5 dB".
        kind: "category", "number", "pair", "cluster" or "speakers".
        conditions: what its utterances fulfill.
        speakers: number of known speakers.
        rest_error_rate: errors / words of all other utterances.
        effect_points: error rate minus the rest's, in points (hundredths).
        low: lower bound of the effect's 95 % interval, in points, by speaker (for named speakers, by utterance);
            None if there is none.
        avoidable_errors: how many fewer errors there would be at the lower of both error rates.
        p: p-value, corrected for everything that was tested.
        p_is_bound: whether p is the smallest that the permutations can give, so that the true one may be smaller.
        also_differs: what else sets these utterances apart, in words.
        examples: ids of utterances with the most errors beyond the rest's rate.
    """

    name: str
    where: str
    kind: str
    conditions: tuple[Condition, ...]
    utterances: int
    speakers: int
    words: int
    errors: int
    error_rate: float
    rest_error_rate: float
    effect_points: float
    low: float | None
    high: float | None
    avoidable_errors: float
    p: float
    p_is_bound: bool
    also_differs: tuple[str, ...]
    examples: tuple[str, ...]
    utterance_ids: tuple[str, ...]


@dataclass(frozen=True)
class Search:
    """What was tested, and what was found.

    Attributes:
        findings: the findings, those with the most avoidable errors first.
        candidates_tested: number of slices, trends, pairs and clusters.
        alpha: chance of any false finding.
        note: why nothing, or not everything, was tested; None otherwise.
        clusters: corrected p of each cluster that was tested, by name.
    """

    findings: tuple[Finding, ...]
    candidates_tested: int
    alpha: float
    note: str | None
    clusters: Mapping[str, float] = field(default_factory=dict)


def find_slices(record: Record, clusters: Mapping[str, np.ndarray] | None = None) -> Search:
    """Search for the slices where the model errs more than elsewhere.

    Args:
        record: the results; failed utterances and those without words are left out.
        clusters: groups of the hidden states: name -> bool (N,), what is inside; see `latent_space.group_states`.

    Returns:
        At most 11 findings; none with fewer than 5 known speakers.
    """
    rated = np.flatnonzero(record.units() > 0)
    known = len(np.unique(record.blocks[rated][record.is_known[rated]]))
    if known < FEWEST_SPEAKERS:
        few = f"fewer than {FEWEST_SPEAKERS} speakers are known: no search for slices"
        return Search((), 0, ALPHA, few)
    # A speaker's utterances next to each other; sorted by name, so that the order of the rows does not matter.
    rated = rated[np.argsort(record.ids[rated].astype(str), kind="stable")]
    merged = merge_blocks(record.blocks[rated])
    rows = rated[np.argsort(merged, kind="stable")]
    scored = record.select(rows)
    sample = Sample(scored.errors(), scored.units(), np.sort(merged))
    features = Features(scored)
    groups = {name: inside[rows] for name, inside in (clusters or {}).items()}
    candidates, note = list_candidates(features, scored.blocks, groups)
    if not sample.errors.any() or not candidates:
        note = note or "no errors, or no slice of enough utterances"
        return Search((), len(candidates), ALPHA, note)
    t, p = _test(sample, candidates)
    chosen = [(candidates[number], own) for number, own in _choose(sample, candidates, t, p)]
    found = [describe_slice(features, *own) for own in [*chosen, *_find_speakers(scored)]]
    findings = sorted(_drop_doubles(found), key=lambda finding: -finding.avoidable_errors)
    p_values = {
        candidate.conditions[0].name: float(own)
        for candidate, own in zip(candidates, p, strict=True)
        if candidate.kind == "cluster"
    }
    return Search(tuple(findings), len(candidates), ALPHA, note, p_values)


def _drop_doubles(findings: Sequence[Finding]) -> list[Finding]:
    """Keep the first of those with nearly the same utterances, and none whose interval contains 0."""
    kept: list[Finding] = []
    for finding in findings:
        own = set(finding.utterance_ids)
        others = (set(other.utterance_ids) for other in kept)
        is_sure = finding.low is None or finding.high is None or not finding.low <= 0 <= finding.high
        if is_sure and not any(len(own & other) > SAME * len(own | other) for other in others):
            kept.append(finding)
    return kept


def is_bound(p: float, kind: str) -> bool:
    """Return whether p is the smallest corrected p that the permutations can give for a kind of candidate."""
    least = 1 / (1 + (SIMULATIONS if kind == "speakers" else PERMUTATIONS))
    return p <= least / SHARES_OF_ALPHA.get(kind, SHARES_OF_ALPHA["single"]) * (1 + 1e-9)


def describe_slice(features: Features, candidate: Candidate, p: float) -> Finding:
    """Describe a candidate and its corrected p: rates, effect with interval, what else differs, examples."""
    scored, inside = features.record, candidate.scores > 0
    conditions, kind = candidate.conditions, candidate.kind
    errors, words = scored.errors(), scored.units()
    rate, rest = (errors[side].sum() / words[side].sum() for side in (inside, ~inside))
    blocks = scored.blocks
    if kind == "speakers":  # found by name, they represent only themselves: their utterances are the unit
        blocks = np.where(inside, blocks.max() + 1 + np.arange(len(blocks)), blocks)
    effect = compare_groups(errors, words, inside, blocks)
    beyond = errors - rest * words
    worst = sorted(np.flatnonzero(inside), key=lambda row: (-beyond[row], scored.ids[row]))[:EXAMPLES]
    name, others = _name(features, kind, conditions, inside)
    return Finding(
        name=name,
        where=", ".join(condition.where for condition in conditions),
        kind=kind,
        conditions=conditions,
        utterances=int(inside.sum()),
        speakers=len(np.unique(scored.blocks[inside & scored.is_known])),
        words=int(words[inside].sum()),
        errors=int(errors[inside].sum()),
        error_rate=float(rate),
        rest_error_rate=float(rest),
        effect_points=100 * float(rate - rest),
        low=None if effect is None else 100 * effect.low,
        high=None if effect is None else 100 * effect.high,
        avoidable_errors=float(beyond[inside].sum()),
        p=p,
        p_is_bound=is_bound(p, kind),
        also_differs=others,
        examples=tuple(scored.ids[worst]),
        utterance_ids=tuple(sorted(scored.ids[inside])),
    )


def _name(
    features: Features, kind: str, conditions: Sequence[Condition], inside: np.ndarray
) -> tuple[str, tuple[str, ...]]:
    """Name a slice by its conditions, a cluster by what sets it apart; and say what else does."""
    own = {name for condition in conditions for name in (condition.column, *condition.correlated)}
    labels = [trait.label for trait in features.describe(inside) if trait.column not in own]
    names = [condition.name for condition in conditions]
    title = ""
    if kind == "cluster" and labels:
        title, names = "cluster: ", choose_plain(labels, TRAITS_IN_NAME)
    others = [label for label in labels if label not in names]
    return title + join_labels(names), tuple(others[:ALSO_DIFFERS])


def _test(sample: Sample, candidates: Sequence[Candidate]) -> tuple[np.ndarray, np.ndarray]:
    """Return t and corrected p of each candidate, float64 (C,) each."""
    pairs = np.array([candidate.kind == "pair" for candidate in candidates])
    if len(sample.words) > MOST_FOR_PAIRS:
        t, p = np.zeros(len(pairs)), np.ones(len(pairs))
        rows = np.sort(np.random.default_rng(0).choice(len(sample.words), MOST_FOR_PAIRS, replace=False))
        small = Sample(sample.errors[rows], sample.words[rows], merge_blocks(sample.blocks[rows]))
        for family, own in enumerate((sample, small)):
            places = np.flatnonzero(pairs == family)
            whole = (candidates[place].scores for place in places.tolist())
            scores = [own_scores[rows] if family else own_scores for own_scores in whole]
            if scores:
                t[places], p[places] = max_t_p_values(own, scores, np.zeros(len(places), int))
    else:
        scores = [candidate.scores for candidate in candidates]
        t, p = max_t_p_values(sample, scores, pairs.astype(int))
    return t, np.minimum(1.0, p / np.where(pairs, SHARES_OF_ALPHA["pair"], SHARES_OF_ALPHA["single"]))


def _choose(
    sample: Sample, candidates: Sequence[Candidate], t: np.ndarray, p: np.ndarray
) -> list[tuple[int, float]]:
    """Return what to show and its p: the strongest, then what is still significant alongside it, and so on."""
    remaining = np.flatnonzero(p < ALPHA)
    least = _ALMOST * t[remaining].min(initial=np.inf)
    chosen: list[tuple[int, float]] = []
    given: list[int] = []
    squares = np.zeros(len(candidates))
    squares[remaining] = sum_squares(sample, [candidates[number].scores for number in remaining.tolist()])

    def test(numbers: np.ndarray, beside: Sequence[int]) -> np.ndarray:
        scores = [candidates[number].scores for number in numbers.tolist()]
        others = [candidates[number].scores for number in beside]
        return t_beside(sample, scores, others, squares[numbers])

    while len(remaining) and len(chosen) < MOST_FINDINGS:
        beside = test(remaining, given)
        remaining, beside = remaining[beside >= least], beside[beside >= least]
        if len(remaining) == 0:
            break
        taken = int(remaining[np.argmax(beside)])
        shown = _find_shown(taken, candidates, t)
        if candidates[shown].kind == "pair":
            wanted = [(condition,) for condition in candidates[shown].conditions]
            parts = [
                part for part, own in enumerate(candidates) if own.conditions in wanted and part not in given
            ]
            if parts and test(np.array([shown]), [*given, *parts])[0] < _WORSE_THAN_PARTS:
                best = max(parts, key=lambda part: t[part])
                shown = best if p[best] < ALPHA else shown
        if candidates[shown].conditions not in [candidates[number].conditions for number, _ in chosen]:
            chosen.append((shown, float(min(p[taken], p[shown]))))
        given += [taken] if taken == shown else [taken, shown]
        remaining = remaining[~np.isin(remaining, given)]
    return chosen


def _find_shown(number: int, candidates: Sequence[Candidate], t: np.ndarray) -> int:
    """Return the candidate itself or, for a trend, the strongest slice at its tail."""
    if candidates[number].kind != "trend":
        return number
    trend = candidates[number].conditions[0]
    tails = [
        other
        for other, candidate in enumerate(candidates)
        if candidate.kind == "number"
        and (candidate.conditions[0].column, candidate.conditions[0].name) == (trend.column, trend.name)
    ]
    return max(tails, key=lambda other: t[other], default=number)


def _find_speakers(scored: Record) -> list[tuple[Candidate, float]]:
    """Return the speakers who stand apart, if there are any, and their p."""
    known = np.flatnonzero(scored.is_known)
    names, blocks = np.unique(scored.speakers[known].astype(str), return_inverse=True)
    found = find_outliers(scored.errors()[known], scored.units()[known], blocks)
    if found is None or (p := found[1] / SHARES_OF_ALPHA["speakers"]) >= ALPHA:
        return []
    worst = [str(names[block]) for block in found[0]]
    name = f"speaker{'s' * (len(worst) > 1)} {', '.join(worst)}"
    inside = np.isin(scored.speakers.astype(str), worst) & scored.is_known
    return [(Candidate("speakers", (Condition(SPEAKER, name, name),), (inside,)), p)]
