"""Training: batches with known content, the learning rate's course, the native CTC kernel."""

import json

import numpy as np
import pytest

from librispeech_clf.model.training.batches import (
    Augmentation,
    Recording,
    augment,
    iterate_batches,
    make_batch,
    plan_batches,
    round_up_length,
)
from librispeech_clf.model.training.trainer import TrainingSettings, learning_rate_at, read_material


def make_recordings(count: int) -> list[Recording]:
    generator = np.random.default_rng(0)
    return [
        Recording(
            generator.integers(-9000, 9000, generator.integers(12000, 60000)).astype(np.int16),
            generator.integers(4, 32, 5 + index % 7).astype(np.int32),
        )
        for index in range(count)
    ]


def test_learning_rate_rises_stays_and_falls():
    settings = TrainingSettings(steps=1000, warmup_steps=100, falling_steps=200, peak_learning_rate=1.0)
    assert learning_rate_at(0, settings) == pytest.approx(0.01)
    assert (
        learning_rate_at(99, settings)
        == learning_rate_at(500, settings)
        == learning_rate_at(800, settings)
        == 1.0
    )
    assert learning_rate_at(900, settings) == pytest.approx(0.5)
    assert learning_rate_at(1000, settings) == 0


def test_every_recording_occurs_once_and_no_batch_is_too_long():
    lengths = np.random.default_rng(1).integers(9000, 200000, 300)
    batches = plan_batches(lengths, seconds_per_batch=40, generator=np.random.default_rng(0))
    assert sorted(np.concatenate(batches)) == list(range(300))
    padded = [len(batch) * round_up_length(lengths[batch].max()) for batch in batches if len(batch) > 1]
    assert max(padded) <= 40 * 16000


def test_a_batch_is_normalised_padded_and_labelled():
    recordings = make_recordings(3)
    batch = make_batch(recordings, augmentation=None, generator=np.random.default_rng(0))
    for row, labels, length, recording in zip(*batch, recordings, strict=True):
        samples = len(recording.samples)
        assert row[:samples].mean() == pytest.approx(0, abs=1e-4)
        assert row[:samples].std() == pytest.approx(1, abs=1e-3)
        assert not row[samples:].any()
        assert list(labels[:length]) == list(recording.labels)
        assert not labels[length:].any()


def test_batches_depend_on_seed_epoch_and_number_alone():
    recordings = make_recordings(12)
    arguments = {"seconds_per_batch": 8.0, "augmentation": Augmentation(), "seed": 3, "epoch": 2}
    whole = list(iterate_batches(recordings, **arguments))
    taken_up = list(iterate_batches(recordings, **arguments, start=2))
    assert len(whole) == len(taken_up) + 2
    for first, second in zip(whole[2:], taken_up, strict=True):
        assert np.array_equal(first.audio, second.audio)


def test_augmentation_changes_length_by_the_speed_only():
    settings = Augmentation(speed=(1.25, 1.25), speed_probability=1.0)
    waveform = np.random.default_rng(0).standard_normal(16000).astype(np.float32) * 0.1
    changed = augment(waveform, waveform, settings, np.random.default_rng(0))
    assert changed.dtype == np.float32
    assert len(changed) == pytest.approx(16000 / 1.25, abs=1)


def test_a_folder_without_shards_is_refused_by_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="make-training-material"):
        read_material(tmp_path)


def test_native_ctc_loss_agrees_with_the_package_loss():
    from librispeech_clf.ctc.loss import ctc_loss
    from librispeech_clf.model.training.trainer import native_ctc_loss

    generator = np.random.default_rng(0)
    logits = generator.standard_normal((3, 40, 32)).astype(np.float32)
    labels = np.zeros((3, 9), np.int32)
    lengths = np.array([9, 5, 1], np.int32)
    for row, length in zip(labels, lengths, strict=True):
        row[:length] = generator.integers(4, 32, length)
    native = native_ctc_loss(logits, labels, lengths, np.full(3, 40, np.int32)).numpy()
    assert native == pytest.approx(ctc_loss(logits, labels), rel=1e-4)


@pytest.mark.slow
def test_a_run_taken_up_ends_with_the_same_weights(tmp_path):
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    from librispeech_clf.model.training.trainer import train

    rows = [
        {"id": f"u{i}", "text": "HELLO WORLD", "speaker_id": 1, "samples": recording.samples.tobytes()}
        for i, recording in enumerate(make_recordings(6))
    ]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "training-00000.parquet")
    settings = TrainingSettings(mel_steps=2, steps=4, seconds_per_batch=8.0)
    arguments = {"material": tmp_path, "checkpoint_every": 1}
    whole = train(settings, folder=tmp_path / "whole", **arguments)
    train(
        TrainingSettings(mel_steps=2, steps=2, seconds_per_batch=8.0), folder=tmp_path / "parts", **arguments
    )
    parts = train(settings, folder=tmp_path / "parts", **arguments)
    for first, second in zip(whole.average, parts.average, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-3)

    parts.export(tmp_path / "wav2vec.h5")
    record = json.loads((tmp_path / "wav2vec.training.json").read_text())
    assert record["state"]["step"] == record["settings"]["steps"] == record["log"][-1]["step"] == 4
    assert (tmp_path / "wav2vec.h5").exists()


@pytest.mark.slow
def test_a_checkpoint_of_another_optimizer_is_refused(tmp_path):
    from librispeech_clf.model.training.trainer import Trainer

    Trainer(TrainingSettings(), tmp_path).save()
    checkpoint = tmp_path / "checkpoint.npz"
    with np.load(checkpoint) as stored:
        arrays = dict(stored)
    last = max(int(name.removeprefix("variable_")) for name in arrays if name.startswith("variable_"))
    np.savez(checkpoint, **{name: array for name, array in arrays.items() if name != f"variable_{last}"})
    with pytest.raises(ValueError, match="another model or optimizer"):
        Trainer(TrainingSettings(), tmp_path)
