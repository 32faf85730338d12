"""Dealing sentences to readers, and the tables, read back by the corpus' own reader."""

import numpy as np
import pytest

from librispeech_clf.corpus import openslr
from librispeech_clf.development.synthesis import chapters
from librispeech_clf.development.synthesis.make_corpus import record_chapter
from librispeech_clf.development.synthesis.sentences import Sentence
from librispeech_clf.development.synthesis.voices import load_readers


def make_sentences(split: str, chapter_count: int = 9, lines: int = 7) -> list[Sentence]:
    words = "one two three four five six seven eight nine ten eleven twelve".split()
    return [
        Sentence(
            text=f"Line {words[line]} of {words[number]}.", split=split, book=f"Book {number}", chapter="C"
        )
        for number in range(chapter_count)
        for line in range(lines)
    ]


@pytest.mark.parametrize("split", ["training", "validation", "test"])
def test_every_sentence_is_read_once_in_order_by_the_right_readers(split, rng):
    sentences = make_sentences(split)
    dealt = chapters.deal_chapters(split, sentences, load_readers(), rng)
    assert [sentence for chapter in dealt for sentence in chapter.sentences] == sentences
    assert {chapter.reader.group for chapter in dealt} == {chapters.GROUPS[split]}
    assert all(len({sentence.book for sentence in chapter.sentences}) == 1 for chapter in dealt)
    assert len({chapter.id for chapter in dealt}) == len(dealt)


def test_all_readers_take_part(rng):
    readers = load_readers()
    dealt = chapters.deal_chapters("test", make_sentences("test", 12, 10), readers, rng)
    assert {chapter.reader for chapter in dealt} == {reader for reader in readers if reader.group == "test"}


def test_tables_are_read_back(tones, tmp_path):
    readers = [reader for reader in load_readers() if reader.group == "test"]
    dealt = chapters.deal_chapters("test", make_sentences("test"), readers, np.random.default_rng(1))
    recordings = [recording for chapter in dealt for recording in record_chapter(chapter, seed=1)]
    (tmp_path / "SPEAKERS.TXT").write_text(chapters.speakers_table(recordings, readers))
    (tmp_path / "CHAPTERS.TXT").write_text(chapters.chapters_table(recordings))
    (tmp_path / "BOOKS.TXT").write_text(chapters.books_table(recordings))
    speakers, read, books = openslr.read_tables(tmp_path)
    assert {(s.id, s.gender, s.name) for s in speakers.values()} == {
        (r.id, r.gender, r.name) for r in readers
    }
    assert sum(s.total_minutes or 0 for s in speakers.values()) == pytest.approx(
        sum(recording.minutes for recording in recordings), abs=0.1
    )
    assert {chapter.id: chapter.speaker_id for chapter in read.values()} == {c.id: c.reader.id for c in dealt}
    assert all(books[chapter.book_id].title == chapter.project_title for chapter in read.values())
    assert len(books) == 9


def test_conditions_name_voice_noise_ratio_and_echo(tones, rng):
    dealt = chapters.deal_chapters("test", make_sentences("test"), load_readers(), rng)
    recordings = [recording for chapter in dealt for recording in record_chapter(chapter, seed=1)]
    lines = chapters.conditions_table(recordings).splitlines()[2:]
    assert len(lines) == len(recordings)
    for line, recording in zip(lines, recordings, strict=True):
        name, voice, noise, ratio, decay = (field.strip() for field in line.split("|"))
        assert name == recording.id and noise == recording.conditions.noise
        assert voice.endswith(recording.chapter.reader.voice.name)
        assert (None if ratio == "-" else float(ratio)) == recording.conditions.ratio_db
        assert float(decay) == recording.conditions.decay_time_s
