"""The page of a run, one HTML file that opens from disk without a network; beyond 5,000 recordings, several pages.

In: the results table, on the disk or not, its analysis, and a callable that returns an utterance's audio file. Out:
`index.html`, and a folder `audio/` beside it if the audio is too large for the page. If index.html holds a sample
with the figures of all, there are also `pages/`: of the most errors, of each finding and weak cluster, and of whatever
else a sample hides. None loads another.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jinja2
import numpy as np
import pyarrow.parquet
from markupsafe import Markup

from librispeech_clf.atomic_write import atomic_write
from librispeech_clf.local.analysis.error_kinds import report_confusions
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.memory import release_memory
from librispeech_clf.local.report.expectations import list_tables
from librispeech_clf.local.report.payload import build_payload, escape_json, list_heard
from librispeech_clf.local.report.recordings import Advance, AudioProvider, place_recordings, remove_old_audio
from librispeech_clf.local.report.whole import summarize_whole

if TYPE_CHECKING:
    import pandas as pd

    from librispeech_clf.local.analysis.summary import Analysis

SCRIPTS = [
    f"{name}.js"
    for name in """statistics data systems notes state whole elements picker charts player diff lists filters traits map
    table utterance neighbors alignment pictures playback findings kinds overview clusters dashboards confusions words
    beside robustness theme address units main""".split()
]
"""The scripts, in the order in which they are joined; `main` starts the page."""
TEMPLATE = Path(__file__).parent / "template"
AUDIO_LIMIT_BYTES = 30_000_000
MOST_ON_INDEX = 5_000
"""Most recordings of a page that holds them all: 11 MB, which open without delay."""
MOST_ON_PAGE = 1_000
"""Most recordings of the other pages, those with the most errors: the sample shows the typical ones."""
AUDIO_LIMITS = {"inside": float("inf"), "folder": -1}
_SEED = 0


class Page(NamedTuple):
    """A page beside index.html: its file, its name, the rows that it holds, and how many they are the worst of."""

    key: str
    name: str
    rows: np.ndarray
    total: int


def write_pages(
    folder: Path,
    source: Path,
    analysis: Analysis,
    *,
    title: str,
    speed: Mapping[str, Any],
    audio: AudioProvider | None,
    travels: str | None = None,
    bounds: Mapping[str, Sequence[float]] | None = None,
    **shared: Any,
) -> None:
    """Write index.html and, beyond 5,000 recordings, the pages beside it.

    Args:
        folder: folder to write to.
        source: results.parquet, of which only what the pages hold is read.
        analysis: analysis of all of it.
        title: heading of the pages.
        speed: speed of the run.
        audio: see `write_page`.
        travels: where the recordings are put: "inside" the pages, in a "folder" beside them, or "none"; by default
            inside up to 30 MB.
        bounds: bounds of numeric columns, see `analysis.groups`.
        shared: other arguments of `write_page`.
    """
    for old in (folder / "pages").glob("*.html"):
        old.unlink()
    limit = AUDIO_LIMITS.get(travels or "", AUDIO_LIMIT_BYTES)
    shared |= {"audio": None if travels == "none" else audio, "audio_limit_bytes": limit}
    sections = {**vars(analysis), "speed": speed, "tables": list_tables(analysis)}
    record = Record(source)
    recordings = record.select_recordings()
    if len(recordings) <= MOST_ON_INDEX:
        write_page(folder / "index.html", source, analysis=sections, title=title, **shared)
        return
    places = np.arange(len(record)) if recordings.rows is None else recordings.rows
    drawn = np.random.default_rng(_SEED).choice(len(recordings), MOST_ON_INDEX, replace=False)
    sample = places[np.sort(drawn)]
    pages = list_pages(record, analysis)
    whole = summarize_whole(recordings, analysis.systems, bounds)
    whole["confusions"] = {name: report_confusions(counts) for name, counts in analysis.confusions.items()}
    whole["pages"] = {page.key: [page.name, len(page.rows), page.total] for page in pages}
    scope = {
        "told": f"These figures, and what is marked “all utterances”, cover all {len(recordings):,}; "
        f"everything else covers {MOST_ON_INDEX:,} of them, drawn at random.",
        "filtered": f"While a filter is set, these figures too cover only the {MOST_ON_INDEX:,} drawn at random.",
        "note": "Each is a separate page. results.parquet holds every utterance; to look at any other: "
        f'pandas.read_parquet("results.parquet", filters=[("utterance_id", "==", "{recordings.ids[0]}")]).',
        "whole": whole,
    }
    del record, recordings  # and with them the columns that they have read
    release_memory()
    held = np.unique(np.concatenate([sample, *(page.rows for page in pages)]))
    taken = take_rows(source, held)

    def cut(rows: np.ndarray) -> pyarrow.Table:
        return taken.take(np.searchsorted(held, rows))

    write_page(folder / "index.html", cut(sample), analysis=sections, title=title, scope=scope, **shared)
    own = {"rates": analysis.rates, "calibration": analysis.calibration}
    for page in pages:
        of_all = f" of {page.total:,}, those with the most errors" if len(page.rows) < page.total else ""
        told = f"{page.name}: {len(page.rows):,}{of_all}. All figures cover only these."
        write_page(
            folder / "pages" / f"{page.key}.html", cut(page.rows), analysis=own, title=f"{title}: {page.name}",
            scope={"told": told, "filtered": told}, audio_folder=f"{page.key}-audio", **shared,
        )  # fmt: skip


def list_pages(record: Record, analysis: Analysis) -> list[Page]:
    """List the pages beside index.html: what people look for, and what a sample would hide."""
    simulated = record.column("simulation")
    is_recording = np.ones(len(record), bool) if simulated is None else simulated.codes == -1
    errors, ids = np.nan_to_num(record.errors()), record.ids
    rows = {name: row for row, name in enumerate(ids) if is_recording[row]}
    found: dict[str, tuple[str, Iterable[str]]] = {"worst": ("most errors", ids[is_recording & (errors > 0)])}
    for number, finding in enumerate(analysis.search.findings, 1):
        found[f"finding-{number}"] = finding.name, finding.utterance_ids
    for cluster in analysis.clusters.clusters:
        if cluster.is_weak:
            name = f"cluster {cluster.number}: {cluster.name}".rstrip(": ")
            found[f"cluster-{cluster.number}"] = name, cluster.utterance_ids
    suspects = (item.utterance_id for item in analysis.suspect_references)
    found["suspects"] = "references that may be wrong", suspects
    found["failed"] = "not evaluated", (name for name in analysis.failures if name in rows)
    pages = []
    for key, (name, chosen) in found.items():
        own = np.array([rows[utterance_id] for utterance_id in chosen], int)
        order = np.lexsort([own, -errors[own]])
        pages.append(Page(key, name, own[order[:MOST_ON_PAGE]], len(own)))
    others = np.flatnonzero(~is_recording)
    names = {part for name in ids[others] for part in (name, name.rpartition("+")[0])}
    all_of = np.array([*(row for name, row in rows.items() if name in names), *others], int)
    pages.append(Page("simulated", "simulated", all_of, len(all_of)))
    return [page for page in pages if page.total]


def take_rows(source: Path, rows: np.ndarray) -> pyarrow.Table:
    """Read rows, int (K,) ascending, of a Parquet file, one row group at a time: batches would hold the whole file."""
    file = pyarrow.parquet.ParquetFile(source)
    parts, start = [file.schema_arrow.empty_table()], 0
    for number in range(file.num_row_groups):
        end = start + file.metadata.row_group(number).num_rows
        own = rows[(rows >= start) & (rows < end)] - start
        if len(own):
            parts.append(file.read_row_group(number).take(own))
        start = end
    return pyarrow.concat_tables(parts)


def write_page(
    path: Path,
    results: pd.DataFrame | pyarrow.Table | Path,
    *,
    audio: AudioProvider | None = None,
    audio_limit_bytes: float = AUDIO_LIMIT_BYTES,
    audio_folder: str = "audio",
    advance: Advance | None = None,
    **told: Any,
) -> Path:
    """Write the report page atomically, and a folder of its recordings if they exceed the limit.

    `audio` returns the file for an utterance id or a name by `payload.name_simulated`, or None. Only what decodes as
    audio gets into the page, converted to FLAC if browsers do not play it. `advance` is called with the number of
    newly finished utterances; the other arguments are those of `payload.build_payload`.

    Returns:
        The path written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    record = Record(results)
    placed, blocks = place_recordings(
        path.parent / audio_folder, list_heard(record), audio, limit_bytes=audio_limit_bytes, advance=advance
    )
    release_memory()
    page = render_page(build_payload(record, **told) | {"audio": placed}, blocks)
    atomic_write(path, page.encode())
    remove_old_audio(path.parent / audio_folder, placed.get("scripts", ()))
    return path


def render_page(payload: Mapping[str, Any], audio_blocks: Sequence[Mapping[str, Any]] = ()) -> str:
    """Render the page from a payload, which has an `audio` entry, and the recordings to embed."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    sources = [(TEMPLATE / name).read_text(encoding="utf-8") for name in SCRIPTS]
    script = '(() => {\n"use strict";\n' + "\n".join(sources) + "\n})();\n"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    release_memory()  # used to build the payload
    title, data = payload["title"], Markup(escape_json(payload))
    del payload  # it takes ten times the size of its text
    return environment.get_template("index.html.jinja").render(
        title=title,
        style=Markup((TEMPLATE / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=digest,  # by which the content security policy recognizes the inline script
        data=data,
        audio_blocks=[Markup(escape_json(block)) for block in audio_blocks],
    )
