"""The part of a padded model input, or of a heatmap over it, that is audio."""

import numpy as np

from librispeech_clf.audio.reading import count_samples
from librispeech_clf.ctc.decoding import drop_batch_axis


def cut_padding(audio: np.ndarray) -> np.ndarray:
    """Cut the padding off a model input.

    Args:
        audio: float (max_samples,) or (1, max_samples), zero-padded.

    Returns:
        float32 (N,), N >= 1; a single zero for silence.
    """
    padded = drop_batch_axis(audio, dimensions=1)
    samples = count_samples(padded)
    return padded[:samples].astype(np.float32) if samples else np.zeros(1, np.float32)


def cut_heatmap(heatmap: np.ndarray, audio: np.ndarray) -> np.ndarray:
    """Cut a heatmap over the padded input to the audio.

    Args:
        heatmap: float, any shape of M values in time order; if M is not max_samples, it is stretched to it.
        audio: float (max_samples,) or (1, max_samples), the model input under the heatmap.

    Returns:
        float32 (N,), one value per sample of `cut_padding`.
    """
    heat, width = np.asarray(heatmap, np.float32).reshape(-1), np.asarray(audio).size
    if len(heat) != width:
        heat = np.interp(np.linspace(0, 1, width), np.linspace(0, 1, len(heat)), heat).astype(np.float32)
    return heat[: len(cut_padding(audio))]


def mean_between(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Average values over consecutive stretches.

    Args:
        values: float (N,).
        edges: int (stretches + 1,), strictly increasing from 0 to N.

    Returns:
        float32 (stretches,).
    """
    return (np.add.reduceat(values, edges[:-1], dtype=np.float64) / np.diff(edges)).astype(np.float32)
