"""Metadata of the signal: spectrum, level, noise, pauses, pitch and speaking rate of one utterance.

In: the raw waveform (not the normalized one the model reads), float32 (N,) in [-1, 1], and its sampling rate.
Out: a flat dict of floats and integers with the same keys for every utterance; a value that is unknown is
`None`.
"""

from functools import lru_cache

import numpy as np

from librispeech_clf.metadata.spectrum import (
    FFT_LENGTH,
    POWER_FLOOR,
    SPECTRAL_TYPES,
    Spectrum,
    hann_window,
    short_time_spectrum,
    spectral_features,
)

LEVEL_BLOCK_S = 0.010
SILENCE_BELOW_LOUD_DB = 30.0
SHORTEST_PAUSE_S = 0.2
NOISE_SHARE_OF_FRAMES = 0.1
SIGNAL_TO_NOISE_RANGE_DB = (-10.0, 80.0)
SHORTEST_FOR_NOISE_S = 0.5
QUANTIZATION_POWER = (1 / 32768) ** 2 / 12

PITCH_RANGE_HZ = (60.0, 500.0)
PITCH_BAND_HZ = (50.0, 1000.0)
VOICING_THRESHOLD = 0.45
OCTAVE_COST = 0.01

CLIPPING_RUN = 3
CLIPPING_LEAST_PEAK = 0.01

SIGNAL_METADATA_TYPES = dict.fromkeys(
    (
        "duration_s", *SPECTRAL_TYPES, "level_dbfs", "peak_dbfs", "clipping_share", "signal_to_noise_ratio_db",
        "silence_share", "leading_silence_s", "trailing_silence_s", "pause_count", "longest_pause_s",
        "fundamental_frequency_median_hz", "fundamental_frequency_spread_semitones", "voiced_share",
        "words_per_second", "letters_per_second",
    ),
    "float",
) | {"pause_count": "int"}  # fmt: skip
"""Key -> "float" or "int"; the keys of `signal_metadata`, in its order."""

Values = dict[str, float | int | None]


def signal_metadata(waveform: np.ndarray, *, sampling_rate: int, transcript: str | None) -> Values:
    """Measure everything in `SIGNAL_METADATA_TYPES`.

    Args:
        waveform: float32 (N,), raw samples in [-1, 1], without padding.
        sampling_rate: Hz, of `waveform`; above 12,800 (the highest contrast band starts at 6,400 Hz).
        transcript: words separated by spaces, for the speaking rate; None: unknown.

    Returns:
        One value per key; an empty waveform has a duration of 0 and `None` for the rest.
    """
    values: Values = dict.fromkeys(SIGNAL_METADATA_TYPES)
    duration_s = values["duration_s"] = waveform.size / sampling_rate
    if waveform.size == 0:
        return values
    spectrum = short_time_spectrum(waveform, sampling_rate=sampling_rate)
    values |= spectral_features(waveform, spectrum)
    # Relative to 1.0: a full-scale sine has a level of -3.01 and a peak of 0.
    values["level_dbfs"] = _decibels_or_none(float(np.mean(waveform.astype(np.float64) ** 2)))
    values["peak_dbfs"] = _decibels_or_none(float(np.max(np.abs(waveform.astype(np.float64)))) ** 2)
    values["clipping_share"] = clipping_share(waveform)
    block_power = block_powers(waveform, sampling_rate=sampling_rate)
    values["signal_to_noise_ratio_db"] = signal_to_noise_ratio(block_power)
    values |= pauses(block_power) | fundamental_frequency(spectrum)
    if transcript is not None:
        words = transcript.split()
        values["words_per_second"] = len(words) / duration_s
        values["letters_per_second"] = sum(map(len, words)) / duration_s
    return values


def clipping_share(waveform: np.ndarray) -> float:
    """Return the share of samples in flat tops: three or more in a row at the waveform's maximum or minimum.

    Finds clipping even after a change of level, and none in a waveform whose peak is below 0.01 (-40 dBFS),
    where equal neighbors come from 16-bit rounding.
    """
    peak = float(np.max(np.abs(waveform)))
    if peak < CLIPPING_LEAST_PEAK:
        return 0.0
    at_extreme = (waveform >= waveform.max()) | (waveform <= waveform.min())
    starts, stops = _runs(at_extreme)
    lengths = stops - starts
    return float(lengths[lengths >= CLIPPING_RUN].sum() / waveform.size)


def block_powers(waveform: np.ndarray, *, sampling_rate: int) -> np.ndarray:
    """Return the mean power of blocks of 10 ms, float64 (blocks,); a remainder is dropped."""
    length = min(round(LEVEL_BLOCK_S * sampling_rate), waveform.size)
    count = waveform.size // length
    return np.square(waveform[: count * length], dtype=np.float64).reshape(count, length).mean(axis=1)


def signal_to_noise_ratio(block_power: np.ndarray) -> float | None:
    """Estimate the ratio of speech to noise power from the quietest tenth of the utterance.

    The noise power is the mean of the lowest 10 % of frames of 20 ms (speakers pause; stationary noise does
    not), but at least the quantization noise of 16 bits; the speech power is the mean power minus that. The ratio is
    kept within -10 and 80 dB. Blind spots: speech without any pause is partly taken for noise (too low); noise
    that pauses with the speech is not seen, and digital zeros (lost packets, pauses of synthetic speech)
    count as a clean pause (too high). Steady noise alone gives less than 0 dB; below half a second, and for digital
    silence, the ratio is unknown.
    """
    if block_power.size * LEVEL_BLOCK_S < SHORTEST_FOR_NOISE_S or not block_power.any():
        return None
    frames = np.sort((block_power[1:] + block_power[:-1]) / 2)
    quietest = frames[: max(1, round(NOISE_SHARE_OF_FRAMES * frames.size))]
    noise = max(float(quietest.mean()), QUANTIZATION_POWER)
    speech = max(float(block_power.mean()) - noise, 1e-3 * noise)
    return float(np.clip(10 * np.log10(speech / noise), *SIGNAL_TO_NOISE_RANGE_DB))


def pauses(block_power: np.ndarray) -> Values:
    """Measure silence: blocks of 10 ms that are 30 dB below the utterance's loud parts (95th percentile of the level).

    Noise within 30 dB of the speech fills the pauses, and then there is no silence. A pause is silence of at
    least 0.2 s between speech; leading and trailing silence are counted separately.
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
    """Return median and spread of the voice's pitch, from the autocorrelation of each frame.

    After Boersma (1993), "Accurate short-term analysis of the fundamental frequency": the autocorrelation of
    the windowed frame over that of the window, here as the inverse transform of the shared power spectrum
    between 50 and 1,000 Hz, at half the sampling rate; the best lag of 60 to 500 Hz with a cost of 0.01 per
    octave down, refined by a parabola. A frame is voiced if that autocorrelation exceeds 0.45 and its power
    is within 30 dB of the loudest frame's. The spread is the interquartile range over the voiced frames.
    """
    import scipy.fft

    first, stop = np.searchsorted(spectrum.frequencies, PITCH_BAND_HZ)
    power = spectrum.power[:, :stop].copy()
    power[:, :first] = 0
    energy = power.sum(axis=1)
    loud = energy > max(10 ** (-SILENCE_BELOW_LOUD_DB / 10) * float(energy.max()), POWER_FLOOR)
    autocorrelation = scipy.fft.irfft(power[loud], n=FFT_LENGTH // 2)
    rate = spectrum.sampling_rate / 2
    lags = np.arange(int(rate / PITCH_RANGE_HZ[1]) - 1, int(rate / PITCH_RANGE_HZ[0]) + 3)
    correlation = autocorrelation[:, lags] / (autocorrelation[:, :1] * _window_autocorrelation()[2 * lags])
    pitch = rate / _best_lags(correlation, lags)
    median = spread = None
    if pitch.size:
        low, middle, high = np.percentile(pitch, (25, 50, 75))
        median, spread = float(middle), float(12 * np.log2(high / low))
    return {
        "fundamental_frequency_median_hz": median,
        "fundamental_frequency_spread_semitones": spread,
        "voiced_share": pitch.size / energy.size,
    }


def _decibels_or_none(power: float) -> float | None:
    return float(10 * np.log10(power)) if power > 0 else None


def _runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first index, and the index after the last, of each run of true values."""
    edges = np.diff(mask.view(np.int8), prepend=0, append=0)
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _best_lags(correlation: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """Return the best inner lag, in fractional samples, of the frames in which it passes the voicing threshold.

    The parabola through a peak and its neighbors gives its position and height; without the height, the octave
    below would win whenever its lag is nearer to a whole sample.
    """
    before, inner, after = correlation[:, :-2], correlation[:, 1:-1], correlation[:, 2:]
    is_peak = (inner >= before) & (inner > after)
    curvature = np.where(is_peak, before - 2 * inner + after, -1.0)
    shift = 0.5 * (before - after) / curvature
    height = inner - 0.25 * (before - after) * shift
    strength = np.where(is_peak, height - OCTAVE_COST * np.log2(lags[1:-1]), -np.inf)
    frames, best = np.arange(len(strength)), np.argmax(strength, axis=1)
    voiced = is_peak[frames, best] & (height[frames, best] > VOICING_THRESHOLD)
    return (lags[1:-1] + shift)[frames, best][voiced]


@lru_cache(maxsize=1)
def _window_autocorrelation() -> np.ndarray:
    """Return the autocorrelation of the analysis window, 1 at lag 0, float32 (4096,)."""
    autocorrelation = np.fft.irfft(np.abs(np.fft.rfft(hann_window(), 2 * FFT_LENGTH)) ** 2)
    return (autocorrelation / autocorrelation[0]).astype(np.float32)
