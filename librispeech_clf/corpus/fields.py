"""What an own table says of an utterance beyond the corpus schema: accent, device, noise.

In: further columns of a table. Out: one JSON object an utterance, which the index keeps, and the columns' types.
Typed once, over every row of a split, because a platform asks for the same keys and types of every utterance:

    float     every value is a number, or written as one: 7, -0.5, 1e-3 (007 names, so it is text)
    boolean   every value is true or false
    string    anything else, and columns whose name ends in the word `id`

Nothing, NaN and infinity are no values.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow

FLOAT, BOOLEAN, STRING = "float", "boolean", "string"
Value = float | bool | str
_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_TRUTH = {"true": True, "false": False}
_IDENTIFIER = re.compile(r"(^|[\W_])(id|Id|ID)$|[a-z](Id|ID)$")


def collect_fields(table: pyarrow.Table, names: Sequence[str]) -> pyarrow.Array:
    """Writes further columns of a table as one JSON object a row, null where a row says nothing.

    Columns of lists, records or bytes are left out; dates become text.

    Args:
        table: Any.
        names: The columns.
    """
    kept = [name for name in names if _is_scalar(table.schema.field(name).type)]
    columns = [table.column(name).to_pylist() for name in kept]
    rows = zip(*columns, strict=True) if kept else [()] * len(table)
    return pyarrow.array([write_fields(dict(zip(kept, row, strict=True))) for row in rows], pyarrow.string())


def write_fields(values: Mapping[str, Any]) -> str | None:
    """Writes what is known of an utterance as JSON; None where nothing is."""
    known = {name: _plain(value) for name, value in values.items() if not _is_missing(value)}
    return json.dumps(known, ensure_ascii=False) if known else None


def infer_types(rows: Iterable[str | None]) -> dict[str, str]:
    """The type of each further column, by its name, in the order of the names.

    Args:
        rows: As `collect_fields` writes them.
    """
    found: dict[str, str] = {}
    for row in rows:
        for name, value in json.loads(row).items() if row else ():
            kind = _kind_of(value)
            found[name] = kind if found.get(name, kind) == kind else STRING
    return {name: STRING if _IDENTIFIER.search(name) else found[name] for name in sorted(found)}


def unite_types(types: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The columns of several splits: a type that they do not share gives way to text."""
    united: dict[str, str] = {}
    for of_split in types:
        for name, kind in of_split.items():
            united[name] = kind if united.get(name, kind) == kind else STRING
    return {name: united[name] for name in sorted(united)}


def read_fields(row: str | None, types: Mapping[str, str]) -> dict[str, Value | None]:
    """The values of an utterance, one a column; None where its table does not tell.

    Args:
        row: As `collect_fields` writes it.
        types: As `infer_types` or `unite_types` returns them.
    """
    values = json.loads(row) if row else {}
    return {name: _convert(values[name], kind) if name in values else None for name, kind in types.items()}


def _is_scalar(kind: pyarrow.DataType) -> bool:
    types = pyarrow.types
    return not (types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind))


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return value == "" or value.lower() == "nan"
    return value is None or (isinstance(value, float) and not math.isfinite(value))


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
    if kind == FLOAT:
        return float(value)
    if kind == BOOLEAN:
        return _TRUTH[str(value).lower()]
    return str(value)
