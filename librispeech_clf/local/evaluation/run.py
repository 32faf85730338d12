"""Plan an evaluation and run it: which utterances, in which windows, under which simulated conditions.

In: what the command line asks for. Out: rows of the results table. The plan depends on the request only, never on
what is finished already, so a run that goes on after a kill gives the same results as one that was not.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from threadpoolctl import threadpool_limits

from librispeech_clf.configuration import PROJECT_ROOT, Configuration
from librispeech_clf.context import set_context
from librispeech_clf.local.evaluation import engine as engines
from librispeech_clf.local.evaluation.engine import Engine, Row, Task
from librispeech_clf.local.evaluation.store import Store, hash_file, run_key, window_key
from librispeech_clf.local.model.quiet import suppress_stderr
from librispeech_clf.text.vocabulary import WORDS

if TYPE_CHECKING:
    import pyarrow
    from rich.console import Console

    from librispeech_clf.corpus.schema import Split
    from librispeech_clf.local.model.decoder import Decoder

WINDOW = 32
"""Utterances encoded before inference: their inputs take 72 MB. Also what a kill can cost."""
SEVERITIES = 5
SIMULATION_SEED = 0
DRAWN = 8
"""Recordings, spread over the corpus, for which every visualizer is run."""
MODEL_REMEDY = "give another by --model, or make one with `poetry run convert-model`."

ListIds = Callable[[str, dict[str, Any], int], list[str]]
Window = tuple[Task, ...]
"""Tasks that are encoded and stored together."""


@dataclass(frozen=True)
class Request:
    """What the command line asks for.

    Attributes:
        configuration: becomes the context that the registered functions read.
        split_by_subset: the subsets, as `read_splits` returns them.
        limit: utterances to evaluate, spread over the corpus; None for all.
        simulate: sweeps, as `plan_sweep` reads them.
        simulated_utterances: of each severity.
        with_model: evaluate it; else rows hold metadata, and texts come from `systems`.
        decoder: whose text becomes the column `decoded`.
    """

    configuration: Configuration
    split_by_subset: Mapping[str, str]
    limit: int | None = None
    simulate: Sequence[str] = ()
    simulated_utterances: int = 0
    with_model: bool = True
    decoder: Decoder | None = None


@dataclass(frozen=True)
class Run:
    """An evaluation with everything opened.

    Attributes:
        request: what was asked for.
        engine: loader and model.
        store: of the parts.
        windows: everything to evaluate, by the name of its part.
        described: what is evaluated, by name; nothing that differs between two equal runs.
        refused: reasons of simulations that could not be planned, by name.
    """

    request: Request
    engine: Engine
    store: Store
    windows: dict[str, Window]
    described: dict[str, str]
    refused: dict[str, str]


def open_run(request: Request, out: Path) -> Run:
    """Open corpus and model and plan the windows; results go to the folder `out`.

    Raises:
        FileNotFoundError: the corpus or the model does not exist.
        ValueError: the entry file cannot be run, or a simulation does not exist.
    """
    engine, windows, refused = open_engine(request)
    configuration, split_by_subset = request.configuration, request.split_by_subset
    model_path = configuration.model.path
    model_sha256 = hash_file(model_path) if request.with_model else ""
    source, field_types = configuration.corpus.source, engine.split.field_types
    vocabulary = configuration.read_vocabulary()
    systems = configuration.systems
    settings = (configuration.audio, configuration.text, vocabulary, source, field_types, systems)
    key = run_key(model_sha256, (*settings, request.decoder.key) if request.decoder else settings)
    described = {
        "source": source,
        "split": ", ".join(dict.fromkeys(split_by_subset.values())),
        "subsets": ", ".join(split_by_subset),
    }
    if request.with_model:
        described |= {"model": model_path.name, "model SHA-256": model_sha256[:12]}
    if vocabulary.units != WORDS:
        described["units"] = vocabulary.units
    if request.limit is not None:
        described["limit"] = str(request.limit)
    if request.simulate:
        each = min(request.simulated_utterances, request.limit or request.simulated_utterances)
        described["simulated"] = f"{', '.join(request.simulate)}; {each} utterances each"
    named = {window_key(window, engine.split): window for window in windows}
    return Run(request, engine, Store(out, key), named, described, refused)


def open_engine(request: Request) -> tuple[Engine, list[Window], dict[str, str]]:
    """Open the corpus and plan the windows; the model is opened when it is needed.

    Returns:
        The engine, everything to evaluate, and the reasons of simulations that could not be planned, by name.
    """
    from code_loader.inner_leap_binder import global_leap_binder

    model_path = request.configuration.model.path
    if request.with_model and not model_path.is_file():
        raise FileNotFoundError(f"{model_path}: no model file; {MODEL_REMEDY}")
    if request.simulate and not request.with_model:
        raise ValueError("--simulate: simulated recordings have to be recognized; give a model by --model.")
    # glibc gives each thread an arena that keeps what the thread frees; TensorFlow's shall share two (60 MB less).
    with suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).mallopt(-8, 2)  # M_ARENA_MAX
    set_context(request.configuration)
    loader = engines.open_loader(PROJECT_ROOT)

    def open_model() -> engines.Model:
        with suppress_stderr():
            return engines.open_model(model_path, request.configuration.read_vocabulary())

    engine = Engine(loader, global_leap_binder.mapping_connections, open_model=open_model)
    engine.decode = request.decoder.decode if request.decoder else None
    windows = plan_recordings(engine.split, request.split_by_subset, limit=request.limit)
    refused: dict[str, str] = {}

    def ids_of(name: str, arguments: dict[str, Any], count: int) -> list[str]:
        try:
            return engine.simulate(name, arguments, count=count, seed=SIMULATION_SEED)
        except (OSError, ValueError) as error:
            conditions = ", ".join(f"{key} {value}" for key, value in arguments.items())
            refused[f"{name} ({conditions})"] = str(error)
            return []

    among = None if request.limit is None else [task.utterance_id for window in windows for task in window]
    for asked in dict.fromkeys(request.simulate):
        sweep = plan_sweep(asked, global_leap_binder.setup_container.simulations)
        windows += plan_simulated(
            sweep, engine.split, request.split_by_subset,
            ids_of=ids_of, count=request.simulated_utterances, among=among,
        )  # fmt: skip
    return engine, windows, refused


def evaluate_windows(run: Run, console: Console, *, ray: str | None = None) -> tuple[pyarrow.Table, float]:
    """Evaluate and store the windows that are not finished, with a progress bar.

    Args:
        run: opened.
        console: for the progress.
        ray: address of a Ray cluster that shares the work, "auto" or "local"; None: this process does it.

    Returns:
        The rows of all windows, and the seconds that they took, in this run and those it goes on from.

    Raises:
        OSError: a part cannot be written or read.
    """
    waiting = {name: window for name, window in run.windows.items() if not run.store.has(name)}
    total = sum(map(len, run.windows.values()))
    finished = total - sum(map(len, waiting.values()))
    if finished:
        console.print(f"{finished} of {total} utterances were finished before.")
    terminal = console.is_terminal
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    columns += [TextColumn("{task.fields[speed]}"), TimeRemainingColumn(), TextColumn("left")]
    progress = Progress(*columns, console=console, speed_estimate_period=300, disable=not terminal)
    bar = progress.add_task("Evaluating", total=total, completed=finished, speed="")
    audio_s, last = 0.0, time.perf_counter()

    def save(name: str, batches: Iterable[list[Row]]) -> None:
        nonlocal audio_s, last
        rows = []
        for batch in batches:
            rows += batch
            audio_s += sum(row.get("signal_duration_s") or 0.0 for row in batch)
            speed = f"{audio_s / (progress.tasks[bar].elapsed or 1.0):.1f} x real time" if audio_s else ""
            done = int(progress.tasks[bar].completed)
            progress.update(bar, advance=len(batch), speed=speed)
            if not terminal and (done + len(batch)) * 10 // total > done * 10 // total:  # a line every tenth
                console.print(f"{done + len(batch)} of {total} utterances. {speed}")
        before, last = last, time.perf_counter()
        run.store.save(name, rows, run.engine.schema, seconds=last - before)

    with progress if waiting else nullcontext():
        if waiting and ray is not None:
            from librispeech_clf.local.evaluation.cluster import evaluate_on_cluster

            for name, rows in evaluate_on_cluster(ray, run.request, waiting):
                save(name, [rows])
        elif waiting:
            for name, window in waiting.items():
                save(name, evaluate_window(run.engine, window, run.request))
                run.engine.release_simulated(window)

    def renew(name: str) -> None:
        if name not in waiting:  # else its simulated utterances are released
            save(name, evaluate_window(run.engine, run.windows[name], run.request))

    collected = run.store.collect(run.windows, renew=renew)
    run.engine.release_model()
    return collected


def evaluate_window(engine: Engine, window: Window, request: Request) -> Iterator[list[Row]]:
    """Yield the rows of a window, a batch at a time."""
    return engine.evaluate(window) if request.with_model else describe_recordings(engine, window)


def describe_recordings(engine: Engine, tasks: Sequence[Task]) -> Iterator[list[Row]]:
    """Yield the row of each recording without a model: no inputs and labels, whose limits texts do not have."""
    state = engine.states.test
    for task in tasks:
        try:
            with threadpool_limits(limits=1):
                metadata, missing = engine.loader.get_metadata(state, task.sample_id)
                preprocessed = engine.loader._preprocess_result()[state]
                spaces = engine.loader._get_custom_latent_spaces(task.sample_id, preprocessed) or {}
        except Exception as error:  # whatever the entry file raises belongs to this utterance
            yield [engine.fail(task, error)]
            continue
        known = {key: None if missing[key] else value for key, value in metadata.items()}
        yield [task.start_row() | known | {name: vector.tolist() for name, vector in spaces.items()}]


def read_splits(names: Sequence[str], subsets_by_state: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Find the subsets of what `--split` names.

    Args:
        names: states or subsets, or several joined by commas.
        subsets_by_state: of the chosen source.

    Returns:
        subset -> the state it belongs to, or its own name; in the order asked for.
    """
    states = {subset: state for state, subsets in subsets_by_state.items() for subset in subsets}
    found: dict[str, str] = {}
    for name in [part.strip() for given in names for part in given.split(",") if part.strip()]:
        for subset in subsets_by_state.get(name, [name]):
            found.setdefault(subset, name if name in subsets_by_state else states.get(name, name))
    if not found:
        raise ValueError(
            "--split: names no subset; give a state such as test, or a subset such as test-clean."
        )
    return found


def plan_recordings(
    split: Split, split_by_subset: Mapping[str, str], *, limit: int | None = None
) -> list[Window]:
    """Plan the recordings as they are.

    Args:
        split: of the subsets asked for.
        split_by_subset: names each subset's split.
        limit: evaluate so many, spread evenly over the corpus (its first ones would be a single speaker's).
    """
    subsets = [subset for subset, count in split.row_counts.items() for _ in range(count)]
    count = len(subsets) if limit is None else min(limit, len(subsets))
    rows = [number * len(subsets) // count for number in range(count)]
    drawn = {rows[number * count // DRAWN] for number in range(DRAWN)} if rows else set()
    tasks = [
        Task(
            split.ids[row],
            split.ids[row],
            split_by_subset.get(subsets[row], subsets[row]),
            subsets[row],
            drawn=row in drawn,
        )
        for row in rows
    ]
    return cut_windows(tasks)


def cut_windows(tasks: Sequence[Task]) -> list[Window]:
    """Cut tasks into windows of `WINDOW`."""
    return [tuple(tasks[start : start + WINDOW]) for start in range(0, len(tasks), WINDOW)]


@dataclass(frozen=True)
class Sweep:
    """A simulation at rising severities.

    Attributes:
        name: as it stands in the results: the registered name, with the category chosen behind a colon.
        simulation: registered name.
        steps: severity and the simulation's arguments.
    """

    name: str
    simulation: str
    steps: tuple[tuple[float, dict[str, Any]], ...]


def plan_sweep(asked: str, simulations: Sequence[Any], *, severities: int = SEVERITIES) -> Sweep:
    """Spread severities over a simulation's declared bounds.

    Args:
        asked: "additive_noise", or "additive_noise:babble" for one of its categories; without it the first.
        simulations: the registered ones, of code-loader's `setup_container.simulations`.
        severities: number of steps.

    Raises:
        ValueError: there is no such simulation or category, or the simulation has no numeric parameter.
    """
    from code_loader.contract.sim_config import CategoricalBounds, sample_sim_params

    name, _, category = asked.partition(":")
    declared = {simulation.name: simulation.sim_config for simulation in simulations}
    if name not in declared:
        raise ValueError(f"--simulate: one of {', '.join(declared)} is known; received {name!r}.")
    bounds = {key: parameter.bounds for key, parameter in declared[name].items()}
    categorical = [key for key, bound in bounds.items() if isinstance(bound, CategoricalBounds)]
    numeric = [key for key in bounds if key not in categorical]
    legal = bounds[categorical[0]].values if categorical else []
    if category and category not in legal:
        raise ValueError(
            f"--simulate: {name} has the kinds {', '.join(legal) or '(none)'}; received {category!r}."
        )
    if not numeric:
        raise ValueError(f"--simulate: {name} has no numeric parameter to vary; choose another.")
    low, high = bounds[numeric[0]].min, bounds[numeric[0]].max
    levels = [
        float(f"{low + (high - low) * step / max(severities - 1, 1):.6g}") for step in range(severities)
    ]
    chosen = sample_sim_params(declared[name]) | ({categorical[0]: category} if category else {})
    return Sweep(asked, name, tuple((level, chosen | {numeric[0]: level}) for level in levels))


def plan_simulated(
    sweep: Sweep,
    split: Split,
    split_by_subset: Mapping[str, str],
    *,
    ids_of: ListIds,
    count: int,
    among: Collection[str] | None = None,
) -> list[Window]:
    """Plan the utterances of a sweep.

    Args:
        sweep: the simulation and its steps.
        split: of the subsets asked for.
        split_by_subset: names each subset's split.
        ids_of: gives the sample ids of a simulation with its arguments and a number of utterances. A sample
            id is an utterance id, "+" and the conditions.
        count: utterances per severity, at most those of the split.
        among: ids of the recordings that are evaluated, no others are simulated; None for the whole split.
    """
    subsets = [subset for subset, count in split.row_counts.items() for _ in range(count)]
    subset_of = dict(zip(split.ids, subsets, strict=True))
    recordings = frozenset(split.ids if among is None else among)
    count, most = min(count, len(recordings)), len(split)
    windows: list[Window] = []
    for severity, arguments in sweep.steps:
        drawn = min(most, -(-count * most // len(recordings)))
        while True:  # draw more until enough are among the recordings, or the whole split was drawn
            ids = ids_of(sweep.simulation, arguments, drawn)
            kept = [name for name in ids if name.rpartition("+")[0] in recordings]
            if len(kept) >= count or drawn == most or not ids:
                break
            drawn = min(most, 2 * drawn)
        tasks: dict[str, Task] = {}
        for sample_id in kept[:count]:
            original = sample_id.rpartition("+")[0]
            subset = subset_of[original]
            asked = split_by_subset.get(subset, subset)
            tasks.setdefault(
                original, Task(original, sample_id, asked, subset, sweep.name, severity, drawn=not tasks)
            )
        windows += cut_windows(list(tasks.values()))
    return windows
