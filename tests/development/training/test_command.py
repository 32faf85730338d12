"""`train-model` whole: real and synthetic speech, from a model file, measured as it goes; and after kill -9."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.development.training.train import main
from tests.helpers.made_up_speech import TINY, make_equal_texts, write_shards, write_speech

SETTINGS = (
    "log_every=2",
    "evaluate_every=4",
    "warmup_steps=2",
    "seconds_per_batch=3",
    "augmentation.speed_probability=0",
)


@pytest.fixture
def arguments(tmp_path, tiny_model) -> list[str]:
    write_speech(tmp_path, "train-clean-100", make_texts=make_equal_texts)
    write_speech(tmp_path, "dev-clean", speakers=3, utterances=2)
    write_shards(tmp_path / "shards", 4, 5)
    options = {
        "--speech": tmp_path,
        "--material": tmp_path / "shards",
        "--share": 0.6,
        "--from": tiny_model,
        "--dev-speech": tmp_path,
        "--dev-utterances": 4,
        "--falling-steps": 2,
        "--out": tmp_path / "out",
    }
    pairs = [*options.items(), *(("--set", setting) for setting in SETTINGS)]
    return [str(word) for pair in pairs for word in pair]


def test_real_and_synthetic_speech_train_a_model_on(tmp_path, arguments, capsys):
    from librispeech_clf.local.model.load import load_model

    main([*arguments, "--steps", "6"])
    record = json.loads((tmp_path / "out" / "wav2vec.training.json").read_text())
    assert record["material"]["real_utterances"] == 10 and record["material"]["synthetic_hours"] > 0
    assert [entry["step"] for entry in record["log"] if "development" in entry] == [0, 4, 6]
    assert load_model(tmp_path / "out" / "wav2vec.h5").configuration == TINY
    best = record["state"]["best"]
    said = " ".join(capsys.readouterr().out.split())
    assert f"of step {best['step']}: WER {best['wer']:.3f}, CER {best['cer']:.3f}." in said
    assert [said.count(f"step {step}: WER") > 0 for step in (0, 4, 6)] == [True] * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give --speech, --material, or both"),
        (["--speech", "/nowhere"], "the subset train-clean-100 is not there"),
        (["--material", "/nowhere"], "make-training-material"),
        (["--material", "/nowhere", "--share", "1.5"], "a number from 0 to 1 is expected"),
        (["--material", "/nowhere", "--set", "droput=1"], "unknown droput"),
        (["--material", "/nowhere", "--from", "/nowhere.h5"], "/nowhere.h5"),
    ],
)
def test_what_cannot_be_trained_is_refused(tmp_path, options, message, capsys):
    assert exit_code(["--out", str(tmp_path), *options]) == 2
    assert re.search(message, capsys.readouterr().err)


def exit_code(arguments):
    """What the command ends with, by argparse or not."""
    try:
        return main(arguments)
    except SystemExit as ended:
        return ended.code


@pytest.mark.slow
def test_a_run_killed_by_the_system_goes_on_at_its_last_checkpoint(tmp_path, arguments):
    command = [
        sys.executable,
        "-c",
        "from librispeech_clf.development.training.train import main; main()",
        *arguments,
        "--checkpoint-s",
        "0.5",
    ]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    process = subprocess.Popen([*command, "--steps", "100000"], env=environment, stdout=subprocess.DEVNULL)
    log = tmp_path / "out" / "log.jsonl"
    while not log.exists() or log.read_text().count("\n") < 9:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL

    reached = [json.loads(line) for line in log.read_text().splitlines()]
    steps = reached[-1]["step"] + 20
    subprocess.run([*command, "--steps", str(steps)], env=environment, check=True, stdout=subprocess.DEVNULL)
    record = json.loads((tmp_path / "out" / "wav2vec.training.json").read_text())
    assert record["log"][: len(reached)] == reached
    assert record["state"]["step"] == steps
