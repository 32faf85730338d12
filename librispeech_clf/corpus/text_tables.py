"""Tables as text: CSV, TSV and JSON lines, every value as it is written, no type inferred."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pyarrow

Row = dict[str, Any]
PROBLEM = "\0problem"
"""The column that tells why a row does not fit; no table of people's own has its name."""
HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def read_text_table(path: Path) -> pyarrow.Table:
    """Reads a table; columns are strings, values that are missing null; a column `PROBLEM` where a row does not fit.

    Args:
        path: With the suffix .csv, .tsv, or, for JSON lines, any other.

    Raises:
        ValueError: It is not UTF-8 (or UTF-16 with its mark), has no header, or no row fits.
    """
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
        reader = csv.reader(lines, strict=True)
    try:
        return _collect_rows(reader, path)
    except csv.Error as error:  # where rows end is not known from here on
        raise ValueError(
            f"{path}:{reader.line_num}: is no row of a table ({error}); close the quotation marks, and double those "
            "within a text."
        ) from error


def _collect_rows(reader: Any, path: Path) -> tuple[list[str], list[Row]]:
    header = next(reader, None)
    if not header:
        raise ValueError(
            f"{path}: is empty; a header such as file_name,text and a row per recording are needed."
        )
    if len(header) == 1 and (found := [sign for sign in ";\t|," if sign in header[0]]):
        raise ValueError(
            f"{path}: its header is a single column, {header[0][:80]!r}; separate columns by "
            f"{'tabs' if path.suffix == '.tsv' else 'commas'}, not by {found[0]!r}."
        )
    if twice := [name for number, name in enumerate(header) if name in header[:number]]:
        raise ValueError(f"{path}: the column {twice[0]} occurs more than once; keep one of them.")
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
    rows = [_parse_json_line(line, f"{path}:{number}") for number, line in lines if line.strip()]
    if not rows:
        raise ValueError(f"{path}: is empty; a JSON object with file_name and text is needed per recording.")
    return rows


def _parse_json_line(line: str, place: str) -> Row:
    try:
        row = json.loads(line, parse_int=str, parse_float=str)
    except (json.JSONDecodeError, RecursionError) as error:
        reason = getattr(error, "msg", "nested too deeply")
        return {PROBLEM: f"{place}: is no JSON object ({reason}); write one a line."}
    if not isinstance(row, dict):
        return {PROBLEM: f"{place}: expected a JSON object, got {line.strip()[:40]!r}."}
    texts = {name: _as_text(value) for name, value in row.items()}
    if any(HALF_CHARACTER.search(text) for text in [*texts, *texts.values()] if text):
        return {PROBLEM: f"{place}: holds half of a surrogate pair; write its character whole."}
    return texts


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
