"""The corpus' own texts."""

import pytest

from librispeech_clf.development.synthesis.sentences import load_sentences, parse_chapter, to_transcript

SPLITS = ("training", "validation", "test")


def test_transcript_is_librispeech_form():
    assert to_transcript('"It\'s cold," she said - and LEFT!') == "IT'S COLD SHE SAID AND LEFT"


@pytest.mark.parametrize("text", ["at 9 o'clock", "caf\u00e9", "five & six"])
def test_transcript_refuses_numbers_and_signs(text):
    with pytest.raises(ValueError, match="spell numbers"):
        to_transcript(text)


def test_chapter_file_gives_titles_and_lines():
    sentences = parse_chapter("# book: B\n# chapter: The C\n\nOne day.\nTwo days.\n", "test")
    assert [sentence.text for sentence in sentences] == ["One day.", "Two days."]
    assert {(s.split, s.book, s.chapter) for s in sentences} == {("test", "B", "The C")}


def test_every_sentence_occurs_once_in_the_corpus():
    transcripts = [to_transcript(s.text) for split in SPLITS for s in load_sentences(split)]
    assert len(transcripts) == len(set(transcripts)) >= 260


def test_sentences_have_2_to_60_words():
    counts = [len(to_transcript(s.text).split()) for split in SPLITS for s in load_sentences(split)]
    assert min(counts) == 2 and 50 < max(counts) <= 60


def test_test_split_shares_no_book_with_the_others():
    books = {split: {sentence.book for sentence in load_sentences(split)} for split in SPLITS}
    assert not books["test"] & (books["training"] | books["validation"])
