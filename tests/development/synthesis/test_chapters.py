"""The corpus' own texts, dealing them to readers, and the tables, read back by the corpus' own reader."""

import pytest

from librispeech_clf.corpus import openslr
from librispeech_clf.development.synthesis import chapters
from librispeech_clf.development.synthesis.make_corpus import record_chapter
from librispeech_clf.development.synthesis.sentences import Sentence, load_sentences, to_transcript
from librispeech_clf.development.synthesis.voices import load_readers

SPLITS = ("training", "validation", "test")
WORDS = "one two three four five six seven eight nine ten eleven twelve".split()


def make_sentences(chapter_count: int = 9, lines: int = 7) -> list[Sentence]:
    return [
        Sentence(f"Line {line} of {number}.", f"Book {number}", "C")
        for number in WORDS[:chapter_count]
        for line in WORDS[:lines]
    ]


def test_transcript_is_librispeech_form_and_refuses_numbers_and_signs():
    assert to_transcript('"It\'s cold," she said - and LEFT!') == "IT'S COLD SHE SAID AND LEFT"
    for text in ("at 9 o'clock", "caf\u00e9", "five & six"):
        with pytest.raises(ValueError, match="spell numbers"):
            to_transcript(text)


def test_sentences_have_2_to_60_words_and_titles_and_test_shares_no_book():
    sentences = {split: load_sentences(split) for split in SPLITS}
    assert sentences["test"][0] == Sentence(
        "The ferryman lived alone on the far side of the river.", "The Long Shore", "The Ferryman"
    )
    counts = [len(to_transcript(own.text).split()) for split in SPLITS for own in sentences[split]]
    assert min(counts) == 2 and 50 < max(counts) <= 60
    books = {split: {own.book for own in sentences[split]} for split in SPLITS}
    assert not books["test"] & (books["training"] | books["validation"])


@pytest.mark.parametrize("split", SPLITS)
def test_every_sentence_is_read_once_in_order_by_the_right_readers(split, rng):
    sentences = make_sentences(12, 10)
    dealt = chapters.deal_chapters(split, sentences, load_readers(), rng)
    assert [sentence for chapter in dealt for sentence in chapter.sentences] == sentences
    assert {chapter.reader.group for chapter in dealt} == {chapters.GROUPS[split]}
    assert all(len({sentence.book for sentence in chapter.sentences}) == 1 for chapter in dealt)
    assert len({chapter.id for chapter in dealt}) == len(dealt)
    if split == "test":
        assert {chapter.reader for chapter in dealt} == {r for r in load_readers() if r.group == "test"}


def test_tables_are_read_back(tones, tmp_path, rng):
    readers = [reader for reader in load_readers() if reader.group == "test"]
    dealt = chapters.deal_chapters("test", make_sentences(), readers, rng)
    recordings = [recording for chapter in dealt for recording in record_chapter(chapter, seed=1)]
    (tmp_path / "SPEAKERS.TXT").write_text(chapters.speakers_table(recordings, readers))
    (tmp_path / "CHAPTERS.TXT").write_text(chapters.chapters_table(recordings))
    (tmp_path / "BOOKS.TXT").write_text(chapters.books_table(recordings))
    speakers, read, books = openslr.read_tables(tmp_path)
    told = {(own.id, own.gender, own.name) for own in speakers.values()}
    assert told == {(own.id, own.gender, own.name) for own in readers}
    minutes = sum(own.total_minutes or 0 for own in speakers.values())
    assert minutes == pytest.approx(sum(recording.minutes for recording in recordings), abs=0.1)
    assert {chapter.id: chapter.speaker_id for chapter in read.values()} == {c.id: c.reader.id for c in dealt}
    assert all(books[chapter.book_id].title == chapter.project_title for chapter in read.values())
    assert len(books) == 9
    lines = chapters.conditions_table(recordings).splitlines()[2:]
    for line, recording in zip(lines, recordings, strict=True):
        name, voice, noise, ratio, decay = (field.strip() for field in line.split("|"))
        assert name == recording.id and noise == recording.conditions.noise
        assert voice.endswith(recording.chapter.reader.voice.name)
        assert (None if ratio == "-" else float(ratio)) == recording.conditions.ratio_db
        assert float(decay) == recording.conditions.decay_time_s
