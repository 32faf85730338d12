"""The mel spectrogram's image and the heatmap over it."""

import numpy as np
import pytest

from librispeech_clf.visualizers import draw_mel_spectrogram, map_mel_spectrogram_heatmap
from librispeech_clf.visualizers.spectrogram import mel_spectrogram_db


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


def test_half_precision_and_batch_axis(padded_sine) -> None:
    audio = padded_sine()[None].astype(np.float16)
    assert draw_mel_spectrogram(audio, sampling_rate=16000).data.shape == (320, 200, 3)
