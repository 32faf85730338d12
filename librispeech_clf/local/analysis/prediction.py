"""Predict error rates of recordings without transcripts from calibrated confidences, and rank what to transcribe.

In: the record of results and the calibration of the model. Out: predicted rates, never mixed with measured ones, and
the recordings whose errors teach most, for a budget of minutes.

The interval for a set is the prediction interval of a random-effects meta-analysis (Higgins, Thompson & Spiegelhalter
2009, doi:10.1111/j.1467-985X.2008.00552.x) of the log of measured over predicted rate: its variance is
spread^2 (1/K + 1/J) + 1/errors, with K effective speakers in the set and J in the calibration, and Student's t with
J - 1 degrees of freedom. It holds for recordings like those of the calibration.

What to transcribe is chosen by farthest-first traversal of weighted points (Gonzalez 1985,
doi:10.1016/0304-3975(85)90224-5; Dyer & Frieze 1985, doi:10.1016/0167-6377(85)90002-1): at each step, take the
recording with the largest product of predicted errors per second and novelty, which is the distance, between
directions of hidden states, from the nearest labeled or chosen one. That spreads the choice over regions and
voices, and needs no tuning: units cancel.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from librispeech_clf.local.analysis.groups import list_groupings
from librispeech_clf.local.analysis.lacks import Coverage, find_unlabeled
from librispeech_clf.local.analysis.rates import sum_by
from librispeech_clf.local.analysis.record import Record

if TYPE_CHECKING:
    import pandas as pd

    from librispeech_clf.local.analysis.calibration import Calibration

COLUMN = "predicted_word_error_rate"
MOST_SETS = 40
DIAMETER = 2.0
"""Largest distance between directions: the novelty of the first choice, if nothing is labeled or chosen yet."""


@dataclass(frozen=True)
class PredictedRate:
    """The predicted word error rate of some recordings with its 95 % interval, and the measured one if there is any.

    Nothing can be predicted for utterances without a recognized word; they are not counted. `is_beyond` is true for a
    set that may be harder than nine in ten speakers of the calibration: the true rate may be far higher.
    """

    name: str
    rate: float
    low: float
    high: float
    measured: float | None
    utterances: int
    is_beyond: bool


def predict_rates(record: Record, calibration: Calibration | None) -> tuple[PredictedRate, ...]:
    """Predict the rates of subsets, of simulated conditions, and of groups of the recordings without transcripts."""
    if calibration is None:
        return ()
    predicted, blocks = calibration.predict_errors(record), record.blocks
    counts = np.nan_to_num(np.stack([record.errors(), record.units()], axis=1))
    known = np.isfinite(predicted).all(axis=1)
    sets = ((name, rows) for name, rows in _list_sets(record) if known[rows].any())
    return tuple(
        predict_rate(name, predicted[rows], blocks[rows], counts[rows], calibration)
        for name, rows in itertools.islice(sets, MOST_SETS)
    )


def _list_sets(record: Record) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and rows of each set to predict."""
    simulations, severities = record.texts("simulation"), record.numbers("severity")
    named = zip(record.texts("subset"), simulations, severities, strict=True)
    names = np.array([str(subset) if made is None else f"{made}, {own:g}" for subset, made, own in named])
    for name in dict.fromkeys(names.tolist()):
        yield name, np.flatnonzero(names == name)
    unlabeled = np.flatnonzero(find_unlabeled(record))
    for each in list_groupings(record.select(unlabeled)):
        for number, label in enumerate(each.labels):
            yield f"{each.name}: {label}", unlabeled[each.index == number]


def predict_rate(
    name: str, predicted: np.ndarray, blocks: np.ndarray, counts: np.ndarray, calibration: Calibration
) -> PredictedRate:
    """Predict the rate of a set of rows, at least one of which has a recognized word.

    Args:
        name: name of the set.
        predicted: float64 (N, 2), as `Calibration.predict_errors` returns it.
        blocks: int (N,), the speaker of each row.
        counts: float64 (N, 2), measured errors and words, 0 where there was no reference to measure against.
        calibration: calibration of the confidences.
    """
    from scipy.stats import t as student

    known = np.isfinite(predicted[:, 0])
    sums = sum_by(predicted[known], blocks[known])
    errors, words = sums.sum(axis=0).tolist()
    effective = words**2 / float(np.sum(sums[:, 1] ** 2))
    variance = calibration.spread**2 * (1 / effective + 1 / calibration.speakers) + 1 / max(errors, 0.5)
    reach = np.exp(float(student.ppf(0.975, max(calibration.speakers - 1, 1))) * variance**0.5)
    rate, (wrong, spoken) = errors / words, counts.sum(axis=0).tolist()
    return PredictedRate(
        name, rate, float(rate / reach), float(rate * reach), wrong / spoken if spoken else None,
        int(known.sum()), bool(rate * reach > calibration.highest),
    )  # fmt: skip


def rank_recordings(
    record: Record, calibration: Calibration, *, minutes: float, coverage: Coverage | None = None
) -> pd.DataFrame:
    """Choose unlabeled recordings for a budget of minutes; those without a word or a hidden state are left out.

    Args:
        record: the recordings, including labeled ones if there are any.
        calibration: calibration of the confidences.
        minutes: the budget.
        coverage: coverage whose lacks are given as reasons.

    Returns:
        What to write about each: id, seconds, text (to be filled in), hypothesis, predicted_error_rate, why,
        speaker_id.
    """
    import pandas as pd
    from sklearn.neighbors import NearestNeighbors

    vectors, rows = record.vectors("latent")
    errors, words = calibration.predict_errors(record)[rows].T
    seconds, unlabeled = record.numbers("signal_duration_s")[rows], find_unlabeled(record)[rows]
    directions = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    pool = np.flatnonzero(unlabeled & np.isfinite(errors) & (seconds > 0))
    novelty = np.full(len(pool), DIAMETER)
    if len(pool) and not unlabeled.all():
        with threadpool_limits(limits=1):
            labeled = NearestNeighbors(n_neighbors=1).fit(directions[~unlabeled])
            novelty = labeled.kneighbors(directions[pool])[0][:, 0]
    chosen, left = [], 60 * minutes
    for _ in pool:
        scores = np.where(seconds[pool] <= left, errors[pool] / seconds[pool] * novelty, 0)
        best = pool[scores.argmax()]
        if scores.max() <= 0:
            break
        chosen.append(best)
        left -= seconds[best]
        novelty = np.minimum(novelty, np.linalg.norm(directions[pool] - directions[best], axis=1))
    picked, lacks = record.select(rows[chosen]), coverage.lacks if coverage else ()
    reasons = {name: f"; {lack.name}" for lack in reversed(lacks) for name in lack.utterance_ids}
    expected = zip(picked.ids, errors[chosen], strict=True)
    columns = {
        "id": picked.ids,
        "seconds": seconds[chosen].round(2),
        "text": "",
        "hypothesis": picked.texts("hypothesis"),
        "predicted_error_rate": (errors[chosen] / words[chosen]).round(3),
        "why": [f"about {count:.1f} errors{reasons.get(name, '')}" for name, count in expected],
        "speaker_id": picked.speakers,
    }
    return pd.DataFrame(columns)
