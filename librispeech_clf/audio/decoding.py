"""Audio files, decoded to their real end: bytes in, samples out, or the reason why there are none."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import threading
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from librispeech_clf.audio import containers

Waveform = npt.NDArray[np.float32]

BLOCK_SAMPLES = 1 << 18
PCM_BYTES = {"PCM_S8": 1, "PCM_16": 2, "PCM_24": 3}
# libsndfile's number for "unknown" is far above this; no recording of a corpus is this long.
MOST_SAMPLES = 2**40
# 32-bit integers written as floats are below this.
LARGEST_SAMPLE = 2.0**32
LOWEST_RATE_HZ = 1000
FLOATS = ("FLOAT", "DOUBLE")
# Formats that declare their exact length.
WITH_LENGTH = ("WAV", "WAVEX", "FLAC")
_STDERR = threading.RLock()
SIGNATURES = {
    "m4a": rb"....ftyp", "webm": rb"\x1aE\xdf\xa3", "AMR": rb"#!AMR", "WMA": rb"0&\xb2u\x8ef\xcf\x11",
    "FLAC in Ogg": rb"OggS.{24,40}\x7fFLAC", "Speex": rb"OggS.{24,40}Speex ", "AAC": rb"\xff[\xf0\xf1\xf8\xf9]",
    "MP3 or G.722 in WAV": rb"RIFF....WAVE.{0,4000}?fmt ....(?:\x50\0|\x55\0|\x65\0|\x8f\x02|\xff\0|\x60\x01|\x61\x01)",
}  # fmt: skip
"""First bytes of files that PyAV (an extra) decodes, as libsndfile does not."""
EXTRA = "pip install -e '.[formats]'"
SHORTER_S = 0.3
"""How much shorter than declared a file may be: encoders count their delay and padding."""


class AudioFile(NamedTuple):
    """What an audio file holds.

    Attributes:
        samples: float32 (N, channels), N >= 0, of any value.
        sampling_rate: Hz.
        declared: the declared size, N by the header; above `MOST_SAMPLES` if it declares none.
        format: libsndfile's name for the container, such as "FLAC"; "AV" if PyAV decoded the file.
        subtype: libsndfile's name for the encoding, such as "PCM_16".
    """

    samples: Waveform
    sampling_rate: int
    declared: int
    format: str
    subtype: str


def decode(content: bytes, name: str) -> tuple[Waveform, int]:
    """Decode an audio file to its real end: the one place that decides what a recording is.

    Returns:
        Samples float32 (N, channels), N > 0, finite; and their rate in Hz.

    Raises:
        ValueError: the audio cannot be decoded, is cut off, has no samples, or holds NaN, infinity or samples
            above 2**32; or its rate is below 1000 Hz.
    """
    file = read_file(content, name)
    samples, rate = file.samples, file.sampling_rate
    if file.declared <= MOST_SAMPLES and len(samples) != file.declared:
        raise ValueError(
            f"{name}: the audio is cut off: its header declares {file.declared} samples, {len(samples)} can be read; "
            "restore the file."
        )
    _verify_flac(content, samples, PCM_BYTES.get(file.subtype), name)
    return check_samples(samples, rate, name)


def read_file(
    content: bytes, name: str, *, take_cut: bool = False, most_values: int = MOST_SAMPLES
) -> AudioFile:
    """Decode an audio file to its real end, whatever length its header declares, without judging it.

    A truncated file is refused or, with `take_cut`, read as far as it goes; one of more than `most_values` samples,
    over all channels, is refused.
    """
    blocks, count = [], 0
    with open_audio(content, name, take_cut=take_cut) as file:
        # libsndfile's positions are wrong if the header does not declare the length: read forwards only.
        file.seekable = lambda: False
        most = max(1, BLOCK_SAMPLES // file.channels)
        # Not beyond the declared length: FLAC's decoder stumbles over a tag after the samples.
        while len(block := file.read(min(most, file.frames - count), dtype="float32", always_2d=True)):
            blocks.append(block)
            count += len(block)
            if count * file.channels > most_values:
                raise ValueError(f"{name}: the audio holds more than {most_values} samples.")
        samples = np.concatenate(blocks) if blocks else np.zeros((0, file.channels), np.float32)
        form = "AV" if find_format(content) else file.format
        return AudioFile(samples, file.samplerate, file.frames, form, file.subtype)


def encode_flac(waveform: np.ndarray, *, sampling_rate: int, compression_level: float | None = None) -> bytes:
    """Encode float32 (N,) or (N, channels) as 16-bit FLAC; audio that peaks above full scale is scaled down.

    The compression level is 0 (fast) to 1 (small); None takes libsndfile's default.
    """
    peak = float(np.max(np.abs(waveform), initial=0.0))
    buffer = io.BytesIO()
    soundfile.write(
        buffer, waveform / max(1.0, peak), sampling_rate, format="FLAC", subtype="PCM_16",
        compression_level=compression_level,
    )  # fmt: skip
    return buffer.getvalue()


@contextlib.contextmanager
def open_audio(content: bytes, name: str, *, take_cut: bool = False) -> Iterator[Any]:
    """Open a file with libsndfile; every error names the utterance."""
    foreign = find_format(content)
    try:
        completed = convert_to_wav(content, foreign) if foreign else containers.complete(content)
    except ValueError as error:
        if not take_cut or foreign:
            raise ValueError(f"{name}: {error}") from None
        completed = content
    is_mp3 = content[:3] == b"ID3" or content[:1] == b"\xff"
    try:
        with (
            _suppress_stderr() if is_mp3 else contextlib.nullcontext(),
            soundfile.SoundFile(io.BytesIO(completed)) as file,
        ):
            if not take_cut and (cut := containers.find_cut(completed, file.extra_info)):
                raise ValueError(f"{name}: {cut}")
            yield file
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip(" .") if content else "it has no bytes"
        raise ValueError(f"{name}: the audio cannot be decoded ({reason}); restore the file.") from error


@contextlib.contextmanager
def _suppress_stderr() -> Iterator[None]:
    """Keep off the terminal what libmpg123 writes about MP3 files: whatever matters becomes an error here."""
    with _STDERR, contextlib.ExitStack() as stack:
        try:
            kept = os.dup(2)
        except OSError:  # a closed standard error
            yield
            return
        stack.callback(os.close, kept)
        sink = os.open(os.devnull, os.O_WRONLY)
        stack.callback(os.close, sink)
        stack.callback(os.dup2, kept, 2)
        os.dup2(sink, 2)
        yield


def check_samples(samples: Waveform, rate: int, name: str) -> tuple[Waveform, int]:
    """Raise if samples or rate cannot be those of a recording."""
    if len(samples) == 0:
        raise ValueError(f"{name}: the audio has no samples; remove the utterance or restore its file.")
    if not np.isfinite(samples).all():
        raise ValueError(f"{name}: the audio holds NaN or infinity; convert it to integer samples.")
    if (loudest := float(np.abs(samples).max())) > LARGEST_SAMPLE:
        raise ValueError(
            f"{name}: the audio holds samples of {loudest:.2g}, but full scale is 1; convert it to integer samples."
        )
    if rate < LOWEST_RATE_HZ:
        raise ValueError(
            f"{name}: the audio's header declares {rate} Hz, but speech needs {LOWEST_RATE_HZ} or more; "
            "restore the file, or re-encode it with its true rate."
        )
    return samples, rate


def _verify_flac(content: bytes, samples: Waveform, width: int | None, name: str) -> None:
    """Compare a FLAC file's samples with its checksum (RFC 9639, 8.2: MD5 of the integers, little-endian)."""
    expected = content[26:42]
    if content[:4] != b"fLaC" or width is None or not any(expected):
        return
    integers = (samples * np.float32(2 ** (8 * width - 1))).astype("<i2" if width == 2 else "<i4")
    packed = integers.view(np.uint8).reshape(*integers.shape, -1)[..., :width].tobytes()
    if hashlib.md5(packed, usedforsecurity=False).digest() != expected:
        raise ValueError(
            f"{name}: the audio cannot be decoded (its samples do not match its checksum); restore the file."
        )


def can_seek(file: Any) -> bool:
    """Return whether libsndfile can find any sample of a file without decoding those before it."""
    knows_length = file.format in WITH_LENGTH and file.frames <= MOST_SAMPLES
    return knows_length and file.subtype not in FLOATS and file.seekable()


def find_format(content: bytes) -> str | None:
    """Return a file's format, if it is one of `SIGNATURES`; else None."""
    head = content[:5000]
    return next((name for name, form in SIGNATURES.items() if re.match(form, head, re.DOTALL)), None)


def convert_to_wav(content: bytes, name: str) -> bytes:
    """Decode a file of the format `name` with PyAV and return its samples as WAV with 32-bit floats."""
    try:
        import av
    except ImportError as error:
        raise ValueError(f"the audio is {name}, which needs an extra: {EXTRA}.") from error
    blocks: list[np.ndarray] = []
    try:
        with warnings.catch_warnings(), av.open(io.BytesIO(content), "r") as container:
            if not container.streams.audio:
                raise ValueError(
                    f"the audio cannot be decoded ({name} without an audio track); restore the file."
                )
            stream = container.streams.audio[0]
            resampler = av.AudioResampler(format="flt", layout=stream.layout, rate=stream.rate)
            rate, count = stream.rate, len(stream.layout.channels)
            declared = (container.duration or 0) / 1e6
            if stream.duration and stream.time_base:
                declared = float(stream.duration * stream.time_base)
            for frame in container.decode(stream):
                blocks += [made.to_ndarray().reshape(-1, count) for made in resampler.resample(frame)]
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
