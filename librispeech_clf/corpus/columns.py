"""Bring rows of custom tables into the columns of the corpus schema.

A column is found under the names that datasets use (`NAMES`, the first that exists). Audio is required; without a
text column, recordings are unlabeled. A missing id becomes the recording's path without its extension (and the part's
times), or the table's name and the row's number; a missing speaker or chapter becomes `UNKNOWN`. Ids, speakers and
chapters are text as written. Other columns become `fields`. A row that lacks its text or audio keeps its place and
says why it cannot be evaluated.
"""

from __future__ import annotations

import functools
import math
import os
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import soundfile

from librispeech_clf.corpus.schema import UNKNOWN, is_nothing, write_fields
from librispeech_clf.corpus.text_tables import IGNORED, PLACE, PROBLEM, Row

# Hugging Face's audiofolder and LibriSpeech card, Common Voice, FLEURS, VoxPopuli, NeMo manifests.
NAMES = {
    "text": (
        "text", "normalized_text", "transcription", "transcript", "sentence", "raw_transcription", "raw_text", "texts",
        "references", "text_1",
    ),
    "audio": ("file_name", "audio", "audio_filepath", "path", "file", "audio_path", "audio_file", "filename"),
    "id": ("id", "utterance_id", "utt_id", "audio_id", "segment_id"),
    "speaker_id": ("speaker_id", "speaker", "client_id", "spk_id"),
    "chapter_id": ("chapter_id", "chapter"),
}  # fmt: skip
CHANNELS = ("channel", "channel_selector", "audio_channel", "channel_id", "channel_index")
TIMES = re.compile(
    r"(?:segment_|seg_|utt_|utterance_|audio_)?(?P<what>start|begin|offset|onset|end|stop|duration|dur)"
    r"(?:_?(?:time|timestamp|offset|at))?(?:_?in)?_?(?P<unit>ms|msec|millis|milliseconds|s|sec|secs|seconds)?"
)
"""Names of the columns that say which part of a recording a row is."""
SAMPLES = re.compile(
    r"(?:\w+_)?(?:start|begin|offset|end|stop)_(?:samples?|frames?)|(?:samples?|frames?)_(?:start|begin|offset|end|stop)"
)
STARTS, ENDS = ("start", "begin", "offset", "onset"), ("end", "stop")
MOST_FURTHER = 200
"""The most additional columns that a table may bring: code-loader refuses 800 or more."""
NO_TEXT = "has no text; add it."
BEYOND_S = 0.5
"""How far a part may end after its recording, for rounding, before its times are taken for those of another file."""
_ROW_NUMBERS = re.compile(r"|Unnamed: \d+|__index_level_\d+__")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)")


@functools.cache
def tell(line: str) -> None:
    """Print a line to standard error, once."""
    print(line, file=sys.stderr)


def find_columns(present: Sequence[str], columns: Mapping[str, str], *, place: str) -> dict[str, str]:
    """Find the schema's columns among those present, by key of `NAMES`; `columns` are those configured, by key.

    Raises:
        ValueError: audio or a configured column is missing.
    """
    if missing := [name for name in columns.values() if name not in present]:
        raise ValueError(
            f"{place}: no column {', '.join(missing)}, which corpus.columns names; "
            f"its columns are {', '.join(present)}."
        )
    found = dict(columns)
    lowered = {name.lower(): name for name in reversed(present)} | {name: name for name in present}
    for key, names in NAMES.items():
        name = next(
            (lowered[name] for name in names if lowered.get(name, "") not in ("", *found.values())), None
        )
        if key not in found and name is not None:
            found[key] = name
            if name.lower() not in (key, "file_name"):
                tell(f"Column {name} is used as {key}.")
    if "audio" not in found:
        raise ValueError(
            f"{place}: no column audio or file_name; its columns are {', '.join(present)}; "
            f"call it one of {', '.join(NAMES['audio'])}, or set corpus.columns in config.yaml."
        )
    return found


def make_rows(
    rows: Sequence[Row],
    *,
    place: str,
    folders: Sequence[Path],
    columns: Mapping[str, str] | None = None,
    cut: bool = False,
) -> list[Row]:
    """Return rows of the corpus schema, without encoded audio.

    Args:
        rows: rows with columns under the names of `NAMES`; the audio is a path or {path}.
        place: where the table comes from, for messages.
        folders: where relative audio paths start; the first that has the file counts.
        columns: names of the table's columns by those of the schema, where configured; others are looked for.
        cut: whether the rows hold encoded audio; times and channels then say where it was cut from.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    present = [name for name in names if name not in (PLACE, PROBLEM)]
    found = find_columns(present, columns or {}, place=place) if rows else {}
    times = {} if cut else _find_times(present, set(found.values()))
    counted = [name for name in present if SAMPLES.fullmatch(_spell(name))]
    if counted and not times and not cut:
        tell(
            f"{place}: {', '.join(counted)}: samples are not read, files are whole; give start and end in seconds."
        )
    channel = None if cut else _find_channel(rows, present)
    stem = re.escape(re.sub("_?1$", "", found.get("text", "\0")))
    more_texts = [name for name in present if re.fullmatch(rf"{stem}_?\d+", name)]
    text_columns = dict.fromkeys((found.get("text", ""), *more_texts))
    usual = {name for key in ("text", "audio", "id") for name in NAMES[key]}
    known = {*found.values(), *more_texts, *usual, channel, *times.values()}
    further = [name for name in present if name not in known and not _ROW_NUMBERS.fullmatch(name.strip())]
    # The length of a recording, whether a file or a part, is always of interest.
    further += [name for what, name in times.items() if what == "duration"]
    if len(further) > MOST_FURTHER:
        tell(f"{place}: only the first {MOST_FURTHER} of {len(further)} additional columns become metadata.")
    further = further[:MOST_FURTHER]
    made: list[Row] = []
    for row in rows:
        audio = row.get(found["audio"])
        path = audio.get("path") if isinstance(audio, dict) else audio
        values = [row.get(name) for name in text_columns]
        values = [text for value in values for text in (value if isinstance(value, list) else [value])]
        read = (_as_text(text) for text in values if text == text)  # NaN is no text
        texts = list(dict.fromkeys(text for text in read if text.strip()))
        where = "row {1} of {0}".format(*row[PLACE])
        problem = row.get(PROBLEM) or (f"{where} {NO_TEXT}" if "text" in found and not texts else None)
        start, end, fault = _read_part(row, times)
        made.append(
            {
                "id": _as_text(row.get(found.get("id", ""))),
                "audio": {"bytes": None, "path": _as_text(path) or None},
                "text": texts[0] if texts else "" if "text" in found else None,
                "more_texts": texts[1:],
                "speaker_id": _read_label(row.get(found.get("speaker_id", ""))),
                "chapter_id": _read_label(row.get(found.get("chapter_id", ""))),
                "start_s": start,
                "end_s": end,
                "channel": _CHANNELS.get(_read_channel(row.get(channel))) if channel else None,
                "fields": write_fields({name: row.get(name) for name in further}),
                "ignored": any(IGNORED in str(text).lower() for text in texts),
                "problem": problem or (fault and f"{where} {fault}"),
            }
        )  # fmt: skip
    if not cut:
        for row in made:
            row["audio"]["path"] = locate(row["audio"]["path"], folders)
        _drop_times_of_cut_files(made, place)
        _count_channels_from_zero(made, place)
    _name_rows(made, [row[PLACE] for row in rows], place=place, folder=folders[0])
    return made if cut or "id" not in found else _merge_references(made)


def locate(name: str | None, folders: Sequence[Path]) -> str | None:
    """Return the first path under the folders where the file exists, as written or as another system writes it."""
    if not name:
        return None
    forms = [name, name.replace("\\", "/")]
    forms = list(dict.fromkeys([*forms, *(unicodedata.normalize(form, forms[1]) for form in ("NFC", "NFD"))]))
    places = [os.path.join(folder, form) for form in forms for folder in folders]
    return next((place for place in places if os.path.isfile(place)), places[0])


def _find_times(present: Sequence[str], taken: set[str]) -> dict[str, str]:
    """Return the columns that say which part of a recording a row is: "start", "end" and "duration", where present."""
    times: dict[str, str] = {}
    for name in present:
        match = TIMES.fullmatch(_spell(name))
        if match and name not in taken:
            what = match["what"]
            times.setdefault("start" if what in STARTS else "end" if what in ENDS else "duration", name)
    return times if "start" in times else {}


def _read_part(row: Row, times: Mapping[str, str]) -> tuple[float | None, float | None, str | None]:
    """Return start and end of a part in s, and what is wrong with them."""
    if not times:
        return None, None, None
    found: dict[str, float] = {}
    for what, name in times.items():
        if is_nothing(row.get(name)):
            continue
        seconds = _read_seconds(row[name], name)
        if seconds is None:
            return None, None, f"has no valid time in its column {name} ({row[name]!r}); write seconds."
        found[what] = seconds
    start = found.get("start", 0.0)
    end = found.get("end", start + found["duration"] if "duration" in found else None)
    if start < 0 or (end is not None and end <= start):
        fault = f"names a part of a recording that starts at {start:g} s and ends at {end or 0:g} s."
        return None, None, fault
    return start, end, None


def _read_seconds(value: Any, name: str) -> float | None:
    match = TIMES.fullmatch(_spell(name))
    scale = 0.001 if match and (match["unit"] or "").startswith("m") else 1.0
    text = str(value).strip()
    if clock := _CLOCK.fullmatch(text):
        return int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3].replace(",", "."))
    try:
        seconds = float(text) * scale
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


@functools.cache  # asked for each row
def _spell(name: str) -> str:
    """Return a column's name with underscores for blanks, hyphens and brackets: Start Time, start (s)."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


_CHANNELS = {
    form.format(number): number for number in range(64) for form in ("{}", "{}.0", "ch{}", "channel{}")
} | {"a": 0, "b": 1, "l": 0, "r": 1, "left": 0, "right": 1}
_ALL_CHANNELS = frozenset(("average", "mean", "mono", "both", "all", "mix"))


def _read_channel(value: Any) -> str:
    """Return the channel that a row names, in lower case; nothing for all of them."""
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    text = "" if is_nothing(value) else _as_text(value).strip().lower()
    return "" if text in _ALL_CHANNELS else text


def _find_channel(rows: Sequence[Row], present: Sequence[str]) -> str | None:
    """Return the column of channel numbers; one of devices or broadcasters is metadata."""
    for name in sorted(present, key=lambda name: name != name.lower()):
        if name.lower() in CHANNELS:
            values = {_read_channel(row.get(name)) for row in rows} - {""}
            if values and values <= _CHANNELS.keys():
                return name
    return None


def _drop_times_of_cut_files(rows: Sequence[Row], place: str) -> None:
    """Read files whole if they already are the parts: each is named once, and times lie beyond a file's end."""
    parts = [row for row in rows if row["start_s"] is not None and row["audio"]["path"]]
    if not parts or len({row["audio"]["path"] for row in parts}) < len(parts):
        return
    for row in parts:
        length = _read_header(row, "duration")
        if length is not None and (row["end_s"] or row["start_s"]) > length + BEYOND_S:
            tell(
                f"{place}: its times refer to the recordings that its files were cut from; the files are read whole."
            )
            for part in parts:
                part.update(start_s=None, end_s=None, by_header=True)
            return


def _count_channels_from_zero(rows: Sequence[Row], place: str) -> None:
    """Count channels from 1 if none is 0 and one equals its recording's number of channels."""
    named = [row for row in rows if row["channel"] is not None and row["audio"]["path"]]
    last = max(named, key=lambda row: row["channel"], default=None)
    if not last or min(row["channel"] for row in named) == 0:
        return
    if _read_header(last, "channels") == last["channel"]:
        tell(f"{place}: its channels are counted from 1.")
        for row in named:
            row.update(channel=row["channel"] - 1, by_header=True)


def _read_header(row: Row, what: str) -> float | None:
    """Return a recording's duration in s or number of channels; None where it cannot be read, which its row reports."""
    try:
        return getattr(soundfile.info(row["audio"]["path"]), what)
    except (soundfile.LibsndfileError, TypeError, ValueError):
        return None


def _name_rows(rows: Sequence[Row], places: Sequence[tuple[Path, int]], *, place: str, folder: Path) -> None:
    """Name rows without ids: by recording path without extension where that keeps them apart, and by times."""
    inside = [_inside(row["audio"]["path"], folder) for row in rows]
    stems = [path and os.path.splitext(path)[0] for path in inside]
    files = Counter(stem for stem, _ in set(zip(stems, inside, strict=True)))
    names = [path if files[stem] > 1 else stem for stem, path in zip(stems, inside, strict=True)]
    repeated = Counter(name for name, *_ in set(map(_identify, rows)) if name)
    if any(count > 1 for count in repeated.values()) and len({name for name in names if name}) == len(rows):
        tell(f"{place}: its ids each name more than one recording; the recordings' paths are used as ids.")
        for row in rows:
            row["id"] = ""
    for row, name, (file, number) in zip(rows, names, places, strict=True):
        times = [f"-{row[key]:.2f}" for key in ("start_s", "end_s") if row[key] is not None]
        channel = "" if row["channel"] is None else f"-{row['channel']}"
        row["id"] = row["id"] or (f"{name}{''.join(times)}{channel}" if name else f"{file.stem}-{number}")


def _identify(row: Row) -> tuple[object, ...]:
    """Whatever two rows of the same utterance share."""
    return row["id"], row["audio"]["path"], row["start_s"], row["end_s"], row["channel"]


def _inside(path: str | None, folder: Path) -> str | None:
    """Return a path relative to the folder, or only the file's name if it is elsewhere."""
    if not path:
        return None
    inner = PurePosixPath(path.removeprefix(str(folder) + os.sep))
    return inner.name if inner.is_absolute() or ".." in inner.parts else str(inner)


def _merge_references(rows: Sequence[Row]) -> list[Row]:
    """Merge rows with the same id and recording into one; each brings a reference."""
    merged: list[Row] = []
    seen: dict[tuple[object, ...], Row] = {}
    for row in rows:
        first = seen.setdefault(_identify(row), row)
        if first is row or not row["audio"]["path"] or row["problem"] or first["problem"]:
            merged.append(row)
        else:
            texts = dict.fromkeys((first["text"], *first["more_texts"], row["text"], *row["more_texts"]))
            first["more_texts"] = [*texts][1:]
    return merged


def _read_label(value: Any) -> str:
    """Return the name of a speaker or chapter: whole numbers without a fraction, `UNKNOWN` if it says nothing."""
    if is_nothing(value):
        return UNKNOWN
    return f"{value:.0f}" if isinstance(value, float) and value % 1 == 0 else _as_text(value)


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)
