"""The pages of a run: one file up to 5,000 recordings; beyond, a sample of them with the figures of all.

In: the results table on the disk and its analysis. Out: `index.html`, and where it holds a sample, `pages/` beside it:
those with the most errors, of each finding and weak cluster, and what else a sample hides. A page is a file of its own
that opens from the disk; none loads another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow
import pyarrow.parquet

from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.report.expectations import list_tables
from librispeech_clf.local.report.page import AUDIO_LIMIT_BYTES, write_page
from librispeech_clf.local.report.recordings import Advance, AudioProvider
from librispeech_clf.local.report.whole import summarize_whole

if TYPE_CHECKING:
    from librispeech_clf.local.analysis.summary import Analysis

MOST_ON_INDEX = 5_000
"""Recordings of a page that holds them all: 11 MB, used without a wait."""
MOST_ON_PAGE = 1_000
"""Of the pages beside it, those with the most errors: the sample shows how they are as a rule."""
AUDIO_LIMITS = {"inside": float("inf"), "folder": -1}
_SEED = 0


@dataclasses.dataclass(frozen=True)
class Page:
    """A page beside index.html.

    Attributes:
        key: its file's name, and whose it is: "finding-1", "cluster-3", "worst".
        name: in words.
        rows: int (K,) of the results table.
        total: how many there are, of which those with the most errors are on the page.
    """

    key: str
    name: str
    rows: np.ndarray
    total: int


def write_pages(
    folder: Path,
    source: Path,
    analysis: Analysis,
    *,
    speed: Mapping[str, Any],
    systems: Mapping[str, pyarrow.Table],
    audio: AudioProvider | None,
    travels: str | None = None,
    bounds: Mapping[str, Sequence[float]] | None = None,
    title: str,
    description: Mapping[str, str],
    notes: Mapping[str, str],
    advance: Advance | None = None,
) -> None:
    """Write index.html and, beyond 5,000 recordings, the pages beside it.

    Args:
        folder: to write to.
        source: results.parquet, of which no more is read than the pages hold.
        analysis: of all of it.
        speed: of the run.
        systems: see `page.write_page`.
        audio: likewise.
        travels: where the recordings are put: "inside" the pages, in a "folder" beside them, or "none"; by default
            inside up to 30 MB.
        bounds: of columns of numbers, see `analysis.groups`.
        title: likewise.
        description: likewise.
        notes: likewise.
        advance: likewise.
    """
    for old in (folder / "pages").glob("*.html"):
        old.unlink()
    shared: dict[str, Any] = {
        "audio": None if travels == "none" else audio, "notes": notes, "advance": advance, "systems": systems,
        "audio_limit_bytes": AUDIO_LIMITS.get(travels or "", AUDIO_LIMIT_BYTES),
    }  # fmt: skip
    sections = {**vars(analysis), "speed": speed, "tables": list_tables(analysis)}
    record = Record(source)
    recordings = record.select_recordings()
    if len(recordings) <= MOST_ON_INDEX:
        results = pyarrow.parquet.read_table(source).to_pandas()
        write_page(
            folder / "index.html", results, analysis=sections, title=title, description=description, **shared
        )
        return
    places = np.arange(len(record)) if recordings.rows is None else recordings.rows
    drawn = np.random.default_rng(_SEED).choice(len(recordings), MOST_ON_INDEX, replace=False)
    sample = places[np.sort(drawn)]
    pages = list(list_pages(record, analysis))
    held = np.unique(np.concatenate([sample, *(page.rows for page in pages)]))
    taken = take_rows(source, held)

    def cut(rows: np.ndarray) -> Any:
        return taken.take(np.searchsorted(held, rows)).to_pandas()

    whole = summarize_whole(recordings, analysis.systems, bounds)
    whole["confusions"] = {name: counts.report() for name, counts in analysis.confusions.items()}
    whole["pages"] = {page.key: [page.name, len(page.rows), page.total] for page in pages}
    told = (
        f"These figures, and what is marked “all utterances”, are of all {len(recordings):,}; "
        f"everything else is of {MOST_ON_INDEX:,} of them, drawn at random."
    )
    filtered = f"While a filter is set, these figures are of the {MOST_ON_INDEX:,} drawn at random, too."
    note = (
        "Each a page of its own. results.parquet holds every utterance; to look at any other: "
        f'pandas.read_parquet("results.parquet", filters=[("utterance_id", "==", "{recordings.ids[0]}")]).'
    )
    del record, recordings  # with the columns that they have read
    results = cut(sample)
    write_page(
        folder / "index.html", results, analysis=restrict(sections, set(results["utterance_id"])), title=title,
        description=description, scope={"told": told, "filtered": filtered, "note": note, "whole": whole}, **shared,
    )  # fmt: skip
    own = {"rates": analysis.rates, "calibration": analysis.calibration}
    for page in pages:
        of_all = f" of {page.total:,}, those with the most errors" if len(page.rows) < page.total else ""
        told = f"{page.name}: {len(page.rows):,}{of_all}. All figures are of these."
        write_page(
            folder / "pages" / f"{page.key}.html", cut(page.rows), analysis=own, title=f"{title}: {page.name}",
            description=description, scope={"told": told, "filtered": told}, audio_folder=f"{page.key}-audio",
            **shared,
        )  # fmt: skip


def list_pages(record: Record, analysis: Analysis) -> Iterator[Page]:
    """List the pages beside index.html: what is looked for, and what a sample would hide."""
    simulated = record.column("simulation")
    is_recording = np.ones(len(record), bool) if simulated is None else simulated.codes == -1
    errors = np.nan_to_num(record.errors())
    rows = {name: row for row, name in enumerate(record.ids) if is_recording[row]}

    def page(key: str, name: str, found: np.ndarray) -> Page:
        order = np.lexsort([found, -errors[found]])
        return Page(key, name, found[order[:MOST_ON_PAGE]], len(found))

    def page_of(key: str, name: str, ids: Collection[str]) -> Page:
        return page(key, name, np.array([rows[utterance_id] for utterance_id in ids], int))

    found = [page("worst", "most errors", np.flatnonzero(is_recording & (errors > 0)))]
    for number, finding in enumerate(analysis.search.findings, 1):
        found.append(page_of(f"finding-{number}", finding.name, finding.utterance_ids))
    for cluster in analysis.clusters.clusters:
        if cluster.is_weak:
            name = f"cluster {cluster.number}: {cluster.name}".rstrip(": ")
            found.append(page_of(f"cluster-{cluster.number}", name, cluster.utterance_ids))
    suspects = [item.utterance_id for item in analysis.suspect_references]
    found.append(page_of("suspects", "references that may be wrong", suspects))
    failed = [name for name in analysis.failures if name in rows]
    found.append(page_of("failed", "not evaluated", failed))
    if not is_recording.all():
        names = {str(name).rpartition("+")[0] for name in record.ids[~is_recording]} | set(
            record.ids[~is_recording]
        )
        own = np.array([row for name, row in rows.items() if name in names], int)
        all_of = np.concatenate([own, np.flatnonzero(~is_recording)])
        found.append(Page("simulated", "simulated", all_of, len(all_of)))
    return (each for each in found if each.total)


def take_rows(source: Path, rows: np.ndarray) -> pyarrow.Table:
    """Read rows of a Parquet file, int (K,) rising, a row group at a time: batches over all would hold the file."""
    file = pyarrow.parquet.ParquetFile(source)
    parts, start = [file.schema_arrow.empty_table()], 0
    for number in range(file.num_row_groups):
        end = start + file.metadata.row_group(number).num_rows
        own = rows[(rows >= start) & (rows < end)] - start
        if len(own):
            parts.append(file.read_row_group(number).take(own))
        start = end
    return pyarrow.concat_tables(parts)


def restrict(sections: Mapping[str, Any], ids: Collection[str]) -> dict[str, Any]:
    """Leave out of the sections' lists of utterances those that the page does not hold; figures stay."""
    return {key: _restrict(value, ids) for key, value in sections.items() if key != "confusions"}


def _restrict(value: Any, ids: Collection[str]) -> Any:
    if isinstance(value, dict):
        return {key: _restrict(item, ids) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_restrict(item, ids) for item in value] if value and _is_record(value[0]) else value
    if not _is_record(value):
        return value
    if not hasattr(value, "utterance_ids"):
        parts = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        return dataclasses.replace(value, **{key: _restrict(part, ids) for key, part in parts.items()})
    kept = [place for place, name in enumerate(value.utterance_ids) if name in ids]
    parallel = {name: getattr(value, name) for name in ("utterance_ids", "points") if hasattr(value, name)}
    return dataclasses.replace(
        value, **{key: tuple(of[place] for place in kept) for key, of in parallel.items()}
    )


def _is_record(value: Any) -> bool:
    return dataclasses.is_dataclass(value)
