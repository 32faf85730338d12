"""Training shards, spoken in tones."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from librispeech_clf.development.synthesis import make_training_material as material
from librispeech_clf.development.synthesis.sentences import load_sentences, to_transcript
from librispeech_clf.development.synthesis.word_lists import PRONOUNCED_WORDS, TAGGED_WORDS

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


def test_prose_is_cut_into_clauses_without_numbers(tmp_path):
    text = (
        "Call me Ishmael. In 1851, a \u201clarge\u201d book\u2014it\u2019s long;\nan old-fashioned one! Yes."
    )
    (tmp_path / "book.txt").write_text(text, encoding="utf-8")
    assert material.read_prose(tmp_path) == ("call me ishmael", "it's long", "an old-fashioned one")


def test_a_folder_without_prose_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"\*\.txt"):
        material.read_prose(tmp_path)


def test_most_texts_are_prose_where_there_is_some_and_none_is_held_out(rng):
    held_out = load_sentences("test")[4].text.lower().strip(".")
    prose = (*["call me ishmael"] * 9, held_out)
    mix = material.MaterialMix(prose=prose)
    texts = [material.draw_text(rng, mix) for _ in range(400)]
    assert held_out not in texts
    assert texts.count("call me ishmael") / len(texts) == pytest.approx(mix.prose_share, abs=0.08)


def test_salads_are_drawn_as_often_as_asked(monkeypatch, rng):
    monkeypatch.setattr(material, "make_sentence", lambda kind, _: kind)
    kinds = [material.draw_text(rng, material.MaterialMix(salad_share=0.7)) for _ in range(400)]
    assert kinds.count("salad") / len(kinds) == pytest.approx(0.7, abs=0.08)
    assert set(kinds) == {"salad", *material.KINDS}
