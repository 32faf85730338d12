"""Robustness: word and character error rate against the severity of simulated conditions.

In: the record of results, its columns `simulation` (str, null for the recordings as they are) and `severity`
(float, in the simulation's own unit). Out: a `Curve` per simulation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from librispeech_clf.local.analysis.comparison import UnitComparison, compare_runs
from librispeech_clf.local.analysis.rates import ErrorRate, rate_errors
from librispeech_clf.local.analysis.record import Record


@dataclass(frozen=True)
class Point:
    """One severity of a simulation.

    Attributes:
        severity: in the simulation's unit.
        word: corpus word error rate with interval.
        character: corpus character error rate with interval.
        change: word errors against the unchanged recordings of the same utterances, paired (second is the
            simulation); None where they were not evaluated.
        failed: utterances without metrics.
    """

    severity: float
    word: ErrorRate
    character: ErrorRate
    change: UnitComparison | None
    failed: int


@dataclass(frozen=True)
class Curve:
    """Error rate against severity.

    Attributes:
        simulation: its registered name.
        points: by rising severity.
    """

    simulation: str
    points: tuple[Point, ...]


def measure_robustness(record: Record) -> tuple[Curve, ...]:
    """Return the error rate against severity, for each simulation.

    Args:
        record: the results; rows with a null `simulation` are the recordings as they are. An utterance may occur once
            per simulation and severity.

    Returns:
        The curves by name; none without simulated rows.

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
        values = np.unique(severities[own])
        points = (
            _measure(record.select(own & (severities == value)), clean, float(value)) for value in values
        )
        curves.append(Curve(name, tuple(points)))
    return tuple(curves)


def _measure(rows: Record, clean: Record, severity: float) -> Point:
    scored = rows.select_scored()
    shared = set(scored.ids) & set(clean.ids)
    names = ("the recordings", "the simulation")
    return Point(
        severity=severity,
        word=rate_errors(rows),
        character=rate_errors(rows, "character"),
        change=compare_runs(clean, scored, names=names).word if shared else None,
        failed=len(rows) - len(scored),
    )
