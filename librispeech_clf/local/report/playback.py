"""Turn an audio file into what the page may hold: samples that decoded as audio, playable in a browser.

In: a recording's file as bytes, from anybody. Out: the same bytes where a browser plays their container, else
a FLAC file of the samples; nothing of a file that is not audio.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile

from librispeech_clf.audio.reading import LOWEST_RATE_HZ, AudioFile, read_file
from librispeech_clf.local.report import thumbnails as pictures

MOST_SAMPLES = 2**26
"""Over all channels: 70 minutes at 16 kHz, 256 MB. A longer recording is left out of the page."""
HIGHEST_RATE_HZ = 768_000
FLAC_HIGHEST_RATE_HZ = 655_350
FLAC_MOST_CHANNELS = 8
FORMATS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "NIST", "FLAC", "OGG", "MP3")
"""Formats of libsndfile that name themselves in their first bytes and hold speech."""
PLAYED = {
    "WAV": ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"),
    "WAVEX": ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"),
    "FLAC": ("PCM_S8", "PCM_16", "PCM_24"),
    "OGG": ("VORBIS", "OPUS"),
    "MP3": ("MPEG_LAYER_III",),
}
"""Subtypes that browsers play, by format."""


@dataclass(frozen=True)
class Recording:
    """A decoded recording.

    Attributes:
        samples: float32 (frames, channels), finite, frames >= 1.
        sampling_rate: Hz, 1000 to 768000.
        played: whether browsers play the file as it is.
    """

    samples: np.ndarray
    sampling_rate: int
    played: bool


def make_playable(content: bytes) -> dict[str, Any]:
    """Give what the page may hold of a recording.

    Args:
        content: the file, of any content.

    Returns:
        `content`, the bytes to embed, and `picture`, see `thumbnails.draw_waveform`; `problem` in place of what
        there is not.
    """
    try:
        recording = decode(content)
        found = content if recording.played else encode_flac(recording)
        return {"content": found, "picture": pictures.draw_waveform(recording)}
    except Exception as error:  # whatever a decoder makes of foreign bytes concerns this recording only
        return {"problem": f"The audio cannot be drawn: {error or type(error).__name__}"}


def decode(content: bytes) -> Recording:
    """Decode a file to its real end, whatever length its header claims.

    Raises:
        ValueError: the file is not audio, holds no samples, too many of them, NaN or infinity, or its
            sampling rate is none of a recording.
    """
    file = read_file(content, "the file", take_cut=True, most_values=MOST_SAMPLES)
    if file.format not in FORMATS:
        raise ValueError(f"the file is {file.format}, none of {', '.join(FORMATS)}")
    if not LOWEST_RATE_HZ <= file.sampling_rate <= HIGHEST_RATE_HZ:
        allowed = f"{LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz"
        raise ValueError(f"the sampling rate is {file.sampling_rate} Hz, a recording has {allowed}")
    if not len(file.samples):
        raise ValueError("the file holds no samples")
    if not np.isfinite(file.samples).all():
        raise ValueError("the file holds NaN or infinity")
    return Recording(file.samples, file.sampling_rate, _is_played(file, content))


def encode_flac(recording: Recording) -> bytes:
    """Encode as FLAC of 16 bits; what peaks above 1 is scaled down to 1, more than 8 channels are averaged.

    Raises:
        ValueError: the sampling rate is above FLAC's 655350 Hz.
    """
    if recording.sampling_rate > FLAC_HIGHEST_RATE_HZ:
        raise ValueError(f"FLAC cannot hold {recording.sampling_rate} Hz")
    samples = recording.samples
    if samples.shape[1] > FLAC_MOST_CHANNELS:
        samples = samples.mean(axis=1, dtype=np.float64, keepdims=True)
    samples = samples / max(1.0, float(np.abs(samples).max()))
    target = io.BytesIO()
    soundfile.write(target, samples, recording.sampling_rate, format="FLAC", subtype="PCM_16")
    return target.getvalue()


def _is_played(file: AudioFile, content: bytes) -> bool:
    """Whether the bytes are a whole file that browsers play, from its first byte on."""
    begins = content[:4] in (b"RIFF", b"fLaC", b"OggS") or is_mp3(content)
    whole = len(file.samples) == file.declared
    return begins and whole and file.subtype in PLAYED.get(file.format, ())


def is_mp3(content: bytes) -> bool:
    """Whether a file begins as MP3: with an ID3 tag, or the frame header of MPEG layer III."""
    header = content[:2].ljust(2, b"\0")
    return content[:3] == b"ID3" or (header[0] == 0xFF and header[1] & 0xE6 == 0xE2)
