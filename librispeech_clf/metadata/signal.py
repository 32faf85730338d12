"""Metadata of the signal: spectrum, level, noise, pauses, pitch and speaking rate of one utterance.

In: the raw waveform (not the normalised one the model reads), float32 (N,) in [-1, 1], and its sampling rate.
Out: a flat dict of floats and integers with the same keys for every utterance; a value that cannot be told is
`None`.

The ten spectral families equal librosa's functions called with `y=`, the sampling rate and defaults otherwise
(FFT 2,048, hop 512, Hann window, centred frames), but share one short-time Fourier transform, and use matrix
products and sorting of rows where librosa loops. Legend: N samples, T frames, F frequency bins.
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

LEVEL_BLOCK_S = 0.010
SILENCE_BELOW_LOUD_DB = 30.0
SHORTEST_PAUSE_S = 0.2
NOISE_SHARE_OF_FRAMES = 0.1
SIGNAL_TO_NOISE_RANGE_DB = (-10.0, 80.0)
SHORTEST_FOR_NOISE_S = 0.5
QUANTISATION_POWER = (1 / 32768) ** 2 / 12

PITCH_RANGE_HZ = (60.0, 500.0)
PITCH_BAND_HZ = (50.0, 1000.0)
VOICING_THRESHOLD = 0.45
OCTAVE_COST = 0.01

CLIPPING_RUN = 3
CLIPPING_LEAST_PEAK = 0.01

_STATISTICS = ("min", "max", "mean", "std")
_FAMILIES = {
    "spectral_flatness": "",
    "spectral_contrast": "_db",
    "spectral_centroid": "_hz",
    "spectral_bandwidth": "_hz",
    "spectral_rolloff": "_hz",
    "mel_energy": "",
    "mfcc": "",
    "rms": "",
    "zero_crossing_rate": "",
    "polynomial_slope": "",
    "polynomial_intercept": "",
}

SIGNAL_METADATA_TYPES: dict[str, str] = {
    "duration_s": "float",
    **{f"{family}_{name}{unit}": "float" for family, unit in _FAMILIES.items() for name in _STATISTICS},
    "level_dbfs": "float",
    "peak_dbfs": "float",
    "clipping_share": "float",
    "signal_to_noise_ratio_db": "float",
    "silence_share": "float",
    "leading_silence_s": "float",
    "trailing_silence_s": "float",
    "pause_count": "int",
    "longest_pause_s": "float",
    "fundamental_frequency_median_hz": "float",
    "fundamental_frequency_spread_semitones": "float",
    "voiced_share": "float",
    "words_per_second": "float",
    "letters_per_second": "float",
}
"""Key -> "float" or "int"; the keys of `signal_metadata`, in its order."""

Values = dict[str, float | int | None]


@dataclass(frozen=True)
class Spectrum:
    """Short-time spectrum of one utterance, shared by all spectral families.

    Attributes:
        magnitude: float32 (T, F), bit for bit `abs(librosa.stft(y)).T`.
        power: float32 (T, F), `magnitude ** 2`.
        frequencies: float64 (F,), Hz, of the bins.
        sampling_rate: Hz.
    """

    magnitude: np.ndarray
    power: np.ndarray
    frequencies: np.ndarray
    sampling_rate: int


def signal_metadata(waveform: np.ndarray, *, sampling_rate: int, transcript: str) -> Values:
    """Measure everything in `SIGNAL_METADATA_TYPES`.

    Args:
        waveform: float32 (N,), raw samples in [-1, 1], without padding.
        sampling_rate: Hz, of `waveform`; above 12,800 (the highest contrast band starts at 6,400 Hz).
        transcript: words separated by spaces, for the speaking rate.

    Returns:
        One value per key; an empty waveform has a duration of 0 and `None` for the rest.

    Raises:
        ValueError: the waveform is not one-dimensional, or the sampling rate is too low.
    """
    _check(waveform, sampling_rate)
    values: Values = dict.fromkeys(SIGNAL_METADATA_TYPES)
    duration_s = values["duration_s"] = waveform.size / sampling_rate
    if waveform.size == 0:
        return values
    spectrum = short_time_spectrum(waveform, sampling_rate=sampling_rate)
    values |= spectral_features(waveform, spectrum)
    values |= level(waveform) | clipping(waveform)
    block_power = block_powers(waveform, sampling_rate=sampling_rate)
    values |= signal_to_noise_ratio(block_power) | pauses(block_power)
    values |= fundamental_frequency(spectrum) | speaking_rate(transcript, duration_s)
    return values


def short_time_spectrum(waveform: np.ndarray, *, sampling_rate: int) -> Spectrum:
    """Transform the utterance once; frames are centred and the ends padded with zeros, as in librosa.

    The transform is computed in float64 and rounded, block by block so that it stays in the processor's
    cache.
    """
    import scipy.fft

    padded = np.pad(waveform, FFT_LENGTH // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT_LENGTH)[::HOP_LENGTH]
    magnitude = np.empty((len(frames), FFT_LENGTH // 2 + 1), np.float32)
    window = _hann()
    for start in range(0, len(frames), 32):
        block = slice(start, start + 32)
        transformed = scipy.fft.rfft(frames[block] * window, overwrite_x=True)
        magnitude[block] = np.abs(transformed.astype(np.complex64))
    frequencies = np.fft.rfftfreq(FFT_LENGTH, 1 / sampling_rate)
    return Spectrum(magnitude, magnitude * magnitude, frequencies, sampling_rate)


def spectral_features(waveform: np.ndarray, spectrum: Spectrum) -> Values:
    """Minimum, maximum, mean and standard deviation of the ten families over all their values."""
    energy = mel_energy(spectrum)
    centroid, bandwidth, slope, intercept = spectral_moments(spectrum)
    by_family = {
        "spectral_flatness": spectral_flatness(spectrum),
        "spectral_contrast": spectral_contrast(spectrum),
        "spectral_centroid": centroid,
        "spectral_bandwidth": bandwidth,
        "spectral_rolloff": spectral_rolloff(spectrum),
        "mel_energy": energy,
        "mfcc": mel_cepstrum(energy),
        "rms": root_mean_square(waveform),
        "zero_crossing_rate": zero_crossing_rate(waveform),
        "polynomial_slope": slope,
        "polynomial_intercept": intercept,
    }
    return {
        key: value
        for family, array in by_family.items()
        for key, value in _statistics(family, array, _FAMILIES[family]).items()
    }


def spectral_flatness(spectrum: Spectrum) -> np.ndarray:
    """Geometric over arithmetic mean of the power, float32 (T,); 1 if flat or silent."""
    power = np.maximum(spectrum.power, POWER_FLOOR)
    return np.exp(np.mean(np.log(power), axis=1)) / np.mean(power, axis=1)


def spectral_contrast(spectrum: Spectrum) -> np.ndarray:
    """Peak over valley of the magnitude in seven octave bands from 200 Hz, float64 (T, 7), dB.

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
    """Centroid, bandwidth and straight-line fit of the magnitude from one matrix product.

    With the moments m_i = sum(f^i S): centroid m1 / m0, bandwidth sqrt(m2 / m0 - centroid^2). The frequencies
    are centred before they are squared and summed in float64, so that little cancels. The line is the
    least-squares fit of magnitude over frequency, linear in S and therefore a product with a fixed matrix.

    Returns:
        Centroid and bandwidth in Hz (0 for silent frames), slope per Hz and intercept of the line; float64
        (T,) each.
    """
    weights, middle = _moment_weights(spectrum.sampling_rate)
    total, first, second, slope, intercept = (spectrum.magnitude.astype(np.float64) @ weights).T
    # librosa does not normalise frames whose sum is below float32's smallest normal number
    silent = total < np.finfo(np.float32).tiny
    total = np.where(silent, 1.0, total)
    offset = first / total
    variance = second / total - offset**2
    centroid = np.where(silent, 0.0, offset + middle)
    bandwidth = np.where(silent, 0.0, np.sqrt(np.maximum(variance, 0.0)))
    return centroid, bandwidth, slope, intercept


def spectral_rolloff(spectrum: Spectrum) -> np.ndarray:
    """Lowest frequency below which 85 % of the magnitude lies, float64 (T,), Hz; 0 for silent frames."""
    cumulative = np.cumsum(spectrum.magnitude, axis=1)
    below = np.count_nonzero(cumulative < np.float32(ROLLOFF_SHARE) * cumulative[:, -1:], axis=1)
    return spectrum.frequencies[below]


def mel_energy(spectrum: Spectrum) -> np.ndarray:
    """Power in 128 mel bands (Slaney scale and norm), float32 (T, 128)."""
    return spectrum.power @ _mel_filters(spectrum.sampling_rate)


def mel_cepstrum(energy: np.ndarray) -> np.ndarray:
    """The 20 lowest mel-frequency cepstral coefficients, float32 (T, 20).

    Statistics run over frames and coefficients together: the minimum is in practice the first coefficient
    (level) of the quietest frame, the deviation tells how far the spectral envelope is from flat.

    Args:
        energy: float32 (T, 128), from `mel_energy`.
    """
    import scipy.fft

    return scipy.fft.dct(_decibels(energy), axis=1, type=2, norm="ortho")[:, :MFCC_COUNT]


def root_mean_square(waveform: np.ndarray) -> np.ndarray:
    """Root mean square of each frame's samples, float64 (T,); the ends are padded with zeros."""
    half = FFT_LENGTH // 2
    blocks = waveform.size // HOP_LENGTH + FFT_LENGTH // HOP_LENGTH
    padded = np.zeros(blocks * HOP_LENGTH)
    kept = min(waveform.size, padded.size - half)
    padded[half : half + kept] = waveform[:kept]
    powers = np.square(padded).reshape(blocks, HOP_LENGTH).sum(axis=1)
    frames = np.lib.stride_tricks.sliding_window_view(powers, FFT_LENGTH // HOP_LENGTH).sum(axis=1)
    return np.sqrt(frames / FFT_LENGTH)


def zero_crossing_rate(waveform: np.ndarray) -> np.ndarray:
    """Changes of sign per sample of each frame, float64 (T,); padded with the end samples."""
    negative = waveform < -ZERO_TOLERANCE
    crossings = np.zeros(waveform.size, np.int64)
    np.cumsum(negative[1:] != negative[:-1], out=crossings[1:])
    first = np.arange(waveform.size // HOP_LENGTH + 1) * HOP_LENGTH - FFT_LENGTH // 2
    last = np.minimum(first + FFT_LENGTH - 1, waveform.size - 1)
    return (crossings[last] - crossings[np.maximum(first, 0)]) / FFT_LENGTH


def level(waveform: np.ndarray) -> Values:
    """Root mean square and peak, dB relative to 1.0 (a full-scale sine: -3.01 and 0); `None` for silence."""
    samples = waveform.astype(np.float64)
    return {
        "level_dbfs": _decibels_or_none(float(np.mean(samples**2))),
        "peak_dbfs": _decibels_or_none(float(np.max(np.abs(samples))) ** 2),
    }


def clipping(waveform: np.ndarray) -> Values:
    """Share of samples in flat tops: three or more samples in a row at the waveform's maximum or minimum.

    Finds clipping also after a change of level, and none in a waveform whose peak is below 0.01 (-40 dBFS),
    where equal neighbours are a matter of 16-bit rounding.
    """
    peak = float(np.max(np.abs(waveform)))
    if peak < CLIPPING_LEAST_PEAK:
        return {"clipping_share": 0.0}
    at_extreme = (waveform >= waveform.max()) | (waveform <= waveform.min())
    starts, stops = _runs(at_extreme)
    lengths = stops - starts
    return {"clipping_share": float(lengths[lengths >= CLIPPING_RUN].sum() / waveform.size)}


def block_powers(waveform: np.ndarray, *, sampling_rate: int) -> np.ndarray:
    """Mean power of blocks of 10 ms, float64 (blocks,); a remainder is dropped."""
    length = min(round(LEVEL_BLOCK_S * sampling_rate), waveform.size)
    count = waveform.size // length
    return np.square(waveform[: count * length], dtype=np.float64).reshape(count, length).mean(axis=1)


def signal_to_noise_ratio(block_power: np.ndarray) -> Values:
    """Estimate the ratio of speech to noise power from the quietest tenth of the utterance.

    The noise power is the mean of the lowest 10 % of frames of 20 ms (speakers pause; stationary noise does
    not), at least the quantisation noise of 16 bits; the speech power is the mean power less that. Kept
    within -10 and 80 dB. Blind spots: speech without any pause is taken for noise in part (too low), noise
    that pauses with the speech is not seen (too high). Steady noise alone gives less than 0 dB.

    Args:
        block_power: float64 (blocks,), from `block_powers`.

    Returns:
        `signal_to_noise_ratio_db`; `None` below half a second and for digital silence.
    """
    if block_power.size * LEVEL_BLOCK_S < SHORTEST_FOR_NOISE_S or not block_power.any():
        return {"signal_to_noise_ratio_db": None}
    frames = np.sort((block_power[1:] + block_power[:-1]) / 2)
    noise = max(
        float(frames[: max(1, round(NOISE_SHARE_OF_FRAMES * frames.size))].mean()), QUANTISATION_POWER
    )
    speech = max(float(block_power.mean()) - noise, 1e-3 * noise)
    return {
        "signal_to_noise_ratio_db": float(np.clip(10 * np.log10(speech / noise), *SIGNAL_TO_NOISE_RANGE_DB))
    }


def pauses(block_power: np.ndarray) -> Values:
    """Tell silence: blocks of 10 ms, 30 dB below the utterance's loud parts (95th percentile of the level).

    Noise within 30 dB of the speech fills the pauses, and then there is no silence. A pause is silence of at
    least 0.2 s between speech; silence before and after it is told apart.

    Args:
        block_power: float64 (blocks,), from `block_powers`.
    """
    loud = float(np.percentile(block_power, 95)) or float(block_power.max())
    silent = block_power <= loud * 10 ** (-SILENCE_BELOW_LOUD_DB / 10)
    starts, stops = _runs(silent)
    lengths = (stops - starts) * LEVEL_BLOCK_S
    inner = lengths[(starts > 0) & (stops < silent.size) & (lengths >= SHORTEST_PAUSE_S - 1e-9)]
    return {
        "silence_share": float(silent.mean()),
        "leading_silence_s": float(lengths[0]) if silent[0] else 0.0,
        "trailing_silence_s": float(lengths[-1]) if silent[-1] else 0.0,
        "pause_count": int(inner.size),
        "longest_pause_s": float(inner.max(initial=0.0)),
    }


def fundamental_frequency(spectrum: Spectrum) -> Values:
    """Median and spread of the voice's pitch, from the autocorrelation of each frame.

    After Boersma (1993), "Accurate short-term analysis of the fundamental frequency": the autocorrelation of
    the windowed frame over that of the window, here as the cosine transform of the shared power spectrum
    between 50 and 1,000 Hz; the best lag of 60 to 500 Hz with a cost of 0.01 per octave down, refined by a
    parabola. A frame is voiced if that autocorrelation exceeds 0.45 and its power is within 30 dB of the
    loudest frame's.

    Returns:
        The median in Hz and the interquartile range in semitones over the voiced frames (`None` without any),
        and the share of voiced frames.
    """
    transform, window, lags, bins = _pitch_transform(spectrum.sampling_rate)
    banded = spectrum.power[:, bins]
    energy = banded.sum(axis=1)
    loud = energy > max(10 ** (-SILENCE_BELOW_LOUD_DB / 10) * float(energy.max()), POWER_FLOOR)
    correlation = banded[loud] @ transform / (energy[loud, None] * window)
    pitch = _best_pitch(correlation, lags, spectrum.sampling_rate)
    voiced = pitch.size / energy.size
    if pitch.size == 0:
        return _pitch_values(None, None, voiced)
    low, median, high = np.percentile(pitch, (25, 50, 75))
    return _pitch_values(float(median), float(12 * np.log2(high / low)), voiced)


def speaking_rate(transcript: str, duration_s: float) -> Values:
    """Words and letters (spaces not counted) per second of the whole utterance, pauses included."""
    words = transcript.split()
    return {
        "words_per_second": len(words) / duration_s,
        "letters_per_second": sum(map(len, words)) / duration_s,
    }


def _check(waveform: np.ndarray, sampling_rate: int) -> None:
    if waveform.ndim != 1:
        raise ValueError(
            f"Signal metadata needs a waveform of shape (N,), got {waveform.shape}; mix it to mono."
        )
    lowest = 2 * CONTRAST_LOWEST_HZ * 2 ** (CONTRAST_BANDS - 1)
    if sampling_rate <= lowest:
        raise ValueError(
            f"Signal metadata needs a sampling rate above {lowest:.0f} Hz, got {sampling_rate}; resample."
        )


def _statistics(name: str, values: np.ndarray, unit: str) -> dict[str, float]:
    values = values.astype(np.float64, copy=False)
    numbers = (values.min(), values.max(), values.mean(), values.std())
    return {f"{name}_{key}{unit}": float(number) for key, number in zip(_STATISTICS, numbers, strict=True)}


def _decibels(power: np.ndarray) -> np.ndarray:
    """10 log10, at least -100 dB and within 80 dB of the array's maximum, as `librosa.power_to_db`."""
    decibels = 10 * np.log10(np.maximum(power, POWER_FLOOR))
    return np.maximum(decibels, decibels.max() - DYNAMIC_RANGE_DB)


def _decibels_or_none(power: float) -> float | None:
    return float(10 * np.log10(power)) if power > 0 else None


def _runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First index and index after the last of each run of true values."""
    edges = np.diff(np.concatenate(([0], mask.view(np.int8), [0])))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _pitch_values(median_hz: float | None, spread_semitones: float | None, voiced_share: float) -> Values:
    return {
        "fundamental_frequency_median_hz": median_hz,
        "fundamental_frequency_spread_semitones": spread_semitones,
        "voiced_share": voiced_share,
    }


def _best_pitch(correlation: np.ndarray, lags: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Pitch in Hz of the frames whose best inner lag passes the voicing threshold."""
    inner = correlation[:, 1:-1]
    is_peak = (inner >= correlation[:, :-2]) & (inner > correlation[:, 2:])
    strength = np.where(is_peak, inner - OCTAVE_COST * np.log2(lags[1:-1] / lags[0]), -np.inf)
    best = np.argmax(strength, axis=1)[:, None] if len(strength) else np.zeros((0, 1), np.intp)
    before, peak, after = (np.take_along_axis(correlation, best + shift, axis=1)[:, 0] for shift in range(3))
    voiced = np.take_along_axis(is_peak, best, axis=1)[:, 0] & (peak > VOICING_THRESHOLD)
    curvature = (before - 2 * peak + after)[voiced]
    offset = 0.5 * (before - after)[voiced] / np.where(curvature == 0, 1.0, curvature)
    return sampling_rate / (lags[best[voiced, 0] + 1] + offset)


@lru_cache(maxsize=1)
def _hann() -> np.ndarray:
    import scipy.signal

    return scipy.signal.get_window("hann", FFT_LENGTH)


@lru_cache(maxsize=4)
def _mel_filters(sampling_rate: int) -> np.ndarray:
    """Filter bank, float32 (F, 128)."""
    import librosa

    return np.ascontiguousarray(librosa.filters.mel(sr=sampling_rate, n_fft=FFT_LENGTH).T)


@lru_cache(maxsize=4)
def _contrast_bands(sampling_rate: int) -> tuple[tuple[int, int, int], ...]:
    """First bin, bin after the last, and number of bins in peak and valley, per band, as librosa has them.

    A band starts one bin below its lower edge (but for the lowest), ends one bin before its upper edge, the
    highest at half the sampling rate; the quantile counts the dropped bin too.
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


@lru_cache(maxsize=4)
def _moment_weights(sampling_rate: int) -> tuple[np.ndarray, float]:
    """Columns for three centred moments, slope, intercept, float64 (F, 5); and the centre, Hz."""
    frequencies = np.fft.rfftfreq(FFT_LENGTH, 1 / sampling_rate)
    middle = float(frequencies.mean())
    centred = frequencies - middle
    slope = centred / np.sum(centred**2)
    intercept = 1 / frequencies.size - middle * slope
    columns = (np.ones_like(centred), centred, centred**2, slope, intercept)
    return np.stack(columns, axis=1), middle


@lru_cache(maxsize=4)
def _pitch_transform(sampling_rate: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, slice]:
    """Power to autocorrelation, float32 (bins, lags); the window's own; the lags; the bins used."""
    frequencies = np.fft.rfftfreq(FFT_LENGTH, 1 / sampling_rate)
    first, stop = np.searchsorted(frequencies, PITCH_BAND_HZ)
    lags = np.arange(int(sampling_rate / PITCH_RANGE_HZ[1]) - 1, int(sampling_rate / PITCH_RANGE_HZ[0]) + 3)
    transform = np.cos(2 * np.pi * np.outer(np.arange(first, stop), lags) / FFT_LENGTH).astype(np.float32)
    window_power = np.abs(np.fft.rfft(_hann(), 2 * FFT_LENGTH)) ** 2
    window = np.fft.irfft(window_power)[: lags[-1] + 1]
    return transform, (window[lags] / window[0]).astype(np.float32), lags, slice(int(first), int(stop))
