"""Describe a slice: how much worse it is, what else sets it apart, which utterances to hear.

In: the scored utterances and a `Candidate`. Out: a `Finding`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.local.analysis.candidates import Candidate, Condition
from librispeech_clf.local.analysis.intervals import find_blocks
from librispeech_clf.local.analysis.jackknife import interval_of_figure, student_quantile, sum_blocks
from librispeech_clf.local.analysis.plain_names import join_names, name_category, name_end
from librispeech_clf.local.analysis.results_table import count_errors, list_speakers
from librispeech_clf.local.analysis.traits import correlate_metadata

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = 5
ALSO_DIFFERS = 4
NAMES_OF_CLUSTER = 2


@dataclass(frozen=True)
class Finding:
    """Utterances to look at.

    Attributes:
        name: in plain words: "women, noisy recordings".
        where: exactly: "gender F, signal to noise ratio under 12.5 dB".
        kind: "category", "number", "pair", "cluster" or "speakers".
        conditions: what its utterances fulfil; none for speakers.
        utterances: how many.
        speakers: how many known ones.
        words: its reference words.
        errors: its word errors.
        error_rate: errors / words.
        rest_error_rate: the same of all other utterances.
        effect_points: error rate minus the rest's, in points (hundredths).
        low: lower bound of the effect's 95 % interval, in points, speakers as the unit, of named speakers their
            utterances; None where there is none.
        high: upper bound.
        avoidable_errors: errors that there would be less at the rest's error rate.
        p: corrected for everything that was looked at.
        also_differs: what else sets these utterances apart, in words.
        examples: ids of utterances with the most errors beyond the rest's rate.
        utterance_ids: all of them.
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
    also_differs: tuple[str, ...]
    examples: tuple[str, ...]
    utterance_ids: tuple[str, ...]


def describe_slice(rows: pd.DataFrame, candidate: Candidate, p: float) -> Finding:
    """Describe a slice: rates, effect with interval, what else differs, examples.

    Args:
        rows: the scored utterances.
        candidate: with their scores.
        p: corrected for everything that was looked at.
    """
    inside = candidate.scores > 0
    errors, words = count_errors(rows)
    rate, rest = (errors[side].sum() / words[side].sum() for side in (inside, ~inside))
    low, high = _find_interval(rows, errors, words, inside, by_name=candidate.kind == "speakers")
    beyond = errors - rest * words
    ids = np.array([str(name) for name in rows["utterance_id"]], dtype=object)
    worst = sorted(np.flatnonzero(inside), key=lambda row: (-beyond[row], ids[row]))[:EXAMPLES]
    return Finding(
        name=_name(rows, candidate, inside),
        where=", ".join(condition.where for condition in candidate.conditions),
        kind=candidate.kind,
        conditions=candidate.conditions,
        utterances=int(inside.sum()),
        speakers=len({name for name, own in zip(list_speakers(rows), inside, strict=True) if own and name}),
        words=int(words[inside].sum()),
        errors=int(errors[inside].sum()),
        error_rate=float(rate),
        rest_error_rate=float(rest),
        effect_points=100 * float(rate - rest),
        low=low,
        high=high,
        avoidable_errors=float(beyond[inside].sum()),
        p=p,
        also_differs=_list_others(rows, candidate, inside),
        examples=tuple(ids[worst]),
        utterance_ids=tuple(sorted(ids[inside])),
    )


def _find_interval(
    rows: pd.DataFrame, errors: np.ndarray, words: np.ndarray, inside: np.ndarray, *, by_name: bool
) -> tuple[float, float] | tuple[None, None]:
    """Return the 95 % interval of the effect in points, leaving out one speaker at a time.

    Speakers who are found by name stand for themselves: their utterances are left out one at a time. Student's t has
    the effective number of these units on the smaller side minus one degrees of freedom.
    """
    units = find_blocks(rows, fewest=1).index
    if by_name:
        units = np.where(inside, units.max() + 1 + np.arange(len(units)), units)
    names, index = np.unique(units, return_inverse=True)
    values = np.stack([errors * inside, words * inside, errors * ~inside, words * ~inside], axis=1)
    sums = sum_blocks(values, index, len(names))
    bounds = interval_of_figure(sums, _subtract, sums[:, 1] + sums[:, 3], scale="linear")
    if bounds is None:
        return None, None
    effective = min(side.sum() ** 2 / np.sum(side**2) for side in (sums[:, 1], sums[:, 3]))
    wider = student_quantile(max(1.0, effective - 1)) / student_quantile(len(sums) - 1)
    middle, half = sum(bounds) / 2, (bounds[1] - bounds[0]) / 2 * wider
    return 100 * (middle - half), 100 * (middle + half)


def _subtract(sums: np.ndarray) -> np.ndarray:
    return sums[:, 0] / sums[:, 1] - sums[:, 2] / sums[:, 3]


def _name(rows: pd.DataFrame, candidate: Candidate, inside: np.ndarray) -> str:
    """Name a slice by its conditions, a cluster by what sets it apart."""
    if candidate.kind != "cluster":
        return join_names([condition.name for condition in candidate.conditions])
    phrases = _list_phrases(rows, candidate, inside)[:NAMES_OF_CLUSTER]
    return f"cluster: {join_names(phrases)}" if phrases else candidate.conditions[0].name


def _list_others(rows: pd.DataFrame, candidate: Candidate, inside: np.ndarray) -> tuple[str, ...]:
    """Say what else sets a slice apart than what its name says."""
    named = NAMES_OF_CLUSTER * (candidate.kind == "cluster")
    return tuple(_list_phrases(rows, candidate, inside)[named : named + ALSO_DIFFERS])


def _list_phrases(rows: pd.DataFrame, candidate: Candidate, inside: np.ndarray) -> list[str]:
    """Name what sets a slice apart, largest effect first, besides its own columns and those like them."""
    own = {name for condition in candidate.conditions for name in (condition.column, *condition.alike)}
    phrases = [
        name_category(item.column, item.value)
        if item.value is not None
        else name_end(item.column, "high" if item.direction == "higher" else "low")
        for item in correlate_metadata(rows, inside)
        if item.named and item.column not in own
    ]
    named = {condition.name for condition in candidate.conditions}
    return [phrase for phrase in dict.fromkeys(phrases) if phrase not in named]
