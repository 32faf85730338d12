"""What an epoch holds: real speech once, synthetic speech by share; what is left out is named."""

from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from librispeech_clf.development.training.material import (
    Material,
    Shards,
    Speech,
    hold_out,
    list_shards,
    list_speech,
    spread,
)
from librispeech_clf.development.training.objectives import fits
from librispeech_clf.development.training.train import open_speech
from librispeech_clf.local.model.architecture import BASE
from librispeech_clf.text.vocabulary import encode
from tests.helpers.made_up_speech import make_texts, sing, write_shards, write_speech

ROOM = partial(fits, configuration=BASE)


@pytest.fixture
def speech(tmp_path):
    return list_speech(open_speech(write_speech(tmp_path, "train-clean-100"), ["train-clean-100"]), fits=ROOM)


def seconds_of(recordings) -> float:
    return sum(recording.samples for recording in recordings) / 16000


def test_real_speech_is_listed_and_read_when_it_is_needed(speech):
    assert [recording.utterance_id for recording in speech.recordings[:2]] == ["11-7-0000", "11-7-0001"]
    text = make_texts(5)[1]
    second = speech.recordings[1]
    assert second.samples == len(sing(text))
    assert list(second.labels) == list(encode(text, utterance_id="x"))
    np.testing.assert_allclose(second.read(), sing(text), atol=1e-4)


def test_no_utterance_costs_the_run(tmp_path):
    root = write_speech(tmp_path, "train-clean-100", speakers=1)
    folder = root / "LibriSpeech" / "train-clean-100" / "11" / "7"
    (folder / "11-7-0000.flac").write_bytes(b"no sound")
    lines = (folder / "11-7.trans.txt").read_text().splitlines()
    lines[1:4] = ["11-7-0001 AGENT 007", "11-7-0002", "11-7-0003 " + "FAR TOO MUCH " * 30]
    (folder / "11-7.trans.txt").write_text("\n".join(lines))

    split = open_speech(root, ["train-clean-100"])
    speech = list_speech(split, fits=ROOM)
    assert [recording.utterance_id for recording in speech.recordings] == ["11-7-0004"]
    reasons = ["cannot be decoded", "may hold the letters", "an empty transcript", "389 letters in"]
    for (name, told), reason in zip(speech.left_out.items(), reasons, strict=True):
        assert reason in told, name
    (note,) = Material(speech, Shards(), 0.5, ROOM).notes()
    assert note.startswith("4 of 5 utterances left out: 11-7-0000: ") and note.endswith("; and 1 more")

    left_out = list_speech(split, fits=ROOM, longest_s=0.01).left_out
    assert "the limit is longest_s = 0.01" in left_out["11-7-0004"]


def test_synthetic_speech_fills_the_share_and_every_recording_gets_its_turn(tmp_path, speech):
    shards = list_shards(write_shards(tmp_path / "shards", 4, 7, 6))
    material = Material(speech, shards, 0.6, ROOM)
    assert material.synthetic_seconds == pytest.approx(speech.seconds * 0.4 / 0.6)
    heard = []
    while sum(map(seconds_of, heard)) < 2 * shards.seconds:
        recordings = material.epoch(len(heard))
        assert recordings[: len(speech.recordings)] == list(speech.recordings)
        heard.append(recordings[len(speech.recordings) :])
        longest = max(map(len, map(sing, make_texts(7)))) / 16000
        assert seconds_of(heard[-1]) == pytest.approx(material.synthetic_seconds, abs=longest)
    order = [recording.utterance_id for epoch in heard for recording in epoch]
    names = [f"{shard}-{row}" for shard, count in enumerate((4, 7, 6)) for row in range(count)]
    assert order == (names * 3)[: len(order)]


def test_shards_alone_are_an_epoch(tmp_path):
    material = Material(Speech(), list_shards(write_shards(tmp_path / "shards", 3, 2)), 0.7, ROOM)
    first, second = material.epoch(0), material.epoch(1)
    assert [recording.utterance_id for recording in first] == ["0-0", "0-1", "0-2", "1-0", "1-1"]
    assert [recording.utterance_id for recording in second] == [r.utterance_id for r in first]
    np.testing.assert_allclose(first[0].read(), sing(make_texts(3)[0]), atol=1e-3)


def test_material_is_told_apart_by_its_digest(tmp_path, speech):
    one = list_shards(write_shards(tmp_path / "one", 3, 2))
    materials = [
        Material(speech, one, 0.7, ROOM),
        Material(speech, Shards(one.paths[:1], one.lengths[:1]), 0.7, ROOM),
        Material(Speech(speech.recordings[1:]), one, 0.7, ROOM),
    ]
    assert len({material.describe()["digest"] for material in materials}) == 3
    assert materials[0].describe()["real_utterances"] == 10


def test_held_out_recordings_are_not_trained_on(tmp_path, speech):
    shards = list_shards(write_shards(tmp_path / "shards", 3, 20))
    rest, held = hold_out(Material(speech, shards, 0.7, ROOM), 50)
    assert [recording.utterance_id for recording in held] == ["1-18", "1-19"]
    trained = {recording.utterance_id for epoch in range(9) for recording in rest.epoch(epoch)}
    assert "1-17" in trained and not trained & {"1-18", "1-19"}

    rest, held = hold_out(Material(speech, Shards(), 0.7, ROOM), 1)
    assert len(held) == 1 and held[0] not in rest.epoch(0) and len(rest.epoch(0)) == 9


def test_recordings_are_spread_over_the_speakers(speech):
    assert [recording.utterance_id for recording in spread(speech.recordings, 2)] == [
        "11-7-0000",
        "12-7-0000",
    ]
    assert spread(speech.recordings, 99) == list(speech.recordings)


def test_nothing_to_train_on_is_said():
    with pytest.raises(ValueError, match="Nothing to train on"):
        Material(Speech(left_out={"u": "silent"}), Shards(), 0.7, ROOM).epoch(0)


def test_a_folder_without_shards_is_refused_by_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="make-training-material"):
        list_shards(tmp_path)


def test_room_for_letters_counts_a_blank_between_equal_ones():
    labels = np.array([5, 5, 6], np.int32)
    assert BASE.count_frames(1360) == 4
    assert fits(1360, labels, BASE) and not fits(1359, labels, BASE)


def test_a_shard_that_is_none_is_refused_by_name(tmp_path):
    foreign = pa.table({"id": ["a"], "text": ["A"], "samples": [b""]})
    parquet.write_table(foreign, tmp_path / "training-00000.parquet")
    with pytest.raises(
        ValueError, match=r"training-00000\.parquet: .* it lacks sample_count\. Make shards with"
    ):
        list_shards(tmp_path)
    (tmp_path / "training-00000.parquet").write_bytes(b"PAR1, cut off")
    with pytest.raises(ValueError, match=r"training-00000\.parquet: not a readable Parquet file"):
        list_shards(tmp_path)
