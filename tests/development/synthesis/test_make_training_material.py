"""Training shards, spoken in tones."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from librispeech_clf.development.synthesis import make_training_material as material
from librispeech_clf.development.synthesis.grammar import PRONOUNCED_WORDS, TAGGED_WORDS
from librispeech_clf.development.synthesis.sentences import load_sentences, to_transcript
from librispeech_clf.development.synthesis.voices import load_readers

pytestmark = pytest.mark.skipif(
    not (PRONOUNCED_WORDS.exists() and TAGGED_WORDS.exists()),
    reason="festival's dictionaries are not installed",
)
HELD_OUT = load_sentences("test")[4].text.lower().strip(".")


def test_shard_follows_from_seed_and_number(tones):
    shards = [
        material.make_utterances(index, seed=seed, count=20)
        for index, seed in ((3, 0), (3, 0), (4, 0), (3, 1))
    ]
    assert shards[0] == shards[1]
    assert len({tuple(row["text"] for row in rows) for rows in shards}) == 3


def test_a_shard_is_written_once(tones, tmp_path):
    seconds = material.make_shard(0, folder=tmp_path, seed=0, count=20)
    path = tmp_path / "training-00000.parquet"
    assert list(tmp_path.iterdir()) == [path]
    table, content = pq.read_table(path).to_pylist(), path.read_bytes()
    lengths = [np.frombuffer(row["samples"], "<i2").size for row in table]
    assert [row["sample_count"] for row in table] == lengths
    assert seconds == pytest.approx(sum(lengths) / 16_000)
    assert all(row["text"] and set(row["text"]) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ' ") for row in table)
    assert material.make_shard(0, folder=tmp_path, seed=9, count=5) == seconds
    assert path.read_bytes() == content


def test_held_out_sentences_are_drawn_again(monkeypatch, rng):
    drafts = iter([HELD_OUT, "a new sentence"])
    monkeypatch.setattr(material, "make_sentence", lambda *_: next(drafts))
    assert material.draw_text(rng) == "a new sentence"
    for split in ("validation", "test"):
        assert {to_transcript(s.text) for s in load_sentences(split)} <= material.held_out_transcripts()


def test_prose_is_cut_into_clauses_without_numbers(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"\*\.txt"):
        material.read_prose(tmp_path)
    text = (
        "Call me Ishmael. In 1851, a \u201clarge\u201d book\u2014it\u2019s long;\nan old-fashioned one! Yes."
    )
    (tmp_path / "book.txt").write_text(text, encoding="utf-8")
    assert material.read_prose(tmp_path) == ("call me ishmael", "it's long", "an old-fashioned one")


def test_texts_are_drawn_by_their_shares_and_none_is_held_out(monkeypatch, rng):
    monkeypatch.setattr(material, "make_sentence", lambda kind, _: kind)
    texts = [material.draw_text(rng, (*["call me ishmael"] * 9, HELD_OUT)) for _ in range(1000)]
    salads, rest = texts.count("salad"), 1000 - texts.count("call me ishmael")
    assert HELD_OUT not in texts and set(texts) == {"call me ishmael", "salad", *material.KINDS}
    assert 1 - rest / 1000 == pytest.approx(material.PROSE_SHARE, abs=0.06)
    assert salads / rest == pytest.approx(material.SALAD_SHARE, abs=0.06)


def test_drawn_voices_are_listed(rng):
    drawn = {material.draw_voice(rng) for _ in range(300)}
    assert {f"{voice.engine}:{voice.name}" for voice in drawn} <= set(material.material_voices())
    assert {voice.engine for voice in drawn} == {"espeak-ng", "flite", "festival"}


def test_known_readers_are_drawn_close_to_their_own_rate_and_pitch(rng, monkeypatch):
    monkeypatch.setattr(material, "READER_SHARE", 1.0)
    known = {reader.voice.name: reader.voice for reader in load_readers() if reader.group == "known"}
    drawn = [material.draw_voice(rng) for _ in range(500)]
    assert {voice.name for voice in drawn} == set(known)
    for voice in drawn:
        own = known[voice.name]
        assert voice.words_per_minute == pytest.approx(own.words_per_minute, rel=0.11)
        assert abs(voice.pitch - own.pitch) <= 4 and voice.speed == own.speed
