"""Predicted error rates: what calibrated confidences predict where nobody has transcribed.

In: the record of results and the calibration of the model. Out: predicted rates, never mixed with measured ones.

The interval of a set is the prediction interval of a random-effects meta-analysis (Higgins, Thompson & Spiegelhalter
2009, doi:10.1111/j.1467-985X.2008.00552.x) of the log of measured over predicted rate: its variance is
spread^2 (1/K + 1/J) + 1/errors, K effective speakers of the set, J of the calibration, with Student's t of J - 1
degrees of freedom. It holds for recordings like those.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.local.analysis.groups import list_groupings
from librispeech_clf.local.analysis.lacks import find_unlabeled
from librispeech_clf.local.analysis.rates import divide, sum_by
from librispeech_clf.local.analysis.record import Record

if TYPE_CHECKING:
    from librispeech_clf.local.analysis.calibration import Calibration

COLUMN = "predicted_word_error_rate"
MOST_SETS = 40


@dataclass(frozen=True)
class PredictedRate:
    """The predicted word error rate of some recordings with its 95 % interval, and the measured one if there is any.

    Of utterances without a word recognized nothing can be expected; they are not counted. A set that may be harder than
    any speaker of the calibration `is_beyond` what it holds for: the true rate may be far higher.
    """

    name: str
    rate: float
    low: float
    high: float
    measured: float | None
    utterances: int
    is_beyond: bool


def predict_rates(record: Record, calibration: Calibration | None) -> tuple[PredictedRate, ...]:
    """Predict the rates of subsets, of simulated conditions, and of groups of the recordings without transcripts.

    Args:
        record: the results, simulated rows among them.
        calibration: of the confidences; without one nothing is predicted.
    """
    if calibration is None:
        return ()
    predicted = calibration.predict_errors(record)
    sets = (
        (name, rows) for name, rows in _list_sets(record) if np.isfinite(predicted[rows]).all(axis=1).any()
    )
    chosen = itertools.islice(sets, MOST_SETS)
    return tuple(
        predict_rate(name, record.select(rows), predicted[rows], calibration) for name, rows in chosen
    )


def _list_sets(record: Record) -> Iterator[tuple[str, np.ndarray]]:
    """Name the sets that are predicted, and their rows."""
    simulations, severities = record.texts("simulation"), record.numbers("severity")
    named = zip(record.texts("subset"), simulations, severities, strict=True)
    names = np.array([str(subset) if made is None else f"{made}, {own:g}" for subset, made, own in named])
    for name in dict.fromkeys(names.tolist()):
        yield name, np.flatnonzero(names == name)
    unlabeled = np.flatnonzero(find_unlabeled(record))
    for each in list_groupings(record.select(unlabeled)):
        for number, label in enumerate(each.labels):
            yield f"{each.name}: {label}", unlabeled[each.index == number]


def predict_rate(name: str, record: Record, predicted: np.ndarray, calibration: Calibration) -> PredictedRate:
    """Predict the rate of a set.

    Args:
        name: of the set.
        record: its rows, at least one with a word recognized.
        predicted: their errors and words, float64 (N, 2), see `Calibration.predict_errors`.
        calibration: of the confidences.
    """
    from scipy.stats import t as student

    known = np.isfinite(predicted[:, 0])
    sums = sum_by(predicted[known], record.select(known).blocks)
    errors, words = sums.sum(axis=0).tolist()
    effective = words**2 / float(np.sum(sums[:, 1] ** 2))
    variance = calibration.spread**2 * (1 / effective + 1 / calibration.speakers) + 1 / max(errors, 0.5)
    reach = np.exp(float(student.ppf(0.975, max(calibration.speakers - 1, 1))) * variance**0.5)
    rate, scored = errors / words, record.select_scored()
    measured = float(divide(scored.errors().sum(keepdims=True), scored.units().sum(keepdims=True))[0])
    return PredictedRate(
        name, rate, float(rate / reach), float(rate * reach), measured if np.isfinite(measured) else None,
        int(known.sum()), bool(rate * reach > calibration.highest),
    )  # fmt: skip
