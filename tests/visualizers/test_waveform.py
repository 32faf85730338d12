"""Waveform, mel spectrogram, the heatmaps over them, and playable audio."""

import librosa
import numpy as np
import pytest

from librispeech_clf.visualizers import (
    draw_mel_spectrogram,
    draw_waveform,
    map_mel_spectrogram_heatmap,
    map_waveform_heatmap,
    play_audio,
)
from librispeech_clf.visualizers.waveform import mel_spectrogram_db

RATE = {"sampling_rate": 16_000}
SILENT = np.zeros(1600, np.float32)


def make_sine(*, duration_s=2.0, frequency=1000.0):
    """Return a sine, zero-padded to float32 (80000,)."""
    time = np.arange(round(duration_s * 16_000)) / 16_000
    wave = np.sqrt(2) * np.cos(2 * np.pi * frequency * time)
    return np.pad(wave, (0, 80_000 - len(wave))).astype(np.float32)


def draw_points(audio):
    return draw_waveform(audio, **RATE).data[:, 0]


def measure_brightness(audio):
    """Return the brightness of a spectrogram, (rows, columns)."""
    return draw_mel_spectrogram(audio, **RATE).data.astype(float).sum(axis=2)


def test_padding_is_cut_and_the_axis_is_seconds():
    graph = draw_waveform(make_sine(), **RATE)
    assert (graph.data.shape, graph.data.dtype, graph.x_range) == ((2000, 1), np.float32, (0.0, 2.0))
    half = draw_waveform(make_sine()[None].astype(np.float16), **RATE)
    np.testing.assert_allclose(half.data, graph.data, atol=1e-3)


def test_short_audio_is_drawn_sample_by_sample():
    audio = make_sine(duration_s=0.1)
    np.testing.assert_array_equal(draw_points(audio), audio[:1600])


@pytest.mark.parametrize("position", [0, 1, 12_345, 31_999])
@pytest.mark.parametrize("peak", [-7.0, 7.0])
def test_no_peak_is_lost(position, peak):
    audio = make_sine()
    audio[position] = peak
    points = np.abs(draw_points(audio))
    assert points.max() == 7
    assert points.argmax() / 2000 == pytest.approx(position / 32_000, abs=1e-3)


@pytest.mark.parametrize("samples", [1, 2, 1999, 2000, 2001, 2003, 79_999])
def test_heatmap_has_the_shape_of_the_graph(samples):
    audio = np.pad(np.ones(samples, np.float32), (0, 80_000 - samples))
    points = draw_waveform(audio, **RATE).data
    assert len(points) == min(samples, 2000)
    np.testing.assert_allclose(map_waveform_heatmap(audio, audio=audio), np.ones_like(points), strict=True)


@pytest.mark.parametrize("shape", [(80_000,), (80_000, 1), (1, 80_000), (1, 80_000, 1)])
def test_heat_lands_where_it_was(shape):
    heat = np.zeros(80_000, np.float32)
    heat[16_000:16_320] = 1
    mapped = map_waveform_heatmap(heat.reshape(shape), audio=make_sine()[None])[:, 0]
    assert mapped.dtype == np.float32
    np.testing.assert_allclose(mapped[1000:1020], 1)
    assert mapped.sum() == pytest.approx(20)


def test_coarser_heatmap_is_stretched():
    heat = np.eye(1, 250, 50)[0]  # one fifth of 5 s: 1 s
    assert map_waveform_heatmap(heat, audio=make_sine())[:, 0].argmax() == pytest.approx(1000, abs=10)


def test_silence_is_one_point_dark_and_playable():
    assert draw_waveform(SILENT, **RATE).data.tolist() == [[0]]
    assert map_waveform_heatmap(SILENT, audio=SILENT).shape == (1, 1)
    image = draw_mel_spectrogram(SILENT, **RATE).data
    assert image.shape == (320, 1, 3) and 1 < image.max() < 16
    assert play_audio(SILENT, **RATE).audio.tolist() == [0]


@pytest.mark.parametrize("frequency", [300, 1000, 3000, 7000])
def test_sine_is_brightest_in_its_band_the_lowest_at_the_bottom(frequency):
    brightest = measure_brightness(make_sine(frequency=frequency)).sum(axis=1).argmax() // 4
    centers = librosa.mel_frequencies(n_mels=82, fmin=0, fmax=8000)[1:-1]
    assert 79 - brightest == np.abs(centers - frequency).argmin()


@pytest.mark.parametrize("samples", [300, 16_000, 400_000])
def test_decibels_are_those_of_librosa(samples):
    audio = (np.random.default_rng(0).normal(size=samples) * np.hanning(samples)).astype(np.float32)
    found = mel_spectrogram_db(audio, **RATE)
    lengths = {"n_fft": 512, "win_length": 400, "hop_length": max(160, samples // 2000), "n_mels": 80}
    long_enough = np.pad(audio, (0, max(0, 512 - samples)))
    power = librosa.feature.melspectrogram(y=long_enough, sr=16_000, **lengths)
    expected = librosa.power_to_db(power[:, : found.shape[1]], ref=power.max(), top_db=80)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_spectrogram_has_a_column_every_10_ms_in_half_precision_too():
    for audio in (make_sine(), make_sine()[None].astype(np.float16)):
        image = draw_mel_spectrogram(audio, **RATE).data
        assert (image.shape, image.dtype, image.flags.c_contiguous) == ((320, 200, 3), np.uint8, True)


def test_time_runs_to_the_right():
    audio = make_sine()
    audio[16_000:] = 0
    audio[31_999] = 1e-3
    columns = measure_brightness(audio).sum(axis=0)
    assert columns[:98].min() > columns[103:].max()


@pytest.mark.parametrize("samples", [0, 1, 399, 400, 513, 16_000])
def test_any_length_with_its_heatmap(samples):
    audio = np.zeros(80_000, np.float32)
    audio[:samples] = np.random.default_rng(0).normal(size=samples)
    heat = map_mel_spectrogram_heatmap(np.ones(80_000), audio=audio, **RATE)
    assert measure_brightness(audio).shape == heat.shape[:2] == (320, max(1, -(-samples // 160)))
    np.testing.assert_allclose(heat, np.ones((*heat.shape[:2], 1), np.float32), strict=True)


def test_long_audio_has_at_most_2000_columns():
    audio = np.random.default_rng(0).normal(size=562_480).astype(np.float32)
    columns = measure_brightness(audio).shape[1]
    assert 1900 < columns <= 2000
    assert map_mel_spectrogram_heatmap(audio, audio=audio, **RATE).shape[1] == columns


def test_heat_lands_in_its_column():
    heat = np.zeros((1, 80_000, 1), np.float32)
    heat[:, 16_000:16_160] = 1
    mapped = map_mel_spectrogram_heatmap(heat, audio=make_sine(), **RATE)[:, :, 0]
    assert mapped.dtype == np.float32
    np.testing.assert_allclose(mapped[:, 100], 1)
    assert mapped.sum() == pytest.approx(320)


def test_sine_is_played_without_padding_below_full_scale_over_its_spectrogram():
    audio = make_sine()
    player = play_audio(audio[None].astype(np.float16), **RATE)
    assert (player.audio.shape, player.audio.dtype, player.sample_rate) == ((32_000,), np.float32, 16_000)
    assert np.abs(player.audio).max() == pytest.approx(0.95)
    np.testing.assert_allclose(player.audio, audio[:32_000] * 0.95 / np.sqrt(2), atol=1e-3)
    visual = play_audio(audio, **RATE).visual
    np.testing.assert_array_equal(visual.data, draw_mel_spectrogram(audio, **RATE).data)
