"""Rates, differences and correlations: values by hand, against jiwer and scipy; coverage and level in simulations."""

import functools

import jiwer
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import spearmanr, ttest_1samp
from scipy.stats import t as student

from librispeech_clf.local.analysis.groups import summarize_rates
from librispeech_clf.local.analysis.rates import (
    compare_groups,
    compare_paired,
    correct_holm,
    correlate_ranks,
    find_interval,
    merge_blocks,
    rate_errors,
    rate_groups,
)
from librispeech_clf.local.analysis.record import Record
from tests.helpers.planted import count_table, simulate_corpus

EQUAL = np.array([[10.0, 100], [20, 100], [15, 100], [12, 100], [18, 100]])
ERRORS, WORDS = np.array([2.0, 1, 2, 0, 3]), np.array([6, 2, 2, 1, 7])


def compare_changes(changes, units):
    """Test errors that a second run has more than a first one without any, over the same units."""
    return compare_paired(np.stack([0 * changes, changes], axis=1), np.stack([units, units], axis=1))


def make_record(errors, words, speakers=None):
    return Record(count_table(errors, words, record_speaker_id=speakers))


def test_speakers_are_left_out_one_at_a_time():
    errors = 100 * np.array([0.5, 1.0, 2.0, 3.0, 4.0, 5.0])
    low, high = find_interval(np.stack([errors, np.full(6, 500.0)], axis=1), "rate")
    changes = np.log([np.delete(errors, k).sum() / 2500 / (errors.sum() / 3000) for k in range(6)])
    error, quantile = np.sqrt(5 / 6 * np.sum(changes**2)), student.ppf(0.975, 5)
    value = errors.sum() / 3000
    assert low == pytest.approx(value * np.exp(-quantile * error))
    assert high == pytest.approx(value * np.exp(quantile * error + error**2 * (quantile**2 + 1) / 2))


@pytest.mark.parametrize(
    ("count", "speakers", "resampled", "note"),
    [
        (5, ["1", "2", "3", "4", None], "speakers", "few speakers (4): a coarse interval"),
        (5, ["1", "2", "3", "4", "5"], "speakers", None),
        (5, ["1"] * 5, "nothing", "a single speaker: no interval"),
        (5, None, "utterances", "utterances resampled: no speaker is known"),
        (1, None, "nothing", "fewer than two utterances with words: no interval"),
    ],
)
def test_what_is_left_out_is_told(count, speakers, resampled, note):
    found = rate_errors(make_record(ERRORS[:count], WORDS[:count], speakers))
    assert (found.resampled, found.note) == (resampled, note)
    assert found.low is None if resampled == "nothing" else found.low < found.rate < found.high


def test_no_reference_words_count_insertions_as_jiwer_does():
    found = rate_errors(make_record(np.array([2.0, 0]), 0))
    assert (found.rate, found.low, found.units) == (jiwer.wer(["", ""], ["A B", ""]), None, 0)
    found = rate_errors(make_record(np.array([2.0, 1]), np.array([9, 0]), ["1", "2"]))
    assert (found.low, found.note) == (None, "fewer than two speakers with words: no interval")


def test_words_inserted_where_there_is_no_reference_word_are_in_intervals_and_tests():
    errors, words = np.array([2.0, 3, 1, 2, 3, 2, 40, 30]), np.array([10.0, 10, 10, 10, 10, 10, 0, 0])
    found = rate_errors(make_record(errors, words))
    assert found.rate == pytest.approx(83 / 60) and found.low < found.rate < found.high
    inside = np.arange(8) % 2 == 0
    apart = compare_groups(errors, words, inside, np.arange(8))
    assert apart.value == pytest.approx(46 / 30 - 37 / 30)
    paired = compare_paired(np.stack([np.full(8, 2.0), errors], axis=1), np.stack([words, words], axis=1))
    assert paired.value == pytest.approx((83 - 16) / 60) and paired.low < paired.value < paired.high


def test_summary_leaves_out_failed_rows_and_measures_length_in_words_where_none_is_known():
    summary = summarize_rates(make_record(np.where(WORDS == 6, np.nan, ERRORS), WORDS))
    assert (summary["failed"], summary["word"]["all"]["utterances"]) == (1, 4)
    assert (summary["length"], summary["word"]["length"]["1"]["utterances"]) == ("reference words", 1)
    assert set(summary["word"]) == {"all", "groups", "split", "subset", "length", "speaker"}


def test_rates_by_group_add_up_in_any_order_of_rows():
    table = simulate_corpus(1, speakers=10, utterances=10)
    record = Record(table)
    column = record.column("record_gender")
    rates = rate_groups(record, column.codes, 2)
    assert sum(own.errors for own in rates) == rate_errors(record).errors
    assert rates[0] == rate_errors(record.select(column.codes == 0))
    assert rate_errors(record) == rate_errors(Record(table.sample(frac=1, random_state=3)))


def test_one_speaker_has_no_interval_and_no_test():
    assert find_interval(np.array([[1.0, 10.0], [0.0, 0.0]]), "rate") == (None, None)
    assert compare_changes(np.array([1.0]), np.array([10.0])) is None
    assert compare_groups(np.ones(6), np.full(6, 9.0), np.arange(6) < 3, np.zeros(6, int)) is None


def test_a_long_speaker_does_not_count_as_many_and_bounds_stay_finite_where_one_has_nearly_all():
    low, high = find_interval(EQUAL, "rate")
    longer, wider = find_interval(np.array([[100.0, 1000], *EQUAL[1:]]), "rate")
    assert wider / longer > high / low
    low, high = find_interval(np.array([[900.0, 100_000], [9, 10], [0, 10], [9, 10], [0, 10]]), "rate")
    assert 0 <= low < 0.0092 < high <= 100 * 918 / 100_040 * (1 + 1e-9)


def test_shares_mirror_and_stay_within_their_range_and_no_errors_leave_an_upper_bound():
    sums = np.array([[9.0, 10], [10, 10], [7, 10], [10, 10], [10, 10]])
    low, high = find_interval(sums, "share")
    mirrored = find_interval(np.stack([10 - sums[:, 0], sums[:, 1]], axis=1), "share")
    assert 0 <= low < 0.92 < high <= 1
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high))
    assert find_interval(np.array([[0.0, 500], [0, 500]]), "rate") == pytest.approx((0, 0.003689), rel=1e-3)
    low, high = find_interval(np.array([[0.0, 500], [0, 500], [0, 500]]), "share")
    assert low == 0 < high < 0.02


def test_means_below_zero_mirror_those_above_and_mixed_ones_are_differences():
    low, high = find_interval(EQUAL, "rate")
    assert find_interval(EQUAL * [-1, 1], "rate") == pytest.approx((-high, -low))
    mixed = EQUAL * [[1, 1], [-1, 1], [1, 1], [1, 1], [1, 1]]
    assert find_interval(mixed, "rate") == find_interval(mixed, "linear")


def test_paired_test_of_equal_speakers_is_the_paired_t_test():
    changes = np.array([-3.0, 1, -5, -2, 0, -4])
    found, expected = compare_changes(changes, np.full(6, 100.0)), ttest_1samp(changes, 0)
    ends = np.array(expected.confidence_interval()) / 100
    assert (found.p_value, found.probability) == pytest.approx((expected.pvalue, 1 - expected.pvalue / 2))
    assert (found.low, found.high) == pytest.approx(ends)
    assert find_interval(np.stack([changes, np.full(6, 100.0)], axis=1), "linear") == pytest.approx(ends)


@pytest.mark.parametrize("change, p_value, probability", [(-10.0, 0.0, 1.0), (0.0, 1.0, 0.5)])
def test_same_change_everywhere_leaves_no_doubt(change, p_value, probability):
    found = compare_changes(np.full(5, change), np.full(5, 100.0))
    expected = (change / 100, change / 100, p_value, probability)
    assert (found.low, found.high, found.p_value, found.probability) == expected


def test_utterances_of_a_speaker_do_not_multiply_the_evidence():
    sides = np.array([5, 3, 4, 6, 3, 2, 4, 3.0]), np.full(8, 10.0), np.arange(8) < 4, np.arange(8)
    once = compare_groups(*sides)
    often = compare_groups(*(np.repeat(own, 30) for own in sides))
    assert (often.p_value, often.low) == pytest.approx((once.p_value, once.low))
    assert once.value == pytest.approx(0.15)
    score = once.value / (once.high - once.value) * student.ppf(0.975, 6)  # Welch's freedom of 4 and 4
    assert once.p_value == pytest.approx(2 * student.sf(score, 6))


def test_correlation_is_spearmans_and_ranks_anew_without_each_speaker():
    generator = np.random.default_rng(0)
    blocks, first = np.repeat(np.arange(6), 5), generator.integers(0, 8, 30).astype(float)
    second = first + generator.normal(0, 3, 30)
    found = correlate_ranks(first, second, blocks)
    without = [spearmanr(first[blocks != k], second[blocks != k]).statistic for k in range(6)]
    assert found.value == pytest.approx(spearmanr(first, second).statistic)
    error = np.sqrt(5 / 6 * np.sum((np.arctanh(without) - np.arctanh(found.value)) ** 2))
    reach = student.ppf(0.975, 5) * error
    assert np.arctanh([found.low, found.high]) == pytest.approx(np.arctanh(found.value) + [-reach, reach])
    assert correlate_ranks(np.ones(30), second, blocks) is None


def test_many_blocks_are_merged_and_few_are_not():
    assert merge_blocks(np.array([7, 7, 3])).tolist() == [1, 1, 0]
    merged = merge_blocks(np.repeat(np.arange(250), 2))
    assert len(np.unique(merged)) == 100
    assert (merged[::2] == merged[1::2]).all()


def test_holm_by_hand():
    assert correct_holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert correct_holm([0.6, 0.7]) == [1.0, 1.0]


# Simulations: speakers of log-normal rates and of sizes that differ, size being the deviation of their logarithms.


def draw_words(generator, speakers, size, mean=400):
    return np.maximum(np.rint(mean * np.exp(size * generator.standard_normal(speakers))), 2)


def draw_rates(generator, count, rate, spread):
    return rate * np.exp(spread * generator.standard_normal(count) - spread**2 / 2)


def draw_errors(generator, speakers, rate, spread, size):
    words = draw_words(generator, speakers, size)
    return generator.poisson(words * draw_rates(generator, speakers, rate, spread)), words


def cover_rate(*options):
    return find_interval(np.stack(draw_errors(*options), axis=1), "rate")


@functools.cache
def find_level(share, spread):
    """Return the log odds about which speakers' own vary so that the mean share is this one."""
    points, weights = np.polynomial.hermite_e.hermegauss(99)
    return brentq(lambda level: weights @ expit(level + spread * points) / weights.sum() - share, -12, 12)


def cover_share(generator, speakers, share, spread, size):
    count = draw_words(generator, speakers, size, mean=60)
    shares = expit(find_level(share, spread) + spread * generator.standard_normal(speakers))
    return find_interval(np.stack([generator.binomial(count.astype(int), shares), count], axis=1), "share")


def cover_paired(generator, speakers, rate, spread, size):
    words = draw_words(generator, speakers, size)
    expected = words * draw_rates(generator, speakers, rate, spread)
    errors = [generator.poisson(expected * draw_rates(generator, speakers, 1, 0.2)) for _ in "ab"]
    return compare_paired(np.stack(errors, axis=1), np.stack([words, words], axis=1))


def cover_groups(generator, speakers, *options):
    """Two groups of speakers, a third and the rest."""
    blocks = np.arange(speakers)
    return compare_groups(*draw_errors(generator, speakers, *options), blocks < round(speakers / 3), blocks)


def cover_correlation(generator, speakers, rate, spread, size):
    """A trait that differs between speakers and within them, and has nothing to do with errors."""
    blocks = np.repeat(np.arange(speakers), draw_words(generator, speakers, size, mean=25).astype(int))
    own = draw_rates(generator, speakers, rate, spread)[blocks]
    words = generator.integers(4, 36, len(blocks))
    errors = generator.binomial(words, (own * draw_rates(generator, len(blocks), 1, 0.5)).clip(0, 0.9))
    between = generator.choice([0.1, 0.5, 1.0])
    trait = between * generator.standard_normal(speakers)[blocks]
    trait += (1 - between) * generator.standard_normal(len(blocks))
    return correlate_ranks(trait, errors / words, blocks)


def measure_coverage(cover, speakers, rate, spread, sets, size=0.4):
    """Return the share of intervals that hold the rate, or no difference."""
    options = speakers, rate, spread, size
    generator = np.random.default_rng([round(1000 * option) for option in options])
    found = [cover(generator, *options) for _ in range(sets)]
    if cover in (cover_rate, cover_share):
        return np.mean([low <= rate <= high for low, high in found])
    return np.mean([own.low <= 0 <= own.high for own in found])


@pytest.mark.parametrize("cover", [cover_rate, cover_share, cover_paired, cover_groups, cover_correlation])
def test_interval_covers_what_it_should(cover):
    assert 0.91 <= measure_coverage(cover, 10, 0.1, 0.6, 300) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("speakers", [8, 12, 20, 40])
@pytest.mark.parametrize("spread", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("size", [0.4, 0.8])
def test_coverage_from_8_speakers_on(speakers, spread, size):
    sets = max(2000, 32_000 // speakers)  # of few speakers more, whose true coverage, 0.93, is near the bar
    for rate in (0.03, 0.3):
        for cover in (cover_rate, cover_paired, cover_groups):
            covered = measure_coverage(cover, speakers, rate, spread, sets, size)
            assert 0.925 <= covered <= 0.985, (cover.__name__, rate, covered)
    assert 0.92 <= measure_coverage(cover_correlation, speakers, 0.15, spread, 400, size) <= 0.985


@pytest.mark.slow
@pytest.mark.parametrize("speakers", [8, 12, 20, 40])
@pytest.mark.parametrize("share", [0.005, 0.03, 0.5, 0.97, 0.995])
@pytest.mark.parametrize("spread", [0.3, 0.8])
def test_shares_near_0_and_1_are_covered_at_a_reasonable_width(speakers, share, spread):
    assert 0.925 <= measure_coverage(cover_share, speakers, share, spread, 2000) <= 0.985
