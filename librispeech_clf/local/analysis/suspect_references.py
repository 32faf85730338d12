"""References that may be wrong: to listen to before blaming a model for them.

In: the record of results. Out: utterances with reasons, the most suspicious first. There are two signs: the model finds
the transcript far less likely than what it heard itself, compared with other utterances; or the transcript has too many
or too few letters for its recording.

The excess is the transcript's CTC loss minus that of the greedy path (its log-probability, from `confidence`), per
letter of the transcript; a wrong transcript has a large one even with a model that is certain. A value is far out
if it lies beyond a quartile by three times the distance between the quartiles, as in Tukey, "Exploratory Data
Analysis", 1977.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from librispeech_clf.local.analysis.record import Record

FEWEST_UTTERANCES = 20
FAR_OUT = 3.0
"""How far beyond a quartile a value is far out, in distances between the quartiles."""
LEAST_EXCESS = 2.0
"""Nats per letter: the transcript is 7 times less likely for each letter. Below it, a model's own errors abound."""
MOST_LISTED = 50


@dataclass(frozen=True)
class Suspicion:
    """An utterance whose reference may be wrong.

    Attributes:
        reasons: reasons in words.
        score: the largest distance beyond a quartile, in distances between the quartiles; above 3.
        excess: the transcript's CTC loss minus the greedy path's, in nats per letter; None if unknown.
        letters_per_second: rate of the transcript's letters, spaces included; None if unknown.
    """

    utterance_id: str
    reasons: tuple[str, ...]
    score: float
    excess: float | None
    letters_per_second: float | None
    reference: str
    hypothesis: str


def find_suspect_references(record: Record) -> tuple[Suspicion, ...]:
    """List the references that may be wrong, the most suspicious first, at most 50.

    Args:
        record: the results; without `ctc_loss` and `confidence`, or without `signal_duration_s`, the corresponding sign
            is not looked for; with fewer than 20 utterances, neither is.
    """
    rows, texts = record.aligned.rows, record.aligned.texts
    if len(rows) < FEWEST_UTTERANCES:
        return ()
    letters = np.array([max(len(reference), 1) for reference, _ in texts], np.float64)
    emitted = np.array([max(len(hypothesis), 1) for _, hypothesis in texts], np.float64)
    excess = (rows.numbers("ctc_loss") + rows.numbers("confidence") * emitted) / letters
    pace = letters / rows.numbers("signal_duration_s")
    unlikely = np.where(excess >= LEAST_EXCESS, measure_distance(excess), -np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = {
            "the model finds it far less likely than what it heard": unlikely,
            "many letters for so short a recording": measure_distance(np.log(pace)),
            "few letters for so long a recording": measure_distance(-np.log(pace)),
        }
    found = []
    for row, (reference, hypothesis) in enumerate(texts):
        reasons = [(score[row], name) for name, score in beyond.items() if score[row] > FAR_OUT]
        if reasons and reference != hypothesis:
            named = tuple(name for _, name in sorted(reasons, reverse=True))
            known = [float(own[row]) if np.isfinite(own[row]) else None for own in (excess, pace)]
            score, name = float(max(reasons)[0]), str(rows.ids[row])
            found.append(Suspicion(name, named, score, known[0], known[1], reference, hypothesis))
    return tuple(sorted(found, key=lambda item: (-item.score, item.utterance_id))[:MOST_LISTED])


def measure_distance(values: np.ndarray) -> np.ndarray:
    """Return how far values are above the upper quartile, in distances between the quartiles; -inf where unknown."""
    known = np.isfinite(values)
    if known.sum() < FEWEST_UTTERANCES:
        return np.full(len(values), -np.inf)
    low, high = np.quantile(values[known], [0.25, 0.75])
    return np.where(known, (values - high) / max(high - low, 1e-9), -np.inf)
