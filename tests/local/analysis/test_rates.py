"""Rates, differences and correlations: values by hand, against jiwer and scipy; coverage and level in simulations."""

import json

import jiwer
import numpy as np
import pandas as pd
import pytest
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

TEXTS = [
    ("THE CAT SAT ON THE MAT", "THE CAP SAT ON MAT"),
    ("A DOG", "A DOG BARKED"),
    ("OH NO", ""),
    ("YES", "YES"),
    ("SEVEN LONG WORDS ARE SPOKEN IN SEQUENCE", "SEVEN WORDS IS SPOKEN IN A SEQUENCE"),
]
EQUAL = np.array([[10.0, 100], [20, 100], [15, 100], [12, 100], [18, 100]])


def compare_changes(changes, units):
    """Test errors that a second run has more than a first one without any, over the same units."""
    return compare_paired(np.stack([0 * changes, changes], axis=1), np.stack([units, units], axis=1))


def table_of(texts, speakers=None):
    rows = []
    for number, (reference, hypothesis) in enumerate(texts):
        row = {"utterance_id": f"u{number}", "reference": reference, "hypothesis": hypothesis}
        for unit, process in (("word", jiwer.process_words), ("character", jiwer.process_characters)):
            counted = process(reference, hypothesis)
            for name in ("hits", "substitutions", "deletions", "insertions"):
                row[f"{unit}_{name}"] = float(getattr(counted, name))
        rows.append(row | ({} if speakers is None else {"record_speaker_id": speakers[number]}))
    return pd.DataFrame(rows)


def rate(texts, speakers=None, unit="word"):
    return rate_errors(Record(table_of(texts, speakers)), unit)


@pytest.mark.parametrize(("unit", "expected"), [("word", jiwer.wer), ("character", jiwer.cer)])
def test_rate_agrees_with_jiwer_to_the_last_digit(unit, expected):
    references, hypotheses = zip(*TEXTS, strict=True)
    assert rate(TEXTS, unit=unit).rate == expected(list(references), list(hypotheses))


def test_rate_is_a_ratio_of_sums_not_a_mean_of_rates():
    assert rate([("A", "B"), ("A B C D E F G H I", "A B C D E F G H I")]).rate == pytest.approx(1 / 10)


def test_speakers_are_left_out_one_at_a_time():
    errors = 100 * np.array([0.5, 1.0, 2.0, 3.0, 4.0, 5.0])
    low, high = find_interval(np.stack([errors, np.full(6, 500.0)], axis=1), "rate")
    changes = np.log([np.delete(errors, k).sum() / 2500 / (errors.sum() / 3000) for k in range(6)])
    error, quantile = np.sqrt(5 / 6 * np.sum(changes**2)), student.ppf(0.975, 5)
    value = errors.sum() / 3000
    assert low == pytest.approx(value * np.exp(-quantile * error))
    assert high == pytest.approx(value * np.exp(quantile * error + error**2 * (quantile**2 + 1) / 2))


@pytest.mark.parametrize(
    ("texts", "speakers", "resampled", "note"),
    [
        (TEXTS, ["1", "2", "3", "4", None], "speakers", "few speakers (4): a coarse interval"),
        (TEXTS, ["1", "2", "3", "4", "5"], "speakers", None),
        (TEXTS, ["1"] * 5, "nothing", "a single speaker: no interval"),
        (TEXTS, None, "utterances", "utterances resampled: no speaker is known"),
        (TEXTS[:1], None, "nothing", "fewer than two utterances: no interval"),
    ],
)
def test_what_is_left_out_is_told(texts, speakers, resampled, note):
    found = rate(texts, speakers)
    assert (found.resampled, found.note) == (resampled, note)
    assert found.low is None if resampled == "nothing" else found.low < found.rate < found.high


def test_interval_does_not_depend_on_the_order_of_rows(simulate):
    table = simulate(1, speakers=8)
    assert rate_errors(Record(table)) == rate_errors(Record(table.sample(frac=1, random_state=3)))


def test_no_reference_words_count_insertions_as_jiwer_does():
    found = rate([("", "A B"), ("", "")])
    assert (found.rate, found.low, found.units) == (jiwer.wer(["", ""], ["A B", ""]), None, 0)


def test_failed_rows_are_left_out_and_counted():
    table = table_of(TEXTS)
    table.loc[0, [name for name in table if name.startswith("word_")]] = None
    assert rate_errors(Record(table)).utterances == 4
    assert summarize_rates(Record(table))["failed"] == 1


def test_rates_by_group_add_up(simulate):
    record = Record(simulate(0, speakers=10))
    column = record.column("record_gender")
    rates = rate_groups(record, column.codes, 2)
    assert sum(own.errors for own in rates) == rate_errors(record).errors
    assert rates[0] == rate_errors(record.select(column.codes == 0))


def test_length_falls_back_to_reference_words():
    summary = summarize_rates(Record(table_of(TEXTS)))
    assert (summary["length"], summary["word"]["length"]["1"]["utterances"]) == ("reference words", 1)


def test_summary_is_json_and_the_same_twice(simulate):
    record = Record(simulate(2, speakers=6, utterances=4))
    first, second = (json.dumps(summarize_rates(record), allow_nan=False) for _ in range(2))
    assert first == second
    assert set(json.loads(first)["word"]) == {"all", "groups", "split", "subset", "length", "speaker"}
    empty = summarize_rates(Record(pd.DataFrame()))
    assert (empty["word"]["groups"], empty["word"]["all"]["rate"]) == ({}, None)


def test_one_speaker_has_no_interval_and_no_test():
    assert find_interval(np.array([[1.0, 10.0], [0.0, 0.0]]), "rate") == (None, None)
    assert compare_changes(np.array([1.0]), np.array([10.0])) is None
    assert compare_groups(np.ones(6), np.full(6, 9.0), np.arange(6) < 3, np.zeros(6, int)) is None


def test_a_long_speaker_does_not_count_as_many():
    low, high = find_interval(EQUAL, "rate")
    longer, wider = find_interval(np.array([[100.0, 1000], *EQUAL[1:]]), "rate")
    assert wider / longer > high / low


def test_bounds_stay_finite_where_one_speaker_has_nearly_all():
    low, high = find_interval(np.array([[900.0, 100_000], [9, 10], [0, 10], [9, 10], [0, 10]]), "rate")
    assert 0 <= low < 0.0092 < high <= 100 * 918 / 100_040 * (1 + 1e-9)


def test_no_errors_leave_an_upper_bound():
    assert find_interval(np.array([[0.0, 500], [0, 500]]), "rate") == pytest.approx((0, 0.003689), rel=1e-3)
    low, high = find_interval(np.array([[0.0, 500], [0, 500], [0, 500]]), "share")
    assert low == 0 < high < 0.02


def test_shares_mirror_and_stay_within_their_range():
    sums = np.array([[9.0, 10], [10, 10], [7, 10], [10, 10], [10, 10]])
    low, high = find_interval(sums, "share")
    mirrored = find_interval(np.stack([10 - sums[:, 0], sums[:, 1]], axis=1), "share")
    assert 0 <= low < 0.92 < high <= 1
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high))


def test_means_below_zero_mirror_those_above_and_mixed_ones_are_differences():
    low, high = find_interval(EQUAL, "rate")
    assert find_interval(EQUAL * [-1, 1], "rate") == pytest.approx((-high, -low))
    mixed = EQUAL * [[1, 1], [-1, 1], [1, 1], [1, 1], [1, 1]]
    assert find_interval(mixed, "rate") == find_interval(mixed, "linear")


def test_paired_test_of_equal_speakers_is_the_paired_t_test():
    changes = np.array([-3.0, 1, -5, -2, 0, -4])
    found, expected = compare_changes(changes, np.full(6, 100.0)), ttest_1samp(changes, 0)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(np.array(expected.confidence_interval()) / 100)
    assert found.probability == pytest.approx(1 - found.p_value / 2)
    assert find_interval(np.stack([changes, np.full(6, 100.0)], axis=1), "linear") == pytest.approx(
        (found.low, found.high)
    )


def test_same_change_everywhere_leaves_no_doubt():
    found = compare_changes(np.full(5, -10.0), np.full(5, 100.0))
    assert (found.low, found.high, found.p_value, found.probability) == (-0.1, -0.1, 0.0, 1.0)
    same = compare_changes(np.zeros(5), np.full(5, 100.0))
    assert (same.p_value, same.probability) == (1.0, 0.5)


def test_utterances_of_a_speaker_do_not_multiply_the_evidence():
    inside, errors = np.arange(8) < 4, np.array([5, 3, 4, 6, 3, 2, 4, 3.0])
    once = compare_groups(errors, np.full(8, 10.0), inside, np.arange(8))
    often = compare_groups(
        np.repeat(errors, 30), np.full(240, 10.0), np.repeat(inside, 30), np.repeat(np.arange(8), 30)
    )
    assert (often.p_value, often.low) == pytest.approx((once.p_value, once.low))
    assert once.value == pytest.approx(0.15)


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


# Simulations: speakers whose rates are log-normal and whose sizes differ, SIZE being the deviation of their logarithms.
WORDS, SIZE = 400, 0.4


def draw_words(generator, shape, size=SIZE, mean=WORDS):
    return np.maximum(np.rint(mean * np.exp(size * generator.standard_normal(shape))), 2)


def draw_rates(generator, shape, rate, spread):
    return rate * np.exp(spread * generator.standard_normal(shape) - spread**2 / 2)


def cover_rate(generator, speakers, rate, spread, sets, size=SIZE):
    words = draw_words(generator, (sets, speakers), size)
    errors = generator.poisson(words * draw_rates(generator, words.shape, rate, spread)).astype(float)
    return [find_interval(np.stack(pair, axis=1), "rate") for pair in zip(errors, words, strict=True)], rate


def cover_share(generator, speakers, share, spread, sets, size=SIZE):
    count = draw_words(generator, (sets, speakers), size, mean=60)
    normal = np.random.default_rng(0).standard_normal(20_001)
    levels = np.linspace(-12, 12, 2401)
    level = levels[np.searchsorted([expit(own + spread * normal).mean() for own in levels], share)]
    shares = expit(level + spread * generator.standard_normal(count.shape))
    drawn = generator.binomial(count.astype(int), shares).astype(float)
    return [find_interval(np.stack(pair, axis=1), "share") for pair in zip(drawn, count, strict=True)], share


def cover_paired(generator, speakers, rate, spread, sets, size=SIZE):
    words = draw_words(generator, (sets, speakers), size)
    common = draw_rates(generator, words.shape, rate, spread)
    first, second = (
        generator.poisson(words * common * draw_rates(generator, words.shape, 1, 0.2)) for _ in "ab"
    )
    tested = (compare_changes(*pair) for pair in zip((second - first).astype(float), words, strict=True))
    return [(test.low, test.high) for test in tested], 0.0


def cover_groups(generator, speakers, rate, spread, sets, size=SIZE):
    """Two groups of speakers, a third and the rest."""
    words = draw_words(generator, (sets, speakers), size)
    errors = generator.poisson(words * draw_rates(generator, words.shape, rate, spread)).astype(float)
    inside, blocks = np.arange(speakers) < round(speakers / 3), np.arange(speakers)
    tested = (compare_groups(*pair, inside, blocks) for pair in zip(errors, words, strict=True))
    return [(test.low, test.high) for test in tested], 0.0


def cover_correlation(generator, speakers, rate, spread, sets, size=SIZE):
    """A trait that differs between speakers and within them, and has nothing to do with errors."""
    found = []
    for number in range(sets):
        blocks = np.repeat(np.arange(speakers), draw_words(generator, speakers, size, mean=25).astype(int))
        rates = draw_rates(generator, speakers, rate, spread)[blocks] * draw_rates(
            generator, len(blocks), 1, 0.5
        )
        words = generator.integers(4, 36, len(blocks))
        errors = generator.binomial(words, rates.clip(0, 0.9))
        between = (0.1, 0.5, 1.0)[number % 3]
        trait = between * generator.standard_normal(speakers)[blocks]
        trait += (1 - between) * generator.standard_normal(len(blocks))
        tested = correlate_ranks(trait, errors / words, blocks)
        found.append((tested.low, tested.high))
    return found, 0.0


def measure_coverage(cover, *options, seed=0, **others):
    found, truth = cover(
        np.random.default_rng([seed, *(round(1000 * own) for own in options)]), *options, **others
    )
    return float(np.mean([low <= truth <= high for low, high in found]))


@pytest.mark.parametrize("cover", [cover_rate, cover_share, cover_paired, cover_groups, cover_correlation])
def test_interval_covers_what_it_should(cover):
    assert 0.91 <= measure_coverage(cover, 10, 0.1, 0.6, 300) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("speakers", [8, 12, 20, 40])
@pytest.mark.parametrize("spread", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("size", [0.4, 0.8])
def test_coverage_from_8_speakers_on(speakers, spread, size):
    for rate in (0.03, 0.3):
        for cover in (cover_rate, cover_paired, cover_groups):
            covered = measure_coverage(cover, speakers, rate, spread, 2000, size=size)
            assert 0.925 <= covered <= 0.985, (cover.__name__, rate, covered)
    covered = measure_coverage(cover_correlation, speakers, 0.15, spread, 400, size=size)
    assert 0.92 <= covered <= 0.985


@pytest.mark.slow
@pytest.mark.parametrize("speakers", [8, 12, 20, 40])
@pytest.mark.parametrize("share", [0.005, 0.03, 0.5, 0.97, 0.995])
@pytest.mark.parametrize("spread", [0.3, 0.8])
def test_shares_near_0_and_1_are_covered_at_a_reasonable_width(speakers, share, spread):
    generator = np.random.default_rng([speakers, round(1000 * share), round(10 * spread)])
    found, _ = cover_share(generator, speakers, share, spread, 2000)
    assert 0.925 <= np.mean([low <= share <= high for low, high in found]) <= 0.985
