"""Tables as text, every value as written, no types inferred: CSV, TSV, LJSpeech's pipes, JSON lines, Kaldi, STM.

wav.scp       rec-0001 wavs/rec-0001.wav        a path; a command (with | at its end) is never run
text          utt-0001 HE HOPED THERE WOULD BE
segments      utt-0001 rec-0001 0.00 3.52       the utterance is a part of a recording
reco2file_and_channel   rec-0001 call7 A        the recording is a channel of a file
utt2spk       utt-0001 speaker-7
utt2dur, ...  utt-0001 3.5                      a further column, here `dur`
spk2gender    speaker-7 f                       a further column, `gender`

call7.stm     call7 A speaker-7 0.00 3.52 <o,f0,female> HE HOPED THERE WOULD BE
"""

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
"""Keys of a row that no custom table has: where it is in the file, and why it does not fit."""
IGNORED = "ignore_time_segment_in_scoring"
"""Marks, in NIST's and TED-LIUM's transcripts, speech that is not scored."""
HALF_CHARACTER = re.compile("[\ud800-\udfff]")
AUDIO_ENDINGS = ("", ".wav", ".flac", ".sph", ".mp3", ".ogg", ".m4a")
"""The extension of recordings that a table names without one."""
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
RECORDINGS, TRANSCRIPTS, SPEAKERS, SEGMENTS, GENDERS = "wav.scp", "text", "utt2spk", "segments", "spk2gender"
KALDI_CHANNELS = "reco2file_and_channel"
"""The files of a Kaldi folder."""
FROM_ONE = {"1": "A", "2": "B"}
"""Channel numbers count from 1 in STM and reco2file_and_channel."""
_IN_ARCHIVE = re.compile(r".*\.ark:\d+$")


def read_text_table(path: Path) -> list[Row]:
    """Read a table; values are text, those of JSON also lists and objects.

    Args:
        path: a file with the suffix .csv, .tsv or, for JSON lines, any other.

    Raises:
        ValueError: it is not UTF-8 (or UTF-16 with a byte order mark), has no header, or no row fits.
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
        ValueError: it is not UTF-8 (or UTF-16 with a byte order mark).
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
        ValueError: its header does not fit, or where its rows end is ambiguous.
    """
    # The line that tells Excel the separator.
    if excel := re.match(r'"?sep=(.)"?[\r\n]+', text, re.IGNORECASE):
        separator, text = excel[1], text[excel.end() :]
    # In Common Voice's TSV files, quotation marks are part of the text, unless the header is quoted, too.
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
                remedy = "put texts that contain the separator in double quotes"
                row[PROBLEM] = f"{fields}; {remedy if by_quotes else 'write no tab within a text'}."
            rows.append(row)
    except csv.Error as error:  # from here on, it is unknown where rows end
        raise ValueError(
            f"{path}:{reader.line_num}: is not a table row ({error}); close the quotation marks, and double those "
            "within a text."
        ) from error
    return rows


def unquote(value: str) -> str:
    """Return a value without the double quotes around all of it, if there are any."""
    return value[1:-1].replace('""', '"') if _QUOTED.fullmatch(value) else value


def _parse_ljspeech(text: str, path: Path, ending: str) -> list[Row]:
    """Parse LJSpeech's metadata.csv: no header, `LJ001-0001|text|text with numbers spelled out`, audio in wavs/."""
    rows = []
    for number, line in enumerate(filter(str.strip, text.splitlines())):
        name, *texts = line.split("|")
        found = {"id": name, "file_name": f"wavs/{name}{ending}", "text": texts[-1] if texts else None}
        rows.append({**found, PLACE: (path, number)})
    return rows


def parse_json_lines(text: str, path: Path) -> list[Row]:
    """Parse JSON lines, every number as written; a row that does not fit says why.

    Raises:
        ValueError: there is no row.
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
            problem = f"not a JSON object ({getattr(error, 'msg', 'nested too deeply')}); write one per line."
        if not problem and HALF_CHARACTER.search(json.dumps(row, ensure_ascii=False)):
            problem = "holds half of a surrogate pair; write the whole character."
        row = {PROBLEM: f"{path}:{number}: {problem}"} if problem else row
        rows.append({**row, PLACE: (path, len(rows))})
    if not rows:
        raise ValueError(f"{path}: is empty; a JSON object with file_name and text is needed per recording.")
    return rows


def list_kaldi(folder: Path) -> list[Path]:
    """List the files of a Kaldi folder that describe its utterances."""
    fixed = [folder / name for name in (RECORDINGS, TRANSCRIPTS, GENDERS, SEGMENTS, KALDI_CHANNELS)]
    return [path for path in [*fixed, *sorted(folder.glob("utt2*"))] if path.is_file()]


def read_kaldi(folder: Path) -> list[Row]:
    """Read a Kaldi folder; a row that lacks something says what.

    Raises:
        FileNotFoundError: there is no `text`.
        ValueError: a file is not UTF-8, or a line of `segments` does not fit.
    """
    if not (transcripts := folder / TRANSCRIPTS).is_file():
        raise FileNotFoundError(f"{transcripts}: a line 'utterance TRANSCRIPT' for each is needed; add it.")
    lines = {path.name: _read_lines(path) for path in list_kaldi(folder)}
    tables = {name: dict(pairs) for name, pairs in lines.items()}
    sources, speakers = tables[RECORDINGS], tables.get(SPEAKERS, {})
    channels = {
        name: FROM_ONE.get(value.split()[-1], value.split()[-1])
        for name, value in tables.get(KALDI_CHANNELS, {}).items()
        if value
    }
    further = [file for file in tables if file.startswith("utt2") and file != SPEAKERS]
    segments = {name: value.split() for name, value in tables.get(SEGMENTS, {}).items()}
    texts = tables[TRANSCRIPTS]
    pairs: list[tuple[str, str | None]] = [*lines[TRANSCRIPTS]]
    pairs += [(name, None) for name in segments or sources if name not in texts]
    rows: list[Row] = []
    for number, (name, text) in enumerate(pairs):
        recording, *times = segments.get(name) or [name]
        source = sources.get(recording)
        problem = None
        if text is None:
            problem = f"{transcripts} has no line for it; add its transcript."
        elif segments and name not in segments:
            problem = f"{folder / SEGMENTS} has no line for it; add its recording and times."
        elif not source:
            missing = "it" if recording == name else recording
            problem = f"{folder / RECORDINGS} has no line for {missing}; add its recording's path."
        elif source.endswith("|"):
            problem = f"{folder / RECORDINGS} has a command, which is never run ({source}); write its output to a file."
        elif _IN_ARCHIVE.match(source):
            problem = f"{folder / RECORDINGS} names a place in an archive ({source}), which is not read; use a file."
        row: Row = {
            **{file.removeprefix("utt2"): tables[file].get(name) for file in further},
            "gender": tables.get(GENDERS, {}).get(speakers.get(name, "")),
            "id": name,
            "file_name": None if problem else source,
            "text": text,
            "speaker_id": speakers.get(name),
            PLACE: (transcripts, number),
        }
        row |= dict(zip(("start", "end", "channel"), times, strict=False))
        if recording in channels:
            row.setdefault("channel", channels[recording])
        if problem:
            row[PROBLEM] = problem
        rows.append(row)
    return rows


def read_stm(path: Path) -> list[Row]:
    """Read an STM file (NIST sclite): recording, channel, speaker, start, end, labels in <>, transcript."""
    folders = [path.parent, *(path.parent.parent / name for name in ("sph", "wav", "audio"))]
    rows: list[Row] = []
    for number, line in enumerate(decode_text(path).splitlines()):
        if not line.strip() or line.startswith(";;"):
            continue
        recording, *fields = line.split(None, 5)
        row: Row = {PLACE: (path, number), "file_name": recording}
        row |= dict(zip(("channel", "speaker", "start", "end", "text"), fields, strict=False))
        row["channel"] = FROM_ONE.get(row.get("channel", ""), row.get("channel"))
        if len(fields) < 4:
            row[PROBLEM] = (
                f"{path}:{number + 1}: expected recording, channel, speaker, start, end and transcript."
            )
        if labels := re.match(r"<([^\s>]*)>(?:\s+|$)", row.get("text", "")):
            row |= {"labels": labels[1], "text": row["text"][labels.end() :]}
        if row.get("speaker") == "inter_segment_gap":
            row["text"] = IGNORED
        places = (folder / f"{recording}{ending}" for folder in folders for ending in AUDIO_ENDINGS)
        row["file_name"] = str(next((place for place in places if place.is_file()), recording))
        rows.append(row)
    return rows


def _read_lines(path: Path) -> list[tuple[str, str]]:
    """Return the first word of each line, and the rest."""
    pairs = (line.strip().partition(" ") for line in decode_text(path).replace("\t", " ").split("\n"))
    return [(name, rest.strip()) for name, _, rest in pairs if name]
