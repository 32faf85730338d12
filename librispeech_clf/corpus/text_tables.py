"""Tables as text: CSV, TSV, LJSpeech's pipes and JSON lines, every value as it is written, no type inferred."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from pathlib import Path
from typing import Any

Row = dict[str, Any]
PLACE, PROBLEM = "\0place", "\0problem"
"""Keys of a row that no table of people's own has: where it stands, and why it does not fit."""
IGNORED = "ignore_time_segment_in_scoring"
"""In NIST's and TED-LIUM's transcripts: what is said here is not scored."""
HALF_CHARACTER = re.compile("[\ud800-\udfff]")
AUDIO_ENDINGS = ("", ".wav", ".flac", ".sph", ".mp3", ".ogg", ".m4a")
"""Of recordings that a table names without one."""
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


def read_text_table(path: Path) -> list[Row]:
    """Read a table; values are text, those of JSON also lists and objects.

    Args:
        path: with the suffix .csv, .tsv, or, for JSON lines, any other.

    Raises:
        ValueError: it is not UTF-8 (or UTF-16 with its mark), has no header, or no row fits.
    """
    text = decode_text(path)
    rows = _parse_delimited(text, path) if path.suffix in (".csv", ".tsv") else _parse_json_lines(text, path)
    if rows and all(PROBLEM in row for row in rows):
        raise ValueError(rows[0][PROBLEM])
    return rows


def decode_text(path: Path) -> str:
    """Read a text file.

    Raises:
        ValueError: it is not UTF-8 (or UTF-16 with its mark).
    """
    content = path.read_bytes()
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}:{line}: is not UTF-8; save the table as UTF-8.") from None


def _parse_delimited(text: str, path: Path) -> list[Row]:
    separator = "\t" if path.suffix == ".tsv" else ","
    # The line by which Excel is told the separator.
    if excel := re.match(r'"?sep=(.)"?[\r\n]+', text, re.IGNORECASE):
        separator, text = excel[1], text[excel.end() :]
    first = text.partition("\n")[0].split("|")
    for ending in AUDIO_ENDINGS if len(first) in (2, 3) else ():
        if (path.parent / "wavs" / f"{first[0]}{ending}").is_file():
            return _parse_ljspeech(text, path, ending)
    lines = io.StringIO(text, newline="")
    # Common Voice's TSV files have quotation marks as part of the text, unless the header is quoted, too.
    by_quotes = path.suffix == ".csv" or text.startswith('"')
    reader = csv.reader(
        lines,
        delimiter=separator,
        quoting=csv.QUOTE_MINIMAL if by_quotes else csv.QUOTE_NONE,
        strict=by_quotes,
        skipinitialspace=True,
    )
    try:
        header = [name.strip() for name in next(reader, [])]
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
        for number, values in enumerate(filter(None, reader)):
            values = [value.strip() for value in values]
            if not by_quotes:
                values = [x[1:-1].replace('""', '"') if _QUOTED.fullmatch(x) else x for x in values]
            row: Row = dict.fromkeys(header) | dict(zip(header, values, strict=False))
            row[PLACE] = (path, number)
            if len(values) != len(header):
                row[PROBLEM] = (
                    f"{path}:{reader.line_num}: has {len(values)} fields, the header {len(header)}; "
                    + (
                        "put texts with the separator in them into double quotes."
                        if by_quotes
                        else "write no tab within a text."
                    )
                )
            rows.append(row)
    except csv.Error as error:  # where rows end is not known from here on
        raise ValueError(
            f"{path}:{reader.line_num}: is no row of a table ({error}); close the quotation marks, and double those "
            "within a text."
        ) from error
    return rows


def _parse_ljspeech(text: str, path: Path, ending: str) -> list[Row]:
    """LJSpeech's metadata.csv: no header, `LJ001-0001|text|text with numbers spelled out`, recordings in wavs/."""
    rows = []
    for number, line in enumerate(filter(str.strip, text.splitlines())):
        name, *texts = line.split("|")
        found = {"id": name, "file_name": f"wavs/{name}{ending}", "text": texts[-1] if texts else None}
        rows.append({**found, PLACE: (path, number)})
    return rows


def _parse_json_lines(text: str, path: Path) -> list[Row]:
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if not lines:
        raise ValueError(f"{path}: is empty; a JSON object with file_name and text is needed per recording.")
    return [
        {**_parse_json_line(line, f"{path}:{number}"), PLACE: (path, row)}
        for row, (number, line) in enumerate(lines)
    ]


def _parse_json_line(line: str, place: str) -> Row:
    try:
        row = json.loads(line, parse_int=str, parse_float=str)
    except (json.JSONDecodeError, RecursionError) as error:
        reason = getattr(error, "msg", "nested too deeply")
        return {PROBLEM: f"{place}: is no JSON object ({reason}); write one a line."}
    if not isinstance(row, dict):
        return {PROBLEM: f"{place}: expected a JSON object, got {line.strip()[:40]!r}."}
    if HALF_CHARACTER.search(json.dumps(row, ensure_ascii=False)):
        return {PROBLEM: f"{place}: holds half of a surrogate pair; write its character whole."}
    return row
