"""Frames per sample count: the arithmetic of unpadded strided convolutions."""

import math
from collections.abc import Sequence

SAMPLING_RATE_HZ = 16_000
BASE_KERNELS = (10, 3, 3, 3, 3, 2, 2)
BASE_STRIDES = (5, 2, 2, 2, 2, 2, 2)
TYPICAL_FIELD = 720
"""Samples that a frame sees: between the published models' 400 and the 1,040 of Whisper's encoder."""
FRAME_DURATION_S = 0.02
"""Seconds from one frame to the next: 320 samples, the product of the strides, at 16,000 Hz."""


def count_frames(
    samples: int, *, kernels: Sequence[int] = BASE_KERNELS, strides: Sequence[int] = BASE_STRIDES
) -> int:
    """Return how many frames a stack of unpadded convolutions makes from `samples` samples.

    It is 0 if the audio is shorter than the receptive field; 16,000 samples give 49, and 559,280 give 1,747.
    """
    for kernel, stride in zip(kernels, strides, strict=True):
        samples = max(0, (samples - kernel) // stride + 1)
    return samples


def measure_frame_duration(strides: Sequence[int]) -> float:
    """Return the seconds from one frame of a convolution stack to the next, at 16,000 Hz."""
    return math.prod(strides) / SAMPLING_RATE_HZ


def infer_frame_duration(frames: int, *, samples: int) -> float:
    """Return the seconds from one frame to the next for a model of which only input and output are known.

    From the number of frames for its whole input, `samples` wide, this is the product of the strides, to the nearest
    whole number of samples, at 16,000 Hz; exact from 26 s of audio on.
    """
    return round((samples - TYPICAL_FIELD) / max(1, frames - 1)) / SAMPLING_RATE_HZ
