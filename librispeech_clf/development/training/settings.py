"""Everything that decides the trained weights besides the material, typed; an unknown key is refused by name."""

import dataclasses
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from librispeech_clf.configuration import build_record


def _require(name: str, value: float, *, lowest: float, highest: float = math.inf) -> None:
    if not (lowest <= value <= highest and math.isfinite(value)):
        rule = f"{lowest:g} or more" if highest == math.inf else f"from {lowest:g} to {highest:g}"
        raise ValueError(f"{name}: must be {rule}. Received: {value!r}")


def _require_range(name: str, value: tuple[float, ...], *, lowest: float) -> None:
    if len(value) != 2 or not lowest <= value[0] <= value[1] < math.inf:
        raise ValueError(
            f"{name}: must be two numbers, the lower first, from {lowest:g}. Received: {value!r}"
        )


@dataclass(frozen=True)
class Augmentation:
    """How recordings are varied; each variation applies with its own probability.

    Attributes:
        speed: lowest and highest factor of resampling; changes tempo, pitch and formants together.
        speed_probability: share of recordings resampled.
        tilt: highest absolute coefficient of the one-tap filter that tilts the spectrum.
        tilt_probability: share of recordings filtered.
        noise_ratio_db: lowest and highest signal-to-noise ratio of added noise, dB.
        noise_probability: share of recordings with noise (white, pink, or another recording of the batch).
        echo_decay_s: shortest and longest reverberation time (T60), s.
        echo_probability: share of recordings put into a room.
        gap_s: longest stretch that is silenced, s.
        gaps_per_s: mean number of silenced stretches a second.

    Raises:
        ValueError: a probability is outside [0, 1], a range is empty, or a number is out of its range.
    """

    speed: tuple[float, float] = (0.84, 1.19)
    speed_probability: float = 0.6
    tilt: float = 0.6
    tilt_probability: float = 0.5
    noise_ratio_db: tuple[float, float] = (5.0, 30.0)
    noise_probability: float = 0.2
    echo_decay_s: tuple[float, float] = (0.1, 0.6)
    echo_probability: float = 0.15
    gap_s: float = 0.08
    gaps_per_s: float = 0.2

    def __post_init__(self) -> None:
        """Refuse what cannot be applied."""
        for name in ("speed_probability", "tilt_probability", "noise_probability", "echo_probability"):
            _require(f"augmentation.{name}", getattr(self, name), lowest=0, highest=1)
        for name, lowest in (("speed", 0.5), ("noise_ratio_db", -50), ("echo_decay_s", 0)):
            _require_range(f"augmentation.{name}", getattr(self, name), lowest=lowest)
        _require("augmentation.tilt", self.tilt, lowest=0, highest=1)
        _require("augmentation.gap_s", self.gap_s, lowest=0)
        _require("augmentation.gaps_per_s", self.gaps_per_s, lowest=0)


@dataclass(frozen=True)
class Masking:
    """Which of the projected features are masked: SpecAugment as wav2vec 2.0's fine-tuning has it.

    Spans of frames and of channels become zero in front of the transformer (Park et al. 2019, arXiv 1904.08779; Baevski
    et al. 2020, arXiv 2006.11477, appendix B). Names and defaults are of Hugging Face's `Wav2Vec2Config`; there a
    learned vector stands in place of the zeros, which a model of this project does not carry.

    Attributes:
        mask_time_prob: share of the frames that spans would cover if they did not overlap.
        mask_time_length: frames of a span.
        mask_feature_prob: share of the channels that spans would cover.
        mask_feature_length: channels of a span.

    Raises:
        ValueError: a share is outside [0, 1], or a length below 1.
    """

    mask_time_prob: float = 0.05
    mask_time_length: int = 10
    mask_feature_prob: float = 0.0
    mask_feature_length: int = 10

    def __post_init__(self) -> None:
        """Refuse what cannot be applied."""
        for name in ("mask_time_prob", "mask_feature_prob"):
            _require(f"masking.{name}", getattr(self, name), lowest=0, highest=1)
        for name in ("mask_time_length", "mask_feature_length"):
            _require(f"masking.{name}", getattr(self, name), lowest=1)


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that decides the trained weights besides the material and the model to start from.

    Attributes:
        seed: of weights, batches, augmentation and masking.
        mel_steps: steps of the first phase; a run that starts from a model has none.
        steps: steps of the second phase.
        seconds_per_batch: most audio in a batch, padding included.
        longest_s: longer utterances are left out; the model's memory grows with the square of the length.
        peak_learning_rate: reached after `warmup_steps` of linear rise, kept until the fall.
        warmup_steps: steps of linear rise.
        falling_steps: the last steps, over which the rate falls linearly to nothing. Before them a run depends neither
            on this nor on `steps`, so it may be taken up with other numbers.
        weight_decay: of matrices.
        gradient_norm: gradients are clipped to this global norm.
        dropout: share of activations dropped in the transformer.
        freeze_feature_encoder: whether the convolutions keep their weights, as in wav2vec 2.0's own fine-tuning.
        average_momentum: of the exponential average of the weights, which is what gets saved as the model.
        log_every: steps from one entry of the log to the next.
        evaluate_every: steps from one measurement of the development set to the next.
        augmentation: of the audio.
        masking: of the features.

    Raises:
        ValueError: a number is out of its range.
    """

    seed: int = 0
    mel_steps: int = 200
    steps: int = 4000
    seconds_per_batch: float = 64.0
    longest_s: float = 36.0
    peak_learning_rate: float = 1e-3
    warmup_steps: int = 300
    falling_steps: int = 1000
    weight_decay: float = 0.01
    gradient_norm: float = 1.0
    dropout: float = 0.0
    freeze_feature_encoder: bool = False
    average_momentum: float = 0.998
    log_every: int = 200
    evaluate_every: int = 1000
    augmentation: Augmentation = Augmentation()
    masking: Masking = Masking()

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        for name in ("seed", "mel_steps", "weight_decay"):
            _require(name, getattr(self, name), lowest=0)
        for name in ("steps", "warmup_steps", "falling_steps", "log_every", "evaluate_every"):
            _require(name, getattr(self, name), lowest=1)
        for name in ("seconds_per_batch", "longest_s", "peak_learning_rate", "gradient_norm"):
            _require(name, getattr(self, name), lowest=1e-9)
        for name in ("dropout", "average_momentum"):
            _require(name, getattr(self, name), lowest=0, highest=1 - 1e-9)

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step: linear rise, plateau, linear fall."""
        rise = (step + 1) / self.warmup_steps
        fall = (self.steps - step) / self.falling_steps
        return self.peak_learning_rate * min(1.0, rise, fall)


def read_settings(assignments: Iterable[str], **values: Any) -> TrainingSettings:
    """Build settings from assignments of the command line.

    Args:
        assignments: such as "dropout=0.1" or "augmentation.speed=[0.9, 1.1]"; values are JSON.
        values: fields of `TrainingSettings` that have an option of their own; None leaves the default.

    Raises:
        ValueError: an assignment has no "=", a key is unknown, or a value is of another type or out of its range.
    """
    tree: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    for assignment in assignments:
        key, sign, text = assignment.partition("=")
        if not sign:
            raise ValueError(f"{assignment!r}: expected KEY=VALUE, such as masking.mask_time_prob=0.1.")
        _assign(tree, key.strip().split("."), _read_value(text))
    return build_record(TrainingSettings, tree, place="settings")


def _assign(tree: dict[str, Any], names: list[str], value: Any) -> None:
    """Put a value under nested names."""
    for depth, name in enumerate(names[:-1], start=1):
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            raise ValueError(f"settings: {'.'.join(names[:depth])} is a value, not a group of settings.")
    tree[names[-1]] = value


def _read_value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def describe(settings: TrainingSettings) -> dict[str, Any]:
    """Return the settings as JSON has them: lists for tuples."""
    return json.loads(json.dumps(dataclasses.asdict(settings)))
