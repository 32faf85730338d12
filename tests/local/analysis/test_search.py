"""The search's test: its t, its permuted tables, its correction."""

import numpy as np
import pytest
from scipy.stats import kstest

from librispeech_clf.local.analysis.search import (
    MOST_BLOCKS,
    centre,
    correct_by_largest,
    describe_sample,
    measure_inflation,
    merge_blocks,
    permute,
    studentise,
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
    sample = describe_sample(errors, words, blocks)
    level = sample.lessen(np.ones((len(words), 1)))
    rates = centre(sample.lessen((errors / words)[:, None]), words, level)
    columns = centre(sample.lessen(inside[:, None].astype(float)), words, level)
    found = studentise(columns, rates, sample)[0, 0]
    difference = errors[inside].sum() / words[inside].sum() - errors[~inside].sum() / words[~inside].sum()
    expected = difference / (0.3 * np.sqrt(1 / words[inside].sum() + 1 / words[~inside].sum()))
    assert found == pytest.approx(expected, rel=0.1)


def test_variances_between_and_within_speakers_are_recovered():
    errors, words, blocks, _ = draw(1, speakers=400, utterances=8, spread=0.1)
    sample = describe_sample(errors, words, blocks)
    assert sample.between == pytest.approx(0.01, rel=0.2)
    assert sample.noise == pytest.approx(0.09, rel=0.1)


def test_permuted_tables_keep_the_total_spread_and_lose_the_association():
    errors, words, blocks, inside = draw(2, speakers=60, spread=0.1, effect=0.2)
    sample = describe_sample(errors, words, blocks)
    tables = permute(errors, sample, 200, seed=0)
    again = [describe_sample(table, words, blocks) for table in tables.T]
    assert np.mean([own.between for own in again]) == pytest.approx(sample.between, rel=0.15)
    rates = [tables[side].sum(axis=0) / words[side].sum() for side in (inside, ~inside)]
    gaps = rates[0] - rates[1]
    assert abs(gaps.mean()) < 4 * gaps.std() / np.sqrt(200)


def test_p_is_uniform_where_nothing_is_associated():
    found = []
    for seed in range(150):
        errors, words, blocks, inside = draw(seed, spread=0.1)
        scores = inside[:, None].astype(np.float32)
        found.append(
            correct_by_largest(errors, words, blocks, scores, np.zeros(1, int), permutations=99)[1][0]
        )
    assert kstest(found, "uniform").pvalue > 0.01


def test_correction_counts_everything_looked_at():
    errors, words, blocks, inside = draw(3, effect=0.05)
    generator = np.random.default_rng(0)
    others = generator.integers(0, 2, (len(words), 300)).astype(np.float32)
    scores = np.column_stack([inside, others]).astype(np.float32)
    alone = correct_by_largest(errors, words, blocks, scores[:, :1], np.zeros(1, int))[1][0]
    together = correct_by_largest(errors, words, blocks, scores, np.zeros(301, int))[1][0]
    apart = correct_by_largest(errors, words, blocks, scores, np.minimum(np.arange(301), 1))[1][0]
    assert max(alone, apart) <= 0.005 < together


def test_dependent_utterances_of_a_chapter_lessen_every_t():
    generator = np.random.default_rng(0)
    blocks = np.repeat(np.arange(20), 40)
    chapter = np.repeat(np.arange(80), 10)
    words = np.full(len(blocks), 10.0)
    scores = generator.integers(0, 2, (80, 200))[chapter].astype(np.float32)
    for spread, expected in ((0.0, 1.0), (0.1, 2.0)):
        rates = 0.2 + generator.normal(0, spread, 80)[chapter] + generator.normal(0, 0.1, len(blocks))
        errors = words * rates
        sample = describe_sample(errors, words, blocks)
        level = sample.lessen(np.ones((len(words), 1)))
        centred = centre(sample.lessen(rates[:, None]), words, level)[:, 0]
        found = measure_inflation(centre(sample.lessen(scores), words, level), centred, sample)
        assert (
            np.median(found) == pytest.approx(expected, rel=0.3)
            if spread == 0
            else np.median(found) > expected
        )


def test_many_speakers_are_merged_and_few_are_not():
    assert merge_blocks(np.array([7, 7, 3])).tolist() == [1, 1, 0]
    merged = merge_blocks(np.repeat(np.arange(250), 2))
    assert len(np.unique(merged)) == MOST_BLOCKS
    assert (merged[::2] == merged[1::2]).all()
