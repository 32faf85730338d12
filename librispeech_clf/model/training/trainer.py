"""`poetry run train-model`: train the compact model from scratch on synthetic speech, on a CPU, resumably.

Two phases. First the convolutions learn to regress the log-mel spectrum, so that the transformer need not wait for
spectral analysis to emerge from CTC; then the whole model learns CTC with TensorFlow's native kernel
(`tf.compat.v1.nn.ctc_loss`; the dense one is some hundred times slower). The transformer computes in bfloat16, the
weights stay float32.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from librispeech_clf.model.architecture import COMPACT
from librispeech_clf.model.training.batches import (
    SAMPLING_RATE,
    Augmentation,
    Batch,
    Recording,
    iterate_batches,
    read_shard,
)
from librispeech_clf.text.plain_text import print_plain

MEL_BANDS = 80
WINDOW, HOP = 400, 320
"""Receptive field and stride of the convolutions, in samples."""


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that decides the trained weights besides the material.

    Attributes:
        seed: of weights, batches and augmentation.
        mel_steps: steps of the first phase.
        steps: steps of the second phase.
        seconds_per_batch: most audio in a batch, padding included.
        peak_learning_rate: reached after `warmup_steps` of linear rise, kept until the fall.
        warmup_steps: steps of linear rise.
        falling_steps: the last steps, over which the rate falls linearly to nothing. Before them a run depends neither
            on this nor on `steps`, so it may be taken up with other numbers.
        weight_decay: of matrices.
        gradient_norm: gradients are clipped to this global norm.
        dropout: share of activations dropped in the transformer.
        average_momentum: of the exponential average of the weights, which is what gets saved as the model.
    """

    seed: int = 0
    mel_steps: int = 200
    steps: int = 4000
    seconds_per_batch: float = 64.0
    peak_learning_rate: float = 1e-3
    warmup_steps: int = 300
    falling_steps: int = 1000
    weight_decay: float = 0.01
    gradient_norm: float = 1.0
    dropout: float = 0.0
    average_momentum: float = 0.998


def learning_rate_at(step: int, settings: TrainingSettings) -> float:
    """Return the learning rate of a step: linear rise, plateau, linear fall."""
    rise = (step + 1) / settings.warmup_steps
    fall = (settings.steps - step) / settings.falling_steps
    return settings.peak_learning_rate * min(1.0, rise, fall)


def read_material(folder: Path, *, most_shards: int | None = None) -> list[Recording]:
    """Read the shards of `make_training_material` in a folder.

    Raises:
        FileNotFoundError: the folder holds no shard.
    """
    paths = sorted(folder.glob("training-*.parquet"))[:most_shards]
    if not paths:
        raise FileNotFoundError(
            f"{folder} holds no training-*.parquet; make them with `poetry run make-training-material --out {folder}`."
        )
    return [recording for path in paths for recording in read_shard(path)]


def log_mel_targets(audio, mask):
    """Return the log-mel spectrum over the windows that the convolutions see.

    Args:
        audio: tensor float32 (B, N).
        mask: tensor float32 (B, T), 1 at valid frames.

    Returns:
        Tensor float32 (B, T, MEL_BANDS): logarithm of power, every band with zero mean and unit variance over the
        valid frames of its row, zero elsewhere.
    """
    import tensorflow as tf

    spectrum = tf.abs(tf.signal.stft(audio, WINDOW, HOP, fft_length=512))[:, : tf.shape(mask)[1]] ** 2
    bank = tf.signal.linear_to_mel_weight_matrix(MEL_BANDS, 257, SAMPLING_RATE, 60.0, 7600.0)
    logarithm = tf.math.log(tf.matmul(spectrum, bank) + 1e-2)
    valid = tf.cast(mask, tf.float32)[:, :, None]
    mean, variance = tf.nn.weighted_moments(logarithm, axes=[1], frequency_weights=valid, keepdims=True)
    return (logarithm - mean) * tf.math.rsqrt(variance + 1e-3) * valid


def count_feasible(labels, label_lengths):
    """Return how many frames each label row needs: its letters and a blank between equal neighbours."""
    import tensorflow as tf

    repeated = tf.cast((labels[:, 1:] == labels[:, :-1]) & (labels[:, 1:] != 0), tf.int32)
    return label_lengths + tf.reduce_sum(repeated, axis=1)


def native_ctc_loss(logits, labels, label_lengths, frames):
    """Return the CTC loss per row by TensorFlow's native kernel.

    Args:
        logits: tensor float32 (B, T, V), blank first.
        labels: tensor int32 (B, L), padded with 0.
        label_lengths: tensor int32 (B,).
        frames: tensor int32 (B,), valid frames of each row.

    Returns:
        Tensor float32 (B,), in nats; 0 where the label does not fit into the frames.
    """
    import tensorflow as tf

    blank_last = tf.roll(logits, shift=-1, axis=2)
    positions = tf.where(tf.sequence_mask(label_lengths, tf.shape(labels)[1]))
    sparse = tf.SparseTensor(
        positions, tf.gather_nd(labels, positions) - 1, tf.shape(labels, out_type=tf.int64)
    )
    return tf.compat.v1.nn.ctc_loss(
        labels=sparse,
        inputs=blank_last,
        sequence_length=frames,
        time_major=False,
        ignore_longer_outputs_than_inputs=True,
    )


class Trainer:
    """The model under training with its optimizer, its average and its place in the material."""

    def __init__(self, settings: TrainingSettings, folder: Path):
        """Build the model; take up the checkpoint in `folder` if there is one."""
        import keras

        from librispeech_clf.model.fused import fuse_for_training
        from librispeech_clf.model.graph import build_wav2vec2
        from librispeech_clf.model.training.optimizer import MatrixMuon

        keras.utils.set_random_seed(settings.seed)
        keras.config.set_dtype_policy("mixed_bfloat16")
        self.settings, self.folder = settings, folder
        self.model = build_wav2vec2(COMPACT, dropout=settings.dropout)
        graph = fuse_for_training(self.model, dropout=settings.dropout)
        mel = keras.layers.Dense(MEL_BANDS, dtype="float32", name="mel")(graph.features)
        self.mel_model = keras.Model(graph.audio, [mel, graph.mask])
        self.ctc_model = keras.Model(graph.audio, [graph.logits, graph.mask])
        self.optimizers = {
            "mel": keras.optimizers.AdamW(3e-3, weight_decay=0.0, global_clipnorm=settings.gradient_norm),
            "ctc": MatrixMuon(
                settings.peak_learning_rate,
                weight_decay=settings.weight_decay,
                adam_weight_decay=0.0,
                adam_beta_2=0.98,
                global_clipnorm=settings.gradient_norm,
                exclude_layers=["feature_encoder_0", "positional_convolution", "lm_head"],
            ),
        }
        self.optimizers["mel"].build(self.mel_model.trainable_variables)
        self.optimizers["ctc"].build(self.model.trainable_variables)
        self.average = [variable.numpy() for variable in self.model.trainable_variables]
        self.state: dict[str, Any] = {
            "phase": "mel",
            "step": 0,
            "epoch": 0,
            "batch": 0,
            "seconds": 0.0,
            "audio_s": 0.0,
        }
        self._steps = {"mel": self._compile(self._mel_loss), "ctc": self._compile(self._ctc_loss)}
        if self._checkpoint.exists():
            self._restore()

    @property
    def _checkpoint(self) -> Path:
        return self.folder / "checkpoint.npz"

    def _variables(self) -> list:
        optimizers = [variable for name in ("mel", "ctc") for variable in self.optimizers[name].variables]
        return [*self.mel_model.variables, *self.model.variables, *optimizers]

    def save(self) -> None:
        """Write the checkpoint whole or not at all."""
        arrays = {f"variable_{index}": variable.numpy() for index, variable in enumerate(self._variables())}
        arrays |= {f"average_{index}": array for index, array in enumerate(self.average)}
        arrays |= {
            "state": np.array(json.dumps(self.state)),
            "settings": np.array(json.dumps(asdict(self.settings))),
        }
        temporary = self.folder / "checkpoint.tmp.npz"
        np.savez(temporary, **arrays)
        os.replace(temporary, self._checkpoint)

    def _restore(self) -> None:
        with np.load(self._checkpoint) as stored:
            settings = json.loads(str(stored["settings"]))
            ending = {"steps": self.settings.steps, "falling_steps": self.settings.falling_steps}
            if {**settings, **ending} != asdict(self.settings):
                raise ValueError(
                    f"{self._checkpoint} was trained with other settings: {settings}; received "
                    f"{asdict(self.settings)}. Give the same ones or another --out."
                )
            variables = self._variables()
            shapes = [stored[name].shape for name in stored if name.startswith("variable_")]
            if shapes != [tuple(variable.shape) for variable in variables]:
                raise ValueError(
                    f"{self._checkpoint} is of another model or optimizer: it holds {len(shapes)} variables, this one "
                    f"has {len(variables)} or other shapes. Give another --out, or the version that wrote it."
                )
            for index, variable in enumerate(variables):
                variable.assign(stored[f"variable_{index}"])
            self.average = [stored[f"average_{index}"] for index in range(len(self.average))]
            self.state = json.loads(str(stored["state"]))

    def _mel_loss(self, batch):
        import tensorflow as tf

        predicted, mask = self.mel_model(batch[0], training=True)
        target = log_mel_targets(batch[0], mask)
        valid = tf.cast(mask, tf.float32)[:, :, None]
        return tf.reduce_sum(tf.square(predicted - target) * valid) / (tf.reduce_sum(valid) * MEL_BANDS)

    def _ctc_loss(self, batch):
        import tensorflow as tf

        audio, labels, label_lengths = batch
        logits, mask = self.ctc_model(audio, training=True)
        frames = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
        losses = native_ctc_loss(logits, labels, label_lengths, frames)
        return tf.reduce_sum(losses) / tf.cast(tf.reduce_sum(label_lengths), tf.float32)

    def _compile(self, loss_function):
        import tensorflow as tf

        phase = "mel" if loss_function == self._mel_loss else "ctc"
        model = self.mel_model if phase == "mel" else self.model
        optimizer = self.optimizers[phase]

        def step(audio, labels, label_lengths):
            with tf.GradientTape() as tape:
                loss = loss_function((audio, labels, label_lengths))
            gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
            optimizer.apply(gradients, model.trainable_variables)
            return loss

        signature = [
            tf.TensorSpec((None, None), tf.float32),
            tf.TensorSpec((None, None), tf.int32),
            tf.TensorSpec((None,), tf.int32),
        ]
        return tf.function(step, input_signature=signature)

    def step(self, batch: Batch) -> float:
        """Take one optimizer step and move the average; return the loss (CTC: nats a letter)."""
        phase = self.state["phase"]
        if phase == "ctc":
            self.optimizers["ctc"].learning_rate = learning_rate_at(self.state["step"], self.settings)
        loss = float(self._steps[phase](batch.audio, batch.labels, batch.label_lengths))
        if phase == "ctc":
            momentum = min(
                self.settings.average_momentum, (1 + self.state["step"]) / (10 + self.state["step"])
            )
            for average, variable in zip(self.average, self.model.trainable_variables, strict=True):
                average += (1 - momentum) * (variable.numpy() - average)
        self.state["step"] += 1
        self.state["batch"] += 1
        self.state["audio_s"] += batch.audio.size / SAMPLING_RATE
        return loss

    def export(self, path: Path) -> None:
        """Write the averaged weights, rounded to float16, as a compressed `.h5`; beside it what `evaluate-model` reads.

        Args:
            path: of the model; settings, state and log go to `NAME.training.json`. Each is written whole or not at all.
        """
        import keras

        from librispeech_clf.model.graph import build_wav2vec2
        from librispeech_clf.model.save import save_model

        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy("float32")
        try:
            exported = build_wav2vec2(COMPACT)
            for target, array in zip(exported.trainable_variables, self.average, strict=True):
                target.assign(array.astype(np.float16))
        finally:
            keras.config.set_dtype_policy(policy)
        save_model(exported, path, compressed=True)
        lines = (self.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
        record = {
            "settings": asdict(self.settings),
            "state": self.state,
            "log": [json.loads(line) for line in lines],
        }
        temporary = path.with_name(f"{path.stem}.tmp.json")
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, path.with_suffix(".training.json"))


def _prefetch(batches: Iterator[Batch], depth: int = 3) -> Iterator[Batch]:
    """Make batches in a second thread while the model trains."""
    import queue
    import threading

    waiting: queue.Queue = queue.Queue(depth)
    end = object()

    def fill() -> None:
        try:
            for batch in batches:
                waiting.put(batch)
            waiting.put(end)
        except BaseException as error:  # handed to the training thread, which raises it
            waiting.put(error)

    threading.Thread(target=fill, daemon=True).start()
    while (item := waiting.get()) is not end:
        if isinstance(item, BaseException):
            raise item
        yield item


def train(
    settings: TrainingSettings,
    *,
    material: Path,
    folder: Path,
    checkpoint_every: int = 200,
    most_shards: int | None = None,
) -> Trainer:
    """Train until `settings.steps`, taking up an earlier run in `folder`.

    Args:
        settings: what decides the weights.
        material: folder of `training-*.parquet`, read anew at every epoch.
        folder: receives `checkpoint.npz`, `log.jsonl` and the exported model.
        checkpoint_every: steps between checkpoints.
        most_shards: read only so many shards.

    Returns:
        The trainer at its end.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(settings, folder)
    state = trainer.state
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress, open(folder / "log.jsonl", "a") as log:
        task = progress.add_task("training", total=settings.mel_steps + settings.steps)
        while not _finished(state, settings):
            recordings = read_material(material, most_shards=most_shards)
            batches = iterate_batches(
                recordings,
                seconds_per_batch=settings.seconds_per_batch,
                augmentation=Augmentation(),
                seed=settings.seed,
                epoch=state["epoch"],
                start=state["batch"],
            )
            losses: list[float] = []
            started = time.perf_counter()
            for batch in _prefetch(batches):
                losses.append(trainer.step(batch))
                done = state["step"] + (settings.mel_steps if state["phase"] == "ctc" else 0)
                progress.update(task, completed=done, description=f"{state['phase']} loss {losses[-1]:.3f}")
                if len(losses) == checkpoint_every or _phase_ends(state, settings):
                    state["seconds"] += time.perf_counter() - started
                    entry = {**state, "loss": float(np.mean(losses)), "recordings": len(recordings)}
                    log.write(json.dumps(entry) + "\n")
                    log.flush()
                    trainer.save()
                    losses, started = [], time.perf_counter()
                if _phase_ends(state, settings):
                    break
            else:
                state["seconds"] += time.perf_counter() - started
                state.update(epoch=state["epoch"] + 1, batch=0)
            if state["phase"] == "mel" and _phase_ends(state, settings):
                state.update(phase="ctc", step=0)
    trainer.save()
    return trainer


def _phase_ends(state: dict, settings: TrainingSettings) -> bool:
    return state["step"] >= (settings.mel_steps if state["phase"] == "mel" else settings.steps)


def _finished(state: dict, settings: TrainingSettings) -> bool:
    return state["phase"] == "ctc" and _phase_ends(state, settings)


def main(arguments: list[str] | None = None) -> None:
    """Command line of `train-model`."""
    parser = argparse.ArgumentParser(prog="train-model", description=__doc__)
    parser.add_argument("--material", type=Path, required=True, help="folder of make-training-material")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for checkpoint, log and model; resumed if there"
    )
    parser.add_argument("--steps", type=int, default=TrainingSettings.steps)
    parser.add_argument("--falling-steps", type=int, default=TrainingSettings.falling_steps)
    parser.add_argument("--mel-steps", type=int, default=TrainingSettings.mel_steps)
    parser.add_argument("--seed", type=int, default=TrainingSettings.seed)
    parser.add_argument("--shards", type=int, default=None, help="read only so many shards")
    options = parser.parse_args(arguments)
    settings = TrainingSettings(
        seed=options.seed,
        steps=options.steps,
        falling_steps=options.falling_steps,
        mel_steps=options.mel_steps,
    )
    trainer = train(settings, material=options.material, folder=options.out, most_shards=options.shards)
    trainer.export(options.out / "wav2vec.h5")
    print_plain(f"The trained model is {options.out / 'wav2vec.h5'}.")


if __name__ == "__main__":
    main()
