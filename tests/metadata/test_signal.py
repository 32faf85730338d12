import math

import numpy as np
import pytest

from librispeech_clf.metadata.signal import SIGNAL_METADATA_TYPES, signal_metadata
from librispeech_clf.metadata.spectrum import Spectrum, spectral_moments

RATE = 16_000
KINDS = {"float": float, "int": int}


def measure(waveform, transcript="HELLO WORLD"):
    return signal_metadata(np.asarray(waveform, np.float32), sampling_rate=RATE, transcript=transcript)


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
    assert list(values) == list(SIGNAL_METADATA_TYPES)
    for key, value in values.items():
        assert value is None or (type(value) is KINDS[SIGNAL_METADATA_TYPES[key]] and math.isfinite(value)), (
            key
        )


def test_ordinary_speech_has_every_value(make_speech_like):
    values = measure(make_speech_like())
    assert [key for key, value in values.items() if value is None] == []


def test_empty_waveform_has_a_duration_and_nothing_else():
    values = measure(np.zeros(0))
    assert values.pop("duration_s") == 0.0
    assert set(values.values()) == {None}
    assert len(values) == len(SIGNAL_METADATA_TYPES) - 1


def test_keys_stay_within_the_platform_limit():
    assert len(SIGNAL_METADATA_TYPES) < 100


def test_read_only_waveform_is_left_alone(make_tone):
    waveform = make_tone(200)
    before = waveform.copy()
    waveform.setflags(write=False)
    measure(waveform)
    np.testing.assert_array_equal(waveform, before)


def test_spectrum_of_a_sine_is_at_its_frequency(make_tone):
    values = measure(make_tone(1000, seconds=4.0))
    assert values["spectral_centroid_min_hz"] == pytest.approx(1000, abs=1)
    assert values["spectral_centroid_mean_hz"] == pytest.approx(1000, rel=0.02)
    assert values["spectral_rolloff_mean_hz"] == pytest.approx(1000, rel=0.02)
    assert values["zero_crossing_rate_max"] == pytest.approx(2 * 1000 / RATE, abs=1 / 2048)


def test_white_noise_is_flatter_wider_and_higher_than_a_sine(rng, make_tone):
    noise, sine = measure(0.1 * rng.standard_normal(RATE)), measure(make_tone(1000))
    assert noise["spectral_flatness_mean"] > 0.5 > 0.01 > sine["spectral_flatness_min"]
    assert noise["spectral_centroid_mean_hz"] == pytest.approx(4000, rel=0.02)
    # a uniform distribution over 8,000 Hz has a standard deviation of 8,000 / sqrt(12)
    assert noise["spectral_bandwidth_mean_hz"] == pytest.approx(8000 / math.sqrt(12), rel=0.02)
    assert noise["spectral_contrast_mean_db"] < sine["spectral_contrast_max_db"]


def test_root_mean_square_and_level_of_a_sine(make_tone):
    values = measure(make_tone(1000, amplitude=0.5))
    assert values["rms_max"] == pytest.approx(0.5 / math.sqrt(2), rel=1e-3)
    assert values["level_dbfs"] == pytest.approx(20 * math.log10(0.5 / math.sqrt(2)), abs=1e-3)
    assert values["peak_dbfs"] == pytest.approx(20 * math.log10(0.5), abs=1e-3)


def test_level_of_silence_is_unknown():
    values = measure(np.zeros(RATE))
    assert values["level_dbfs"] is None
    assert values["peak_dbfs"] is None
    assert values["signal_to_noise_ratio_db"] is None
    assert values["fundamental_frequency_median_hz"] is None
    assert values["silence_share"] == 1.0


def test_polynomial_of_a_straight_spectrum():
    frequencies = np.fft.rfftfreq(2048, 1 / RATE)
    magnitude = (3.0 - 2e-4 * frequencies[None, :]).astype(np.float32)
    _, _, slope, intercept = spectral_moments(Spectrum(magnitude, magnitude**2, frequencies, RATE))
    assert slope == pytest.approx(-2e-4, abs=1e-9)
    assert intercept == pytest.approx(3.0, abs=1e-5)


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_clipping_share_of_a_clipped_tone_at_any_level(make_tone, share):
    tone = make_tone(97.3, amplitude=1.0)
    limit = np.quantile(np.abs(tone), 1 - share)
    clipped = 0.3 * np.clip(tone, -limit, limit)
    assert measure(clipped)["clipping_share"] == pytest.approx(share, abs=0.005)
    assert measure(tone)["clipping_share"] == 0.0


def test_clipping_ignores_rounding_of_quiet_audio(rng):
    assert measure(np.round(rng.standard_normal(RATE)) / 32768)["clipping_share"] == 0.0


@pytest.mark.parametrize("noise_kind", ["white", "pink"])
def test_signal_to_noise_ratio_is_near_the_truth_and_rises_with_it(make_speech_like, rng, noise_kind):
    speech = make_speech_like()
    noise = rng.standard_normal(speech.size) if noise_kind == "white" else make_pink(speech.size, rng)
    ratios = np.array([0, 5, 10, 15, 20, 30, 40])
    estimates = [measure(at_ratio(speech, noise, ratio))["signal_to_noise_ratio_db"] for ratio in ratios]
    assert np.all(np.diff(estimates) > 2)
    np.testing.assert_allclose(estimates, ratios, atol=3)


def test_signal_to_noise_ratio_of_noise_alone_is_below_zero(rng):
    assert measure(0.1 * rng.standard_normal(3 * RATE))["signal_to_noise_ratio_db"] < 0


def test_signal_to_noise_ratio_does_not_depend_on_level(make_speech_like, rng):
    mixture = at_ratio(make_speech_like(), rng.standard_normal(8 * RATE), 15)
    loud, quiet = measure(mixture), measure(0.1 * mixture)
    assert loud["signal_to_noise_ratio_db"] == pytest.approx(quiet["signal_to_noise_ratio_db"], abs=0.01)


def test_pauses_of_tone_bursts(make_tone):
    tone, gap = make_tone(300), np.zeros(RATE)
    values = measure(np.concatenate([gap[:8000], tone, gap, tone, gap[:1600], tone, gap[:4000]]))
    assert values["duration_s"] == pytest.approx(4.85)
    assert values["leading_silence_s"] == pytest.approx(0.5, abs=0.02)
    assert values["trailing_silence_s"] == pytest.approx(0.25, abs=0.02)
    assert values["pause_count"] == 1
    assert values["longest_pause_s"] == pytest.approx(1.0, abs=0.03)
    assert values["silence_share"] == pytest.approx(1.85 / 4.85, abs=0.02)


def test_steady_tone_has_no_silence(make_tone):
    values = measure(make_tone(300))
    assert values["silence_share"] == 0.0
    assert values["pause_count"] == 0


@pytest.mark.parametrize("pitch_hz", [75, 110, 150, 220, 310, 440])
@pytest.mark.parametrize("ratio_db", [60, 5])
def test_fundamental_frequency_of_a_harmonic_tone(make_speech_like, rng, pitch_hz, ratio_db):
    voice = make_speech_like(seconds=3.0, pitch_hz=pitch_hz)
    values = measure(at_ratio(voice, rng.standard_normal(voice.size), ratio_db))
    assert values["fundamental_frequency_median_hz"] == pytest.approx(pitch_hz, rel=0.01)
    assert values["fundamental_frequency_spread_semitones"] < 0.5
    assert values["voiced_share"] > 0.4


def test_fundamental_frequency_that_is_missing_from_the_spectrum():
    time = np.arange(RATE) / RATE
    voice = 0.1 * sum(np.sin(2 * np.pi * 130 * order * time) for order in range(2, 8))
    assert measure(voice)["fundamental_frequency_median_hz"] == pytest.approx(130, rel=0.01)


def test_white_noise_is_hardly_voiced(rng):
    assert measure(0.1 * rng.standard_normal(4 * RATE))["voiced_share"] < 0.1


def test_fundamental_frequency_agrees_with_yin(make_speech_like):
    librosa = pytest.importorskip("librosa")
    voice = make_speech_like(seconds=2.0, pitch_hz=187.0)
    by_yin = np.median(librosa.yin(voice[: RATE // 2], fmin=60, fmax=500, sr=RATE))
    assert measure(voice)["fundamental_frequency_median_hz"] == pytest.approx(by_yin, rel=0.01)


def test_speaking_rate_counts_apostrophes_within_words(make_tone):
    values = measure(make_tone(100, seconds=2.0), transcript="DON'T  STOP")
    assert values["words_per_second"] == 1.0
    assert values["letters_per_second"] == 4.5


def librosa_features(waveform):
    feature = pytest.importorskip("librosa").feature
    polynomial = feature.poly_features(y=waveform, sr=RATE)
    return {
        "spectral_flatness_{}": feature.spectral_flatness(y=waveform),
        "spectral_contrast_{}_db": feature.spectral_contrast(y=waveform, sr=RATE),
        "spectral_centroid_{}_hz": feature.spectral_centroid(y=waveform, sr=RATE),
        "spectral_bandwidth_{}_hz": feature.spectral_bandwidth(y=waveform, sr=RATE),
        "spectral_rolloff_{}_hz": feature.spectral_rolloff(y=waveform, sr=RATE),
        "mel_energy_{}": feature.melspectrogram(y=waveform, sr=RATE),
        "mfcc_{}": feature.mfcc(y=waveform, sr=RATE),
        "rms_{}": feature.rms(y=waveform),
        "zero_crossing_rate_{}": feature.zero_crossing_rate(waveform),
        "polynomial_slope_{}": polynomial[0],
        "polynomial_intercept_{}": polynomial[1],
    }


@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large")
@pytest.mark.parametrize(
    "case", ["speech", "noisy speech", "noise", "tone", "silence", "odd length", "10 ms"]
)
def test_spectral_statistics_equal_librosa_to_four_decimals(make_speech_like, make_tone, rng, case):
    speech = make_speech_like(seconds=4.0)
    noise = rng.standard_normal(speech.size)
    waveform = {
        "speech": speech,
        "noisy speech": at_ratio(speech, noise, 15),
        "noise": 0.3 * noise,
        "tone": make_tone(1000),
        "silence": np.zeros(RATE),
        "odd length": speech[:30_001],
        "10 ms": speech[1600:1760],
    }[case].astype(np.float32)
    values = measure(waveform)
    for key, expected in librosa_features(waveform).items():
        for statistic in ("min", "max", "mean", "std"):
            truth = getattr(expected.astype(np.float64), statistic)()
            assert values[key.format(statistic)] == pytest.approx(truth, abs=5e-5), (key, statistic)
