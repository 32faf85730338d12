"""Small pictures of an utterance for the page: waveform envelope and spectrogram.

In: an audio file as bytes. Out: base64 text which the page draws in its own colours.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from librispeech_clf.local.report.playback import Recording

ENVELOPE_COLUMNS = 800
SPECTROGRAM_COLUMNS = 800
SPECTROGRAM_ROWS = 128
WINDOW_S = 0.025
HIGHEST_FREQUENCY_HZ = 8000
JPEG_QUALITY = 60
DECIBEL_SPAN = (30.0, 99.8)  # percentiles of the level which become black and white


def draw_waveform(recording: Recording) -> dict[str, Any]:
    """Draw a recording; several channels are averaged.

    Returns:
        duration_s, peak (largest absolute sample), envelope (base64 of int8 pairs, minimum and maximum
        per column, scaled to the peak so that quiet speech is readable), spectrogram (base64 JPEG, grey, low
        frequencies below), highest_hz and the levels in dB which are black and white. A peak above 1 is
        scaled to 1 for the spectrogram.
    """
    exact = recording.samples.mean(axis=1, dtype=np.float64)
    peak = float(np.abs(exact).max())
    waveform = (exact / max(1.0, peak)).astype(np.float32)
    levels, highest_hz = compute_spectrogram(waveform, sampling_rate=recording.sampling_rate)
    grey, low_db, high_db = scale_levels(levels)
    return {
        "duration_s": round(waveform.size / recording.sampling_rate, 3),
        "peak": float(f"{peak:.3g}"),
        "envelope": base64.b64encode(compute_envelope(waveform).tobytes()).decode("ascii"),
        "columns": min(ENVELOPE_COLUMNS, waveform.size),
        "spectrogram": base64.b64encode(encode_jpeg(grey)).decode("ascii"),
        "highest_hz": highest_hz,
        "low_db": low_db,
        "high_db": high_db,
    }


def compute_envelope(waveform: np.ndarray, *, columns: int = ENVELOPE_COLUMNS) -> np.ndarray:
    """Give the smallest and largest sample of each column, as a share of the peak.

    Args:
        waveform: float32 (N,), any range, N >= 1.
        columns: number of columns; fewer when there are fewer samples.

    Returns:
        int8 (columns, 2), -127 to 127; zeros for silence.
    """
    columns = min(columns, waveform.size)
    starts = np.arange(columns) * waveform.size // columns
    lowest, highest = np.minimum.reduceat(waveform, starts), np.maximum.reduceat(waveform, starts)
    peak = np.abs(waveform).max()
    scale = 127 / peak if peak > 0 else 0.0
    return np.round(np.stack([lowest, highest], axis=1) * scale).astype(np.int8)


def compute_spectrogram(waveform: np.ndarray, *, sampling_rate: int) -> tuple[np.ndarray, int]:
    """Compute the level per frequency and time.

    Args:
        waveform: float32 (N,), any range.
        sampling_rate: Hz.

    Returns:
        float32 (rows, columns) in dB, lowest frequency first, and the highest frequency in Hz (at most 8000).
        Hann windows of 25 ms, at least 10 ms apart, at most 800 columns; power averaged into 128 rows.
    """
    window = max(int(WINDOW_S * sampling_rate), 2)
    count = int(np.clip(waveform.size / (0.01 * sampling_rate), 1, SPECTROGRAM_COLUMNS))
    padded = np.pad(waveform, (window // 2, window))
    starts = np.arange(count) * waveform.size // count
    shape = np.hanning(window).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[starts] * shape
    transformed = np.fft.rfft(frames, n=max(512, window), axis=1)
    power = transformed.real**2 + transformed.imag**2
    highest_hz = min(HIGHEST_FREQUENCY_HZ, sampling_rate // 2)
    bins = int((power.shape[1] - 1) * highest_hz / (sampling_rate / 2))
    edges = np.arange(SPECTROGRAM_ROWS) * bins // SPECTROGRAM_ROWS
    pooled = np.add.reduceat(power[:, :bins], edges, axis=1) / np.diff(edges, append=bins)
    return (10 * np.log10(np.maximum(pooled.T, 1e-12))).astype(np.float32), highest_hz


def scale_levels(levels: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Scale levels in dB to grey between two percentiles, so that neither quiet nor loud speech saturates.

    Returns:
        uint8 of the same shape, and the levels in dB which became 0 and 255.
    """
    low, high = map(float, np.percentile(levels, DECIBEL_SPAN))
    grey = np.clip((levels - low) / max(high - low, 1e-6), 0, 1) * 255
    return np.round(grey).astype(np.uint8), round(low, 1), round(high, 1)


def encode_jpeg(grey: np.ndarray) -> bytes:
    """Encode a grey picture, first row lowest, as JPEG bytes."""
    target = io.BytesIO()
    Image.fromarray(grey[::-1]).save(target, format="JPEG", quality=JPEG_QUALITY)
    return target.getvalue()
