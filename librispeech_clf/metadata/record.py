"""Metadata of the corpus record: who reads, from which chapter and book, in which subset.

In: the utterance and its rows of the speaker, chapter and book tables, any of which may be missing.
Out: a flat dict with the same keys for every utterance, `None` where a table does not say.
"""

from librispeech_clf.corpus.schema import Book, Chapter, Speaker, Utterance

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
    """Gather what the tables say about an utterance, one value per key of `RECORD_METADATA_TYPES`.

    Ids are strings, because they name and do not measure. `gender` is "F" or "M" as in the official table,
    mistakes included. `speaker_total_minutes` is all of the reader's speech in the corpus. Without a book, the
    chapter's project title serves as its title.
    """
    return {
        "speaker_id": utterance.speaker_id or None,
        "gender": speaker.gender if speaker else None,
        "speaker_total_minutes": speaker.total_minutes if speaker else None,
        "reader_name": (speaker.name or None) if speaker else None,
        "chapter_id": utterance.chapter_id or None,
        "chapter_title": (chapter.title or None) if chapter else None,
        "book_title": (book.title if book else "") or (chapter.project_title if chapter else "") or None,
        "subset": subset,
    }
