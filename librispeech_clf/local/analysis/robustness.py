"""Robustness: word and character error rate against the severity of simulated conditions.

In: the record of results, with its columns `simulation` (str, null for unchanged recordings) and `severity`
(float, in the simulation's own unit). Out: a `Curve` per simulation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from librispeech_clf.local.analysis.rates import ErrorRate, rate_errors
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.systems import Pair, align_errors, compare_pair


@dataclass(frozen=True)
class Point:
    """One severity of a simulation, in its unit, with its corpus error rates.

    Attributes:
        clean: the word error rate of the unchanged recordings of the same utterances; None if they were not
            evaluated.
        change: the simulation's difference from these recordings, paired.
        failed: utterances without metrics.
    """

    severity: float
    word: ErrorRate
    character: ErrorRate
    clean: ErrorRate | None
    change: Pair | None
    failed: int


@dataclass(frozen=True)
class Curve:
    """Error rate of a simulation, by its registered name, against increasing severity."""

    simulation: str
    points: tuple[Point, ...]


def measure_robustness(record: Record) -> tuple[Curve, ...]:
    """Return each simulation's error rate against severity, by name; none without simulated rows.

    Rows with a null `simulation` are unchanged recordings. An utterance may occur once per simulation and severity.

    Raises:
        ValueError: a simulated row lacks its severity.
    """
    simulations = record.column("simulation")
    if simulations is None or "severity" not in record.names:
        return ()
    severities = record.numbers("severity")
    lacking = np.flatnonzero((simulations.codes >= 0) & np.isnan(severities))
    if len(lacking):
        name = simulations.levels[simulations.codes[lacking[0]]]
        raise ValueError(
            f"{record.ids[lacking[0]]}: a simulated utterance needs a severity; received none for {name!r}."
        )
    clean = record.select(simulations.codes == -1).select_scored()
    curves = []
    for code, name in enumerate(simulations.levels):
        own = simulations.codes == code
        rows = {value: record.select(own & (severities == value)) for value in np.unique(severities[own])}
        points = tuple(_measure(each, clean, float(value)) for value, each in rows.items())
        curves.append(Curve(name, points))
    return tuple(curves)


def _measure(rows: Record, clean: Record, severity: float) -> Point:
    scored = rows.select_scored()
    names = ("the recordings", "the simulation")
    errors, words = align_errors(clean, [clean, scored])
    both = np.isfinite(errors).all(axis=0)
    change = compare_pair(names, errors, words, clean.blocks) if both.any() else None
    return Point(
        severity=severity,
        word=rate_errors(rows),
        character=rate_errors(rows, "character"),
        clean=rate_errors(clean.select(both)) if both.any() else None,
        change=change,
        failed=len(rows) - len(scored),
    )
