"""Corpus error rates and their intervals, against jiwer and against speakers' spread known in advance."""

import json

import jiwer
import numpy as np
import pandas as pd
import pytest

from librispeech_clf.local.analysis.intervals import (
    bin_by_length,
    corpus_error_rate,
    error_rates_by,
    find_blocks,
    resample_sums,
    summarize,
)

TEXTS = [
    ("THE CAT SAT ON THE MAT", "THE CAP SAT ON MAT"),
    ("A DOG", "A DOG BARKED"),
    ("OH NO", ""),
    ("YES", "YES"),
    ("SEVEN LONG WORDS ARE SPOKEN IN SEQUENCE", "SEVEN WORDS IS SPOKEN IN A SEQUENCE"),
]


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


@pytest.mark.parametrize(("unit", "rate"), [("word", jiwer.wer), ("character", jiwer.cer)])
def test_rate_agrees_with_jiwer_to_the_last_digit(unit, rate):
    references, hypotheses = zip(*TEXTS, strict=True)
    assert corpus_error_rate(table_of(TEXTS), unit=unit).rate == rate(list(references), list(hypotheses))


def test_rate_is_a_ratio_of_sums_not_a_mean_of_rates():
    table = table_of([("A", "B"), ("A B C D E F G H I", "A B C D E F G H I")])
    assert corpus_error_rate(table).rate == pytest.approx(1 / 10)


def test_speakers_are_left_out_together():
    rates = np.repeat([0.0, 0.1, 0.2, 0.3, 0.4, 0.5], 50)
    table = pd.DataFrame({"utterance_id": [f"u{n:03d}" for n in range(300)], "word_hits": 10 - 10 * rates})
    table = table.assign(word_substitutions=10 * rates, word_deletions=0.0, word_insertions=0.0)
    by_speaker = corpus_error_rate(table.assign(record_speaker_id=np.repeat(list("abcdef"), 50)))
    by_utterance = corpus_error_rate(table)
    # mean 0.25 of the six rates: standard error 0.1871 / sqrt(6) = 0.0764, relative 0.3055; t(5) = 2.5706
    assert by_speaker.low == pytest.approx(0.25 * np.exp(-2.5706 * 0.3055), rel=1e-3)
    assert by_speaker.high == pytest.approx(0.25 * np.exp(2.5706 * 0.3055 * (1 + 1.5 * 0.3055)), rel=1e-3)
    assert (by_utterance.high - by_utterance.low) / 2 == pytest.approx(1.96 * 0.1708 / 300**0.5, rel=0.06)
    assert (by_speaker.resampled, by_utterance.resampled) == ("speakers", "utterances")


def test_few_speakers_are_named_as_few():
    rate = corpus_error_rate(table_of(TEXTS, ["1", "2", "3", "4", None]))
    assert (rate.resampled, rate.speakers) == ("speakers", 4)
    assert rate.note == "few speakers (4): a coarse interval"
    assert rate.low < rate.rate < rate.high


def test_a_single_speaker_has_no_interval():
    rate = corpus_error_rate(table_of(TEXTS, ["1"] * 5))
    assert (rate.low, rate.high, rate.resampled) == (None, None, "nothing")
    assert rate.note == "a single speaker: no interval"


def test_a_bootstrap_of_few_speakers_draws_utterances():
    blocks = find_blocks(table_of(TEXTS, ["1", "2", "3", "4", None]))
    assert (blocks.count, blocks.resampled) == (5, "utterances")
    assert blocks.note == "utterances resampled: only 4 speakers are known"


def test_utterance_of_an_unknown_speaker_is_a_block_of_its_own():
    table = table_of(TEXTS + TEXTS, ["1", "2", "3", "4", "5", "5", None, None, np.nan, "1"])
    assert find_blocks(table).count == 8


def test_interval_does_not_depend_on_the_order_of_rows(simulate):
    table = simulate(1, speakers=8)
    assert corpus_error_rate(table) == corpus_error_rate(table.sample(frac=1, random_state=3))


def test_resampled_sums_are_the_sums_on_average():
    table = table_of(TEXTS)
    values = np.arange(10.0).reshape(5, 2)
    drawn = resample_sums(values, find_blocks(table), replicates=20_000)
    assert drawn.mean(axis=0) == pytest.approx(values.sum(axis=0), rel=0.02)


def test_empty_table_has_no_rate():
    rate = corpus_error_rate(pd.DataFrame())
    assert (rate.rate, rate.low, rate.utterances, rate.resampled) == (None, None, 0, "nothing")
    assert json.loads(json.dumps(summarize(pd.DataFrame())))["word"]["gender"] == {}


def test_single_utterance_has_no_interval():
    rate = corpus_error_rate(table_of(TEXTS[:1]))
    assert (rate.rate, rate.low, rate.high) == (2 / 6, None, None)
    assert rate.note == "fewer than two utterances: no interval"


def test_no_reference_words_count_insertions_as_jiwer_does():
    rate = corpus_error_rate(table_of([("", "A B"), ("", "")]))
    assert (rate.rate, rate.low, rate.units) == (jiwer.wer(["", ""], ["A B", ""]), None, 0)


def test_failed_rows_are_left_out_and_counted():
    table = table_of(TEXTS)
    table.loc[0, [name for name in table if name.startswith("word_")]] = None
    assert corpus_error_rate(table).utterances == 4
    assert summarize(table)["failed"] == 1


def test_unknown_unit_is_refused():
    with pytest.raises(ValueError, match="unit: one of .* received 'phone'"):
        corpus_error_rate(table_of(TEXTS), unit="phone")


def test_rates_by_group_add_up(simulate):
    table = simulate(0, speakers=10)
    rates = error_rates_by(table, list(table["record_gender"]))
    assert sum(rate.errors for rate in rates.values()) == corpus_error_rate(table).errors
    assert set(rates) == {"F", "M"}


def test_length_falls_back_to_reference_words():
    what, bins = bin_by_length(table_of(TEXTS))
    assert what == "reference words"
    assert bins.groups()[3] == "1"


def test_summary_is_json_and_the_same_twice(simulate):
    table = simulate(2, speakers=6, utterances=4)
    first, second = (json.dumps(summarize(table), allow_nan=False) for _ in range(2))
    assert first == second
    assert list(json.loads(first)["word"]) == ["all", "split", "subset", "gender", "length", "speaker"]
