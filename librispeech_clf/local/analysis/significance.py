"""Tests that respect that utterances of one speaker are not independent, and a correction for many tests.

In: error counts, groups and blocks (speakers). Out: p-values.

Sources: speakers as a random effect, Liu et al., "Model-based approach for measuring the fairness in ASR",
arXiv:2109.09061; variance components by moments, Searle, Casella & McCulloch, "Variance Components", 1992;
robust variance (CR2), Bell & McCaffrey, "Bias reduction in standard errors for linear regression with
multi-stage samples", Survey Methodology 28(2), 2002; correction, Holm, "A simple sequentially rejective
multiple test procedure", Scandinavian J. of Statistics 6, 1979.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Difference:
    """A difference of two corpus rates over disjoint sets of utterances.

    Attributes:
        difference: rate inside minus rate outside.
        standard_error: the larger of the model's and the robust one.
        degrees_of_freedom: of Student's t, number of blocks - 2.
        p_greater: one-sided, that the rate inside is not higher.
        p_two_sided: that the rates do not differ.
        effective_blocks: how many equally large blocks would weigh as much as those inside,
            (sum n)**2 / sum n**2 with n units each.
    """

    difference: float
    standard_error: float
    degrees_of_freedom: int
    p_greater: float
    p_two_sided: float
    effective_blocks: float


@dataclass(frozen=True)
class _Cells:
    """Sums by block and side: float64 (blocks, 2) each, the last axis outside and inside."""

    errors: np.ndarray
    units: np.ndarray

    @property
    def totals(self) -> np.ndarray:
        return self.units.sum(axis=0)

    @property
    def rates(self) -> np.ndarray:
        return self.errors.sum(axis=0) / self.totals


def compare_rates(
    errors: np.ndarray, units: np.ndarray, inside: np.ndarray, blocks: np.ndarray
) -> Difference | None:
    """Test whether utterances inside a group have another corpus rate than those outside.

    Errors are the rate of the side plus a random effect of the block plus noise in proportion to the units.
    The difference of the two ratios of sums is divided by the larger of two standard errors: from the
    variance components (blocks of both sides pooled, so that a group of few speakers can be tested
    against the spread between speakers) and the robust one (so that a group of uneven speakers is not
    flagged for it).

    Args:
        errors: float64 (N,), errors of each utterance.
        units: float64 (N,), reference units of each utterance; utterances without any are left out.
        inside: bool (N,).
        blocks: int (N,), the block (speaker) of each utterance.

    Returns:
        The difference, or None with fewer than 3 blocks or without units on one side.
    """
    from scipy.stats import t as student

    rated = units > 0
    errors, units, inside = errors[rated], units[rated], inside[rated]
    _, index = np.unique(blocks[rated], return_inverse=True)
    cells = _sum_cells(errors, units, inside, index)
    freedom = len(cells.units) - 2
    if freedom < 1 or not np.all(cells.totals > 0):
        return None
    noise = _estimate_noise(errors, units, inside, index, cells)
    error = float(np.sqrt(max(_model_variance(cells, noise), _robust_variance(cells))))
    difference = float(cells.rates[1] - cells.rates[0])
    effective = float(cells.totals[1] ** 2 / np.sum(cells.units[:, 1] ** 2))
    if error == 0:
        return Difference(difference, 0.0, freedom, float(difference <= 0), float(difference == 0), effective)
    score = difference / error
    p_greater, p_two_sided = student.sf(score, freedom), 2 * student.sf(abs(score), freedom)
    return Difference(difference, error, freedom, float(p_greater), float(p_two_sided), effective)


def _sum_cells(errors: np.ndarray, units: np.ndarray, inside: np.ndarray, index: np.ndarray) -> _Cells:
    sums = np.zeros((2, int(index.max(initial=-1)) + 1, 2))
    for row, values in enumerate((errors, units)):
        np.add.at(sums[row], (index, inside.astype(int)), values)
    return _Cells(sums[0], sums[1])


def _estimate_noise(errors, units, inside, index, cells: _Cells) -> float:
    """Return the variance of an utterance's errors per unit, within block and side; 0 if none has two."""
    side = inside.astype(int)
    rates = np.divide(cells.errors, cells.units, out=np.zeros_like(cells.errors), where=cells.units > 0)
    freedom = len(errors) - np.count_nonzero(cells.units)
    squares = np.sum((errors - rates[index, side] * units) ** 2 / units)
    return float(squares / freedom) if freedom > 0 else 0.0


def _model_variance(cells: _Cells, noise: float) -> float:
    """Return the variance of the difference from the components: between blocks, and noise within them."""
    count = len(cells.units)
    residuals = (cells.errors - cells.rates * cells.units).sum(axis=1)
    units = cells.units.sum(axis=1)
    excess = np.sum(residuals**2) * count / (count - 2) - noise * units.sum()
    between = max(0.0, float(excess / np.sum(units**2)))
    imbalance = cells.units[:, 1] / cells.totals[1] - cells.units[:, 0] / cells.totals[0]
    return between * float(np.sum(imbalance**2)) + noise * float(np.sum(1 / cells.totals))


def _robust_variance(cells: _Cells) -> float:
    """Return CR2 by blocks of the regression of errors / units on the side, weighted by the units."""
    shares = cells.units / cells.totals
    alone = shares >= 1
    scale = 1 / np.sqrt(np.where(alone, 1.0, 1 - shares))
    residuals = (cells.errors - cells.rates * cells.units) / cells.totals * np.where(alone, 0.0, scale)
    return float(np.sum((residuals[:, 1] - residuals[:, 0]) ** 2))


def correct_holm(p_values: list[float | None]) -> list[float | None]:
    """Return p-values corrected for the number of tests; None stays None and is not counted.

    Holm's procedure bounds the chance of any false rejection whatever the dependence between the tests.
    """
    order = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, index) in enumerate(order):
        highest = max(highest, min(1.0, p * (len(order) - rank)))
        corrected[index] = highest
    return corrected
