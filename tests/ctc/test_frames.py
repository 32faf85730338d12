"""Tests of the frame arithmetic."""

import numpy as np
import pytest

from librispeech_clf.ctc.frames import (
    BASE_KERNELS,
    BASE_STRIDES,
    FRAME_DURATION_S,
    count_frames,
    infer_frame_duration,
    measure_frame_duration,
)


# Audio shorter than the receptive field has no frame.
@pytest.mark.parametrize(
    ("samples", "frames"),
    [(16_000, 49), (559_280, 1_747), (562_480, 1_757), (400, 1), (720, 2), (0, 0), (1, 0), (399, 0)],
)
def test_known_lengths_of_the_base_model(samples, frames):
    assert count_frames(samples) == frames


@pytest.mark.parametrize("samples", [400, 401, 719, 720, 5_003])
def test_agrees_with_convolving(samples):
    signal = np.zeros(samples)
    for kernel, stride in zip(BASE_KERNELS, BASE_STRIDES, strict=True):
        signal = np.convolve(signal, np.ones(kernel), "valid")[::stride]
    assert count_frames(samples) == len(signal)


def test_own_kernels_and_strides():
    assert count_frames(100, kernels=(10, 3), strides=(5, 2)) == 9
    assert FRAME_DURATION_S == np.prod(BASE_STRIDES) / 16_000


@pytest.mark.parametrize(
    ("strides", "kernels"),
    [
        (BASE_STRIDES, BASE_KERNELS),
        (BASE_STRIDES, (10, 3, 3, 3, 3, 4, 5)),
        ((5, 2, 2, 2, 2, 2, 4), BASE_KERNELS),
        ((5, 2, 2, 2, 2, 2, 1), BASE_KERNELS),
        ((5, 2), (10, 3)),
    ],
)
def test_frame_duration_follows_from_the_width_of_input_and_output(strides, kernels):
    frames = count_frames(562_480, kernels=kernels, strides=strides)
    assert infer_frame_duration(frames, samples=562_480) == measure_frame_duration(strides)
