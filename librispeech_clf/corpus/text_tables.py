"""Tables as text: CSV, TSV and JSON lines, every value as it is written, no type inferred."""

from __future__ import annotations

import codecs
import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow


def read_text_table(path: Path) -> pyarrow.Table:
    """Reads a table; columns are strings, values that are missing null.

    Args:
        path: With the suffix .csv, .tsv, or, for JSON lines, any other.

    Raises:
        ValueError: It is not UTF-8 (or UTF-16 with its mark), has no header, or a row does not fit.
    """
    import pyarrow

    text = _decode(path)
    if path.suffix in (".csv", ".tsv"):
        names, rows = _parse_delimited(text, path)
    else:
        rows = _parse_json_lines(text, path)
        names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [pyarrow.array([row.get(name) for row in rows], pyarrow.string()) for name in names]
    return pyarrow.Table.from_arrays(columns, names)


def _decode(path: Path) -> str:
    content = path.read_bytes()
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}:{line}: is not UTF-8; save the table as UTF-8.") from None


def _parse_delimited(text: str, path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    lines = io.StringIO(text, newline="")
    if path.suffix == ".tsv":  # Common Voice: quotation marks are part of the text
        reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines)
    header = next(reader, None)
    if not header:
        raise ValueError(
            f"{path}: is empty; a header such as file_name,text and a row per recording are needed."
        )
    rows = []
    for row in reader:
        if row and len(row) != len(header):
            raise ValueError(
                f"{path}:{reader.line_num}: has {len(row)} fields, the header {len(header)}; "
                "put texts with the separator in them into double quotes."
            )
        if row:
            rows.append(dict(zip(header, row, strict=True)))
    return header, rows


def _parse_json_lines(text: str, path: Path) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_int=str, parse_float=str)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}:{number}: is no JSON object ({error.msg}); write one a line.") from None
        if not isinstance(row, dict):
            raise ValueError(f"{path}:{number}: expected a JSON object, got {line.strip()[:40]!r}.")
        rows.append({name: _as_text(value) for name, value in row.items()})
    return rows


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
