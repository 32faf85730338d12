"""The search's test: its t, its permuted tables, its correction."""

import numpy as np
import pytest
from scipy.stats import kstest

from librispeech_clf.local.analysis import search
from librispeech_clf.local.analysis.search import (
    Basis,
    Sample,
    max_t_p_values,
    measure_inflation,
    permute,
    sum_squares,
    t_beside,
)


def draw(seed, *, speakers=12, utterances=10, spread=0.0, effect=0.0):
    """Errors of utterances, half of each speaker's with an effect."""
    generator = np.random.default_rng(seed)
    blocks = np.repeat(np.arange(speakers), utterances)
    words = generator.integers(5, 30, len(blocks)).astype(float)
    inside = np.arange(len(blocks)) % 2 == 0
    rates = 0.2 + generator.normal(0, spread, speakers)[blocks] + effect * inside
    errors = words * rates + np.sqrt(words) * generator.normal(0, 0.3, len(words))
    return errors, words, blocks, inside


def test_t_of_a_slice_without_spread_between_speakers_is_that_of_weighted_least_squares():
    errors, words, blocks, inside = draw(0, speakers=200, utterances=4, effect=0.05)
    sample = Sample(errors, words, blocks)
    (found,) = t_beside(sample, [inside], [], sum_squares(sample, [inside]))
    difference = errors[inside].sum() / words[inside].sum() - errors[~inside].sum() / words[~inside].sum()
    expected = difference / (0.3 * np.sqrt(1 / words[inside].sum() + 1 / words[~inside].sum()))
    assert found == pytest.approx(expected, rel=0.1)


def test_t_is_that_of_generalized_least_squares_by_hand():
    """Sums per speaker and products stand for the matrices of the textbook."""
    errors, words, blocks, inside = draw(4, spread=0.1, effect=0.1)
    sample = Sample(errors, words, blocks)
    between, noise = sample.variances
    covariance = np.diag(noise / words) + between * (blocks[:, None] == blocks)
    design = np.stack([np.ones(len(words)), inside], axis=1)
    inverse = np.linalg.inv(covariance)
    slope = np.linalg.solve(design.T @ inverse @ design, design.T @ inverse @ (errors / words))[1]
    basis = Basis(sample)
    prepared, _ = basis.prepare((errors / words)[:, None])
    scores = inside[:, None].astype(float)
    assert (scores.T @ prepared)[0, 0] / basis.sum_scores(scores).squares[0] == pytest.approx(slope, rel=1e-5)


def test_what_others_explain_leaves_nothing():
    errors, words, blocks, inside = draw(0, effect=0.1)
    sample = Sample(errors, words, blocks)
    other = np.random.default_rng(1).random(len(words)) < 0.5
    scores = [inside, ~inside, other]
    found = t_beside(sample, scores, [inside], sum_squares(sample, scores))
    assert found[:2].tolist() == [0, 0] and found[2] != 0


def test_variances_between_and_within_speakers_are_recovered():
    errors, words, blocks, _ = draw(1, speakers=400, utterances=8, spread=0.1)
    assert Sample(errors, words, blocks).variances == pytest.approx((0.01, 0.09), rel=0.2)


def test_permuted_tables_keep_the_total_spread_and_lose_the_association():
    errors, words, blocks, inside = draw(2, speakers=60, spread=0.1, effect=0.2)
    sample = Sample(errors, words, blocks)
    tables = np.concatenate([*permute(sample, 200)], axis=1)
    again = [Sample(table, words, blocks).variances[0] for table in tables.T]
    assert np.mean(again) == pytest.approx(sample.variances[0], rel=0.15)
    rates = [tables[side].sum(axis=0) / words[side].sum() for side in (inside, ~inside)]
    gaps = rates[0] - rates[1]
    assert abs(gaps.mean()) < 4 * gaps.std() / np.sqrt(200)


def test_p_is_uniform_where_nothing_is_associated():
    found = []
    for seed in range(150):
        errors, words, blocks, inside = draw(seed, spread=0.1)
        sample = Sample(errors, words, blocks)
        found.append(max_t_p_values(sample, [inside], np.zeros(1, int), permutations=99)[1][0])
    assert kstest(found, "uniform").pvalue > 0.01


def test_correction_counts_everything_looked_at_however_it_is_batched(monkeypatch):
    errors, words, blocks, inside = draw(3, effect=0.05)
    sample = Sample(errors, words, blocks)
    others = np.random.default_rng(0).integers(0, 2, (300, len(words))).astype(bool)
    scores = [inside, *others]
    alone = max_t_p_values(sample, scores[:1], np.zeros(1, int))[1][0]
    together = max_t_p_values(sample, scores, np.zeros(301, int))[1]
    apart = max_t_p_values(sample, scores, np.minimum(np.arange(301), 1))[1][0]
    assert max(alone, apart) <= 0.005 < together[0]
    monkeypatch.setattr(search, "_CELLS_AT_ONCE", 40 * len(words))
    assert (max_t_p_values(sample, scores, np.zeros(301, int))[1] == together).all()


def test_dependent_utterances_of_a_chapter_lower_every_t():
    generator = np.random.default_rng(0)
    blocks = np.repeat(np.arange(20), 40)
    chapter = np.repeat(np.arange(80), 10)
    words = np.full(len(blocks), 10.0)
    scores = generator.integers(0, 2, (80, 200))[chapter].astype(np.float32)
    inflation = []
    for spread in (0.0, 0.1):
        rates = 0.2 + generator.normal(0, spread, 80)[chapter] + generator.normal(0, 0.1, len(blocks))
        sample = Sample(words * rates, words, blocks)
        inflation.append(np.median(measure_inflation(sample, scores, Basis(sample).sum_scores(scores))))
    assert inflation[0] == pytest.approx(1, rel=0.3)
    assert inflation[1] > 2
