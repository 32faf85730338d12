"""The search's test: its t, its permuted tables, its correction; outlier speakers are found where there are any."""

import numpy as np
import pytest
from scipy.stats import kstest

from librispeech_clf.local.analysis import search
from librispeech_clf.local.analysis.search import Basis, Sample, find_outliers, max_t_p_values, permute


def draw(seed, *, speakers=12, utterances=10, spread=0.0, effect=0.0):
    """Return utterances, half of each speaker's with an effect, and which."""
    generator = np.random.default_rng(seed)
    blocks = np.repeat(np.arange(speakers), utterances)
    words = generator.integers(5, 30, len(blocks)).astype(float)
    inside = np.arange(len(blocks)) % 2 == 0
    rates = 0.2 + generator.normal(0, spread, speakers)[blocks] + effect * inside
    return Sample(
        words * rates + np.sqrt(words) * generator.normal(0, 0.3, len(words)), words, blocks
    ), inside


def measure_gap(errors, words, inside):
    sides = [errors[side].sum(axis=0) / words[side].sum() for side in (inside, ~inside)]
    return sides[0] - sides[1]


def test_t_of_a_slice_without_spread_between_speakers_is_that_of_weighted_least_squares():
    sample, inside = draw(0, speakers=200, utterances=4, effect=0.05)
    (found,) = search.t_beside(sample, [inside], [], search.sum_squares(sample, [inside]))
    error = 0.3 * np.sqrt(1 / sample.words[inside].sum() + 1 / sample.words[~inside].sum())
    assert found == pytest.approx(measure_gap(sample.errors, sample.words, inside) / error, rel=0.1)


def test_t_is_that_of_generalized_least_squares_by_hand():
    """Sums per speaker and products stand for the matrices of the textbook."""
    sample, inside = draw(4, spread=0.1, effect=0.1)
    rates, (between, noise) = sample.errors / sample.words, sample.variances
    covariance = np.diag(noise / sample.words) + between * (sample.blocks[:, None] == sample.blocks)
    design = np.stack([np.ones(len(rates)), inside], axis=1)
    inverse = np.linalg.inv(covariance)
    slope = np.linalg.solve(design.T @ inverse @ design, design.T @ inverse @ rates)[1]
    basis, scores = Basis(sample), inside[:, None].astype(float)
    prepared, _ = basis.prepare(rates[:, None])
    assert (scores.T @ prepared)[0, 0] / basis.sum_scores(scores).squares[0] == pytest.approx(slope, rel=1e-5)


def test_what_others_explain_leaves_nothing():
    sample, inside = draw(0, effect=0.1)
    scores = [inside, ~inside, np.random.default_rng(1).random(len(inside)) < 0.5]
    found = search.t_beside(sample, scores, [inside], search.sum_squares(sample, scores))
    assert found[:2].tolist() == [0, 0] and found[2] != 0


def test_variances_between_and_within_speakers_are_recovered():
    sample, _ = draw(1, speakers=400, utterances=8, spread=0.1)
    assert sample.variances == pytest.approx((0.01, 0.09), rel=0.2)


def test_permuted_tables_keep_the_total_spread_and_lose_the_association():
    sample, inside = draw(2, speakers=60, spread=0.1, effect=0.2)
    tables = np.concatenate([*permute(sample, 200)], axis=1)
    again = [Sample(table, sample.words, sample.blocks).variances[0] for table in tables.T]
    assert np.mean(again) == pytest.approx(sample.variances[0], rel=0.15)
    gaps = measure_gap(tables, sample.words, inside)
    assert abs(gaps.mean()) < 4 * gaps.std() / np.sqrt(200)


def test_p_is_uniform_where_nothing_is_associated():
    drawn = (draw(seed, spread=0.1) for seed in range(150))
    found = [max_t_p_values(own, [inside], np.zeros(1, int), permutations=99)[1][0] for own, inside in drawn]
    assert kstest(found, "uniform").pvalue > 0.01


def test_correction_counts_everything_looked_at_however_it_is_batched(monkeypatch):
    sample, inside = draw(3, effect=0.05)
    scores = [inside, *np.random.default_rng(0).integers(0, 2, (300, len(inside))).astype(bool)]
    alone = max_t_p_values(sample, scores[:1], np.zeros(1, int))[1][0]
    together = max_t_p_values(sample, scores, np.zeros(301, int))[1]
    apart = max_t_p_values(sample, scores, np.minimum(np.arange(301), 1))[1][0]
    assert max(alone, apart) <= 0.005 < together[0]
    monkeypatch.setattr(search, "_CELLS_AT_ONCE", 40 * len(inside))
    assert (max_t_p_values(sample, scores, np.zeros(301, int))[1] == together).all()


def test_dependent_utterances_of_a_chapter_lower_every_t():
    generator = np.random.default_rng(0)
    blocks, chapter, words = np.repeat(np.arange(20), 40), np.repeat(np.arange(80), 10), np.full(800, 10.0)
    scores = generator.integers(0, 2, (80, 200))[chapter].astype(np.float32)
    inflation = []
    for spread in (0.0, 0.1):
        rates = 0.2 + generator.normal(0, spread, 80)[chapter] + generator.normal(0, 0.1, len(blocks))
        sample = Sample(words * rates, words, blocks)
        inflation.append(
            np.median(search.measure_inflation(sample, scores, Basis(sample).sum_scores(scores)))
        )
    assert inflation[0] == pytest.approx(1, rel=0.3)
    assert inflation[1] > 2


def draw_speakers(seed, *, speakers=40, apart=()):
    """Errors, words and speakers of utterances; the speakers apart err 3.5 times as much."""
    generator = np.random.default_rng(seed)
    rates = 0.08 * np.exp(generator.normal(0, 0.25, speakers))
    rates[list(apart)] *= 3.5
    blocks = np.repeat(np.arange(speakers), 40)
    words = generator.integers(5, 35, len(blocks))
    return generator.binomial(words, rates[blocks]).astype(float), words.astype(float), blocks


def test_three_speakers_who_hide_behind_each_other_are_found():
    found = [find_outliers(*draw_speakers(seed, apart=(3, 20, 31))) for seed in range(10)]
    assert sum(p < 0.02 for _, p in found) >= 9
    assert sum({3, 20, 31} <= set(worst) for worst, _ in found) >= 7
    assert all(worst[0] in {3, 20, 31} for worst, _ in found)


def test_speakers_who_only_spread_do_not_stand_apart():
    p_values = np.array([find_outliers(*draw_speakers(seed))[1] for seed in range(60)])
    assert np.mean(p_values < 0.05) <= 0.1
    assert np.mean(p_values < 0.5) > 0.3


def test_few_speakers_no_errors_and_speakers_of_one_rate():
    assert find_outliers(*draw_speakers(0, speakers=7)) is None
    errors, words, blocks = draw_speakers(0, speakers=9)
    assert find_outliers(0 * errors, words, blocks) is None
    with np.errstate(all="raise"):
        speakers, p_value = find_outliers(np.full(360, 2.0), np.full(360, 10.0), blocks)
    assert (len(speakers), p_value) == (1, 1.0)
