"""What the stages minimize, and what they measure: the front end against Whisper's, and the letters."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import numpy as np

from librispeech_clf.ctc.decoding import greedy_text
from librispeech_clf.development.training.batches import Batch, level
from librispeech_clf.development.training.material import Recording, bundled_vocabulary, read_or_warn
from librispeech_clf.development.training.stages import Course
from librispeech_clf.development.training.student import draw_sinusoids, look_ahead
from librispeech_clf.development.training.whisper import WhisperEncoder
from librispeech_clf.local.model.architecture import Wav2Vec2Configuration
from librispeech_clf.metrics import ErrorCounts, count_characters, count_words

if TYPE_CHECKING:
    import torch

WHISPER_LEVEL = 0.06
"""Root mean square of what Whisper hears; the student hears unit variance."""
EDGE_FRAMES = 2
"""At both ends of a piece Whisper hears its mirror image, the student what lies beyond: not compared."""
LONGEST_MASK, LONGEST_CHANNELS = 24, 32
"""Frames and channels."""


def in_bfloat16() -> AbstractContextManager:
    """Products in bfloat16: twice as fast as float32 where the processor has instructions for it (AVX512_BF16)."""
    import torch

    return torch.autocast("cpu", torch.bfloat16)


class FrontLoss:
    """Squared error of the front end relative to the target's variance: plain, and by the first layer's weights."""

    def __init__(
        self, student: "torch.nn.Module", encoder: WhisperEncoder, configuration: Wav2Vec2Configuration
    ) -> None:
        """Take the pupil, the teacher, and the pupil's architecture."""
        self.student, self.encoder = student, encoder
        self.ahead = look_ahead(configuration)
        first = "layer_0/self_attention"
        gamma, rows = (encoder.tensors[f"{first}/{name}"] for name in ("layer_norm/gamma", "linear_0/weight"))
        self.weights = (gamma * rows.norm(dim=0)).square()
        self._variance: torch.Tensor | None = None

    def __call__(self, batch: Batch) -> "torch.Tensor":
        """Return the mean of both errors; batches as `make_crops` makes them."""
        import torch

        audio, samples = torch.from_numpy(batch.audio), torch.from_numpy(batch.samples)
        with in_bfloat16():
            with torch.no_grad():
                target = hear(self.encoder, audio, self.ahead)
            features = self.student.front(audio, samples)
        frames = min(target.shape[1], features.shape[1])
        inner = slice(EDGE_FRAMES, frames - EDGE_FRAMES)
        target, features = target[:, inner].float(), features[:, inner].float()
        if self._variance is None:  # of the first batch, the same for all
            self._variance = (target - target.mean((0, 1))).square().mean((0, 1))
        error = (target - features).square().mean((0, 1))
        plain = error.sum() / self._variance.sum()
        weighed = (error * self.weights).sum() / (self._variance * self.weights).sum()
        return 0.5 * (plain + weighed)


def hear(encoder: WhisperEncoder, audio: "torch.Tensor", ahead: int) -> "torch.Tensor":
    """Return what Whisper's front end makes of unit-variance audio, frame by frame as the student: (B, T, C)."""
    return encoder.encode_front(encoder.log_mel(audio[:, ahead:] * WHISPER_LEVEL))


def find_letters_loss(
    batch: Batch, *, student: "torch.nn.Module", course: Course, generator: np.random.Generator
) -> "torch.Tensor":
    """Return CTC's loss per letter, and where the course says so CR-CTC's (Yao et al. 2024, arXiv 2410.05101).

    CR-CTC hears the batch twice, masked differently, and adds the divergence of each one's frames from the other's.

    Args:
        batch: as `make_batch` makes it.
        student: the pupil.
        course: the stage's.
        generator: draws the masks.
    """
    import torch
    import torch.nn.functional as F  # noqa: N812

    audio, samples = torch.from_numpy(batch.audio), torch.from_numpy(batch.samples)
    labels, lengths = torch.from_numpy(batch.labels), torch.from_numpy(batch.label_lengths)
    views = 2 if course.consistency else 1
    with in_bfloat16():
        with torch.set_grad_enabled(course.front_rate > 0):
            features, frames = student.front(audio, samples), student.count_frames(samples)
        features, frames = features.repeat(views, 1, 1), frames.repeat(views)
        keep = torch.from_numpy(draw_masks(frames.tolist(), features.shape, course, generator))
        keep = keep.to(features.dtype)
        # The batch's mean in place of what is masked.
        features = features * keep + features.detach().mean((0, 1)) * (1 - keep)
        logits = student.logits(student.upper(features, frames, frozen=course.frozen_layers))
    scores = logits.float().log_softmax(-1)
    letters = F.ctc_loss(
        scores.transpose(0, 1),
        labels.repeat(views, 1),
        frames,
        lengths.repeat(views),
        reduction="sum",
        zero_infinity=True,
    )
    if course.consistency:
        valid = (torch.arange(scores.shape[1])[None] < frames[:, None])[..., None]
        other = torch.cat(scores.detach().chunk(2)[::-1])
        divergence = (other.exp() * (other - scores) * valid).sum()
        letters = letters + course.consistency * divergence
    return letters / (views * lengths.sum())


def draw_masks(
    frames: Sequence[int], shape: Sequence[int], course: Course, generator: np.random.Generator
) -> np.ndarray:
    """Return float32 (B, T, C), 0 where spans of frames or channels are put out (Baevski et al. 2020)."""
    kept: np.ndarray = np.ones(shape, np.float32)
    for row, count in enumerate(frames):
        for axis, size, share, longest in (
            (0, count, course.masked, LONGEST_MASK),
            (1, shape[2], course.masked_channels, LONGEST_CHANNELS),
        ):
            spans = int(2 * share * size / longest + generator.random())
            for length in generator.integers(1, longest + 1, spans):
                start = generator.integers(0, max(1, size - length + 1))
                if axis == 0:
                    kept[row, start : start + length] = 0
                else:
                    kept[row, :, start : start + length] = 0
    return kept


def measure_front(
    student: "torch.nn.Module",
    encoder: WhisperEncoder,
    configuration: Wav2Vec2Configuration,
    recordings: Sequence[Recording],
) -> dict[str, float]:
    """Return squared errors relative to the targets' variance: of the front end, and of Whisper's last layer on it."""
    import torch

    ahead, sums = look_ahead(configuration), np.zeros(4)
    for recording in recordings:
        if (waveform := read_or_warn(recording)) is None:
            continue
        audio = torch.from_numpy(level(waveform))[None]
        target = hear(encoder, audio, ahead)
        features = student.front(audio, torch.tensor([audio.shape[1]]))
        frames = min(target.shape[1], features.shape[1])
        pairs = [target[:, :frames], features[:, :frames]]
        places = draw_sinusoids(frames, encoder.width)
        pairs += [encoder.encode_upper(part + places) for part in pairs]
        for index in (0, 2):
            wanted, found = (part[:, EDGE_FRAMES:-EDGE_FRAMES] for part in pairs[index : index + 2])
            sums[index : index + 2] += (
                float((wanted - found).square().sum()),
                float((wanted - wanted.mean((0, 1))).square().sum()),
            )
    return {"front_error": sums[0] / sums[1], "last_layer_error": sums[2] / sums[3]}


def measure_letters(student: "torch.nn.Module", recordings: Sequence[Recording]) -> dict[str, float]:
    """Return word and character error rate by greedy decoding."""
    import torch

    words, characters = ErrorCounts(), ErrorCounts()
    for recording in recordings:
        if (waveform := read_or_warn(recording)) is None:
            continue
        audio = torch.from_numpy(level(waveform))[None]
        with in_bfloat16():
            features = student.front(audio, torch.tensor([audio.shape[1]]))
            hidden = student.upper(features, torch.tensor([features.shape[1]]))
            logits = student.logits(hidden)[0].float().numpy()
        hypothesis = greedy_text(logits, bundled_vocabulary())
        reference = bundled_vocabulary().spell(recording.labels)
        words += count_words(reference, hypothesis)
        characters += count_characters(reference, hypothesis)
    return {"wer": words.error_rate, "cer": characters.error_rate}
