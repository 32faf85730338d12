"""What to transcribe first: recordings whose errors teach most, for a budget of minutes.

In: the record of results and the calibration. Out: the chosen recordings, the first first.

Predicted errors a second times novelty, one after the other: novelty is 1 minus the highest similarity, in the hidden
states, to a labeled or a chosen recording, as in maximal marginal relevance (Carbonell & Goldstein 1998,
doi:10.1145/290941.291025), which spreads the choice over regions and voices. Scores only fall, so most need not be
computed again (Minoux 1978, doi:10.1007/BFb0006528).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from librispeech_clf.local.analysis.calibration import Calibration
from librispeech_clf.local.analysis.lacks import NEIGHBORS, Coverage, find_unlabeled
from librispeech_clf.local.analysis.latent_space import reduce_vectors
from librispeech_clf.local.analysis.prediction import predict_errors
from librispeech_clf.local.analysis.record import Record

DURATION = "signal_duration_s"


@dataclass(frozen=True)
class Choice:
    """A recording to transcribe.

    Attributes:
        utterance_id: which.
        seconds: its length.
        hypothesis: to correct.
        predicted_error_rate: of its words.
        why: what its transcript would cover.
    """

    utterance_id: str
    seconds: float
    hypothesis: str
    predicted_error_rate: float
    why: str


def rank_recordings(
    record: Record, calibration: Calibration, *, minutes: float, coverage: Coverage | None = None
) -> tuple[Choice, ...]:
    """Choose unlabeled recordings of so many minutes; those without a word or a hidden state are left out.

    Args:
        record: the recordings, labeled ones among them where there are some.
        calibration: of the confidences.
        minutes: to spend.
        coverage: whose lacks are named as reasons.
    """
    vectors, rows = record.vectors("latent")
    errors, words = predict_errors(record, calibration)[rows].T
    seconds = record.numbers(DURATION)[rows]
    unlabeled = find_unlabeled(record)
    unlabeled = np.ones(len(record), bool) if unlabeled is None else unlabeled
    usable = unlabeled[rows] & np.isfinite(errors) & (seconds > 0)
    if not usable.any():
        return ()
    reduced = reduce_vectors(vectors)
    own = np.flatnonzero(usable)
    places, similar, covered = _compare(reduced[own], reduced[~unlabeled[rows]])
    weights, costs = errors[own], seconds[own]

    def gain(number: int) -> float:
        return float(weights[number] * (1 - covered[number]) / costs[number])

    queue = [(-gain(number), number) for number in range(len(own))]
    heapq.heapify(queue)
    chosen, left = [], 60 * minutes
    while queue:
        number = heapq.heappop(queue)[1]
        fresh = gain(number)
        if queue and fresh < -queue[0][0]:
            heapq.heappush(queue, (-fresh, number))
        elif costs[number] <= left:
            chosen.append(number)
            left -= costs[number]
            near = places[number]
            covered[near] = np.maximum(covered[near], similar[number])
    reasons = {
        name: lack.name
        for lack in reversed(coverage.lacks if coverage else ())
        for name in lack.utterance_ids
    }
    picked = record.select(rows[own[chosen]])
    hypotheses = picked.texts("hypothesis")
    return tuple(
        Choice(
            name, float(costs[number]), text or "", float(weights[number] / words[own[number]]),
            f"about {weights[number]:.1f} errors" + (f"; {reasons[name]}" if name in reasons else ""),
        )
        for name, text, number in zip(picked.ids, hypotheses, chosen, strict=True)
    )  # fmt: skip


def _compare(own: np.ndarray, labeled: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each one's nearest, itself first, their similarities in [0, 1], and how far labeled ones cover it."""
    from sklearn.neighbors import NearestNeighbors

    with threadpool_limits(limits=1):
        model = NearestNeighbors(n_neighbors=min(NEIGHBORS + 1, len(own))).fit(own)
        distances, places = model.kneighbors(own)
        # At the usual distance of the nearest, a similarity of exp(-2) = 0.14.
        scale = float(np.mean(distances[:, 1:2] ** 2)) / 2 if len(own) > 1 else 1.0
        covered = np.zeros(len(own))
        if len(labeled):
            nearest, _ = NearestNeighbors(n_neighbors=1).fit(labeled).kneighbors(own)
            covered = np.exp(-(nearest[:, 0] ** 2) / max(scale, 1e-12))
    return places, np.exp(-(distances**2) / max(scale, 1e-12)), covered
