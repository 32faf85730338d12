"""Turn a results table and its analysis into the compact JSON which the page reads.

In: the results table (one row per utterance, simulated ones among them) and optional analysis sections. Out: plain
dictionaries and lists without NaN, columnar, floats rounded to five significant digits; JSON that is safe inside a
`<script>` element.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow
import pyarrow.compute

from librispeech_clf.audio.simulations import SIMULATION_PARAMETERS
from librispeech_clf.local.analysis import summary
from librispeech_clf.local.analysis.groups import describe_groupings, list_groupings
from librispeech_clf.local.analysis.record import (
    METADATA_GROUPS,
    Record,
    is_null,
    label_column,
    physical_unit,
)
from librispeech_clf.local.report.neighbors import find_doubles, find_nearest
from librispeech_clf.text.alignment import choose_operations, find_operations, split_words
from librispeech_clf.text.plain_text import escape_texts

if TYPE_CHECKING:
    import pandas as pd

    from librispeech_clf.local.analysis.calibration import Calibration

TEXT_COLUMNS = ("utterance_id", "reference", "hypothesis", "error")
NESTED_COLUMNS = ("words", "letters", "latent", "acoustic_statistics")
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


def build_payload(
    results: pd.DataFrame,
    *,
    analysis: Mapping[str, Any] | None = None,
    systems: Mapping[str, pyarrow.Table] | None = None,
    title: str = "Speech recognition report",
    description: Mapping[str, str] | None = None,
    notes: Mapping[str, str] | None = None,
    scope: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build everything the page needs except the audio; texts with what is not printable escaped.

    Args:
        results: one row per utterance, as in results.parquet; rows with a `simulation` become the robustness charts.
        analysis: sections by name: records, arrays or tables; absent, None and unknown ones are left out.
        systems: results of every system by its name, the main one first.
        title: heading of the page.
        description: what the run was, as name and value (model, split, source).
        notes: of a review, by utterance id; further ones are made in the page and kept by its `report_id`.
        scope: of a page that holds some of the utterances, what it says of all, see `pages`.
    """
    simulated = build_simulated(results)
    results, _ = split_simulated(results)
    references, hypotheses = read_texts(results["reference"]), read_texts(results["hypothesis"])
    words, letters = align_texts(references, hypotheses)
    failures = read_texts(results["error"]) if "error" in results.columns else [""] * len(results)
    ids = [str(value) for value in results["utterance_id"]]
    record = Record(results)
    calibration = (analysis or {}).get("calibration")
    said = [text.split() for text in hypotheses]
    payload = {
        "title": title,
        "description": {str(key): str(value) for key, value in (description or {}).items()},
        "count": len(results),
        "ids": ids,
        "references": references,
        "hypotheses": hypotheses,
        "errors": failures,
        "columns": build_columns(results),
        "word_operations": ["" if failed else of for of, failed in zip(words, failures, strict=True)],
        "letter_operations": ["" if failed else of for of, failed in zip(letters, failures, strict=True)],
        "word_timings": _timings(results, "words", said, calibration),
        "letter_timings": _timings(results, "letters", [list(text.strip()) for text in hypotheses]),
        "system": next(iter(systems), "") if systems else "",
        "systems": [build_system(*of, ids, references) for of in list((systems or {}).items())[1:]],
        "simulated": simulated,
        "groups": to_jsonable(
            (analysis or {}).get("rates", {}).get("groups") or describe_groupings(list_groupings(record))
        ),
        "nearest": find_nearest(record),
        "doubles": find_doubles(record),
        "notes": {row: notes[name] for row, name in enumerate(ids) if notes and name in notes},
        "report_id": hashlib.sha256("\n".join([title, *ids]).encode()).hexdigest()[:16],
        "analysis": build_analysis(ids, analysis),
        **({"scope": to_jsonable(scope)} if scope else {}),
    }
    return {key: escape_texts(value) for key, value in payload.items()}


def _timings(
    results: pd.DataFrame, column: str, tokens: list[list[str]], calibration: Calibration | None = None
) -> list[list[int]]:
    if column not in results.columns:
        return [[] for _ in tokens]
    lists = [None if is_null(value) else value for value in results[column].tolist()]
    if calibration is not None:
        lists = [calibration.replace(timings) for timings in lists]
    return [encode_timings(of_row, timings) for of_row, timings in zip(tokens, lists, strict=True)]


def build_columns(results: pd.DataFrame) -> list[dict[str, Any]]:
    """Build every scalar column of the results table, metrics first.

    Empty columns are left out, and so are those that say the same as one before by the same name.
    """
    keys = [key for key in results.columns if key not in TEXT_COLUMNS + NESTED_COLUMNS]
    keys = [key for key in keys if results[key].notna().any()]
    ordered = [key for key in METRICS if key in keys] + [key for key in keys if key not in METRICS]
    built: dict[tuple[str, str], dict[str, Any]] = {}
    for column in (build_column(key, results[key]) for key in ordered):
        same = built.get((column["label"], column["unit"]))
        if same is None:
            built[column["label"], column["unit"]] = column
        elif same["values"] != column["values"] or same.get("levels") != column.get("levels"):
            column["label"] += f" ({column['group']})"
            built[column["label"], column["unit"]] = column
    return list(built.values())


def build_column(key: str, series: pd.Series) -> dict[str, Any]:
    """Build one column: description, `kind` (number, category or text) and values.

    Text of more than 400 different values is free text, unless the key ends in `_id`.
    """
    import pandas as pd

    described = describe_column(key)
    is_number = pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series)
    if is_number and not key.endswith("_id"):
        return described | {"kind": "number", "values": [round_number(value) for value in series.tolist()]}
    texts = [None if is_null(value) else str(value) for value in series.tolist()]
    levels = sorted({text for text in texts if text is not None}, key=natural_order)
    if len(levels) > MAX_LEVELS and not key.endswith("_id"):
        return described | {"kind": "text", "values": read_texts(series)}
    codes: dict[str | None, int] = {level: code for code, level in enumerate(levels)}
    values = [codes.get(text, -1) for text in texts]
    return described | {"kind": "category", "levels": levels, "values": values}


def describe_column(key: str) -> dict[str, str]:
    """Return the group, the label in words and the unit of a column, read from its key alone."""
    prefix = key.partition("_")[0]
    group = "metric" if key in METRICS else prefix if prefix in METADATA_GROUPS else "record"
    unit = "" if key in METRICS else physical_unit(key) or ""
    return {"key": key, "group": group, "label": label_column(key), "unit": unit}


def natural_order(text: str) -> list[tuple[int, int, str]]:
    """Return what sorts texts with numbers in them by these numbers."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def build_system(
    name: str, table: pyarrow.Table, ids: Sequence[str], references: Sequence[str]
) -> dict[str, Any]:
    """Build a further system's hypotheses and error counts in the row order of the main one."""
    joined = table.take(pyarrow.compute.index_in(pyarrow.array(ids), table["utterance_id"]))
    texts = joined["hypothesis"].to_pylist()
    pairs = zip(references, texts, strict=True)
    operations = ["" if text is None else encode_words(said, text) for said, text in pairs]
    own = joined["reference"].to_pylist()
    nearest = {row: own[row] for row, said in enumerate(references) if own[row] not in (None, said)}
    # Where another reference was nearer, other words are counted.
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


def build_analysis(ids: Sequence[str], analysis: Mapping[str, Any] | None) -> dict[str, Any]:
    """Convert the analysis sections which the page shows, with row numbers in place of utterance ids."""
    rows = {utterance_id: row for row, utterance_id in enumerate(ids)}
    chosen = {key: analysis[key] for key in SECTIONS if analysis and analysis.get(key) is not None}
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


def split_simulated(results: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split a results table into the recordings as they are and those with simulated conditions.

    A table without the column `simulation`, or with simulated rows only, is taken as it is.
    """
    if "simulation" not in results.columns or results["simulation"].notna().all():
        return results, results.iloc[:0]
    simulated = results["simulation"].notna()
    return results[~simulated].reset_index(drop=True), results[simulated].reset_index(drop=True)


def build_simulated(results: pd.DataFrame) -> list[dict[str, Any]]:
    """Build, per simulation, each simulated utterance's row number, severity, errors, words and hypothesis.

    `audio` is the number of the first one's recording behind those of the rows, see `list_heard`.
    """
    built, start = [], len(split_simulated(results)[0])
    for name, table in _order_simulated(results).groupby("simulation"):
        hypotheses = read_texts(table["hypothesis"])
        operations = align_texts(read_texts(table["reference"]), hypotheses)[0]
        numbers = {key: to_jsonable(table[key]) for key in ("row", "severity", "errors", "words")}
        told = {"simulation": str(name), "severity_name": name_severity(str(name)), **numbers}
        built.append(told | {"hypotheses": hypotheses, "word_operations": operations, "audio": start})
        start += len(table)
    return built


def list_heard(results: pd.DataFrame) -> list[str]:
    """Name what can be heard: the ids of the recordings in the order of the rows, then the simulated ones."""
    ids = read_texts(split_simulated(results)[0]["utterance_id"])
    table = _order_simulated(results)
    keys = zip(table["row"], table["simulation"], table["severity"], strict=True)
    return ids + [name_simulated(ids[row], str(name), float(severity)) for row, name, severity in keys]


def name_simulated(utterance_id: str, simulation: str, severity: float) -> str:
    """Name a simulated recording, as "1089-134686-0000+additive_noise:babble=10"."""
    return f"{utterance_id}+{simulation}={severity:g}"


def _order_simulated(results: pd.DataFrame) -> pd.DataFrame:
    """The simulated rows that were scored, by simulation, with `row` of their recording, `errors` and `words`."""
    recordings, simulated = split_simulated(results)
    if simulated.empty:
        return simulated.reindex(columns=["simulation", "severity", "row", "hypothesis", "reference"])
    rows = {utterance_id: row for row, utterance_id in enumerate(read_texts(recordings["utterance_id"]))}
    record = Record(simulated)
    scored = simulated[np.isfinite(record.counts()).all(axis=1)]
    errors, words = (values[np.isfinite(values)] for values in (record.errors(), record.units()))
    ids = read_texts(scored["utterance_id"])
    # A simulated id is one of a recording, or one with "+" and the conditions behind.
    found = [rows.get(name, rows.get(name.rpartition("+")[0], -1)) for name in ids]
    table = scored.assign(row=found, errors=errors, words=words)
    return table[table["row"] >= 0].sort_values("simulation", kind="stable")


def name_severity(simulation: str) -> str:
    """Name the number which makes a simulation more or less severe: "ratio in dB", or just "severity"."""
    parameters = SIMULATION_PARAMETERS.get(simulation.partition(":")[0], {})
    numeric = [name for name, declared in parameters.items() if declared["type"] == "float"]
    if not numeric:
        return "severity"
    unit = physical_unit(numeric[0])
    return label_column(numeric[0]) + (f" in {unit}" if unit else "")


def round_number(value: Any) -> float | int | None:
    """Round a number to five significant digits, an int where it is whole; None for what is missing or infinite."""
    number = math.nan if value is None else float(value)
    if not math.isfinite(number):
        return None
    if number.is_integer() and abs(number) < 1e15:
        return int(number)
    return float(f"{number:.{SIGNIFICANT_DIGITS}g}")


to_jsonable = functools.partial(summary.make_plain, digits=SIGNIFICANT_DIGITS)
"""What JSON knows, with floats as short as the page needs them."""


def align_texts(references: Sequence[str], hypotheses: Sequence[str]) -> tuple[list[str], list[str]]:
    """Align each pair of texts by words and by letters, with as many errors as the error counts have."""
    pairs = list(zip(references, hypotheses, strict=True))
    letters = [find_operations(one.strip(), two.strip()) for one, two in pairs]
    return [encode_words(*texts) for texts in pairs], [_encode(operations) for operations in letters]


def encode_words(reference: str, hypothesis: str) -> str:
    """Align two texts by words alone."""
    return _encode(choose_operations(split_words(reference), split_words(hypothesis)))


def _encode(operations: str) -> str:
    """Count repeated hits, substitutions, deletions and insertions: "12=1s3=2d"."""
    return "".join(f"{len(list(run))}{operation}" for operation, run in itertools.groupby(operations))


def encode_timings(tokens: Sequence[str], timings: Iterable[Mapping[str, Any]] | None) -> list[int]:
    """Lay the timings of a hypothesis, records in order, on its words or letters.

    Returns:
        Three numbers per token: start and duration in 1/100 s, confidence in 1/1000; -1 where there is none.
        Empty when there are no timings at all.
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


def read_texts(series: pd.Series) -> list[str]:
    """Read a column of texts, missing ones as empty."""
    return ["" if is_null(value) else str(value) for value in series.tolist()]


def escape_json(value: Any) -> str:
    r"""Write JSON which is safe inside a `<script>` element.

    `<`, `>` and `&` become `\u003c`, `\u003e` and `\u0026`, so that no text can close the element (HTML
    standard, section "Restrictions for contents of script elements").

    Raises:
        ValueError: the value holds NaN or infinity.
    """
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
