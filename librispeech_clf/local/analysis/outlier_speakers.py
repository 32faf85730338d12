"""Outlier speakers: whether the worst few are worse than the spread between speakers would lead one to expect.

In: errors and words by speaker. Out: the worst few and a p. The logarithms of the speakers' rates are taken as
normal; the mean of the worst m less the others' mean, over the others' standard deviation, is compared with
the same of simulated speakers, whose rates spread as much and are as uncertain, for every m up to an eighth of
the speakers; the smallest of these chances is compared with that of the simulated speakers. So the worst three
are found even where each hides behind the other two. Of the numbers with that smallest chance the one is taken whose
figure lies farthest above the simulated ones.

Source: the generalized many-outlier test in one step, after Rosner, "On the detection of many outliers",
Technometrics 17(2), 1975; calibrated by simulation.
"""

from __future__ import annotations

import numpy as np

FEWEST_SPEAKERS = 8
LARGEST_PART = 8
MOST_WORST = 100
"""Speakers that may stand out together, and an eighth of all at most."""
SIMULATIONS = 4000
_CELLS_AT_ONCE = 20_000_000


def find_outliers(
    errors: np.ndarray, words: np.ndarray, blocks: np.ndarray, *, seed: int = 0
) -> tuple[np.ndarray, float] | None:
    """Find the speakers whose rates are outliers.

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
    most = min(MOST_WORST, max(1, len(own) // LARGEST_PART))
    at_once, deviation = max(1, _CELLS_AT_ONCE // len(own)), np.sqrt(spread + uncertain)
    sizes = (min(at_once, SIMULATIONS - start) for start in range(0, SIMULATIONS, at_once))
    drawn = (generator.normal(size=(size, len(own))) * deviation for size in sizes)
    null, found = (
        np.concatenate([_measure_gaps(part, most) for part in drawn]),
        _measure_gaps(logs[None], most),
    )
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
    centered = logs - logs.mean(axis=1, keepdims=True)
    count, numbers = centered.shape[1], np.arange(1, most + 1)
    largest = -np.sort(-np.partition(centered, count - most, axis=1)[:, count - most :], axis=1)
    # Of the m largest and of the others: sums, and sums of squares, by running sums from the largest on.
    worst = np.cumsum(largest, axis=1)
    squares = np.sum(centered**2, axis=1, keepdims=True) - np.cumsum(largest**2, axis=1)
    rest = -worst / (count - numbers)
    variance = (squares - (count - numbers) * rest**2) / (count - numbers - 1)
    return (worst / numbers - rest) / np.sqrt(np.maximum(variance, 1e-18))
