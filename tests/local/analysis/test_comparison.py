"""Two runs compared: differences by hand, tests with known answers, clear refusals."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from librispeech_clf.local.analysis.comparison import compare_runs
from librispeech_clf.local.analysis.record import Record


def run_of(errors, words=20, speakers=10):
    errors = np.asarray(errors, float)
    count = len(errors)
    return pd.DataFrame(
        {
            "utterance_id": [f"u{n:03d}" for n in range(count)],
            "reference": [f"TEXT {n}" for n in range(count)],
            "word_hits": words - errors,
            "word_substitutions": errors,
            "word_deletions": 0.0,
            "word_insertions": 0.0,
            "record_speaker_id": [str(n % speakers) for n in range(count)],
        }
    )


def compare(first, second, **options):
    return compare_runs(Record(first), Record(second), **options)


def test_difference_and_changes_by_hand():
    found = compare(run_of([2, 3, 0, 1]), run_of([1, 3, 2, 1]))
    assert found.word.difference == pytest.approx(1 / 80)
    assert [(change.utterance_id, change.first, change.second) for change in found.better] == [("u000", 2, 1)]
    assert [(change.utterance_id, change.first, change.second) for change in found.worse] == [("u002", 0, 2)]
    assert found.unchanged == 2
    assert found.word.changes == {"hits": -1, "substitutions": 1, "deletions": 0, "insertions": 0}
    assert found.character is None


def test_references_without_words_are_compared_by_their_insertions():
    first, second = (run_of([0, 0], words=0).assign(word_insertions=count) for count in (1.0, 3.0))
    found = compare(first, second).word
    assert (found.first.rate, found.second.rate, found.difference) == (2, 6, 4)
    assert found.changes["insertions"] == 4


def test_test_is_a_paired_t_of_the_speakers():
    changes = np.random.default_rng(0).integers(-2, 3, 500)
    found = compare(run_of(np.full(500, 5)), run_of(5 + changes)).word
    expected = ttest_1samp([changes[speaker::10].sum() for speaker in range(10)], 0)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.probability_of_improvement == pytest.approx(
        expected.pvalue / 2 if changes.sum() > 0 else 1 - expected.pvalue / 2
    )
    ends = np.array(expected.confidence_interval()) * 10 / (500 * 20)
    assert [found.low, found.high] == pytest.approx(ends, rel=1e-5)


def test_comparison_of_many_utterances_is_linear():
    many = run_of(np.zeros(20_000))
    assert compare(many, many).unchanged == 20_000


def test_better_run_is_found_and_same_run_is_not():
    generator = np.random.default_rng(0)
    first = generator.binomial(20, 0.2, 200)
    better = compare(run_of(first), run_of(np.maximum(first - generator.integers(0, 2, 200), 0))).word
    assert better.difference < 0
    assert better.high < 0
    assert better.p_value < 0.01
    assert better.probability_of_improvement > 0.995
    same = compare(run_of(first), run_of(first)).word
    assert (same.difference, same.p_value) == (0.0, 1.0)
    assert same.probability_of_improvement == 0.5


def test_paired_interval_is_narrower_than_the_runs_own():
    generator = np.random.default_rng(1)
    first = generator.binomial(20, np.repeat(generator.uniform(0, 0.5, 20), 10))
    found = compare(run_of(first, speakers=20), run_of(np.maximum(first - 1, 0), speakers=20)).word
    assert found.high - found.low < (found.first.high - found.first.low) / 2


def test_order_of_rows_does_not_matter_and_unshared_are_listed():
    first, second = run_of([2, 3, 0, 1, 5]), run_of([1, 3, 2, 1])
    shuffled = compare(first, second.sample(frac=1, random_state=0))
    assert shuffled == compare(first, second)
    assert (shuffled.only_first, shuffled.only_second) == (("u004",), ())


def test_failed_rows_count_as_not_shared():
    second = run_of([1, 3, 2])
    second.loc[0, "word_hits"] = None
    assert compare(run_of([1, 3, 2]), second).only_first == ("u000",)


def test_runs_without_shared_utterances_are_refused():
    other = run_of([1]).assign(utterance_id="x")
    with pytest.raises(
        ValueError, match="small and large: .* received 1 and 1 scored utterances, none shared"
    ):
        compare(run_of([1]), other, names=("small", "large"))
    with pytest.raises(ValueError, match="received 0 and 1 scored utterances"):
        compare(pd.DataFrame(), run_of([1]))


def test_differing_references_are_refused():
    other = run_of([1, 1]).assign(reference=["TEXT 0", "OTHER"])
    with pytest.raises(ValueError, match="u001: .* received 'TEXT 1' in first and 'OTHER' in second"):
        compare(run_of([1, 1]), other)


def test_differing_numbers_of_words_are_refused_without_texts():
    first, second = (run_of([1, 1], words).drop(columns="reference") for words in (20, 21))
    with pytest.raises(ValueError, match="u000: .* received '20 words' in first and '21 words'"):
        compare(first, second)


def test_utterance_that_occurs_twice_is_refused():
    with pytest.raises(ValueError, match="first: an utterance may occur once; received 'u000'"):
        compare(pd.concat([run_of([1]), run_of([1])]), run_of([1]))


def test_one_utterance_has_no_interval():
    found = compare(run_of([1]), run_of([0])).word
    assert (found.low, found.p_value, found.probability_of_improvement) == (None, None, None)


def test_zero_reference_words_do_not_break():
    first, second = run_of([0, 0], 0), run_of([0, 0], 0).assign(word_insertions=[1.0, 0.0])
    found = compare(first, second).word
    assert (found.difference, found.low) == (1.0, None)


def test_comparison_is_json():
    found = compare(run_of([1, 2]), run_of([0, 2]))
    assert json.loads(json.dumps(asdict(found), allow_nan=False))["names"] == ["first", "second"]
