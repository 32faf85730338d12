"""The results of a run, as analyses and page use them: made once, and each column read once, on demand.

    record = Record(table)                  # pandas, pyarrow, or the path of results.parquet
    recordings = record.select_recordings() # without simulated rows
    scored = recordings.select_scored()     # without failed rows
    scored.ids, scored.speakers             # object (N,); a speaker is None where unknown
    scored.blocks                           # int (N,): the speaker's number; each unknown speaker gets their own
    scored.errors(), scored.units()         # float64 (N,), by words or by "character"
    scored.column("signal_duration_s")      # Column: its numbers, or its categories; None if there is nothing to read
    scored.texts("reference")               # list of str, None where missing
    scored.vectors("latent")                # float32 (K, D) and the K rows that hold one
    scored.select(rows)                     # a record of some rows; what has been read is not read again

Only `utterance_id` and the error counts are required; any other column may be missing or null.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from librispeech_clf.text.alignment import Edit, choose_operations, pair_tokens, split_words

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow

UNITS = ("word", "character")
LISTS_AT_ONCE = 100
VECTORS_AT_ONCE = 10_000
OPERATIONS = ("hits", "substitutions", "deletions", "insertions")
METADATA_GROUPS = ("signal", "text", "readability", "record", "corpus")
SPEAKER = "record_speaker_id"
_SPELLED = {
    "ctc": "CTC", "mfcc": "MFCC", "rms": "RMS", "dale chall": "Dale-Chall", "flesch kincaid": "Flesch-Kincaid",
    "flesch": "Flesch", "gunning fog": "Gunning fog", "linsear write": "Linsear Write",
    "signal to noise": "signal-to-noise", "zero crossing": "zero-crossing",
}  # fmt: skip
"""Spellings that the field uses."""
_NAMES = re.compile("|".join(rf"\b{name}\b" for name in _SPELLED))
_PHYSICAL_UNITS = {"hz": "Hz", "s": "s", "ms": "ms", "db": "dB", "dbfs": "dBFS", "minutes": "min"}


@dataclass(frozen=True)
class Column:
    """A column of numbers or categories.

    Attributes:
        numbers: float64 (N,), NaN where null or infinite; None for categories.
        levels: the categories as text, sorted; none for numbers.
        codes: int (N,), the category of each row, -1 where null; for numbers, all -1.
    """

    name: str
    numbers: np.ndarray | None
    levels: tuple[str, ...]
    codes: np.ndarray

    @property
    def label(self) -> str:
        """Return the name in words: "spectral centroid mean"."""
        return label_column(self.name)

    @property
    def is_empty(self) -> bool:
        """Return whether no row holds anything."""
        return not (self.codes >= 0).any() and (self.numbers is None or not np.isfinite(self.numbers).any())

    @property
    def categories(self) -> np.ndarray:
        """Return the category of each row as text, object (N,), None where null or a number."""
        return np.array([*self.levels, None], object)[self.codes]


@dataclass(frozen=True)
class Aligned:
    """Rows with reference and hypothesis that did not fail.

    Attributes:
        rows: their record.
        texts: reference and hypothesis of each.
        operations: the operations that align each row's words, see `alignment.choose_operations`.
    """

    rows: Record
    texts: list[tuple[str, str]]
    operations: list[str]

    def list_edits(self) -> Iterator[tuple[Edit, ...]]:
        """Yield the alignment of each row's words."""
        for (expected, received), operations in zip(self.texts, self.operations, strict=True):
            yield pair_tokens(split_words(expected), split_words(received), operations)


class Record:
    """Rows of a results table; see the module's docstring."""

    def __init__(self, table: pd.DataFrame | pyarrow.Table | Path) -> None:
        """Take a table, or the path of a Parquet file whose columns are read on demand."""
        self.names, self._count, self._read, self._read_parts = _open(table)
        self._columns: dict[str, Column | None] = {}
        self.rows: np.ndarray | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._count if self.rows is None else len(self.rows)

    def select(self, rows: np.ndarray) -> Record:
        """Return a record of some rows, given as their positions or as bool (N,)."""
        if np.asarray(rows).dtype == bool and np.all(rows):
            return self
        own = np.arange(self._count) if self.rows is None else self.rows
        chosen = object.__new__(Record)
        # Columns that were read are shared; what is cached for these rows (their ids, ...) is not.
        shared = ("names", "_count", "_read", "_read_parts", "_columns")
        vars(chosen).update({name: vars(self)[name] for name in shared}, rows=own[rows])
        return chosen

    def select_recordings(self) -> Record:
        """Return the rows that are not simulated."""
        simulations = self.column("simulation")
        return self if simulations is None else self.select(np.flatnonzero(simulations.codes == -1))

    def select_scored(self) -> Record:
        """Return the rows that hold all four error counts."""
        return self.select(np.isfinite(self.counts()).all(axis=1))

    @cached_property
    def ids(self) -> np.ndarray:
        """Return the utterances' ids, object (N,)."""
        return np.array(self.texts("utterance_id"), object)

    @property
    def speakers(self) -> np.ndarray:
        """Return the speakers' names, object (N,), None where unknown."""
        column = self.column(SPEAKER)
        return np.full(len(self), None, object) if column is None else column.categories

    @cached_property
    def blocks(self) -> np.ndarray:
        """Return each row's independent unit, int (N,): the speaker's number, or a number of its own if unknown."""
        column = self.column(SPEAKER)
        codes = np.full(len(self), -1) if column is None else column.codes
        unknown = np.flatnonzero(codes == -1)
        # Numbered by name, so that sums do not depend on the order of the rows.
        order = np.argsort(self.ids[unknown].astype(str), kind="stable")
        blocks = np.array(codes)
        blocks[unknown[order]] = np.arange(len(unknown)) + (len(column.levels) if column else 0)
        return np.unique(blocks, return_inverse=True)[1]

    @property
    def is_known(self) -> np.ndarray:
        """Return whether each row's speaker is known, bool (N,)."""
        column = self.column(SPEAKER)
        return np.zeros(len(self), bool) if column is None else column.codes >= 0

    def counts(self, unit: str = "word") -> np.ndarray:
        """Return hits, substitutions, deletions and insertions, float64 (N, 4), NaN where the row failed.

        Raises:
            ValueError: the unit is neither "word" nor "character".
        """
        if unit not in UNITS:
            raise ValueError(f"unit: one of {UNITS} is counted; received {unit!r}.")
        return np.stack([self.numbers(f"{unit}_{operation}") for operation in OPERATIONS], axis=1)

    def errors(self, unit: str = "word") -> np.ndarray:
        """Return substitutions + deletions + insertions, float64 (N,)."""
        return self.counts(unit)[:, 1:].sum(axis=1)

    def units(self, unit: str = "word") -> np.ndarray:
        """Return reference words or characters: hits + substitutions + deletions, float64 (N,)."""
        return self.counts(unit)[:, :3].sum(axis=1)

    @property
    def metadata(self) -> list[str]:
        """Return the names of the metadata columns (those with a group's prefix), in the table's order."""
        return [name for name in self.names if name.partition("_")[0] in METADATA_GROUPS and "_" in name]

    def column(self, name: str) -> Column | None:
        """Return a column; None where the table lacks it, all of it is null, or it holds lists."""
        if name not in self._columns:
            self._columns[name] = _decode(name, self._read(name)) if name in self.names else None
        column = self._columns[name]
        if column is None or self.rows is None:
            return column
        if column.numbers is None:
            return dataclasses.replace(column, codes=column.codes[self.rows])
        codes = np.broadcast_to(-1, len(self))
        return dataclasses.replace(column, numbers=column.numbers[self.rows], codes=codes)

    def numbers(self, name: str) -> np.ndarray:
        """Return a column's numbers, float64 (N,), NaN where it has none."""
        column = self.column(name)
        return np.full(len(self), np.nan) if column is None or column.numbers is None else column.numbers

    def texts(self, name: str) -> list[str | None]:
        """Return a column's cells as text, None where null or where the table lacks the column."""
        if name not in self.names:
            return [None] * len(self)
        return [None if value is None else str(value) for value in self._take(name).to_pylist()]

    def lists(self, name: str) -> Iterator[list[Any] | None]:
        """Yield a column's lists of records, None where null or where the table lacks the column.

        They are decoded a few at a time: as Python objects they take a hundred times the memory.
        """
        import pyarrow

        column = self._take(name) if name in self.names else pyarrow.nulls(len(self))
        for start in range(0, len(column), LISTS_AT_ONCE):
            yield from column.slice(start, LISTS_AT_ONCE).to_pylist()

    @cached_property
    def aligned(self) -> Aligned:
        """Return the rows with both texts that did not fail, their words aligned."""
        columns = (self.texts(name) for name in ("reference", "hypothesis", "error"))
        found = {
            row: (expected, received)
            for row, (expected, received, error) in enumerate(zip(*columns, strict=True))
            if error is None and expected is not None and received is not None
        }
        texts = list(found.values())
        operations = [choose_operations(*map(split_words, pair)) for pair in texts]
        return Aligned(self.select(np.array(list(found), int)), texts, operations)

    def vectors(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return a column's vectors.

        Returns:
            float32 (K, D) and int (K,), the rows that hold one. Rows without a vector, with a non-finite value, or with
            a length other than the most frequent one are left out.
        """
        import pyarrow

        own = np.arange(self._count) if self.rows is None else self.rows
        order = np.argsort(own, kind="stable")
        found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        start = 0
        for part in self._read_parts(name) if name in self.names else ():
            first, start = start, start + len(part)
            places = order[slice(*np.searchsorted(own, (first, start), sorter=order))]
            if pyarrow.types.is_null(part.type):  # pandas keeps no type of a column without a value
                continue
            lists = part.take(pyarrow.array(own[places] - first))
            lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
            for width in np.unique(lengths[lengths > 0]).tolist():
                if width not in found:  # each vector is held once: a million take gigabytes
                    found[width] = np.empty((len(own), width), np.float32), np.zeros(len(own), bool)
                vectors, filled = found[width]
                values = lists.filter(pyarrow.array(lengths == width)).flatten().cast(pyarrow.float32())
                here = places[lengths == width]
                vectors[here] = values.to_numpy(zero_copy_only=False).reshape(-1, width)
                filled[here] = True
        if not found:
            return np.zeros((0, 0), np.float32), np.zeros(0, int)
        # Of equally frequent lengths, the shortest.
        vectors, filled = max((found[width] for width in sorted(found)), key=lambda pair: pair[1].sum())
        vectors[~filled] = np.nan
        rows = np.flatnonzero(np.isfinite(vectors.sum(axis=1)))
        for first in range(0, len(rows), VECTORS_AT_ONCE):  # in place of those that are left out
            kept = rows[first : first + VECTORS_AT_ONCE]
            vectors[first : first + len(kept)] = vectors[kept]
        return vectors[: len(rows)], rows

    def confidences(self) -> list[np.ndarray]:
        """Return the confidences of each row's words, float64 (W,), NaN where a word has none; empty without words."""
        import pyarrow

        words = self._take("words") if "words" in self.names and len(self) else pyarrow.nulls(len(self))
        if pyarrow.types.is_null(words.type):
            return [np.zeros(0)] * len(self)
        words = words.combine_chunks()
        ends = np.cumsum(words.value_lengths().fill_null(0).to_numpy(zero_copy_only=False))
        values = words.flatten().field("confidence").cast(pyarrow.float64())
        return np.split(values.to_numpy(zero_copy_only=False), ends[:-1])

    def _take(self, name: str) -> pyarrow.Array:
        column = self._read(name)
        return column if self.rows is None else column.take(self.rows)


def read_table(folder: Path) -> pd.DataFrame:
    """Read all columns of a finished evaluation, nested ones too.

    Raises:
        FileNotFoundError: the folder holds none.
    """
    import pandas as pd

    path = folder / "results.parquet"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: not found; name the folder of a finished evaluation, or run `poetry run evaluate` first."
        )
    return pd.read_parquet(path)


def label_column(name: str) -> str:
    """Return a column's name in words: `signal_level_mean_dbfs` -> "level mean"."""
    parts = name.split("_")
    if parts[0] in METADATA_GROUPS and len(parts) > 1:
        parts = parts[1:]
    for endings in (_PHYSICAL_UNITS, ("id",)):
        if parts[-1] in endings and len(parts) > 1:
            parts = parts[:-1]
    return _NAMES.sub(lambda found: _SPELLED[found[0]], " ".join(parts))


def physical_unit(name: str) -> str | None:
    """Return the unit a column's name ends in ("Hz", "s", "dB" ...), None for a plain number."""
    return _PHYSICAL_UNITS.get(name.rsplit("_", 1)[-1])


def _open(
    table: pd.DataFrame | pyarrow.Table | Path,
) -> tuple[list[str], int, Callable[[str], pyarrow.ChunkedArray], Callable[[str], Iterator[pyarrow.Array]]]:
    """Return the names of a table's columns, the number of its rows, and what reads a column whole and in parts."""
    import pyarrow
    import pyarrow.parquet

    if isinstance(table, Path):
        file, reading = pyarrow.parquet.ParquetFile(table), Lock()

        def read_column(name: str) -> pyarrow.ChunkedArray:
            with reading:  # the maps are made in two threads; a ParquetFile is not safe for that
                return file.read([name]).column(0)

        def read_parts(name: str) -> Iterator[pyarrow.Array]:
            with reading:
                for part in file.iter_batches(VECTORS_AT_ONCE, columns=[name]):
                    yield part.column(0)

        return file.schema_arrow.names, file.metadata.num_rows, read_column, read_parts
    if isinstance(table, pyarrow.Table):
        return table.column_names, table.num_rows, table.column, lambda name: iter(table.column(name).chunks)

    def read(name: str) -> pyarrow.ChunkedArray:
        return pyarrow.chunked_array([pyarrow.array(table[name], from_pandas=True)])

    return [str(name) for name in table.columns], len(table), read, lambda name: iter(read(name).chunks)


def _decode(name: str, values: pyarrow.ChunkedArray) -> Column | None:
    """Decode a column: numbers, or categories if it is text, boolean or an identifier (named `..._id`)."""
    import pyarrow
    from pyarrow import types

    if values.null_count == len(values) or types.is_nested(values.type):
        return None
    is_number = types.is_integer(values.type) or types.is_floating(values.type)
    if is_number and not name.endswith("_id"):
        numbers = values.cast(pyarrow.float64(), safe=False).to_numpy()  # beyond 2^53 rounded
        known = np.where(np.isfinite(numbers), numbers, np.nan)
        return Column(name, known, (), np.broadcast_to(-1, len(values)))
    if types.is_floating(values.type) and all(
        value is None or value.is_integer() for value in values.to_pylist()
    ):
        values = values.cast(pyarrow.int64())  # whole numbers became floats because of nulls
    texts = [None if value is None else str(value) for value in values.to_pylist()]
    levels = sorted({text for text in texts if text is not None})
    places = {text: place for place, text in enumerate(levels)}
    codes = np.array([-1 if text is None else places[text] for text in texts], int)
    return Column(name, None, tuple(levels), codes)
