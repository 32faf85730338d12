"""The test of two rates and the correction, against formulas known in advance."""

import numpy as np
import pytest
from scipy.stats import ttest_ind

from librispeech_clf.local.analysis.significance import compare_rates, correct_holm


def test_equal_speakers_of_one_utterance_are_students_t_test():
    generator = np.random.default_rng(0)
    inside = np.arange(20) < 10
    errors = generator.poisson(5, 20) + 3.0 * inside
    tested = compare_rates(errors, np.full(20, 10.0), inside, np.arange(20))
    expected = ttest_ind(errors[inside], errors[~inside], alternative="greater")
    assert tested.degrees_of_freedom == expected.df
    assert tested.p_greater == pytest.approx(expected.pvalue, rel=0.1)
    assert tested.difference == pytest.approx((errors[inside].mean() - errors[~inside].mean()) / 10)


def test_utterances_of_a_speaker_do_not_multiply_the_evidence():
    inside = np.arange(8) < 4
    errors = np.array([5, 3, 4, 6, 3, 2, 4, 3.0])
    once = compare_rates(errors, np.full(8, 10.0), inside, np.arange(8))
    often = compare_rates(
        np.repeat(errors, 30), np.full(240, 10.0), np.repeat(inside, 30), np.repeat(np.arange(8), 30)
    )
    assert often.p_greater == pytest.approx(once.p_greater, rel=0.02)


def test_group_of_one_speaker_is_held_against_the_spread_of_speakers():
    generator = np.random.default_rng(1)
    rates = np.append(generator.gamma(7, 0.034 / 7, 39), [0.4])
    errors, blocks = np.repeat(rates, 10) * 20, np.repeat(np.arange(40), 10)
    assert compare_rates(errors, np.full(400, 20.0), blocks == 39, blocks).p_greater < 1e-6
    rates[39] = 0.034 + 0.013
    errors = np.repeat(rates, 10) * 20
    assert compare_rates(errors, np.full(400, 20.0), blocks == 39, blocks).p_greater > 0.05


def test_level_holds_with_speaker_effects():
    rejected = 0
    for seed in range(300):
        generator = np.random.default_rng(seed)
        rates = np.repeat(generator.gamma(7, 0.034 / 7, 30), 6)
        errors = generator.binomial(20, np.minimum(rates, 1)).astype(float)
        blocks = np.repeat(np.arange(30), 6)
        rejected += compare_rates(errors, np.full(180, 20.0), blocks < 8, blocks).p_greater < 0.05
    assert rejected <= 24


@pytest.mark.parametrize("inside", [np.zeros(6, bool), np.ones(6, bool)])
def test_one_empty_side_cannot_be_tested(inside):
    assert compare_rates(np.ones(6), np.full(6, 9.0), inside, np.arange(6)) is None


def test_two_blocks_cannot_be_tested():
    assert compare_rates(np.ones(4), np.full(4, 9.0), np.arange(4) < 2, np.array([0, 0, 1, 1])) is None


def test_no_errors_anywhere_are_no_difference():
    tested = compare_rates(np.zeros(6), np.full(6, 9.0), np.arange(6) < 3, np.arange(6))
    assert (tested.difference, tested.p_greater, tested.p_two_sided) == (0.0, 1.0, 1.0)


def test_holm_by_hand():
    assert correct_holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])


def test_holm_never_exceeds_one():
    assert correct_holm([0.6, 0.7]) == [1.0, 1.0]
    assert correct_holm([]) == []
