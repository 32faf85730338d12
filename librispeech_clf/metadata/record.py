"""Metadata of the corpus record: who reads, from which chapter and book, in which subset.

In: the utterance and its rows of the speaker, chapter and book tables, any of which may be missing.
Out: a flat dict with the same keys for every utterance, `None` where a table does not tell.
"""

from librispeech_clf.corpus.schema import UNKNOWN, Book, Chapter, Speaker, Utterance

RECORD_METADATA_TYPES: dict[str, str] = {
    "speaker_id": "string",
    "gender": "string",
    "speaker_total_minutes": "float",
    "reader_name": "string",
    "chapter_id": "string",
    "chapter_title": "string",
    "book_title": "string",
    "subset": "string",
}
"""Key -> "float" or "string"; the keys of `record_metadata`, in its order."""


def record_metadata(
    utterance: Utterance, *, speaker: Speaker | None, chapter: Chapter | None, book: Book | None, subset: str
) -> dict[str, float | str | None]:
    """Gather what the tables say about an utterance.

    Args:
        utterance: the record itself.
        speaker: its row of SPEAKERS.TXT.
        chapter: its row of CHAPTERS.TXT.
        book: its row of BOOKS.TXT; without one the chapter's project title stands for the book's title.
        subset: the corpus subset, for example "dev-clean".

    Returns:
        One value per key of `RECORD_METADATA_TYPES`. Ids are strings, because they name and do not measure.
        `gender` is "F" or "M" as the official table has it, mistakes included. `speaker_total_minutes` is all
        of the reader's speech in the corpus, not the utterance's duration.
    """
    return {
        "speaker_id": _name_id(utterance.speaker_id),
        "gender": speaker.gender if speaker else None,
        "speaker_total_minutes": speaker.total_minutes if speaker else None,
        "reader_name": (speaker.name or None) if speaker else None,
        "chapter_id": _name_id(utterance.chapter_id),
        "chapter_title": (chapter.title or None) if chapter else None,
        "book_title": _book_title(chapter, book),
        "subset": subset,
    }


def _name_id(name: str) -> str | None:
    return None if name == UNKNOWN else str(name)


def _book_title(chapter: Chapter | None, book: Book | None) -> str | None:
    if book and book.title:
        return book.title
    return (chapter.project_title or None) if chapter else None
