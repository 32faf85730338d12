"""Turn a results table and its analysis into the compact JSON that the page reads.

In: the record of results (one row per utterance, including simulated ones) and optional analysis sections. Out:
plain dictionaries and lists without NaN, columnar, with floats rounded to five significant digits; JSON that is safe
inside a `<script>` element.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow
import pyarrow.compute

from librispeech_clf.audio.simulations import SIMULATION_PARAMETERS
from librispeech_clf.local.analysis import summary
from librispeech_clf.local.analysis.groups import describe_groupings, list_groupings
from librispeech_clf.local.analysis.record import METADATA_GROUPS, Column, Record, label_column, physical_unit
from librispeech_clf.local.report.neighbors import find_doubles, find_nearest
from librispeech_clf.text.alignment import choose_operations, find_operations, split_words
from librispeech_clf.text.plain_text import escape_texts

if TYPE_CHECKING:
    from librispeech_clf.local.analysis.calibration import Calibration

TEXT_COLUMNS = ("utterance_id", "reference", "hypothesis", "error")
METRICS = (
    *("word_error_rate", "match_error_rate", "word_information_lost", "word_information_preserved"),
    *("word_hits", "word_substitutions", "word_deletions", "word_insertions"),
    *("character_error_rate", "character_hits"),
    *("character_substitutions", "character_deletions", "character_insertions"),
    *("confidence", "calibrated_confidence", "predicted_word_error_rate", "ctc_loss"),
)
SECTIONS = (
    *("search", "error_kinds", "terms", "suspect_references", "clusters", "associations"),
    *("latent_maps", "robustness", "speed", "reliability", "tables"),
)
_KINDS = ("substitutions", "deletions", "insertions")
SYSTEM_COUNTS = [f"{unit}_{kind}" for unit in ("word", "character") for kind in _KINDS]
MAX_LEVELS = 400
SIGNIFICANT_DIGITS = 5
TIME_UNITS_PER_SECOND = 100
MISSING_TIME = -1
HEARD = "h"
"""The operation of a word or letter where there is no reference: neither right nor wrong."""


def build_payload(
    record: Record,
    *,
    analysis: Mapping[str, Any] | None = None,
    systems: Mapping[str, Any] | None = None,
    title: str = "Speech recognition report",
    description: Mapping[str, str] | None = None,
    notes: Mapping[str, str] | None = None,
    scope: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build everything the page needs except the audio; unprintable characters in texts are escaped.

    Args:
        record: the results; rows with a `simulation` become the robustness charts.
        analysis: sections by name: records, arrays or tables; absent, None and unknown ones are left out.
        systems: tables of every system by name; for the main one, which is first, only the name counts.
        title: heading of the page.
        description: what the run was, as names and values (model, split, source).
        notes: review notes by utterance id; more can be added in the page, which keeps them by its `report_id`.
        scope: for a page that holds some of the utterances, what it says about all; see `page.write_pages`.
    """
    recordings, _ = split_simulated(record)
    references, hypotheses = read_texts(recordings, "reference"), read_texts(recordings, "hypothesis")
    words, letters = align_texts(recordings.texts("reference"), hypotheses)
    failures, ids, sections = read_texts(recordings, "error"), recordings.ids.tolist(), analysis or {}
    groups = sections.get("rates", {}).get("groups") or describe_groupings(list_groupings(recordings))
    said = [text.split() for text in hypotheses]
    payload = {
        "title": title,
        "description": {str(key): str(value) for key, value in (description or {}).items()},
        "count": len(recordings),
        "ids": ids,
        "references": references,
        "hypotheses": hypotheses,
        "errors": failures,
        "columns": build_columns(recordings),
        "word_operations": ["" if failed else of for of, failed in zip(words, failures, strict=True)],
        "letter_operations": ["" if failed else of for of, failed in zip(letters, failures, strict=True)],
        "word_timings": _timings(recordings, "words", said, sections.get("calibration")),
        "letter_timings": _timings(recordings, "letters", [list(text.strip()) for text in hypotheses]),
        "system": next(iter(systems), "") if systems else "",
        "systems": [build_system(*of, ids, references) for of in list((systems or {}).items())[1:]],
        "simulated": build_simulated(record),
        "groups": to_jsonable(groups),
        "nearest": find_nearest(recordings),
        "doubles": find_doubles(recordings),
        "notes": {row: notes[name] for row, name in enumerate(ids) if notes and name in notes},
        "report_id": hashlib.sha256("\n".join([title, *ids]).encode()).hexdigest()[:16],
        "analysis": build_analysis(ids, sections),
        **({"scope": to_jsonable(scope)} if scope else {}),
    }
    return {key: escape_texts(value) for key, value in payload.items()}


def _timings(
    record: Record, column: str, tokens: list[list[str]], calibration: Calibration | None = None
) -> list[list[int]]:
    lists = record.lists(column)
    if calibration is not None:
        lists = map(calibration.replace, lists)
    return [encode_timings(of_row, timings) for of_row, timings in zip(tokens, lists, strict=True)]


def build_columns(record: Record) -> list[dict[str, Any]]:
    """Build every scalar column of the results, metrics first.

    Empty columns are left out, and so are those that repeat the content and name of an earlier one.
    """
    read = {name: record.column(name) for name in record.names if name not in TEXT_COLUMNS}
    columns = {name: column for name, column in read.items() if column is not None and not column.is_empty}
    built: dict[tuple[str, str], dict[str, Any]] = {}
    for key in dict.fromkeys([*(key for key in METRICS if key in columns), *columns]):
        column = build_column(columns[key])
        same = built.get((column["label"], column["unit"]))
        if same is None:
            built[column["label"], column["unit"]] = column
        elif same["values"] != column["values"] or same.get("levels") != column.get("levels"):
            column["label"] += f" ({column['group']})"
            built[column["label"], column["unit"]] = column
    return list(built.values())


def build_column(column: Column) -> dict[str, Any]:
    """Build one column: description, `kind` (number, category or text) and values.

    Text with more than 400 different values is free text, unless the key ends in `_id`.
    """
    described = describe_column(column.name)
    if column.numbers is not None:
        return described | {"kind": "number", "values": list(map(round_number, column.numbers.tolist()))}
    levels, codes = order_levels(column)
    if len(levels) > MAX_LEVELS and not column.name.endswith("_id"):
        return described | {"kind": "text", "values": [text or "" for text in column.categories]}
    return described | {"kind": "category", "levels": levels, "values": codes.tolist()}


def order_levels(column: Column) -> tuple[list[str], np.ndarray]:
    """Return the categories that occur, sorted with numbers by size, and which one each row holds, int (N,)."""
    held = np.unique(column.codes[column.codes >= 0]).tolist()
    held.sort(key=lambda code: _natural_order(column.levels[code]))
    places = np.full(len(column.levels) + 1, -1)
    places[held] = np.arange(len(held))
    return [column.levels[code] for code in held], places[column.codes]


def describe_column(key: str) -> dict[str, str]:
    """Return a column's group, label in words and unit, from its key alone."""
    prefix = key.partition("_")[0]
    group = "metric" if key in METRICS else prefix if prefix in METADATA_GROUPS else "record"
    unit = "" if key in METRICS else physical_unit(key) or ""
    return {"key": key, "group": group, "label": label_column(key), "unit": unit}


def _natural_order(text: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts texts containing numbers by these numbers."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def build_system(
    name: str, table: pyarrow.Table, ids: Sequence[str], references: Sequence[str]
) -> dict[str, Any]:
    """Build another system's hypotheses and error counts in the main one's row order."""
    joined = table.take(pyarrow.compute.index_in(pyarrow.array(ids), table["utterance_id"]))
    texts = joined["hypothesis"].to_pylist()
    pairs = zip(references, texts, strict=True)
    own = joined["reference"].to_pylist()
    operations = [
        "" if text is None else encode_words(None if one is None else said, text)
        for (said, text), one in zip(pairs, own, strict=True)
    ]
    nearest = {row: own[row] for row, said in enumerate(references) if own[row] not in (None, said)}
    # If another reference was nearer, other words are counted.
    counted = [*SYSTEM_COUNTS, "word_hits", "character_hits"] if nearest else SYSTEM_COUNTS
    counts = {key: [round_number(value) for value in joined[key].to_pylist()] for key in counted}
    said = [text or "" for text in texts]
    return {
        "name": name,
        "hypotheses": said,
        "word_operations": operations,
        "counts": counts,
        "nearest": nearest,
    }


def build_analysis(ids: Sequence[str], analysis: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the analysis sections that the page shows, with row numbers in place of utterance ids."""
    rows = {utterance_id: row for row, utterance_id in enumerate(ids)}
    chosen = {key: analysis[key] for key in SECTIONS if analysis.get(key) is not None}
    return {key: _replace_ids(to_jsonable(value), rows) for key, value in chosen.items()}


def _replace_ids(value: Any, rows: Mapping[str, int]) -> Any:
    if isinstance(value, list):
        return [_replace_ids(item, rows) for item in value]
    if not isinstance(value, dict):
        return value
    replaced = {key: _replace_ids(item, rows) for key, item in value.items() if key != "utterance_ids"}
    if "utterance_ids" in value:
        held = [place for place, name in enumerate(value["utterance_ids"]) if name in rows]
        replaced["rows"] = [rows[value["utterance_ids"][place]] for place in held]
        if "points" in value:
            replaced["points"] = [value["points"][place] for place in held]
    return replaced


def split_simulated(record: Record) -> tuple[Record, Record]:
    """Split results into unchanged recordings and those with simulated conditions.

    Results without the column `simulation`, or with simulated rows only, are not split.
    """
    column = record.column("simulation")
    simulated = np.zeros(len(record), bool) if column is None else column.codes >= 0
    simulated &= not simulated.all()
    return record.select(~simulated), record.select(np.flatnonzero(simulated))


def build_simulated(record: Record) -> list[dict[str, Any]]:
    """Build, per simulation, each simulated utterance's row number, severity, errors, words and hypothesis.

    `audio` is the index of the first one's recording in `list_heard`.
    """
    built, start = [], len(split_simulated(record)[0])
    for name, simulated, rows in _list_simulated(record):
        hypotheses = read_texts(simulated, "hypothesis")
        operations = list(map(encode_words, read_texts(simulated, "reference"), hypotheses))
        severities, errors, words = simulated.numbers("severity"), simulated.errors(), simulated.units()
        numbers = to_jsonable({"row": rows, "severity": severities, "errors": errors, "words": words})
        told = {"simulation": name, "severity_name": name_severity(name), **numbers}
        built.append(told | {"hypotheses": hypotheses, "word_operations": operations, "audio": start})
        start += len(rows)
    return built


def list_heard(record: Record) -> list[str]:
    """Name what can be played: the ids of the recordings in row order, then the simulated ones."""
    ids = split_simulated(record)[0].ids
    return ids.tolist() + [
        name_simulated(recording, name, severity)
        for name, simulated, rows in _list_simulated(record)
        for recording, severity in zip(ids[rows], simulated.numbers("severity"), strict=True)
    ]


def _list_simulated(record: Record) -> Iterator[tuple[str, Record, np.ndarray]]:
    """Yield each simulation's name, its scored rows, and the rows of their recordings, int (N,)."""
    recordings, simulated = split_simulated(record)
    places = {name: row for row, name in enumerate(recordings.ids)}
    scored = simulated.select_scored()
    # A simulated id is that of a recording, with or without "+" and the conditions after it.
    rows = np.array([places.get(name, places.get(name.rpartition("+")[0], -1)) for name in scored.ids], int)
    named = np.array(scored.texts("simulation"), object)
    for name in sorted({*named[rows >= 0]}):
        own = np.flatnonzero((named == name) & (rows >= 0))
        yield name, scored.select(own), rows[own]


def name_simulated(utterance_id: str, simulation: str, severity: float) -> str:
    """Name a simulated recording, as "1089-134686-0000+additive_noise:babble=10"."""
    return f"{utterance_id}+{simulation}={severity:g}"


def name_severity(simulation: str) -> str:
    """Name the number that makes a simulation more or less severe: "ratio in dB", or just "severity"."""
    parameters = SIMULATION_PARAMETERS.get(simulation.partition(":")[0], {})
    numeric = [name for name, declared in parameters.items() if declared["type"] == "float"]
    if not numeric:
        return "severity"
    unit = physical_unit(numeric[0])
    return label_column(numeric[0]) + (f" in {unit}" if unit else "")


def round_number(value: Any) -> float | int | None:
    """Round a number to five significant digits, to an int if it is whole; None if it is missing or infinite."""
    number = math.nan if value is None else float(value)
    if not math.isfinite(number):
        return None
    if number.is_integer() and abs(number) < 1e15:
        return int(number)
    return float(f"{number:.{SIGNIFICANT_DIGITS}g}")


to_jsonable = functools.partial(summary.make_plain, digits=SIGNIFICANT_DIGITS)
"""Conversion to JSON types, with floats as short as the page needs."""


def align_texts(references: Sequence[str | None], hypotheses: Sequence[str]) -> tuple[list[str], list[str]]:
    """Align each pair of texts by words and by letters, with as many errors as the error counts."""
    pairs = list(zip(references, hypotheses, strict=True))
    letters = [
        HEARD * len(two.strip()) if one is None else find_operations(one.strip(), two.strip())
        for one, two in pairs
    ]
    return [encode_words(*texts) for texts in pairs], [_encode(operations) for operations in letters]


def encode_words(reference: str | None, hypothesis: str) -> str:
    """Align two texts by words only; without a reference, None, all words are only heard."""
    heard = split_words(hypothesis)
    return _encode(
        HEARD * len(heard) if reference is None else choose_operations(split_words(reference), heard)
    )


def _encode(operations: str) -> str:
    """Count repeated hits, substitutions, deletions, insertions and what is but heard: "12=1s3=2d"."""
    return "".join(f"{len(list(run))}{operation}" for operation, run in itertools.groupby(operations))


def encode_timings(tokens: Sequence[str], timings: Iterable[Mapping[str, Any]] | None) -> list[int]:
    """Assign the timings of a hypothesis, records in order, to its words or letters.

    Returns:
        Three numbers per token: start and duration in 1/100 s, confidence in 1/1000; -1 where unknown.
        Empty if there are no timings at all.
    """
    waiting = [] if timings is None else list(timings)
    encoded: list[int] = []
    position = 0
    for token in tokens if waiting else ():
        while position < len(waiting) and not waiting[position]["text"].strip() and token.strip():
            position += 1
        if position == len(waiting) or waiting[position]["text"] != token:
            encoded += [MISSING_TIME] * 3
            continue
        timing = waiting[position]
        start, end = (round(float(timing[key]) * TIME_UNITS_PER_SECOND) for key in ("start_s", "end_s"))
        confidence = round_number(timing.get("confidence"))
        encoded += [start, end - start, MISSING_TIME if confidence is None else round(confidence * 1000)]
        position += 1
    return encoded


def read_texts(record: Record, name: str) -> list[str]:
    """Read a column of texts, missing ones as empty."""
    return [text or "" for text in record.texts(name)]


def escape_json(value: Any) -> str:
    r"""Write JSON that is safe inside a `<script>` element.

    `<`, `>` and `&` become `\u003c`, `\u003e` and `\u0026`, so that no text can close the element (HTML
    standard, section "Restrictions for contents of script elements").

    Raises:
        ValueError: the value holds NaN or infinity.
    """
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
