"""The waveform's line and the heatmap over it."""

import numpy as np
import pytest

from librispeech_clf.visualizers import draw_waveform, map_waveform_heatmap


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
