"""Intervals and the paired test by speaker: values by hand, and coverage and level in simulations."""

import itertools

import numpy as np
import pytest
from scipy.stats import t as student

from librispeech_clf.local.analysis.jackknife import (
    compare_paired,
    interval_of_figure,
    interval_of_ratio,
    student_quantile,
)

WORDS = 400


def draw_speakers(generator, *, speakers: int, rate: float, spread: float, sets: int) -> np.ndarray:
    """Errors and words of speakers, float64 (sets, speakers, 2): log-normal rates, sizes that differ."""
    words = np.rint(WORDS * np.exp(0.4 * generator.standard_normal((sets, speakers))))
    rates = rate * np.exp(spread * generator.standard_normal((sets, speakers)) - spread**2 / 2)
    return np.stack([generator.poisson(rates * words), words], axis=2).astype(float)


def measure_coverage(*, speakers: int, rate: float, spread: float, sets: int) -> float:
    generator = np.random.default_rng([speakers, round(100 * rate), round(10 * spread)])
    drawn = draw_speakers(generator, speakers=speakers, rate=rate, spread=spread, sets=sets)
    found = [interval_of_ratio(sums) for sums in drawn]
    return float(np.mean([low <= rate <= high for low, high in found]))


def measure_level(*, speakers: int, rate: float, spread: float, sets: int) -> float:
    """Share of p < 0.05 between two models of equal rate that differ from speaker to speaker."""
    generator = np.random.default_rng([speakers, round(100 * rate), round(10 * spread), 1])
    words = np.rint(WORDS * np.exp(0.4 * generator.standard_normal((sets, speakers))))
    common = spread * generator.standard_normal((sets, speakers))
    errors = [
        generator.poisson(words * rate * np.exp(common + 0.2 * generator.standard_normal(words.shape)))
        for _ in range(2)
    ]
    tested = [
        compare_paired(*pair) for pair in zip((errors[1] - errors[0]).astype(float), words, strict=True)
    ]
    return float(np.mean([test.p_value < 0.05 for test in tested]))


@pytest.mark.parametrize("speakers", [5, 12])
def test_interval_covers_the_rate(speakers):
    assert 0.91 <= measure_coverage(speakers=speakers, rate=0.3, spread=0.6, sets=400) <= 0.985


@pytest.mark.parametrize("speakers", [5, 12])
def test_paired_test_keeps_its_level(speakers):
    assert 0.02 <= measure_level(speakers=speakers, rate=0.3, spread=0.6, sets=400) <= 0.075


@pytest.mark.slow
@pytest.mark.parametrize("speakers", [5, 8, 12, 20, 40])
@pytest.mark.parametrize("rate", [0.03, 0.1, 0.3, 0.9])
@pytest.mark.parametrize("spread", [0.3, 0.6, 1.0])
def test_coverage_and_level_in_2000_sets(speakers, rate, spread):
    options = {"speakers": speakers, "rate": rate, "spread": spread, "sets": 2000}
    assert (0.91 if speakers < 8 else 0.93) <= measure_coverage(**options) <= 0.97
    assert 0.03 <= measure_level(**options) <= 0.07


def test_difference_of_equal_speakers_is_the_paired_t_interval():
    changes = np.array([-3.0, 1, -5, -2, 0, -4])
    found = compare_paired(changes, np.full(6, 100.0))
    half = student.ppf(0.975, 5) * changes.std(ddof=1) / 6**0.5
    assert [found.low, found.high] == pytest.approx(
        (changes.mean() + np.array([-half, half])) / 100, rel=1e-6
    )
    assert found.probability == pytest.approx(1 - found.p_value / 2)


def test_changes_of_a_few_speakers_are_judged_about_as_with_signs_at_random():
    changes, units = np.array([20.0, 15, -1, 1, 1, -1, 1, 1, -1, 1]), np.full(10, 100.0)
    signs = np.array(list(itertools.product([-1, 1], repeat=10)))
    exact = np.mean(np.abs(signs @ changes) >= changes.sum())
    plain = 2 * student.sf(changes.mean() / (changes.std(ddof=1) / 10**0.5), 9)
    found = compare_paired(changes, units)
    assert abs(found.p_value - exact) < abs(plain - exact)
    assert (found.p_value < 0.05) == (found.low > 0)
    low, high = interval_of_ratio(np.stack([changes, units], axis=1), scale="linear")
    assert (low, high) == (found.low, found.high)


def test_same_change_everywhere_leaves_no_doubt():
    found = compare_paired(np.full(5, -10.0), np.full(5, 100.0))
    assert (found.low, found.high, found.p_value, found.probability) == (-0.1, -0.1, 0.0, 1.0)


def test_one_speaker_has_no_interval_and_no_test():
    assert interval_of_ratio(np.array([[1.0, 10.0], [0.0, 0.0]])) is None
    assert compare_paired(np.array([1.0]), np.array([10.0])) is None


def test_a_long_speaker_does_not_count_as_many():
    equal = interval_of_ratio(np.array([[10.0, 100], [20, 100], [15, 100], [12, 100], [18, 100]]))
    long = interval_of_ratio(np.array([[100.0, 1000], [20, 100], [15, 100], [12, 100], [18, 100]]))
    assert long[1] / long[0] > equal[1] / equal[0]


def test_bounds_stay_finite_where_one_speaker_has_nearly_all():
    low, high = interval_of_ratio(np.array([[900.0, 100_000], [9, 10], [0, 10], [9, 10], [0, 10]]))
    assert 0 <= low < 0.0092 < high < 1
    assert high == pytest.approx(100 * 918 / 100_040)


def test_no_errors_leave_an_upper_bound():
    assert interval_of_ratio(np.array([[0.0, 500], [0, 500]])) == pytest.approx((0, 0.003689), rel=1e-3)


def test_shares_stay_within_their_range_and_mirror():
    sums = np.array([[9.0, 10], [10, 10], [7, 10], [10, 10], [10, 10]])
    low, high = interval_of_ratio(sums, scale="share")
    mirrored = interval_of_ratio(np.stack([10 - sums[:, 0], sums[:, 1]], axis=1), scale="share")
    assert 0 <= low < 0.92 < high <= 1
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high))


def test_means_below_zero_mirror_those_above():
    sums = np.array([[9.0, 10], [12, 10], [7, 10], [10, 10], [10, 10]])
    low, high = interval_of_ratio(sums)
    assert interval_of_ratio(sums * [-1, 1]) == pytest.approx((-high, -low))


def test_figure_of_a_ratio_is_the_ratio():
    sums = np.array([[9.0, 100], [12, 80], [7, 130], [10, 90]])
    found = interval_of_figure(sums, lambda totals: totals[:, 0] / totals[:, 1], sums[:, 1])
    assert found == interval_of_ratio(sums)


@pytest.mark.parametrize("freedom", [1, 2, 4, 11, 30, 39, 85.5, 1e6])
def test_quantiles_of_student(freedom):
    assert student_quantile(freedom) == pytest.approx(student.ppf(0.975, freedom), rel=1e-4)
