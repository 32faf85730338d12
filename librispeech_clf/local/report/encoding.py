"""Encode what the page reads as short plain values: numbers, alignments, timings.

In: numbers, records, texts. Out: what JSON knows, floats rounded to five significant digits, alignments as counted
operations, times in hundredths of a second.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from librispeech_clf.local.analysis import summary
from librispeech_clf.local.analysis.results_table import is_null
from librispeech_clf.text.alignment import Edit, align_characters, align_words

if TYPE_CHECKING:
    import pandas as pd

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


make_plain = functools.partial(summary.make_plain, digits=SIGNIFICANT_DIGITS)
"""What JSON knows, with floats as short as the page needs them."""


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


def read_texts(series: pd.Series) -> list[str]:
    """Read a column of texts, missing ones as empty."""
    return ["" if is_null(value) else str(value) for value in series.tolist()]


def _encode_timing(timing: Mapping[str, Any]) -> list[int]:
    start, end, confidence = timing["start_s"], timing["end_s"], timing.get("confidence")
    start_units = round(float(start) * TIME_UNITS_PER_SECOND)
    duration_units = round(float(end) * TIME_UNITS_PER_SECOND) - start_units
    thousandths = MISSING_TIME if round_number(confidence) is None else round(float(confidence or 0) * 1000)
    return [start_units, duration_units, thousandths]
