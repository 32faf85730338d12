"""Brings a table of an own corpus into the columns of the corpus schema.

`text` and the audio must be there. A missing `id` becomes the audio file's name without its ending; a missing
`speaker_id` or `chapter_id` becomes `UNKNOWN`. Other columns are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from librispeech_clf.corpus.schema import UNKNOWN, dataset_features

if TYPE_CHECKING:
    import pyarrow


def to_corpus_table(table: pyarrow.Table, *, place: str, folder: Path, first_row: int = 0) -> pyarrow.Table:
    """A table with the columns of the corpus schema.

    Args:
        table: Columns `text`, and `audio` ({bytes, path}, bytes or a path) or `file_name`; optionally `id`,
            `speaker_id`, `chapter_id`.
        place: Where the table comes from, for messages.
        folder: Where relative audio paths start.
        first_row: Where the table starts in its file, for messages.

    Raises:
        ValueError: A column is missing or of the wrong type, or a row has no id, text or audio.
    """
    import pyarrow
    import pyarrow.compute

    contents, names = _audio_columns(table, place=place)
    paths = _absolute_paths(contents, names, folder=folder)
    columns = [
        _ids(table, names, place=place),
        pyarrow.StructArray.from_arrays([contents, paths], ["bytes", "path"]),
        _column(table, "text", pyarrow.string(), place=place),
        _numbers(table, "speaker_id", place=place),
        _numbers(table, "chapter_id", place=place),
    ]
    present = {
        "audio": pyarrow.compute.or_(contents.is_valid(), paths.is_valid()),
        "id": columns[0].is_valid(),
        "text": columns[2].is_valid(),
    }
    _refuse_missing(present, place=place, first_row=first_row)
    return pyarrow.Table.from_arrays(columns, schema=dataset_features().arrow_schema)


def _audio_columns(table: pyarrow.Table, *, place: str) -> tuple[pyarrow.Array, pyarrow.Array]:
    """The columns of encoded audio and of paths."""
    import pyarrow

    name = "file_name" if "file_name" in table.column_names else "audio"
    if name not in table.column_names:
        raise ValueError(
            f"{place}: no column audio or file_name; its columns are {', '.join(table.column_names)}."
        )
    audio = _one_array(table, name)
    nothing = pyarrow.nulls(len(table))
    if pyarrow.types.is_struct(audio.type):
        fields = {field.name: values for field, values in zip(audio.type, audio.flatten(), strict=True)}
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
    import pyarrow

    paths = [
        name if has_content or name is None else str(folder / name)
        for has_content, name in zip(contents.is_valid().to_pylist(), names.to_pylist(), strict=True)
    ]
    return pyarrow.array(paths, pyarrow.string())


def _ids(table: pyarrow.Table, paths: Any, *, place: str) -> pyarrow.Array:
    import pyarrow

    if "id" in table.column_names:
        return _column(table, "id", pyarrow.string(), place=place)
    stems = [None if path is None else PurePosixPath(path).stem for path in paths.to_pylist()]
    return pyarrow.array(stems, pyarrow.string())


def _numbers(table: pyarrow.Table, name: str, *, place: str) -> pyarrow.Array:
    import pyarrow

    if name not in table.column_names:
        return pyarrow.array([UNKNOWN] * len(table), pyarrow.int64())
    return _column(table, name, pyarrow.int64(), place=place).fill_null(UNKNOWN)


def _column(table: pyarrow.Table, name: str, kind: pyarrow.DataType, *, place: str) -> pyarrow.Array:
    if name not in table.column_names:
        raise ValueError(f"{place}: no column {name}; its columns are {', '.join(table.column_names)}.")
    return _cast(_one_array(table, name), kind, place=f"{place}: {name}")


def _cast(values: Any, kind: pyarrow.DataType, *, place: str) -> pyarrow.Array:
    import pyarrow

    try:
        return values.cast(kind)
    except pyarrow.ArrowException as error:
        raise ValueError(f"{place}: expected {kind}, got {values.type} ({error}).") from error


def _one_array(table: pyarrow.Table, name: str) -> Any:
    import pyarrow

    return (
        pyarrow.concat_arrays(table.column(name).chunks)
        if len(table)
        else pyarrow.array([], table.field(name).type)
    )


def _is_text(kind: pyarrow.DataType) -> bool:
    import pyarrow

    return bool(pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind))


def _refuse_missing(present: Mapping[str, Any], *, place: str, first_row: int) -> None:
    """Raises at the first row that lacks one of the columns."""
    for name, column in present.items():
        rows = column.to_pylist()
        if not all(rows):
            row = first_row + rows.index(False)
            raise ValueError(f"{place}: row {row} has no {name}; give every row one.")
