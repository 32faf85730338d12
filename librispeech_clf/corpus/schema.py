"""The corpus as everything downstream sees it: records, and a `Split` over a memory-mapped dataset.

The columns are those of the Hugging Face dataset openslr/librispeech_asr; audio is undecoded: {bytes, path}. More
hold further references, the part and channel of a recording, what a custom table further says of an utterance, and
why a row cannot be evaluated.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from librispeech_clf.corpus import fields as further_fields
from librispeech_clf.text.normalization import drop_annotations

if TYPE_CHECKING:
    import datasets
    import pyarrow

COLUMNS = (
    "id", "audio", "text", "more_texts", "speaker_id", "chapter_id", "start_s", "end_s", "channel", "fields", "problem"
)  # fmt: skip
UNKNOWN = ""
UNLABELED = "unlabeled"
"""The state whose transcripts are not read."""

MOST_DIGITS = 18


@dataclass(frozen=True)
class Utterance:
    """One recording with its transcript.

    Attributes:
        id: for example "1272-128104-0000": speaker, chapter, number; one of a custom table is any text.
        text: the transcript as the corpus has it; None: it has none.
        speaker_id: as the corpus writes it, so "0012" is not "12"; LibriSpeech's are keys into the speaker
            table. `UNKNOWN` when the corpus has none.
        chapter_id: likewise, of the chapter table.
        audio_bytes: the encoded audio file, or None.
        audio_path: the audio file's path; with `audio_bytes` only its name.
        fields: what further columns of a custom table say, as `corpus.fields` writes it; None: nothing.
        problem: why the utterance cannot be evaluated, with the remedy, when its row already shows it; else None.
        more_texts: further references; the one nearest to what is recognized counts.
        start_s: where in the recording the utterance starts, s; None: it is the whole recording.
        end_s: where it ends, s; None: at the recording's end.
        channel: which channel it is, from 0; None: the mean of all.
    """

    id: str
    text: str | None
    speaker_id: str
    chapter_id: str
    audio_bytes: bytes | None = field(repr=False)
    audio_path: str | None
    fields: str | None = None
    problem: str | None = None
    more_texts: tuple[str, ...] = ()
    start_s: float | None = None
    end_s: float | None = None
    channel: int | None = None


@dataclass(frozen=True)
class Speaker:
    """One row of SPEAKERS.TXT: a reader, "F", "M" or None, and all of his or her speech in the corpus."""

    id: int
    gender: str | None
    subset: str
    total_minutes: float | None
    name: str


@dataclass(frozen=True)
class Chapter:
    """One row of CHAPTERS.TXT: read by whom, how much speech, in which subset, keys and titles."""

    id: int
    speaker_id: int
    minutes: float | None
    subset: str
    project_id: int | None
    book_id: int | None
    title: str
    project_title: str


@dataclass(frozen=True)
class Book:
    """One row of BOOKS.TXT; `authors` is what the row says after the title, or None."""

    id: int
    title: str
    authors: str | None


@dataclass(frozen=True, eq=False)
class Split:
    """The utterances of one state, with the tables about them.

    Attributes:
        name: The state: training, validation, test, additional or unlabeled, whose transcripts are not read.
        dataset: Columns `COLUMNS`; the rows of one subset after the other.
        row_counts: The number of rows of each subset, in the dataset's order.
        speakers: The speaker table by speaker id.
        chapters: The chapter table by chapter id.
        books: The book table by book id.
        drops_annotations: Whether transcripts are read without what stands in brackets.
    """

    name: str
    dataset: datasets.Dataset
    row_counts: Mapping[str, int]
    speakers: Mapping[int, Speaker]
    chapters: Mapping[int, Chapter]
    books: Mapping[int, Book]
    drops_annotations: bool = False

    @property
    def subsets(self) -> tuple[str, ...]:
        """The subsets, in the dataset's order."""
        return tuple(self.row_counts)

    @cached_property
    def ids(self) -> list[str]:
        """The utterance ids, in the dataset's order; reads no audio. One that comes again gets "#2", "#3", ..."""
        return _number_repeated(self.column("id").to_pylist())

    @cached_property
    def texts(self) -> list[str | None]:
        """The transcripts as the corpus has them, in the dataset's order, None where it has none; reads no audio."""
        return [self._edit(text) for text in self.column("text").to_pylist()]

    @cached_property
    def more_texts(self) -> dict[str, tuple[str, ...]]:
        """The further references of the utterances that have several, by id."""
        pairs = zip(self.ids, self.column("more_texts").to_pylist(), strict=True)
        return {name: self._edit_all(texts) for name, texts in pairs if texts}

    def _edit(self, text: str | None) -> str | None:
        if text is None or self.name == UNLABELED:
            return None
        return drop_annotations(text) if self.drops_annotations else text

    def _edit_all(self, texts: Sequence[str] | None) -> tuple[str, ...]:
        return tuple(text for text in map(self._edit, texts or ()) if text is not None)

    @cached_property
    def field_types(self) -> dict[str, str]:
        """The further columns of the utterances, each "float", "boolean" or "string"; see `corpus.fields`."""
        column = self.column("fields")
        return {} if column.null_count == len(column) else further_fields.infer_types(column.to_pylist())

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {utterance_id: row for row, utterance_id in enumerate(self.ids)}

    def column(self, name: str) -> pyarrow.ChunkedArray:
        """A column of the dataset, in its order; of the others, such as audio, nothing is read."""
        return self.dataset.select_columns([name]).with_format("arrow")[:].column(name)

    @cached_property
    def _subset_ends(self) -> list[int]:
        return list(itertools.accumulate(self.row_counts.values()))

    def __len__(self) -> int:
        """The number of utterances."""
        return len(self.dataset)

    def utterance(self, utterance_id: str) -> Utterance:
        """The utterance with that id, its audio undecoded.

        Raises:
            ValueError: The split has no such utterance.
        """
        number = self._row(utterance_id)
        row = self.dataset[number]
        repeated = f"the id {row['id']} occurs more than once in the {self.name} split; make ids unique."
        return Utterance(
            id=self.ids[number],
            text=self._edit(row["text"]),
            speaker_id=row["speaker_id"],
            chapter_id=row["chapter_id"],
            audio_bytes=row["audio"]["bytes"],
            audio_path=row["audio"]["path"],
            **{name: row[name] for name in ("start_s", "end_s", "channel", "fields")},
            more_texts=self._edit_all(row["more_texts"]),
            problem=row["problem"] if utterance_id == row["id"] else repeated,
        )

    def speaker(self, utterance: Utterance) -> Speaker | None:
        """The utterance's row of the speaker table, or None when the table lacks it."""
        return self.speakers.get(table_key(utterance.speaker_id))

    def chapter(self, utterance: Utterance) -> Chapter | None:
        """The utterance's row of the chapter table, or None when the table lacks it."""
        return self.chapters.get(table_key(utterance.chapter_id))

    def book(self, utterance: Utterance) -> Book | None:
        """The book the utterance's chapter belongs to, or None when a table lacks it."""
        chapter = self.chapter(utterance)
        return self.books.get(chapter.book_id) if chapter and chapter.book_id is not None else None

    def subset_of(self, utterance: Utterance) -> str:
        """The subset the utterance is in.

        Raises:
            ValueError: The split has no such utterance.
        """
        return self.subsets[bisect.bisect_right(self._subset_ends, self._row(utterance.id))]

    def _row(self, utterance_id: str) -> int:
        row = self._rows.get(utterance_id)
        if row is None:
            raise ValueError(
                f"{utterance_id}: the {self.name} split ({', '.join(self.subsets)}) has no such utterance."
            )
        return row


def _number_repeated(ids: Sequence[str]) -> list[str]:
    taken = set(ids)
    if len(taken) == len(ids):
        return list(ids)
    seen: set[str] = set()
    numbered = []
    for name in ids:
        again = (f"{name}#{number}" for number in itertools.count(2))
        unique = name if name not in seen else next(other for other in again if other not in taken)
        seen.add(name)
        taken.add(unique)
        numbered.append(unique)
    return numbered


def table_key(name: str) -> int:
    """The number that the tables know a speaker or chapter by; -1, which none has, for other names."""
    text = str(name)
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS and str(int(text)) == text else -1


def dataset_features() -> datasets.Features:
    """The dataset's columns and their types, audio undecoded."""
    import datasets

    return datasets.Features(
        {
            "id": datasets.Value("string"),
            "audio": datasets.Audio(decode=False),
            "text": datasets.Value("string"),
            "more_texts": datasets.List(datasets.Value("string")),
            "speaker_id": datasets.Value("string"),
            "chapter_id": datasets.Value("string"),
            "start_s": datasets.Value("float64"),
            "end_s": datasets.Value("float64"),
            "channel": datasets.Value("int32"),
            "fields": datasets.Value("string"),
            "problem": datasets.Value("string"),
        }
    )
