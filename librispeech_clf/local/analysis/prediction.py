"""Predicted error rates: what calibrated confidences predict where nobody has transcribed.

In: the record of results and the calibration of the model. Out: predicted rates, never mixed with measured ones.

The rate is that of average calibrated confidence (Guillory et al. 2021, arxiv.org/abs/2107.03315): of words that are
right with chance c, the sum of 1 - c is expected to be wrong, substituted or inserted. On the recordings of the
calibration it is known how many errors, deletions among them, come with each such word (k), and how many reference
words with each word of a hypothesis (q): rate = k sum(1 - c) / (q words). Its error is measured there, too, speaker by
speaker, on the log scale: speakers scatter by `spread`, what is left within them is Poisson's times `dispersion`. The
interval of a set is that of a new mean, with variance spread^2 (1/K + 1/J) + dispersion / errors, K its effective
speakers, J the calibration's, and Student's t with J - 1 degrees of freedom. It holds for recordings like those; where
the model is less sure of a set than of any speaker there, a note says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.local.analysis.rates import divide, sum_by
from librispeech_clf.local.analysis.record import Record

if TYPE_CHECKING:
    from librispeech_clf.local.analysis.calibration import Calibration

COLUMN = "predicted_word_error_rate"
MOST_SETS = 40


@dataclass(frozen=True)
class RateModel:
    """How errors follow from calibrated confidences.

    Attributes:
        errors: k, word errors for each word that is expected to be wrong.
        words: q, reference words for each word of a hypothesis.
        spread: standard deviation of speakers' log of measured over predicted rate.
        dispersion: variance of an utterance's errors over their expected number.
        highest: predicted rate of a speaker.
    """

    errors: float
    words: float
    spread: float
    dispersion: float
    highest: float


@dataclass(frozen=True)
class PredictedRate:
    """The predicted word error rate of some recordings.

    Attributes:
        name: of the set.
        rate: predicted.
        low: lower bound of its 95 % interval.
        high: upper bound.
        measured: the rate where there are transcripts.
        utterances: with a word recognized; of the others nothing can be expected.
        speakers: known ones.
        note: why the prediction may fail; None otherwise.
    """

    name: str
    rate: float
    low: float
    high: float
    measured: float | None
    utterances: int
    speakers: int
    note: str | None


def fit_rates(record: Record, chances: Sequence[np.ndarray]) -> RateModel:
    """Learn how errors follow from the chances of words to be right.

    Args:
        record: transcribed recordings.
        chances: of each one's words, float64 (W,).
    """
    errors, words = record.errors(), record.units()
    wrong, said = _sum_words(chances)
    k, q = float(errors.sum() / max(wrong.sum(), 1e-9)), float(words.sum() / said.sum())
    sums = sum_by(np.stack([errors, words, k * wrong, q * said], axis=1), record.blocks)
    sums = sums[sums.min(axis=1) > 0]
    logs = np.log(sums[:, 0] / sums[:, 1]) - np.log(sums[:, 2] / sums[:, 3])
    dispersion = float(np.sum((errors - k * wrong) ** 2) / max(k * wrong.sum(), 1e-9))
    between = float(np.var(logs, ddof=1) - np.mean(dispersion / sums[:, 2])) if len(logs) > 1 else 0.0
    highest = float((sums[:, 2] / sums[:, 3]).max(initial=0.0))
    rounded = (round(value, 4) for value in (k, q, max(between, 0.0) ** 0.5, dispersion, highest))
    return RateModel(*rounded)


def _sum_words(chances: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return how many words are expected to be wrong, and how many there are, float64 (N,) each."""
    return np.array([np.sum(1 - own) for own in chances]), np.array([len(own) for own in chances], float)


def predict_errors(record: Record, calibration: Calibration) -> np.ndarray:
    """Return the predicted word errors and reference words of each row, float64 (N, 2), NaN without words."""
    wrong, said = _sum_words([calibration.apply(own) for own in record.confidences()])
    model = calibration.rates
    predicted = np.stack([model.errors * wrong, model.words * said], axis=1)
    return np.where((said > 0)[:, None], predicted, np.nan)


def predict_rates(record: Record, calibration: Calibration | None) -> tuple[PredictedRate, ...]:
    """Predict the rates of the subsets without transcripts and their groups, and of simulated conditions.

    Args:
        record: the results, simulated rows among them.
        calibration: of the confidences; without one nothing is predicted.
    """
    if calibration is None:
        return ()
    predicted = predict_errors(record, calibration)
    sets = list(_list_sets(record))[:MOST_SETS]
    found = (_rate(record, predicted, name, inside, calibration) for name, inside in sets)
    return tuple(rate for rate in found if rate is not None)


def _list_sets(record: Record) -> Iterator[tuple[str, np.ndarray]]:
    """Name the sets that are predicted: bool (N,), who is inside."""
    recorded = np.array([name is None for name in record.texts("simulation")], bool)
    subsets = np.array(record.texts("subset"), object)
    for subset in dict.fromkeys(subsets[recorded]):
        yield str(subset), recorded & (subsets == subset)
    unlabeled = recorded & ~np.isfinite(record.units())
    for name in [name for name in record.metadata if name.startswith("corpus_")] if unlabeled.any() else ():
        column = record.column(name)
        for code, level in enumerate(column.levels if column else ()):
            if column is not None and (inside := unlabeled & (column.codes == code)).sum() > 1:
                yield f"{column.label}: {level}", inside
    conditions = np.array([f"{name}, {value:g}" for name, value in _list_conditions(record)], object)
    for condition in dict.fromkeys(conditions[~recorded]):
        yield str(condition), ~recorded & (conditions == condition)


def _list_conditions(record: Record) -> Iterator[tuple[str | None, float]]:
    return zip(record.texts("simulation"), record.numbers("severity"), strict=True)


def _rate(
    record: Record, predicted: np.ndarray, name: str, inside: np.ndarray, calibration: Calibration
) -> PredictedRate | None:
    from scipy.stats import t as student

    rows = np.flatnonzero(inside & np.isfinite(predicted[:, 0]))
    if len(rows) == 0:
        return None
    own, model = record.select(rows), calibration.rates
    sums = sum_by(predicted[rows], own.blocks)
    errors, words = (float(total) for total in sums.sum(axis=0))
    effective = words**2 / float(np.sum(sums[:, 1] ** 2))
    freedom = max(calibration.speakers - 1, 1)
    variance = model.spread**2 * (1 / effective + 1 / (freedom + 1)) + model.dispersion / max(errors, 0.5)
    reach = np.exp(float(student.ppf(0.975, freedom)) * variance**0.5)
    rate, scored = errors / words, record.select(np.flatnonzero(inside)).select_scored()
    measured = divide(scored.errors().sum(keepdims=True), scored.units().sum(keepdims=True))[0]
    note = None
    if rate > model.highest:
        note = (
            f"less sure than with any speaker of {calibration.split} ({100 * model.highest:.0f} %): the true rate may "
            "be far higher"
        )
    return PredictedRate(
        name, rate, float(rate / reach), float(rate * reach), float(measured) if np.isfinite(measured) else None,
        len(rows), len(np.unique(own.blocks[own.is_known])), note,
    )  # fmt: skip
