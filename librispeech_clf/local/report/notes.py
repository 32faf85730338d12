"""Notes of a review: what the page exports with its CSV is read again, so that it survives the next run."""

from __future__ import annotations

import csv
from pathlib import Path


def read_notes(path: Path) -> dict[str, str]:
    """Read notes by utterance id.

    Args:
        path: a CSV file with the columns `utterance_id` and `note`, such as the page exports.

    Raises:
        OSError: the file cannot be read.
        ValueError: it lacks one of the columns.
    """
    # The page's export puts an apostrophe before what a spreadsheet would run as a formula.
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not {"utterance_id", "note"} <= set(reader.fieldnames or ()):
            received = ", ".join(reader.fieldnames or ()) or "an empty file"
            raise ValueError(f"{path}: needs the columns utterance_id and note; received {received}.")
        notes = {row["utterance_id"]: _unquote(row["note"] or "") for row in reader if row["utterance_id"]}
    return {_unquote(name): note for name, note in notes.items() if note}


def _unquote(text: str) -> str:
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@", "\t", "\r") else text
