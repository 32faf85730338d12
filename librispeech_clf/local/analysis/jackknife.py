"""Intervals of corpus figures by the delete-one jackknife over speakers, with Student's t.

In: sums per block (a speaker's utterances). Out: an interval, or a paired test. Everything is closed-form and
deterministic; `report/template/statistics.js` repeats the interval's arithmetic (tested against it).

A figure without block k is r(k). Its variance is (K - 1) / K times the sum of (r(k) - r)^2, which for a ratio of
sums is the cluster-robust variance CR3. Student's t has the effective number of blocks minus one degrees of
freedom, 1 / sum(h^2) - 1 with h the block's share of the reference units, so that one long speaker does not
count as many.

Differences, whose signs balance, have the number of blocks minus one, unless a few blocks make up most of them:
then t reaches large values less often than Student's. With the sizes of the changes a given and their signs at
random, the kurtosis of their sum is 3 - 2 sum(a^4) / sum(a^2)^2; it is that of K' normal changes where
K' = 3 sum(a^2)^2 / sum(a^4) - 2, and that many are counted: at most K, at least 1.25 times the square of the
standardised sum, so that a clear change is judged as before.

Rates are skewed to the right, so their interval is made on the log scale, its upper half stretched by
1 + 1.5 s, with s the standard error relative to the rate: a few speakers seldom show the tail they come
from. The 1.5 was chosen by the simulation of tests/local/analysis/test_jackknife.py.

Sources: jackknife variance, Efron & Stein, "The jackknife estimate of variance", 1981,
doi:10.1214/aos/1176345462; CR3, Bell & McCaffrey, "Bias reduction in standard errors for linear regression with
multi-stage samples", 2002; effective number of clusters, Carter, Schnepel & Steigerwald, "Asymptotic behavior
of a t-test robust to cluster heterogeneity", 2017, doi:10.1162/REST_a_00639; signs at random with moments matched,
Pitman, "Significance tests which may be applied to samples from any populations", 1937, doi:10.2307/2984124.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

FEWEST_SPEAKERS = 5
"""Below that, speakers are few: the upper bound is not made on the log scale, where it explodes."""
_STRETCH = 1.5
_COUNT_PER_SQUARE = 1.25
"""Least number of changes counted, over the squared standardised sum; chosen by the same simulation as `_STRETCH`."""
_LARGEST = 100.0
"""Of the upper bound over the rate, and so finite where one speaker has nearly all units and errors."""
_NO_ERROR = 3.6888794541139363
"""-log(0.025): with the true rate above this over the units, no error at all has a chance below 2.5 %."""
_FREEDOM = (*range(1, 31), 40, 60, 120, np.inf)
# 97.5 % quantiles of Student's t; between two of them 1 / degrees of freedom is interpolated.
_QUANTILES = (
    12.706205,
    4.302653,
    3.182446,
    2.776445,
    2.570582,
    2.446912,
    2.364624,
    2.306004,
    2.262157,
    2.228139,
    2.200985,
    2.178813,
    2.160369,
    2.144787,
    2.131450,
    2.119905,
    2.109816,
    2.100922,
    2.093024,
    2.085963,
    2.079614,
    2.073873,
    2.068658,
    2.063899,
    2.059539,
    2.055529,
    2.051831,
    2.048407,
    2.045230,
    2.042272,
    2.021075,
    2.000298,
    1.979930,
    1.959964,
)


@dataclass(frozen=True)
class PairedTest:
    """A test of a difference between two runs, with blocks as the unit.

    Attributes:
        low: lower bound of the difference's 95 % interval.
        high: upper bound.
        p_value: two-sided, that there is no difference.
        probability: that the difference is below zero, in [0, 1]; 0.5 without a difference.
    """

    low: float
    high: float
    p_value: float
    probability: float


def sum_blocks(values: np.ndarray, index: np.ndarray, count: int) -> np.ndarray:
    """Sum float64 (N, C) by block, index int (N,) in [0, count): float64 (count, C)."""
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, index, values)
    return sums


def student_quantile(freedom: float) -> float:
    """Return the 97.5 % quantile of Student's t for degrees of freedom >= 1, within 0.4 % from 3 on."""
    inverse = np.divide(1.0, _FREEDOM)
    return float(np.interp(1 / freedom, inverse[::-1], _QUANTILES[::-1]))


def interval_of_ratio(sums: np.ndarray, *, scale: str = "log") -> tuple[float, float] | None:
    """Return the 95 % interval of a ratio of sums.

    Args:
        sums: float64 (K, 2), numerator and denominator of each block.
        scale: "log" for rates and means of one sign, "share" for rates in [0, 1], "linear" for differences.

    Returns:
        Lower and upper bound; None where there is nothing to compare: fewer than two blocks with a
        denominator.
    """
    if scale == "linear" or (scale == "log" and len(sums) and sums.min() < 0 < sums[:, 0].max()):
        tested = _test_difference(sums)
        return None if tested is None else (tested.value - tested.half, tested.value + tested.half)
    return interval_of_figure(sums, _divide, sums[:, 1], scale=scale)


def _divide(sums: np.ndarray) -> np.ndarray:
    return sums[:, 0] / sums[:, 1]


def interval_of_figure(
    sums: np.ndarray, figure: Callable[[np.ndarray], np.ndarray], units: np.ndarray, *, scale: str = "log"
) -> tuple[float, float] | None:
    """Return the 95 % interval of a figure of sums, such as the word information preserved.

    Args:
        sums: float64 (K, C), per block.
        figure: of summed sums, float64 (R, C) to (R,).
        units: float64 (K,), reference units of each block.
        scale: see `interval_of_ratio`; "linear" has the number of blocks minus one degrees of freedom.
    """
    spread = _measure(sums, figure, units)
    if spread is None:
        return None
    value, error, freedom, count = spread
    if scale == "linear":
        half = student_quantile(count - 1) * error
        return value - half, value + half
    quantile = student_quantile(freedom)
    if scale == "share" and value > 0.5:
        low, high = _on_log_scale(1 - value, error, quantile, units, count)
        return max(0.0, 1 - high), 1 - low
    low, high = _on_log_scale(abs(value), error, quantile, units, count)
    if value < 0:
        return -high, -low
    return low, min(high, 1.0) if scale == "share" else high


def _measure(
    sums: np.ndarray, figure: Callable[[np.ndarray], np.ndarray], units: np.ndarray
) -> tuple[float, float, float, int] | None:
    """Return the figure, its standard error, degrees of freedom and the number of blocks."""
    counted = units > 0
    sums, units = sums[counted], units[counted]
    total, count = units.sum(), len(units)
    if count < 2:
        return None
    everything = sums.sum(axis=0, keepdims=True)
    value = figure(everything)[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        without = figure(everything - sums)
    if not np.isfinite(value) or not np.isfinite(without).all():
        return None
    error = np.sqrt((count - 1) / count * np.sum((without - value) ** 2))
    freedom = max(1.0, 1 / np.sum((units / total) ** 2) - 1)
    return float(value), float(error), float(freedom), count


def _on_log_scale(
    value: float, error: float, quantile: float, units: np.ndarray, count: int
) -> tuple[float, float]:
    if value == 0:
        return 0.0, _NO_ERROR / float(units.sum())
    relative = error / value
    stretched = quantile * relative * (1 + _STRETCH * relative)
    high = min(np.exp(min(stretched, _LARGEST)), _LARGEST) if count >= FEWEST_SPEAKERS else 1 + stretched
    return float(value * np.exp(-quantile * relative)), float(value * high)


@dataclass(frozen=True)
class _Difference:
    """A difference, half its 95 % interval, and a t with its degrees of freedom."""

    value: float
    half: float
    score: float
    freedom: float


def _test_difference(sums: np.ndarray) -> _Difference | None:
    """Test a ratio of sums whose numerators have either sign, float64 (K, 2); None with fewer than two blocks."""
    spread = _measure(sums, _divide, sums[:, 1])
    if spread is None:
        return None
    value, error, _, count = spread
    if error <= 1e-12 * abs(value):
        return _Difference(value, 0.0, np.copysign(np.inf, value) if value else 0.0, count - 1)
    score = value / error
    reached = count * score**2 / (count - 1 + score**2)
    counted = _count_changes(sums[sums[:, 1] > 0], reached)
    quantile = student_quantile(counted - 1)
    limit = counted * quantile**2 / (counted - 1 + quantile**2)
    half = np.sqrt(limit * (count - 1) / (count - limit)) * error
    standard = np.sqrt(reached * (counted - 1) / (counted - reached))
    return _Difference(value, float(half), float(np.copysign(standard, score)), counted - 1)


def _count_changes(sums: np.ndarray, reached: float) -> float:
    """Return the number of normal changes that sums, float64 (K, 2), are worth; see the module's first lines."""
    changes = sums[:, 0] / (sums[:, 1].sum() - sums[:, 1])
    fourth = np.sum(changes**4)
    worth = 3 * np.sum(changes**2) ** 2 / fourth - 2 if fourth > 0 else np.inf
    return float(min(len(sums), max(2.0, worth, _COUNT_PER_SQUARE * reached)))


def compare_paired(changes: np.ndarray, units: np.ndarray) -> PairedTest | None:
    """Test whether two runs over the same utterances have the same error rate.

    Args:
        changes: float64 (K,), errors of one run minus errors of the other, by block.
        units: float64 (K,), reference units by block.

    Returns:
        The test; None with fewer than two blocks.
    """
    from scipy.stats import t as student

    tested = _test_difference(np.stack([changes, units], axis=1))
    if tested is None:
        return None
    value, half = tested.value, tested.half
    p_value = 2 * student.sf(abs(tested.score), tested.freedom)
    probability = student.cdf(-tested.score, tested.freedom)
    return PairedTest(value - half, value + half, float(p_value), float(probability))
