"""Audio that libsndfile does not read: m4a, webm, AMR, WMA, FLAC in Ogg, MP3 in WAV, by PyAV, an extra."""

from __future__ import annotations

import io
import re
import warnings

import numpy as np
import soundfile

SIGNATURES = {
    "m4a": rb"....ftyp", "webm": rb"\x1aE\xdf\xa3", "AMR": rb"#!AMR", "WMA": rb"0&\xb2u\x8ef\xcf\x11",
    "FLAC in Ogg": rb"OggS.{24,40}\x7fFLAC", "Speex": rb"OggS.{24,40}Speex ", "AAC": rb"\xff[\xf0\xf1\xf8\xf9]",
    "MP3 or G.722 in WAV": rb"RIFF....WAVE.{0,4000}?fmt ....(?:\x50\0|\x55\0|\x65\0|\x8f\x02|\xff\0|\x60\x01|\x61\x01)",
}  # fmt: skip
"""First bytes of the files."""
EXTRA = "pip install -e '.[formats]'"
SHORTER_S = 0.3
"""How much shorter than declared a file may be: encoders count their delay and padding."""
MOST_SAMPLES = 2**31


def find_format(content: bytes) -> str | None:
    """Return the name of a format of `SIGNATURES`; None: the file is of another."""
    head = content[:5000]
    return next((name for name, form in SIGNATURES.items() if re.match(form, head, re.DOTALL)), None)


def convert_to_wav(content: bytes, name: str) -> bytes:
    """Decode a file by PyAV and return its samples as WAV of 32-bit floats.

    Args:
        content: the file.
        name: of its format.

    Raises:
        ValueError: PyAV is not installed or cannot decode it, or it is cut off; without the utterance's name.
    """
    try:
        import av
    except ImportError as error:
        raise ValueError(f"the audio is {name}, which needs an extra: {EXTRA}.") from error
    blocks: list[np.ndarray] = []
    try:
        with warnings.catch_warnings(), av.open(io.BytesIO(content), "r") as container:
            if not container.streams.audio:
                raise ValueError(
                    f"the audio cannot be decoded ({name} without a track of sound); restore the file."
                )
            stream = container.streams.audio[0]
            resampler = av.AudioResampler(format="flt", layout=stream.layout, rate=stream.rate)
            rate, count = stream.rate, len(stream.layout.channels)
            declared = (
                float(stream.duration * stream.time_base)
                if stream.duration and stream.time_base
                else (container.duration or 0) / 1e6
            )
            for frame in container.decode(stream):
                blocks += [made.to_ndarray().reshape(-1, count) for made in resampler.resample(frame)]
                if sum(map(len, blocks[-1:])) * len(blocks) > MOST_SAMPLES:
                    raise ValueError(f"the audio is longer than {MOST_SAMPLES} samples; cut it.")
    except av.FFmpegError as error:
        raise ValueError(
            f"the audio cannot be decoded ({name}: {error.strerror}); restore the file."
        ) from error
    samples = np.concatenate(blocks) if blocks else np.zeros((0, 1), np.float32)
    if len(samples) / rate < declared - SHORTER_S:
        raise ValueError(
            f"the audio is cut off: its header declares {declared:.2f} s, {len(samples) / rate:.2f} s can be read; "
            "restore the file."
        )
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype="FLOAT")
    return buffer.getvalue()
