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
    first = text.partition("\n")[0].split("|")
    wavs = [path.parent / "wavs" / f"{first[0]}{ending}" for ending in AUDIO_ENDINGS if 2 <= len(first) <= 3]
    if path.suffix not in (".csv", ".tsv"):
        rows = parse_json_lines(text, path)
    elif found := next((wav for wav in wavs if wav.is_file()), None):
        rows = _parse_ljspeech(text, path, found.name.removeprefix(first[0]))
    else:
        rows = parse_delimited(text, path, "\t" if path.suffix == ".tsv" else ",")
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


def parse_delimited(text: str, path: Path, separator: str) -> list[Row]:
    """Parse a table with a header.

    Raises:
        ValueError: its header does not fit, or where its rows end cannot be told.
    """
    # The line by which Excel is told the separator.
    if excel := re.match(r'"?sep=(.)"?[\r\n]+', text, re.IGNORECASE):
        separator, text = excel[1], text[excel.end() :]
    # Common Voice's TSV files have quotation marks as part of the text, unless the header is quoted, too.
    by_quotes = separator != "\t" or text.startswith('"')
    quoting: Any = csv.QUOTE_MINIMAL if by_quotes else csv.QUOTE_NONE
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=separator, quoting=quoting, strict=by_quotes, skipinitialspace=True)
    rows: list[Row] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        if not header:
            raise ValueError(
                f"{path}: is empty; a header such as file_name,text and a row per recording are needed."
            )
        if len(header) == 1 and (found := [sign for sign in ";\t|," if sign in header[0]]):
            wanted = "tabs" if path.suffix == ".tsv" else "commas"
            raise ValueError(
                f"{path}: its header is a single column, {header[0][:80]!r}; separate columns by {wanted}, not by "
                f"{found[0]!r}."
            )
        if twice := [name for number, name in enumerate(header) if name in header[:number]]:
            raise ValueError(f"{path}: the column {twice[0]} occurs more than once; keep one of them.")
        for number, values in enumerate(filter(None, reader)):
            values = [value.strip() if by_quotes else unquote(value.strip()) for value in values]
            row = dict.fromkeys(header) | dict(zip(header, values, strict=False)) | {PLACE: (path, number)}
            if len(values) != len(header):
                fields = f"{path}:{reader.line_num}: has {len(values)} fields, the header {len(header)}"
                remedy = "put texts with the separator in them into double quotes"
                row[PROBLEM] = f"{fields}; {remedy if by_quotes else 'write no tab within a text'}."
            rows.append(row)
    except csv.Error as error:  # where rows end is not known from here on
        raise ValueError(
            f"{path}:{reader.line_num}: is no row of a table ({error}); close the quotation marks, and double those "
            "within a text."
        ) from error
    return rows


def unquote(value: str) -> str:
    """Return what stands in double quotes that are around all of a value, else the value."""
    return value[1:-1].replace('""', '"') if _QUOTED.fullmatch(value) else value


def _parse_ljspeech(text: str, path: Path, ending: str) -> list[Row]:
    """LJSpeech's metadata.csv: no header, `LJ001-0001|text|text with numbers spelled out`, recordings in wavs/."""
    rows = []
    for number, line in enumerate(filter(str.strip, text.splitlines())):
        name, *texts = line.split("|")
        found = {"id": name, "file_name": f"wavs/{name}{ending}", "text": texts[-1] if texts else None}
        rows.append({**found, PLACE: (path, number)})
    return rows


def parse_json_lines(text: str, path: Path) -> list[Row]:
    """Parse JSON lines, every number as it is written; a row that does not fit says why.

    Raises:
        ValueError: there is none.
    """
    rows: list[Row] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        row: Any = None
        try:
            row = json.loads(line, parse_int=str, parse_float=str)
            problem = "" if isinstance(row, dict) else f"expected a JSON object, got {line.strip()[:40]!r}."
        except (json.JSONDecodeError, RecursionError) as error:
            problem = f"is no JSON object ({getattr(error, 'msg', 'nested too deeply')}); write one a line."
        if not problem and HALF_CHARACTER.search(json.dumps(row, ensure_ascii=False)):
            problem = "holds half of a surrogate pair; write its character whole."
        row = {PROBLEM: f"{path}:{number}: {problem}"} if problem else row
        rows.append({**row, PLACE: (path, len(rows))})
    if not rows:
        raise ValueError(f"{path}: is empty; a JSON object with file_name and text is needed per recording.")
    return rows
