"""What a custom table says of an utterance beyond the corpus schema: accent, device, noise.

In: further columns of a table. Out: one JSON object an utterance, which the index keeps, and the columns' types.
Typed once, over every row of a split, because a platform asks for the same keys and types of every utterance:

    float     every value is a number, or written as one: 7, -0.5, 1e-3 (007 names, so it is text)
    boolean   every value is true or false
    string    anything else, and columns whose name ends in the word `id`

Nothing, NaN, infinity and words for nothing (`NOTHING`) are no values.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

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


def is_nothing(value: Any) -> bool:
    """Return whether a value says nothing."""
    if isinstance(value, str):
        return value.strip().lower() in NOTHING
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def write_fields(values: Mapping[str, Any]) -> str | None:
    """Write what is known of an utterance as JSON; None where nothing is."""
    known = {name: _plain(value) for name, value in values.items() if not is_nothing(value)}
    return json.dumps(known, ensure_ascii=False) if known else None


def infer_types(rows: Iterable[str | None]) -> dict[str, str]:
    """Find the type of each further column, by its name, in the order of the names; rows as `write_fields` has them."""
    found: dict[str, str] = {}
    for row in rows:
        for name, value in json.loads(row).items() if row else ():
            kind = _kind_of(value)
            found[name] = kind if found.get(name, kind) == kind else STRING
    return {name: STRING if _IDENTIFIER.search(name) else found[name] for name in sorted(found)}


def merge_types(types: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Merge the columns of several splits: a type that they do not share gives way to text."""
    merged: dict[str, str] = {}
    for of_split in types:
        for name, kind in of_split.items():
            merged[name] = kind if merged.get(name, kind) == kind else STRING
    return {name: merged[name] for name in sorted(merged)}


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
    if kind == FLOAT:
        return float(value)
    if kind == BOOLEAN:
        return _TRUTH[str(value).lower()]
    return str(value)
