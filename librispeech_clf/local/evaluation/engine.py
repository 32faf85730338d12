"""Evaluate utterances as the Tensorleap engine does: through `LeapLoader`, by registered names and wiring.

In: tasks (utterance ids, or utterances of a simulation). Out: one row of the results table per task.

Every tensor is stored as float16 before metrics, losses and visualizers read it, by code-loader's own
simulation of the engine. Two shortcuts change no result (tested): inference is not padded to the model's
width, for the model ignores padding; and metrics see the frames of the longest utterance of their batch, for
frames of the padding are certain blanks, which decoding and loss leave out.

Legend: B batch, N samples, T frames, V vocabulary.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from librispeech_clf.audio.reading import count_samples
from librispeech_clf.corpus.schema import Split
from librispeech_clf.ctc.frames import FRAME_DURATION_S, measure_frame_duration
from librispeech_clf.local.evaluation.loader import PREDICTION, Wire, read_wiring, store_as_engine
from librispeech_clf.local.evaluation.plan import Task
from librispeech_clf.local.evaluation.rows import KEPT_TEXTS, Row, describe_hypothesis, make_schema, start_row
from librispeech_clf.local.model.inference import (
    BATCH_SAMPLES,
    compile_model,
    pad_logits,
    plan_batches,
    predict_batch,
)
from librispeech_clf.local.model.load import load_model

if TYPE_CHECKING:
    import pyarrow
    from code_loader.contract.datasetclasses import DatasetSample
    from code_loader.contract.mapping import NodeConnection

STATE = "test"


@dataclass(frozen=True)
class Model:
    """A model that is ready to predict.

    Attributes:
        predict: audio, float32 (B, N), to logits, float32 (B, T, V), and latent vectors, float32 (B, C).
        count_frames: frames that it makes of a number of samples.
        frame_duration_s: time from frame to frame, s.
    """

    predict: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    count_frames: Callable[[int], int]
    frame_duration_s: float = FRAME_DURATION_S


class Engine:
    """The registered functions of the entry file, and the model."""

    def __init__(
        self, loader: Any, connections: Sequence[NodeConnection], *, open_model: Callable[[], Model]
    ) -> None:
        """Take the loader and its wiring.

        Args:
            loader: as `open_loader` returns it.
            connections: `global_leap_binder.mapping_connections`, which the integration test's calls leave.
            open_model: called when the first batch is predicted.
        """
        self.loader = loader
        self.wires = read_wiring(connections)
        self.input_name = next(c.node.name for c in connections if c.node.type.value == "Input0")
        self._open_model = open_model
        self._input_width = 0
        self.simulated: dict[str, Split] = {}

    @cached_property
    def model(self) -> Model:
        """The model."""
        return self._open_model()

    def simulate(self, name: str, arguments: Mapping[str, Any], *, count: int, seed: int) -> list[str]:
        """Call a registered simulation and make its utterances known to the loader.

        `LeapLoader.run_simulation` does the same, but holds the inputs of all utterances at once, and gives
        up when one of them cannot be read.

        Args:
            name: registered name.
            arguments: of the simulation.
            count: number of utterances.
            seed: of the simulation.

        Returns:
            Their sample ids.

        Raises:
            ValueError: the simulation does not fit the corpus.
        """
        from code_loader.inner_leap_binder import global_leap_binder

        registered = {s.name: s.function for s in global_leap_binder.setup_container.simulations}
        with contextlib.redirect_stderr(io.StringIO()):  # the reason is shown with the results
            response = registered[name](**arguments, N=count, seed=seed)
        skipped = getattr(response.data, "skipped", None)
        if skipped:
            raise ValueError(skipped)
        response.tl_generated = True
        found = {sample_id: (response, sample_id) for sample_id in response.sample_ids}
        self.loader._synthetic_lookup.update(found)
        self.simulated.update(dict.fromkeys(found, response.data))
        return list(found)

    def forget_simulated(self, tasks: Sequence[Task]) -> None:
        """Free what `simulate` made for these tasks."""
        for task in tasks:
            self.loader._synthetic_lookup.pop(task.sample_id, None)

    def evaluate(self, tasks: Sequence[Task]) -> Iterator[list[Row]]:
        """Evaluate a window of tasks; the same tasks give the same rows in the same order.

        Args:
            tasks: so few that their inputs fit into memory.

        Yields:
            Rows, a batch at a time: first of the tasks that could not be encoded, then by falling length.
        """
        encoded, failed = self._encode(tasks)
        yield failed
        waveforms = [sample.inputs[self.input_name] for _, sample in encoded]
        for batch in plan_batches([len(waveform) for waveform in waveforms], batch_samples=BATCH_SAMPLES):
            logits, latent = predict_batch(
                self.model.predict,
                [waveforms[index] for index in batch],
                count_frames=self.model.count_frames,
            )
            yield self._score_finite([encoded[index] for index in batch], logits, latent)

    def _encode(self, tasks: Sequence[Task]) -> tuple[list[tuple[Task, DatasetSample]], list[Row]]:
        """Get the samples, their audio without its padding; rows of those that fail."""
        encoded, failed = [], []
        with threadpool_limits(limits=1):  # threads cost more than they save on a recording's spectrum
            for task in tasks:
                try:
                    sample = self.loader.get_sample(_state(task), task.sample_id)
                    self._cut_padding(sample)
                    encoded.append((task, sample))
                except Exception as error:  # whatever the entry file raises belongs to this utterance
                    failed.append(self._fail(task, error))
        return encoded, failed

    def _cut_padding(self, sample: DatasetSample) -> None:
        """Leave out the zeros after the audio, which are most of a window's memory."""
        audio = sample.inputs[self.input_name]
        self._input_width = len(audio)
        sample.inputs[self.input_name] = audio[: count_samples(audio)].copy()

    def _stack(self, name: str, samples: Sequence[DatasetSample]) -> np.ndarray:
        """Stack an input or ground truth of several samples, the audio padded again."""
        arrays = [(sample.inputs | sample.gt)[name] for sample in samples]
        if name == self.input_name:
            arrays = [np.pad(audio, (0, self._input_width - len(audio))) for audio in arrays]
        return np.stack(arrays)

    def _score_finite(
        self, encoded: Sequence[tuple[Task, DatasetSample]], logits: np.ndarray, latent: np.ndarray
    ) -> list[Row]:
        """Score the utterances of a batch whose logits are numbers; the others fail, each by its name."""
        broken = ~np.isfinite(logits).all(axis=2)
        finite = np.flatnonzero(~broken.any(axis=1)).tolist()
        failed = [
            self._fail(task, _refuse_logits(task, frames))
            for (task, _), frames in zip(encoded, broken, strict=True)
            if frames.any()
        ]
        if not finite:
            return failed
        return failed + self._score([encoded[index] for index in finite], logits[finite], latent[finite])

    def _score(
        self, encoded: Sequence[tuple[Task, DatasetSample]], logits: np.ndarray, latent: np.ndarray
    ) -> list[Row]:
        """Run metrics, loss and visualizers over a batch; over single utterances when one of them fails."""
        tasks = [task for task, _ in encoded]
        wires = self._choose_wires(tasks)
        needed = {source for wire in wires for source in wire.sources.values()}
        tensors = {
            name: self._stack(name, [sample for _, sample in encoded])
            for name in sorted(needed - {PREDICTION})
        }
        tensors = store_as_engine({**tensors, PREDICTION: logits})
        try:
            columns = self.run_batch(wires, tasks, tensors)
        except Exception as error:
            if len(encoded) == 1:
                return [self._fail(encoded[0][0], error)]
            alone = [
                self._score([pair], logits[index : index + 1], latent[index : index + 1])
                for index, pair in enumerate(encoded)
            ]
            return [row for rows in alone for row in rows]
        return [
            self._make_row(
                task, sample, {key: values[index] for key, values in columns.items()}, latent[index]
            )
            | describe_hypothesis(tensors[PREDICTION][index], frame_duration_s=self.model.frame_duration_s)
            for index, (task, sample) in enumerate(encoded)
        ]

    def _choose_wires(self, tasks: Sequence[Task]) -> list[Wire]:
        """Leave out the visualizers that no task wants."""
        every = any(task.drawn for task in tasks)
        return [wire for wire in self.wires if every or wire.kind != "Visualizer" or wire.name in KEPT_TEXTS]

    def run_batch(
        self, wires: Sequence[Wire], tasks: Sequence[Task], tensors: dict[str, np.ndarray]
    ) -> dict[str, list[Any]]:
        """Run metrics, losses and visualizers.

        Args:
            wires: of them.
            tasks: of the batch.
            tensors: as the engine stored them, each (B, ...), by the names of `Wire.sources`.

        Returns:
            One value per utterance of each metric and loss, and the texts of `KEPT_TEXTS`.
        """
        columns: dict[str, list[Any]] = {}
        for wire in wires:
            arguments = {name: tensors[source] for name, source in wire.sources.items()}
            run = self._show if wire.kind == "Visualizer" else self._measure
            columns |= run(wire, tasks, arguments)
        return columns

    def _measure(
        self, wire: Wire, tasks: Sequence[Task], arguments: dict[str, np.ndarray]
    ) -> dict[str, list[Any]]:
        """Run a metric or loss over the batch."""
        run = self.loader.run_metric if wire.kind == "Metric" else self.loader.run_custom_loss
        ids = np.array([task.sample_id for task in tasks])
        result = run(wire.name, ids, self._loader_state, dict(arguments))
        named = result if isinstance(result, dict) else {wire.name: result}
        return {name: [float(value) for value in values] for name, values in named.items()}

    def _show(
        self, wire: Wire, tasks: Sequence[Task], arguments: dict[str, np.ndarray]
    ) -> dict[str, list[Any]]:
        """Run a visualizer utterance by utterance: where its text is kept, else where `Task.drawn` asks.

        Pictures get the logits of the whole input, as on the platform: their time axis follows from it.
        """
        kept = wire.name in KEPT_TEXTS
        widened = [] if kept else [name for name, source in wire.sources.items() if source == PREDICTION]
        shown = [
            self.loader.run_visualizer(
                wire.name,
                np.array([task.sample_id]),
                self._loader_state,
                {
                    name: self._widen(values[index]) if name in widened else values[index]
                    for name, values in arguments.items()
                },
            )
            for index, task in enumerate(tasks)
            if kept or task.drawn
        ]
        return {wire.name: [" ".join(text.data).strip() for text in shown]} if kept else {}

    def _widen(self, logits: np.ndarray) -> np.ndarray:
        """Extend logits to the frames that the model makes of its whole input."""
        return pad_logits(logits, frames=self.model.count_frames(self._input_width)).astype(logits.dtype)

    @cached_property
    def _loader_state(self) -> Any:
        from code_loader.contract.enums import DataStateEnum

        return DataStateEnum[STATE]

    def _make_row(self, task: Task, sample: DatasetSample, values: Row, latent: np.ndarray) -> Row:
        missing = sample.metadata_is_none
        metadata = {key: None if missing[key] else value for key, value in sample.metadata.items()}
        spaces = {name: vector.tolist() for name, vector in (sample.custom_latent_spaces or {}).items()}
        return {**start_row(task), **values, **metadata, **spaces, "latent": latent.tolist()}

    def _fail(self, task: Task, error: Exception) -> Row:
        """Make the row of a failed task; with the transcript when the corpus can be read."""
        known = isinstance(error, ValueError | FileNotFoundError)
        reason = str(error) if known and str(error) else f"{type(error).__name__}: {error}"
        with contextlib.suppress(Exception):
            text = self.split.utterance(task.utterance_id).text
            return {**start_row(task), "error": reason, "reference": text, "hypothesis": ""}
        return {**start_row(task), "error": reason, "reference": "", "hypothesis": ""}

    @cached_property
    def split(self) -> Split:
        """The utterances to evaluate."""
        return self.loader._preprocess_result()[self._loader_state].data

    @cached_property
    def schema(self) -> pyarrow.Schema:
        """Columns of the results table, from what is registered."""
        return make_schema(self.wires, self.loader)


def _refuse_logits(task: Task, broken: np.ndarray) -> ValueError:
    return ValueError(
        f"{task.utterance_id}: logits must be finite; frames with NaN or infinity received: "
        f"{np.count_nonzero(broken)}. Look at the model's weights, and at this recording's audio."
    )


def open_model(path: Path) -> Model:
    """Load and compile a model.

    Args:
        path: the Keras file.
    """
    model = load_model(path)
    strides = model.configuration.conv_stride
    return Model(compile_model(model), model.configuration.count_frames, measure_frame_duration(strides))


def _state(task: Task) -> Any:
    from code_loader.contract.enums import DataStateEnum

    return DataStateEnum[STATE] if task.simulation is None else DataStateEnum.additional
