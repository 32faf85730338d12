"""Batches with known content, the same for every start; variations and masks; no thread stays behind."""

import threading

import numpy as np
import pytest

from librispeech_clf.development.training.augmentation import augment, draw_masks
from librispeech_clf.development.training.batches import (
    Recording,
    iterate_batches,
    make_ahead,
    make_batch,
    plan_batches,
    round_up_length,
)
from librispeech_clf.development.training.settings import Augmentation, Masking

UNVARIED = Augmentation(
    speed_probability=0, tilt_probability=0, noise_probability=0, echo_probability=0, gaps_per_s=0
)


def always(samples, labels):
    return True


def make_recordings(count: int) -> list[Recording]:
    generator = np.random.default_rng(0)
    waveforms = [
        generator.standard_normal(generator.integers(12000, 60000), dtype=np.float32) for _ in range(count)
    ]
    return [
        Recording(
            f"u{index}",
            len(waveform),
            generator.integers(4, 32, 5 + index % 7).astype(np.int32),
            lambda waveform=waveform: waveform * np.float32(0.1),
        )
        for index, waveform in enumerate(waveforms)
    ]


def make(recordings, augmentation=None, fits=always):
    generator = np.random.default_rng(0)
    return make_batch(recordings, number=4, augmentation=augmentation, fits=fits, generator=generator)


def test_every_recording_occurs_once_and_no_batch_is_too_long():
    lengths = np.random.default_rng(1).integers(9000, 200000, 300)
    batches = plan_batches(lengths, seconds_per_batch=40, generator=np.random.default_rng(0))
    assert sorted(np.concatenate(batches)) == list(range(300))
    padded = [len(batch) * round_up_length(lengths[batch].max()) for batch in batches if len(batch) > 1]
    assert max(padded) <= 40 * 16000


@pytest.mark.parametrize("samples", [1, 16000, 16001, 36 * 16000, 600 * 16000])
def test_every_length_has_a_place_on_the_grid(samples):
    assert samples <= round_up_length(samples) <= max(1.18 * samples, 8600)


def test_a_batch_is_normalised_padded_and_labelled():
    recordings = make_recordings(3)
    batch = make(recordings)
    assert batch.number == 4
    rows = zip(batch.audio, batch.samples, batch.labels, batch.label_lengths, recordings, strict=True)
    for row, samples, labels, length, recording in rows:
        assert samples == recording.samples
        assert row[:samples].mean() == pytest.approx(0, abs=1e-4)
        assert row[:samples].std() == pytest.approx(1, abs=1e-3)
        assert not row[samples:].any()
        assert list(labels[:length]) == list(recording.labels)
        assert not labels[length:].any()


def test_a_recording_that_cannot_be_read_is_left_out_by_name():
    def fail():
        raise ValueError("u1: the audio is cut off.")

    recordings = make_recordings(3)
    recordings[1] = recordings[1]._replace(read=fail)
    with pytest.warns(UserWarning, match="u1: the audio is cut off. Training goes on"):
        batch = make(recordings)
    assert list(batch.samples) == [recordings[0].samples, recordings[2].samples]
    with pytest.warns(UserWarning):
        assert make(recordings[1:2]) is None


def test_speed_leaves_room_for_the_letters():
    faster = Augmentation(speed=(1.25, 1.25), speed_probability=1)
    recordings = make_recordings(2)
    limit = recordings[0].samples - 1
    batch = make(recordings, faster, lambda samples, labels: samples > limit)
    assert batch.samples[0] == recordings[0].samples
    assert make(recordings, faster).samples[0] < recordings[0].samples


def test_batches_depend_on_seed_epoch_and_number_alone():
    arguments = {"seconds_per_batch": 8.0, "augmentation": Augmentation(), "fits": always, "seed": 3}
    whole = list(iterate_batches(make_recordings(12), epoch=2, **arguments))
    taken_up = list(iterate_batches(make_recordings(12), epoch=2, start=2, **arguments))
    assert [batch.number for batch in whole] == list(range(len(whole)))
    assert len(whole) == len(taken_up) + 2
    for first, second in zip(whole[2:], taken_up, strict=True):
        assert first.number == second.number
        assert np.array_equal(first.audio, second.audio)


def test_augmentation_changes_length_by_the_speed_only():
    settings = Augmentation(speed=(1.25, 1.25), speed_probability=1.0)
    waveform = np.random.default_rng(0).standard_normal(16000).astype(np.float32) * 0.1
    changed = augment(waveform, waveform, settings, np.random.default_rng(0))
    assert changed.dtype == np.float32
    assert len(changed) == pytest.approx(16000 / 1.25, abs=1)


def test_augmentation_without_probabilities_changes_nothing():
    waveform = np.random.default_rng(0).standard_normal(16000).astype(np.float32) * 0.1
    assert np.array_equal(augment(waveform, waveform, UNVARIED, np.random.default_rng(0)), waveform)


def test_noise_has_the_ratio_asked_for():
    settings = Augmentation(**{**UNVARIED.__dict__, "noise_probability": 1.0, "noise_ratio_db": (10.0, 10.0)})
    waveform = np.random.default_rng(0).standard_normal(16000).astype(np.float32) * 0.1
    noise = augment(waveform, waveform[::-1], settings, np.random.default_rng(1)) - waveform
    assert 10 * np.log10((waveform**2).mean() / (noise**2).mean()) == pytest.approx(10, abs=0.1)


def covered(width: int, *, length: int, spans: int) -> float:
    """Mean share that spans cover when their starts are drawn independently."""
    starts = width - length + 1
    chance = np.convolve(np.ones(starts), np.ones(length)) / starts
    return float(np.mean(1 - (1 - chance) ** spans))


def test_masks_put_out_the_share_asked_for_in_spans():
    settings = Masking(mask_time_prob=0.2, mask_time_length=4, mask_feature_prob=0.25, mask_feature_length=8)
    generator = np.random.default_rng(0)
    times, features = draw_masks([400] * 200, width=500, channels=64, settings=settings, generator=generator)
    assert times.shape == (200, 500) and features.shape == (200, 64)
    assert times[:, 400:].all()
    assert 1 - times[:, :400].mean() == pytest.approx(covered(400, length=4, spans=20), abs=0.01)
    assert 1 - features.mean() == pytest.approx(covered(64, length=8, spans=2), abs=0.01)
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[1], times[0], [1]]))))[::2]
    assert len(runs) and runs.min() >= 4


def test_masking_of_nothing_keeps_everything():
    settings = Masking(mask_time_prob=0.0)
    masks = draw_masks([5, 0], width=5, channels=3, settings=settings, generator=np.random.default_rng(0))
    assert all(mask.all() for mask in masks)


def batch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "training batches"]


def test_a_reader_that_stops_early_leaves_no_thread():
    ahead = make_ahead(iter(range(1000)))
    assert next(ahead) == 0
    assert batch_threads()
    ahead.close()
    assert not batch_threads()


def test_an_error_in_the_thread_reaches_the_reader():
    def fail():
        yield 1
        raise ValueError("no batch")

    ahead = make_ahead(fail())
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="no batch"):
        next(ahead)
    assert not batch_threads()
