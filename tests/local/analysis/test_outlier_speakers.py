"""Outlier speakers: found where they do, and seldom where none does."""

import numpy as np

from librispeech_clf.local.analysis.search import find_outliers


def draw(seed, *, speakers=40, spread=0.25, apart=()):
    """Errors and words of utterances; the speakers apart err 3.5 times as much."""
    generator = np.random.default_rng(seed)
    rates = 0.08 * np.exp(generator.normal(0, spread, speakers))
    rates[list(apart)] *= 3.5
    blocks = np.repeat(np.arange(speakers), 40)
    words = generator.integers(5, 35, len(blocks))
    return generator.binomial(words, rates[blocks]).astype(float), words.astype(float), blocks


def test_three_speakers_who_hide_behind_each_other_are_found():
    found = [find_outliers(*draw(seed, apart=(3, 20, 31))) for seed in range(10)]
    assert sum(p < 0.02 for _, p in found) >= 9
    assert sum({3, 20, 31} <= set(worst) for worst, _ in found) >= 7
    assert all(worst[0] in {3, 20, 31} for worst, _ in found)


def test_speakers_who_only_spread_do_not_stand_apart():
    p_values = [find_outliers(*draw(seed))[1] for seed in range(60)]
    assert np.mean(np.array(p_values) < 0.05) <= 0.1
    assert np.mean(np.array(p_values) < 0.5) > 0.3


def test_few_speakers_and_no_errors_cannot_be_told():
    errors, words, blocks = draw(0, speakers=7)
    assert find_outliers(errors, words, blocks) is None
    errors, words, blocks = draw(0, speakers=9)
    assert find_outliers(0 * errors, words, blocks) is None


def test_speakers_of_one_rate_do_not_stand_apart():
    words = np.full(90, 10.0)
    with np.errstate(all="raise"):
        speakers, p_value = find_outliers(0.2 * words, words, np.repeat(np.arange(9), 10))
    assert (len(speakers), p_value) == (1, 1.0)
