"""The results table as the analysis reads it: error counts, speakers, metadata columns and readable names.

In: the results (pandas DataFrame, one row per utterance). Out: numpy arrays and names. Only `utterance_id`
and the error counts are required; every other column may be missing or null.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

UNITS = ("word", "character")
OPERATIONS = ("hits", "substitutions", "deletions", "insertions")
METADATA_GROUPS = ("signal", "text", "readability", "record", "corpus")
SPEAKER = "record_speaker_id"
_SPELLED = {
    "ctc": "CTC", "mfcc": "MFCC", "rms": "RMS", "dale chall": "Dale-Chall", "flesch kincaid": "Flesch-Kincaid",
    "flesch": "Flesch", "gunning fog": "Gunning fog", "linsear write": "Linsear Write",
    "signal to noise": "signal-to-noise", "zero crossing": "zero-crossing",
}  # fmt: skip
"""As the field spells them."""
_NAMES = re.compile("|".join(rf"\b{name}\b" for name in _SPELLED))
_PHYSICAL_UNITS = {"hz": "Hz", "s": "s", "ms": "ms", "db": "dB", "dbfs": "dBFS", "minutes": "min"}


def read_results(folder: Path) -> pd.DataFrame:
    """Read the results table of a finished evaluation.

    Args:
        folder: its output folder.

    Raises:
        FileNotFoundError: there is none.
    """
    import pandas as pd

    path = folder / "results.parquet"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: not found; name the folder of a finished evaluation, or run `poetry run evaluate` first."
        )
    return pd.read_parquet(path)


def find_scored(results: pd.DataFrame, *, unit: str = "word") -> pd.DataFrame:
    """Return the rows that hold all four error counts of a unit; failed utterances are left out.

    Args:
        results: the results table, may be empty or lack the columns of counts (then no row is scored).
        unit: "word" or "character".

    Returns:
        The rows in their order, index 0, 1, ...

    Raises:
        ValueError: the unit is not known.
    """
    columns = count_columns(unit)
    if not set(columns) <= set(results.columns):
        return results.iloc[:0].reset_index(drop=True)
    return results[results[columns].notna().all(axis=1)].reset_index(drop=True)


def count_columns(unit: str) -> list[str]:
    """Return the four column names of a unit's hits, substitutions, deletions and insertions.

    Raises:
        ValueError: the unit is not known.
    """
    if unit not in UNITS:
        raise ValueError(f"unit: one of {UNITS} is counted; received {unit!r}.")
    return [f"{unit}_{operation}" for operation in OPERATIONS]


def count_errors(scored: pd.DataFrame, *, unit: str = "word") -> tuple[np.ndarray, np.ndarray]:
    """Return the errors and the reference units of each scored utterance.

    Returns:
        Two float64 (N,): substitutions + deletions + insertions, and hits + substitutions + deletions.
    """
    counts = scored.reindex(columns=count_columns(unit)).to_numpy(np.float64)
    hits, substitutions, deletions, insertions = counts.T
    return substitutions + deletions + insertions, hits + substitutions + deletions


def list_speakers(results: pd.DataFrame) -> list[str | None]:
    """Return the speaker of each row as text, None where unknown."""
    if SPEAKER not in results.columns:
        return [None] * len(results)
    return [None if is_null(value) else _identifier(value) for value in results[SPEAKER]]


def is_null(value: object) -> bool:
    """Tell whether a cell is empty: None, NaN, NaT or pandas.NA. Lists and arrays never are."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def _identifier(value: object) -> str:
    """Spell an identifier alike whether the column came as text, integers, or floats because of nulls."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def list_metadata(results: pd.DataFrame) -> list[str]:
    """Return the names of the metadata columns (those with a group's prefix), in the table's order."""
    prefixes = tuple(f"{group}_" for group in METADATA_GROUPS)
    return [str(name) for name in results.columns if str(name).startswith(prefixes)]


def read_numbers(column: pd.Series) -> np.ndarray | None:
    """Return a column as float64 with NaN for nulls and infinities, or None when it is not a numeric one.

    Identifiers (names ending in `_id`) and truth values are categories, not numbers.
    """
    if getattr(column.dtype, "kind", "O") in "iuf":
        return _read_number_column(column)
    present = [value for value in column if not is_null(value)]
    numeric = all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in present)
    if not present or not numeric or str(column.name).endswith("_id"):
        return None
    numbers = np.array([np.nan if is_null(value) else float(value) for value in column])
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _read_number_column(column: pd.Series) -> np.ndarray | None:
    """Do the same for a column whose type says that it holds numbers, without a look at each value."""
    if str(column.name).endswith("_id") or not column.notna().any():
        return None
    numbers = column.to_numpy(np.float64, na_value=np.nan)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def read_categories(column: pd.Series) -> np.ndarray | None:
    """Return a column as text (object array, None where null), or None when it holds numbers or lists."""
    if read_numbers(column) is not None:
        return None
    values = [None if is_null(value) else value for value in column]
    if any(np.ndim(value) for value in values if value is not None):
        return None
    return np.array([None if value is None else _identifier(value) for value in values], dtype=object)


def readable_name(column: str) -> str:
    """Return a metadata column's name in words: `signal_level_mean_dbfs` -> "level mean"."""
    parts = column.split("_")
    if parts[0] in METADATA_GROUPS and len(parts) > 1:
        parts = parts[1:]
    if parts[-1] in _PHYSICAL_UNITS and len(parts) > 1:
        parts = parts[:-1]
    if parts[-1] == "id" and len(parts) > 1:
        parts = parts[:-1]
    return _NAMES.sub(lambda found: _SPELLED[found[0]], " ".join(parts))


def physical_unit(column: str) -> str | None:
    """Return the unit a column's name ends in ("Hz", "s", "dB" ...), None for a plain number."""
    return _PHYSICAL_UNITS.get(column.rsplit("_", 1)[-1])


def read_vectors(results: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the vectors of a column and the rows that hold them.

    Args:
        results: the results table; the column may be missing.
        column: a column of lists of floats, null where an utterance failed.

    Returns:
        float64 (K, D) vectors and int (K,) row positions. Rows without a vector, with a value that is not
        finite, or of another length than the most frequent one are left out.
    """
    cells = list(results[column]) if column in results.columns else []
    filled = {row: cell for row, cell in enumerate(cells) if np.ndim(cell) == 1 and len(cell)}
    found = {row: np.asarray(cell, np.float64) for row, cell in filled.items()}
    lengths = [len(vector) for vector in found.values()]
    width = max(sorted(set(lengths)), key=lengths.count, default=0)
    rows = [row for row, vector in found.items() if len(vector) == width and np.isfinite(vector).all()]
    vectors = np.array([found[row] for row in rows]).reshape(len(rows), width)
    return vectors, np.array(rows, dtype=int)
