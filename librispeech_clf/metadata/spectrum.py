"""The short-time spectrum of an utterance, and librosa's ten feature families from one transform.

In: the raw waveform, float32 (N,) in [-1, 1], and its sampling rate. Out: arrays per frame and their
statistics. Legend: N samples, T frames, F frequency bins.

The families equal librosa's functions called with `y=`, the sampling rate and defaults otherwise (FFT 2,048,
hop 512, Hann window, centered frames), but share one short-time Fourier transform, and use moments, sorted
rows and sums of blocks where librosa loops. The only product of dense matrices is the mel filter bank's,
because nothing else gives librosa's exact bits: its threads cost more than they save when the processor is busy.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

FFT_LENGTH = 2048
HOP_LENGTH = 512
ROLLOFF_SHARE = 0.85
CONTRAST_BANDS = 6
CONTRAST_LOWEST_HZ = 200.0
CONTRAST_QUANTILE = 0.02
MFCC_COUNT = 20
POWER_FLOOR = 1e-10
DYNAMIC_RANGE_DB = 80.0
ZERO_TOLERANCE = 1e-10

_FAMILIES = (
    ("spectral_flatness", ""), ("spectral_contrast", "_db"), ("spectral_centroid", "_hz"),
    ("spectral_bandwidth", "_hz"), ("spectral_rolloff", "_hz"), ("mel_energy", ""), ("mfcc", ""), ("rms", ""),
    ("zero_crossing_rate", ""), ("polynomial_slope", ""), ("polynomial_intercept", ""),
)  # fmt: skip
SPECTRAL_TYPES = {
    f"{family}_{name}{unit}": "float" for family, unit in _FAMILIES for name in ("min", "max", "mean", "std")
}
"""Key -> "float"; the keys of `spectral_features`, in its order."""


@dataclass(frozen=True)
class Spectrum:
    """Short-time spectrum of one utterance, shared by all spectral families.

    Attributes:
        magnitude: float32 (T, F), bit for bit `abs(librosa.stft(y)).T`.
        power: float32 (T, F), `magnitude ** 2`.
        frequencies: frequency of each bin, float64 (F,), Hz.
        sampling_rate: Hz.
    """

    magnitude: np.ndarray
    power: np.ndarray
    frequencies: np.ndarray
    sampling_rate: int


def short_time_spectrum(waveform: np.ndarray, *, sampling_rate: int) -> Spectrum:
    """Transform the utterance once; frames are centered and the ends padded with zeros, as in librosa.

    The transform is computed in float64 and rounded, block by block so that it stays in the processor's
    cache.
    """
    import scipy.fft

    padded = np.pad(waveform, FFT_LENGTH // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT_LENGTH)[::HOP_LENGTH]
    magnitude = np.empty((len(frames), FFT_LENGTH // 2 + 1), np.float32)
    window = hann_window()
    for start in range(0, len(frames), 32):
        block = slice(start, start + 32)
        transformed = scipy.fft.rfft(frames[block] * window, overwrite_x=True)
        magnitude[block] = np.abs(transformed.astype(np.complex64))
    frequencies = np.fft.rfftfreq(FFT_LENGTH, 1 / sampling_rate)
    return Spectrum(magnitude, magnitude * magnitude, frequencies, sampling_rate)


def spectral_features(waveform: np.ndarray, spectrum: Spectrum) -> dict[str, float]:
    """Return minimum, maximum, mean and standard deviation of each of the ten families over all its values."""
    energy = mel_energy(spectrum)
    centroid, bandwidth, slope, intercept = spectral_moments(spectrum)
    arrays = (
        spectral_flatness(spectrum), spectral_contrast(spectrum), centroid, bandwidth, spectral_rolloff(spectrum),
        energy, mel_cepstrum(energy), root_mean_square(waveform), zero_crossing_rate(waveform), slope, intercept,
    )  # fmt: skip
    exact = [array.astype(np.float64, copy=False) for array in arrays]
    numbers = [number for x in exact for number in (x.min(), x.max(), x.mean(), x.std())]
    return {key: float(number) for key, number in zip(SPECTRAL_TYPES, numbers, strict=True)}


def spectral_flatness(spectrum: Spectrum) -> np.ndarray:
    """Return geometric over arithmetic mean of the power, float32 (T,); 1 if flat or silent."""
    power = np.maximum(spectrum.power, POWER_FLOOR)
    return np.exp(np.mean(np.log(power), axis=1)) / np.mean(power, axis=1)


def spectral_contrast(spectrum: Spectrum) -> np.ndarray:
    """Return peak over valley of the magnitude in seven octave bands from 200 Hz, float64 (T, 7), dB.

    Peak and valley are the means of the highest and lowest 2 % of a band's bins (Jiang et al. 2002, as in
    librosa).
    """
    bands = _contrast_bands(spectrum.sampling_rate)
    peak = np.empty((len(spectrum.magnitude), len(bands)))
    valley = np.empty_like(peak)
    for index, (first, stop, count) in enumerate(bands):
        ordered = np.sort(spectrum.magnitude[:, first:stop], axis=1)
        valley[:, index] = ordered[:, :count].mean(axis=1)
        peak[:, index] = ordered[:, -count:].mean(axis=1)
    return _decibels(peak) - _decibels(valley)


def spectral_moments(spectrum: Spectrum) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return centroid, bandwidth and straight-line fit of the magnitude, all from its sum and two moments.

    With the moments m_i = sum(f^i S): centroid m1 / m0, bandwidth sqrt(m2 / m0 - centroid^2); the
    least-squares line has the slope m1 / sum(f^2) and passes through the mean magnitude at the mean
    frequency. The frequencies f are centered and the sums in float64, so that little cancels.

    Returns:
        Centroid and bandwidth in Hz (0 for silent frames), slope per Hz and intercept of the line at 0 Hz;
        float64 (T,) each.
    """
    magnitude = spectrum.magnitude.astype(np.float64)
    middle = spectrum.frequencies.mean()
    centered = spectrum.frequencies - middle
    total = magnitude.sum(axis=1)
    first = np.einsum("tf,f->t", magnitude, centered)
    second = np.einsum("tf,f->t", magnitude, centered**2)
    # librosa does not normalize frames whose sum is below float32's smallest normal number
    silent = total < np.finfo(np.float32).tiny
    offset = first / np.where(silent, 1.0, total)
    variance = second / np.where(silent, 1.0, total) - offset**2
    slope = first / np.sum(centered**2)
    return (
        np.where(silent, 0.0, offset + middle),
        np.where(silent, 0.0, np.sqrt(np.maximum(variance, 0.0))),
        slope,
        total / centered.size - slope * middle,
    )


def spectral_rolloff(spectrum: Spectrum) -> np.ndarray:
    """Return the lowest frequency below which 85 % of the magnitude lies, float64 (T,), Hz; 0 for silent frames."""
    cumulative = np.cumsum(spectrum.magnitude, axis=1)
    below = np.count_nonzero(cumulative < np.float32(ROLLOFF_SHARE) * cumulative[:, -1:], axis=1)
    return spectrum.frequencies[below]


def mel_energy(spectrum: Spectrum) -> np.ndarray:
    """Return the power in 128 mel bands (Slaney scale and norm), float32 (T, 128).

    The same product as in librosa, in the same order: cepstra around -500 magnify the last bit of float32 to
    1e-4.
    """
    return np.einsum("ft,mf->mt", spectrum.power.T, _mel_filters(spectrum.sampling_rate), optimize=True).T


def mel_cepstrum(energy: np.ndarray) -> np.ndarray:
    """Return the 20 lowest mel-frequency cepstral coefficients, float32 (T, 20), of `mel_energy`, float32 (T, 128).

    Statistics run over frames and coefficients together: the minimum is in practice the first coefficient
    (level) of the quietest frame, and the deviation shows how far the spectral envelope is from flat.
    """
    import scipy.fft

    return scipy.fft.dct(_decibels(energy), axis=1, type=2, norm="ortho")[:, :MFCC_COUNT]


def acoustic_statistics(waveform: np.ndarray, *, sampling_rate: int) -> np.ndarray:
    """Return an utterance's voice and channel as a point in a custom latent space, without the model.

    Returns:
        float32 (60,): mean and standard deviation over time of the 20 MFCCs of raw samples, float32 (N,) in [-1, 1],
        then the standard deviation of their change from frame to frame (zeros for a single frame).
    """
    cepstrum = mel_cepstrum(mel_energy(short_time_spectrum(waveform, sampling_rate=sampling_rate)))
    changes = np.diff(cepstrum, axis=0, append=cepstrum[-1:])
    parts = [cepstrum.mean(axis=0), cepstrum.std(axis=0), changes.std(axis=0)]
    return np.concatenate(parts).astype(np.float32)


def root_mean_square(waveform: np.ndarray) -> np.ndarray:
    """Return the root mean square of each frame's samples, float64 (T,); the ends are padded with zeros."""
    half = FFT_LENGTH // 2
    blocks = waveform.size // HOP_LENGTH + FFT_LENGTH // HOP_LENGTH
    padded = np.zeros(blocks * HOP_LENGTH)
    kept = min(waveform.size, padded.size - half)
    padded[half : half + kept] = waveform[:kept]
    powers = np.square(padded).reshape(blocks, HOP_LENGTH).sum(axis=1)
    frames = np.lib.stride_tricks.sliding_window_view(powers, FFT_LENGTH // HOP_LENGTH).sum(axis=1)
    return np.sqrt(frames / FFT_LENGTH)


def zero_crossing_rate(waveform: np.ndarray) -> np.ndarray:
    """Return sign changes per sample of each frame, float64 (T,); padded with the end samples."""
    negative = waveform < -ZERO_TOLERANCE
    crossings = np.zeros(waveform.size, np.int64)
    np.cumsum(negative[1:] != negative[:-1], out=crossings[1:])
    first = np.arange(waveform.size // HOP_LENGTH + 1) * HOP_LENGTH - FFT_LENGTH // 2
    last = np.minimum(first + FFT_LENGTH - 1, waveform.size - 1)
    return (crossings[last] - crossings[np.maximum(first, 0)]) / FFT_LENGTH


def _decibels(power: np.ndarray) -> np.ndarray:
    """Return 10 log10, at least -100 dB and within 80 dB of the array's maximum, as `librosa.power_to_db` does."""
    decibels = 10 * np.log10(np.maximum(power, POWER_FLOOR))
    return np.maximum(decibels, decibels.max() - DYNAMIC_RANGE_DB)


@lru_cache(maxsize=1)
def hann_window() -> np.ndarray:
    """Return the analysis window, float64 (2048,), periodic."""
    import scipy.signal

    return scipy.signal.get_window("hann", FFT_LENGTH)


@lru_cache(maxsize=4)
def _mel_filters(sampling_rate: int) -> np.ndarray:
    """Return the mel filter bank, float32 (128, F)."""
    import librosa

    return librosa.filters.mel(sr=sampling_rate, n_fft=FFT_LENGTH)


@lru_cache(maxsize=4)
def _contrast_bands(sampling_rate: int) -> tuple[tuple[int, int, int], ...]:
    """Return first bin, bin after the last, and number of bins in peak and valley, per band, as in librosa.

    A band starts one bin below its lower edge (except the lowest) and ends one bin before its upper edge (the
    highest at half the sampling rate); the quantile counts the dropped bin, too.
    """
    frequencies = np.fft.rfftfreq(FFT_LENGTH, 1 / sampling_rate)
    edges = [0.0, *(CONTRAST_LOWEST_HZ * 2.0 ** np.arange(CONTRAST_BANDS + 1))]
    bands = []
    for index, (low, high) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        inside = np.flatnonzero((frequencies >= low) & (frequencies <= high))
        first = inside[0] - (index > 0)
        stop = frequencies.size if index == CONTRAST_BANDS else inside[-1] + 1
        count = max(1, int(np.rint(CONTRAST_QUANTILE * (stop - first))))
        bands.append((int(first), int(stop - (index < CONTRAST_BANDS)), count))
    return tuple(bands)
