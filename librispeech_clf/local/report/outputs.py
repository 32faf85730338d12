"""What an evaluation leaves in a folder: results.parquet, summary.json, findings.json, index.html; terminal tables."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from librispeech_clf.atomic_write import atomic_write, write_table
from librispeech_clf.audio.reading import read_content
from librispeech_clf.corpus.text_tables import decode_text
from librispeech_clf.local.analysis.lacks import find_lacks
from librispeech_clf.local.analysis.prediction import COLUMN, predict_rates
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.summary import (
    Analysis,
    analyze,
    collect_findings,
    make_plain,
    render_json,
    summarize,
)
from librispeech_clf.local.analysis.thresholds import Threshold, check_threshold
from librispeech_clf.local.memory import release_memory
from librispeech_clf.local.report.page import MOST_ON_INDEX, write_pages
from librispeech_clf.local.report.payload import name_simulated
from librispeech_clf.local.report.terminal import format_crossing, name_units, show_analysis, without_markup

if TYPE_CHECKING:
    from rich.console import Console

    from librispeech_clf.corpus.schema import Split
    from librispeech_clf.local.analysis.calibration import Calibration

DURATION = "signal_duration_s"
LEAST_SECONDS = 1e-3


@dataclass
class Speed:
    """How fast a run was.

    Attributes:
        audio_s: seconds of audio in all rows, including simulated ones; failed rows have none.
        stages: seconds by stage, in order: "evaluation", "analysis", "page".
        systems: seconds of audio per second, for the systems whose speed is known.
    """

    audio_s: float
    stages: dict[str, float] = field(default_factory=dict)
    systems: Mapping[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Time a stage."""
        start = time.perf_counter()
        yield
        self.stages[stage] = time.perf_counter() - start

    def report(self) -> dict[str, Any]:
        """Return `audio_s`, `seconds` and `times_real_time` by stage, and the systems', as summary.json holds them."""
        times = {stage: self.audio_s / max(seconds, LEAST_SECONDS) for stage, seconds in self.stages.items()}
        rates = {
            stage: {"seconds": round(seconds, 2), "times_real_time": round(times[stage], 1)}
            for stage, seconds in self.stages.items()
        }
        known = {"systems": dict(self.systems)} if self.systems else {}
        return {"audio_s": round(self.audio_s, 2), **rates, **known}

    def __str__(self) -> str:
        """Say in one line how long the stages took."""
        times = {stage: self.report()[stage]["times_real_time"] for stage in self.stages}
        stages = [f"{of} {self.stages[of]:.1f} s ({times[of]:.0f} x real time)" for of in self.stages]
        return f"{self.audio_s / 60:.1f} minutes of audio: {', '.join(stages)}."


def write_results(
    tables: Mapping[str, pyarrow.Table], out: Path, calibration: Calibration | None = None
) -> dict[str, pyarrow.Table | Path]:
    """Write every system's results, by name, the main one first; see `evaluation.systems`.

    With a `calibration` of the main system's confidences, calibrated confidence and predicted rate become columns.

    Returns:
        The results by name; the main system's stay on the disk, as 300,000 utterances take 2 GB.

    Raises:
        OSError: a file cannot be written.
    """
    (main, table), *others = tables.items()
    # The same columns with and without a calibration.
    means = rates = pyarrow.nulls(len(table), pyarrow.float32())
    if calibration is not None:
        means = pyarrow.array(calibration.average(Record(table)), pyarrow.float32(), from_pandas=True)
        errors, words = calibration.predict_errors(Record(table)).T
        rates = pyarrow.array(errors / words, pyarrow.float32(), from_pandas=True)
    path = out / "results.parquet"
    write_table(path, table.append_column("calibrated_confidence", means).append_column(COLUMN, rates))
    for old in (out / "systems").glob("*.parquet"):
        old.unlink()
    for name, of_system in others:
        (out / "systems").mkdir(exist_ok=True)
        write_table(out / "systems" / f"{name}.parquet", of_system)
    return {main: path, **dict(others)}


def write_outputs(
    results: Mapping[str, pyarrow.Table | Path],
    out: Path,
    *,
    evaluation_s: float,
    described: Mapping[str, str],
    refused: Mapping[str, str],
    speeds: Mapping[str, float],
    terms: Sequence[str],
    notes: Mapping[str, str],
    bounds: Mapping[str, Sequence[float]],
    audio: Callable[[str], bytes | None],
    console: Console,
    calibration: Calibration | None = None,
    travels: str | None = None,
) -> Analysis:
    """Analyze the results of `write_results`, write the summary, print the tables, and write the page.

    `refused` says why simulations could not be run; `speeds`, of additional systems, are in seconds of audio per
    second.

    Raises:
        OSError: a file cannot be written.
    """
    release_memory()
    records = {name: Record(of_system) for name, of_system in results.items()}
    main = next(iter(records))
    count, audio_s = len(records[main]), float(np.nansum(records[main].numbers(DURATION)))
    if len(results) > 1 and "model" in described:
        speeds = {main: round(audio_s / max(evaluation_s, LEAST_SECONDS), 1), **speeds}
    speed = Speed(audio_s, {"evaluation": evaluation_s}, speeds)
    with console.status("Analyzing") as status, speed.measure("analysis"):

        def tell(step: str) -> None:
            release_memory()  # from the previous step
            status.update(f"Analyzing: {step}")

        analysis = analyze(
            records, refused=refused, terms=terms, bounds=bounds, calibration=calibration,
            predicted=predict_rates(records[main], calibration),
            coverage=find_lacks(records[main].select_recordings()),
            on_progress=tell,
        )  # fmt: skip
        del records
    release_memory()

    def write_summary() -> None:  # only `speed` in it differs between two identical runs
        summary = summarize(analysis, dict(described)) | {"speed": speed.report()}
        atomic_write(out / "summary.json", render_json(summary).encode())

    write_summary()
    for part in show_analysis(analysis):
        console.print(name_units(part, described.get("units")))
    bar = [TextColumn("Writing the page"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    with Progress(*bar, console=console, transient=True) as progress, speed.measure("page"):
        task = progress.add_task("", total=min(count, MOST_ON_INDEX))
        others = "Speech recognition" if len(results) > 1 else main
        recognizer = "wav2vec 2.0" if "model" in described else others
        title = f"{recognizer} on {described['source']}: {described['split']}"
        write_pages(
            out, out / "results.parquet", analysis, speed=speed.report(), audio=audio, systems=results, title=title,
            description=dict(described), notes=notes, travels=travels, bounds=bounds,
            advance=lambda count: progress.advance(task, count),
        )  # fmt: skip
    write_summary()
    console.print(str(speed))
    console.print(f"Report: {(out / 'index.html').resolve().as_uri()}", soft_wrap=True)
    return analysis


def write_findings(
    out: Path,
    analysis: Analysis,
    described: Mapping[str, str],
    thresholds: Sequence[Threshold],
    console: Console,
) -> bool:
    """Write findings.json, say of each threshold whether it was crossed, and return whether one was.

    Raises:
        OSError: the file cannot be written.
        ValueError: a threshold is on a group or figure that the run does not have.
    """
    findings = collect_findings(analysis, described)
    try:
        crossings = [check_threshold(threshold, findings) for threshold in thresholds]
        findings["thresholds"] = make_plain(crossings)
    finally:  # once: a run killed between two writes would leave findings without thresholds
        atomic_write(out / "findings.json", render_json(findings).encode())
    for crossing in crossings:
        console.print(without_markup(format_crossing(crossing), "bold red" if crossing.violated else ""))
    return any(crossing.violated for crossing in crossings)


def make_audio_provider(
    split: Split, simulated: Mapping[str, Split], tasks: Iterable[Any]
) -> Callable[[str], bytes | None]:
    """Return a function from the name of a recording, simulated or not, to its file; None if unreadable.

    `simulated` maps the ids of simulated samples, which the `tasks` name, to their splits.
    """
    sample_ids = {
        name_simulated(task.utterance_id, task.simulation, task.severity or 0.0): task.sample_id
        for task in tasks
        if task.simulation is not None
    }

    def read(name: str) -> bytes | None:
        sample_id = sample_ids.get(name)
        source = split if sample_id is None else simulated[sample_id]
        try:
            return read_content(source.utterance(sample_id or name))
        except (OSError, ValueError):
            return None

    return read


def read_notes(path: Path) -> dict[str, str]:
    """Read review notes, by utterance id, from a CSV file such as the page exports.

    Raises:
        OSError: the file cannot be read.
        ValueError: it lacks one of the columns `utterance_id` and `note`.
    """
    # The page's export puts an apostrophe before what a spreadsheet would run as a formula.
    reader = csv.DictReader(io.StringIO(decode_text(path), newline=""))
    try:
        if not {"utterance_id", "note"} <= set(reader.fieldnames or ()):
            received = ", ".join(reader.fieldnames or ()) or "an empty file"
            raise ValueError(f"{path}: needs the columns utterance_id and note; received {received}.")
        notes = {row["utterance_id"]: _unquote(row["note"] or "") for row in reader if row["utterance_id"]}
    except csv.Error as error:
        raise ValueError(f"{path}: is no table of notes ({error}); close the quotation marks.") from error
    return {_unquote(name): note for name, note in notes.items() if note}


def _unquote(text: str) -> str:
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@", "\t", "\r") else text
