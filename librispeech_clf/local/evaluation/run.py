"""Run an evaluation: open what it needs, evaluate the windows that are not finished.

In: what the command line asks for. Out: rows of the results table.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from librispeech_clf.configuration import PROJECT_ROOT, Configuration
from librispeech_clf.local.evaluation.cluster import evaluate_on_cluster
from librispeech_clf.local.evaluation.engine import Engine, Row, Task
from librispeech_clf.local.evaluation.opening import FLOAT32, Request, evaluate_window, open_engine
from librispeech_clf.local.evaluation.store import Store, hash_file, row_key, run_key, utterance_keys
from librispeech_clf.text.vocabulary import WORDS

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Run:
    """An evaluation with everything open.

    Attributes:
        request: what was asked for.
        engine: loader and model.
        store: the store of the parts.
        tasks: everything to evaluate, by the key of its row.
        windows: tasks that are evaluated together, likewise by key.
        described: what is evaluated, by name; nothing that differs between two identical runs.
        refused: why simulations could not be planned, by name.
    """

    request: Request
    engine: Engine
    store: Store
    tasks: dict[str, Task]
    windows: list[dict[str, Task]]
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
    source, vocabulary = configuration.corpus.source, configuration.read_vocabulary()
    settings: list[Any] = [configuration.audio, configuration.text, vocabulary, source]
    settings += [engine.split.field_types, hash_systems(configuration), request.precision]
    key = run_key(model_sha256, [*settings, request.decoder and request.decoder.key])
    described = {
        "source": source,
        "split": ", ".join(dict.fromkeys(split_by_subset.values())),
        "subsets": ", ".join(split_by_subset),
    }
    if request.with_model:
        described |= {"model": model_path.name, "model SHA-256": model_sha256[:12]}
    if request.precision != FLOAT32:
        described["precision"] = request.precision
    if vocabulary.units != WORDS:
        described["units"] = vocabulary.units
    if request.limit is not None:
        described["limit"] = str(request.limit)
    if request.simulate:
        each = min(request.simulated_utterances, request.limit or request.simulated_utterances)
        described["simulated"] = f"{', '.join(request.simulate)}; {each} utterances each"
    evaluated = {task.utterance_id for window in windows for task in window}
    utterances = utterance_keys(engine.split, set(engine.split.ids) if request.simulate else evaluated)
    # Simulated recordings depend on all others: which are chosen, and of which babble is made.
    others = hashlib.sha256(repr(utterances).encode()).hexdigest()

    def key_of(task: Task) -> str:
        return row_key(task, utterances[task.utterance_id] + (others if task.simulation else ""))

    keyed = [{key_of(task): task for task in window} for window in windows]
    tasks = {row: task for window in keyed for row, task in window.items()}
    return Run(request, engine, Store(out, key), tasks, keyed, described, refused)


def hash_systems(configuration: Configuration) -> dict[str, list[str]]:
    """Return digests of the hypotheses that config.yaml names, of which rows hold error rates."""
    root = configuration.corpus.root or PROJECT_ROOT
    paths = {name: root / file for name, file in (configuration.systems or {}).items()}
    files = {name: [path, *sorted(path.glob("*.json"))] for name, path in paths.items()}
    return {name: [hash_file(path) for path in found if path.is_file()] for name, found in files.items()}


def evaluate_windows(run: Run, console: Console, *, ray: str | None = None) -> tuple[pyarrow.Table, float]:
    """Evaluate and store the windows that are not finished, with a progress bar.

    Args:
        run: the open evaluation.
        console: where progress is shown.
        ray: address of a Ray cluster that shares the work, "auto" or "local"; None: this process does it.

    Returns:
        The rows of all windows, and the seconds that they took, in this run and those that it resumes.

    Raises:
        OSError: a part cannot be written or read.
    """
    known = run.store.find_rows().keys() & run.tasks.keys()

    def pick(keys: Collection[str]) -> list[dict[str, Task]]:
        picked = ({key: task for key, task in window.items() if key in keys} for window in run.windows)
        return [window for window in picked if window]

    waiting = pick(run.tasks.keys() - known)
    total, finished = len(run.tasks), len(known)
    if finished:
        console.print(f"{finished} of {total} utterances were already finished.")
    terminal = console.is_terminal
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    columns += [TextColumn("{task.fields[speed]}"), TimeRemainingColumn(), TextColumn("left")]
    progress = Progress(*columns, console=console, speed_estimate_period=300, disable=not terminal)
    bar = progress.add_task("Evaluating", total=total, completed=finished, speed="")
    audio_s, last = 0.0, time.perf_counter()

    def save(window: Mapping[str, Task], batches: Iterable[list[Row]]) -> None:
        nonlocal audio_s, last
        rows: dict[str, Row] = {}
        for batch in batches:
            rows |= {row["utterance_id"]: row for row in batch}
            audio_s += sum(row.get("signal_duration_s") or 0.0 for row in batch)
            speed = f"{audio_s / (progress.tasks[bar].elapsed or 1.0):.1f} x real time" if audio_s else ""
            done = int(progress.tasks[bar].completed)
            progress.update(bar, advance=len(batch), speed=speed)
            if not terminal and (done + len(batch)) * 10 // total > done * 10 // total:  # a line every tenth
                console.print(f"{done + len(batch)} of {total} utterances. {speed}")
        before, last = last, time.perf_counter()
        ordered = [rows[task.utterance_id] for task in window.values()]
        table = pyarrow.Table.from_pylist(ordered, schema=run.engine.schema)
        run.store.save(window, table, seconds=last - before)

    with progress if waiting else nullcontext():
        if waiting and ray is not None:
            for window, rows in evaluate_on_cluster(ray, run.request, waiting):
                save(window, [rows])
        elif waiting:
            for window in waiting:
                save(window, evaluate_window(run.engine, list(window.values()), run.request))
                run.engine.release_simulated(list(window.values()))

    def renew(keys: list[str]) -> None:
        for window in pick(known.intersection(keys)):  # simulated utterances of other windows were released
            save(window, evaluate_window(run.engine, list(window.values()), run.request))
        run.engine.release_model()

    run.engine.release_model()
    return run.store.collect(list(run.tasks), renew=renew)
