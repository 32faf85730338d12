"""What is trained on, and the batches made of it; what cannot be used is left out and named."""

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import soundfile

from librispeech_clf.development.training import batches, material
from librispeech_clf.development.training.batches import (
    GRID_SAMPLES,
    STRONG,
    Augmentation,
    make_ahead,
    make_batch,
)
from librispeech_clf.development.training.material import Recording, list_pairs, list_shards, list_speech
from tests.helpers.letters import encode
from tests.helpers.made_up_speech import make_texts, sing, write_shards, write_speech


@pytest.fixture
def recordings(tmp_path):
    return list_speech(write_speech(tmp_path, "train-clean-100"), "train-clean-100")


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def test_real_speech_is_listed_and_read_when_it_is_needed(recordings):
    assert [recording.utterance_id for recording in recordings[:2]] == ["11-7-0000", "11-7-0001"]
    text, second = make_texts(5)[1], recordings[1]
    assert second.samples == len(sing(text))
    assert list(second.labels) == list(encode(text, utterance_id="x"))
    np.testing.assert_allclose(second.read(), sing(text), atol=1e-4)
    assert material.spread(recordings, 2) == [recordings[0], recordings[5]]
    assert material.spread(recordings, 11) == recordings


def test_no_utterance_costs_the_run(tmp_path):
    root = write_speech(tmp_path, "train-clean-100", speakers=1)
    folder = root / "LibriSpeech" / "train-clean-100" / "11" / "7"
    (folder / "11-7-0000.flac").write_bytes(b"no sound")
    lines = (folder / "11-7.trans.txt").read_text().splitlines()
    lines[1:3] = ["11-7-0001 AGENT 007", "11-7-0002"]
    (folder / "11-7.trans.txt").write_text("\n".join(lines))
    with pytest.warns(UserWarning) as warned:
        recordings = list_speech(root, "train-clean-100")
    assert [recording.utterance_id for recording in recordings] == ["11-7-0003", "11-7-0004"]
    told = sorted(str(each.message) for each in warned)
    reasons = ["cannot be decoded", "may hold the letters", "has no text"]
    for number, (message, reason) in enumerate(zip(told, reasons, strict=True)):
        assert f"11-7-000{number}" in message and reason in message


def test_recordings_beside_texts(tmp_path):
    soundfile.write(tmp_path / "b.wav", np.repeat(sing("BEE")[:, None], 2, axis=1), 48_000)
    (tmp_path / "b.txt").write_text("Well, bee!")
    soundfile.write(tmp_path / "untold.wav", sing("BEE"), 16_000)
    (recording,) = list_pairs(tmp_path)
    assert recording.samples == len(sing("BEE")) // 3 == len(recording.read())
    assert list(recording.labels) == list(encode("WELL BEE", utterance_id="x"))
    with pytest.raises(FileNotFoundError, match=r"\.txt"):
        list_pairs(tmp_path / "nowhere")


def test_shards_are_read_in_order(tmp_path):
    recordings = list_shards(write_shards(tmp_path / "shards", 3, 2))
    assert [recording.utterance_id for recording in recordings] == ["0-0", "0-1", "0-2", "1-0", "1-1"]
    for recording, text in zip(recordings, make_texts(3), strict=False):
        np.testing.assert_allclose(recording.read(), sing(text), atol=1e-3)


def test_what_is_no_shard_is_refused_by_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="make_training_material --out"):
        list_shards(tmp_path)
    foreign = pa.table({"id": ["a"], "text": ["A"], "samples": [b""]})
    parquet.write_table(foreign, tmp_path / "training-00000.parquet")
    with pytest.raises(ValueError, match=r"training-00000\.parquet.*sample_count"):
        list_shards(tmp_path)
    (tmp_path / "training-00000.parquet").write_bytes(b"PAR1, cut off")
    with pytest.raises(ValueError, match=r"training-00000\.parquet: not a readable Parquet file"):
        list_shards(tmp_path)


def test_every_recording_gets_its_turn_before_one_comes_again(recordings, generator):
    made = material.draw_batches(
        [recordings[:5], recordings[5:]], [0.5, 0.5], seconds=2.0, generator=generator
    )
    drawn, lacking = [], material.SORTED_BATCHES * 2.0 * 16_000
    while lacking > 0:  # so many are drawn at once, and handed out in any order
        drawn.append(next(made))
        lacking -= sum(recording.samples for recording in drawn[-1])
    names = [recording.utterance_id for batch in drawn for recording in batch]
    counts = np.array([names.count(recording.utterance_id) for recording in recordings])
    assert counts.min() > 1 and np.ptp(counts.reshape(2, 5), axis=1).max() <= 1
    several = [batch for batch in drawn if len(batch) > 1]
    assert several and all(len(batch) * max(r.samples for r in batch) <= 2.2 * 16_000 for batch in several)


def test_a_batch_is_leveled_and_padded(recordings, generator):
    still = Augmentation(speed=0, tilt=0, noise=0)
    batch = make_batch(recordings[:3], recordings[3:6], augmentation=still, generator=generator)
    assert batch.audio.shape[1] % GRID_SAMPLES == 0
    assert list(batch.samples) == [recording.samples for recording in recordings[:3]]
    for row, samples, labels, length, recording in zip(*(batch[0:1] + batch[1:]), recordings, strict=False):
        assert row[:samples].std() == pytest.approx(1, abs=1e-3) and not row[samples:].any()
        assert list(labels[:length]) == list(recording.labels)


def test_a_recording_that_cannot_be_read_is_left_out_with_a_warning(recordings, generator):
    def fail():
        raise ValueError("gone.")

    lost = Recording("lost", 16_000, recordings[0].labels, fail)
    with pytest.warns(UserWarning, match="gone"):
        batch = make_batch([lost, recordings[0]], recordings[:2], augmentation=STRONG, generator=generator)
    assert len(batch.samples) == 1


def test_speed_leaves_room_for_the_letters():
    waveform, fast = np.ones(16_000, np.float32), Augmentation(speed=1, tilt=0, noise=0)
    lengths = [
        len(batches.augment(waveform, waveform, fast, np.random.default_rng(seed), fastest=1.0))
        for seed in range(9)
    ]
    assert min(lengths) >= 15_999 and max(lengths) > 16_100


def test_room_is_two_sided():
    labels = np.zeros(10, np.int32)
    recordings = [Recording("", samples, labels, len) for samples in (5_000, 14_000, 400_000)]
    assert list(map(batches.has_room, recordings)) == [False, True, False]


def test_crops_have_one_length_and_level(recordings, generator):
    cycle = itertools.cycle(recordings)
    batch = batches.make_crops(lambda: next(cycle), seconds=12.0, generator=generator)
    assert len(set(batch.samples)) == 1 and batch.audio.shape == (len(batch.samples), batch.samples[0])
    np.testing.assert_allclose(batch.audio.std(axis=1), 1, atol=1e-3)


def test_an_error_while_batches_are_made_ahead_is_raised_in_the_training():
    def spoiled():
        yield 1
        raise ValueError("no more")

    ahead = make_ahead(spoiled())
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="no more"):
        next(ahead)
