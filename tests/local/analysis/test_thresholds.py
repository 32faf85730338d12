"""Thresholds on a run: what they read, what they refuse, what they compare."""

import pytest

from librispeech_clf.local.analysis.thresholds import check_threshold, read_threshold


def make_rates(rate, women):
    everything = {"rate": rate, "low": rate - 0.05, "high": rate + 0.05}
    group = {"F": {"rate": women, "low": None, "high": None}}
    return {"all": everything, "split": {}, "subset": {"test-clean": everything}, "gender": group, "length": {},
            "speaker": {}}  # fmt: skip


SUMMARY = {
    "failed": 2,
    "length": "duration in s",
    "word": make_rates(0.31, 0.5),
    "character": make_rates(0.1, 0.2),
    "findings": [{}],
    "run": {"compared with": "last week"},
    "systems": {
        "pairs": [
            {"second": "whisper", "difference": -0.5, "low": -0.6, "high": -0.4},
            {"second": "last week", "difference": -0.02, "low": -0.05, "high": 0.01},
            {"second": "last week", "difference": 0.48, "low": 0.4, "high": 0.5},
        ],
        "characters": [{"second": "last week", "difference": 0.03, "low": None, "high": None}],
    },
}


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("wer > 0.30", 0.31, True),
        ("WER>0.31", 0.31, False),
        ("wer >= 0.31", 0.31, True),
        ("wer.low > 0.30", 0.26, False),
        ("cer < 0.2", 0.1, True),
        ("wer of gender: F > 0.4", 0.5, True),
        ("cer of gender:f > 0.4", 0.2, False),
        ("wer of subset: test-clean > 0.30", 0.31, True),
        ("failed > 0", 2.0, True),
        ("findings > 1", 1.0, False),
        ("wer.change > 0.01", 0.02, True),
        ("wer.change.low > 0", -0.01, False),
        ("wer.change.high > 0", 0.05, True),
        ("cer.change > 0", -0.03, False),
    ],
)
def test_figures_are_compared(text, value, holds):
    crossing = check_threshold(read_threshold(text), SUMMARY)
    assert (crossing.condition, crossing.value, crossing.holds) == (text, pytest.approx(value), holds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "wer",
        "wer > x",
        "mer > 0.3",
        "wer.middle > 1",
        "failed of gender: F > 0",
        "wer == 0.3",
        "wer > nan",
    ],
)
def test_what_is_no_condition_is_refused_with_examples(text):
    with pytest.raises(ValueError, match='such as "wer > 0.30"'):
        read_threshold(text)


def test_an_unknown_group_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="there are subset: test-clean, gender: f"):
        check_threshold(read_threshold("wer of gender: X > 0.3"), SUMMARY)


def test_a_figure_that_the_run_lacks_is_refused():
    for text in ("wer.low of gender: F > 0", "cer.change.low > 0"):
        with pytest.raises(ValueError, match="no such figure"):
            check_threshold(read_threshold(text), SUMMARY)
    for changed in ({"run": {}}, {"systems": None}):  # no older run, or no other system
        with pytest.raises(ValueError, match="no such figure"):
            check_threshold(read_threshold("wer.change > 0"), SUMMARY | changed)
