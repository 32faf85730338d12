"""The audio as pictures and sound: waveform, mel spectrogram, player; and heatmaps over the first two.

In: the model's input, float (max_samples,), normalized and zero-padded; a heatmap over it, of any shape.
"""

import functools
import math

import numpy as np
from code_loader.contract.visualizer_classes import LeapAudio, LeapGraph, LeapImage

from librispeech_clf.audio.reading import count_samples
from librispeech_clf.ctc.decoding import drop_batch_axis

MAX_POINTS = 2000
MEL_BANDS = 80
ROWS_PER_BAND = 4
MAX_COLUMNS = 2000
WINDOW_S = 0.025
HOP_S = 0.01
DYNAMIC_RANGE_DB = 80.0
_SMALLEST_POWER = 1e-10
# 80 dB above, so that digital silence has the darkest color.
_SMALLEST_REFERENCE_POWER = 1e-2
PEAK = 0.95


def draw_waveform(audio: np.ndarray, *, sampling_rate: int) -> LeapGraph:
    """Draw the waveform with at most `MAX_POINTS` points.

    Longer audio is cut into `MAX_POINTS / 2` stretches, whose minimum and maximum are drawn, so no peak is
    lost.

    Returns:
        float32 (points, 1), amplitude in standard deviations over seconds.
    """
    samples = cut_padding(audio)
    points = samples
    if len(samples) > MAX_POINTS:
        starts = _envelope_edges(len(samples))[:-1]
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

    Returns:
        float32 (points, 1); where a point stands for many samples, their mean.
    """
    heat = cut_heatmap(heatmap, audio)
    if len(heat) > MAX_POINTS:
        heat = np.repeat(_mean_between(heat, _envelope_edges(len(heat))), 2)
    return heat[:, np.newaxis]


def _envelope_edges(samples: int) -> np.ndarray:
    """Return the edges of the stretches, int (MAX_POINTS / 2 + 1,)."""
    return np.linspace(0, samples, MAX_POINTS // 2 + 1).astype(int)


def draw_mel_spectrogram(audio: np.ndarray, *, sampling_rate: int) -> LeapImage:
    """Draw the mel spectrogram, loudness in dB below the loudest band.

    80 bands from 0 Hz at the bottom to half the sampling rate at the top; one column per 10 ms (more for
    audio above 20 s, so that there are at most 2,000); colors from black (-80 dB) to cream (0 dB). No
    margins: the image's width is the time.

    Returns:
        uint8 (320, columns, 3).
    """
    decibels = mel_spectrogram_db(cut_padding(audio), sampling_rate=sampling_rate)
    levels = np.rint((decibels / DYNAMIC_RANGE_DB + 1) * 255).astype(np.uint8)
    return LeapImage(np.repeat(magma()[levels[::-1]], ROWS_PER_BAND, axis=0))


def mel_spectrogram_db(samples: np.ndarray, *, sampling_rate: int) -> np.ndarray:
    """Return the mel spectrogram in dB below its maximum: float32 (80, columns), low frequencies first, -80 to 0."""
    import librosa.filters
    import scipy.signal

    window = round(WINDOW_S * sampling_rate)
    transform = 2 ** math.ceil(math.log2(window))
    hop = _hop(len(samples), sampling_rate=sampling_rate)
    columns = len(_column_edges(len(samples), sampling_rate=sampling_rate)) - 1
    # librosa's own functions give the same (tested), but compile for 13 s when first imported.
    shape = scipy.signal.get_window("hann", window)
    spectrum = scipy.signal.ShortTimeFFT(shape, hop, sampling_rate, mfft=transform)
    padded = np.pad(samples, (0, max(0, transform - len(samples))))
    bands = librosa.filters.mel(sr=sampling_rate, n_fft=transform, n_mels=MEL_BANDS)
    power = bands @ spectrum.spectrogram(padded, p0=0, p1=columns)
    decibels = 10 * np.log10(np.maximum(power, _SMALLEST_POWER) / max(power.max(), _SMALLEST_REFERENCE_POWER))
    return np.clip(decibels, -DYNAMIC_RANGE_DB, 0).astype(np.float32)


def map_mel_spectrogram_heatmap(heatmap: np.ndarray, *, audio: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Map a heatmap over the model input onto the columns of `draw_mel_spectrogram`.

    Returns:
        float32 (320, columns, 1): the mean over each column's samples, the same in all rows.
    """
    heat = cut_heatmap(heatmap, audio)
    columns = _mean_between(heat, _column_edges(len(heat), sampling_rate=sampling_rate))
    return np.tile(columns[:, np.newaxis], (MEL_BANDS * ROWS_PER_BAND, 1, 1))


def _hop(samples: int, *, sampling_rate: int) -> int:
    """Return the number of samples from column to column."""
    return max(round(HOP_S * sampling_rate), math.ceil(samples / MAX_COLUMNS))


def _column_edges(samples: int, *, sampling_rate: int) -> np.ndarray:
    """Return where columns start, and the end of the audio, int (columns + 1,)."""
    return np.append(np.arange(0, samples, _hop(samples, sampling_rate=sampling_rate)), samples)


def play_audio(audio: np.ndarray, *, sampling_rate: int) -> LeapAudio:
    """Make the utterance audible.

    The model's input has unit variance, which would clip; it is scaled to a peak of 0.95.

    Returns:
        Mono float32 (N,) in [-0.95, 0.95] with its mel spectrogram.
    """
    samples = cut_padding(audio)
    loudest = float(np.abs(samples).max())
    return LeapAudio(
        audio=samples * np.float32(PEAK / loudest if loudest else 0),
        sample_rate=sampling_rate,
        visual=draw_mel_spectrogram(samples, sampling_rate=sampling_rate),
    )


def cut_padding(audio: np.ndarray) -> np.ndarray:
    """Cut the padding off a model input: float32 (N,); a single zero for silence."""
    padded = drop_batch_axis(audio, dimensions=1)
    samples = count_samples(padded)
    return padded[:samples].astype(np.float32) if samples else np.zeros(1, np.float32)


def cut_heatmap(heatmap: np.ndarray, audio: np.ndarray) -> np.ndarray:
    """Cut a heatmap over the padded input to the audio.

    A heatmap of another length is stretched to the input's first.

    Returns:
        float32 (N,), one value per sample of `cut_padding`.
    """
    heat, width = np.asarray(heatmap, np.float32).reshape(-1), np.asarray(audio).size
    if len(heat) != width:
        heat = np.interp(np.linspace(0, 1, width), np.linspace(0, 1, len(heat)), heat).astype(np.float32)
    return heat[: len(cut_padding(audio))]


def _mean_between(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Average values over the stretches between edges, which increase strictly from 0: float32 (edges - 1,)."""
    return (np.add.reduceat(values, edges[:-1], dtype=np.float64) / np.diff(edges)).astype(np.float32)


@functools.cache
def magma() -> np.ndarray:
    """Return the color of each level, uint8 (256, 3), read-only.

    Source: matplotlib's "magma", of equal perceived steps.
    """
    import matplotlib

    colors = matplotlib.colormaps["magma"](np.arange(256), bytes=True)[:, :3].copy()
    colors.setflags(write=False)
    return colors
