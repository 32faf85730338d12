"""Groups of utterances by what the corpus says: its own columns, gender, and numbers cut at readable bounds.

In: a record, and the bounds of config.yaml. Out: `Grouping`s and their error rates, which terminal, page,
findings.json and thresholds share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from librispeech_clf.local.analysis.rates import rate_errors, rate_labels
from librispeech_clf.local.analysis.record import METADATA_GROUPS, SPEAKER, UNITS, Record, label_column

GENDER = "record_gender"
OWN = "corpus_"
MOST_LEVELS = 30
QUARTERS = 4
NAMED = {"split": "split", "subset": "subset", "speaker": SPEAKER}
"""Groups that every corpus has -> their columns."""
Range = tuple[float | None, float | None]
"""Where a bin starts, and where it ends (exclusive); None: unbounded."""


@dataclass(frozen=True)
class Bins:
    """Bins of a column.

    Attributes:
        labels: one readable label per bin, lowest first.
        index: int (N,), the bin of each utterance, -1 where the value is null.
        ranges: the range of each bin.
    """

    labels: tuple[str, ...]
    index: np.ndarray
    ranges: tuple[Range, ...]


@dataclass(frozen=True)
class Grouping(Bins):
    """Utterances grouped by a column of the results table, in bins or by category; categories have no ranges.

    Attributes:
        name: the column's name in words: "accent".
        column: its name in the table.
    """

    name: str
    column: str


def bin_by_quantiles(values: np.ndarray, *, count: int = 5) -> Bins:
    """Cut numbers, float64 (N,) with NaN where null, into at most `count` bins of about equal size.

    Edges are quantiles rounded to the fewest significant digits (2 to 6) that keep them distinct; utterances are
    binned by the rounded edges, so a label says exactly what its bin holds. With at most `count` distinct values, each
    is its own bin; no bin is empty.
    """
    present = values[np.isfinite(values)]
    distinct = np.unique(present)
    whole = bool(np.all(distinct == np.round(distinct)))
    edges = distinct[1:] if len(distinct) <= count else _round_edges(present, count, whole)
    bins = bin_at(values, edges.tolist())
    kept = np.unique(bins.index[bins.index >= 0])
    labels = [bins.labels[number] for number in kept]
    if whole or len(kept) == 1:
        parts = [values[bins.index == number] for number in kept]
        ends = _spell([end for part in parts for end in (part.min(), part.max())])
        pairs = zip(ends[::2], ends[1::2], strict=True)
        labels = [low if low == high else f"{low} to {high}" for low, high in pairs]
    index = np.where(bins.index >= 0, np.searchsorted(kept, bins.index), -1)
    return Bins(tuple(labels), index, tuple(bins.ranges[number] for number in kept))


def _round_edges(present: np.ndarray, count: int, whole: bool) -> np.ndarray:
    quantiles = np.unique(np.quantile(present, np.arange(1, count) / count))
    quantiles = quantiles[quantiles > present.min()]
    if whole:
        return np.unique(np.ceil(quantiles))
    for digits in range(2, 7):
        rounded = np.unique([float(f"{edge:.{digits}g}") for edge in quantiles])
        if len(rounded) == len(quantiles):
            break
    return rounded


def bin_at(values: np.ndarray, edges: Sequence[float]) -> Bins:
    """Cut numbers, float64 (N,), at fixed edges; a bin includes its lower edge, and may be empty."""
    index = np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), -1)
    named = _spell(edges)
    between = [f"{low} to {high}" for low, high in zip(named[:-1], named[1:], strict=True)]
    labels = (f"under {named[0]}", *between, f"{named[-1]} and over") if named else ("all",)
    return Bins(labels, index, tuple(zip((None, *edges), (*edges, None), strict=True)))


def _spell(numbers: Sequence[float]) -> list[str]:
    """Write whole numbers in full, others with the fewest digits, 6 at least, that keep apart what is not equal."""
    for digits in range(6, 18):
        written = [
            f"{number:.0f}" if number == round(number) and abs(number) < 1e15 else f"{number:.{digits}g}"
            for number in numbers
        ]
        if len(set(written)) >= len(set(numbers)):
            break
    return written


def find_bounds(
    groups: Mapping[str, Sequence[float]], numbers: Iterable[str]
) -> dict[str, tuple[float, ...]]:
    """Find the columns whose bounds config.yaml gives, by their names in words or in the table.

    Among numeric columns, which include metrics, the corpus's own come before measured ones.

    Raises:
        ValueError: no numeric column has the name.
    """
    metadata = [column for column in numbers if column.partition("_")[0] in METADATA_GROUPS]
    ordered = sorted(metadata, key=lambda column: not column.startswith(OWN))
    names = {own: (simplify(label_column(own)), simplify(own.partition("_")[2])) for own in ordered}
    found = {}
    for name, bounds in groups.items():
        column = next((own for own in ordered if simplify(name) in names[own]), None)
        if column is None:
            known = ", ".join(dict.fromkeys(label_column(column) for column in ordered))
            raise ValueError(f"groups: no numeric metadata is called {name!r}; there are {known}.")
        found[column] = tuple(bounds)
    return found


def list_groupings(record: Record, bounds: Mapping[str, Sequence[float]] | None = None) -> list[Grouping]:
    """Group rows by gender and by every custom column, then by other columns that have bounds.

    A column is grouped if it has 2 to 30 categories and repeats one (texts that differ by utterance, such as
    hypotheses, are not categories), or if it is numeric; numbers are cut at their bounds, or else into quarters.
    """
    bounds = bounds or {}
    groupings: list[Grouping] = []
    own = (name for name in record.names if name.startswith(OWN))
    for column in filter(None, map(record.column, dict.fromkeys([GENDER, *own, *bounds]))):
        name, numbers, edges = column.name, column.numbers, bounds.get(column.name)
        if numbers is not None:
            bins = bin_at(numbers, edges) if edges else bin_by_quantiles(numbers, count=QUARTERS)
        else:
            held = np.unique(column.codes[column.codes >= 0])
            index = np.where(column.codes >= 0, np.searchsorted(held, column.codes), -1)
            bins = Bins(tuple(column.levels[code] for code in held), index, ())
        most = min(MOST_LEVELS, int(np.sum(bins.index >= 0)) - 1)
        if len(bins.labels) >= 2 and (numbers is not None or len(bins.labels) <= most):
            taken = [*NAMED, *(grouping.name for grouping in groupings)]
            names = (column.label, name.partition("_")[2], name)
            free = next(own for own in names if own not in taken)
            groupings.append(Grouping(**vars(bins), name=free, column=name))
    return groupings


def describe_groupings(groupings: Iterable[Grouping]) -> list[dict[str, Any]]:
    """Return groupings for JSON, without the groups of the rows."""
    return [{key: value for key, value in vars(each).items() if key != "index"} for each in groupings]


def summarize_rates(record: Record, bounds: Mapping[str, Sequence[float]] | None = None) -> dict[str, Any]:
    """Summarize a run's recordings: corpus rates of words and characters, overall and by group.

    Returns:
        A JSON-serializable dictionary: "utterances", "failed", "length" (what lengths count), "groups" (see
        `describe_groupings`), and, for "word" and "character" each: "all" (an `ErrorRate` as a dictionary), "groups"
        (dictionaries of them by grouping and group), and "split", "subset", "length", "speaker" (by group; empty
        if the table lacks the column).
    """
    own = list_groupings(record, bounds)
    columns = {title: record.column(name) for title, name in NAMED.items()}
    durations = record.numbers("signal_duration_s")
    length, lengths = "duration in s", durations
    if not np.isfinite(durations).any():
        length, lengths = "reference words", record.units()
    bins = bin_by_quantiles(lengths, count=QUARTERS)
    groups: dict[str, tuple[Sequence[str], np.ndarray]] = {"length": (bins.labels, bins.index)}
    for title, column in columns.items():
        groups[title] = ((), np.full(len(record), -1)) if column is None else (column.levels, column.codes)
    failed = len(record) - len(record.select_scored())
    if "error" in record.names:  # what has no transcript is unscored, too, but did not fail
        failed = sum(error is not None for error in record.texts("error"))
    summary: dict[str, Any] = {
        "utterances": len(record),
        "failed": failed,
        "length": length,
        "groups": describe_groupings(own),
    }
    for unit in UNITS:
        summary[unit] = {
            "all": asdict(rate_errors(record, unit)),
            "groups": {each.name: rate_labels(record, each.labels, each.index, unit) for each in own},
        }
        for name, (labels, index) in groups.items():
            rates = rate_labels(record, labels, index, unit)
            # A category that only simulated rows have holds no recording.
            held = [labels[code] for code in np.unique(index[index >= 0])]
            summary[unit][name] = {label: rates[label] for label in held}
    return summary


def name_groups(corpus: Record, bounds: Mapping[str, Sequence[float]]) -> list[str]:
    """Name those groups of a run that its corpus determines: "accent: british", "duration: 5 to 10".

    `corpus` is what is known about the recordings before they are read.
    """
    named = [(each.name, each.labels) for each in list_groupings(corpus, bounds)]
    measured = (name for name in bounds if name not in corpus.names)
    named += [(label_column(name), bin_at(np.zeros(0), bounds[name]).labels) for name in measured]
    for title, name in NAMED.items():
        column = corpus.column(name)
        named.append((title, column.levels if column else ()))
    return [f"{title}: {label}" for title, labels in named for label in labels]


def simplify(name: str) -> str:
    """Return a name in lower case, with spaces for underscores and one space after a colon."""
    return " ".join(name.replace(":", ": ").replace("_", " ").lower().split())
