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
    table = pd.DataFrame(
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
    )
    for name in table["file_name"]:
        os.link(folder / "a.wav", folder / name)
    table.to_csv(folder / "test.csv", index=False)
    table["heard"] = table["text"].where(table["snr_db"] >= 10, table["text"].str.partition(" ")[0])
    table[["id", "heard"]].rename(columns={"heard": "text"}).to_csv(folder / "heard.csv", index=False)
    table.attrs["folder"] = folder
    return table


@pytest.fixture(scope="module")
def run(table, forked):
    """Return what evaluates the recognizer's texts: from an output folder, options and bounds of groups."""
    folder = table.attrs["folder"]
    request = ["--source", "files", "--root", folder, "--hypotheses", folder / "heard.csv"]
    return lambda out, *options, groups="{}": forked.run(
        "evaluate", *request, "--out", out, *options, environment={"LIBRISPEECH_GROUPS": groups}
    )


def test_sums_are_those_of_pandas(table, run, tmp_path):
    conditions = (
        "wer of accent: British > 0.2",
        "wer of snr: under 10 > 0.5",
        "wer.high of device: phone > 0.9",
    )
    options = (part for text in conditions for part in ("--fail-if", text))
    done = run(tmp_path, *options, groups="{snr_db: [10, 20]}")
    findings = json.loads((tmp_path / "findings.json").read_text())
    assert done.code == THRESHOLD_CROSSED
    assert [crossing["violated"] for crossing in findings["thresholds"]] == [True, True, False]
    words, heard = (table[name].str.split().str.len() for name in ("text", "heard"))
    names = ["under 10", "10 to 20", "20 and over"]
    counted = table.assign(
        words=words,
        errors=words - heard,
        snr=pd.cut(table["snr_db"], [-1, 10, 20, 99], right=False, labels=names),
    )
    groups = findings["word"]["groups"]
    assert list(groups) == ["accent", "device", "gender", "snr"]
    for name in groups:
        known = counted[counted[name] != ""]
        sums = known.groupby(name, observed=True)[["words", "errors"]].sum()
        received = {label: [rate["units"], rate["errors"]] for label, rate in groups[name].items()}
        assert received == dict(zip(sums.index, sums.to_numpy().tolist(), strict=True))


def test_terminal_has_them_right_after_the_whole(run, tmp_path):
    done = run(tmp_path, "--limit", "70")
    assert done.code == 0
    lines = done.log.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(" all "))
    named = [line.strip().split("  ")[0] for line in lines[first + 1 :] if ":" in line]
    assert named[:6] == [*(f"accent: {accent}" for accent in ACCENTS), "device: headset"]
    assert named.index("split: test") == 5 + 3 + 2 + 4  # the noise ratio has no bounds here: quarters


@pytest.mark.parametrize(
    ("options", "groups", "reason"),
    [
        (["--fail-if", "wer of accent: welsh > 0.2"], "{}", "there are accent: british"),
        (
            ["--fail-if", "wer of snr: under 10 > 0.2"],
            "{}",
            "Numbers are cut where groups in config.yaml says",
        ),
        (["--fail-if", "wer.change > 0"], "{}", "name its folder with --compare"),
        (["--compare", "."], "{}", "results.parquet: not found"),
        ([], "{age: [30]}", "called 'age'; there are snr, "),
    ],
)
def test_what_cannot_fit_is_refused_before_anything_is_recognized(run, options, groups, reason, tmp_path):
    done = run(tmp_path / "out", *options, groups=groups)
    assert done.code == 2 and reason in done.log
    assert not (tmp_path / "out").exists()
