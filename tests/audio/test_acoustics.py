"""Waveform transforms against known answers: power ratios, decay times, band energies, lengths, shares."""

import numpy as np
import pytest

from librispeech_clf.audio import acoustics
from tests.helpers import sounds
from tests.helpers.sounds import RATE

NOISES = [acoustics.white_noise, acoustics.pink_noise]


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(7)


def sine(frequency: float, seconds: float = 1.0) -> np.ndarray:
    return sounds.tone(seconds, frequency).astype(np.float32)


def power(waveform: np.ndarray) -> float:
    return float(np.mean(np.square(waveform, dtype=np.float64)))


def band_power(waveform: np.ndarray, low: float, high: float) -> float:
    spectrum = np.abs(np.fft.rfft(waveform.astype(np.float64))) ** 2
    frequencies = np.fft.rfftfreq(waveform.size, 1 / RATE)
    return float(spectrum[(frequencies >= low) & (frequencies < high)].sum())


@pytest.mark.parametrize("make", NOISES)
@pytest.mark.parametrize("count", [0, 1, 2, 999, 160_003])
def test_noise_has_length_type_and_follows_the_seed(make, count):
    noise, again, other = (make(count, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert noise.shape == (count,) and noise.dtype == np.float32
    np.testing.assert_array_equal(noise, again)
    assert count < 100 or not np.array_equal(noise, other)


@pytest.mark.parametrize(("make", "ratio"), [(NOISES[0], 2), (NOISES[1], 1)])
def test_noise_has_unit_variance_white_doubles_by_octave_pink_does_not(make, ratio, generator):
    noise = make(1 << 19, generator)
    assert power(noise) == pytest.approx(1, rel=0.03)
    for low in (250, 500, 1000, 2000):
        octave, next_octave = band_power(noise, low, 2 * low), band_power(noise, 2 * low, 4 * low)
        assert next_octave / octave == pytest.approx(ratio, rel=0.1)


@pytest.mark.parametrize("ratio_db", [-5.0, 0.0, 10.0, 25.0, 40.0])
def test_mix_achieves_the_ratio(ratio_db, generator):
    speech, noise = sine(440), acoustics.pink_noise(RATE, generator)
    added = acoustics.mix_at_signal_to_noise_ratio(speech, noise, ratio_db) - speech
    assert 10 * np.log10(power(speech) / power(added)) == pytest.approx(ratio_db, abs=0.01)
    assert np.corrcoef(added, noise)[0, 1] > 0.999


def test_mix_without_speech_or_noise_is_the_waveform(generator):
    silence, noise = np.zeros(100, np.float32), acoustics.white_noise(100, generator)
    for waveform, other in ((silence, noise), (noise, silence)):
        mixed = acoustics.mix_at_signal_to_noise_ratio(waveform, other, 10)
        np.testing.assert_array_equal(mixed, waveform)


@pytest.mark.parametrize("decay_time_s", [0.2, 0.5, 1.2])
def test_schroeder_decay_gives_the_decay_time(decay_time_s, generator):
    response = acoustics.room_impulse_response(
        decay_time_s=decay_time_s, sampling_rate=RATE, generator=generator
    )
    assert response[0] == 1
    echo = response[1:].astype(np.float64)
    assert 1 / np.sum(echo**2) == pytest.approx(10**0.3, rel=1e-3)
    decay_db = 10 * np.log10(np.cumsum(echo[::-1] ** 2)[::-1] / np.sum(echo**2))
    used = (decay_db < -5) & (decay_db > -35)
    slope = np.polyfit(np.flatnonzero(used) / RATE, decay_db[used], 1)[0]
    assert -60 / slope == pytest.approx(decay_time_s, rel=0.07)


def reverberate(waveform, decay_time_s, seed):
    generator = np.random.default_rng(seed)
    return acoustics.reverberate(waveform, decay_time_s=decay_time_s, sampling_rate=RATE, generator=generator)


def test_reverberation_keeps_length_level_and_direct_path():
    click = np.zeros(RATE, np.float32)
    click[3000] = 1
    echoed = reverberate(click, 0.3, 7)
    assert echoed.shape == click.shape and echoed.dtype == np.float32
    assert power(echoed) == pytest.approx(power(click), rel=1e-4)
    assert np.abs(echoed).argmax() == 3000 and np.abs(echoed[:3000]).max() < 1e-6
    assert np.abs(echoed[3001:]).max() > 0


def test_reverberation_follows_the_seed_and_is_nothing_at_zero():
    speech = sine(300, 0.2)
    first, again, other = (reverberate(speech, 0.4, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(reverberate(speech, 0, 1), speech)


def test_telephone_keeps_the_band_only():
    def pass_line(frequency):
        return acoustics.telephone_band_pass(sine(frequency), sampling_rate=RATE)[4000:-4000]

    np.testing.assert_allclose(pass_line(1000), sine(1000)[4000:-4000], atol=1e-3)
    assert max(power(pass_line(frequency)) for frequency in (60, 100, 6000, 7500)) < 1e-4
    assert 10 * np.log10(power(pass_line(3400)) / power(sine(3400))) == pytest.approx(-6, abs=0.3)


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_tempo_changes_the_length_and_not_the_pitch(factor):
    changed = acoustics.change_tempo(sine(500), factor=factor)
    assert changed.size == round(RATE / factor) and changed.dtype == np.float32
    spectrum = np.abs(np.fft.rfft(changed))
    assert np.fft.rfftfreq(changed.size, 1 / RATE)[spectrum.argmax()] == pytest.approx(500, abs=2)


def test_short_waveforms_are_taken():
    assert acoustics.change_tempo(np.ones(100, np.float32), factor=2).size == 50
    assert acoustics.telephone_band_pass(np.ones(1, np.float32), sampling_rate=RATE).shape == (1,)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_clip_flattens_the_share(share, generator):
    speech = acoustics.white_noise(10_001, generator)
    clipped = acoustics.clip(speech, share=share)
    kept = clipped == speech
    assert np.mean(~kept) == pytest.approx(share, abs=1e-3)
    assert np.abs(speech[kept]).max() <= np.abs(clipped).max()


@pytest.mark.parametrize(("loss_rate", "values"), [(0.0, {320.0}), (0.25, {0.0, 320.0}), (1.0, {0.0})])
def test_packets_of_20_ms_are_lost_whole(loss_rate, values, generator):
    speech = np.ones(RATE * 40 + 5, np.float32)
    received = acoustics.drop_packets(speech, loss_rate=loss_rate, sampling_rate=RATE, generator=generator)
    packets = received[: RATE * 40].reshape(-1, 320)
    assert received.shape == speech.shape and received.dtype == np.float32
    assert set(packets.sum(axis=1).tolist()) == values
    assert np.mean(packets[:, 0] == 0) == pytest.approx(loss_rate, abs=0.04)
