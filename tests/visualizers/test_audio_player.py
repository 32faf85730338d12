"""Playable audio."""

import numpy as np
import pytest

from librispeech_clf.visualizers import draw_mel_spectrogram, play_audio


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
