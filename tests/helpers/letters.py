"""The bundled model's letters, for tests that spell labels and logits."""

import numpy as np

from librispeech_clf.configuration import load_configuration
from librispeech_clf.text.vocabulary import BLANK
from tests.helpers.vocabularies import make_logits

VOCABULARY = load_configuration(environment={}).read_vocabulary()
LETTERS = VOCABULARY.tokens


def encode(text: str, *, utterance_id: str = "test"):
    """Return the label ids of a text."""
    return VOCABULARY.encode(text, utterance_id=utterance_id)


def label(text: str) -> np.ndarray:
    """Return the label ids of a text as the model's ground truth is, zero-padded, float32 (L + 20,)."""
    return np.pad(encode(text), (0, 20)).astype(np.float32)


def speak(text: str, *, padding: int = 30) -> np.ndarray:
    """Return logits (T, 32) whose greedy text this is, padding forced to the blank."""
    return make_logits([encode(text)], len(LETTERS), padding=padding)[0]


def pad(logits: np.ndarray, frames: int) -> np.ndarray:
    """Append frames forced to the blank, as the model does, to logits ([B,] T, V)."""
    forced = np.full((*logits.shape[:-2], frames, logits.shape[-1]), -1e4, logits.dtype)
    forced[..., BLANK] = 1e4
    return np.concatenate([logits, forced], axis=-2)
