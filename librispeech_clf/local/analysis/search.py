"""The tests of the search for slices: one chance of a false finding for everything that was tested.

In: errors, words, speakers and the candidates' scores. Out: a t and a corrected p for every candidate; the worst
speakers and a p.

The effect of a candidate is the slope of the error rate on its scores by generalized least squares, with speakers as
a random effect and utterances weighted by their words. Its standard error comes from the variances between speakers
and within them, pooled over all speakers, because a slice may have few. p is corrected by the largest t of all
candidates in tables without any association: speakers' own rates are permuted among speakers, and utterances'
residuals among those of the same speaker. Utterances of a chapter are not independent either: every t is lowered
according to how much more than that speakers' scores vary, in the median over all candidates.

Nothing as large as utterances times candidates times tables is ever held: a candidate's t needs its sums per speaker
and its product with each table, some tables at a time.

To find outlier speakers, the logarithms of rates are taken as normal. For every m up to an eighth of the speakers, the
mean of the worst m minus the others' mean, over the others' standard deviation, is compared with that of simulated
speakers, whose rates spread as much and are as uncertain; the smallest of these chances is compared with that of the
simulated speakers. So the worst three are found even if each hides behind the other two. Of several m with that
smallest chance, the one is taken whose figure lies farthest above the simulated ones.

Sources: correction by the largest statistic, Westfall & Young, "Resampling-Based Multiple Testing", 1993;
permuted residuals of nested effects, Anderson & ter Braak, "Permutation tests for multi-factorial analysis of
variance", 2003, doi:10.1080/00949650215733; one inflation for all tests, Devlin & Roeder, "Genomic control for
association studies", 1999, doi:10.1111/j.0006-341X.1999.00997.x; the generalized many-outlier test in one step, after
Rosner, "On the detection of many outliers", Technometrics 17(2), 1975, calibrated by simulation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

PERMUTATIONS = 999
SIMULATIONS = 4000
FEWEST_SPEAKERS = 8
LARGEST_PART = 8
MOST_WORST = 100
"""Most speakers that may stand out together; also at most an eighth of all."""
_CELLS_AT_ONCE, _FEWEST_AT_ONCE = 1_000_000, 32
"""Most numbers held for candidates or tables, and fewest candidates or tables: products of fewer are slow."""
_ENOUGH_WITHIN = 0.2
"""Share of a candidate's variance within speakers above which it shows how independent their utterances are."""


@dataclass(frozen=True)
class Sample:
    """Utterances as the search sees them, those of a speaker next to each other.

    Attributes:
        errors: float64 (N,), errors of each.
        words: float64 (N,), reference words of each, above 0.
        blocks: int (N,), ascending from 0, the speaker of each; at least 3 speakers.
    """

    errors: np.ndarray
    words: np.ndarray
    blocks: np.ndarray

    @cached_property
    def starts(self) -> np.ndarray:
        """Return the first utterance of each speaker, int (K,)."""
        return np.flatnonzero(np.diff(self.blocks, prepend=-1))

    @cached_property
    def totals(self) -> np.ndarray:
        """Return the words of each speaker, float64 (K,)."""
        return np.add.reduceat(self.words, self.starts)

    @cached_property
    def variances(self) -> tuple[float, float]:
        """Return the variance of speakers' rates, and that of an utterance's errors per word within its speaker."""
        centered = self.errors - self.words * self.errors.sum() / self.words.sum()
        own = np.add.reduceat(centered, self.starts)
        freedom = len(centered) - len(own)
        squares = np.sum((centered - self.words * (own / self.totals)[self.blocks]) ** 2 / self.words)
        noise = float(squares / freedom) if freedom > 0 else 0.0
        between = float(np.sum(own**2) - noise * self.totals.sum()) / float(np.sum(self.totals**2))
        return max(0.0, between), noise

    @cached_property
    def kept(self) -> np.ndarray:
        """Return the share of a speaker's mean that is left when its random effect is partialled out, float64 (K,).

        It is 1 if speakers have the same rate, near 0 if they differ much. What is left is equally uncertain for each
        word, whoever said it, so that generalized least squares become weighted least squares.
        """
        between, noise = self.variances
        return np.sqrt(noise / np.maximum(noise + between * self.totals, 1e-300))

    def sum_speakers(self, values: np.ndarray) -> np.ndarray:
        """Sum (N, C) by speaker: (K, C)."""
        return np.add.reduceat(values, self.starts, axis=0)

    def partial_out_speaker(self, values: np.ndarray) -> np.ndarray:
        """Subtract from (N, C) the share of each speaker's mean that the random effect explains."""
        means = self.sum_speakers(values * self.words[:, None]) / self.totals[:, None]
        return values - ((1 - self.kept)[:, None] * means)[self.blocks]


@dataclass(frozen=True)
class Sums:
    """What is needed from candidates, besides their products with tables.

    Attributes:
        squares: float64 (C,), sums of squares of the scores' residuals, given the basis, weighted by words.
        sides: float64 (K, C), their sums by speaker over the root of the speaker's words.
    """

    squares: np.ndarray
    sides: np.ndarray


class Basis:
    """What is given: the level, and the candidates alongside which others are tested."""

    def __init__(self, sample: Sample, given: Sequence[np.ndarray] = ()) -> None:
        """Take the scores of the candidates that are given, (N,) each."""
        ones = np.ones(len(sample.words))
        values = sample.partial_out_speaker(np.stack([ones, *given], axis=1).astype(np.float64))
        words, root = sample.words[:, None], np.sqrt(sample.words)[:, None]
        self.sample, self.vectors = sample, np.linalg.qr(values * root)[0] / root
        self._weighted = sample.partial_out_speaker(self.vectors) * words
        self._sides = sample.sum_speakers(self.vectors * words) / np.sqrt(sample.totals)[:, None]

    def prepare(self, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Prepare error rates of tables, (N, R).

        Returns:
            float32 (N, R), whose products with scores are the slopes' numerators, and float64 (K, R), as `Sums.sides`.
        """
        sample, words = self.sample, self.sample.words[:, None]
        left = sample.partial_out_speaker(rates)
        left -= self.vectors @ (self.vectors.T @ (left * words))
        sides = sample.sum_speakers(left * words) / np.sqrt(sample.totals)[:, None]
        return (sample.partial_out_speaker(left) * words).astype(np.float32), sides

    def sum_sides(self, tables: np.ndarray) -> np.ndarray:
        """Return the second output of `prepare`, from errors, float64 (N, R)."""
        explained = (self._weighted / self.sample.words[:, None]).T @ tables
        root = np.sqrt(self.sample.totals)
        return (self.sample.kept / root)[:, None] * self.sample.sum_speakers(tables) - self._sides @ explained

    def sum_scores(self, scores: np.ndarray) -> Sums:
        """Sum up candidates' scores, (N, C)."""
        sample, weighted = self.sample, scores * self.sample.words[:, None]
        means = sample.sum_speakers(weighted) / sample.totals[:, None]
        explained = self._weighted.T @ scores
        lost = ((1 - sample.kept**2) * sample.totals) @ means**2
        squares = np.sum(weighted * scores, axis=0) - lost - np.sum(explained**2, axis=0)
        sides = (np.sqrt(sample.totals) * sample.kept)[:, None] * means - self._sides @ explained
        return Sums(squares, sides)

    def t_statistics(self, sums: Sums, slopes: np.ndarray, sides: np.ndarray) -> np.ndarray:
        """Divide slopes (C, R), products of scores and prepared tables, by their standard errors.

        The sums belong to the C candidates, the sides, float64 (K, R), to the tables.

        Returns:
            float64 (C, R); 0 where nothing varies.
        """
        squares = np.maximum(sums.squares, 1e-9)[:, None]
        slope = slopes / squares
        balance = np.sum(sums.sides**2, axis=0)[:, None]
        residual = np.sum(sides**2, axis=0) - 2 * slope * (sums.sides.T @ sides) + slope**2 * balance
        between = np.maximum(residual, 0.0) / (len(self.sample.starts) - 2)
        within = self.sample.variances[1] * np.maximum(squares - balance, 0.0)
        variance = (between * balance + within) / squares**2
        return np.divide(slope, np.sqrt(variance), out=np.zeros_like(slope), where=variance > 0)


def batch(scores: Sequence[np.ndarray]) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield candidates' scores a few at a time, as a slice of positions and float32 (N, C)."""
    at_once = max(_FEWEST_AT_ONCE, _CELLS_AT_ONCE // max(len(scores[0]), 1)) if scores else 1
    for start in range(0, len(scores), at_once):
        places = slice(start, min(start + at_once, len(scores)))
        yield places, np.stack(scores[places], axis=1).astype(np.float32)


def sum_squares(sample: Sample, scores: Sequence[np.ndarray]) -> np.ndarray:
    """Return how much candidates vary, float64 (C,), see `Sums`."""
    basis = Basis(sample)
    return np.concatenate([np.zeros(0), *(basis.sum_scores(columns).squares for _, columns in batch(scores))])


def t_beside(
    sample: Sample, scores: Sequence[np.ndarray], given: Sequence[np.ndarray], squares: np.ndarray
) -> np.ndarray:
    """Return the t of candidates alongside others, which explain what they can, float64 (C,).

    A candidate that the others explain almost entirely (all but 1 % of `squares`, from `sum_squares`) is one of them by
    another name; its t is 0.
    """
    beside = Basis(sample, given)
    prepared, sides = beside.prepare((sample.errors / sample.words)[:, None])
    found = np.zeros(len(scores))
    for places, columns in batch(scores):
        sums = beside.sum_scores(columns)
        fresh = sums.squares > 0.01 * squares[places]
        found[places] = np.where(fresh, beside.t_statistics(sums, columns.T @ prepared, sides)[:, 0], 0.0)
    return found


def max_t_p_values(
    sample: Sample, scores: Sequence[np.ndarray], families: np.ndarray, *, permutations: int = PERMUTATIONS
) -> tuple[np.ndarray, np.ndarray]:
    """Test every candidate, one-sided, and correct within each family.

    Args:
        sample: the utterances.
        scores: scores of each candidate, (N,), which may be associated with errors.
        families: int (C,), the family of each candidate, from 0.
        permutations: number of tables without association.

    Returns:
        t of each candidate, float64 (C,), and its p, corrected over its family.
    """
    basis = Basis(sample)
    prepared, sides = basis.prepare((sample.errors / sample.words)[:, None])
    found, inflation = np.zeros(len(scores)), np.zeros(len(scores))
    squares, sides_of = np.zeros(len(scores)), np.zeros((len(sample.starts), len(scores)))
    # Slopes are products of tables and candidates; the candidates are prepared once, instead of every table.
    weights = np.empty((len(sample.words), len(scores)), np.float32)
    for places, columns in batch(scores):
        sums = basis.sum_scores(columns)
        found[places] = basis.t_statistics(sums, columns.T @ prepared, sides)[:, 0]
        inflation[places] = measure_inflation(sample, columns, sums)
        squares[places], sides_of[:, places] = sums.squares, sums.sides
        weights[:, places] = basis.prepare(columns)[0] / sample.words[:, None]
    known = inflation[np.isfinite(inflation)]
    found /= np.sqrt(max(1.0, np.median(known))) if len(known) else 1.0
    largest = []
    for tables in permute(sample, permutations):
        slopes = weights.T @ tables.astype(np.float32)
        tested = basis.t_statistics(Sums(squares, sides_of), slopes, basis.sum_sides(tables))
        of_families = (tested[families == family] for family in range(families.max() + 1))
        largest.append([own.max(axis=0, initial=-np.inf) for own in of_families])
    reached = (np.concatenate(largest, axis=1)[families] >= found[:, None]).sum(axis=1)
    return found, (1 + reached) / (1 + permutations)


def permute(sample: Sample, count: int) -> Iterator[np.ndarray]:
    """Yield errors without association, float64 (N, R), for `count` tables, a few at a time.

    Speakers' rates, and the residuals within each speaker, are permuted.
    """
    generator = np.random.default_rng(0)
    words, blocks = sample.words, sample.blocks
    size = np.bincount(blocks)
    rates = np.add.reduceat(sample.errors, sample.starts) / sample.totals
    # The residuals vary less than what was drawn, as the speaker's own mean is subtracted from them.
    scale = np.sqrt(size / np.maximum(size - 1, 1))
    left = (sample.errors - words * rates[blocks]) / np.sqrt(words) * scale[blocks]
    bounds = [*sample.starts, len(words)]
    at_once = max(_FEWEST_AT_ONCE, _CELLS_AT_ONCE // len(words))
    for first in range(0, count, at_once):
        drawn = np.empty((min(at_once, count - first), len(words)))
        for table in drawn:
            table[:] = generator.permutation(rates)[blocks] * words
            for start, end in zip(bounds[:-1], bounds[1:], strict=True):
                table[start:end] += np.sqrt(words[start:end]) * generator.permutation(left[start:end])
        yield drawn.T


def measure_inflation(sample: Sample, columns: np.ndarray, sums: Sums) -> np.ndarray:
    """Return how many times more scores, (N, C), vary within speakers than they would with independent utterances.

    Returns:
        float64 (C,), about 1 if utterances are independent; NaN where a column varies little within speakers.
    """
    rates = sample.sum_speakers(sample.errors[:, None])[:, 0] / sample.totals
    left = (sample.errors - sample.words * rates[sample.blocks])[:, None]
    weighted = columns * sample.words[:, None]
    means = sample.sum_speakers(weighted) / sample.totals[:, None]
    curvature = sample.sum_speakers(weighted * columns) - sample.totals[:, None] * means**2
    scores = sample.sum_speakers(columns * left)
    expected = np.maximum(curvature.sum(axis=0), 1e-12)
    observed = np.sum((scores - scores.sum(axis=0) / expected * curvature) ** 2, axis=0)
    degrees = 1 - np.sum(curvature**2, axis=0) / expected**2
    found = observed / np.maximum(sample.variances[1] * expected * degrees, 1e-12)
    return np.where(expected > _ENOUGH_WITHIN * sums.squares, found, np.nan)


def find_outliers(
    errors: np.ndarray, words: np.ndarray, blocks: np.ndarray
) -> tuple[np.ndarray, float] | None:
    """Find the speakers, int (N,) from 0, whose rates (errors over words, above 0, float64 (N,) each) are outliers.

    Returns:
        The blocks of the worst speakers, worst first, and p, corrected for the numbers of speakers tried; None
        with fewer than 8 speakers or without errors.
    """
    from scipy.stats import rankdata

    own, total = np.bincount(blocks, errors), np.bincount(blocks, words)
    if len(own) < FEWEST_SPEAKERS or errors.sum() == 0:
        return None
    logs = np.log((own + 0.5) / (total + 0.5))
    # The variance of each speaker's log rate that comes from its utterances, pooled over speakers.
    rates, mean = own / total, errors.sum() / words.sum()
    noise = np.sum((errors - words * rates[blocks]) ** 2 / words) / max(1, len(errors) - len(own))
    uncertain = noise / (mean * np.maximum(rates, mean / 4) * total)
    spread = max(0.0, float(np.var(logs, ddof=1) - np.mean(uncertain)))
    generator = np.random.default_rng(0)
    most = min(MOST_WORST, max(1, len(own) // LARGEST_PART))
    at_once, deviation = max(1, _CELLS_AT_ONCE // len(own)), np.sqrt(spread + uncertain)
    sizes = (min(at_once, SIMULATIONS - start) for start in range(0, SIMULATIONS, at_once))
    drawn = (generator.normal(size=(size, len(own))) * deviation for size in sizes)
    null = np.concatenate([_measure_gaps(part, most) for part in drawn])
    found = _measure_gaps(logs[None], most)
    # How many values of its column reach each value, itself included.
    reached = rankdata(-np.concatenate([found, null]), method="max", axis=0)
    chances = reached / (1 + SIMULATIONS)
    smallest = chances.min(axis=1)
    beyond = (found[0] - null.mean(axis=0)) / np.maximum(null.std(axis=0), 1e-9)
    count = 1 + int(np.argmax(np.where(chances[0] == smallest[0], beyond, -np.inf)))
    p_value = np.mean(smallest <= smallest[0])
    return np.argsort(-logs, kind="stable")[:count], float(p_value)


def _measure_gaps(logs: np.ndarray, most: int) -> np.ndarray:
    """Return, for m = 1 to `most`, the mean of the m largest minus the others', over their deviation: (R, most)."""
    centered = logs - logs.mean(axis=1, keepdims=True)
    count, numbers = centered.shape[1], np.arange(1, most + 1)
    largest = -np.sort(-np.partition(centered, count - most, axis=1)[:, count - most :], axis=1)
    # Sums and sums of squares of the m largest and of the others, from running sums starting at the largest.
    worst = np.cumsum(largest, axis=1)
    squares = np.sum(centered**2, axis=1, keepdims=True) - np.cumsum(largest**2, axis=1)
    rest = -worst / (count - numbers)
    variance = (squares - (count - numbers) * rest**2) / (count - numbers - 1)
    return (worst / numbers - rest) / np.sqrt(np.maximum(variance, 1e-18))
