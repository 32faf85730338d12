"""The command `evaluate`: run the registered functions over a corpus and report.

Writes results.parquet, summary.json and index.html. A run that was stopped goes on with the same command.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from librispeech_clf.audio.reading import read_content
from librispeech_clf.configuration import (
    MODEL_VARIABLE,
    PROJECT_ROOT,
    ROOT_VARIABLE,
    SOURCE_VARIABLE,
    SOURCES,
    SUBSETS_VARIABLE,
    Configuration,
    load_configuration,
)
from librispeech_clf.evaluation import plan
from librispeech_clf.evaluation.lock import hold_output
from librispeech_clf.model.quiet import hold_back_standard_error
from librispeech_clf.text.plain_text import print_plain
from librispeech_clf.text.vocabulary import describe_normalization

if TYPE_CHECKING:
    import pandas as pd

    from librispeech_clf.analysis.summary import Analysis
    from librispeech_clf.evaluation.engine import Engine
    from librispeech_clf.evaluation.store import Store

SIMULATED_UTTERANCES = 24
SIMULATION_SEED = 0
MODEL_REMEDY = "give another by --model, or make one with `poetry run convert-model`."
FINE, FAILED_UTTERANCES, WRONG_REQUEST, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True)
class Run:
    """An evaluation with everything opened.

    Attributes:
        configuration: with the command line's overrides.
        request: the subsets asked for.
        model_sha256: of the model file.
        engine: loader and model.
        store: of the parts.
        windows: everything to evaluate.
        names: name of each window's part.
        refused: reasons of simulations that could not be planned, by name.
    """

    configuration: Configuration
    request: plan.Request
    model_sha256: str
    engine: Engine
    store: Store
    windows: list[plan.Window]
    names: list[str]
    refused: dict[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0; 1 when utterances failed; 2 when nothing could be evaluated; 130 when it was interrupted.
    """
    options = parse_options(arguments)
    try:
        configuration, request = prepare_environment(options)
        from rich.console import Console

        from librispeech_clf.report.terminal import plain

        console = Console()
        with console.status("Opening corpus and model"):
            run = open_run(options, configuration, request)
        changes = describe_normalization(run.engine.split.texts, configuration.text.normalize)
        if changes:
            console.print(plain(changes), soft_wrap=True)
        with hold_output(options.out):
            run.store.remove_outdated()
            evaluate_windows(run, console)
            analysis = report(run, options, console)
    except (OSError, ValueError, ImportError) as error:
        print_plain(f"evaluate: {error}", file=sys.stderr)
        return WRONG_REQUEST
    except KeyboardInterrupt:
        print("evaluate: stopped; the same command goes on where it stopped.", file=sys.stderr)
        return INTERRUPTED
    return FAILED_UTTERANCES if analysis.failures else FINE


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="evaluate", description="Evaluate the model on a corpus and write a report."
    )
    add = parser.add_argument
    add("--split", action="append", metavar="NAME", help="state or subset, several by commas (default: test)")
    add("--source", choices=SOURCES, help="corpus source (default: config.yaml)")
    add("--root", type=Path, help="folder of the data (default: config.yaml)")
    add("--model", type=Path, help="Keras model file (default: config.yaml)")
    add("--limit", type=int, metavar="N", help="evaluate N utterances, spread over the corpus")
    add("--out", type=Path, default=Path("report"), help="folder to write to (default: report)")
    add("--compare", type=Path, metavar="FOLDER", help="compare with an older run's output folder")
    add(
        "--simulate", action="append", default=[], metavar="NAME[:KIND]",
        help="simulate conditions of rising severity, such as tempo or additive_noise:babble",
    )  # fmt: skip
    add(
        "--simulated-utterances", type=int, default=SIMULATED_UTTERANCES, metavar="N",
        help=f"utterances per severity (default: {SIMULATED_UTTERANCES})",
    )  # fmt: skip
    return parser.parse_args(arguments)


def prepare_environment(options: argparse.Namespace) -> tuple[Configuration, plan.Request]:
    """Hand the command line to the entry file, which reads the environment.

    Only what is evaluated has to be on the disk: the subsets asked for stand in for all three states.
    """
    os.environ["TL_DISABLE_ANALYTICS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    given = {SOURCE_VARIABLE: options.source, ROOT_VARIABLE: options.root, MODEL_VARIABLE: options.model}
    for variable, value in given.items():
        if value is not None:
            os.environ[variable] = str(value.absolute() if isinstance(value, Path) else value)
    splits = load_configuration(environment=os.environ).corpus.subsets_by_state
    request = plan.read_request(options.split or ["test"], splits)
    if not request.subsets:
        raise ValueError(
            "--split: names no subset; give a state such as test, or a subset such as test-clean."
        )
    os.environ[SUBSETS_VARIABLE] = ",".join(request.subsets)
    return load_configuration(environment=os.environ), request


def open_run(options: argparse.Namespace, configuration: Configuration, request: plan.Request) -> Run:
    """Open corpus and model and plan the windows.

    Raises:
        FileNotFoundError: the corpus, the model or the run to compare with is not there.
        ValueError: the entry file cannot be run, or a simulation does not exist.
    """
    from code_loader.inner_leap_binder import global_leap_binder

    from librispeech_clf.evaluation import engine as engines
    from librispeech_clf.evaluation.store import Store, hash_file, identify_run, identify_window

    if options.compare is not None:
        read_results(options.compare)
    if not configuration.model.path.is_file():
        raise FileNotFoundError(f"{configuration.model.path}: no model file; {MODEL_REMEDY}")
    loader = _open_loader(engines.open_loader)

    def open_model() -> engines.Model:
        with hold_back_standard_error():
            return engines.open_model(configuration.model.path)

    engine = engines.Engine(loader, global_leap_binder.mapping_connections, open_model=open_model)
    windows = plan.plan_recordings(engine.split, request, limit=options.limit)
    among = None if options.limit is None else [task.utterance_id for window in windows for task in window]
    simulated, refused = plan_simulations(options, engine, request, among=among)
    windows += simulated
    source, field_types = configuration.corpus.source, engine.split.field_types
    settings = (configuration.audio, configuration.text, source, field_types)
    model_sha256 = hash_file(configuration.model.path)
    store = Store(options.out, identify_run(model_sha256, settings))
    names = [identify_window(window, engine.split) for window in windows]
    return Run(configuration, request, model_sha256, engine, store, windows, names, refused)


def _open_loader(open_loader: Callable[[Path], Any]) -> Any:
    """Open the loader; code-loader's exception gives way to its cause."""
    from code_loader.contract.exceptions import DatasetScriptException

    try:
        return open_loader(PROJECT_ROOT)
    except DatasetScriptException as error:
        cause = error.__cause__
        raise (cause if isinstance(cause, OSError | ValueError) else ValueError(str(error))) from error


def plan_simulations(
    options: argparse.Namespace, engine: Engine, request: plan.Request, *, among: Sequence[str] | None
) -> tuple[list[plan.Window], dict[str, str]]:
    """Plan the sweeps of `--simulate`, among the recordings that `--limit` left.

    Returns:
        The windows, and the reason of each step that the simulation itself refused, by its name and severity.
    """
    from code_loader.inner_leap_binder import global_leap_binder

    refused: dict[str, str] = {}

    def ids_of(name: str, arguments: dict[str, Any], count: int) -> list[str]:
        try:
            return engine.simulate(name, arguments, count=count, seed=SIMULATION_SEED)
        except (OSError, ValueError) as error:
            described = ", ".join(f"{key} {value}" for key, value in arguments.items())
            refused[f"{name} ({described})"] = str(error)
            return []

    windows: list[plan.Window] = []
    for asked in dict.fromkeys(options.simulate):
        sweep = plan.plan_sweep(asked, global_leap_binder.setup_container.simulations)
        count = options.simulated_utterances
        windows += plan.plan_simulated(sweep, engine.split, request, ids_of=ids_of, count=count, among=among)
    return windows, refused


def evaluate_windows(run: Run, console: Any) -> None:
    """Evaluate and store the windows that are not finished."""
    from librispeech_clf.evaluation.progress import make_progress

    pairs = list(zip(run.names, run.windows, strict=True))
    waiting = [(name, window) for name, window in pairs if not run.store.has(name)]
    total = sum(len(window) for window in run.windows)
    finished = total - sum(len(window) for _, window in waiting)
    if finished:
        console.print(f"{finished} of {total} utterances were finished before.")
    if not waiting:
        return
    with make_progress(console) as progress:
        bar = progress.add_task("Evaluating", total=total, completed=finished, audio_s=0.0)
        for name, window in waiting:
            run.store.save(name, _evaluate_window(run.engine, window, progress, bar), run.engine.schema)


def _evaluate_window(engine: Engine, window: plan.Window, progress: Any, bar: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for batch in engine.evaluate(window):
        rows += batch
        seconds = sum(row.get("signal_duration_s") or 0.0 for row in batch)
        audio_s = progress.tasks[bar].fields["audio_s"] + seconds
        progress.update(bar, advance=len(batch), audio_s=audio_s)
    engine.forget_simulated(window)
    return rows


def report(run: Run, options: argparse.Namespace, console: Any) -> Analysis:
    """Write results.parquet, summary.json and the page, and print the tables."""
    from librispeech_clf.analysis.summary import analyse, render_json, summarise
    from librispeech_clf.evaluation.store import write_table
    from librispeech_clf.report.page import write_page
    from librispeech_clf.report.terminal import show_analysis
    from librispeech_clf.whole_file import write_whole

    table = run.store.collect(dict.fromkeys(run.names))
    write_table(options.out / "results.parquet", table)
    results = table.to_pandas()
    with console.status("Analysing"):
        other = None if options.compare is None else read_results(options.compare)
        names = name_runs(options.out, options.compare)
        analysis = analyse(results, other=other, names=names, refused=run.refused)
    described = describe_run(run, options)
    write_whole(options.out / "summary.json", render_json(summarise(analysis, described)).encode())
    for part in show_analysis(analysis):
        console.print(part)
    with console.status("Writing the page"):
        sections = {name: getattr(analysis, name) for name in PAGE_SECTIONS}
        title = f"wav2vec 2.0 on {described['source']}: {described['split']}"
        write_page(
            options.out / "index.html", results, analysis=sections, audio=make_audio_provider(run),
            other=other, title=title, description=described,
        )  # fmt: skip
    console.print(f"Report: {(options.out / 'index.html').resolve().as_uri()}", soft_wrap=True)
    return analysis


PAGE_SECTIONS = (
    "search",
    "clusters",
    "latent_maps",
    "other_latent_maps",
    "dashboards",
    "comparison",
    "robustness",
)


def make_audio_provider(run: Run) -> Callable[[str], bytes | None]:
    """Return a function from the name of a recording, a simulated one too, to its file; None if unreadable."""
    from librispeech_clf.report.simulated import name_simulated

    simulated = {
        name_simulated(task.utterance_id, task.simulation, task.severity or 0.0): task.sample_id
        for window in run.windows
        for task in window
        if task.simulation is not None
    }

    def read(name: str) -> bytes | None:
        sample_id = simulated.get(name)
        split = run.engine.split if sample_id is None else run.engine.simulated[sample_id]
        try:
            return read_content(split.utterance(sample_id or name))
        except (OSError, ValueError):
            return None

    return read


def describe_run(run: Run, options: argparse.Namespace) -> dict[str, str]:
    """Describe what was evaluated; nothing that differs between two equal runs."""
    configuration = run.configuration
    described = {
        "source": configuration.corpus.source,
        "split": ", ".join(dict.fromkeys(run.request.split_by_subset.values())),
        "subsets": ", ".join(run.request.subsets),
        "model": configuration.model.path.name,
        "model SHA-256": run.model_sha256[:12],
    }
    if options.limit is not None:
        described["limit"] = str(options.limit)
    if options.simulate:
        count = min(options.simulated_utterances, options.limit or options.simulated_utterances)
        described["simulated"] = f"{', '.join(options.simulate)}; {count} utterances each"
    return described


def name_runs(out: Path, other: Path | None) -> tuple[str, str]:
    """Name the old run and this one by their folders."""
    old, new = (other or out).resolve().name, out.resolve().name
    return (old, new) if old != new else (f"{old} (old)", f"{new} (this)")


def read_results(folder: Path) -> pd.DataFrame:
    """Read another run's results.

    Raises:
        FileNotFoundError: there are none.
    """
    import pandas as pd

    path = folder / "results.parquet"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: not found; --compare needs the output folder of a finished evaluation."
        )
    return pd.read_parquet(path)


if __name__ == "__main__":
    sys.exit(main())
