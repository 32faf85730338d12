"""The waveform as a line over time."""

import numpy as np
from code_loader.contract.visualizer_classes import LeapGraph

from librispeech_clf.visualizers.padding import cut_heatmap, cut_padding, mean_between

MAX_POINTS = 2000


def draw_waveform(audio: np.ndarray, *, sampling_rate: int) -> LeapGraph:
    """Draw the waveform with at most `MAX_POINTS` points.

    Longer audio is cut into `MAX_POINTS / 2` stretches of which minimum and maximum are drawn, so no peak is
    lost.

    Args:
        audio: float (max_samples,), normalised and zero-padded.
        sampling_rate: Hz.

    Returns:
        float32 (points, 1), amplitude in standard deviations over seconds.
    """
    samples = cut_padding(audio)
    points = samples
    if len(samples) > MAX_POINTS:
        starts = _edges(len(samples))[:-1]
        envelope = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
        points = np.column_stack(envelope).reshape(-1)
    return LeapGraph(
        points[:, np.newaxis],
        x_label="time [s]",
        y_label="amplitude [standard deviations]",
        x_range=(0.0, len(samples) / sampling_rate),
    )


def map_waveform_heatmap(heatmap: np.ndarray, *, audio: np.ndarray) -> np.ndarray:
    """Map a heatmap over the model input onto the points of `draw_waveform`.

    Args:
        heatmap: float, one value per sample of the padded input, of any shape.
        audio: float (max_samples,), the model input under it.

    Returns:
        float32 (points, 1); where a point stands for many samples, their mean.
    """
    heat = cut_heatmap(heatmap, audio)
    if len(heat) > MAX_POINTS:
        heat = np.repeat(mean_between(heat, _edges(len(heat))), 2)
    return heat[:, np.newaxis]


def _edges(samples: int) -> np.ndarray:
    """Return the edges of the stretches, int (MAX_POINTS / 2 + 1,)."""
    return np.linspace(0, samples, MAX_POINTS // 2 + 1).astype(int)
