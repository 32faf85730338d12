import pytest

from librispeech_clf.corpus.schema import UNKNOWN, Book, Chapter, Speaker, Utterance
from librispeech_clf.metadata.record import RECORD_METADATA_TYPES, record_metadata

KINDS = {"float": float, "string": str}
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


def test_missing_rows_give_none():
    known = {key: value for key, value in record().items() if value is not None}
    assert known == {"speaker_id": "60", "chapter_id": "121082", "subset": "train-clean-100"}


def test_unknown_ids_give_none():
    values = record(Utterance("a", "HELLO", UNKNOWN, UNKNOWN, None, None))
    assert values["speaker_id"] is None
    assert values["chapter_id"] is None


def test_project_title_stands_for_a_missing_book():
    assert record(chapter=CHAPTER)["book_title"] == "A Project"


@pytest.mark.parametrize("speaker", [None, SPEAKER, Speaker(60, None, "", None, "")])
def test_keys_and_types_are_those_declared(speaker):
    values = record(speaker=speaker, chapter=CHAPTER)
    assert list(values) == list(RECORD_METADATA_TYPES)
    assert all(
        value is None or type(value) is KINDS[RECORD_METADATA_TYPES[key]] for key, value in values.items()
    )
