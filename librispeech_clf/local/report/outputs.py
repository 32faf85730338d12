"""What an evaluation leaves in a folder: results.parquet, summary.json, findings.json, index.html; terminal tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from librispeech_clf.atomic_write import write_table, write_whole
from librispeech_clf.audio.reading import read_content
from librispeech_clf.local.analysis.results_table import read_results
from librispeech_clf.local.analysis.summary import (
    Analysis,
    analyse,
    collect_findings,
    make_plain,
    render_json,
    summarise,
)
from librispeech_clf.local.analysis.thresholds import Threshold, check_threshold
from librispeech_clf.local.report.page import write_page
from librispeech_clf.local.report.simulated import name_simulated
from librispeech_clf.local.report.speed import Speed, sum_audio, write_speed
from librispeech_clf.local.report.terminal import describe_crossing, plain, show_analysis

if TYPE_CHECKING:
    import pyarrow
    from rich.console import Console

    from librispeech_clf.corpus.schema import Split


def write_outputs(
    table: pyarrow.Table,
    out: Path,
    *,
    evaluation_s: float,
    described: Mapping[str, str],
    refused: Mapping[str, str],
    compare: Path | None,
    terms: Sequence[str],
    audio: Callable[[str], bytes | None],
    console: Console,
) -> Analysis:
    """Write the results, analyse them, write the summary, print the tables, and write the page.

    Args:
        table: the rows of the evaluation.
        out: folder to write to.
        evaluation_s: seconds that the evaluation took.
        described: what was evaluated, by name.
        refused: reasons of simulations that could not be run, by name.
        compare: folder of an older run, or None.
        terms: whose recall is measured.
        audio: from an utterance id to its recording, or None where it cannot be read.
        console: for the tables.

    Returns:
        The analysis.

    Raises:
        OSError: a file cannot be written.
        ValueError: the older run cannot be compared.
    """
    write_table(out / "results.parquet", table)
    results = table.to_pandas()
    speed = Speed(sum_audio(results), {"evaluation": evaluation_s})
    with console.status("Analysing") as status, speed.measure("analysis"):
        other = None if compare is None else read_results(compare)
        analysis = analyse(
            results, other=other, names=name_runs(out, compare), refused=refused, terms=terms,
            tell=lambda words: status.update(f"Analysing: {words}"),
        )  # fmt: skip
    write_summary(out, analysis, described, speed)
    for part in show_analysis(analysis):
        console.print(part)
    with show_progress("Writing the page", len(results), console) as advance, speed.measure("page"):
        sections = {**vars(analysis), "speed": speed.report()}
        title = f"wav2vec 2.0 on {described['source']}: {described['split']}"
        write_page(
            out / "index.html", results, analysis=sections, audio=audio, other=other, title=title,
            description=dict(described), advance=advance,
        )  # fmt: skip
    write_summary(out, analysis, described, speed)
    console.print(write_speed(speed.report()))
    console.print(f"Report: {(out / 'index.html').resolve().as_uri()}", soft_wrap=True)
    return analysis


def write_summary(out: Path, analysis: Analysis, described: Mapping[str, str], speed: Speed) -> None:
    """Write summary.json; `speed` in it is all that differs between two equal runs.

    Raises:
        OSError: it cannot be written.
    """
    summary = summarise(analysis, dict(described)) | {"speed": speed.report()}
    write_whole(out / "summary.json", render_json(summary).encode())


def write_findings(
    out: Path,
    analysis: Analysis,
    described: Mapping[str, str],
    thresholds: Sequence[Threshold],
    console: Console,
) -> bool:
    """Write findings.json, and say of each threshold whether it was crossed.

    Returns:
        Whether one was.

    Raises:
        OSError: the file cannot be written.
        ValueError: a threshold is of a group or a figure that the run does not have.
    """
    findings = collect_findings(analysis, described)
    crossings = [check_threshold(threshold, findings) for threshold in thresholds]
    findings["thresholds"] = make_plain(crossings)
    write_whole(out / "findings.json", render_json(findings).encode())
    for crossing in crossings:
        console.print(plain(describe_crossing(crossing), "bold red" if crossing.holds else ""))
    return any(crossing.holds for crossing in crossings)


@contextmanager
def show_progress(task: str, total: int, console: Console) -> Iterator[Callable[[int], None]]:
    """Show a bar; what is yielded is told how many more are finished."""
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(task, total=total)
        yield lambda count: progress.advance(bar, count)


def name_runs(out: Path, other: Path | None) -> tuple[str, str]:
    """Name the old run and this one by their folders."""
    old, new = (other or out).resolve().name, out.resolve().name
    return (old, new) if old != new else (f"{old} (old)", f"{new} (this)")


def make_audio_provider(
    split: Split, simulated: Mapping[str, Split], windows: Iterable[Iterable[Any]]
) -> Callable[[str], bytes | None]:
    """Return a function from the name of a recording, a simulated one too, to its file; None if unreadable.

    Args:
        split: the recordings.
        simulated: the split of each simulated sample's id.
        windows: of `evaluation.plan.Task`s, which name the simulated samples.
    """
    sample_ids = {
        name_simulated(task.utterance_id, task.simulation, task.severity or 0.0): task.sample_id
        for window in windows
        for task in window
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
