"""The corpus as everything downstream sees it: records, and a `Split` over a memory-mapped dataset.

The columns are those of the Hugging Face dataset openslr/librispeech_asr; audio is undecoded: {bytes, path}. Extra
columns hold additional references, the part and channel of a recording, what else a custom table says about an
utterance, and why a row cannot be evaluated.
"""

from __future__ import annotations

import bisect
import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

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

FLOAT, BOOLEAN, STRING = "float", "boolean", "string"
NOTHING = frozenset(
    ("", "nan", "none", "null", "n/a", "#n/a", "<na>", "nat", "unknown", "unspecified", "undefined", "missing",
     "not specified", "not available", "not provided", "?", "-")
)  # fmt: skip
"""What people, pandas and Common Voice write for an unknown value, in lower case."""
Value = float | bool | str
_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_TRUTH = {"true": True, "false": False}
_IDENTIFIER = re.compile(r"(^|[\W_])(id|Id|ID)$|[a-z](Id|ID)$")


@dataclass(frozen=True)
class Utterance:
    """One recording with its transcript.

    Attributes:
        id: for example "1272-128104-0000": speaker, chapter, number; in a custom table, any text.
        text: the transcript as the corpus has it; None: it has none.
        speaker_id: the speaker as the corpus writes it, so "0012" is not "12"; LibriSpeech's are keys into the speaker
            table. `UNKNOWN` if the corpus has none.
        chapter_id: likewise, for the chapter table.
        audio_bytes: the encoded audio file, or None.
        audio_path: the audio file's path; with `audio_bytes`, only its name.
        fields: what additional columns of a custom table say, in the form of `write_fields`; None: nothing.
        problem: why the utterance cannot be evaluated, with the remedy, if its row already shows it; else None.
        more_texts: additional references; the one nearest to what is recognized counts.
        start_s: where in the recording the utterance starts, in s; None: it is the whole recording.
        end_s: where it ends, in s; None: at the recording's end.
        channel: its channel, from 0; None: the mean of all.
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


class Speaker(NamedTuple):
    """One row of SPEAKERS.TXT: a reader, their gender ("F", "M" or None), and all of their speech in the corpus."""

    id: int
    gender: str | None
    subset: str
    total_minutes: float | None
    name: str


class Chapter(NamedTuple):
    """One row of CHAPTERS.TXT: who reads it, how much speech it has, its subset, keys and titles."""

    id: int
    speaker_id: int
    minutes: float | None
    subset: str
    project_id: int | None
    book_id: int | None
    title: str
    project_title: str


class Book(NamedTuple):
    """One row of BOOKS.TXT; `authors` is what the row says after the title, or None."""

    id: int
    title: str
    authors: str | None = None


@dataclass(frozen=True, eq=False)
class Split:
    """The utterances of one state, with the tables about them.

    Attributes:
        name: The state: training, validation, test, additional or unlabeled (whose transcripts are not read).
        dataset: The columns `COLUMNS`; the rows of one subset after another.
        row_counts: The number of rows of each subset, in the dataset's order.
        speakers: The speaker table by speaker id.
        chapters: The chapter table by chapter id.
        books: The book table by book id.
        drops_annotations: Whether transcripts are read without what is in brackets.
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
        """The utterance ids, in the dataset's order; reads no audio. A repeated one gets "#2", "#3", ..."""
        return _number_repeated(self.column("id").to_pylist())

    @cached_property
    def texts(self) -> list[str | None]:
        """The transcripts as the corpus has them, in the dataset's order, None where missing; reads no audio."""
        return [self._edit(text) for text in self.column("text").to_pylist()]

    @cached_property
    def more_texts(self) -> dict[str, tuple[str, ...]]:
        """The additional references of utterances that have several, by id."""
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
        """The types of the additional columns, each "float", "boolean" or "string"; see `infer_types`."""
        column = self.column("fields")
        return {} if column.null_count == len(column) else infer_types(column.to_pylist())

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {utterance_id: row for row, utterance_id in enumerate(self.ids)}

    def column(self, name: str) -> pyarrow.ChunkedArray:
        """Return a column of the dataset, in its order; other columns, such as audio, are not read."""
        return self.dataset.select_columns([name]).with_format("arrow")[:].column(name)

    def __len__(self) -> int:
        """Return the number of utterances."""
        return len(self.dataset)

    def utterance(self, utterance_id: str) -> Utterance:
        """Return the utterance with that id, its audio undecoded; raise if the split has none."""
        return self._read(utterance_id, self.dataset[self._row(utterance_id)])

    def utterances(self) -> Iterator[Utterance]:
        """Yield all utterances, in the dataset's order; ten times as fast as asking for each."""
        batches = self.dataset.with_format("arrow").iter(batch_size=1000)
        rows = (row for batch in batches for row in batch.to_pylist())
        return map(self._read, self.ids, rows)

    def _read(self, utterance_id: str, row: Mapping[str, Any]) -> Utterance:
        repeated = f"the id {row['id']} occurs more than once in the {self.name} split; make ids unique."
        return Utterance(
            id=utterance_id,
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
        """Return the utterance's row of the speaker table, or None if the table lacks it."""
        return self.speakers.get(table_key(utterance.speaker_id))

    def chapter(self, utterance: Utterance) -> Chapter | None:
        """Return the utterance's row of the chapter table, or None if the table lacks it."""
        return self.chapters.get(table_key(utterance.chapter_id))

    def book(self, utterance: Utterance) -> Book | None:
        """Return the book the utterance's chapter belongs to, or None if a table lacks it."""
        chapter = self.chapter(utterance)
        return self.books.get(chapter.book_id) if chapter and chapter.book_id is not None else None

    def subset_of(self, utterance: Utterance) -> str:
        """Return the subset the utterance is in."""
        ends = list(itertools.accumulate(self.row_counts.values()))
        return self.subsets[bisect.bisect_right(ends, self._row(utterance.id))]

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
    """Return a speaker's or chapter's number in the tables; for other names -1, which no row has."""
    text = str(name)
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS and str(int(text)) == text else -1


def dataset_features() -> datasets.Features:
    """Return the dataset's columns and their types, audio undecoded."""
    import datasets

    kinds: dict[str, Any] = dict.fromkeys(COLUMNS, datasets.Value("string"))
    kinds |= {"audio": datasets.Audio(decode=False), "more_texts": datasets.List(datasets.Value("string"))}
    kinds |= {"start_s": datasets.Value("float64"), "end_s": datasets.Value("float64")}
    return datasets.Features(kinds | {"channel": datasets.Value("int32")})


# Additional columns of a custom table: accent, device, noise. In the index they are one JSON object per utterance; they
# are typed once, over every row of a split, because the platform needs the same keys and types for every utterance.


def is_nothing(value: Any) -> bool:
    """Return whether a value says nothing."""
    if isinstance(value, str):
        return value.strip().lower() in NOTHING
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def write_fields(values: Mapping[str, Any]) -> str | None:
    """Write what is known about an utterance, as single values, in JSON; None if nothing is."""
    single = {name: value for name, value in values.items() if not isinstance(value, list | dict | bytes)}
    known = {name: _plain(value) for name, value in single.items() if not is_nothing(value)}
    return json.dumps(known, ensure_ascii=False) if known else None


def infer_types(rows: Iterable[str | None]) -> dict[str, str]:
    """Find the type of each additional column, by name, in the order of the names, from rows of `write_fields`.

    float     every value is a number, or written as one: 7, -0.5, 1e-3 (007 names, so it is text)
    boolean   every value is true or false
    string    anything else, and columns whose name ends in the word `id`
    """
    known = (json.loads(row) for row in rows if row)
    found = merge_types({name: _kind_of(value) for name, value in values.items()} for values in known)
    return {name: STRING if _IDENTIFIER.search(name) else kind for name, kind in found.items()}


def merge_types(types: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Merge the columns of several rows or splits: a type that they do not share becomes text."""
    merged: dict[str, str] = {}
    for each in types:
        for name, kind in each.items():
            merged[name] = kind if merged.get(name, kind) == kind else STRING
    return dict(sorted(merged.items()))


def read_fields(row: str | None, types: Mapping[str, str]) -> dict[str, Value | None]:
    """Read the values of an utterance, one per column of `types`; None where its table has none."""
    values = json.loads(row) if row else {}
    return {name: _convert(values[name], kind) if name in values else None for name, kind in types.items()}


def _plain(value: Any) -> Value:
    if isinstance(value, bool | int | float | str):
        return value
    text = str(value)  # a decimal number, a date
    return float(text) if _NUMBER.fullmatch(text) else text


def _kind_of(value: Value) -> str:
    if isinstance(value, bool) or str(value).lower() in _TRUTH:
        return BOOLEAN
    is_number = isinstance(value, int | float) or _NUMBER.fullmatch(value)
    return FLOAT if is_number and math.isfinite(float(value)) else STRING


def _convert(value: Value, kind: str) -> Value:
    if kind == BOOLEAN:
        return _TRUTH[str(value).lower()]
    return float(value) if kind == FLOAT else str(value)
