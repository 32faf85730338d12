"""Read what any recognizer wrote, and find each utterance's text in it.

In: a file, or a folder of Whisper's JSON files. Out: texts by utterance id, with word times where the file has
them. The format is recognized by the content, never by the name:

    CSV, TSV, JSON lines    a header or keys: {"id": "61-70968-0000", "hypothesis": "he began"}
    NeMo manifest           {"audio_filepath": "clips/a.wav", "duration": 2.1, "text": "...", "pred_text": "..."}
    Whisper, faster-whisper {"text": ..., "segments": [{"words": [{"word", "start", "end", "probability"}]}]}, or
                            the list of segments; of one recording, of many by id, or as a line of JSON lines
    Kaldi text              61-70968-0000 HE BEGAN
    sclite trn              he began (61-70968-0000)
    CTM                     61-70968-0000 1 0.46 0.12 he 0.98
    two columns             the id, a tab or comma, the text

Nothing is guessed: what fits no format, or two of them, is refused by its line, an id that comes twice by its name.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from librispeech_clf.corpus.text_tables import decode_text

ID_COLUMNS = (
    "id", "utterance_id", "utt_id", "utterance", "utt", "audio_id", "segment_id", "key", "audio_filepath", "file",
    "path", "file_name", "filename", "audio_path", "audio_file", "audio",
)  # fmt: skip
TEXT_COLUMNS = ("hypothesis", "hyp", "pred_text", "prediction", "predicted_text", "predicted", "pred")
UNSURE_TEXT_COLUMNS = ("text", "transcription", "transcript")
"""Names that references have as well: read where a table has none of `TEXT_COLUMNS`."""
MOST_CHARACTERS = 100_000  # of one hypothesis: an hour of speech; more is a file that lost its line ends
CONFIDENCES = ("probability", "confidence", "score")
"""Of a word: Whisper's and faster-whisper's, whisper-timestamped's, WhisperX's."""
Word = dict[str, Any]
"""{text, start_s, end_s, confidence}: times in s, confidence in [0, 1] or None."""
FORMATS = "CSV, TSV, JSON, Kaldi text, trn or CTM"
_Entry = tuple[str, str | None, list[Word], str]
"""Key, text (None: the file has none), words, and where it stands in the file."""


@dataclass(frozen=True)
class Hypotheses:
    """What a recognizer wrote.

    Attributes:
        place: the file.
        form: its format, in words.
        texts: as written, by the file's own keys as read, by utterance id once matched.
        words: with times, of those that have them.
        extra: keys of the file that are no utterance's.
        missing: utterances without a hypothesis, which count as empty.
    """

    place: str
    form: str
    texts: dict[str, str]
    words: dict[str, list[Word]]
    extra: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def read_hypotheses(path: Path, columns: Mapping[str, str] | None = None) -> Hypotheses:
    """Read a file of hypotheses, or a folder of Whisper's JSON files, each of the recording that it is named after.

    Args:
        path: the file or folder.
        columns: names of the columns "id" and "text", where they are unusual.

    Raises:
        FileNotFoundError: it does not exist.
        ValueError: it is no text, fits no format or two, lacks a column, or names an utterance twice.
    """
    if path.is_dir():
        read = [_parse_json(_read_text(file), file, {})[1] for file in sorted(path.glob("*.json"))]
        form, entries = "Whisper's JSON files", [entry for found in read for entry in found]
    elif path.is_file():
        text = _read_text(path)
        parse = _parse_json if text.lstrip()[:1] in ("{", "[") else _parse_lines
        form, entries = parse(text, path, columns or {})
    else:
        raise FileNotFoundError(f"{path}: no such file of hypotheses.")
    places: dict[str, str] = {}
    for key, text_of_key, _, place in entries:
        if key in places:
            raise ValueError(
                f"{place}: {key} occurs twice (first: {places[key]}); keep one hypothesis of each."
            )
        if len(text_of_key or "") > MOST_CHARACTERS:
            raise ValueError(
                f"{place}: a hypothesis has at most {MOST_CHARACTERS} characters; received "
                f"{len(text_of_key or '')} for {key[:80]!r}. Write one utterance a line."
            )
        places[key] = place
    texts = {key: said for key, said, _, _ in entries if said is not None}
    if not any(map(str.strip, texts.values())):
        raise ValueError(f"{path}: {form}: holds no hypothesis with a word in it.")
    return Hypotheses(str(path), form, texts, {key: words for key, _, words, _ in entries if words})


def match_hypotheses(
    hypotheses: Hypotheses,
    ids: Sequence[str],
    *,
    evaluated: Collection[str] | None = None,
    missing: str = "refuse",
) -> Hypotheses:
    """Find the hypothesis of each utterance: by its id, else by the recording's name without folder and extension.

    Args:
        hypotheses: as read.
        ids: utterance ids of the whole split.
        evaluated: those that need a hypothesis; None for all.
        missing: "refuse" an utterance without one; "empty" counts its words as deletions.

    Raises:
        ValueError: utterances lack a hypothesis, a name fits several utterances, or two names fit one.
    """
    known, names = set(ids), defaultdict(list)
    for utterance_id in ids:
        names[_strip(utterance_id).rpartition("/")[2]].append(utterance_id)
    owners: dict[str, str] = {}
    extra = []
    for key in hypotheses.texts:
        found = _find(key, known, names, hypotheses.place)
        if found is None:
            extra.append(key)
        elif found in owners:
            raise ValueError(
                f"{hypotheses.place}: both {owners[found]} and {key} name the utterance {found}; keep one."
            )
        else:
            owners[found] = key
    wanted = ids if evaluated is None else [name for name in ids if name in evaluated]
    lacking = tuple(name for name in wanted if name not in owners)
    if lacking and (missing == "refuse" or len(lacking) == len(wanted)):
        raise ValueError(_refuse_missing(hypotheses, lacking, len(wanted), extra))
    texts = {name: hypotheses.texts[key] for name, key in owners.items()} | dict.fromkeys(lacking, "")
    words = {name: hypotheses.words[key] for name, key in owners.items() if key in hypotheses.words}
    return replace(hypotheses, texts=texts, words=words, extra=tuple(extra), missing=lacking)


def _refuse_missing(hypotheses: Hypotheses, lacking: Sequence[str], count: int, extra: Sequence[str]) -> str:
    place = f"{hypotheses.place} ({hypotheses.form})"
    message = f"{place}: {len(lacking)} of {count} utterances have no hypothesis, such as {lacking[0]}"
    if extra:
        total = len(hypotheses.texts)
        message += f"; {len(extra)} of its {total} names are no utterance's, such as {extra[0][:80]!r}"
    if {key.lower() for key in extra} & {name.lower() for name in lacking}:
        return f"{message}. Ids must agree in upper and lower case."
    if len(lacking) == count:
        return f"{message}. Give the hypotheses of the split that is evaluated, under its ids."
    return f"{message}. Add them, or count them as deletions by --missing empty."


def _strip(key: str) -> str:
    """Return a key as a path with slashes, without the extension."""
    return re.sub(r"\.[A-Za-z][A-Za-z0-9]{0,4}$", "", key.replace("\\", "/"))


def _find(key: str, known: Collection[str], names: Mapping[str, Sequence[str]], place: str) -> str | None:
    if key in known:
        return key
    parts = _strip(key).split("/")
    for start in range(len(parts)):  # the longest end of the path first: ids may hold folders
        if "/".join(parts[start:]) in known:
            return "/".join(parts[start:])
    owners = names.get(parts[-1], ())
    if len(owners) > 1:
        raise ValueError(f"{place}: {key} may be {owners[0]} or {owners[1]}; give utterance ids.")
    return owners[0] if owners else None


def _read_text(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4096)
    is_binary = b"\0" in start and not start.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = "" if is_binary else decode_text(path)
    if is_binary or not text.strip() or text.lstrip()[0] == "<":
        found = "a binary file" if is_binary else "a web page or XML" if text.strip() else "empty"
        raise ValueError(f"{path}: is {found}; hypotheses are {FORMATS}.")
    return text


# JSON


def _parse_json(text: str, path: Path, columns: Mapping[str, str]) -> tuple[str, list[_Entry]]:
    """Parse JSON or JSON lines: every form becomes records with an id, which are read alike."""
    try:
        value = json.loads(text)
    except ValueError:
        return _read_records("JSON lines", _parse_json_lines(text, path), path, columns)
    if isinstance(value, dict) and _choose(value, ID_COLUMNS, columns.get("id")):
        value = [value]
    elif _is_segments(value) or (isinstance(value, dict) and {"text", "segments"} & value.keys()):
        return _read_records("Whisper's JSON", [(str(path), _to_record(path.stem, value))], path, {})
    elif isinstance(value, dict):
        value = [_to_record(key, item) for key, item in value.items()]
    rows = [(f"{path}: entry {number}", row) for number, row in enumerate(value, 1)]
    return _read_records("JSON", rows, path, columns)


def _parse_json_lines(text: str, path: Path) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            rows += [(f"{path}:{number}", json.loads(line))] if line.strip() else []
        except ValueError as error:
            message = "is not JSON, as the lines before are" if rows else "is damaged JSON"
            raise ValueError(f"{path}:{number}: {message} ({error}); received {line[:60]!r}.") from None
    return rows


def _is_segments(value: Any) -> bool:
    """Whether a value is the segments of one recording: they name no file, and their ids count them."""
    return isinstance(value, list) and all(
        isinstance(item, dict) and "start" in item and not item.keys() & set(ID_COLUMNS[1:]) for item in value
    )


def _to_record(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {**value, "id": key}
    return {"id": key, "text" if isinstance(value, str) else "segments": value}


def _read_records(
    form: str,
    rows: Sequence[tuple[str, Any]],
    path: Path,
    columns: Mapping[str, str],
    names: Sequence[str] | None = None,
) -> tuple[str, list[_Entry]]:
    keys = dict.fromkeys(key for _, row in rows if isinstance(row, dict) for key in row)
    id_column, text_column = _choose_columns(names or list(keys), columns, path)
    entries: list[_Entry] = []
    for place, row in rows:
        record = row if isinstance(row, dict) else {}
        key, said, segments = record.get(id_column), record.get(text_column), record.get("segments")
        try:
            if segments is not None and (said is None or text_column == "segments"):
                said = "".join(segment["text"] for segment in segments)
            words = [word for segment in segments or () for word in segment.get("words") or ()]
            timed = [word for word in words or record.get("words") or () if {"start", "end"} <= word.keys()]
            found = [
                {
                    "text": str(word.get("word", word.get("text", ""))).strip(),
                    "start_s": float(word["start"]),
                    "end_s": float(word["end"]),
                    "confidence": next((float(word[name]) for name in CONFIDENCES if word.get(name)), None),
                }
                for word in timed
            ]
        except (AttributeError, KeyError, TypeError, ValueError):
            key = None
        if not isinstance(key, str | int) or not isinstance(said, str | int | None):
            raise ValueError(
                f"{place}: {id_column} and {text_column} must be texts, or segments as Whisper writes them; "
                f"received {str(row)[:60]}."
            )
        entries.append((str(key), None if said is None else str(said), found, place))
    form = "NeMo manifest" if id_column == "audio_filepath" else form
    return f"{form}, text from {text_column}", entries


# Lines


def _parse_lines(text: str, path: Path, columns: Mapping[str, str]) -> tuple[str, list[_Entry]]:
    numbered = enumerate(re.split("\r\n?|\n", text), 1)
    lines = [(f"{path}:{n}", line) for n, line in numbered if line.strip() and not line.startswith(";;")]
    if not lines:
        raise ValueError(f"{path}: holds comments alone; hypotheses are {FORMATS}.")
    known = {name.lower() for name in (*ID_COLUMNS, *TEXT_COLUMNS, *UNSURE_TEXT_COLUMNS, *columns.values())}
    for separator in "\t,;|":
        header = [name.strip(' "').lower() for name in lines[0][1].split(separator)]
        if len(header) > 1 and " " not in header[0] and known.intersection(header):
            return _parse_table(text, separator, path, columns)
    for form, parse, what in LINE_FORMATS:
        found: list[Any] = [parse(line) for _, line in lines]
        rows: list[_Entry] = [(*row, place) for row, (place, _) in zip(found, lines, strict=True) if row]
        if len(rows) == len(lines):
            return form, _join_words(rows) if form == "CTM" else rows
        if 2 * len(rows) > len(lines):  # another format comes between
            place, line = lines[found.index(None)]
            raise ValueError(f"{place}: most lines have {what}; this one has not: {line[:60]!r}.")
    pairs = [(line.strip().split(None, 1), place) for place, line in lines]
    return "Kaldi text", [(key, said[0] if said else "", [], place) for (key, *said), place in pairs]


def _parse_trn(line: str) -> tuple[str, str, list[Word]] | None:
    match = re.fullmatch(r"(.*?)\s*\(([^()\s]+)\)", line.strip())
    return (match[2], match[1], []) if match else None


def _parse_ctm(line: str) -> tuple[str, str, list[Word]] | None:
    """Parse file, channel, start and duration in s, word, and maybe confidence and kind."""
    fields = line.split()
    if not 5 <= len(fields) <= 7 or not all(re.fullmatch(r"\d+\.?\d*", number) for number in fields[2:4]):
        return None
    start, duration, word = float(fields[2]), float(fields[3]), fields[4]
    sure = float(fields[5]) if re.fullmatch(r"[01]|[01]?\.\d+", "".join(fields[5:6])) else None
    timed = {"text": word, "start_s": start, "end_s": start + duration, "confidence": sure}
    return fields[0], word, [timed]


def _parse_columns(line: str, separator: str) -> tuple[str, str, list[Word]] | None:
    """Parse an id, which holds no space, and a text; editors take the tab before an empty one away."""
    row = next(csv.reader([line], delimiter=separator)) if '"' in line else line.split(separator)
    key, said = (row[0].strip(), row[1]) if len(row) == 2 else (line.strip(), "")
    if len(row) > 2 or re.search(r"\s", key) or (len(row) == 1 and separator != "\t"):
        return None
    return key, said, []


LINE_FORMATS = (
    ("sclite trn", _parse_trn, "an (utterance id) at the end, as in trn"),
    ("CTM", _parse_ctm, "file, channel, start, duration and word, as in CTM"),
    ("two columns", lambda line: _parse_columns(line, "\t"), "two columns with a tab between"),
    ("two columns", lambda line: _parse_columns(line, ","), "two columns with a comma between"),
)
"""Name, parser of a line (None: of another format), and what its lines have. What fits none is Kaldi text."""


def _join_words(rows: Sequence[_Entry]) -> list[_Entry]:
    """Join the words of each file, in the order of their times."""
    files: dict[str, list[_Entry]] = defaultdict(list)
    for row in rows:
        files[row[0]].append(row)
    joined: list[_Entry] = []
    for key, of_file in files.items():
        words = sorted((row[2][0] for row in of_file), key=lambda word: word["start_s"])
        joined.append((key, " ".join(word["text"] for word in words), words, of_file[0][3]))
    return joined


def _parse_table(
    text: str, separator: str, path: Path, columns: Mapping[str, str]
) -> tuple[str, list[_Entry]]:
    mark = re.escape(separator)
    quoted = re.findall(rf'(?:^|{mark})("[^"]*"?)(?={mark}|$)', text, re.MULTILINE)
    # In TSV a quotation mark is a sign of the text, unless each that opens a field closes one.
    plain = separator == "\t" and not all(len(part) > 1 and part.endswith('"') for part in quoted)
    lines = io.StringIO(text.lstrip(), newline="")
    quoting: Any = csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL
    reader = csv.reader(lines, delimiter=separator, strict=not plain, quoting=quoting)
    rows: list[tuple[str, Any]] = []
    try:
        header = [name.strip() for name in next(reader)]
        for row in filter(None, reader):
            rows.append((f"{path}:{reader.line_num}", dict(zip(header, row, strict=False))))
            if len(row) != len(header):
                raise csv.Error(f"{len(row)} fields, the header has {len(header)}")
    except csv.Error as error:
        remedy = "put texts with the separator or quotation marks in them into double quotes"
        raise ValueError(f"{path}:{reader.line_num}: is no row of the table ({error}); {remedy}.") from None
    return _read_records("table", rows, path, columns, header)


# Columns


def _choose_columns(names: Sequence[str], columns: Mapping[str, str], path: Path) -> tuple[str, str]:
    """Choose the columns of ids and texts; "segments" where only they hold texts."""
    there = ", ".join(str(name)[:40] for name in names[:12]) or "its values, which have no keys"
    remedy = f"among {there}; name it by --hypotheses-columns id=...,text=..."
    if twice := [name for number, name in enumerate(names) if name in names[:number]]:
        raise ValueError(f"{path}: the column {twice[0]} occurs more than once; keep one of them.")
    id_column = _choose(names, ID_COLUMNS, columns.get("id"))
    if id_column is None:
        raise ValueError(f"{path}: no column of utterance ids {remedy}.")
    usual = {str(name).lower(): name for name in names}
    sure = [usual[name] for name in TEXT_COLUMNS if name in usual]
    found = sure or [usual[name] for name in UNSURE_TEXT_COLUMNS if name in usual]
    if "text" in columns:
        found = [name for name in names if name == columns["text"]]
    elif not sure and {"audio_filepath", "duration"} <= usual.keys():
        raise ValueError(f"{path}: a manifest of references (text), without pred_text {remedy}.")
    if not found and "segments" in names:
        found = ["segments"]
    if len(found) != 1:
        message = f"{' and '.join(found)} may each be the column" if found else "no column"
        raise ValueError(f"{path}: {message} of hypotheses {remedy}.")
    return id_column, found[0]


def _choose(names: Collection[str], usual: Sequence[str], given: str | None) -> str | None:
    if given is not None:
        return given if given in names else None
    lowered = {str(name).lower(): name for name in names}
    return next((lowered[name] for name in usual if name in lowered), None)
