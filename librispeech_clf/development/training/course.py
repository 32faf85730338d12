"""The course of a training run: epoch after epoch, measured, logged and saved when it is due.

A killed run is taken up at its last checkpoint and then takes the steps it would have taken.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from librispeech_clf.atomic_write import output_lock
from librispeech_clf.development.training.batches import Recording, iterate_batches, make_ahead
from librispeech_clf.development.training.material import Material
from librispeech_clf.development.training.phases import CTC, MEL
from librispeech_clf.development.training.settings import TrainingSettings
from librispeech_clf.development.training.trainer import Trainer

CHECKPOINT_S = 300.0
"""Seconds from one checkpoint to the next: at most what a killed run loses, besides one step or one measurement."""


def train(
    settings: TrainingSettings,
    *,
    material: Material,
    development: Sequence[Recording],
    folder: Path,
    source: Path | None = None,
    checkpoint_s: float = CHECKPOINT_S,
    report: Callable[[Trainer], None] = lambda trainer: None,
) -> Trainer:
    """Train until `settings.steps`, taking up an earlier run in `folder`.

    Args:
        settings: what decides the weights.
        material: what to train on.
        development: what to measure the error rate on; where it is empty, the last average becomes the model.
        folder: receives checkpoint, log and model.
        source: the `.h5` to start from.
        checkpoint_s: seconds from one checkpoint to the next.
        report: called after every step.

    Returns:
        The trainer at its end; the best average is `MODEL` in the folder.
    """
    with output_lock(folder, "training"):
        trainer = Trainer(settings, folder, source=source, material=material.describe())
        watch = _Watch(trainer, development, checkpoint_s)
        watch.tend()

        def after_step() -> None:
            watch.tend()
            report(trainer)

        while not trainer.finished:
            _train_epoch(trainer, material, after_step=after_step)
        if development:
            trainer.write_record()
        else:
            trainer.export()
    return trainer


def _train_epoch(trainer: Trainer, material: Material, *, after_step: Callable[[], None]) -> None:
    """Take the steps of an epoch from the trainer's place on."""
    state, settings = trainer.state, trainer.settings
    batches = iterate_batches(
        material.epoch(state.epoch),
        seconds_per_batch=settings.seconds_per_batch,
        augmentation=settings.augmentation,
        fits=material.fits,
        seed=settings.seed,
        epoch=state.epoch,
        start=state.batch,
    )
    with closing(make_ahead(batches)) as ahead:
        for batch in ahead:
            trainer.step(batch)
            after_step()
            if trainer.finished:
                return
    if state.batch == 0:
        raise ValueError("Nothing to train on: no recording of the epoch can be read.")
    state.epoch, state.batch = state.epoch + 1, 0


class _Watch:
    """Measures, logs and saves when it is due."""

    def __init__(self, trainer: Trainer, development: Sequence[Recording], checkpoint_s: float):
        self.trainer, self.development, self.checkpoint_s = trainer, development, checkpoint_s
        self.saved = self.seen = time.perf_counter()

    def tend(self) -> None:
        """Do what is due after a step; also what a killed run did not come to."""
        trainer, state, settings = self.trainer, self.trainer.state, self.trainer.settings
        now = time.perf_counter()
        state.seconds, self.seen = state.seconds + now - self.seen, now
        if state.phase == MEL and state.step >= settings.mel_steps:
            trainer.note_loss()
            trainer.enter_ctc()
        if self._measurement_due():
            self._save()
            trainer.measure(self.development)
            self._save()
        elif state.loss_count and (state.step % settings.log_every == 0 or trainer.finished):
            trainer.note_loss()
        if trainer.finished or now - self.saved >= self.checkpoint_s:
            self._save()

    def _measurement_due(self) -> bool:
        state = self.trainer.state
        due = state.step % self.trainer.settings.evaluate_every == 0 or self.trainer.finished
        return bool(self.development) and state.phase == CTC and due and state.measured != state.step

    def _save(self) -> None:
        self.trainer.save()
        self.saved = time.perf_counter()
