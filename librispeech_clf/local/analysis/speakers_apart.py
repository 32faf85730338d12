"""Speakers who stand apart: whether the worst few are worse than the spread between speakers lets expect.

In: errors and words by speaker. Out: the worst few and a p. The logarithms of the speakers' rates are taken as
normal; the mean of the worst m less the others' mean, over the others' standard deviation, is compared with
the same of simulated speakers, whose rates spread as much and are as uncertain, for every m up to an eighth of
the speakers; the smallest of these chances is compared with that of the simulated speakers. So the worst three
are found even where each hides behind the other two. Of the numbers with that smallest chance the one is taken whose
figure lies farthest above the simulated ones.

Source: the generalised many-outlier test in one step, after Rosner, "On the detection of many outliers",
Technometrics 17(2), 1975; calibrated by simulation.
"""

from __future__ import annotations

import numpy as np

FEWEST_SPEAKERS = 8
SHARE_APART = 8
SIMULATIONS = 4000


def find_apart(
    errors: np.ndarray, words: np.ndarray, blocks: np.ndarray, *, seed: int = 0
) -> tuple[np.ndarray, float] | None:
    """Find the speakers who stand apart.

    Args:
        errors: float64 (N,), errors of each utterance.
        words: float64 (N,), its reference words, above 0.
        blocks: int (N,), its speaker, from 0.
        seed: of the simulation.

    Returns:
        The blocks of the worst speakers, worst first, and p, corrected for the numbers of speakers tried; None
        with fewer than 8 speakers or without errors.
    """
    own, total = np.bincount(blocks, errors), np.bincount(blocks, words)
    if len(own) < FEWEST_SPEAKERS or errors.sum() == 0:
        return None
    logs = np.log((own + 0.5) / (total + 0.5))
    uncertain = _measure_uncertainty(errors, words, blocks, own, total)
    spread = max(0.0, float(np.var(logs, ddof=1) - np.mean(uncertain)))
    generator = np.random.default_rng(seed)
    drawn = generator.normal(size=(SIMULATIONS, len(own))) * np.sqrt(spread + uncertain)
    most = max(1, len(own) // SHARE_APART)
    null, found = _measure_gaps(drawn, most), _measure_gaps(logs[None], most)
    chances = _rank_from_above(np.concatenate([found, null])) / (1 + SIMULATIONS)
    smallest = chances.min(axis=1)
    beyond = (found[0] - null.mean(axis=0)) / np.maximum(null.std(axis=0), 1e-9)
    count = 1 + int(np.argmax(np.where(chances[0] == smallest[0], beyond, -np.inf)))
    p_value = np.mean(smallest <= smallest[0])
    return np.argsort(-logs, kind="stable")[:count], float(p_value)


def _rank_from_above(gaps: np.ndarray) -> np.ndarray:
    """Return how many values of its column reach each value of (R, M), itself among them."""
    from scipy.stats import rankdata

    return rankdata(-gaps, method="max", axis=0)


def _measure_uncertainty(errors, words, blocks, own, total) -> np.ndarray:
    """Return the variance of each speaker's log rate from its utterances, float64 (K,); pooled over speakers."""
    rates = own / total
    freedom = max(1, len(errors) - len(own))
    noise = np.sum((errors - words * rates[blocks]) ** 2 / words) / freedom
    mean = errors.sum() / words.sum()
    return noise / (mean * np.maximum(rates, mean / 4) * total)


def _measure_gaps(logs: np.ndarray, most: int) -> np.ndarray:
    """Return for m = 1 to `most` the mean of the m largest less the others', over their deviation: (R, most)."""
    ordered = np.sort(logs, axis=1)
    gaps = []
    for count in range(1, most + 1):
        rest, worst = ordered[:, :-count], ordered[:, -count:]
        deviation = np.maximum(rest.std(axis=1, ddof=1), 1e-9)
        gaps.append((worst.mean(axis=1) - rest.mean(axis=1)) / deviation)
    return np.stack(gaps, axis=1)
