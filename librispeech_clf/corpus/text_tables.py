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


Row = dict[str, Any]
PROBLEM = "\0problem"
"""The column that tells why a row does not fit; no table of people's own has its name."""


def read_text_table(path: Path) -> pyarrow.Table:
    """Reads a table; columns are strings, values that are missing null; a column `PROBLEM` where a row does not fit.

    Args:
        path: With the suffix .csv, .tsv, or, for JSON lines, any other.

    Raises:
        ValueError: It is not UTF-8 (or UTF-16 with its mark), has no header, or no row fits.
    """
    import pyarrow

    text = decode_text(path)
    if path.suffix in (".csv", ".tsv"):
        header, rows = _parse_delimited(text, path)
    else:
        header, rows = [], _parse_json_lines(text, path)
    if rows and all(PROBLEM in row for row in rows):
        raise ValueError(rows[0][PROBLEM])
    names = list(dict.fromkeys([*header, *(name for row in rows for name in row)]))
    columns = [pyarrow.array([row.get(name) for row in rows], pyarrow.string()) for name in names]
    return pyarrow.Table.from_arrays(columns, names)


def decode_text(path: Path) -> str:
    """Reads a text file.

    Raises:
        ValueError: It is not UTF-8 (or UTF-16 with its mark).
    """
    content = path.read_bytes()
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}:{line}: is not UTF-8; save the table as UTF-8.") from None


def _parse_delimited(text: str, path: Path) -> tuple[list[str], list[Row]]:
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
        if not row:
            continue
        rows.append(dict(zip(header, row, strict=False)))
        if len(row) != len(header):
            rows[-1][PROBLEM] = (
                f"{path}:{reader.line_num}: has {len(row)} fields, the header {len(header)}; "
                "put texts with the separator in them into double quotes."
            )
    return header, rows


def _parse_json_lines(text: str, path: Path) -> list[Row]:
    lines = enumerate(text.split("\n"), start=1)
    return [_parse_json_line(line, f"{path}:{number}") for number, line in lines if line.strip()]


def _parse_json_line(line: str, place: str) -> Row:
    try:
        row = json.loads(line, parse_int=str, parse_float=str)
    except (json.JSONDecodeError, RecursionError) as error:
        reason = getattr(error, "msg", "nested too deeply")
        return {PROBLEM: f"{place}: is no JSON object ({reason}); write one a line."}
    if not isinstance(row, dict):
        return {PROBLEM: f"{place}: expected a JSON object, got {line.strip()[:40]!r}."}
    return {name: _as_text(value) for name, value in row.items()}


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
