"""A voice without a synthesizer: a tone whose length follows from the text."""

import numpy as np
import pytest

from librispeech_clf.development.synthesis import make_corpus, make_training_material


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def tones(monkeypatch):
    """Replaces the synthesizers."""

    def speak_tones(texts, voice, **_options):
        return [(0.3 * np.sin(np.arange(800 * len(text)) / 7)).astype(np.float32) for text in texts]

    for module in (make_corpus, make_training_material):
        monkeypatch.setattr(module, "synthesize", speak_tones)
