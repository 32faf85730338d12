"""One's own groups from the table to the report: 300 recordings of five accents, three devices, and a noise ratio."""

import json
import os

import numpy as np
import pandas as pd
import pytest
import soundfile

from librispeech_clf.local.commands.evaluate import THRESHOLD_CROSSED
from tests.helpers.made_up_speech import sing

ACCENTS, DEVICES = ("british", "indian", "irish", "nigerian", "scottish"), ("headset", "laptop", "phone")
COUNT = 300


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> pd.DataFrame:
    """Write the corpus and what a recognizer wrote; 40 speakers, words left out where it is noisy."""
    folder = tmp_path_factory.mktemp("accents")
    generator = np.random.default_rng(0)
    soundfile.write(folder / "a.wav", sing("BEE SEA"), 16000)
    rows = [
        {
            "file_name": f"{number}.wav",
            "id": f"u{number:03d}",
            "text": " ".join(generator.choice(["BEE", "SEA", "TEN", "ZOO"], int(generator.integers(2, 9)))),
            "speaker_id": f"s{number % 40}",
            "accent": ACCENTS[number % 40 % 5],
            "device": generator.choice(DEVICES),
            "snr_db": round(float(generator.uniform(0, 30)), 1),
            "gender": "fm"[number % 2] if number % 7 else "",
        }
        for number in range(COUNT)
    ]
    for row in rows:
        os.link(folder / "a.wav", folder / row["file_name"])
    table = pd.DataFrame(rows)
    table.to_csv(folder / "test.csv", index=False)
    heard = [text.split() for text in table["text"]]
    table["heard"] = [
        " ".join(words[: 1 if ratio < 10 else None])
        for words, ratio in zip(heard, table["snr_db"], strict=True)
    ]
    table[["id", "heard"]].rename(columns={"heard": "text"}).to_csv(folder / "heard.csv", index=False)
    table.attrs["folder"] = folder
    return table


@pytest.fixture(scope="module")
def run(table, forked):
    """Return what evaluates the recognizer's texts: from an output folder and options to exit code and output."""
    folder = table.attrs["folder"]
    request = ["--source", "files", "--root", folder, "--hypotheses", folder / "heard.csv"]

    def run(out, *options, **environment):
        done = forked.run("evaluate", *request, "--out", out, *options, environment=environment)
        return done.code, done.log

    return run


@pytest.fixture(scope="module")
def finished(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    conditions = [
        "wer of accent: British > 0.2",
        "wer of snr: under 10 > 0.5",
        "wer.high of device: phone > 0.9",
    ]
    options = (part for text in conditions for part in ("--fail-if", text))
    code, _ = run(out, *options, LIBRISPEECH_GROUPS="{snr_db: [10, 20]}")
    return code, json.loads((out / "findings.json").read_text())


def test_sums_are_those_of_pandas(table, finished):
    code, findings = finished
    assert code == THRESHOLD_CROSSED
    assert [crossing["violated"] for crossing in findings["thresholds"]] == [True, True, False]
    words, heard = (table[name].str.split().str.len() for name in ("text", "heard"))
    counted = table.assign(words=words, errors=words - heard)
    bins = pd.cut(
        table["snr_db"],
        [-np.inf, 10, 20, np.inf],
        right=False,
        labels=["under 10", "10 to 20", "20 and over"],
    )
    groups = findings["word"]["groups"]
    assert list(groups) == ["accent", "device", "gender", "snr"]
    for name, by in {"accent": "accent", "device": "device", "snr": bins}.items():
        sums = counted.groupby(by, observed=True)[["words", "errors"]].sum()
        received = {label: (rate["units"], rate["errors"]) for label, rate in groups[name].items()}
        assert received == {
            label: tuple(row) for label, row in zip(sums.index, sums.to_numpy().tolist(), strict=True)
        }
    known = counted[counted["gender"] != ""].groupby("gender")["words"].sum()
    assert {label: rate["units"] for label, rate in groups["gender"].items()} == known.to_dict()


def test_terminal_has_them_right_after_the_whole(run, tmp_path):
    code, output = run(tmp_path, "--limit", "70")
    assert code == 0
    lines = output.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(" all "))
    named = [line.strip().split("  ")[0] for line in lines[first + 1 :] if ":" in line]
    assert named[:6] == [*(f"accent: {accent}" for accent in ACCENTS), "device: headset"]
    assert named.index("split: test") == 5 + 3 + 2 + 4  # the noise ratio has no bounds here: quarters


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--fail-if", "wer of accent: welsh > 0.2"], "there are accent: british"),
        (["--fail-if", "wer of snr: under 10 > 0.2"], "Numbers are cut where groups in config.yaml says"),
        (["--fail-if", "wer.change > 0"], "name its folder by --compare"),
        (["--compare", "."], "results.parquet: not found"),
    ],
)
def test_what_cannot_fit_is_refused_before_anything_is_recognized(run, options, reason, tmp_path):
    code, output = run(tmp_path / "out", *options)
    assert code == 2 and reason in output
    assert not (tmp_path / "out").exists()


def test_bounds_of_a_column_that_there_is_not(run, tmp_path):
    code, output = run(tmp_path / "out", LIBRISPEECH_GROUPS="{age: [30]}")
    assert code == 2 and "called 'age'; there are snr, " in output
