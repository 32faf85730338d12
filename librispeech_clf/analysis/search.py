"""The test of the search for slices: one chance of a false finding for everything that was looked at.

In: errors, words, speakers and the candidates' scores, a column each. Out: a t and a corrected p of every column.

The effect of a column is the slope of the error rate on it, utterances weighted by their words; of a slice that
is its rate minus the rest's. Its standard error is the larger of two, as in `significance`: from the variance
between speakers and within them, and the robust one by speaker (scores over 1 - leverage). p is corrected by the
largest t of all columns in tables without any association: speakers' own rates are dealt to other speakers,
and what is left of an utterance to another one of the same speaker.

Sources: correction by the largest statistic, Westfall & Young, "Resampling-Based Multiple Testing", 1993;
permuted residuals of nested effects, Anderson & ter Braak, "Permutation tests for multi-factorial analysis of
variance", 2003, doi:10.1080/00949650215733; robust variance, Bell & McCaffrey, 2002.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PERMUTATIONS = 999
MOST_BLOCKS = 100
_COLUMNS_AT_ONCE = 512
_HIGHEST_LEVERAGE = 0.95


@dataclass(frozen=True)
class Sums:
    """Errors as the search sees them.

    Attributes:
        errors: float64 (N, R), errors less the words times the overall rate; R tables.
        words: float64 (N,), above 0.
        blocks: int (N,) rising, the speaker of each utterance.
        noise: variance of an utterance's errors per word within its speaker.
    """

    errors: np.ndarray
    words: np.ndarray
    blocks: np.ndarray
    noise: float


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
    centred = errors - words * errors.sum() / words.sum()
    noise = estimate_noise(centred, words, blocks)
    measured = Sums(centred[:, None], words, blocks, noise)
    drawn = Sums(permute(measured, permutations, seed), words, blocks, noise)
    largest = np.full((families.max(initial=0) + 1, permutations), -np.inf)
    found = np.zeros(scores.shape[1])
    for start in range(0, scores.shape[1], _COLUMNS_AT_ONCE):
        part = slice(start, start + _COLUMNS_AT_ONCE)
        columns = centre(scores[:, part], words)
        found[part] = studentise(columns, measured)[:, 0]
        tested = studentise(columns, drawn)
        for family in np.unique(families[part]):
            own = tested[families[part] == family].max(axis=0)
            largest[family] = np.maximum(largest[family], own)
    reached = (largest[families] >= found[:, None]).sum(axis=1)
    return found, (1 + reached) / (1 + permutations)


def estimate_noise(centred: np.ndarray, words: np.ndarray, blocks: np.ndarray) -> float:
    """Return the variance of an utterance's errors per word within its speaker, 0 where none has two."""
    own, total = np.bincount(blocks, centred), np.bincount(blocks, words)
    freedom = len(centred) - np.count_nonzero(total)
    rates = np.divide(own, total, out=np.zeros_like(own), where=total > 0)
    return float(np.sum((centred - words * rates[blocks]) ** 2 / words) / freedom) if freedom > 0 else 0.0


def permute(sums: Sums, count: int, seed: int) -> np.ndarray:
    """Return errors without association: speakers' rates and what is left within each dealt anew.

    Args:
        sums: of the table as it is.
        count: number of tables, R.
        seed: of the random numbers.

    Returns:
        float32 (N, R), centred as `Sums.errors`.
    """
    generator = np.random.default_rng(seed)
    words, blocks = sums.words, sums.blocks
    own, total = np.bincount(blocks, sums.errors[:, 0]), np.bincount(blocks, words)
    rates = own / total
    spread = max(0.0, float(np.sum(own**2) - sums.noise * total.sum()) / float(np.sum(total**2)))
    left = (sums.errors[:, 0] - words * rates[blocks]) / np.sqrt(words)
    size = np.bincount(blocks)
    left *= np.sqrt(size / np.maximum(size - 1, 1))[blocks]
    shrunk = rates * np.sqrt(spread / np.maximum(spread + sums.noise / total, 1e-300))
    drawn = np.empty((len(words), count), np.float32)
    bounds = np.concatenate([[0], np.cumsum(size)])
    for table in range(count):
        dealt = generator.permutation(shrunk)[blocks] * words
        for start, end in zip(bounds[:-1], bounds[1:], strict=True):
            dealt[start:end] += np.sqrt(words[start:end]) * generator.permutation(left[start:end])
        drawn[:, table] = dealt - words * dealt.sum() / words.sum()
    return drawn


def centre(scores: np.ndarray, words: np.ndarray, given: np.ndarray | None = None) -> np.ndarray:
    """Take from each column what the words' mean, and other columns if given, explain: float32 (N, C)."""
    if given is None or given.shape[1] == 0:
        return (scores - words @ scores / words.sum()).astype(np.float32)
    basis = np.column_stack([np.ones(len(words)), given]) * np.sqrt(words)[:, None]
    weighted = scores * np.sqrt(words)[:, None]
    fitted = np.linalg.lstsq(basis, weighted, rcond=None)[0]
    return (scores - np.column_stack([np.ones(len(words)), given]) @ fitted).astype(np.float32)


def studentise(columns: np.ndarray, sums: Sums) -> np.ndarray:
    """Divide the slope on each column by its standard error.

    Args:
        columns: float32 (N, C), centred.
        sums: errors of R tables.

    Returns:
        float32 (C, R); 0 where nothing varies.
    """
    words, errors = sums.words.astype(np.float32), sums.errors.astype(np.float32)
    starts = np.flatnonzero(np.diff(sums.blocks, prepend=-1))
    squares = np.maximum(words @ columns**2, 1e-12)[:, None]
    slope = columns.T @ errors / squares
    own = np.add.reduceat(errors, starts, axis=0)
    totals = np.add.reduceat(words, starts)
    sides = np.add.reduceat(columns * words[:, None], starts, axis=0)
    count, balance = len(starts), np.sum(sides**2, axis=0)[:, None]
    residual = np.sum(own**2, axis=0) - 2 * slope * (sides.T @ own) + slope**2 * balance
    between = residual * count / (count - 2) - sums.noise * totals.sum()
    between = np.maximum(0.0, between) / np.sum(totals**2)
    model = between * balance / squares**2 + sums.noise / squares
    variance = np.maximum(model, _measure_robust(columns, errors, words, starts, slope) / squares**2)
    return np.divide(slope, np.sqrt(variance), out=np.zeros_like(slope), where=variance > 0)


def _measure_robust(
    columns: np.ndarray, errors: np.ndarray, words: np.ndarray, starts: np.ndarray, slope: np.ndarray
) -> np.ndarray:
    """Sum the squared scores of the blocks, (C, R), each over 1 - the block's leverage."""
    curvature = np.add.reduceat(columns**2 * words[:, None], starts, axis=0)
    leverage = curvature / np.maximum(curvature.sum(axis=0), 1e-12)
    leverage += (np.add.reduceat(words, starts) / words.sum())[:, None]
    weights = 1 / (1 - np.minimum(leverage, _HIGHEST_LEVERAGE))
    total = slope**2 * np.sum(weights * curvature**2, axis=0)[:, None]
    for block, (start, end) in enumerate(zip(starts, [*starts[1:], len(words)], strict=True)):
        score = columns[start:end].T @ errors[start:end]
        weight, bend = weights[block][:, None], curvature[block][:, None]
        total += weight * score * (score - 2 * slope * bend)
    return np.maximum(total, 0.0)
