"""Thresholds on a run: what they read, what they refuse, what they compare."""

import pytest

from librispeech_clf.local.analysis.thresholds import check_threshold, read_threshold, refuse_misfits


def make_rates(rate, women):
    everything = {"rate": rate, "low": rate - 0.05, "high": rate + 0.05}
    group = {"F": {"rate": women, "low": None, "high": None}}
    return {"all": everything, "split": {}, "subset": {"test-clean": everything}, "length": {}, "speaker": {},
            "groups": {"gender": group, "snr_db": {"10 to 20": everything}}}  # fmt: skip


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
    ("text", "value", "violated"),
    [
        ("wer > 0.30", 0.31, True),
        ("WER>0.31", 0.31, False),
        ("wer >= 0.31", 0.31, True),
        ("wer.low > 0.30", 0.26, False),
        ("cer < 0.2", 0.1, True),
        ("wer of gender: F > 0.4", 0.5, True),
        ("cer of gender:f > 0.4", 0.2, False),
        ("wer of subset: test-clean > 0.30", 0.31, True),
        ("wer of SNR_dB: 10 to 20 > 0.30", 0.31, True),
        ("failed > 0", 2.0, True),
        ("findings > 1", 1.0, False),
        ("wer.change > 0.01", 0.02, True),
        ("wer.change.low > 0", -0.01, False),
        ("wer.change.high > 0", 0.05, True),
        ("cer.change > 0", -0.03, False),
    ],
)
def test_figures_are_compared(text, value, violated):
    crossing = check_threshold(read_threshold(text), SUMMARY)
    assert (crossing.condition, crossing.value, crossing.violated) == (text, pytest.approx(value), violated)


NO_CONDITION = 'such as "wer > 0.30"'


@pytest.mark.parametrize(
    ("text", "changed", "reason"),
    [
        ("", {}, NO_CONDITION),
        ("wer", {}, NO_CONDITION),
        ("wer > x", {}, NO_CONDITION),
        ("mer > 0.3", {}, NO_CONDITION),
        ("wer.middle > 1", {}, NO_CONDITION),
        ("failed of gender: F > 0", {}, NO_CONDITION),
        ("wer == 0.3", {}, NO_CONDITION),
        ("wer > nan", {}, NO_CONDITION),
        ("wer of gender: X > 0.3", {}, "there are gender: f"),
        ("wer.low of gender: F > 0", {}, "no such figure"),
        ("cer.change.low > 0", {}, "no such figure"),
        ("wer.change > 0", {"run": {}}, "no such figure"),  # no older run
        ("wer.change > 0", {"systems": None}, "no such figure"),
    ],
)
def test_what_is_no_condition_or_what_the_run_lacks_is_refused(text, changed, reason):
    with pytest.raises(ValueError, match=reason):
        check_threshold(read_threshold(text), SUMMARY | changed)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("wer of accent: scotish > 0.3", "there are accent: irish, accent: scottish"),
        ("wer of duration: 5 to 11 > 0.3", "there are duration: 5 to 10. Numbers are cut where groups"),
        ("wer of mood: good > 0.3", "there are accent: irish, accent: scottish, duration"),
        ("cer.change.low > 0", "name its folder with --compare"),
    ],
)
def test_what_the_run_will_not_have_is_refused_before_it(text, reason):
    groups = ["accent: irish", "accent: scottish", "duration: 5 to 10"]
    with pytest.raises(ValueError, match=reason):
        refuse_misfits([read_threshold(text)], groups, compare=False)


def test_what_the_run_may_have_is_let_pass():
    texts = "WER OF accent: Irish > 0", "wer of duration in s: 1 to 2 > 0", "failed > 0", "wer.change > 0"
    assert refuse_misfits(map(read_threshold, texts), ["accent: irish"], compare=True) is None


def test_groups_that_differ_in_case_are_told_apart():
    accents = {"British": {"rate": 1.0}, "british": {"rate": 0.0}, "US": {"rate": 0.5}}
    changed = SUMMARY | {"word": make_rates(0.31, 0.5) | {"groups": {"accent": accents}}}
    for name, rate in (("British", 1.0), ("british", 0.0), ("us", 0.5)):
        assert check_threshold(read_threshold(f"wer of Accent:{name} > 0.3"), changed).value == rate
    with pytest.raises(ValueError, match="may be accent: British or accent: british"):
        check_threshold(read_threshold("wer of accent: BRITISH > 0.3"), changed)
