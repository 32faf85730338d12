"""Brings a table of an own corpus into the columns of the corpus schema.

A column is found under the names that datasets use (`NAMES`, the first that is there). Text and audio must be
there. A missing id becomes the audio file's path without its ending, or the table's name and the row's number; a
missing speaker or chapter becomes `UNKNOWN`. Ids, speakers and chapters are text as written. Other columns become
`fields`. A row that lacks its text or audio keeps its place and tells why it cannot be evaluated.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow

from librispeech_clf.corpus.fields import collect_fields
from librispeech_clf.corpus.schema import UNKNOWN, dataset_features
from librispeech_clf.corpus.text_tables import PROBLEM

# Hugging Face's audiofolder and LibriSpeech card, Common Voice, FLEURS, VoxPopuli, NeMo manifests.
NAMES = {
    "text": (
        "text",
        "normalized_text",
        "transcription",
        "transcript",
        "sentence",
        "raw_transcription",
        "raw_text",
    ),
    "audio": ("file_name", "audio", "audio_filepath", "path", "file", "audio_path", "audio_file", "filename"),
    "id": ("id", "utterance_id", "utt_id", "audio_id", "segment_id"),
    "speaker_id": ("speaker_id", "speaker", "client_id", "spk_id"),
    "chapter_id": ("chapter_id", "chapter"),
}

MOST_FURTHER = 200
"""Further columns that a table may bring: code-loader refuses 800 and more."""
_ROW_NUMBERS = re.compile(r"|Unnamed: \d+|__index_level_\d+__")


def find_column(table: pyarrow.Table, key: str) -> str | None:
    """The table's column for a column of the schema; None when it has none."""
    found = next((name for name in NAMES[key] if name in table.column_names), None)
    if found not in (None, key, "file_name"):
        _tell(f"Column {found} is taken for {key}.")
    return found


def _rename(table: pyarrow.Table, columns: Mapping[str, str], *, place: str) -> pyarrow.Table:
    """The table with its set columns under the first of the usual names; others of that name are left out."""
    missing = [name for name in columns.values() if name not in table.column_names]
    if missing:
        raise ValueError(
            f"{place}: no column {', '.join(missing)}, which corpus.columns names; "
            f"its columns are {', '.join(table.column_names)}."
        )
    usual = {name: NAMES[key][0] for key, name in columns.items()}
    kept = [name for name in table.column_names if name in usual or name not in usual.values()]
    return table.select(kept).rename_columns([usual.get(name, name) for name in kept])


@functools.cache
def _tell(line: str) -> None:
    print(line, file=sys.stderr)


def to_corpus_table(
    table: pyarrow.Table,
    *,
    place: str,
    folder: Path,
    first_row: int = 0,
    columns: Mapping[str, str] | None = None,
) -> pyarrow.Table:
    """A table with the columns of the corpus schema.

    Args:
        table: With columns under the names of `NAMES`; the audio as {bytes, path}, bytes or a path.
        place: Where the table comes from, for messages.
        folder: Where relative audio paths start.
        first_row: Where the table starts in its file, for messages.
        columns: Names of the table's columns by those of the schema, where they are set; others are looked for.

    Raises:
        ValueError: A column is missing or of the wrong type.
    """
    present = table.column_names
    if twice := [name for number, name in enumerate(present) if name in present[:number]]:
        raise ValueError(f"{place}: the column {twice[0]} occurs more than once; keep one of them.")
    told = _list_column(table, PROBLEM)
    table = _rename(table.select([name for name in present if name != PROBLEM]), columns or {}, place=place)
    contents, names = _audio_columns(table, place=place)
    paths = _absolute_paths(contents, names, folder=folder)
    texts = _column(table, "text", pyarrow.string(), place=place)
    rows = zip(told, texts.to_pylist(), _list_column(table, "offset"), strict=True)
    problems = [
        problem or _find_problem(text, offset, f"row {row} of {place}")
        for row, (problem, text, offset) in enumerate(rows, start=first_row)
    ]
    found = [
        _ids(table, names, place=place, folder=folder, first_row=first_row),
        pyarrow.StructArray.from_arrays([contents, paths], ["bytes", "path"]),
        texts.fill_null(""),
        _labels(table, "speaker_id", place=place),
        _labels(table, "chapter_id", place=place),
        collect_fields(table, _further_columns(table, place=place)),
        pyarrow.array(problems, pyarrow.string()),
    ]
    return pyarrow.Table.from_arrays(found, schema=dataset_features().arrow_schema)


def _list_column(table: pyarrow.Table, name: str) -> list[Any]:
    """The values of a column; None in every row where there is no such column."""
    return table.column(name).to_pylist() if name in table.column_names else [None] * len(table)


def _further_columns(table: pyarrow.Table, *, place: str) -> list[str]:
    """The columns that are none of the schema's, nor other names of text, audio or id, nor pandas' row numbers."""
    known = {*(find_column(table, key) for key in NAMES), *NAMES["text"], *NAMES["audio"], *NAMES["id"]}
    further = [
        name for name in table.column_names if name not in known and not _ROW_NUMBERS.fullmatch(name.strip())
    ]
    if len(further) > MOST_FURTHER:
        _tell(f"{place}: of {len(further)} further columns the first {MOST_FURTHER} become metadata.")
    return further[:MOST_FURTHER]


def _find_problem(text: str | None, offset: Any, row: str) -> str | None:
    """Why a row cannot be evaluated: it lacks a text, or names a part of a recording, as NeMo manifests can."""
    if text is None:
        return f"{row} has no text; give it one."
    if offset not in (None, "") and str(offset).strip("0."):
        return (
            f"{row} names a part of a recording (offset {offset}), which is not read; "
            "cut the recordings into files first."
        )
    return None


def _audio_columns(table: pyarrow.Table, *, place: str) -> tuple[pyarrow.Array, pyarrow.Array]:
    """The columns of encoded audio and of paths."""
    name = find_column(table, "audio")
    if name is None:
        raise ValueError(
            f"{place}: no column audio or file_name; its columns are {', '.join(table.column_names)}; "
            f"call it one of {', '.join(NAMES['audio'])}, or set corpus.columns in config.yaml."
        )
    audio = _one_array(table, name)
    nothing = pyarrow.nulls(len(table))
    if pyarrow.types.is_struct(audio.type):
        fields = {field.name: values for field, values in zip(audio.type, audio.flatten(), strict=True)}
        if "array" in fields and "bytes" not in fields:
            raise ValueError(
                f"{place}: {name}: holds decoded samples (array, sampling_rate), files are needed; "
                "cast the column with datasets.Audio(decode=False) before it is saved."
            )
        contents, paths = fields.get("bytes", nothing), fields.get("path", nothing)
    elif _is_text(audio.type):
        contents, paths = nothing, audio
    else:
        contents, paths = audio, nothing
    return (
        _cast(contents, pyarrow.binary(), place=f"{place}: {name}"),
        _cast(paths, pyarrow.string(), place=f"{place}: {name}"),
    )


def _absolute_paths(contents: Any, names: Any, *, folder: Path) -> pyarrow.Array:
    """The paths; those without encoded audio beside them made absolute."""
    paths = [
        name if has_content or not name else str(folder / name)
        for has_content, name in zip(contents.is_valid().to_pylist(), names.to_pylist(), strict=True)
    ]
    return pyarrow.array([path or None for path in paths], pyarrow.string())


def _ids(table: pyarrow.Table, paths: Any, *, place: str, folder: Path, first_row: int) -> pyarrow.Array:
    """The ids; those not given are the recordings' paths without endings where that keeps them apart."""
    given = [None] * len(table)
    if find_column(table, "id"):
        given = _column(table, "id", pyarrow.string(), place=place).to_pylist()
    inside = [_inside(path, folder) for path in paths.to_pylist()]
    stems = [path and os.path.splitext(path)[0] for path in inside]
    files = Counter(stem for stem, _ in set(zip(stems, inside, strict=True)))
    names = [path if files[stem] > 1 else stem for stem, path in zip(stems, inside, strict=True)]
    numbered = (f"{Path(place).stem}-{row}" for row in range(first_row, first_row + len(table)))
    ids = [own or name or number for own, name, number in zip(given, names, numbered, strict=True)]
    return pyarrow.array(ids, pyarrow.string())


def _inside(path: str | None, folder: Path) -> str | None:
    """A path relative to the folder; only the file's name where it lies elsewhere."""
    if not path:
        return None
    inner = PurePosixPath(path.removeprefix(str(folder) + os.sep))
    return inner.name if inner.is_absolute() or ".." in inner.parts else str(inner)


def _labels(table: pyarrow.Table, key: str, *, place: str) -> pyarrow.Array:
    """Names of speakers or chapters as text: whole numbers without a fraction, NaN and nothing unknown."""
    if find_column(table, key) is None:
        return pyarrow.array([UNKNOWN] * len(table), pyarrow.string())
    values = _one_array(table, str(find_column(table, key)))
    if pyarrow.types.is_floating(values.type):
        names = [
            None if x is None or x != x else f"{x:.0f}" if x % 1 == 0 else str(x) for x in values.to_pylist()
        ]
        return pyarrow.array(names, pyarrow.string()).fill_null(UNKNOWN)
    return _cast(values, pyarrow.string(), place=f"{place}: {key}").fill_null(UNKNOWN)


def _column(table: pyarrow.Table, key: str, kind: pyarrow.DataType, *, place: str) -> pyarrow.Array:
    name = find_column(table, key)
    if name is None:
        raise ValueError(
            f"{place}: no column {key}; its columns are {', '.join(table.column_names)}; "
            f"call it one of {', '.join(NAMES[key])}, or set corpus.columns in config.yaml."
        )
    return _cast(_one_array(table, name), kind, place=f"{place}: {name}")


def _cast(values: Any, kind: pyarrow.DataType, *, place: str) -> pyarrow.Array:
    try:
        return values.cast(kind)
    except pyarrow.ArrowException as error:
        raise ValueError(f"{place}: expected {kind}, got {values.type} ({error}).") from error


def _one_array(table: pyarrow.Table, name: str) -> Any:
    """A column as one array; what pandas calls a categorical as its values."""
    if not len(table):
        return pyarrow.array([], table.field(name).type)
    values = pyarrow.concat_arrays(table.column(name).chunks)
    return values.dictionary_decode() if pyarrow.types.is_dictionary(values.type) else values


def _is_text(kind: pyarrow.DataType) -> bool:
    return bool(pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind))
