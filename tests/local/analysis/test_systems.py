"""Systems beside each other: figures known in advance, a bootstrap over speakers, false alarms in simulations."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.systems import Pair, compare_pair, compare_systems, correct


def make_record(errors, *, words=10, **columns):
    count = len(errors)
    table = {
        "utterance_id": [f"u{row}" for row in range(count)],
        "word_hits": words - np.array(errors, float),
        "word_substitutions": np.array(errors, float),
        **{f"word_{kind}": np.zeros(count) for kind in ("deletions", "insertions")},
        **{
            f"character_{kind}": np.ones(count)
            for kind in ("hits", "substitutions", "deletions", "insertions")
        },
        **columns,
    }
    return Record(pd.DataFrame(table))


def test_known_figures():
    speakers = {"record_speaker_id": ["a", "a", "b", "b"], "record_gender": ["F", "F", "M", "M"]}
    others = make_record([0, 1, 4, 1]), make_record([2, 0, 2, np.nan])
    found = compare_systems(
        {"one": make_record([2, 1, 0, 1], **speakers), "two": others[0], "three": others[1]}
    )
    assert [(rate.name, rate.word.rate, rate.kinds, rate.word.utterances) for rate in found.rates] == [
        ("one", 4 / 40, (4, 0, 0), 4), ("two", 6 / 40, (6, 0, 0), 4), ("three", 4 / 30, (4, 0, 0), 3),
    ]  # fmt: skip
    assert found.rates[0].character.rate == 1.0
    pairs = {(pair.first, pair.second): pair for pair in found.pairs}
    assert pairs["one", "two"].difference == pytest.approx(2 / 40)
    assert pairs["one", "three"].difference == pytest.approx(1 / 30)
    assert pairs["one", "three"].utterances == 3
    assert found.oracle == 0  # over the three utterances that all recognized
    assert found.all_wrong == 0
    groups = {(group.second, group.group): group.difference for group in found.groups}
    assert groups["two", "F"] == pytest.approx(-2 / 20) and groups["two", "M"] == pytest.approx(4 / 20)
    assert found.groups[0].group == "M"  # the largest change first


def test_systems_that_were_scored_over_other_references_differ_by_their_rates():
    speakers = {"record_speaker_id": ["a", "a", "b", "b"]}
    found = compare_systems(
        {"one": make_record([2, 1, 0, 1], **speakers), "two": make_record([2, 1, 0, 2], words=8, **speakers)}
    )
    assert found.pairs[0].difference == pytest.approx(5 / 32 - 4 / 40)
    assert (found.pairs[0].better, found.pairs[0].worse) == (0, 1)
    assert found.oracle == pytest.approx(4 / 40)


def test_holm_is_stepped_down_and_leaves_out_what_has_no_test():
    pairs = [Pair("a", "b", 0.1, 0, 1, p, p, 9, 1, 2) for p in (0.04, 0.01, None, 0.03)]
    assert [pair.corrected for pair in correct(pairs)] == pytest.approx([0.06, 0.03, None, 0.06])


def test_a_pairs_counts_and_its_paired_t_of_the_speakers():
    changes = np.random.default_rng(0).integers(-2, 3, 500).astype(float)
    words, blocks = np.full(500, 20.0), np.arange(500) % 10
    found = compare_pair(("a", "b"), np.stack([np.full(500, 5.0), 5 + changes]), words, blocks)
    expected = ttest_1samp([changes[speaker::10].sum() for speaker in range(10)], 0)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert [found.low, found.high] == pytest.approx(
        np.array(expected.confidence_interval()) / 1_000, rel=1e-5
    )
    assert (found.better, found.worse) == ((changes < 0).sum(), (changes > 0).sum())


def test_a_system_against_itself_and_without_words_or_speakers():
    same = compare_pair(("a", "b"), np.ones((2, 9)), np.full(9, 5.0), np.arange(9))
    assert (same.difference, same.p_value) == (0.0, 1.0)
    alone = compare_pair(("a", "b"), np.array([[1.0], [0.0]]), np.array([5.0]), np.array([0]))
    assert (alone.difference, alone.low, alone.p_value) == (-0.2, None, None)
    silent = compare_pair(("a", "b"), np.ones((2, 3)), np.zeros(3), np.arange(3))
    assert (silent.difference, silent.p_value, silent.utterances) == (None, None, 3)


def draw(generator, speakers, *, systems=2):
    """Errors of equal systems: one system's errors, of easy and hard speakers, dealt at random among its copies."""
    counts = generator.integers(5, 40, speakers)
    blocks = np.repeat(np.arange(speakers), counts)
    words = generator.integers(5, 35, len(blocks)).astype(float)
    hard = 0.06 * generator.gamma(2, 0.5, speakers)[blocks]
    errors = generator.binomial(systems * words.astype(int), np.clip(hard, 0, 0.5))
    return generator.multinomial(errors, np.full(systems, 1 / systems)).T.astype(float), words, blocks


def test_an_independent_bootstrap_over_speakers_agrees():
    generator = np.random.default_rng(3)
    errors, words, blocks = draw(generator, 40)
    errors[1] += generator.binomial(1, 0.5, len(words))
    found = compare_pair(("a", "b"), errors, words, blocks)
    sums = np.stack([np.bincount(blocks, errors[1] - errors[0]), np.bincount(blocks, words)])
    drawn = sums[:, generator.integers(40, size=(20_000, 40))].sum(axis=2)
    low, high = np.quantile(drawn[0] / drawn[1], [0.025, 0.975])
    assert found.difference == pytest.approx(float(sums[0].sum() / sums[1].sum()))
    assert abs(found.low - low) < 0.1 * (high - low) and abs(found.high - high) < 0.1 * (high - low)
    assert found.p_value < 0.001


@pytest.mark.parametrize("speakers", [12, 40])
def test_equal_systems_seldom_differ(speakers):
    generator = np.random.default_rng(speakers)
    trials = 800
    false = sum(compare_pair(("a", "b"), *draw(generator, speakers)).p_value < 0.05 for _ in range(trials))
    assert 0.03 <= false / trials <= 0.08


def test_ten_equal_systems_seldom_have_a_pair_that_differs():
    generator = np.random.default_rng(10)
    families, trials = 0, 200
    for _ in range(trials):
        errors, words, blocks = draw(generator, 40, systems=10)
        pairs = [
            compare_pair(("a", "b"), errors[[left, right]], words, blocks)
            for left in range(10) for right in range(left + 1, 10)
        ]  # fmt: skip
        families += min(pair.corrected for pair in correct(pairs)) < 0.05
    assert families / trials <= 0.05
