"""Turn a results table and its analysis into the compact JSON which the page reads.

In: the results table (one row per utterance) and optional analysis sections. Out: plain dictionaries and
lists without NaN, columnar, floats rounded to five significant digits, times in hundredths of a second.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from librispeech_clf.analysis.results_table import (
    METADATA_GROUPS,
    count_errors,
    find_scored,
    is_null,
    physical_unit,
    readable_name,
)
from librispeech_clf.text.alignment import Edit, align_characters, align_words
from librispeech_clf.text.plain_text import escape_texts

if TYPE_CHECKING:
    import pandas as pd

TEXT_COLUMNS = ("utterance_id", "reference", "hypothesis", "error")
NESTED_COLUMNS = ("words", "letters", "latent", "acoustic_statistics")
METRICS = (
    "word_error_rate",
    "match_error_rate",
    "word_information_lost",
    "word_information_preserved",
    "word_hits",
    "word_substitutions",
    "word_deletions",
    "word_insertions",
    "character_error_rate",
    "character_hits",
    "character_substitutions",
    "character_deletions",
    "character_insertions",
    "confidence",
    "ctc_loss",
)
WHOLE_SECTIONS = ("search", "clusters", "latent_maps", "other_latent_maps", "robustness")
MAX_LEVELS = 400
SIGNIFICANT_DIGITS = 5
TIME_UNITS_PER_SECOND = 100
MISSING_TIME = -1
OPERATIONS = {"equal": "=", "substitute": "s", "delete": "d", "insert": "i"}


def round_number(value: Any) -> float | int | None:
    """Round to five significant digits.

    Args:
        value: a number, or anything which is missing (None, NaN, infinity).

    Returns:
        An int where the value is whole, else a float; None for missing values.
    """
    if value is None:
        return None
    number = float(value)
    if not math.isfinite(number):
        return None
    if number.is_integer() and abs(number) < 1e15:
        return int(number)
    return float(f"{number:.{SIGNIFICANT_DIGITS}g}")


def make_plain(value: Any) -> Any:
    """Convert records, arrays and tables to what JSON knows, with rounded numbers and without NaN."""
    if value is None or isinstance(value, str | bool):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: make_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): make_plain(item) for key, item in value.items()}
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return [make_plain(record) for record in value.to_dict("records")]
    if hasattr(value, "tolist"):
        return make_plain(value.tolist())
    if isinstance(value, Iterable):
        return [make_plain(item) for item in value]
    return round_number(value)


def describe_column(key: str) -> dict[str, str]:
    """Give the group, the label in words and the unit of a column, read from its key alone."""
    if key in METRICS:
        return {
            "key": key,
            "group": "metric",
            "label": key.replace("_", " ").replace("ctc", "CTC"),
            "unit": "",
        }
    group = key.partition("_")[0]
    return {
        "key": key,
        "group": group if group in METADATA_GROUPS else "record",
        "label": readable_name(key).replace("dale chall", "Dale-Chall"),
        "unit": physical_unit(key) or "",
    }


def encode_levels(values: Sequence[Any]) -> dict[str, Any]:
    """Encode a categorical column as sorted levels and one code per row (-1 where missing)."""
    texts = [None if is_null(value) else str(value) for value in values]
    levels = sorted({text for text in texts if text is not None}, key=_natural_order)
    codes = {level: code for code, level in enumerate(levels)}
    return {"levels": levels, "values": [-1 if text is None else codes[text] for text in texts]}


def build_column(key: str, series: pd.Series) -> dict[str, Any]:
    """Build one column: description, `kind` (number, category or text) and values.

    Args:
        key: name of the column in the results table.
        series: its values; text of more than 400 different values is free text, unless the key ends in `_id`.
    """
    import pandas as pd

    described = describe_column(key)
    is_number = pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series)
    if is_number and not key.endswith("_id"):
        return described | {"kind": "number", "values": [round_number(value) for value in series.tolist()]}
    encoded = encode_levels(series.tolist())
    if len(encoded["levels"]) <= MAX_LEVELS or key.endswith("_id"):
        return described | {"kind": "category"} | encoded
    values = ["" if is_null(value) else str(value) for value in series.tolist()]
    return described | {"kind": "text", "values": values}


def build_columns(results: pd.DataFrame) -> list[dict[str, Any]]:
    """Build every scalar column of the results table, metrics first, empty columns left out."""
    keys = [key for key in results.columns if key not in TEXT_COLUMNS + NESTED_COLUMNS]
    keys = [key for key in keys if results[key].notna().any()]
    ordered = [key for key in METRICS if key in keys] + [key for key in keys if key not in METRICS]
    return [build_column(key, results[key]) for key in ordered]


def encode_operations(edits: Iterable[Edit]) -> str:
    """Write an alignment as counted operations, for example "12=1s3=2d".

    Args:
        edits: the alignment of one utterance.

    Returns:
        Runs of `=` (hit), `s` (substitution), `d` (deletion) and `i` (insertion).
    """
    runs = itertools.groupby(edit.operation for edit in edits)
    return "".join(f"{len(list(run))}{OPERATIONS[operation]}" for operation, run in runs)


def align_texts(references: Sequence[str], hypotheses: Sequence[str]) -> tuple[list[str], list[str]]:
    """Align each pair of texts by words and by letters, with as many errors as the error counts have.

    Returns:
        The counted operations of the words and of the letters, one string per utterance.
    """
    pairs = list(zip(references, hypotheses, strict=True))
    words = [encode_operations(align_words(*texts)) for texts in pairs]
    return words, [encode_operations(align_characters(*texts)) for texts in pairs]


def encode_timings(tokens: Sequence[str], timings: Iterable[Mapping[str, Any]] | None) -> list[int]:
    """Lay the timings of a hypothesis on its tokens.

    Args:
        tokens: words or letters of the hypothesis, in order.
        timings: records with `text`, `start_s`, `end_s` and `confidence`, in order.

    Returns:
        Three numbers per token: start and duration in 1/100 s, confidence in 1/1000; -1 where there is none.
        Empty when there are no timings at all.
    """
    waiting = [] if timings is None else list(timings)
    if not waiting:
        return []
    encoded: list[int] = []
    position = 0
    for token in tokens:
        while position < len(waiting) and not waiting[position]["text"].strip() and token.strip():
            position += 1
        if position < len(waiting) and waiting[position]["text"] == token:
            encoded += _encode_timing(waiting[position])
            position += 1
        else:
            encoded += [MISSING_TIME] * 3
    return encoded


def build_comparison(results: pd.DataFrame, other: pd.DataFrame | None) -> dict[str, Any] | None:
    """Build the second run's hypotheses and error counts in the row order of the first run."""
    if other is None:
        return None
    keys = [key for key in METRICS if key in other.columns]
    joined = other.drop_duplicates("utterance_id").set_index("utterance_id").reindex(results["utterance_id"])
    present = [bool(value) for value in joined["hypothesis"].notna()]
    references, hypotheses = _texts(results["reference"]), _texts(joined["hypothesis"])
    metrics = {key: [round_number(value) for value in joined[key].tolist()] for key in keys}
    return {
        "hypotheses": hypotheses,
        "present": present,
        "word_operations": _blank_failures(
            align_texts(references, hypotheses)[0], ["" if was else "x" for was in present]
        ),
        "metrics": metrics,
    }


def build_analysis(ids: Sequence[str], analysis: Mapping[str, Any] | None) -> dict[str, Any]:
    """Convert the analysis sections which the page shows, with row numbers in place of utterance ids.

    Args:
        ids: utterance ids in the order of the rows.
        analysis: sections by name; absent, None and other sections are left out.
    """
    rows = {utterance_id: row for row, utterance_id in enumerate(ids)}
    sections = {key: make_plain(value) for key, value in (analysis or {}).items() if value is not None}
    chosen = {key: sections[key] for key in WHOLE_SECTIONS if key in sections}
    if "dashboards" in sections:
        boards = [board for board in sections["dashboards"] if board["association"]]
        chosen["dashboards"] = [
            {key: board[key] for key in ("metric", "against", "association")} for board in boards
        ]
    if "comparison" in sections:
        kept = ("names", "word", "character", "unchanged")
        chosen["comparison"] = {key: sections["comparison"].get(key) for key in kept}
    return {key: _replace_ids(value, rows) for key, value in chosen.items()}


def split_simulated(results: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split a results table into the recordings as they are and those with simulated conditions.

    A table without the column `simulation`, or with simulated rows only, is taken as it is.
    """
    if "simulation" not in results.columns:
        return results, results.iloc[:0]
    simulated = results["simulation"].notna()
    if simulated.all():
        return results, results.iloc[:0]
    return results[~simulated].reset_index(drop=True), results[simulated].reset_index(drop=True)


def build_simulated(ids: Sequence[str], simulated: pd.DataFrame) -> list[dict[str, Any]]:
    """Build, per simulation, each simulated utterance's row number, severity, errors and reference words.

    Args:
        ids: ids of the recordings in the order of the rows; a simulated id is one of them, or one of them
            with "+" and the conditions behind.
        simulated: the simulated rows of the results table; failed ones and those of other recordings are
            left out.
    """
    if simulated.empty:
        return []
    rows = {utterance_id: row for row, utterance_id in enumerate(ids)}
    scored = find_scored(simulated)
    errors, words = count_errors(scored)
    found = [rows.get(name, rows.get(name.rpartition("+")[0], -1)) for name in _texts(scored["utterance_id"])]
    table = scored[["simulation", "severity"]].assign(row=found, errors=errors, words=words)
    return [
        {
            "simulation": str(name),
            "severity_name": name_severity(str(name)),
            **{key: make_plain(of_name[key]) for key in ("row", "severity", "errors", "words")},
        }
        for name, of_name in table[table["row"] >= 0].groupby("simulation")
    ]


def name_severity(simulation: str) -> str:
    """Name the number which makes a simulation more or less severe: "ratio in dB", or just "severity"."""
    from librispeech_clf.audio.simulations import SIMULATION_PARAMETERS

    parameters = SIMULATION_PARAMETERS.get(simulation.partition(":")[0], {})
    numeric = [name for name, declared in parameters.items() if declared["type"] == "float"]
    if not numeric:
        return "severity"
    unit = physical_unit(numeric[0])
    return readable_name(numeric[0]) + (f" in {unit}" if unit else "")


def build_payload(
    results: pd.DataFrame,
    *,
    analysis: Mapping[str, Any] | None = None,
    other: pd.DataFrame | None = None,
    title: str = "Speech recognition report",
    description: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Build everything the page needs except the audio; texts with what is not printable escaped.

    Args:
        results: one row per utterance, as in results.parquet; rows with a `simulation` become the robustness
            charts.
        analysis: optional sections (`clusters`, `latent_maps`, `other_latent_maps`, `dashboards`,
            `comparison`, `robustness`): records, arrays or tables; absent and None ones are left out.
        other: results of a second run over the same utterances, for the comparison.
        title: heading of the page.
        description: what the run was, as name and value (model, split, source).
    """
    results, simulated = split_simulated(results)
    references, hypotheses = _texts(results["reference"]), _texts(results["hypothesis"])
    word_operations, letter_operations = align_texts(references, hypotheses)
    failures = _texts(results["error"]) if "error" in results.columns else [""] * len(results)
    ids = list_ids(results)
    payload = {
        "title": title,
        "description": {str(key): str(value) for key, value in (description or {}).items()},
        "count": len(results),
        "ids": ids,
        "references": references,
        "hypotheses": hypotheses,
        "errors": failures,
        "columns": build_columns(results),
        "word_operations": _blank_failures(word_operations, failures),
        "letter_operations": _blank_failures(letter_operations, failures),
        "word_timings": _timings(results, "words", [text.split() for text in hypotheses]),
        "letter_timings": _timings(results, "letters", [list(text.strip()) for text in hypotheses]),
        "other": build_comparison(results, None if other is None else split_simulated(other)[0]),
        "simulated": build_simulated(ids, simulated),
        "analysis": build_analysis(ids, analysis),
    }
    return {key: escape_texts(value) for key, value in payload.items()}


def list_ids(results: pd.DataFrame) -> list[str]:
    """List the utterance ids of the page's rows, as the corpus has them."""
    return [str(value) for value in split_simulated(results)[0]["utterance_id"]]


def _replace_ids(value: Any, rows: Mapping[str, int]) -> Any:
    if isinstance(value, list):
        return [_replace_ids(item, rows) for item in value]
    if not isinstance(value, dict):
        return value
    replaced = {key: _replace_ids(item, rows) for key, item in value.items() if key != "utterance_ids"}
    if "utterance_ids" in value:
        replaced["rows"] = [rows.get(utterance_id, -1) for utterance_id in value["utterance_ids"]]
    return replaced


def _timings(results: pd.DataFrame, column: str, tokens: list[list[str]]) -> list[list[int]]:
    if column not in results.columns:
        return [[] for _ in tokens]
    lists = [None if is_null(value) else value for value in results[column].tolist()]
    return [encode_timings(of_row, timings) for of_row, timings in zip(tokens, lists, strict=True)]


def _encode_timing(timing: Mapping[str, Any]) -> list[int]:
    start, end, confidence = timing["start_s"], timing["end_s"], timing.get("confidence")
    start_units = round(float(start) * TIME_UNITS_PER_SECOND)
    duration_units = round(float(end) * TIME_UNITS_PER_SECOND) - start_units
    thousandths = MISSING_TIME if round_number(confidence) is None else round(float(confidence or 0) * 1000)
    return [start_units, duration_units, thousandths]


def _blank_failures(operations: list[str], failures: list[str]) -> list[str]:
    return ["" if failure else of_row for of_row, failure in zip(operations, failures, strict=True)]


def _texts(series: pd.Series) -> list[str]:
    return ["" if is_null(value) else str(value) for value in series.tolist()]


def _natural_order(text: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", text)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
