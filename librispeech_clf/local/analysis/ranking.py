"""What to transcribe first: recordings whose errors teach most, for a budget of minutes.

In: the record of results and the calibration. Out: the chosen recordings, the first first.

Farthest-first traversal of weighted points (Gonzalez 1985, doi:10.1016/0304-3975(85)90224-5; Dyer & Frieze 1985,
doi:10.1016/0167-6377(85)90002-1): one after the other, that recording is taken which has the largest product of its
predicted errors a second with its distance, between directions of hidden states, from the nearest labeled or chosen
one, its novelty. That spreads the choice over regions and voices, and nothing is to be tuned: units cancel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from librispeech_clf.local.analysis.calibration import Calibration
from librispeech_clf.local.analysis.lacks import Coverage, find_unlabeled
from librispeech_clf.local.analysis.record import Record

if TYPE_CHECKING:
    import pandas as pd

DIAMETER = 2.0
"""Of all directions: how far the first is from the nearest chosen one."""


def rank_recordings(
    record: Record, calibration: Calibration, *, minutes: float, coverage: Coverage | None = None
) -> pd.DataFrame:
    """Choose unlabeled recordings of so many minutes; those without a word or a hidden state are left out.

    Args:
        record: the recordings, labeled ones among them where there are some.
        calibration: of the confidences.
        minutes: to spend.
        coverage: whose lacks are named as reasons.

    Returns:
        What is to be written of each: id, seconds, text (to be filled in), hypothesis, predicted_error_rate, why,
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
