"""Synthetic signals whose properties are known."""

import numpy as np
import pytest

SAMPLING_RATE = 16_000


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture
def make_tone():
    """A sine: float32 (N,)."""

    def make(frequency_hz, *, seconds=1.0, amplitude=0.5):
        time = np.arange(round(seconds * SAMPLING_RATE)) / SAMPLING_RATE
        return (amplitude * np.sin(2 * np.pi * frequency_hz * time)).astype(np.float32)

    return make


@pytest.fixture
def make_speech_like(rng):
    """Syllables of 0.2 s of 20 harmonics and, after every fourth, 0.3 s of silence."""

    def make(*, seconds=8.0, pitch_hz=120.0, amplitude=0.2):
        time = np.arange(round(seconds * SAMPLING_RATE)) / SAMPLING_RATE
        order = np.arange(1, 21)[:, None]
        voice = np.sum(np.sin(2 * np.pi * pitch_hz * order * time + order) / order, axis=0)
        in_period = time % 1.1
        envelope = np.where(in_period < 0.8, np.abs(np.sin(np.pi * in_period / 0.2)) ** 0.5, 0.0)
        loudness = np.repeat(rng.uniform(0.5, 1.0, 1 + round(seconds)), SAMPLING_RATE)[: time.size]
        return (amplitude * voice / np.abs(voice).max() * envelope * loudness).astype(np.float32)

    return make
