"""Summary and terminal: figures agree with jiwer, texts stay texts, the same rows give the same bytes."""

import json

import jiwer
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.summary import (
    analyze,
    collect_findings,
    find_worst,
    group_failures,
    make_plain,
    render_json,
    summarize,
)
from librispeech_clf.local.report import terminal
from tests.helpers.results import count_errors

TEXTS = [
    ("THE CAT SAT ON THE MAT", "THE CAT SAT ON MAT"),
    ("IT RAINED", "IT RAINED ALL DAY LONG"),
    ("NOTHING WAS SAID", ""),
    ("ALL WENT WELL", "ALL WENT WELL"),
    ("[bold]A MAN[/bold]", "A [red]MAN"),
    ("GOOD MORNING", "GOOD MOURNING"),
]
SAID, HEARD = map(list, zip(*TEXTS, strict=True))


def make_results(texts=TEXTS) -> pd.DataFrame:
    rows = []
    for number, (reference, hypothesis) in enumerate(texts):
        row = {"utterance_id": f"u-{number}", "split": "test", "subset": "part", "error": None}
        row |= {"simulation": None, "severity": None, "reference": reference, "hypothesis": hypothesis}
        row |= {"record_speaker_id": str(number % 5), "record_gender": "FM"[number % 2]}
        row |= {"signal_duration_s": 1.0 + number, "latent": np.arange(4.0) + number}
        rows.append(row | count_errors(reference, hypothesis))
    return pd.DataFrame(rows)


def run(results, **options):
    return analyze({"run": Record(results)}, **options)


def show(analysis, width: int = 100) -> str:
    console = Console(width=width, record=True, quiet=False, file=open("/dev/null", "w"))  # noqa: SIM115
    for part in terminal.show_analysis(analysis):
        console.print(part)
    return console.export_text()


def test_rates_agree_with_jiwer_to_the_last_digit_and_the_same_rows_give_the_same_bytes():
    texts = [render_json(summarize(run(make_results()), {"model": "wav2vec.h5"})) for _ in range(2)]
    assert texts[0] == texts[1]
    summary = json.loads(texts[0])
    assert summary["run"] == {"model": "wav2vec.h5"}
    assert summary["word"]["all"]["rate"] == jiwer.wer(SAID, HEARD)
    assert summary["character"]["all"]["rate"] == jiwer.cer(SAID, HEARD)
    assert summary["word"]["groups"]["gender"]["F"]["rate"] == jiwer.wer(SAID[::2], HEARD[::2])


def test_worst_come_by_rate_and_without_correct_ones():
    worst = find_worst(Record(make_results()))
    assert [item.utterance_id for item in worst] == ["u-1", "u-2", "u-4", "u-5", "u-0"]
    assert (worst[0].errors, worst[0].words) == (3, 2)


def test_failed_rows_are_listed_with_their_conditions():
    results = make_results()
    results.loc[6, ["utterance_id", "split", "error"]] = ["u-9", "test", "u-9: cut off"]
    results.loc[7, ["utterance_id", "split", "error"]] = ["u-8", "test", "too long"]
    results.loc[7, ["simulation", "severity"]] = ["tempo", 0.7]
    analysis = run(results, refused={"tempo (rate 0.7)": "no utterance fits"})
    assert analysis.failures == {
        "u-9": "u-9: cut off",
        "u-8 (tempo, 0.7)": "too long",
        "tempo (rate 0.7)": "no utterance fits",
    }
    assert "3 failed" in show(analysis) and "u-9: cut off" in show(analysis)


def test_terminal_shows_rates_groups_and_texts_as_they_are():
    told = []
    text = show(run(make_results(), on_progress=told.append))
    rate = f"{100 * jiwer.wer(SAID, HEARD):.2f}"
    shown = "split: test", "gender: F", "duration in s:", "[bold]A MAN[/bold]", "(nothing)", "none of"
    assert [part for part in (rate, *shown) if part not in text] == []
    assert told[0] == "error rates" and "latent maps" in told


def test_a_text_that_does_not_fit_ends_in_an_ellipsis_and_the_names_stay_whole():
    results = make_results([("A LONG SENTENCE " * 9, "A SHORT TENTS " * 9), *TEXTS])
    results["utterance_id"] = [f"1089-134686-{number:04d}" for number in range(len(results))]
    text = show(run(results), width=80)
    lines = text[text.index("Worst") : text.index("Weak clusters")].splitlines()
    cut = [line.rstrip() for line in lines if "LONG SENT" in line or "SHORT TENTS" in line]
    assert len(cut) == 2 and all(line.endswith("…") and 65 < len(line) <= 80 for line in cut)
    assert "1089-134686-0000  " in cut[0]


def test_systems_are_shown():
    systems = {"new": make_results(), "old": make_results(list(zip(SAID, SAID, strict=True)))}
    analysis = analyze({name: Record(results) for name, results in systems.items()})
    assert analysis.systems.pairs[0].second == "old"
    text = show(analysis)
    assert "5 utterances better, 0 worse" in " ".join(text.split())
    assert max(len(line.rstrip()) for line in text[text.index("Systems") :].splitlines()) <= 80
    assert collect_findings(analysis, {})["systems"]["characters"][0]["better"] == 5


@pytest.mark.parametrize("results", [make_results().iloc[:0], pd.DataFrame()])
def test_no_utterance_at_all_is_shown(results):
    analysis = run(results)
    assert "Error rates" in show(analysis)
    assert (analysis.rates["word"]["groups"], analysis.rates["word"]["all"]["rate"]) == ({}, None)
    assert json.loads(render_json(summarize(analysis, {})))["utterances"] == 0


@pytest.mark.parametrize(
    ("value", "plain"),
    [(float("nan"), None), (1 / 3, 0.3333333333), ((1, {"a": float("inf")}), [1, {"a": None}])],
)
def test_numbers_become_plain(value, plain):
    assert make_plain(value) == plain


def test_failures_of_one_reason_are_one_whatever_they_name():
    letters = "the letters A-Z, ' and spaces; received"
    failures = {f"u{n}": f"u{n}: {letters} {list(str(n))}. Spell it out." for n in range(100)}
    failures |= {name: f"{name}: /data/{name * 3}.wav does not exist; restore it." for name in "ab"}
    failures["c"] = "c: is empty."
    groups = group_failures(failures)
    assert [(reason, len(names), names[0]) for reason, names in groups] == [
        (f"{letters} ['0']. Spell it out.", 100, "u0"),
        ("/data/aaa.wav does not exist; restore it.", 2, "a"),
        ("is empty.", 1, "c"),
    ]
