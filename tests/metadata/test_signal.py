import math

import numpy as np
import pytest
from librosa import feature

from librispeech_clf.metadata.signal import SIGNAL_METADATA_TYPES, signal_metadata
from librispeech_clf.metadata.spectrum import Spectrum, spectral_moments
from tests.metadata.test_uses import assert_declared

RATE = 16_000


def measure(waveform, transcript="HELLO WORLD"):
    return signal_metadata(np.asarray(waveform, np.float32), sampling_rate=RATE, transcript=transcript)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def make_tone(frequency_hz, *, seconds=1.0, amplitude=0.5):
    time = np.arange(round(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * frequency_hz * time)).astype(np.float32)


def make_speech(*, seconds=8.0, pitch_hz=120.0):
    """Syllables of 0.2 s of 20 harmonics and, after every fourth, 0.3 s of silence."""
    time = np.arange(round(seconds * RATE)) / RATE
    order = np.arange(1, 21)[:, None]
    voice = np.sum(np.sin(2 * np.pi * pitch_hz * order * time + order) / order, axis=0)
    in_period = time % 1.1
    envelope = np.where(in_period < 0.8, np.abs(np.sin(np.pi * in_period / 0.2)) ** 0.5, 0.0)
    loudness = np.repeat(np.random.default_rng(5).uniform(0.5, 1.0, 1 + round(seconds)), RATE)[: time.size]
    return (0.2 * voice / np.abs(voice).max() * envelope * loudness).astype(np.float32)


def at_ratio(speech, noise, ratio_db):
    """Speech plus noise at a ratio of mean powers over the whole signal."""
    gain = math.sqrt(np.mean(speech**2) / np.mean(noise**2) / 10 ** (ratio_db / 10))
    return speech + gain * noise


def make_pink(count, generator):
    """Power falls as 1 / frequency, from 20 Hz."""
    frequencies = np.fft.rfftfreq(count, 1 / RATE)
    spectrum = np.fft.rfft(generator.standard_normal(count)) / np.sqrt(np.maximum(frequencies, 20))
    spectrum[frequencies < 20] = 0
    return np.fft.irfft(spectrum, count)


EDGE_CASES = {
    "silence": np.zeros(RATE),
    "10 ms": 0.1 * np.sin(np.arange(160)),
    "one sample": np.array([0.25]),
    "one zero": np.zeros(1),
    "constant": np.full(RATE, 0.5),
    "one click": np.eye(1, RATE, 4000)[0],
    "two samples": np.array([0.25, -0.25]),
    "loudest square wave": np.sign(np.sin(np.arange(RATE))),
    "below 16 bits": np.full(RATE, 1e-12),
}


@pytest.mark.parametrize("name", EDGE_CASES)
def test_every_key_has_its_type_or_none_and_no_value_is_nan(name):
    values = measure(EDGE_CASES[name])
    assert_declared(values, SIGNAL_METADATA_TYPES)
    assert {
        key: value for key, value in values.items() if value is not None and not math.isfinite(value)
    } == {}


def test_ordinary_speech_has_every_value_and_fewer_than_the_platform_takes():
    values = measure(make_speech())
    assert [key for key, value in values.items() if value is None] == []
    assert len(values) == len(SIGNAL_METADATA_TYPES) < 100


def test_empty_waveform_has_a_duration_and_nothing_else():
    assert measure(np.zeros(0)) == dict.fromkeys(SIGNAL_METADATA_TYPES) | {"duration_s": 0.0}


def test_read_only_waveform_is_left_alone():
    waveform = make_tone(200)
    waveform.setflags(write=False)
    measure(waveform)
    np.testing.assert_array_equal(waveform, make_tone(200))


def test_level_of_a_sine_and_of_silence():
    values, silent = measure(make_tone(1000, amplitude=0.5)), measure(np.zeros(RATE))
    assert values["level_dbfs"] == pytest.approx(20 * math.log10(0.5 / math.sqrt(2)), abs=1e-3)
    assert values["peak_dbfs"] == pytest.approx(20 * math.log10(0.5), abs=1e-3)
    unknown = "level_dbfs", "peak_dbfs", "signal_to_noise_ratio_db", "fundamental_frequency_median_hz"
    assert [silent[key] for key in unknown] == [None] * 4
    assert silent["silence_share"] == 1.0


def test_polynomial_of_a_straight_spectrum():
    frequencies = np.fft.rfftfreq(2048, 1 / RATE)
    magnitude = (3.0 - 2e-4 * frequencies[None, :]).astype(np.float32)
    _, _, slope, intercept = spectral_moments(Spectrum(magnitude, magnitude**2, frequencies, RATE))
    assert slope == pytest.approx(-2e-4, abs=1e-9)
    assert intercept == pytest.approx(3.0, abs=1e-5)


@pytest.mark.parametrize("share", [0, 0.1, 0.3])
def test_clipping_share_of_a_clipped_tone_at_any_level(share):
    tone = make_tone(97.3, amplitude=1.0)
    limit = np.quantile(np.abs(tone), 1 - share)
    clipped = measure(0.3 * np.clip(tone, -limit, limit))["clipping_share"]
    assert clipped == pytest.approx(share, abs=0.005 if share else 0)


def test_clipping_ignores_the_rounding_of_quiet_audio(rng):
    assert measure(np.round(rng.standard_normal(RATE)) / 32768)["clipping_share"] == 0.0


def measure_ratio(waveform):
    return measure(waveform)["signal_to_noise_ratio_db"]


@pytest.mark.parametrize("noise_kind", ["white", "pink"])
def test_signal_to_noise_ratio_is_near_the_truth_and_rises_with_it_at_any_level(rng, noise_kind):
    speech, ratios = make_speech(), np.array([0, 5, 10, 15, 20, 30, 40])
    noise = rng.standard_normal(speech.size) if noise_kind == "white" else make_pink(speech.size, rng)
    mixtures = [at_ratio(speech, noise, ratio) for ratio in ratios]
    estimates = [measure_ratio(mixture) for mixture in mixtures]
    assert np.all(np.diff(estimates) > 2)
    np.testing.assert_allclose(estimates, ratios, atol=3)
    assert measure_ratio(0.1 * mixtures[3]) == pytest.approx(estimates[3], abs=0.01)


def test_noise_alone_is_below_0_db_and_hardly_voiced(rng):
    values = measure(0.1 * rng.standard_normal(4 * RATE))
    assert values["signal_to_noise_ratio_db"] < 0 and values["voiced_share"] < 0.1


def test_pauses_of_tone_bursts():
    tone, gap = make_tone(300), np.zeros(RATE)
    values = measure(np.concatenate([gap[:8000], tone, gap, tone, gap[:1600], tone, gap[:4000]]))
    assert values["duration_s"] == pytest.approx(4.85)
    assert values["leading_silence_s"] == pytest.approx(0.5, abs=0.02)
    assert values["trailing_silence_s"] == pytest.approx(0.25, abs=0.02)
    assert values["pause_count"] == 1
    assert values["longest_pause_s"] == pytest.approx(1.0, abs=0.03)
    assert values["silence_share"] == pytest.approx(1.85 / 4.85, abs=0.02)
    steady = measure(tone)
    assert (steady["silence_share"], steady["pause_count"]) == (0, 0)


@pytest.mark.parametrize("pitch_hz", [75, 110, 150, 220, 310, 440])
@pytest.mark.parametrize("ratio_db", [60, 5])
def test_fundamental_frequency_of_a_harmonic_tone(rng, pitch_hz, ratio_db):
    voice = make_speech(seconds=3.0, pitch_hz=pitch_hz)
    values = measure(at_ratio(voice, rng.standard_normal(voice.size), ratio_db))
    assert values["fundamental_frequency_median_hz"] == pytest.approx(pitch_hz, rel=0.01)
    assert values["fundamental_frequency_spread_semitones"] < 0.5
    assert values["voiced_share"] > 0.4


def test_fundamental_frequency_that_is_missing_from_the_spectrum():
    voice = sum(make_tone(130 * order, amplitude=0.1) for order in range(2, 8))
    assert measure(voice)["fundamental_frequency_median_hz"] == pytest.approx(130, rel=0.01)


def test_speaking_rate_counts_apostrophes_within_words():
    values = measure(make_tone(100, seconds=2.0), transcript="DON'T  STOP")
    assert (values["words_per_second"], values["letters_per_second"]) == (1.0, 4.5)


SPEECH = make_speech(seconds=4.0)
NOISE = np.random.default_rng(5).standard_normal(SPEECH.size)
SOUNDS = {
    "speech": SPEECH,
    "noisy speech": at_ratio(SPEECH, NOISE, 15),
    "noise": 0.3 * NOISE,
    "tone": make_tone(1000),
    "silence": np.zeros(RATE),
    "odd length": SPEECH[:30_001],
    "10 ms": SPEECH[1600:1760],
}


@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large")
@pytest.mark.parametrize("case", SOUNDS)
def test_spectral_statistics_equal_librosa_to_four_decimals(case):
    waveform = SOUNDS[case].astype(np.float32)
    sound = {"y": waveform, "sr": RATE}
    polynomial = feature.poly_features(**sound)
    expected = {
        "spectral_flatness_{}": feature.spectral_flatness(y=waveform),
        "spectral_contrast_{}_db": feature.spectral_contrast(**sound),
        "spectral_centroid_{}_hz": feature.spectral_centroid(**sound),
        "spectral_bandwidth_{}_hz": feature.spectral_bandwidth(**sound),
        "spectral_rolloff_{}_hz": feature.spectral_rolloff(**sound),
        "mel_energy_{}": feature.melspectrogram(**sound),
        "mfcc_{}": feature.mfcc(**sound),
        "rms_{}": feature.rms(y=waveform),
        "zero_crossing_rate_{}": feature.zero_crossing_rate(waveform),
        "polynomial_slope_{}": polynomial[0],
        "polynomial_intercept_{}": polynomial[1],
    }
    values = measure(waveform)
    for key, of_frames in expected.items():
        for statistic in ("min", "max", "mean", "std"):
            truth = getattr(of_frames.astype(np.float64), statistic)()
            assert values[key.format(statistic)] == pytest.approx(truth, abs=5e-5), (key, statistic)
