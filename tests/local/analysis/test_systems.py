"""Systems beside each other: figures known in advance, a bootstrap over speakers, false alarms in simulations."""

import itertools

import numpy as np
import pytest

from librispeech_clf.local.analysis.rates import correct_holm
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.systems import compare_pair, compare_systems, correct
from tests.helpers.planted import count_table


def make_record(errors, *, words=10):
    """Four utterances of two speakers, a woman and a man."""
    columns = {"record_speaker_id": list("1122"), "record_gender": list("FFMM")}
    return Record(count_table(np.array(errors), words, **columns))


def test_known_figures():
    errors = {"one": [2, 1, 0, 1], "two": [0, 1, 4, 1], "three": [2, 0, 2, np.nan]}
    found = compare_systems({name: make_record(own) for name, own in errors.items()})
    assert [(own.name, own.word.rate, own.kinds, own.word.utterances) for own in found.rates] == [
        ("one", 4 / 40, (4, 0, 0), 4),
        ("two", 6 / 40, (6, 0, 0), 4),
        ("three", 4 / 30, (4, 0, 0), 3),
    ]
    assert found.rates[0].character.rate == 4 / 40
    pairs = [(own.first, own.second, own.utterances, own.better, own.worse) for own in found.pairs]
    assert pairs == [("one", "two", 4, 1, 1), ("one", "three", 3, 1, 1), ("two", "three", 3, 2, 1)]
    assert [own.difference for own in found.pairs] == pytest.approx([2 / 40, 1 / 30, -1 / 30])
    assert [own.corrected for own in found.pairs] == correct_holm([own.p_value for own in found.pairs])
    assert (found.oracle, found.all_wrong) == (0, 0)  # over the three utterances that all recognized
    groups = {(own.second, own.group): own.difference for own in found.groups}
    assert groups["two", "F"] == pytest.approx(-2 / 20) and groups["two", "M"] == pytest.approx(4 / 20)
    assert found.groups[0].group == "M"  # the largest change first


def test_systems_that_were_scored_over_other_references_differ_by_their_rates():
    found = compare_systems({"one": make_record([2, 1, 0, 1]), "two": make_record([2, 1, 0, 2], words=8)})
    assert found.pairs[0].difference == pytest.approx(5 / 32 - 4 / 40)
    assert (found.pairs[0].better, found.pairs[0].worse) == (0, 1)
    assert found.oracle == pytest.approx(4 / 40)


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
    false = [compare_pair(("a", "b"), *draw(generator, speakers)).p_value < 0.05 for _ in range(800)]
    assert 0.03 <= np.mean(false) <= 0.08


def test_ten_equal_systems_seldom_have_a_pair_that_differs():
    generator = np.random.default_rng(10)
    false = []
    for _ in range(200):
        errors, *others = draw(generator, 40, systems=10)
        places = itertools.combinations(range(10), 2)
        pairs = correct([compare_pair(("a", "b"), errors[[*own]], *others) for own in places])
        false.append(min(pair.corrected for pair in pairs) < 0.05)
    assert np.mean(false) <= 0.05
