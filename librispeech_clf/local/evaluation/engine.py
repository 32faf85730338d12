"""Evaluate utterances as the Tensorleap engine does: through `LeapLoader`, by registered names and wiring.

In: tasks (utterance ids, or utterances of a simulation). Out: one row of the results table per task.

Every tensor is stored as float16 before metrics, losses and visualizers read it, by code-loader's own
simulation of the engine. Two shortcuts change no result (tested): inference is not padded to the model's
width, as the model ignores padding; and metrics see only the frames of the longest utterance of their batch, as
padded frames are certain blanks, which decoding and loss leave out.

Private parts of code-loader are used here; tests/test_private_parts.py fails when they change.
Legend: B batch, N samples, T frames, V vocabulary.
"""

from __future__ import annotations

import contextlib
import gc
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow
from threadpoolctl import threadpool_limits

from librispeech_clf.audio.reading import count_samples, read_waveform
from librispeech_clf.context import context
from librispeech_clf.ctc.decoding import greedy_letters, greedy_text, greedy_words
from librispeech_clf.ctc.frames import FRAME_DURATION_S, measure_frame_duration
from librispeech_clf.local.evaluation.wiring import Wire, read_wiring
from librispeech_clf.local.memory import release_memory
from librispeech_clf.local.model.inference import (
    BATCH_SAMPLES,
    compile_model,
    pad_logits,
    plan_batches,
    predict_batch,
)
from librispeech_clf.local.model.load import load_model
from librispeech_clf.metrics import find_nearest
from librispeech_clf.text.vocabulary import Vocabulary, pad_labels

if TYPE_CHECKING:
    from code_loader.contract.datasetclasses import DatasetSample
    from code_loader.contract.mapping import NodeConnection

    from librispeech_clf.corpus.schema import Split

PREDICTION, LABELS = "Prediction0", "transcript"
KEPT_TEXTS = ("hypothesis", "reference")
"""Visualizers whose text becomes a column."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """One row of the results table to fill.

    Attributes:
        utterance_id: its id in the corpus.
        sample_id: its id in LeapLoader; a different one for a simulated utterance.
        split: the state or subset that was asked for.
        subset: the corpus's subset.
        simulation: registered name of the simulation, None for the unchanged recording.
        severity: the simulation's numeric parameter, in its own unit.
        drawn: whether every visualizer is run, as on the platform; else only those whose text is kept.
        transcribed: whether there is a transcript.
        labeled: whether errors are measured against it; a window holds tasks of one kind.
    """

    utterance_id: str
    sample_id: str
    split: str
    subset: str
    simulation: str | None = None
    severity: float | None = None
    drawn: bool = field(default=False, repr=False)  # no column depends on it, nor the row's key
    transcribed: bool = True
    labeled: bool = True

    def start_row(self, error: str | None = None) -> Row:
        """Return the first columns of the row, failed or not."""
        return {
            "utterance_id": self.utterance_id,
            "split": self.split,
            "subset": self.subset,
            "simulation": self.simulation,
            "severity": self.severity,
            "error": error,
        }


@dataclass(frozen=True)
class Model:
    """A model that is ready to predict.

    Attributes:
        predict: maps audio, float32 (B, N), to logits, float32 (B, T, V), and latent vectors, float32 (B, C).
        count_frames: maps a number of samples to the number of frames.
        vocabulary: what the rows of the logits mean.
        frame_duration_s: time from frame to frame, s.
    """

    predict: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    count_frames: Callable[[int], int]
    vocabulary: Vocabulary
    frame_duration_s: float = FRAME_DURATION_S


def open_model(path: Path, vocabulary: Vocabulary) -> Model:
    """Load and compile a Keras model file, whose vocabulary must be the configured one."""
    model = load_model(path, vocabulary)
    duration_s = measure_frame_duration(model.configuration.conv_stride)
    return Model(compile_model(model), model.configuration.count_frames, vocabulary, duration_s)


def open_loader(project_root: Path) -> Any:
    """Run leap_binder.py in an absolute folder and open the corpus, as the engine does; return the LeapLoader.

    It takes metadata types as declared: the original infers them by encoding the first sample of every split, and
    gives up if that one is damaged.

    Raises:
        OSError, ValueError: what the entry file raised.
    """
    from code_loader import LeapLoader
    from code_loader.contract.exceptions import DatasetScriptException
    from code_loader.inner_leap_binder import global_leap_binder

    class DeclaredTypesLoader(LeapLoader):
        @cache  # noqa: B019 - one loader a run
        def _metadata_name_to_type(self):
            return {
                f"{handler.name}_{key}": kind
                for handler in global_leap_binder.setup_container.metadata
                for key, kind in handler.metadata_type.items()
            }

    loader = DeclaredTypesLoader(str(project_root.resolve()), "leap_binder.py")
    try:
        loader.exec_script()
    except DatasetScriptException as error:
        cause = error.__cause__
        raise (cause if isinstance(cause, OSError | ValueError) else ValueError(str(error))) from error
    return loader


class Engine:
    """The registered functions of the entry file, and the model."""

    def __init__(
        self, loader: Any, connections: Sequence[NodeConnection], *, open_model: Callable[[], Model]
    ) -> None:
        """Take a loader from `open_loader` and the connections recorded by the integration test's calls.

        `open_model` is called when the first batch is predicted.
        """
        from code_loader.contract.enums import DataStateEnum

        self.loader = loader
        self.states = DataStateEnum
        self.wires = read_wiring(connections)
        self.input_name = next(c.node.name for c in connections if c.node.type.value == "Input0")
        self.simulated: dict[str, Split] = {}
        self._open_model = open_model
        self.decode: Callable[[np.ndarray], str] | None = None  # from logits (T, V) to the column `decoded`
        self._input_width = 0

    @cached_property
    def model(self) -> Model:
        """The model."""
        return self._open_model()

    def release_model(self) -> None:
        """Free the memory of model and audio for what comes after the evaluation."""
        read_waveform.cache_clear()
        if self.__dict__.pop("model", None) is not None:
            gc.collect()
            release_memory()

    @cached_property
    def split(self) -> Split:
        """The utterances to evaluate."""
        return self.loader._preprocess_result()[self.states.test].data

    def state_of(self, task: Task) -> Any:
        """Return the state that a task's sample is in."""
        if task.simulation is not None:
            return self.states.additional
        return self.states.test if task.labeled else self.states.unlabeled

    def simulate(self, name: str, arguments: Mapping[str, Any], *, count: int, seed: int) -> list[str]:
        """Call a registered simulation and make its utterances known to the loader; return their sample ids.

        `LeapLoader.run_simulation` does the same, but holds the inputs of all utterances at once, and gives
        up if one of them cannot be read.

        Raises:
            ValueError: the simulation does not fit the corpus.
        """
        from code_loader.inner_leap_binder import global_leap_binder

        registered = {s.name: s.function for s in global_leap_binder.setup_container.simulations}
        with contextlib.redirect_stderr(io.StringIO()):  # the results show the reason
            response = registered[name](**arguments, N=count, seed=seed)
        if skipped := getattr(response.data, "skipped", None):
            raise ValueError(skipped)
        response.tl_generated = True
        self.loader._synthetic_lookup.update({name: (response, name) for name in response.sample_ids})
        self.simulated.update(dict.fromkeys(response.sample_ids, response.data))
        return list(response.sample_ids)

    def release_simulated(self, tasks: Sequence[Task]) -> None:
        """Free what `simulate` made for these tasks."""
        for task in tasks:
            self.loader._synthetic_lookup.pop(task.sample_id, None)

    def evaluate(self, tasks: Sequence[Task]) -> Iterator[list[Row]]:
        """Evaluate a window (tasks whose inputs fit into memory); the same tasks give the same rows in the same order.

        Yields:
            Rows, a batch at a time: first those of tasks that could not be encoded, then by decreasing length.
        """
        encoded, failed = [], []
        with threadpool_limits(limits=1):  # threads cost more than they save on a recording's spectrum
            for task in tasks:
                state = self.state_of(task)
                try:
                    sample = self.loader.get_sample(state, task.sample_id)
                    # The zeros after the audio are most of a window's memory; `_stack` puts them back.
                    audio = sample.inputs[self.input_name]
                    self._input_width = len(audio)
                    sample.inputs[self.input_name] = audio[: count_samples(audio)].copy()
                    encoded.append((task, sample))
                except Exception as error:  # whatever the entry file raises belongs to this utterance
                    failed.append(self.fail(task, error))
        yield failed
        waveforms = [sample.inputs[self.input_name] for _, sample in encoded]
        for batch in plan_batches([len(waveform) for waveform in waveforms], batch_samples=BATCH_SAMPLES):
            model, own = self.model, [waveforms[index] for index in batch]
            logits, latent = predict_batch(model.predict, own, count_frames=model.count_frames)
            yield self._score([encoded[index] for index in batch], logits, latent)

    def _score(
        self, encoded: Sequence[tuple[Task, DatasetSample]], logits: np.ndarray, latent: np.ndarray
    ) -> list[Row]:
        """Run metrics, loss and visualizers over a batch, or over single utterances if one of them fails."""
        tasks = [task for task, _ in encoded]
        labeled = tasks[0].labeled
        drawn = any(task.drawn for task in tasks)
        wires = [w for w in self.wires if drawn or w.kind != "Visualizer" or w.name in KEPT_TEXTS]
        known = {PREDICTION, self.input_name}
        wires = [w for w in wires if labeled or known.issuperset(w.sources.values())]
        try:
            if broken := np.count_nonzero(~np.isfinite(logits).all(axis=2)):
                raise ValueError(
                    f"{tasks[0].utterance_id}: logits must be finite; frames with NaN or infinity received: "
                    f"{broken}. Look at the model's weights, and at this recording's audio."
                )
            if labeled:
                choose_references(self.split, encoded, logits)
            tensors = self._stack(wires, [sample for _, sample in encoded], logits)
            columns: dict[str, list[Any]] = {}
            for wire in wires:
                arguments = {name: tensors[source] for name, source in wire.sources.items()}
                run = self._show if wire.kind == "Visualizer" else self._measure
                columns |= run(wire, tasks, arguments)
        except Exception as error:
            if len(encoded) == 1:
                return [self.fail(encoded[0][0], error)]
            places = [slice(row, row + 1) for row in range(len(encoded))]
            return [row for own in places for row in self._score(encoded[own], logits[own], latent[own])]
        heard, decode = tensors[PREDICTION], self.decode
        return [
            {
                **task.start_row(),
                **{key: values[index] for key, values in columns.items()},
                **{k: None if sample.metadata_is_none[k] else v for k, v in sample.metadata.items()},
                **{name: vector.tolist() for name, vector in (sample.custom_latent_spaces or {}).items()},
                "latent": latent[index].tolist(),
                **time_hypothesis(heard[index], self.model),
                **({"decoded": decode(heard[index])} if decode and task.simulation is None else {}),
            }
            for index, (task, sample) in enumerate(encoded)
        ]

    def _stack(
        self, wires: Sequence[Wire], samples: Sequence[DatasetSample], logits: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Stack what the wires read, with the audio padded again, stored as float16 as the engine does."""
        from code_loader.utils import simulate_engine_float16_downcast_on_call_args

        tensors = {PREDICTION: logits}
        for name in sorted({source for wire in wires for source in wire.sources.values()} - {PREDICTION}):
            arrays = [(sample.inputs | (sample.gt or {}))[name] for sample in samples]
            if name == self.input_name:
                arrays = [np.pad(audio, (0, self._input_width - len(audio))) for audio in arrays]
            tensors[name] = np.stack(arrays)
        return simulate_engine_float16_downcast_on_call_args((), tensors)[1]

    def _measure(
        self, wire: Wire, tasks: Sequence[Task], arguments: dict[str, np.ndarray]
    ) -> dict[str, list[Any]]:
        """Run a metric or loss over the batch."""
        run = self.loader.run_metric if wire.kind == "Metric" else self.loader.run_custom_loss
        ids = np.array([task.sample_id for task in tasks])
        result = run(wire.name, ids, self.states.test, dict(arguments))
        named = result if isinstance(result, dict) else {wire.name: result}
        return {name: np.array(values, float).tolist() for name, values in named.items()}

    def _show(
        self, wire: Wire, tasks: Sequence[Task], arguments: dict[str, np.ndarray]
    ) -> dict[str, list[Any]]:
        """Run a visualizer utterance by utterance: on all if its text is kept, else only where `Task.drawn`."""
        kept = wire.name in KEPT_TEXTS
        texts = []
        for index, task in enumerate(tasks):
            if not kept and not task.drawn:
                continue
            own = {name: values[index] for name, values in arguments.items()}
            for name, source in wire.sources.items():
                if source == PREDICTION and not kept:  # a picture's time axis depends on the whole input
                    frames = self.model.count_frames(self._input_width)
                    own[name] = pad_logits(own[name], frames=frames).astype(own[name].dtype)
            ids = np.array([task.sample_id])
            texts.append(self.loader.run_visualizer(wire.name, ids, self.states.test, own))
        return {wire.name: [" ".join(text.data).strip() for text in texts]} if kept else {}

    def fail(self, task: Task, error: Exception) -> Row:
        """Make the row of a failed task; with the transcript if the corpus can be read."""
        known = isinstance(error, ValueError | FileNotFoundError)
        reason = str(error) if known and str(error) else f"{type(error).__name__}: {error}"
        text = "" if task.labeled else None
        with contextlib.suppress(Exception):
            text = self.split.utterance(task.utterance_id).text if task.labeled else None
        return {**task.start_row(reason), "reference": text, "hypothesis": ""}

    @cached_property
    def schema(self) -> pyarrow.Schema:
        """The columns of the results table, from what is registered."""
        text, number, vector = pyarrow.string(), pyarrow.float64(), pyarrow.list_(pyarrow.float32())
        numbers = dict.fromkeys(("start_s", "end_s", "confidence"), number)
        timing = pyarrow.list_(pyarrow.struct({"text": text, **numbers}))
        columns = dict.fromkeys(("utterance_id", "split", "subset", "simulation"), text)
        columns |= {"severity": number, **dict.fromkeys(("reference", "hypothesis", "error"), text)}
        for wire in self.wires:
            names = [wire.name] if wire.kind == "CustomLoss" else []
            if wire.kind == "Metric":
                direction = self.loader.metric_by_name()[wire.name].direction
                names = list(direction) if isinstance(direction, dict) else [wire.name]
            columns |= dict.fromkeys(names, pyarrow.float32())
        kinds = {"float": number, "string": text, "int": pyarrow.int64(), "boolean": pyarrow.bool_()}
        columns |= {name: kinds[kind.name] for name, kind in self.loader._metadata_name_to_type().items()}
        columns |= {"words": timing, "letters": timing, "latent": vector}
        columns |= dict.fromkeys(["decoded"] if self.decode else [], text)
        spaces = self.loader.get_dataset_custom_latent_space_names()
        return pyarrow.schema(columns | dict.fromkeys(spaces, vector))


def time_hypothesis(logits: np.ndarray, model: Model) -> Row:
    """Return words and letters of the greedy path of logits (T, V), with times and confidences.

    Both are lists of {text, start_s, end_s, confidence}; between words is the letter " ".
    """
    words = greedy_words(logits, model.vocabulary, frame_duration_s=model.frame_duration_s)
    letters = greedy_letters(logits, model.vocabulary, frame_duration_s=model.frame_duration_s)
    timed = {"words": words, "letters": letters}
    return {name: [dict(vars(timing)) for timing in timings] for name, timings in timed.items()}


def choose_references(
    split: Split, encoded: Sequence[tuple[Task, DatasetSample]], logits: np.ndarray
) -> None:
    """Put the labels with the lowest word error rate into each sample whose utterance has several references.

    Raises:
        ValueError: an additional reference holds signs that the model cannot write.
    """
    text, vocabulary = context().configuration.text, context().vocabulary
    for (task, sample), own_logits in zip(encoded, logits, strict=True):
        name, found = task.utterance_id, [sample.gt[LABELS]]
        for each in split.more_texts.get(name, ()):
            labels = vocabulary.encode(each, utterance_id=name, normalization=text.normalize)
            found.append(pad_labels(labels, max_letters=text.max_letters, utterance_id=name))
        if len(found) > 1:
            spelled = [vocabulary.decode(labels) for labels in found]
            nearest = find_nearest(spelled, greedy_text(own_logits, vocabulary))
            sample.gt[LABELS] = found[spelled.index(nearest)]
