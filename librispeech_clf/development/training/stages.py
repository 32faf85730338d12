"""The stages of the training: the front end learns to give what Whisper's gives; the whole learns to write letters.

Both are bound by computing, not by data, on two cores: bfloat16, small batches, few passes over the material, and the
mean of the weights over the last steps. A stopped stage goes on at its last checkpoint.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from librispeech_clf.atomic_write import explain_disk
from librispeech_clf.ctc.frames import SAMPLING_RATE_HZ
from librispeech_clf.development.training.batches import Batch, make_ahead

if TYPE_CHECKING:
    import torch

GRADIENT_NORM = 1.0
ADAM_BETAS = (0.9, 0.98)
SHORTEST_ROW = 10
"""Numbers in a matrix's row above which Muon takes it: not the first convolution, whose scale its norm takes out."""
ORTHOGONAL = (3.4445, -4.7750, 2.0315)
"""Coefficients of Muon's Newton-Schulz iteration (Jordan 2024)."""


@dataclass(frozen=True)
class Course:
    """How a stage goes.

    Attributes:
        steps: of the whole stage.
        falling_steps: the last ones, in which the rate falls to 0 in a straight line.
        seconds: of audio in a batch.
        warmup_steps: with rising rate.
        front_rate: learning rate of convolutions, projection and positional convolution (Muon's in the first stage).
        inherited_rate: of the layers that Whisper gave.
        new_rate: of the layers above them and the letters.
        frozen_layers: the first ones, which stay as Whisper gave them.
        weight_decay: of AdamW.
        mean_decay: share of the old in the running mean of the weights, after each step.
        masked: share of the frames that are put out.
        masked_channels: share of the features' channels that are put out.
        consistency: weight of CR-CTC's loss; 0: none, and the batch is heard once.
        dropout: share of the numbers that each layer adds that are put out.
        log_steps: from one line of the log to the next.
        measure_steps: from one measurement and checkpoint to the next.
    """

    steps: int
    falling_steps: int
    seconds: float
    warmup_steps: int = 60
    front_rate: float = 0.0
    inherited_rate: float = 0.0
    new_rate: float = 0.0
    frozen_layers: int = 0
    weight_decay: float = 0.01
    mean_decay: float = 0.998
    masked: float = 0.04
    masked_channels: float = 0.0
    consistency: float = 0.0
    dropout: float = 0.0
    log_steps: int = 50
    measure_steps: int = 500

    def rate(self, step: int) -> float:
        """Return the share of the learning rates at a step."""
        return min(1.0, (step + 1) / self.warmup_steps, (self.steps - step) / max(1, self.falling_steps))


class Stage:
    """What all stages share: steps, mean of the weights, log and checkpoint.

    Attributes:
        student: the model that is trained.
        course: how.
        step: taken so far.
        audio_s: trained on so far, s.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        student: "torch.nn.Module",
        course: Course,
        trained: dict[str, float],
        *,
        muon: bool = False,
    ) -> None:
        """Set up, or take up at the checkpoint in the folder.

        Args:
            name: of the stage, and of its checkpoint.
            folder: of the run.
            student: as `student.make_student` returns it.
            course: of the stage.
            trained: learning rates by what a parameter's name begins with; the others are not trained.
            muon: train the matrices among them by Muon, at the course's front rate.
        """
        import torch

        self.name, self.folder, self.student, self.course = name, folder, student, course
        self.step, self.audio_s = 0, 0.0
        groups: list[dict[str, Any]] = [
            {
                "params": [value for key, value in student.named_parameters() if key.startswith(start)],
                "base": rate,
            }
            for start, rate in trained.items()
        ]
        self.parameters = [parameter for group in groups for parameter in group["params"]]
        self.matrices = {
            index: parameter
            for index, parameter in enumerate(self.parameters)
            if muon and parameter.numel() > len(parameter) * SHORTEST_ROW
        }
        by_muon = set(map(id, self.matrices.values()))
        for group in groups:
            group["params"] = [parameter for parameter in group["params"] if id(parameter) not in by_muon]
        self.optimizer = torch.optim.AdamW(groups, betas=ADAM_BETAS, weight_decay=course.weight_decay)
        self.mean = [parameter.detach().clone() for parameter in self.parameters]
        self.momentum: dict[int, torch.Tensor] = {}
        self._losses: list[float] = []
        self.checkpoint = folder / f"{name}.pt"
        if self.checkpoint.exists():
            stored = torch.load(self.checkpoint)
            self.student.load_state_dict(stored["student"])
            self.optimizer.load_state_dict(stored["optimizer"])
            self.mean, self.momentum = stored["mean"], stored["momentum"]
            self.step, self.audio_s = stored["step"], stored["audio_s"]

    def run(
        self,
        batches: Iterator[Batch],
        find_loss: "Callable[[Batch], torch.Tensor]",
        measure: Callable[[], dict[str, float]],
    ) -> None:
        """Take the steps that are left; at the end the student has the mean of the weights.

        Args:
            batches: without end.
            find_loss: of one batch.
            measure: figures of the student as it is, for the log.
        """
        import torch

        ahead = make_ahead(batches)
        began = time.monotonic()
        while self.step < self.course.steps:
            batch = next(ahead)
            rate = self.course.rate(self.step)
            for group in self.optimizer.param_groups:
                group["lr"] = group["base"] * rate
            loss = find_loss(batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(
                [p for group in self.optimizer.param_groups for p in group["params"]], GRADIENT_NORM
            )
            for index, matrix in self.matrices.items():
                self._turn(index, matrix, self.course.front_rate * rate)
            self.optimizer.step()
            self.student.zero_grad()
            self.step += 1
            self.audio_s += float(batch.samples.sum()) / SAMPLING_RATE_HZ
            self._losses.append(loss.item())
            decay = min(self.course.mean_decay, self.step / (self.step + 9))
            with torch.no_grad():
                for mean, parameter in zip(self.mean, self.parameters, strict=True):
                    mean.lerp_(parameter, 1 - decay)
            last = self.step == self.course.steps
            measured = last or self.step % self.course.measure_steps == 0
            if measured or self.step % self.course.log_steps == 0:
                figures = {}
                if measured:
                    self._swap()
                    with torch.no_grad():
                        figures = measure()
                    self._swap()
                self._log(figures, seconds=time.monotonic() - began)
            if measured:
                self._write()
        ahead.close()
        self._swap()

    def _turn(self, index: int, matrix: "torch.nn.Parameter", rate: float) -> None:
        """Take Muon's step: momentum, made orthogonal by Newton-Schulz in bfloat16."""
        import torch

        if matrix.grad is None:
            return
        momentum = self.momentum.setdefault(index, torch.zeros_like(matrix))
        momentum.lerp_(matrix.grad, 0.05)
        step = matrix.grad.lerp(momentum, 0.95).flatten(1).bfloat16()
        wide = step.shape[0] <= step.shape[1]
        step = (step if wide else step.t()) / (step.norm() + 1e-7)
        a, b, c = ORTHOGONAL
        for _ in range(5):
            square = step @ step.t()
            step = a * step + (b * square + c * (square @ square)) @ step
        step = (step if wide else step.t()).float()
        matrix.data.add_(
            step.reshape(matrix.shape), alpha=-rate * max(1.0, step.shape[0] / step.shape[1]) ** 0.5
        )

    def _swap(self) -> None:
        """Put the mean in place of the weights, and the weights in place of the mean."""
        import torch

        with torch.no_grad():
            for parameter, mean in zip(self.parameters, self.mean, strict=True):
                kept = parameter.detach().clone()
                parameter.copy_(mean)
                mean.copy_(kept)

    def _log(self, figures: dict[str, float], *, seconds: float) -> None:
        entry: dict[str, Any] = {
            "stage": self.name,
            "phase": "front" if self.matrices else "ctc",
            "step": self.step,
            "audio_s": round(self.audio_s, 1),
            "loss": round(float(np.mean(self._losses)), 4),
            "seconds": round(seconds),
        }
        self._losses.clear()
        if figures:
            entry["development"] = {name: round(value, 4) for name, value in figures.items()}
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def _write(self) -> None:
        import torch

        path = self.checkpoint
        state: dict[str, Any] = {
            "student": self.student.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "mean": self.mean,
            "momentum": self.momentum,
            "step": self.step,
            "audio_s": self.audio_s,
            "course": asdict(self.course),
        }
        with explain_disk(path, size=sum(p.numel() * 16 for p in self.parameters)):
            torch.save(state, path.with_suffix(".tmp"))
            path.with_suffix(".tmp").replace(path)
