"""Read the output of any recognizer, and find each utterance's text in it.

In: a file, or a folder of Whisper's JSON files. Out: a system, with word times where the file has them. The format
is recognized by content, never by name:

    CSV, TSV, JSON lines    a header or keys: {"id": "61-70968-0000", "hypothesis": "he began"}
    NeMo manifest           {"audio_filepath": "clips/a.wav", "duration": 2.1, "text": "...", "pred_text": "..."}
    Whisper, faster-whisper {"text": ..., "segments": [{"words": [{"word", "start", "end", "probability"}]}]}, or
                            the list of segments; of one recording, of many by id, or as a line of JSON lines
    Kaldi text              61-70968-0000 HE BEGAN
    sclite trn              he began (61-70968-0000)
    CTM                     61-70968-0000 1 0.46 0.12 he 0.98
    two columns             the id, a tab or comma, the text

Nothing is guessed: text that fits no format, or two, is an error that names its line; an id that occurs twice is, too.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from librispeech_clf.corpus.text_tables import (
    PLACE,
    PROBLEM,
    Row,
    decode_text,
    parse_delimited,
    parse_json_lines,
    unquote,
)
from librispeech_clf.text.vocabulary import SPACELESS

ID_COLUMNS = (
    "id", "utterance_id", "utt_id", "utterance", "utt", "audio_id", "segment_id", "key", "audio_filepath", "file",
    "path", "file_name", "filename", "audio_path", "audio_file", "audio",
)  # fmt: skip
TEXT_COLUMNS = ("hypothesis", "hyp", "pred_text", "prediction", "predicted_text", "predicted", "pred")
UNSURE_TEXT_COLUMNS = ("text", "transcription", "transcript")
"""Names that references use as well: read only if a table has none of `TEXT_COLUMNS`."""
LINE_FORMATS = {
    "sclite trn": (r"(?P<text>.*?)\s*\((?P<id>[^()\s]+)\)", "an (utterance id) at the end, as in trn"),
    "CTM": (
        r"(?P<id>\S+)\s+\S+\s+(?P<start>\d+\.?\d*)\s+(?P<duration>\d+\.?\d*)\s+(?P<word>\S+)"
        r"(\s+((?P<confidence>[01]|[01]?\.\d+)|\S+)(\s+\S+)?)?",
        "file, channel, start, duration and word, as in CTM",
    ),
    # An id holds no space; editors remove the tab before an empty text.
    "two columns": (r"(?P<id>\S+) *(\t(?P<text>[^\t]*))?", "two columns with a tab between"),
    "two columns by a comma": (
        r'(?P<id>[^\s,]+) *,(?P<text>"(?:[^"]|"")*"|[^,]*)', "two columns with a comma between",
    ),
    "Kaldi text": (r"(?P<id>\S+)(\s+(?P<text>.*))?", ""),
}  # fmt: skip
"""A line's pattern, and what such a line has. What fits none is Kaldi text."""
AUDIO = "wav|flac|mp3|m4a|mp4|ogg|oga|opus|sph|aiff?|au|caf|w64|webm|wma|aac|amr"
"""Endings that an utterance's id may have and a key lack. Others tell utterances apart: call7.A is not call7.B."""
MOST_CHARACTERS = 100_000  # of one hypothesis: an hour of speech; more means a file that lost its line ends
CONFIDENCES = ("probability", "confidence", "score")
"""Keys of a word's confidence: Whisper's and faster-whisper's, whisper-timestamped's, WhisperX's."""
Word = dict[str, Any]
"""{text, start_s, end_s, confidence}: times in s, confidence in [0, 1] or None."""
Entry = tuple[str, str | None, list[Word], str]
"""Key, text (None: the file has none), words, and where it stands in the file."""
FORMATS = "CSV, TSV, JSON, Kaldi text, trn or CTM"


@dataclass(frozen=True)
class System:
    """A recognizer's texts.

    Attributes:
        name: the name that the page shows; its table's file is named after it.
        texts: the texts as the recognizer wrote them, by utterance id.
        words: words with times, for the utterances that have them.
        source: what it is: a file and its format, or a decoder.
        notes: sentences on what was counted as empty and what was left over.
        is_older: whether it is an older run that this one is compared with.
        normalization: the normalization that an older run's texts have had, where known.
        speed: seconds of audio per second, where known.
    """

    name: str
    texts: Mapping[str, str]
    words: Mapping[str, Sequence[Word]] = field(default_factory=dict)
    source: str = ""
    notes: tuple[str, ...] = ()
    is_older: bool = False
    normalization: str | None = None
    speed: float | None = None


def read_system(
    name: str,
    path: Path,
    ids: Sequence[str],
    *,
    evaluated: Collection[str] | None = None,
    columns: Mapping[str, str] | None = None,
    missing: str = "refuse",
) -> System:
    """Read a file of hypotheses, or a folder of Whisper's JSON files, each named after its recording.

    An utterance's hypothesis is found by its id, or else by the recording's name without folder and extension.

    Args:
        name: the system's name.
        path: the file or folder.
        ids: utterance ids of the whole split.
        evaluated: ids that need a hypothesis; None for all.
        columns: names of the columns "id" and "text", where they are unusual.
        missing: "refuse" an utterance without a hypothesis, or count it as "empty": its words are deletions.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: it is not text, fits no format or two, lacks a column, or names an utterance twice; utterances lack
            a hypothesis, or a name fits several.
    """
    if path.is_dir():
        form, rows = "Whisper's JSON files", []
        for file in sorted(path.glob("*.json")):
            rows += _parse(file, {})[1]
    elif path.is_file():
        form, rows = _parse(path, columns or {})
    else:
        raise FileNotFoundError(f"{path}: no such file of hypotheses.")
    places: dict[str, str] = {}
    for key, said, _, place in rows:
        if key in places:
            raise ValueError(
                f"{place}: {key} occurs twice (first: {places[key]}); keep one hypothesis for each."
            )
        if len(said or "") > MOST_CHARACTERS:
            raise ValueError(
                f"{place}: a hypothesis has at most {MOST_CHARACTERS} characters; received "
                f"{len(said or '')} for {key[:80]!r}. Write one utterance per line."
            )
        places[key] = place
    found = {key: (said, words) for key, said, words, _ in rows if said is not None}
    if not any(said.strip() for said, _ in found.values()):
        raise ValueError(f"{path}: {form}: holds no hypothesis with a word in it.")
    owners, extra = _find_owners(found, ids, path)
    wanted = ids if evaluated is None else [name for name in ids if name in evaluated]
    lacking = [name for name in wanted if name not in owners]
    described = ""
    if extra:
        described = f"{len(extra)} of its {len(found)} names match no utterance, such as {extra[0][:80]!r}"
    if lacking and (missing == "refuse" or len(lacking) == len(wanted)):
        remedy = "Add them, or count them as deletions with --missing empty."
        if {key.lower() for key in extra} & {name.lower() for name in lacking}:
            remedy = "Ids must match in upper and lower case."
        elif len(lacking) == len(wanted):
            remedy = "Give hypotheses for the split that is evaluated, under its ids."
        raise ValueError(
            f"{path} ({form}): {len(lacking)} of {len(wanted)} utterances have no hypothesis, such as {lacking[0]}"
            f"{'; ' * bool(extra)}{described}. {remedy}"
        )
    notes = [f"{name}: {len(lacking)} utterances have no hypothesis and count as empty."] if lacking else []
    notes += [f"{name}: {described} ({path})."] if extra else []
    texts = {utterance: found[key][0] for utterance, key in owners.items()} | dict.fromkeys(lacking, "")
    words = {utterance: found[key][1] for utterance, key in owners.items() if found[key][1]}
    return System(name, texts, words, f"{path.name}, {form}", tuple(notes))


def _find_owners(keys: Iterable[str], ids: Sequence[str], path: Path) -> tuple[dict[str, str], list[str]]:
    """Find the key of each utterance, and the keys that belong to no utterance."""
    names: dict[str, list[str]] = defaultdict(list)
    for utterance in ids:
        names[_split(utterance, AUDIO)[-1]].append(utterance)
    names |= {utterance: [utterance] for utterance in ids}
    owners: dict[str, str] = {}
    extra = []
    for key in keys:
        parts = _split(key)
        tails = ["/".join(parts[start:]) for start in range(len(parts))]  # ids may hold folders
        found = next((names[tail] for tail in (key, *tails) if tail in names), [])
        if len(found) > 1:
            raise ValueError(f"{path}: {key} may be {found[0]} or {found[1]}; give utterance ids.")
        if found and found[0] in owners:
            raise ValueError(
                f"{path}: both {owners[found[0]]} and {key} name the utterance {found[0]}; keep one."
            )
        if found:
            owners[found[0]] = key
        else:
            extra.append(key)
    return owners, extra


def _split(key: str, extension: str = r"[A-Za-z][A-Za-z0-9]{0,4}") -> list[str]:
    """Return a key as the parts of a path, without the extension."""
    return re.sub(rf"\.({extension})$", "", key.replace("\\", "/"), flags=re.IGNORECASE).split("/")


def _parse(path: Path, columns: Mapping[str, str]) -> tuple[str, list[Entry]]:
    """Parse a file: every format becomes records with an id, which are all read the same way."""
    with path.open("rb") as file:
        start = file.read(4096)
    is_binary = b"\0" in start and not start.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = "" if is_binary else decode_text(path)
    first = text.lstrip()[:1]
    if first in ("", "<"):
        found = "a binary file" if is_binary else "a web page or XML" if first else "empty"
        raise ValueError(f"{path}: is {found}; hypotheses are {FORMATS}.")
    lines = [line.strip() for line in re.split("\r\n?|\n", text)]
    if first in "{[":
        form, rows = _parse_json(text, path, columns)
    elif separator := _find_separator(next(filter(None, lines)), columns):
        form, rows = "table", parse_delimited(text.lstrip(), path, separator)
    else:
        form, rows = _parse_lines(lines, path)
    if problem := next((row[PROBLEM] for row in rows if isinstance(row, dict) and PROBLEM in row), None):
        raise ValueError(problem)
    if form not in ("table", "JSON", "JSON lines"):
        columns = {}
    names = [name for row in rows if isinstance(row, dict) for name in row if name != PLACE]
    id_column, text_column = _choose_columns([*dict.fromkeys(names)], columns, path)
    form = "NeMo manifest" if id_column == "audio_filepath" else form
    form += "" if text_column == "text" else f", text from {text_column}"
    numbered = enumerate(rows, 1)
    return form, [
        _read_entry(row, id_column, text_column, f"{path}: entry {number}") for number, row in numbered
    ]


def _parse_json(text: str, path: Path, columns: Mapping[str, str]) -> tuple[str, list[Any]]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "JSON lines", parse_json_lines(text, path)
    keys = {str(key).lower() for key in value} if isinstance(value, dict) else set()
    if keys & {*ID_COLUMNS, columns.get("id", "").lower()}:
        return "JSON", [value]
    # Segments of one recording name no file, and their ids count them.
    items, others = value if isinstance(value, list) else [None], {*ID_COLUMNS[1:]}
    are_segments = all(isinstance(item, dict) and "start" in item and not others & {*item} for item in items)
    if keys & {"text", "segments"} or are_segments:
        return "Whisper's JSON", [_name_record(path.stem, value)]
    return "JSON", value if isinstance(value, list) else [_name_record(*item) for item in value.items()]


def _name_record(key: str, value: Any) -> Row:
    own = value if isinstance(value, dict) else {"text" if isinstance(value, str) else "segments": value}
    return {**own, "id": key}


def _find_separator(header: str, columns: Mapping[str, str]) -> str | None:
    """Find the separator of a table's columns; None if the first line is not a header."""
    known = {name.lower() for name in (*ID_COLUMNS, *TEXT_COLUMNS, *UNSURE_TEXT_COLUMNS, *columns.values())}
    for separator in "\t,;|":
        names = [name.strip(' "').lower() for name in header.split(separator)]
        if len(names) > 1 and " " not in names[0] and known.intersection(names):
            return separator
    return None


def _parse_lines(lines: Sequence[str], path: Path) -> tuple[str, list[Row]]:
    numbers = [number for number, line in enumerate(lines) if line and not line.startswith(";;")]
    if not numbers:
        raise ValueError(f"{path}: holds only comments; hypotheses are {FORMATS}.")
    for form, (pattern, what) in LINE_FORMATS.items():
        matches = {number: re.fullmatch(pattern, lines[number]) for number in numbers}
        rows = [match.groupdict("") for match in matches.values() if match]
        if form.startswith("two columns"):
            rows = [{key: unquote(value) for key, value in row.items()} for row in rows]
        if (
            form == "CTM"
            and len({row["id"] for row in rows}) == len(rows)
            and all((row["start"] + row["duration"] + row["word"]).isdigit() for row in rows)
        ):
            continue  # spoken digits: no recognizer's times are whole seconds
        if len(rows) == len(numbers):
            break
        if 2 * len(rows) > len(numbers):  # another format comes between
            number = next(number for number, match in matches.items() if not match)
            raise ValueError(
                f"{path}:{number + 1}: most lines have {what}; this one does not: {lines[number][:60]!r}."
            )
    return form, _join_words(rows) if form == "CTM" else rows


def _join_words(rows: Sequence[Row]) -> list[Row]:
    """Join the words of each file, in the order of their times."""
    files: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: float(row["start"])):
        files[row["id"]].append({**row, "end": float(row["start"]) + float(row["duration"])})
    texts = {key: " ".join(word["word"] for word in words) for key, words in files.items()}
    return [{"id": key, "text": texts[key], "words": words} for key, words in files.items()]


def _choose_columns(names: Sequence[str], columns: Mapping[str, str], path: Path) -> tuple[str, str]:
    """Choose the columns of ids and texts; "segments" where only they hold texts."""
    there = ", ".join(str(name)[:40] for name in names[:12]) or "its values, which have no keys"
    remedy = f"among {there}; name it with --hypotheses-columns id=...,text=..."
    lowered = {str(name).lower(): name for name in names}

    def find(what: str, usual: Sequence[str]) -> list[str]:
        if what in columns:
            return [name for name in names if name == columns[what]]
        return [lowered[name] for name in usual if name in lowered]

    ids, texts = find("id", ID_COLUMNS), find("text", TEXT_COLUMNS)
    if not ids:
        raise ValueError(f"{path}: no column of utterance ids {remedy}.")
    if not texts and {"audio_filepath", "duration"} <= lowered.keys():
        raise ValueError(f"{path}: a manifest of references (text), without pred_text {remedy}.")
    texts = texts or find("text", UNSURE_TEXT_COLUMNS) or [name for name in names if name == "segments"]
    if len(texts) != 1:
        message = f"{' and '.join(texts)} may each be the column" if texts else "no column"
        raise ValueError(f"{path}: {message} of hypotheses {remedy}.")
    return ids[0], texts[0]


def _list_objects(value: Any) -> list[Row] | None:
    are_objects = isinstance(value, list) and all(isinstance(item, dict) for item in value)
    return value if are_objects else None


def _read_entry(row: Any, id_column: str, text_column: str, place: str) -> Entry:
    try:
        key, said = row[id_column], row.get(text_column)
        # Beside a text, other tools count them: words: 3.
        segments, timed = (_list_objects(row.get(name)) for name in ("segments", "words"))
        segments = row.get("segments") if text_column == "segments" else segments
        if segments is not None and (said is None or text_column == "segments"):
            texts = [segment["text"] for segment in segments]
            # Whisper's begin with their space; WhisperX's sentences have none.
            is_spaced = any(text[:1].isspace() or SPACELESS.match(text) for text in texts[1:])
            said = ("" if is_spaced else " ").join(texts)
        words = [word for segment in segments or () for word in segment.get("words") or ()]
        found = [
            {
                "text": str(word.get("word", word.get("text", ""))).strip(),
                "start_s": float(word["start"]),
                "end_s": float(word["end"]),
                "confidence": next(
                    (float(word[name]) for name in CONFIDENCES if word.get(name) not in (None, "")), None
                ),
            }
            for word in words or timed or ()
            if None not in (word.get("start"), word.get("end"))
        ]
        if not isinstance(key, str | int) or not isinstance(said, str | int | None):
            raise TypeError
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(
            f"{place}: {id_column} and {text_column} must be texts, or segments as Whisper writes them; received "
            f"{str(row)[:60]}."
        ) from None
    return str(key), None if said is None else str(said), found, place
