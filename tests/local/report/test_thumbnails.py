"""Waveform envelope and spectrogram: answers known in advance."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from librispeech_clf.local.report import thumbnails as pictures
from librispeech_clf.local.report.playback import decode


def sine(frequency_hz: float, *, amplitude: float = 0.5, count: int = 16000) -> np.ndarray:
    """Make a sine at 16 kHz."""
    return (amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(count) / 16000)).astype(np.float32)


@pytest.mark.parametrize("amplitude", [0.9, 0.001])
def test_envelope_of_quiet_speech_fills_the_height(amplitude):
    envelope = pictures.compute_envelope(sine(440.0, amplitude=amplitude), columns=100)
    assert envelope.shape == (100, 2)
    assert envelope[:, 1].min() > 120
    assert envelope[:, 0].max() < -120


def test_envelope_of_silence_and_of_one_sample():
    assert not pictures.compute_envelope(np.zeros(10, np.float32)).any()
    assert pictures.compute_envelope(np.array([0.2], np.float32)).tolist() == [[127, 127]]


def test_spectrogram_has_its_energy_in_the_sines_row():
    levels, highest_hz = pictures.compute_spectrogram(sine(2000.0), sampling_rate=16000)
    assert highest_hz == 8000
    assert levels.shape == (128, 100)
    assert set(levels.argmax(axis=0)[5:-5]) <= {31, 32}


@pytest.mark.parametrize("count", [1, 40, 16000 * 35])
def test_spectrogram_of_any_length_is_finite_and_small(count):
    levels, _ = pictures.compute_spectrogram(sine(300.0, count=count), sampling_rate=16000)
    assert np.isfinite(levels).all()
    assert 1 <= levels.shape[1] <= 800


def test_picture_of_a_file(make_audio):
    picture = pictures.draw_waveform(decode(make_audio(duration_s=2.0, amplitude=0.25)))
    assert picture["duration_s"] == 2.0
    assert picture["peak"] == pytest.approx(0.25, abs=1e-3)
    assert len(base64.b64decode(picture["envelope"])) == 2 * picture["columns"]
    image = Image.open(io.BytesIO(base64.b64decode(picture["spectrogram"])))
    assert image.size == (200, 128)


def test_file_without_samples_is_refused(make_audio):
    with pytest.raises(ValueError, match="no samples"):
        decode(make_audio(duration_s=0.0))
