"""Encode what the page reads as short plain values: numbers, alignments, timings.

In: numbers, records, texts. Out: what JSON knows, floats rounded to five significant digits, alignments as counted
operations, times in hundredths of a second; JSON that is safe inside a `<script>` element.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from librispeech_clf.local.analysis import summary
from librispeech_clf.local.analysis.record import is_null
from librispeech_clf.text.alignment import Edit, align_characters, align_words

if TYPE_CHECKING:
    import pandas as pd

SIGNIFICANT_DIGITS = 5
TIME_UNITS_PER_SECOND = 100
MISSING_TIME = -1
OPERATIONS = {"equal": "=", "substitute": "s", "delete": "d", "insert": "i"}


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
    """Align each pair of texts by words and by letters, with as many errors as the error counts have.

    Returns:
        The counted operations of the words and of the letters, one string per utterance, such as "12=1s3=2d":
        runs of `=` (hit), `s` (substitution), `d` (deletion) and `i` (insertion).
    """
    pairs = list(zip(references, hypotheses, strict=True))
    words = [encode_operations(align_words(*texts)) for texts in pairs]
    return words, [encode_operations(align_characters(*texts)) for texts in pairs]


def encode_operations(edits: Iterable[Edit]) -> str:
    """Write an alignment as counted operations."""
    runs = itertools.groupby(edit.operation for edit in edits)
    return "".join(f"{len(list(run))}{OPERATIONS[operation]}" for operation, run in runs)


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
