"""The test of the search for slices: one chance of a false finding for everything that was looked at.

In: errors, words, speakers and the candidates' scores, a column each. Out: a t and a corrected p of every column.

The effect of a column is the slope of the error rate on it by generalised least squares, with speakers as a random
effect and utterances weighted by their words. Its standard error comes from the variances between speakers and
within them, pooled over all of them, because a slice may be of few. p is corrected by the largest t of all columns in
tables without any association: speakers' own rates are dealt to other speakers, and what is left of an utterance to
another one of the same speaker. Utterances of a chapter are not independent either: by how much the scores of
speakers vary more than that, in the median of all columns, every t is lessened.

Sources: correction by the largest statistic, Westfall & Young, "Resampling-Based Multiple Testing", 1993;
permuted residuals of nested effects, Anderson & ter Braak, "Permutation tests for multi-factorial analysis of
variance", 2003, doi:10.1080/00949650215733; one inflation for all tests, Devlin & Roeder, "Genomic control for
association studies", 1999, doi:10.1111/j.0006-341X.1999.00997.x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PERMUTATIONS = 999
MOST_BLOCKS = 100
_COLUMNS_AT_ONCE = 512
_ENOUGH_WITHIN = 0.2
"""Share of a column's variance within speakers from which on it tells how independent their utterances are."""


@dataclass(frozen=True)
class Sample:
    """Utterances as the search sees them.

    Attributes:
        words: float64 (N,), reference words, above 0.
        blocks: int (N,) rising from 0, the speaker of each.
        between: variance of the speakers' rates.
        noise: variance of an utterance's errors per word within its speaker.
    """

    words: np.ndarray
    blocks: np.ndarray
    between: float
    noise: float

    @property
    def starts(self) -> np.ndarray:
        """The first utterance of each speaker, int (K,)."""
        return np.flatnonzero(np.diff(self.blocks, prepend=-1))

    def lessen(self, rates: np.ndarray) -> np.ndarray:
        """Take from values of a rate, (N, C), the share of the speaker's mean that does not help to tell them.

        What is left is as uncertain for each word, whoever said it: generalised least squares become weighted
        ones. The share is 0 where speakers have the same rate and nears 1 where they differ much.
        """
        totals = np.add.reduceat(self.words, self.starts)
        kept = np.sqrt(self.noise / np.maximum(self.noise + self.between * totals, 1e-300))
        means = np.add.reduceat(rates * self.words[:, None], self.starts, axis=0) / totals[:, None]
        return rates - ((1 - kept)[:, None] * means)[self.blocks]


def describe_sample(errors: np.ndarray, words: np.ndarray, blocks: np.ndarray) -> Sample:
    """Estimate the variances between and within speakers by moments.

    Args:
        errors: float64 (N,).
        words: float64 (N,), above 0.
        blocks: int (N,) rising from 0.
    """
    centred = errors - words * errors.sum() / words.sum()
    own, total = np.bincount(blocks, centred), np.bincount(blocks, words)
    freedom = len(centred) - len(total)
    squares = np.sum((centred - words * (own / total)[blocks]) ** 2 / words)
    noise = float(squares / freedom) if freedom > 0 else 0.0
    between = max(0.0, float(np.sum(own**2) - noise * total.sum()) / float(np.sum(total**2)))
    return Sample(words, blocks, between, noise)


def merge_blocks(blocks: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Number the speakers from 0; more than 100 are merged into 100 at random, as each costs time."""
    _, index = np.unique(blocks, return_inverse=True)
    count = int(index.max(initial=-1)) + 1
    if count <= MOST_BLOCKS:
        return index
    return np.random.default_rng(seed).permutation(np.arange(count) % MOST_BLOCKS)[index]


def correct_by_largest(
    errors: np.ndarray,
    words: np.ndarray,
    blocks: np.ndarray,
    scores: np.ndarray,
    families: np.ndarray,
    *,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> tuple[np.ndarray, np.ndarray]:
    """Test every column, one-sided, and correct within each family of columns.

    Args:
        errors: float64 (N,), errors of each utterance.
        words: float64 (N,), its reference words, above 0.
        blocks: int (N,), its speaker, from 0; at least 3.
        scores: float32 (N, C), what may go with errors.
        families: int (C,), from 0.
        seed: of the permutations.
        permutations: number of tables without association.

    Returns:
        float64 (C,) t of each column and p, corrected for all columns of its family.
    """
    order = np.argsort(blocks, kind="stable")
    errors, words, blocks, scores = errors[order], words[order], blocks[order], scores[order]
    sample = describe_sample(errors, words, blocks)
    tables = np.column_stack([errors, permute(errors, sample, permutations, seed)])
    level = sample.lessen(np.ones((len(words), 1)))
    rates = centre(sample.lessen(tables / words[:, None]), words, level)
    largest = np.full((families.max(initial=0) + 1, permutations), -np.inf)
    found, inflation = np.zeros(scores.shape[1]), np.full(scores.shape[1], np.nan)
    for start in range(0, scores.shape[1], _COLUMNS_AT_ONCE):
        part = slice(start, start + _COLUMNS_AT_ONCE)
        columns = centre(sample.lessen(scores[:, part]), words, level)
        tested = studentise(columns, rates, sample)
        found[part], inflation[part] = tested[:, 0], measure_inflation(columns, rates[:, 0], sample)
        for family in np.unique(families[part]):
            own = tested[families[part] == family, 1:].max(axis=0)
            largest[family] = np.maximum(largest[family], own)
    known = inflation[np.isfinite(inflation)]
    found /= np.sqrt(max(1.0, np.median(known))) if len(known) else 1.0
    reached = (largest[families] >= found[:, None]).sum(axis=1)
    return found, (1 + reached) / (1 + permutations)


def permute(errors: np.ndarray, sample: Sample, count: int, seed: int) -> np.ndarray:
    """Return errors without association: speakers' rates and what is left within each dealt anew.

    Args:
        errors: float64 (N,), of the table as it is.
        sample: its utterances.
        count: number of tables, R.
        seed: of the random numbers.

    Returns:
        float64 (N, R).
    """
    generator = np.random.default_rng(seed)
    words, blocks = sample.words, sample.blocks
    size, total = np.bincount(blocks), np.bincount(blocks, words)
    rates = np.bincount(blocks, errors) / total
    left = (errors - words * rates[blocks]) / np.sqrt(words) * np.sqrt(size / np.maximum(size - 1, 1))[blocks]
    bounds = np.concatenate([[0], np.cumsum(size)])
    drawn = np.empty((len(words), count))
    for table in range(count):
        drawn[:, table] = generator.permutation(rates)[blocks] * words
        for start, end in zip(bounds[:-1], bounds[1:], strict=True):
            drawn[start:end, table] += np.sqrt(words[start:end]) * generator.permutation(left[start:end])
    return drawn


def centre(columns: np.ndarray, words: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Take from columns, (N, C), what others, (N, G), explain by least squares weighted by words: float32 (N, C)."""
    basis, root = np.linalg.qr(given * np.sqrt(words)[:, None])[0], np.sqrt(words)[:, None]
    weighted = columns * root
    return ((weighted - basis @ (basis.T @ weighted)) / root).astype(np.float32)


def studentise(columns: np.ndarray, rates: np.ndarray, sample: Sample) -> np.ndarray:
    """Divide the slope of rates on each column by its standard error.

    Args:
        columns: float32 (N, C), lessened and centred.
        rates: float32 (N, R), of R tables, lessened and centred.
        sample: their utterances.

    Returns:
        float32 (C, R); 0 where nothing varies.
    """
    words, starts = sample.words.astype(np.float32)[:, None], sample.starts
    errors, weighted = rates * words, columns * words
    squares = np.maximum(np.sum(weighted * columns, axis=0), 1e-12)[:, None]
    slope = columns.T @ errors / squares
    root = np.sqrt(np.add.reduceat(words, starts, axis=0))
    own = np.add.reduceat(errors, starts, axis=0) / root
    sides = np.add.reduceat(weighted, starts, axis=0) / root
    balance = np.sum(sides**2, axis=0)[:, None]
    residual = np.sum(own**2, axis=0) - 2 * slope * (sides.T @ own) + slope**2 * balance
    between = np.maximum(residual, 0.0) / (len(starts) - 2)
    variance = (between * balance + sample.noise * np.maximum(squares - balance, 0.0)) / squares**2
    return np.divide(slope, np.sqrt(variance), out=np.zeros_like(slope), where=variance > 0)


def measure_inflation(columns: np.ndarray, rates: np.ndarray, sample: Sample) -> np.ndarray:
    """Return how many times more the scores within speakers vary than independent utterances would let them.

    Args:
        columns: float32 (N, C), lessened and centred.
        rates: float32 (N,), of one table, lessened and centred.
        sample: its utterances.

    Returns:
        float64 (C,), about 1 where utterances are independent; NaN where a column varies little within speakers.
    """
    words, starts = sample.words[:, None], sample.starts
    totals = np.add.reduceat(words, starts, axis=0)

    def take_means(values: np.ndarray) -> np.ndarray:
        return values - (np.add.reduceat(values * words, starts, axis=0) / totals)[sample.blocks]

    inner, left = take_means(columns.astype(np.float64)), take_means(rates[:, None].astype(np.float64))
    curvature = np.add.reduceat(inner**2 * words, starts, axis=0)
    scores = np.add.reduceat(inner * words * left, starts, axis=0)
    expected = curvature.sum(axis=0)
    enough = expected > _ENOUGH_WITHIN * np.sum(columns**2 * words, axis=0)
    slope = scores.sum(axis=0) / np.maximum(expected, 1e-12)
    observed = np.sum((scores - slope * curvature) ** 2, axis=0)
    degrees = 1 - np.sum(curvature**2, axis=0) / np.maximum(expected, 1e-12) ** 2
    found = observed / np.maximum(sample.noise * expected * degrees, 1e-12)
    return np.where(enough, found, np.nan)
