"""Waveform, mel spectrogram, the heatmaps over them, and playable audio."""

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


def test_padding_is_cut_and_the_axis_is_seconds(padded_sine) -> None:
    graph = draw_waveform(padded_sine(duration_s=2), sampling_rate=16000)
    assert graph.data.shape == (2000, 1)
    assert graph.data.dtype == np.float32
    assert graph.x_range == (0.0, 2.0)


def test_short_audio_is_drawn_sample_by_sample(padded_sine) -> None:
    audio = padded_sine(duration_s=0.1)
    np.testing.assert_array_equal(draw_waveform(audio, sampling_rate=16000).data[:, 0], audio[:1600])


@pytest.mark.parametrize("position", [0, 1, 12_345, 31_999])
@pytest.mark.parametrize("peak", [-7.0, 7.0])
def test_no_peak_is_lost(padded_sine, position: int, peak: float) -> None:
    audio = padded_sine(duration_s=2)
    audio[position] = peak
    points = draw_waveform(audio, sampling_rate=16000).data[:, 0]
    assert np.abs(points).max() == 7
    assert np.argmax(np.abs(points)) / 2000 == pytest.approx(position / 32_000, abs=1e-3)


@pytest.mark.parametrize("samples", [1, 2, 1999, 2000, 2001, 2003, 79_999])
def test_heatmap_has_the_shape_of_the_graph(samples: int) -> None:
    audio = np.pad(np.ones(samples, np.float32), (0, 80_000 - samples))
    points = draw_waveform(audio, sampling_rate=16000).data
    assert len(points) == min(samples, 2000)
    assert map_waveform_heatmap(audio, audio=audio).shape == points.shape
    np.testing.assert_allclose(map_waveform_heatmap(audio, audio=audio), 1)


@pytest.mark.parametrize("shape", [(80_000,), (80_000, 1), (1, 80_000), (1, 80_000, 1)])
def test_heat_lands_where_it_was(padded_sine, shape: tuple[int, ...]) -> None:
    heat = np.zeros(80_000, np.float32)
    heat[16_000:16_320] = 1
    mapped = map_waveform_heatmap(heat.reshape(shape), audio=padded_sine(duration_s=2)[None])[:, 0]
    assert mapped.dtype == np.float32
    np.testing.assert_allclose(mapped[1000:1020], 1)
    assert mapped.sum() == pytest.approx(20)


def test_coarser_heatmap_is_stretched(padded_sine) -> None:
    heat = np.zeros(250)
    heat[50] = 1  # one fifth of 5 s: 1 s
    mapped = map_waveform_heatmap(heat, audio=padded_sine(duration_s=2))[:, 0]
    assert np.argmax(mapped) == pytest.approx(1000, abs=10)


def test_silence_is_one_point() -> None:
    silent = np.zeros(80_000, np.float32)
    graph = draw_waveform(silent, sampling_rate=16000)
    assert graph.data.tolist() == [[0]]
    assert map_waveform_heatmap(silent, audio=silent).shape == (1, 1)


def test_half_precision_and_batch_axis(padded_sine) -> None:
    audio = padded_sine(duration_s=2)
    graph = draw_waveform(audio[None].astype(np.float16), sampling_rate=16000)
    np.testing.assert_allclose(graph.data, draw_waveform(audio, sampling_rate=16000).data, atol=1e-3)


def brightness(image) -> np.ndarray:
    return image.data.astype(float).sum(axis=2)


@pytest.mark.parametrize("frequency", [300, 1000, 3000, 7000])
def test_sine_is_brightest_in_its_band(padded_sine, frequency: float) -> None:
    import librosa

    image = draw_mel_spectrogram(padded_sine(frequency=frequency), sampling_rate=16000)
    brightest = brightness(image).sum(axis=1).argmax() // 4
    centers = librosa.mel_frequencies(n_mels=82, fmin=0, fmax=8000)[1:-1]
    assert 79 - brightest == np.abs(centers - frequency).argmin()


@pytest.mark.parametrize("samples", [300, 16_000, 400_000])
def test_decibels_are_those_of_librosa(samples: int) -> None:
    import librosa

    audio = np.random.default_rng(0).normal(size=samples).astype(np.float32) * np.hanning(samples)
    found = mel_spectrogram_db(audio.astype(np.float32), sampling_rate=16000)
    power = librosa.feature.melspectrogram(
        y=np.pad(audio.astype(np.float32), (0, max(0, 512 - samples))), sr=16000, n_fft=512, win_length=400,
        hop_length=max(160, samples // 2000), n_mels=80,
    )  # fmt: skip
    expected = librosa.power_to_db(power[:, : found.shape[1]], ref=power.max(), top_db=80)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_low_frequencies_are_at_the_bottom(padded_sine) -> None:
    low = brightness(draw_mel_spectrogram(padded_sine(frequency=200), sampling_rate=16000))
    assert low[:160].sum() < low[160:].sum()


def test_shape_type_and_padding(padded_sine) -> None:
    image = draw_mel_spectrogram(padded_sine(duration_s=2), sampling_rate=16000)
    assert image.data.shape == (320, 200, 3)
    assert image.data.dtype == np.uint8
    assert image.data.flags.c_contiguous


def test_time_runs_to_the_right(padded_sine) -> None:
    audio = padded_sine(duration_s=2)
    audio[16_000:] = 0
    audio[31_999] = 1e-3
    columns = brightness(draw_mel_spectrogram(audio, sampling_rate=16000)).sum(axis=0)
    assert columns[:98].min() > columns[103:].max()


def test_loudness_does_not_matter(padded_sine) -> None:
    audio = padded_sine()
    np.testing.assert_array_equal(
        draw_mel_spectrogram(audio, sampling_rate=16000).data,
        draw_mel_spectrogram(audio * np.float32(0.25), sampling_rate=16000).data,
    )


@pytest.mark.parametrize("samples", [0, 1, 399, 400, 513, 16_000])
def test_any_length_with_its_heatmap(samples: int) -> None:
    audio = np.zeros(80_000, np.float32)
    audio[:samples] = np.random.default_rng(0).normal(size=samples)
    image = draw_mel_spectrogram(audio, sampling_rate=16000)
    heat = map_mel_spectrogram_heatmap(np.ones(80_000), audio=audio, sampling_rate=16000)
    assert image.data.shape[:2] == heat.shape[:2] == (320, max(1, -(-samples // 160)))
    assert heat.shape[2] == 1
    np.testing.assert_allclose(heat, 1)


def test_long_audio_has_at_most_2000_columns() -> None:
    audio = np.random.default_rng(0).normal(size=562_480).astype(np.float32)
    image = draw_mel_spectrogram(audio, sampling_rate=16000)
    assert 1900 < image.data.shape[1] <= 2000
    assert (
        map_mel_spectrogram_heatmap(audio, audio=audio, sampling_rate=16000).shape[1] == image.data.shape[1]
    )


def test_silence_is_dark() -> None:
    image = draw_mel_spectrogram(np.zeros(1600, np.float32), sampling_rate=16000)
    assert image.data.shape == (320, 1, 3)
    assert 1 < image.data.max() < 16


def test_heat_lands_in_its_column(padded_sine) -> None:
    heat = np.zeros((1, 80_000, 1), np.float32)
    heat[:, 16_000:16_160] = 1
    mapped = map_mel_spectrogram_heatmap(heat, audio=padded_sine(), sampling_rate=16000)[:, :, 0]
    assert mapped.dtype == np.float32
    np.testing.assert_allclose(mapped[:, 100], 1)
    assert mapped.sum() == pytest.approx(320)


def test_spectrogram_in_half_precision(padded_sine) -> None:
    audio = padded_sine()[None].astype(np.float16)
    assert draw_mel_spectrogram(audio, sampling_rate=16000).data.shape == (320, 200, 3)


def test_sine_is_played_without_padding_below_full_scale(padded_sine) -> None:
    audio = padded_sine(duration_s=2)
    player = play_audio(audio[None].astype(np.float16), sampling_rate=16000)
    assert player.audio.shape == (32_000,)
    assert player.audio.dtype == np.float32
    assert np.abs(player.audio).max() == pytest.approx(0.95)
    np.testing.assert_allclose(player.audio, audio[:32_000] * 0.95 / np.sqrt(2), atol=1e-3)
    assert player.sample_rate == 16000


def test_playhead_runs_through_the_spectrogram(padded_sine) -> None:
    audio = padded_sine(duration_s=2)
    visual = play_audio(audio, sampling_rate=16000).visual
    np.testing.assert_array_equal(visual.data, draw_mel_spectrogram(audio, sampling_rate=16000).data)


def test_silence_is_playable() -> None:
    player = play_audio(np.zeros(1600, np.float32), sampling_rate=16000)
    assert player.audio.tolist() == [0]
