"""The corpus as everything downstream sees it: records, and a `Split` over a memory-mapped dataset.

The columns are those of the Hugging Face dataset openslr/librispeech_asr; audio is undecoded: {bytes, path}. More
hold further references, the part and channel of a recording, what a custom table further says of an utterance, and
why a row cannot be evaluated.
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
"""What people, pandas and Common Voice write for a value that they do not know, in lower case."""
Value = float | bool | str
_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_TRUTH = {"true": True, "false": False}
_IDENTIFIER = re.compile(r"(^|[\W_])(id|Id|ID)$|[a-z](Id|ID)$")


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
        fields: what further columns of a custom table say, as `write_fields` writes it; None: nothing.
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


class Speaker(NamedTuple):
    """One row of SPEAKERS.TXT: a reader, "F", "M" or None, and all of his or her speech in the corpus."""

    id: int
    gender: str | None
    subset: str
    total_minutes: float | None
    name: str


class Chapter(NamedTuple):
    """One row of CHAPTERS.TXT: read by whom, how much speech, in which subset, keys and titles."""

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
        """The further columns of the utterances, each "float", "boolean" or "string"; see `infer_types`."""
        column = self.column("fields")
        return {} if column.null_count == len(column) else infer_types(column.to_pylist())

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {utterance_id: row for row, utterance_id in enumerate(self.ids)}

    def column(self, name: str) -> pyarrow.ChunkedArray:
        """A column of the dataset, in its order; of the others, such as audio, nothing is read."""
        return self.dataset.select_columns([name]).with_format("arrow")[:].column(name)

    def __len__(self) -> int:
        """The number of utterances."""
        return len(self.dataset)

    def utterance(self, utterance_id: str) -> Utterance:
        """The utterance with that id, its audio undecoded; raise where the split has none."""
        return self._read(utterance_id, self.dataset[self._row(utterance_id)])

    def utterances(self) -> Iterator[Utterance]:
        """All utterances, in the dataset's order; ten times as fast as asking for each."""
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
        """The subset the utterance is in."""
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
    """The number that the tables know a speaker or chapter by; -1, which none has, for other names."""
    text = str(name)
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS and str(int(text)) == text else -1


def dataset_features() -> datasets.Features:
    """The dataset's columns and their types, audio undecoded."""
    import datasets

    kinds: dict[str, Any] = dict.fromkeys(COLUMNS, datasets.Value("string"))
    kinds |= {"audio": datasets.Audio(decode=False), "more_texts": datasets.List(datasets.Value("string"))}
    kinds |= {"start_s": datasets.Value("float64"), "end_s": datasets.Value("float64")}
    return datasets.Features(kinds | {"channel": datasets.Value("int32")})


# Further columns of a custom table: accent, device, noise. In the index they are one JSON object an utterance; they are
# typed once, over every row of a split, because a platform asks for the same keys and types of every utterance.


def is_nothing(value: Any) -> bool:
    """Return whether a value says nothing."""
    if isinstance(value, str):
        return value.strip().lower() in NOTHING
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def write_fields(values: Mapping[str, Any]) -> str | None:
    """Write what is known of an utterance, in single values, as JSON; None where nothing is."""
    single = {name: value for name, value in values.items() if not isinstance(value, list | dict | bytes)}
    known = {name: _plain(value) for name, value in single.items() if not is_nothing(value)}
    return json.dumps(known, ensure_ascii=False) if known else None


def infer_types(rows: Iterable[str | None]) -> dict[str, str]:
    """Find the type of each further column, by its name, in the order of the names; rows as `write_fields` has them.

    float     every value is a number, or written as one: 7, -0.5, 1e-3 (007 names, so it is text)
    boolean   every value is true or false
    string    anything else, and columns whose name ends in the word `id`
    """
    known = (json.loads(row) for row in rows if row)
    found = merge_types({name: _kind_of(value) for name, value in values.items()} for values in known)
    return {name: STRING if _IDENTIFIER.search(name) else kind for name, kind in found.items()}


def merge_types(types: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Merge the columns of several rows or splits: a type that they do not share gives way to text."""
    merged: dict[str, str] = {}
    for each in types:
        for name, kind in each.items():
            merged[name] = kind if merged.get(name, kind) == kind else STRING
    return dict(sorted(merged.items()))


def read_fields(row: str | None, types: Mapping[str, str]) -> dict[str, Value | None]:
    """Read the values of an utterance, one a column of `types`; None where its table does not tell."""
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
