"""Groups of utterances by what the corpus itself says: its own columns, gender, and numbers cut at fixed bounds.

In: a record, and the bounds of config.yaml. Out: `Grouping`s, which terminal, page, findings.json and thresholds share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from librispeech_clf.local.analysis.binning import Bins, bin_at, bin_by_quantiles
from librispeech_clf.local.analysis.record import METADATA_GROUPS, SPEAKER, Record, label_column

GENDER = "record_gender"
OWN = "corpus_"
MOST_LEVELS = 30
QUARTERS = 4


@dataclass(frozen=True)
class Grouping:
    """Utterances grouped by a column.

    Attributes:
        name: of the column in words: "accent".
        column: of the results table.
        labels: of the groups: categories by name, bins from low to high.
        index: int (N,), the group of each row, -1 for none.
        ranges: of numbers, where each group starts and ends, see `binning.Bins`; none for categories.
    """

    name: str
    column: str
    labels: tuple[str, ...]
    index: np.ndarray
    ranges: tuple[tuple[float | None, float | None], ...] = ()


def find_bounds(
    groups: Mapping[str, Sequence[float]], numbers: Iterable[str]
) -> dict[str, tuple[float, ...]]:
    """Find the columns whose bounds config.yaml gives, the corpus' own before those that are measured.

    Args:
        groups: bounds by the column's name, in words or as its table has it.
        numbers: columns of numbers, metrics among them.

    Raises:
        ValueError: no column of numbers has the name.
    """
    metadata = [column for column in numbers if column.partition("_")[0] in METADATA_GROUPS]
    ordered = sorted(metadata, key=lambda column: not column.startswith(OWN))
    found = {}
    for name, bounds in groups.items():
        column = next((column for column in ordered if simplify(name) in _list_names(column)), None)
        if column is None:
            known = ", ".join(dict.fromkeys(label_column(column) for column in ordered))
            raise ValueError(f"groups: no metadata of numbers is called {name!r}; there are {known}.")
        found[column] = tuple(bounds)
    return found


def list_groupings(record: Record, bounds: Mapping[str, Sequence[float]] | None = None) -> list[Grouping]:
    """Group rows by gender and by every column of one's own, then by the other columns that have bounds.

    A column is grouped by where it has 2 to 30 categories or is of numbers, which are cut at their bounds, else into
    quarters; a constant says nothing.
    """
    bounds = bounds or {}
    groupings: list[Grouping] = []
    for name in dict.fromkeys([GENDER, *(name for name in record.names if name.startswith(OWN)), *bounds]):
        column = record.column(name)
        if column is None:
            continue
        if column.numbers is None:
            held = np.unique(column.codes[column.codes >= 0])
            places = np.full(len(column.levels) + 1, -1)
            places[held] = np.arange(len(held))
            labels, index = tuple(column.levels[code] for code in held), places[column.codes]
        else:
            edges = bounds.get(name)
            bins = (
                bin_at(column.numbers, edges) if edges else bin_by_quantiles(column.numbers, count=QUARTERS)
            )
            labels, index = bins.labels, bins.index
        if len(labels) >= 2 and (column.numbers is not None or len(labels) <= MOST_LEVELS):
            ranges = () if column.numbers is None else bins.ranges
            taken = [grouping.name for grouping in groupings]
            label = next(
                (label for label in (column.label, name.partition("_")[2]) if label not in taken), name
            )
            groupings.append(Grouping(label, name, labels, index, ranges))
    return groupings


def bin_by_length(record: Record) -> tuple[str, Bins]:
    """Bin rows by duration where it is known, else by reference words; return what is binned, and the bins."""
    durations = record.column("signal_duration_s")
    if durations is not None and durations.numbers is not None:
        return "duration in s", bin_by_quantiles(durations.numbers, count=QUARTERS)
    return "reference words", bin_by_quantiles(record.units(), count=QUARTERS)


def describe_groupings(
    record: Record, bounds: Mapping[str, Sequence[float]] | None = None
) -> list[dict[str, Any]]:
    """Return the groupings of `list_groupings` for JSON, without the groups of the rows."""
    described = [vars(grouping).copy() for grouping in list_groupings(record, bounds)]
    return [{key: value for key, value in each.items() if key != "index"} for each in described]


def name_groups(corpus: Record, bounds: Mapping[str, Sequence[float]]) -> list[str]:
    """Name the groups of a run as far as its corpus tells of them: "accent: british", "duration: 5 to 10".

    Args:
        corpus: what is known of the recordings before they are read.
        bounds: see `list_groupings`.
    """
    named = [(each.name, each.labels) for each in list_groupings(corpus, bounds)]
    named += [
        (label_column(name), bin_at(np.zeros(0), edges).labels)
        for name, edges in bounds.items()
        if name not in corpus.names
    ]
    for title, name in (("split", "split"), ("subset", "subset"), ("speaker", SPEAKER)):
        column = corpus.column(name)
        named.append((title, column.levels if column else ()))
    return [f"{title}: {label}" for title, labels in named for label in labels]


def simplify(name: str) -> str:
    """Return a name in lower case, with blanks for underlines and one behind a colon."""
    return " ".join(name.replace(":", ": ").replace("_", " ").lower().split())


def _list_names(column: str) -> tuple[str, str]:
    return simplify(label_column(column)), simplify(column.partition("_")[2])
