"""The model under training, taken on step by step, and everything that a checkpoint holds of it.

The transformer computes in bfloat16, the weights stay float32; an exponential average of them is what gets measured and
saved.
"""

import functools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from librispeech_clf.atomic_write import atomic_write
from librispeech_clf.ctc.frames import SAMPLING_RATE_HZ
from librispeech_clf.development.training.augmentation import draw_masks
from librispeech_clf.development.training.batches import Batch, Recording
from librispeech_clf.development.training.checkpoint import read_checkpoint, write_checkpoint
from librispeech_clf.development.training.development import (
    DevelopmentRates,
    compile_plain,
    measure_error_rates,
)
from librispeech_clf.development.training.phases import CTC, MEL, build_model, build_phases, using_policy
from librispeech_clf.development.training.settings import TrainingSettings, describe
from librispeech_clf.local.model.inference import Predict

if TYPE_CHECKING:
    import keras

MODEL, LOG = "wav2vec.h5", "log.jsonl"
MOST_SKIPPED = 20
"""Steps in a row whose gradient may be NaN or infinite."""


@dataclass
class State:
    """Where a run is.

    Attributes:
        phase: MEL or CTC.
        step: steps taken in the phase.
        epoch: number of the epoch.
        batch: number of its next batch.
        seconds: training took so far.
        audio_s: audio trained on so far, padding included.
        loss_sum: of the steps since the last entry of the log.
        loss_count: their number.
        skipped: steps whose gradient was NaN or infinite, so that they changed nothing.
        skipped_in_row: of them those without another step since.
        measured: step of the last measurement of the development set, -1 before the first.
        best: step and error rates of the best average so far.
    """

    phase: str = CTC
    step: int = 0
    epoch: int = 0
    batch: int = 0
    seconds: float = 0.0
    audio_s: float = 0.0
    loss_sum: float = 0.0
    loss_count: int = 0
    skipped: int = 0
    skipped_in_row: int = 0
    measured: int = -1
    best: dict[str, float] | None = None


class Trainer:
    """The model under training with its optimizers, its average, its log and its place in the material."""

    def __init__(
        self,
        settings: TrainingSettings,
        folder: Path,
        *,
        source: Path | None = None,
        material: dict[str, Any] | None = None,
    ):
        """Build the model; take up the checkpoint in `folder` if there is one.

        Args:
            settings: what decides the weights.
            folder: of the run; exists.
            source: the `.h5` to start from; None starts the compact model from random weights.
            material: what `Material.describe` returns; a checkpoint of another one is refused.

        Raises:
            ValueError: the checkpoint is damaged, or of other settings, another material or another model; or the
                settings freeze random weights.
        """
        import keras

        self.settings, self.folder = settings, folder
        self.origin = {
            "settings": describe(settings),
            "from": str(source) if source else None,
            "material": material,
        }
        self.state = State(phase=MEL if settings.mel_steps and not source else CTC)
        self.log: list[dict[str, Any]] = []
        keras.utils.set_random_seed(settings.seed)
        with using_policy("mixed_bfloat16"):
            self.model = build_model(settings, source)
            self._phases = build_phases(self.model, settings, with_mel=self.state.phase == MEL)
        self.average = [np.array(weight.numpy()) for weight in self.model.weights]
        if (stored := read_checkpoint(folder)) is not None:
            self._restore(*stored)

    @property
    def finished(self) -> bool:
        """Whether all steps are taken."""
        return self.state.phase == CTC and self.state.step >= self.settings.steps

    def step(self, batch: Batch) -> None:
        """Take one optimizer step and move the average; a gradient of NaN or infinity changes nothing.

        Raises:
            ValueError: the gradients of `MOST_SKIPPED` batches in a row were such.
        """
        state, phase = self.state, self._phases[self.state.phase]
        if state.phase == CTC:
            phase.optimizer.learning_rate = self.settings.learning_rate(state.step)
        masks = self._draw_masks(batch)
        loss, finite = phase.step(batch.audio, batch.labels, batch.label_lengths, *masks)
        if finite:
            state.loss_sum, state.loss_count = state.loss_sum + float(loss), state.loss_count + 1
            state.skipped_in_row = 0
        else:
            self._skip()
        if state.phase == CTC:
            self._move_average()
        state.step, state.batch = state.step + 1, batch.number + 1
        state.audio_s += batch.audio.size / SAMPLING_RATE_HZ

    def _draw_masks(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        configuration = self.model.configuration
        return draw_masks(
            [configuration.count_frames(int(samples)) for samples in batch.samples],
            width=configuration.count_frames(batch.audio.shape[1]),
            channels=configuration.hidden_size,
            settings=self.settings.masking,
            generator=np.random.default_rng((self.settings.seed, self.state.epoch, batch.number, 1)),
        )

    def _skip(self) -> None:
        self.state.skipped += 1
        self.state.skipped_in_row += 1
        if self.state.skipped_in_row >= MOST_SKIPPED:
            raise ValueError(
                f"{self.folder}: the gradients of {MOST_SKIPPED} batches in a row are not finite; start again with a "
                "lower peak_learning_rate and another --out."
            )

    def _move_average(self) -> None:
        step = self.state.step
        momentum = min(self.settings.average_momentum, (1 + step) / (10 + step))
        for average, weight in zip(self.average, self.model.weights, strict=True):
            average += (1 - momentum) * (weight.numpy() - average)

    def enter_ctc(self) -> None:
        """Begin the second phase."""
        self.state.phase, self.state.step = CTC, 0

    def note_loss(self, rates: DevelopmentRates | None = None) -> None:
        """Put the mean loss since the last entry, and error rates if they were measured, into the log."""
        state = self.state
        names = ("phase", "step", "epoch", "batch", "seconds", "audio_s", "skipped")
        entry: dict[str, Any] = {name: getattr(state, name) for name in names}
        if state.loss_count:
            entry["loss"] = state.loss_sum / state.loss_count
        if rates is not None:
            entry["development"] = asdict(rates)
        self.log.append(entry)
        state.loss_sum, state.loss_count = 0.0, 0

    def measure(self, development: Sequence[Recording]) -> None:
        """Measure the average on the development set; write it as the model if it is the best so far."""
        state = self.state
        self._update_averaged()
        count_frames = self.model.configuration.count_frames
        rates = measure_error_rates(self._predict_averaged, development, count_frames=count_frames)
        state.measured = state.step
        self.note_loss(rates)
        if state.best is None or (rates.wer, rates.cer) < (state.best["wer"], state.best["cer"]):
            state.best = {"step": state.step, **asdict(rates)}
            self.export()

    @functools.cached_property
    def _averaged(self) -> "keras.Model":
        """The model in float32 whose weights are the average, as of the last `_update_averaged`."""
        from librispeech_clf.local.model.graph import build_wav2vec2

        with using_policy("float32"):
            return build_wav2vec2(self.model.configuration)

    @functools.cached_property
    def _predict_averaged(self) -> Predict:
        with using_policy("float32"):
            return compile_plain(self._averaged)

    def _update_averaged(self) -> None:
        """Take over the average, rounded to float16 as it is saved."""
        for target, array in zip(self._averaged.weights, self.average, strict=True):
            target.assign(array.astype(np.float16))

    def export(self) -> None:
        """Write the averaged weights, rounded to float16, as a compressed `.h5` into the run's folder."""
        from librispeech_clf.local.model.save import save_model

        self._update_averaged()
        with using_policy("float32"):
            save_model(self._averaged, self.folder / MODEL, compressed=True)
        self.write_record()

    def write_record(self) -> None:
        """Write what the model card tells of the training beside the model, whole: origin, state and log."""
        path = (self.folder / MODEL).with_suffix(".training.json")
        atomic_write(path, (json.dumps(self._describe(), indent=1) + "\n").encode())

    def _describe(self) -> dict[str, Any]:
        return {**self.origin, "state": asdict(self.state), "log": self.log}

    def save(self) -> None:
        """Write the checkpoint, and the log for people to read, each whole or not at all."""
        arrays = [*(np.asarray(variable.numpy()) for variable in self._variables()), *self.average]
        write_checkpoint(self.folder, arrays, self._describe())
        lines = "".join(json.dumps(entry) + "\n" for entry in self.log)
        atomic_write(self.folder / LOG, lines.encode())

    def _variables(self) -> list:
        """Return what a checkpoint holds besides the average: weights, seeds and the optimizers' memory, each once."""
        every = [*self.model.variables]
        for phase in self._phases.values():
            every += [*phase.variables, *phase.optimizer.variables]
        return list({id(variable): variable for variable in every}.values())

    def _restore(self, arrays: list[np.ndarray], record: dict[str, Any]) -> None:
        for name, remedy in _REMEDIES.items():
            if _lasting(name, record.get(name)) != _lasting(name, self.origin[name]):
                raise ValueError(
                    f"{self.folder}: its checkpoint is of another run, {name}: {record.get(name)}; received "
                    f"{self.origin[name]}. {remedy}"
                )
        variables = self._variables()
        targets = [*variables, *self.average]
        if [array.shape for array in arrays] != [tuple(target.shape) for target in targets]:
            raise ValueError(
                f"{self.folder}: its checkpoint is of another model or optimizer: it holds {len(arrays)} arrays, this "
                f"one has {len(targets)} or other shapes. Give another --out, or the version that wrote it."
            )
        for variable, array in zip(variables, arrays, strict=False):
            variable.assign(array)
        self.average = arrays[len(variables) :]
        self.state, self.log = State(**record["state"]), record["log"]


_REMEDIES = {
    "settings": "Give the same ones (steps and falling_steps may differ) or another --out.",
    "from": "Start from the same model, or give another --out.",
    "material": "Give the same material, or start another --out from this one's model with --from.",
}


def _lasting(name: str, value: Any) -> Any:
    """Return what must not change when a run is taken up."""
    if name != "settings" or not isinstance(value, dict):
        return value
    return {key: item for key, item in value.items() if key not in ("steps", "falling_steps")}
