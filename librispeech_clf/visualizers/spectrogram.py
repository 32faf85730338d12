"""The mel spectrogram as an image."""

import math

import numpy as np
from code_loader.contract.visualizer_classes import LeapImage

from librispeech_clf.visualizers.padding import cut_heatmap, cut_padding, mean_between
from librispeech_clf.visualizers.palette import magma

MEL_BANDS = 80
ROWS_PER_BAND = 4
MAX_COLUMNS = 2000
WINDOW_S = 0.025
HOP_S = 0.01
DYNAMIC_RANGE_DB = 80.0
_SMALLEST_POWER = 1e-10
# 80 dB above, so that digital silence has the darkest colour.
_SMALLEST_REFERENCE_POWER = 1e-2


def draw_mel_spectrogram(audio: np.ndarray, *, sampling_rate: int) -> LeapImage:
    """Draw the mel spectrogram, loudness in dB below the loudest band.

    80 bands from 0 Hz at the bottom to half the sampling rate at the top; one column per 10 ms (more for
    audio above 20 s, so that there are at most 2,000); colours from black (-80 dB) to cream (0 dB). No
    margins: the image's width is the time.

    Args:
        audio: float (max_samples,), normalised and zero-padded.
        sampling_rate: Hz.

    Returns:
        uint8 (320, columns, 3).
    """
    decibels = mel_spectrogram_db(cut_padding(audio), sampling_rate=sampling_rate)
    levels = np.rint((decibels / DYNAMIC_RANGE_DB + 1) * 255).astype(np.uint8)
    return LeapImage(np.repeat(magma()[levels[::-1]], ROWS_PER_BAND, axis=0))


def mel_spectrogram_db(samples: np.ndarray, *, sampling_rate: int) -> np.ndarray:
    """Compute the mel spectrogram in dB below its maximum.

    Args:
        samples: float32 (N,), N >= 1.
        sampling_rate: Hz.

    Returns:
        float32 (80, columns), low frequencies first, in [-80, 0] dB.
    """
    import librosa.filters
    import scipy.signal

    window = round(WINDOW_S * sampling_rate)
    transform = 2 ** math.ceil(math.log2(window))
    hop = _hop(len(samples), sampling_rate=sampling_rate)
    columns = len(_edges(len(samples), sampling_rate=sampling_rate)) - 1
    # librosa's own functions equal this (tested), but compile for 13 s when they are first imported.
    spectrum = scipy.signal.ShortTimeFFT(
        scipy.signal.get_window("hann", window), hop, sampling_rate, mfft=transform
    )
    padded = np.pad(samples, (0, max(0, transform - len(samples))))
    bands = librosa.filters.mel(sr=sampling_rate, n_fft=transform, n_mels=MEL_BANDS)
    power = bands @ spectrum.spectrogram(padded, p0=0, p1=columns)
    decibels = 10 * np.log10(np.maximum(power, _SMALLEST_POWER) / max(power.max(), _SMALLEST_REFERENCE_POWER))
    return np.clip(decibels, -DYNAMIC_RANGE_DB, 0).astype(np.float32)


def map_mel_spectrogram_heatmap(heatmap: np.ndarray, *, audio: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Map a heatmap over the model input onto the columns of `draw_mel_spectrogram`.

    Args:
        heatmap: float, one value per sample of the padded input, of any shape.
        audio: float (max_samples,), the model input under it.
        sampling_rate: Hz.

    Returns:
        float32 (320, columns, 1): the mean over each column's samples, the same in all rows.
    """
    heat = cut_heatmap(heatmap, audio)
    columns = mean_between(heat, _edges(len(heat), sampling_rate=sampling_rate))
    return np.tile(columns[:, np.newaxis], (MEL_BANDS * ROWS_PER_BAND, 1, 1))


def _hop(samples: int, *, sampling_rate: int) -> int:
    """Return the samples from column to column."""
    return max(round(HOP_S * sampling_rate), math.ceil(samples / MAX_COLUMNS))


def _edges(samples: int, *, sampling_rate: int) -> np.ndarray:
    """Return where columns start, and the end of the audio, int (columns + 1,)."""
    return np.append(np.arange(0, samples, _hop(samples, sampling_rate=sampling_rate)), samples)
