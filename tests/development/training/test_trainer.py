"""Training whole: it learns, a killed run is taken up where it was, the best average is kept, Keras stays as it was."""

import itertools
import json
import os
import subprocess
import sys
import threading
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from librispeech_clf.development.training import course
from librispeech_clf.development.training.checkpoint import read_checkpoint, write_checkpoint
from librispeech_clf.development.training.course import train
from librispeech_clf.development.training.material import Material, Shards, list_speech
from librispeech_clf.development.training.objectives import fits, native_ctc_loss
from librispeech_clf.development.training.settings import Augmentation, Masking, TrainingSettings
from librispeech_clf.development.training.train import open_speech
from librispeech_clf.development.training.trainer import MODEL, Trainer
from tests.helpers.made_up_speech import TINY, make_equal_texts, write_speech

ROOM = partial(fits, configuration=TINY)
SAME_SPEED = Augmentation(speed_probability=0)
SHORT = TrainingSettings(
    augmentation=SAME_SPEED,
    steps=6,
    warmup_steps=2,
    falling_steps=2,
    seconds_per_batch=2.2,
    dropout=0.1,
    log_every=4,
    evaluate_every=4,
    masking=Masking(mask_time_prob=0.2, mask_time_length=2),
)


class KilledError(Exception):
    """Stands for a signal: nothing is saved after it."""


@pytest.fixture(scope="module")
def material(tmp_path_factory) -> Material:
    root = write_speech(tmp_path_factory.mktemp("speech"), "train-clean-100", make_texts=make_equal_texts)
    return Material(list_speech(open_speech(root, ["train-clean-100"]), fits=ROOM), Shards(), 0.7, ROOM)


def read_record(folder) -> dict:
    return json.loads((folder / MODEL).with_suffix(".training.json").read_text())


def without_times(log: list[dict]) -> list[dict]:
    return [{key: value for key, value in entry.items() if key != "seconds"} for entry in log]


def test_a_killed_run_takes_the_course_of_an_unkilled_one(tmp_path, material, tiny_model, monkeypatch):
    import keras

    arguments = {"material": material, "development": material.speech.recordings[:2], "source": tiny_model}
    policy = keras.config.dtype_policy().name
    whole = train(SHORT, folder=tmp_path / "whole", **arguments)
    assert keras.config.dtype_policy().name == policy
    assert [entry["step"] for entry in whole.log] == [0, 4, 6]
    assert whole.log[-1]["epoch"] > 0, "the run should pass the end of an epoch"

    def kill(trainer):
        if trainer.state.step == 3:
            raise KilledError

    ticks = itertools.count(0.0)
    monkeypatch.setattr(course, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    with pytest.raises(KilledError):
        train(SHORT, folder=tmp_path / "parts", checkpoint_s=2.0, report=kill, **arguments)
    assert not [thread for thread in threading.enumerate() if thread.name == "training batches"]
    _, record = read_checkpoint(tmp_path / "parts")
    assert record["state"]["step"] == 2
    parts = train(SHORT, folder=tmp_path / "parts", **arguments)

    for first, second in zip(whole.average, parts.average, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-4)
    for first, second in zip(without_times(whole.log), without_times(parts.log), strict=True):
        assert first.pop("development") == pytest.approx(second.pop("development"), abs=0.2)
        assert first.pop("phase") == second.pop("phase")
        assert first == pytest.approx(second, rel=1e-2)
    lines = (tmp_path / "parts" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == parts.log == read_record(tmp_path / "parts")["log"]


def test_a_short_run_lowers_the_loss_and_keeps_the_best_average(tmp_path, material, tiny_model):
    from librispeech_clf.local.model.load import load_model

    settings = TrainingSettings(
        augmentation=SAME_SPEED,
        steps=40,
        warmup_steps=5,
        falling_steps=20,
        peak_learning_rate=3e-3,
        log_every=10,
        evaluate_every=20,
    )
    trainer = train(
        settings,
        material=material,
        development=material.speech.recordings,
        folder=tmp_path,
        source=tiny_model,
    )
    losses = [entry["loss"] for entry in trainer.log if "loss" in entry]
    assert losses[-1] < 0.7 * losses[0]
    record = read_record(tmp_path)
    measured = [entry for entry in record["log"] if "development" in entry]
    assert [entry["step"] for entry in measured] == [0, 20, 40]
    best = min(measured, key=lambda entry: (entry["development"]["wer"], entry["development"]["cer"]))
    assert record["state"]["best"] == {"step": best["step"], **best["development"]}
    assert load_model(tmp_path / MODEL).configuration == TINY


def test_from_scratch_begins_with_the_spectrum(tmp_path, material, monkeypatch):
    from librispeech_clf.development.training import phases

    monkeypatch.setattr(phases, "COMPACT", TINY)
    settings = TrainingSettings(augmentation=SAME_SPEED, mel_steps=3, steps=2, falling_steps=1, log_every=2)
    trainer = train(settings, material=material, development=[], folder=tmp_path)
    assert [(entry["phase"], entry["step"]) for entry in trainer.log] == [("mel", 2), ("mel", 3), ("ctc", 2)]
    assert (tmp_path / MODEL).is_file()


def test_frozen_convolutions_keep_their_weights(tmp_path, material, tiny_model):
    from librispeech_clf.local.model.load import load_model

    settings = TrainingSettings(augmentation=SAME_SPEED, steps=2, freeze_feature_encoder=True)
    trainer = train(settings, material=material, development=[], folder=tmp_path, source=tiny_model)
    before = load_model(tiny_model)
    changed = {
        layer.name
        for layer in trainer.model.layers
        for new, old in zip(layer.get_weights(), before.get_layer(layer.name).get_weights(), strict=True)
        if not np.array_equal(new, old)
    }
    assert "lm_head" in changed
    assert not [name for name in changed if name.startswith("feature_encoder_")]
    with pytest.raises(ValueError, match="start --from a model"):
        Trainer(settings, tmp_path)


def test_a_gradient_that_is_not_finite_changes_nothing(tmp_path, material, tiny_model, monkeypatch):
    from librispeech_clf.development.training import trainer as module
    from librispeech_clf.development.training.batches import iterate_batches

    monkeypatch.setattr(module, "MOST_SKIPPED", 2)
    trainer = Trainer(TrainingSettings(), tmp_path, source=tiny_model)
    batch = next(
        iterate_batches(material.epoch(0), seconds_per_batch=3, augmentation=None, fits=ROOM, seed=0, epoch=0)
    )
    before = [weight.numpy() for weight in trainer.model.weights]
    broken = batch._replace(audio=batch.audio * np.float32(np.nan))
    trainer.step(broken)
    for weight, old in zip(trainer.model.weights, before, strict=True):
        np.testing.assert_allclose(weight, old, atol=1e-4)
    assert (trainer.state.skipped, trainer.state.loss_count, trainer.state.step) == (1, 0, 1)
    with pytest.raises(ValueError, match="2 batches in a row"):
        trainer.step(broken)


def test_what_a_killed_training_left_unfinished_is_removed(tmp_path):
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    left, alive = (tmp_path / f".checkpoint.npz.{pid}.tmp" for pid in (killed.pid, os.getppid()))
    left.touch()
    alive.touch()
    write_checkpoint(tmp_path, [np.arange(3)], {"step": 1})
    assert (left.exists(), alive.exists()) == (False, True)
    arrays, record = read_checkpoint(tmp_path)
    assert ([array.tolist() for array in arrays], record) == ([[0, 1, 2]], {"step": 1})


def test_a_checkpoint_of_another_run_is_refused(tmp_path, tiny_model):
    Trainer(SHORT, tmp_path, source=tiny_model, material={"digest": "a"}).save()
    other = TrainingSettings(**{**SHORT.__dict__, "dropout": 0.2})
    longer = TrainingSettings(**{**SHORT.__dict__, "steps": 9})
    with pytest.raises(ValueError, match="of another run, settings: .*steps and falling_steps may differ"):
        Trainer(other, tmp_path, source=tiny_model, material={"digest": "a"})
    with pytest.raises(ValueError, match="of another run, material: .*--from"):
        Trainer(SHORT, tmp_path, source=tiny_model, material={"digest": "b"})
    assert Trainer(longer, tmp_path, source=tiny_model, material={"digest": "a"}).state.step == 0

    checkpoint = tmp_path / "checkpoint.npz"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(ValueError, match="not a checkpoint of this version"):
        Trainer(SHORT, tmp_path, source=tiny_model, material={"digest": "a"})


def test_native_ctc_loss_agrees_with_the_package_loss():
    from librispeech_clf.ctc.loss import ctc_loss

    generator = np.random.default_rng(0)
    logits = generator.standard_normal((3, 40, 32)).astype(np.float32)
    labels = np.zeros((3, 9), np.int32)
    lengths = np.array([9, 5, 1], np.int32)
    for row, length in zip(labels, lengths, strict=True):
        row[:length] = generator.integers(4, 32, length)
    native = native_ctc_loss(logits, labels, lengths, np.full(3, 40, np.int32)).numpy()
    assert native == pytest.approx(ctc_loss(logits, labels), rel=1e-4)
