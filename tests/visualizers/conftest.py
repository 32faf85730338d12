"""Audio, labels and logits as the visualizers receive them."""

import numpy as np
import pytest

from librispeech_clf.text.vocabulary import BLANK
from tests.helpers.letters import encode

SAMPLING_RATE = 16000


@pytest.fixture
def padded_sine():
    """Return a function that makes a sine of so many seconds and Hz, zero-padded to float32 (80000,)."""

    def make(*, duration_s: float = 2.0, frequency: float = 1000.0) -> np.ndarray:
        time = np.arange(round(duration_s * SAMPLING_RATE)) / SAMPLING_RATE
        wave = np.sqrt(2) * np.cos(2 * np.pi * frequency * time)
        return np.pad(wave, (0, 80_000 - len(wave))).astype(np.float32)

    return make


@pytest.fixture
def logits_of():
    """Return a function that makes logits (T, 32) of a given greedy text, padding forced to the blank."""

    def make(text: str, *, padding: int = 30) -> np.ndarray:
        labels = encode(text, utterance_id="test")
        frames = 2 * len(labels)
        logits = np.full((frames + padding, 32), -1e4, np.float32)
        logits[:, BLANK] = 1e4
        logits[:frames] = 0
        logits[np.arange(0, frames, 2), labels] = 9
        logits[np.arange(1, frames, 2), BLANK] = 9
        return logits

    return make


@pytest.fixture
def labels_of():
    """Return a function that makes zero-padded label ids, float32 (L + 20,)."""

    def make(text: str) -> np.ndarray:
        return np.pad(encode(text, utterance_id="test"), (0, 20)).astype(np.float32)

    return make
