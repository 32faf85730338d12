from librispeech_clf.corpus.schema import UNKNOWN, Book, Chapter, Speaker, Utterance
from librispeech_clf.metadata.record import record_metadata

UTTERANCE = Utterance("60-121082-0000", "HELLO", "60", "121082", None, None)
SPEAKER = Speaker(60, "M", "train-clean-100", 20.18, "|CBW|Simon")
CHAPTER = Chapter(121082, 60, 9.5, "train-clean-100", 7, 11, "Chapter One", "A Project")
BOOK = Book(11, "A Book", None)


def record(utterance=UTTERANCE, speaker=None, chapter=None, book=None):
    return record_metadata(utterance, speaker=speaker, chapter=chapter, book=book, subset="train-clean-100")


def test_full_record():
    assert record(speaker=SPEAKER, chapter=CHAPTER, book=BOOK) == {
        "speaker_id": "60",
        "gender": "M",
        "speaker_total_minutes": 20.18,
        "reader_name": "|CBW|Simon",
        "chapter_id": "121082",
        "chapter_title": "Chapter One",
        "book_title": "A Book",
        "subset": "train-clean-100",
    }


def test_missing_rows_and_unknown_ids_give_none():
    known = {"speaker_id": "60", "chapter_id": "121082", "subset": "train-clean-100"}
    assert record() == dict.fromkeys(record()) | known
    unknown = record(Utterance("a", "HELLO", UNKNOWN, UNKNOWN, None, None))
    assert unknown == dict.fromkeys(record()) | {"subset": "train-clean-100"}


def test_project_title_stands_for_a_missing_book():
    assert record(chapter=CHAPTER)["book_title"] == "A Project"
