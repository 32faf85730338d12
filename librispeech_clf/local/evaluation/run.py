"""An evaluation with everything opened: loader, model, plan and store; its windows are evaluated one by one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from librispeech_clf.configuration import PROJECT_ROOT, Configuration
from librispeech_clf.local.evaluation import engine as engines
from librispeech_clf.local.evaluation import plan
from librispeech_clf.local.evaluation.loader import open_loader
from librispeech_clf.local.evaluation.progress import make_progress
from librispeech_clf.local.evaluation.store import Store, hash_file, identify_run, identify_window
from librispeech_clf.local.model.quiet import suppress_stderr

if TYPE_CHECKING:
    import pyarrow

SIMULATION_SEED = 0
MODEL_REMEDY = "give another by --model, or make one with `poetry run convert-model`."


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
    engine: engines.Engine
    store: Store
    windows: list[plan.Window]
    names: list[str]
    refused: dict[str, str]


def open_run(
    configuration: Configuration,
    request: plan.Request,
    out: Path,
    *,
    limit: int | None = None,
    simulate: Sequence[str] = (),
    simulated_utterances: int = 0,
) -> Run:
    """Open corpus and model and plan the windows.

    Args:
        configuration: as the entry file reads it from the environment.
        request: the subsets.
        out: folder of the results.
        limit: utterances to evaluate, spread over the corpus; None for all.
        simulate: sweeps, as `plan.plan_sweep` reads them.
        simulated_utterances: of each severity.

    Raises:
        FileNotFoundError: the corpus or the model is not there.
        ValueError: the entry file cannot be run, or a simulation does not exist.
    """
    from code_loader.inner_leap_binder import global_leap_binder

    path = configuration.model.path
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no model file; {MODEL_REMEDY}")
    loader = _open_loader()

    def open_model() -> engines.Model:
        with suppress_stderr():
            return engines.open_model(path)

    engine = engines.Engine(loader, global_leap_binder.mapping_connections, open_model=open_model)
    windows = plan.plan_recordings(engine.split, request, limit=limit)
    among = None if limit is None else [task.utterance_id for window in windows for task in window]
    simulated, refused = _plan_simulations(engine, request, simulate, count=simulated_utterances, among=among)
    windows += simulated
    source, field_types = configuration.corpus.source, engine.split.field_types
    settings = (configuration.audio, configuration.text, source, field_types)
    model_sha256 = hash_file(path)
    store = Store(out, identify_run(model_sha256, settings))
    names = [identify_window(window, engine.split) for window in windows]
    return Run(configuration, request, model_sha256, engine, store, windows, names, refused)


def evaluate_windows(run: Run, console: Any) -> int:
    """Evaluate and store the windows that are not finished.

    Args:
        run: opened.
        console: rich's, for the progress.

    Returns:
        How many windows they were.
    """
    pairs = list(zip(run.names, run.windows, strict=True))
    waiting = [(name, window) for name, window in pairs if not run.store.has(name)]
    total = sum(len(window) for window in run.windows)
    finished = total - sum(len(window) for _, window in waiting)
    if finished:
        console.print(f"{finished} of {total} utterances were finished before.")
    if waiting:
        with make_progress(console) as progress:
            bar = progress.add_task("Evaluating", total=total, completed=finished, audio_s=0.0)
            for name, window in waiting:
                start = time.perf_counter()
                rows = _evaluate_window(run.engine, window, progress, bar)
                run.store.save(name, rows, run.engine.schema, seconds=time.perf_counter() - start)
    return len(waiting)


def collect_rows(run: Run) -> pyarrow.Table:
    """Return the rows of all windows, which are finished."""
    return run.store.collect(dict.fromkeys(run.names))


def describe_run(run: Run) -> dict[str, str]:
    """Describe what was evaluated; nothing that differs between two equal runs."""
    configuration = run.configuration
    return {
        "source": configuration.corpus.source,
        "split": ", ".join(dict.fromkeys(run.request.split_by_subset.values())),
        "subsets": ", ".join(run.request.subsets),
        "model": configuration.model.path.name,
        "model SHA-256": run.model_sha256[:12],
    }


def _open_loader() -> Any:
    """Open the loader; code-loader's exception gives way to its cause."""
    from code_loader.contract.exceptions import DatasetScriptException

    try:
        return open_loader(PROJECT_ROOT)
    except DatasetScriptException as error:
        cause = error.__cause__
        raise (cause if isinstance(cause, OSError | ValueError) else ValueError(str(error))) from error


def _plan_simulations(
    engine: engines.Engine,
    request: plan.Request,
    names: Sequence[str],
    *,
    count: int,
    among: Sequence[str] | None,
) -> tuple[list[plan.Window], dict[str, str]]:
    """Plan sweeps, among the recordings that a limit left.

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
    for asked in dict.fromkeys(names):
        sweep = plan.plan_sweep(asked, global_leap_binder.setup_container.simulations)
        windows += plan.plan_simulated(sweep, engine.split, request, ids_of=ids_of, count=count, among=among)
    return windows, refused


def _evaluate_window(
    engine: engines.Engine, window: plan.Window, progress: Any, bar: Any
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for batch in engine.evaluate(window):
        rows += batch
        seconds = sum(row.get("signal_duration_s") or 0.0 for row in batch)
        audio_s = progress.tasks[bar].fields["audio_s"] + seconds
        progress.update(bar, advance=len(batch), audio_s=audio_s)
    engine.forget_simulated(window)
    return rows
