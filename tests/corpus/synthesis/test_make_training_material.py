"""Training shards, spoken in tones."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from librispeech_clf.corpus.synthesis import make_training_material as material
from librispeech_clf.corpus.synthesis.sentences import load_sentences, to_transcript
from librispeech_clf.corpus.synthesis.word_lists import PRONOUNCED_WORDS, TAGGED_WORDS

pytestmark = pytest.mark.skipif(
    not (PRONOUNCED_WORDS.exists() and TAGGED_WORDS.exists()),
    reason="festival's dictionaries are not installed",
)


def test_shard_follows_from_seed_and_number(tones):
    first, again, next_one, other = (
        material.make_utterances(index, seed=seed, count=20)
        for index, seed in ((3, 0), (3, 0), (4, 0), (3, 1))
    )
    assert first == again
    assert len({tuple(columns["text"]) for columns in (first, next_one, other)}) == 3


def test_shard_columns(tones, tmp_path):
    seconds = material.make_shard(0, folder=tmp_path, seed=0, count=20)
    table = pq.read_table(tmp_path / "training-00000.parquet").to_pylist()
    lengths = [np.frombuffer(row["samples"], "<i2").size for row in table]
    assert [row["sample_count"] for row in table] == lengths
    assert seconds == pytest.approx(sum(lengths) / 16_000)
    assert all(row["text"] and set(row["text"]) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ' ") for row in table)
    assert [path.name for path in tmp_path.iterdir()] == ["training-00000.parquet"]


def test_existing_shard_is_kept(tones, tmp_path):
    material.make_shard(0, folder=tmp_path, seed=0, count=5)
    before = (tmp_path / "training-00000.parquet").read_bytes()
    material.make_shard(0, folder=tmp_path, seed=9, count=5)
    assert (tmp_path / "training-00000.parquet").read_bytes() == before


def test_held_out_sentences_are_drawn_again(monkeypatch, rng):
    held_out = load_sentences("test")[4].text
    drafts = iter([held_out.lower().strip("."), "a new sentence"])
    monkeypatch.setattr(material, "make_sentence", lambda *_: next(drafts))
    assert material.draw_text(rng) == "a new sentence"


def test_held_out_sentences_are_validation_and_test():
    for split in ("validation", "test"):
        assert {to_transcript(s.text) for s in load_sentences(split)} <= material.held_out_transcripts()


def test_kinds_and_engines_add_up():
    assert sum(material.KINDS.values()) == pytest.approx(1)
    assert sum(material.ENGINES.values()) == pytest.approx(1)
