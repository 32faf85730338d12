"""What rooms, phone lines and recorders do to speech, as pure functions of waveforms.

In: float32 (N,) waveforms in [-1, 1] and a random generator. Out: float32 waveforms; they may leave [-1, 1]
(noise on top of loud speech): nothing is clipped here except by `clip`, so that ratios stay exact.
"""

import numpy as np

TELEPHONE_BAND_HZ = (300.0, 3400.0)
"""Pass band of analogue telephony, ITU-T G.712."""
TEMPO_WINDOW = 400
"""Samples; 25 ms at 16 kHz. Longer windows smear consonants."""
PACKET_S = 0.020
"""Speech in one packet, the usual frame of voice over IP (RFC 3551, section 4.2)."""
DIRECT_TO_REVERBERANT_DB = 3.0
"""Energy of the direct path over that of the echo."""


def white_noise(count: int, generator: np.random.Generator) -> np.ndarray:
    """Return Gaussian noise with the same power at all frequencies, float32 (count,), mean 0, variance 1 on average."""
    return generator.standard_normal(count, dtype=np.float32)


def pink_noise(count: int, generator: np.random.Generator) -> np.ndarray:
    """Return Gaussian noise whose power falls by 3 dB per octave, like much everyday noise; variance 1 on average."""
    from scipy.fft import irfft, next_fast_len, rfft

    length = next_fast_len(max(count, 2), real=True)
    shape = np.concatenate([[0.0], 1 / np.sqrt(np.arange(1, length // 2 + 1))]).astype(np.float32)
    mirrored = np.sum(shape**2) * 2 - (shape[-1] ** 2 if length % 2 == 0 else 0)
    spectrum = rfft(white_noise(length, generator)) * shape * np.sqrt(length / mirrored)
    return irfft(spectrum, length)[:count].astype(np.float32)


def mix_at_signal_to_noise_ratio(waveform: np.ndarray, noise: np.ndarray, ratio_db: float) -> np.ndarray:
    """Add noise so that speech and noise have the desired power ratio.

    Power is the mean square over all N samples, pauses included:
    ratio_db = 10 log10(sum(waveform**2) / sum(scaled_noise**2)).

    Returns:
        float32 (N,): waveform + scaled noise; the waveform alone if it or the noise is silent.
    """
    signal_energy = np.sum(np.square(waveform, dtype=np.float64))
    noise_energy = np.sum(np.square(noise, dtype=np.float64))
    if signal_energy == 0 or noise_energy == 0:
        return waveform.astype(np.float32)
    gain = np.sqrt(signal_energy / noise_energy / 10 ** (ratio_db / 10))
    return (waveform + np.float32(gain) * noise).astype(np.float32)


def room_impulse_response(
    *, decay_time_s: float, sampling_rate: int, generator: np.random.Generator
) -> np.ndarray:
    """Return the impulse response of the simplest room: the direct path, then exponentially decaying Gaussian noise.

    The model is Polack's (J.-D. Polack, "La transmission de l'energie sonore dans les salles", 1988). Within the
    decay time (s, above 0) the echo falls by 60 dB (T60).

    Returns:
        float32 (1 + decay_time_s * sampling_rate,); sample 0 is the direct path and is 1.
    """
    times = np.arange(1, 1 + round(decay_time_s * sampling_rate)) / sampling_rate
    echo = generator.standard_normal(times.size) * 10 ** (-3 * times / decay_time_s)
    echo *= np.sqrt(10 ** (-DIRECT_TO_REVERBERANT_DB / 10) / max(np.sum(echo**2), np.finfo(float).tiny))
    return np.concatenate([[1.0], echo]).astype(np.float32)


def reverberate(
    waveform: np.ndarray, *, decay_time_s: float, sampling_rate: int, generator: np.random.Generator
) -> np.ndarray:
    """Put speech into a room; the length, the timing of the direct path, and the level (root mean square) stay.

    `decay_time_s` is the time in which the echo falls by 60 dB; 0.3 is a living room, 1.2 a hall, 0 nothing.
    """
    from scipy.signal import oaconvolve

    if round(decay_time_s * sampling_rate) < 1 or waveform.size == 0:
        return waveform.astype(np.float32)
    response = room_impulse_response(
        decay_time_s=decay_time_s, sampling_rate=sampling_rate, generator=generator
    )
    echoed = oaconvolve(waveform, response)[: waveform.size]
    level = np.sqrt(np.mean(np.square(echoed, dtype=np.float64)))
    original = np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))
    return (echoed * (original / level if level > 0 else 1.0)).astype(np.float32)


def telephone_band_pass(waveform: np.ndarray, *, sampling_rate: int) -> np.ndarray:
    """Keep 300 to 3400 Hz, as a telephone line does, without delay.

    A Butterworth band-pass of order 4 (scipy), run forwards and backwards: 6 dB down at the band's edges.
    """
    from scipy.signal import butter

    sections = butter(4, TELEPHONE_BAND_HZ, btype="bandpass", fs=sampling_rate, output="sos")
    return _filter(waveform, sections, sampling_rate)


def low_pass(waveform: np.ndarray, *, highest_hz: float, sampling_rate: int) -> np.ndarray:
    """Apply a Butterworth low-pass of order 8, forwards and backwards: no delay, 6 dB down at `highest_hz`."""
    from scipy.signal import butter

    return _filter(waveform, butter(8, highest_hz, fs=sampling_rate, output="sos"), sampling_rate)


def _filter(waveform: np.ndarray, sections: np.ndarray, sampling_rate: int) -> np.ndarray:
    from scipy.signal import sosfiltfilt

    edge = min(waveform.size - 1, round(0.02 * sampling_rate))
    filtered = sosfiltfilt(sections, waveform, padlen=edge) if waveform.size else waveform
    return filtered.astype(np.float32)


def change_tempo(waveform: np.ndarray, *, factor: float) -> np.ndarray:
    """Speak faster or slower at the same pitch (librosa's phase vocoder with windows of `TEMPO_WINDOW`).

    Returns:
        float32 (round(N / factor),); shorter, so faster, for a factor above 1.
    """
    import librosa

    if factor == 1 or waveform.size == 0:
        return waveform.astype(np.float32)
    padded = np.pad(waveform, (0, max(0, TEMPO_WINDOW - waveform.size)))
    stretched = librosa.effects.time_stretch(padded.astype(np.float32), rate=factor, n_fft=TEMPO_WINDOW)
    return librosa.util.fix_length(stretched, size=round(waveform.size / factor)).astype(np.float32)


def clip(waveform: np.ndarray, *, share: float) -> np.ndarray:
    """Overdrive a recorder: flatten the loudest samples of float32 (N,).

    This share of them, in [0, 1), is cut down to the level below which all other magnitudes lie.
    """
    if waveform.size == 0:
        return waveform.astype(np.float32)
    limit = np.quantile(np.abs(waveform), 1 - share)
    return np.clip(waveform, -limit, limit).astype(np.float32)


def drop_packets(
    waveform: np.ndarray, *, loss_rate: float, sampling_rate: int, generator: np.random.Generator
) -> np.ndarray:
    """Drop packets of 20 ms; each is lost independently, with the given probability, and heard as silence."""
    size = round(PACKET_S * sampling_rate)
    lost = generator.random(-(-waveform.size // size)) < loss_rate
    return np.where(np.repeat(lost, size)[: waveform.size], 0, waveform).astype(np.float32)
