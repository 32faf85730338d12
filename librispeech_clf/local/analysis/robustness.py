"""Robustness: word and character error rate against the severity of simulated conditions.

In: a results table with the columns `simulation` (str, null for the recordings as they are) and `severity`
(float, in the simulation's own unit). Out: a `Curve` per simulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.local.analysis.comparison import UnitComparison, compare_runs
from librispeech_clf.local.analysis.intervals import ErrorRate, corpus_error_rate
from librispeech_clf.local.analysis.results_table import find_scored, is_null

if TYPE_CHECKING:
    import pandas as pd


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


def measure_robustness(results: pd.DataFrame) -> tuple[Curve, ...]:
    """Return the error rate against severity, for each simulation of a results table.

    Args:
        results: the results table with `simulation` and `severity`; rows with a null `simulation` are the
            recordings as they are. An utterance may occur once per simulation and severity.

    Returns:
        The curves by name; none when the table has no such column or no simulated row.

    Raises:
        ValueError: a simulated row lacks its severity.
    """
    if "simulation" not in results.columns or "severity" not in results.columns:
        return ()
    names = np.array([None if is_null(name) else str(name) for name in results["simulation"]], dtype=object)
    simulated = np.array([name is not None for name in names], dtype=bool)
    severities = results["severity"].to_numpy(np.float64, na_value=np.nan)
    if np.isnan(severities[simulated]).any():
        row = results[simulated & np.isnan(severities)].iloc[0]
        raise ValueError(
            f"{row['utterance_id']}: a simulated utterance needs a severity; "
            f"received none for {row['simulation']!r}."
        )
    clean = results[~simulated]
    return tuple(
        Curve(
            name,
            tuple(
                _measure(results[(names == name) & (severities == severity)], clean, float(severity))
                for severity in np.unique(severities[names == name])
            ),
        )
        for name in sorted(set(names[simulated]))
    )


def _measure(rows: pd.DataFrame, clean: pd.DataFrame, severity: float) -> Point:
    scored, unchanged = find_scored(rows), find_scored(clean)
    shared = len(scored) and scored["utterance_id"].isin(unchanged.get("utterance_id", ())).any()
    names = ("the recordings", "the simulation")
    return Point(
        severity=severity,
        word=corpus_error_rate(rows, unit="word"),
        character=corpus_error_rate(rows, unit="character"),
        change=compare_runs(unchanged, scored, names=names).word if shared else None,
        failed=len(rows) - len(scored),
    )
