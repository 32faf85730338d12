"""Audio files in memory, and what is read of them."""

import io

import numpy as np
import soundfile

from librispeech_clf.audio.reading import read_waveform
from librispeech_clf.corpus.schema import Utterance

RATE = 16_000


def tone(seconds: float = 0.5, frequency: float = 440.0, rate: int = RATE) -> np.ndarray:
    """A sine of half of the full scale, float64 (N,)."""
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def encode(
    samples: np.ndarray, rate: int = RATE, form: str = "FLAC", subtype: str | None = None, **more
) -> bytes:
    """Encode samples, (N,) or (N, channels), as an audio file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, subtype, format=form, **more)
    return buffer.getvalue()


def make_utterance(content: bytes | None = None, path: object = None, name: str = "u7") -> Utterance:
    """An utterance with that audio."""
    return Utterance(name, "A", "1", "2", content, path and str(path))


def read(content: bytes, rate: int = RATE) -> np.ndarray:
    """The waveform of an audio file."""
    return read_waveform(make_utterance(content), sampling_rate=rate)
