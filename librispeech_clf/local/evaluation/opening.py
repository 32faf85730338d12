"""Open what was asked for, in whichever process evaluates it: corpus, model and the windows of the work.

In: a `Request`. Out: an engine, and through it the rows of a window.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow
from threadpoolctl import threadpool_limits

from librispeech_clf.configuration import PROJECT_ROOT, Configuration
from librispeech_clf.context import set_context
from librispeech_clf.local.evaluation import engine as engines
from librispeech_clf.local.evaluation.engine import Engine, Row, Task
from librispeech_clf.local.evaluation.plan import Window, plan_recordings, plan_simulated, plan_sweep
from librispeech_clf.local.model.quiet import suppress_stderr

if TYPE_CHECKING:
    from librispeech_clf.local.model.decoder import Decoder

SIMULATION_SEED = 0
FLOAT32 = "float32"
PROCESSOR = Path("/proc/cpuinfo")
MODEL_REMEDY = "give another with --model, or make one with `poetry run convert-model`."


@dataclass(frozen=True)
class Request:
    """What the command line asks for.

    Attributes:
        configuration: the configuration for the context that the registered functions read.
        split_by_subset: the subsets, as `read_splits` returns them; for the state unlabeled, transcripts are not read.
        limit: number of utterances to evaluate, spread over the corpus; None for all.
        simulate: sweeps, as `plan_sweep` reads them.
        simulated_utterances: number of utterances per severity.
        with_model: whether the model is evaluated; else rows hold metadata, and texts come from `systems`.
        scored: whether transcripts, where there are any, are read and measured against.
        decoder: the decoder whose text becomes the column `decoded`.
        precision: precision of the model's products, "float32" or "bfloat16".
    """

    configuration: Configuration
    split_by_subset: Mapping[str, str]
    limit: int | None = None
    simulate: Sequence[str] = ()
    simulated_utterances: int = 0
    with_model: bool = True
    scored: bool = True
    decoder: Decoder | None = None
    precision: str = FLOAT32


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
        raise ValueError("--simulate: simulated recordings have to be recognized; give a model with --model.")
    if request.precision != FLOAT32:
        check_bfloat16(request.with_model)
    # Arrow's own pool also keeps what it frees (60 MB less on test-clean).
    pyarrow.set_memory_pool(pyarrow.system_memory_pool())
    # glibc gives each thread an arena that keeps what the thread frees; make TensorFlow's share two (60 MB less).
    with suppress(OSError, AttributeError, TypeError):  # a C library other than glibc
        ctypes.CDLL(None).mallopt(-8, 2)  # M_ARENA_MAX
    set_context(request.configuration)
    loader = engines.open_loader(PROJECT_ROOT)

    def open_model() -> engines.Model:
        with suppress_stderr():
            use_precision(request.precision)
            return engines.open_model(model_path, request.configuration.read_vocabulary())

    engine = Engine(loader, global_leap_binder.mapping_connections, open_model=open_model)
    engine.decode = request.decoder.decode if request.decoder else None
    split, split_by_subset = engine.split, request.split_by_subset
    windows = plan_recordings(split, split_by_subset, limit=request.limit, scored=request.scored)
    refused: dict[str, str] = {}

    def ids_of(name: str, arguments: dict[str, Any], count: int) -> list[str]:
        try:
            return engine.simulate(name, arguments, count=count, seed=SIMULATION_SEED)
        except (OSError, ValueError) as error:
            conditions = ", ".join(f"{key} {value}" for key, value in arguments.items())
            refused[f"{name} ({conditions})"] = str(error)
            return []

    among = [task.utterance_id for window in windows for task in window if task.labeled]
    if request.simulate and not among:
        raise ValueError(
            "--simulate: the cost of a condition is measured against transcripts; give labeled recordings."
        )
    for asked in dict.fromkeys(request.simulate):
        sweep = plan_sweep(asked, global_leap_binder.setup_container.simulations)
        count = request.simulated_utterances
        windows += plan_simulated(sweep, split, split_by_subset, ids_of=ids_of, count=count, among=among)
    return engine, windows, refused


def check_bfloat16(with_model: bool) -> None:
    """Refuse bfloat16 where it would do nothing.

    Raises:
        ValueError: no model is evaluated, or the processor does not list bfloat16 among its features.
    """
    if not with_model:
        raise ValueError("--precision: applies to a model only; give one with --model.")
    # TensorFlow silently computes in float32 elsewhere.
    known = PROCESSOR.read_text() if PROCESSOR.is_file() else ""
    if not re.search(r"\b(avx512_bf16|amx_bf16)\b", known):
        raise ValueError(
            "--precision bfloat16: needs a processor with avx512_bf16 or amx_bf16, which this one does not list; "
            "leave the option out."
        )


def use_precision(precision: str) -> None:
    """Set the precision of what is compiled from now on; what TensorFlow lists as sensitive stays float32."""
    import tensorflow as tf

    switch = {"auto_mixed_precision_onednn_bfloat16": precision != FLOAT32}
    tf.config.optimizer.set_experimental_options(switch)


def evaluate_window(engine: Engine, window: Sequence[Task], request: Request) -> Iterator[list[Row]]:
    """Yield the rows of a window, a batch at a time."""
    return engine.evaluate(window) if request.with_model else iter([describe_recordings(engine, window)])


def describe_recordings(engine: Engine, tasks: Sequence[Task]) -> list[Row]:
    """Return each recording's row without a model: no inputs or labels are made, so their limits do not apply."""
    rows = []
    with threadpool_limits(limits=1):  # once: finding the libraries takes as long as half a recording
        for task in tasks:
            state = engine.state_of(task)
            try:
                metadata, missing = engine.loader.get_metadata(state, task.sample_id)
                preprocessed = engine.loader._preprocess_result()[state]
                spaces = engine.loader._get_custom_latent_spaces(task.sample_id, preprocessed) or {}
            except Exception as error:  # whatever the entry file raises belongs to this utterance
                rows.append(engine.fail(task, error))
                continue
            known = {key: None if missing[key] else value for key, value in metadata.items()}
            vectors = {name: vector.tolist() for name, vector in spaces.items()}
            rows.append(task.start_row() | known | vectors)
    return rows
