"""Error rates with intervals, comparisons and correlations, all by the same rule: leave out one speaker at a time.

Utterances of one speaker are not independent, so the speaker is the unit, or the utterance if no speaker is known.
Every figure r is computed from sums per speaker. Without speaker k it is r(k), and its jackknife variance is
(K - 1) / K times the sum of (r(k) - r)^2 (Efron & Stein 1981, doi:10.1214/aos/1176345462). Intervals are the figure
plus and minus its standard error times Student's t:

- rates that may exceed 1: on the log scale. Speakers' rates are skewed to the right, roughly log-normal, so their
  skewness is about three times their coefficient of variation; this shifts the quantile q of the t statistic by
  s (q^2 + 1) / 2, with s the standard error (Johnson 1978, doi:10.1080/01621459.1978.10480051), so the upper bound is
  that much farther out;
- shares: Wilson's interval (1927, doi:10.1080/01621459.1927.10502953) with as many units as would have this variance
  (the design effect of Korn & Graubard 1998);
- differences: on their own scale, as signs balance;
- rank correlations: on Fisher's z scale, ranked again without each speaker.

Degrees of freedom: of differences and correlations, K - 1; of groups, Welch's, at most these; of rates and shares, the
effective number of speakers minus one, 1 / sum(h^2) - 1 with h the speaker's share of the units, so that one long
speaker does not count as many (Carter, Schnepel & Steigerwald 2017, doi:10.1162/REST_a_00639). Coverage and false
alarms of all of these are simulated in tests/local/analysis/test_rates.py; `report/template/statistics.js` holds the
same intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from librispeech_clf.local.analysis.record import Record

FEWEST_SPEAKERS = 5
"""With fewer speakers, the upper bound of a rate is not computed on the log scale, where it explodes."""
MOST_GROUPS = 100
"""Most speakers left out one at a time for a correlation, and permuted by the search; more are merged at random."""
_TAIL = 0.025
_HIGHEST = 100.0
"""Largest ratio of an upper bound to its rate: where one speaker has nearly all errors, the bound stays finite."""
_NEARLY_ONE = 1 - 1e-6


@dataclass(frozen=True)
class ErrorRate:
    """A corpus error rate.

    Attributes:
        rate: summed errors / summed reference units; without reference units the number of errors, as in jiwer;
            None without utterances.
        low: lower bound of the 95 % interval, None if there is none (a single speaker or utterance).
        units: number of reference words or characters.
        speakers: number of known speakers.
        resampled: what is left out one at a time: "speakers", "utterances" or "nothing".
        note: why there is no interval, or that its speakers are unknown or few; None otherwise.
    """

    rate: float | None
    low: float | None
    high: float | None
    errors: int
    units: int
    utterances: int
    speakers: int
    resampled: str
    note: str | None


@dataclass(frozen=True)
class Difference:
    """A difference, or a correlation, with its test.

    Attributes:
        value: second run minus first, inside minus outside, or Spearman's rho.
        low: lower bound of its 95 % interval.
        p_value: two-sided p of its being 0.
        probability: probability that it is below 0, in [0, 1]; 0.5 if it is exactly 0.
    """

    value: float
    low: float
    high: float
    p_value: float
    probability: float


def sum_by(values: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    """Sum float64 (N, C) by block, int (N,) from 0: float64 (K, C)."""
    count = int(blocks.max(initial=-1)) + 1
    return np.stack([np.bincount(blocks, column, count) for column in values.T], axis=1)


def find_interval(sums: np.ndarray, scale: str) -> tuple[float, float] | tuple[None, None]:
    """Return the 95 % interval of a ratio of sums.

    Args:
        sums: float64 (K, 2), numerator and denominator of each speaker.
        scale: "rate" for rates and means of one sign, "share" for those in [0, 1], "linear" for differences and for
            means whose sums have both signs.

    Returns:
        Lower and upper bound; both None if fewer than two speakers have units.
    """
    from scipy.stats import t as student

    # Words inserted where a speaker's references have none are errors of the figure, too.
    sums = sums[sums.any(axis=1)]
    (errors, units), count = sums.T, len(sums)
    if np.count_nonzero(units) < 2:
        return None, None
    total = float(units.sum())
    value = float(errors.sum()) / total
    without = (errors.sum() - errors) / (total - units)
    variance = (count - 1) / count * float(np.sum((without - value) ** 2))
    if scale == "linear" or (scale == "rate" and errors.min() < 0 < errors.max()):
        half = float(student.ppf(1 - _TAIL, count - 1)) * variance**0.5
        return value - half, value + half
    effective = 1 / float(np.sum((units / total) ** 2))
    quantile = float(student.ppf(1 - _TAIL, max(1.0, effective - 1)))
    if scale == "share":
        return _wilson(min(max(value, 0.0), 1.0), variance, quantile, total)
    low, high = _on_log_scale(abs(value), np.abs(without), units, quantile)
    return (low, high) if value >= 0 else (-high, -low)


def _on_log_scale(
    value: float, without: np.ndarray, units: np.ndarray, quantile: float
) -> tuple[float, float]:
    if value == 0:  # if the true rate were above this, the chance of no error at all would be below 2.5 %
        return 0.0, -float(np.log(_TAIL)) / float(units.sum())
    count = len(units)
    # Half an error stands for none if one speaker has all errors.
    changes = np.log(np.maximum(without, 0.5 / (units.sum() - units)) / value)
    error = float(np.sqrt((count - 1) / count * np.sum(changes**2)))
    reach = min(quantile * error + error**2 * (quantile**2 + 1) / 2, float(np.log(_HIGHEST)))
    high = np.exp(reach) if np.count_nonzero(units) >= FEWEST_SPEAKERS else 1 + reach
    return value * float(np.exp(-quantile * error)), value * float(high)


def _wilson(share: float, variance: float, quantile: float, units: float) -> tuple[float, float]:
    count = share * (1 - share) / variance if variance > 0 and 0 < share < 1 else units
    square = quantile**2 / count
    middle = (share + square / 2) / (1 + square)
    half = np.sqrt(share * (1 - share) * square + square**2 / 4) / (1 + square)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def _test(value: float, without: np.ndarray, freedom: float) -> Difference:
    """Test a difference from its values without each speaker, float64 (K,)."""
    from scipy.stats import t as student

    count = len(without)
    error = float(np.sqrt((count - 1) / count * np.sum((without - value) ** 2)))
    if error <= 1e-12 * abs(value) or error == 0:
        return Difference(value, value, value, float(value == 0), 0.5 - 0.5 * np.sign(value))
    half = float(student.ppf(1 - _TAIL, freedom)) * error
    score = value / error
    chances = 2 * student.sf(abs(score), freedom), student.cdf(-score, freedom)
    return Difference(value, value - half, value + half, *(float(chance) for chance in chances))


def compare_paired(errors: np.ndarray, units: np.ndarray) -> Difference | None:
    """Test whether two runs over the same utterances have the same error rate.

    Errors and units, float64 (K, 2), are both runs' sums by speaker; of several references, the one nearest to a run's
    text counts.

    Returns:
        The second rate minus the first; None with fewer than two speakers.
    """
    sums = np.stack([errors, units], axis=2)[:, ::-1].reshape(-1, 4)
    sums = sums[sums.any(axis=1)]
    counts = np.count_nonzero(sums[:, 1::2], axis=0)
    return None if counts.min() < 2 else _test(*_subtract_rates(sums), len(sums) - 1)


def compare_groups(
    errors: np.ndarray, units: np.ndarray, inside: np.ndarray, blocks: np.ndarray
) -> Difference | None:
    """Test whether utterances inside a group, bool (N,), have a different rate from those outside.

    Errors and units are float64 (N,); blocks, int (N,), are speakers, each of whom may be on both sides.

    Returns:
        The rate inside minus that outside; None if one side has no units, or only one speaker's.
    """
    sides = np.stack([errors * inside, units * inside, errors * ~inside, units * ~inside], axis=1)
    sums = sum_by(sides, blocks)
    sums = sums[sums.any(axis=1)]
    counts = np.count_nonzero(sums[:, 1::2], axis=0)
    if counts.min() < 2:
        return None
    # Welch's degrees of freedom, assuming equal variance of speakers: a side with few speakers limits them.
    weights = np.sum(sums[:, 1::2] ** 2, axis=0) / sums[:, 1::2].sum(axis=0) ** 2
    freedom = min(len(sums) - 1, weights.sum() ** 2 / np.sum(weights**2 / (counts - 1)))
    return _test(*_subtract_rates(sums), freedom)


def _subtract_rates(sums: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the first two sums' ratio minus the other two's, over all speakers, and without each: float64 (K,)."""
    everything = sums.sum(axis=0, keepdims=True)
    errors, units, other_errors, other_units = np.concatenate([everything, everything - sums]).T
    differences = errors / units - other_errors / other_units
    return float(differences[0]), differences[1:]


def correlate_ranks(first: np.ndarray, second: np.ndarray, blocks: np.ndarray) -> Difference | None:
    """Return Spearman's rank correlation of two arrays, float64 (N,), with its test, given speakers, int (N,).

    It is None for fewer than three utterances or two speakers, or if an array is constant.
    """
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    blocks = merge_blocks(blocks)
    codes = [np.unique(values, return_inverse=True)[1] for values in (first, second)]
    value = _correlate([_rank(own) for own in codes])
    kept = [blocks != block for block in range(int(blocks.max()) + 1)]
    with np.errstate(invalid="ignore", divide="ignore"):
        without = np.array([_correlate([_rank(own[rows]) for own in codes]) for rows in kept])
    if len(kept) < 2 or not np.isfinite(without).all():
        return None
    scaled, values = (np.arctanh(np.clip(rho, -_NEARLY_ONE, _NEARLY_ONE)) for rho in (value, without))
    found = _test(float(scaled), values, len(kept) - 1)
    low, high = np.tanh([found.low, found.high])
    return Difference(value, float(low), float(high), found.p_value, found.probability)


def _rank(codes: np.ndarray) -> np.ndarray:
    """Return mid-ranks of small whole numbers, without sorting them again."""
    counts = np.bincount(codes)
    return (np.cumsum(counts) - counts / 2)[codes]


def _correlate(ranks: Sequence[np.ndarray]) -> float:
    left, right = (own - own.mean() for own in ranks)
    # Sums instead of BLAS products, whose threads wait for each other on vectors this short.
    return float(np.sum(left * right) / np.sqrt(np.sum(left**2) * np.sum(right**2)))


def merge_blocks(blocks: np.ndarray) -> np.ndarray:
    """Number blocks from 0; more than 100 are merged into 100 at random, as each costs time."""
    index = np.unique(blocks, return_inverse=True)[1]
    count = int(index.max(initial=-1)) + 1
    if count > MOST_GROUPS:
        return np.random.default_rng(0).permutation(np.arange(count) % MOST_GROUPS)[index]
    return index


def correct_holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values corrected for the number of tests; None stays None and is not counted.

    Holm's procedure (Scandinavian J. of Statistics 6, 1979) bounds the chance of any false rejection, whatever the
    dependence between the tests.
    """
    order = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, index) in enumerate(order):
        highest = max(highest, min(1.0, p * (len(order) - rank)))
        corrected[index] = highest
    return corrected


def explain_blocks(speakers: int, count: int) -> tuple[str, str | None]:
    """Return what is left out one at a time, given the numbers of known speakers and of blocks with units; a note."""
    if count < 2:
        few = f"fewer than two {'speakers' if speakers else 'utterances'} with words"
        return "nothing", f"{'a single speaker' if speakers == 1 else few}: no interval"
    if speakers == 0:
        return "utterances", "utterances resampled: no speaker is known"
    return "speakers", f"few speakers ({speakers}): a coarse interval" if speakers < FEWEST_SPEAKERS else None


def rate_errors(record: Record, unit: str = "word") -> ErrorRate:
    """Return the corpus error rate of a record's scored rows; it equals jiwer's over these texts."""
    return rate_groups(record, np.zeros(len(record), int), 1, unit)[0]


def rate_groups(record: Record, groups: np.ndarray, count: int, unit: str = "word") -> list[ErrorRate]:
    """Return the corpus error rate of each of `count` groups (int (N,), -1 for none); failed rows are left out."""
    scored = np.flatnonzero(np.isfinite(record.counts(unit)).all(axis=1) & (groups >= 0))
    order = scored[np.argsort(groups[scored], kind="stable")]
    values = np.stack([record.errors(unit)[order], record.units(unit)[order]], axis=1)
    blocks, known = record.blocks[order], record.is_known[order]
    bounds = np.searchsorted(groups[order], np.arange(count + 1))
    parts = (slice(*ends) for ends in zip(bounds[:-1], bounds[1:], strict=True))
    return [_rate(values[part], blocks[part], known[part]) for part in parts]


def rate_labels(
    record: Record, labels: Sequence[str], index: np.ndarray, unit: str
) -> dict[str, dict[str, Any]]:
    """Return the error rates of `rate_groups` as dictionaries, by label."""
    rates = rate_groups(record, index, len(labels), unit)
    return {label: asdict(rate) for label, rate in zip(labels, rates, strict=True)}


def _rate(values: np.ndarray, blocks: np.ndarray, known: np.ndarray) -> ErrorRate:
    index = np.unique(blocks, return_inverse=True)[1]
    speakers = len(np.unique(blocks[known]))
    errors, units = values.sum(axis=0)
    rate = None if len(values) == 0 else float(errors / units) if units > 0 else float(errors)
    sums = sum_by(values, index)
    low, high = find_interval(sums, "rate")
    explained = explain_blocks(speakers, int(np.count_nonzero(sums[:, 1])))
    return ErrorRate(rate, low, high, int(errors), int(units), len(values), speakers, *explained)
