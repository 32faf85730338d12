"""What to look at first: the slices of a corpus where the model errs more than elsewhere.

In: the results table. Out: a `Search` with its findings. Categories, ends and trends of numeric columns, pairs,
dense clusters of the latent space and the worst speakers are looked at together; see `candidates`, `search` and
`speakers_apart`. The chance of any finding in a table without one is about `ALPHA`, whatever was looked at
(of 200 corpora simulated as in tests/helpers/planted.py 3 had one with the rates of a good model, 5 with those of the
bundled one).

Of what is significant the strongest is taken, then what is still significant beside it, and so on, so that
several names of one weakness are one finding; a pair is one only where it is worse than its parts. What is
significant only within speakers, and whose interval over speakers holds 0, is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.local.analysis.candidates import Candidate, Condition, list_candidates
from librispeech_clf.local.analysis.finding import Finding, describe_slice
from librispeech_clf.local.analysis.intervals import FEWEST_SPEAKERS, find_blocks
from librispeech_clf.local.analysis.results_table import count_errors, find_scored, list_speakers
from librispeech_clf.local.analysis.search import (
    centre,
    correct_by_largest,
    describe_sample,
    merge_blocks,
    studentise,
)
from librispeech_clf.local.analysis.speakers_apart import find_apart

if TYPE_CHECKING:
    import pandas as pd

ALPHA = 0.02
SHARES_OF_ALPHA = {"single": 0.35, "pair": 0.35, "speakers": 0.3}
"""How the chance of a false finding is dealt to what is looked at."""
MOST_FINDINGS = 10
_NOTHING_NEW = 0.01
"""Share of a candidate's variance beside others below which it is one of them by another name."""
_ALMOST = 0.99
"""Of the least significant t: what a t beside others may be below it, as rounding differs."""
_WORSE_THAN_PARTS = 3.5
"""The t that a pair needs beside both of its parts to be named instead of one of them."""


@dataclass(frozen=True)
class Search:
    """What was looked at, and what was found.

    Attributes:
        findings: those with the most avoidable errors first.
        looked_at: number of slices, trends, pairs and clusters tested.
        alpha: chance of any finding where there is none.
        note: why nothing, or not everything, was looked at; None otherwise.
    """

    findings: tuple[Finding, ...]
    looked_at: int
    alpha: float
    note: str | None


@dataclass(frozen=True)
class _Table:
    """The scored utterances that have words, a speaker's after another's.

    Attributes:
        rows: of the results table.
        errors: float64 (N,), word errors of each.
        words: float64 (N,), reference words of each.
        speakers: int (N,), the speaker of each; an unknown one is a speaker of its own.
        blocks: int (N,) rising, the same with many speakers merged.
    """

    rows: pd.DataFrame
    errors: np.ndarray
    words: np.ndarray
    speakers: np.ndarray
    blocks: np.ndarray


@dataclass(frozen=True)
class _Tested:
    """Of each candidate its t and corrected p, and whether it is significant."""

    t: np.ndarray
    p: np.ndarray
    significant: np.ndarray


def find_slices(results: pd.DataFrame) -> Search:
    """Search for the slices where the model errs more than elsewhere.

    Args:
        results: the results table; failed utterances and those without words are left out.

    Returns:
        At most 11 findings; none with fewer than 5 known speakers.
    """
    scored = find_scored(results)
    scored = scored[count_errors(scored)[1] > 0]
    if len(scored):
        scored = scored.sort_values("utterance_id").reset_index(drop=True)
    found = find_blocks(scored)
    if found.resampled != "speakers":
        return Search((), 0, ALPHA, f"fewer than {FEWEST_SPEAKERS} speakers are known: no search for slices")
    table = _sort_by_speaker(scored, found.index)
    candidates, note = list_candidates(table.rows, table.speakers)
    if not table.errors.any() or not candidates:
        return Search((), len(candidates), ALPHA, note or "no errors, or no slice of enough utterances")
    tested = _test(table, candidates)
    findings = [
        describe_slice(table.rows, candidates[number], p) for number, p in _choose(table, candidates, tested)
    ]
    findings += _find_speakers(table)
    findings = [finding for finding in findings if finding.low is None or finding.low > 0]
    findings.sort(key=lambda finding: -finding.avoidable_errors)
    return Search(tuple(findings), len(candidates), ALPHA, note)


def _sort_by_speaker(scored: pd.DataFrame, speakers: np.ndarray) -> _Table:
    blocks = merge_blocks(speakers)
    order = np.argsort(blocks, kind="stable")
    rows = scored.iloc[order].reset_index(drop=True)
    return _Table(rows, *count_errors(rows), speakers[order], blocks[order])


def _test(table: _Table, candidates: Sequence[Candidate]) -> _Tested:
    scores = np.stack([candidate.scores for candidate in candidates], axis=1)
    pairs = np.array([candidate.kind == "pair" for candidate in candidates])
    t, p = correct_by_largest(table.errors, table.words, table.blocks, scores, pairs.astype(int))
    shares = np.where(pairs, SHARES_OF_ALPHA["pair"], SHARES_OF_ALPHA["single"])
    corrected = np.minimum(1.0, p / shares)
    return _Tested(t, corrected, corrected < ALPHA)


def _choose(table: _Table, candidates: Sequence[Candidate], tested: _Tested) -> list[tuple[int, float]]:
    """Return what to show and its p: the strongest, then what is significant beside it, and so on."""
    remaining = np.flatnonzero(tested.significant)
    least = _ALMOST * tested.t[remaining].min(initial=np.inf)
    chosen: list[tuple[int, float]] = []
    given: list[int] = []
    while len(remaining) and len(chosen) < MOST_FINDINGS:
        t = _studentise_beside(table, candidates, remaining, given)
        remaining, t = remaining[t >= least], t[t >= least]
        if len(remaining) == 0:
            break
        taken = int(remaining[np.argmax(t)])
        shown = _prefer_part(table, candidates, tested, _find_shown(taken, candidates, tested), given)
        if candidates[shown].conditions not in [candidates[number].conditions for number, _ in chosen]:
            chosen.append((shown, float(min(tested.p[taken], tested.p[shown]))))
        given += [taken] if taken == shown else [taken, shown]
        remaining = remaining[~np.isin(remaining, given)]
    return chosen


def _studentise_beside(
    table: _Table, candidates: Sequence[Candidate], numbers: Iterable[int], given: Sequence[int]
) -> np.ndarray:
    """Return the t of candidates beside others, which explain what they can."""
    sample = describe_sample(table.errors, table.words, table.blocks)
    ones = np.ones(len(table.words), np.float32)
    beside = sample.lessen(np.stack([ones, *(candidates[number].scores for number in given)], axis=1))
    scores = sample.lessen(np.stack([candidates[number].scores for number in numbers], axis=1))
    rates = centre(sample.lessen((table.errors / table.words)[:, None]), table.words, beside)
    columns = centre(scores, table.words, beside)
    alone = centre(scores, table.words, beside[:, :1])
    fresh = table.words @ columns**2 > _NOTHING_NEW * (table.words @ alone**2)
    return np.where(fresh, studentise(columns, rates, sample)[:, 0], 0.0)


def _find_shown(number: int, candidates: Sequence[Candidate], tested: _Tested) -> int:
    """Return the candidate itself; for a trend the strongest slice at its end."""
    if candidates[number].kind != "trend":
        return number
    trend = candidates[number].conditions[0]
    ends = [
        other
        for other, candidate in enumerate(candidates)
        if candidate.kind == "number"
        and (candidate.conditions[0].column, candidate.conditions[0].name) == (trend.column, trend.name)
    ]
    return max(ends, key=lambda other: tested.t[other], default=number)


def _prefer_part(
    table: _Table, candidates: Sequence[Candidate], tested: _Tested, number: int, given: Sequence[int]
) -> int:
    """Return the better part of a pair that is not worse than its parts, else the candidate itself."""
    if candidates[number].kind != "pair":
        return number
    single = {
        candidate.conditions[0]: other
        for other, candidate in enumerate(candidates)
        if candidate.kind in ("category", "number")
    }
    parts = [single[condition] for condition in candidates[number].conditions if condition in single]
    parts = [part for part in parts if part not in given]
    if not parts or _studentise_beside(table, candidates, [number], [*given, *parts])[0] >= _WORSE_THAN_PARTS:
        return number
    best = max(parts, key=lambda part: tested.t[part])
    return best if tested.significant[best] else number


def _find_speakers(table: _Table) -> list[Finding]:
    """Describe the speakers who stand apart, if there are any."""
    names = list_speakers(table.rows)
    known = np.array([name is not None for name in names])
    _, blocks = np.unique(table.speakers[known], return_inverse=True)
    apart = find_apart(table.errors[known], table.words[known], blocks)
    if apart is None or apart[1] / SHARES_OF_ALPHA["speakers"] >= ALPHA:
        return []
    order = [names[int(np.flatnonzero(known)[np.argmax(blocks == block)])] for block in apart[0]]
    name = f"speaker{'s' * (len(order) > 1)} {', '.join(str(speaker) for speaker in order)}"
    scores = np.array([speaker in order for speaker in names], np.float32)
    condition = Condition("record_speaker_id", name, name)
    p = min(1.0, apart[1] / SHARES_OF_ALPHA["speakers"])
    return [describe_slice(table.rows, Candidate("speakers", (condition,), scores), p)]
