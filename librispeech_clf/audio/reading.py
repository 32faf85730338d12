"""Audio as the model and the metadata need it: read, resample, normalise, pad.

In: an `Utterance` with encoded audio. Out: float32 arrays. N is the number of samples.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from librispeech_clf.audio import containers
from librispeech_clf.corpus.schema import Utterance

Waveform = npt.NDArray[np.float32]

CACHED_WAVEFORMS = 16
BLOCK_SAMPLES = 1 << 18
PCM_BYTES = {"PCM_S8": 1, "PCM_16": 2, "PCM_24": 3}
# libsndfile's number for "unknown" is far above; no recording of a corpus is this long.
MOST_SAMPLES = 2**40
# Integers of 32 bits written as floats are below.
LARGEST_SAMPLE = 2.0**32
LOWEST_RATE_HZ = 1000
FLOATS = ("FLOAT", "DOUBLE")
# Formats that declare their exact length.
WITH_LENGTH = ("WAV", "WAVEX", "FLAC")
# As in the feature extractor of transformers: what published checkpoints were fed.
VARIANCE_EPSILON = 1e-7
# The smallest normal float16: survives the engine's float16 storage.
SMALLEST_LAST_SAMPLE = np.float32(2.0**-14)


@dataclass(frozen=True)
class AudioFile:
    """What an audio file holds.

    Attributes:
        samples: float32 (N, channels), N >= 0, of any value.
        sampling_rate: Hz.
        declared: N as the header has it; above `MOST_SAMPLES` where it has none.
        format: libsndfile's name of the container, such as "FLAC".
        subtype: libsndfile's name of the encoding, such as "PCM_16".
    """

    samples: Waveform
    sampling_rate: int
    declared: int
    format: str
    subtype: str


@functools.lru_cache(maxsize=CACHED_WAVEFORMS)
def read_waveform(utterance: Utterance, *, sampling_rate: int) -> Waveform:
    """Decodes an utterance's audio, or takes it from the cache of the most recent ones.

    So one decode serves encoder, metadata and visualizers. Channels are averaged. Audio at another rate is
    resampled by soxr. Audio that peaks above 1 (float files, ringing after resampling) is scaled down to 1.

    Args:
        utterance: With audio bytes or an audio path, in any format libsndfile reads.
        sampling_rate: Hz.

    Returns:
        float32 (N,), in [-1, 1], read-only.

    Raises:
        FileNotFoundError: The audio file is not there.
        ValueError: The audio cannot be decoded, is cut off, has no samples, or holds NaN or infinity.
    """
    samples, own_rate = decode(read_content(utterance), utterance.id)
    # In float64: the sum of two channels can lie beyond float32.
    waveform = samples.mean(axis=1, dtype=np.float64).astype(np.float32)
    if own_rate != sampling_rate:
        waveform = _resample(waveform, utterance.id, own_rate=own_rate, sampling_rate=sampling_rate)
    waveform = (waveform / max(1.0, float(np.abs(waveform).max()))).astype(np.float32, copy=False)
    waveform.setflags(write=False)
    return waveform


def normalize(waveform: Waveform) -> Waveform:
    """Zero mean and unit variance, as wav2vec 2.0 expects: (x - mean) / sqrt(variance + 1e-7).

    The model takes zeros at a row's end for padding. So the last sample stays 2**-14 or more from zero.
    Audio of one constant value, which holds no speech, becomes zeros only: for the model an empty recording.

    Args:
        waveform: float32 (N,), N > 0.

    Returns:
        float32 (N,).

    Raises:
        ValueError: There are no samples.
    """
    if len(waveform) == 0:
        raise ValueError("The waveform has no samples; at least one is needed.")
    if waveform.min() == waveform.max():
        return np.zeros(len(waveform), np.float32)
    exact = waveform.astype(np.float64)
    normalized = ((exact - exact.mean()) / np.sqrt(exact.var() + VARIANCE_EPSILON)).astype(np.float32)
    if abs(normalized[-1]) < SMALLEST_LAST_SAMPLE:
        normalized[-1] = np.copysign(SMALLEST_LAST_SAMPLE, normalized[-1])
    return normalized


def pad(normalized: Waveform, *, max_samples: int, utterance_id: str) -> Waveform:
    """Appends zeros.

    Args:
        normalized: float32 (N,).
        max_samples: The width to reach.
        utterance_id: For the message.

    Returns:
        float32 (max_samples,).

    Raises:
        ValueError: The audio is longer.
    """
    samples = len(normalized)
    if samples > max_samples:
        raise ValueError(
            f"{utterance_id}: audio has {samples} samples, the limit is {max_samples}; "
            "raise audio.max_samples in config.yaml."
        )
    return np.pad(normalized.astype(np.float32, copy=False), (0, max_samples - samples))


def count_samples(padded: Waveform) -> int:
    """The number of samples before the padding: up to and including the last that is not zero.

    Args:
        padded: float32 (N,), zero-padded.
    """
    nonzero = np.flatnonzero(padded)
    return int(nonzero[-1]) + 1 if len(nonzero) else 0


def decode(content: bytes, name: str) -> tuple[Waveform, int]:
    """Decode an audio file to its real end: the one place that decides what a recording is.

    Args:
        content: the whole file, in any format libsndfile reads.
        name: the utterance's, for messages.

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
    if len(samples) == 0:
        raise ValueError(f"{name}: the audio has no samples; remove the utterance or restore its file.")
    if not np.isfinite(samples).all():
        raise ValueError(f"{name}: the audio holds NaN or infinity; convert it to integer samples.")
    if (loudest := float(np.abs(samples).max())) > LARGEST_SAMPLE:
        raise ValueError(
            f"{name}: the audio holds samples of {loudest:.2g}, full scale is 1; convert it to integer samples."
        )
    if rate < LOWEST_RATE_HZ:
        raise ValueError(
            f"{name}: the audio's header declares {rate} Hz, speech needs {LOWEST_RATE_HZ} or more; "
            "restore the file or encode it again with its true rate."
        )
    return samples, rate


def read_file(
    content: bytes, name: str, *, take_cut: bool = False, most_values: int = MOST_SAMPLES
) -> AudioFile:
    """Decode an audio file to its real end, whatever length its header claims, and judge nothing.

    Args:
        content: the whole file, in any format libsndfile reads.
        name: the utterance's, for messages.
        take_cut: whether a file that is cut off is read as far as it goes.
        most_values: samples over all channels.

    Raises:
        ValueError: the audio cannot be decoded, or holds more samples; or is cut off, without `take_cut`.
    """
    blocks, count = [], 0
    with _open(content, name, take_cut=take_cut) as file:
        # libsndfile's positions are wrong where the header does not declare the length: read forwards only.
        file.seekable = lambda: False
        most = max(1, BLOCK_SAMPLES // file.channels)
        # Not beyond the declared length: FLAC's decoder stumbles over a tag behind the samples.
        while len(block := file.read(min(most, file.frames - count), dtype="float32", always_2d=True)):
            blocks.append(block)
            count += len(block)
            if count * file.channels > most_values:
                raise ValueError(f"{name}: the audio holds more than {most_values} samples.")
        samples = np.concatenate(blocks) if blocks else np.zeros((0, file.channels), np.float32)
        return AudioFile(samples, file.samplerate, file.frames, file.format, file.subtype)


def measure_length(utterance: Utterance) -> float:
    """Length of an utterance's audio in s, > 0; decodes only where the header cannot be relied on.

    Raises:
        FileNotFoundError: The audio file is not there.
        ValueError: As for `decode`.
    """
    content = read_content(utterance)
    with _open(content, utterance.id) as file:
        declared, rate = file.frames, file.samplerate
        reliable = file.format in WITH_LENGTH and file.subtype not in FLOATS and rate >= LOWEST_RATE_HZ
        if reliable and 0 < declared <= MOST_SAMPLES and file.seekable():
            file.seek(declared - 1)
            if len(file.read(1)) == 1:
                return float(declared / rate)
    samples, rate = decode(content, utterance.id)
    return float(len(samples) / rate)


def read_content(utterance: Utterance) -> bytes:
    """The bytes of an utterance's audio file.

    Raises:
        FileNotFoundError: The audio file is not there.
        ValueError: The utterance has no audio, its file cannot be read, or its row tells why it cannot be used.
    """
    if utterance.problem is not None:
        raise ValueError(f"{utterance.id}: {utterance.problem}")
    if utterance.audio_bytes is not None:
        return utterance.audio_bytes
    if utterance.audio_path is None:
        raise ValueError(f"{utterance.id}: has neither audio bytes nor an audio path; give it one.")
    if not os.path.isfile(utterance.audio_path):
        raise FileNotFoundError(
            f"{utterance.audio_path}: the audio of {utterance.id} is not there; restore it."
        )
    try:
        with open(utterance.audio_path, "rb") as file:
            return file.read()
    except OSError as error:
        raise ValueError(
            f"{utterance.id}: {utterance.audio_path} cannot be read ({error.strerror}); restore the file."
        ) from error


@contextlib.contextmanager
def _open(content: bytes, name: str, *, take_cut: bool = False) -> Iterator[Any]:
    """The file, opened by libsndfile; whatever goes wrong names the utterance."""
    try:
        completed = containers.complete(content)
    except ValueError as error:
        if not take_cut:
            raise ValueError(f"{name}: {error}") from None
        completed = content
    try:
        with soundfile.SoundFile(io.BytesIO(completed)) as file:
            if not take_cut and (cut := containers.find_cut(completed, file.extra_info)):
                raise ValueError(f"{name}: {cut}")
            yield file
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip(" .") if content else "it has no bytes"
        raise ValueError(f"{name}: the audio cannot be decoded ({reason}); restore the file.") from error


def _verify_flac(content: bytes, samples: Waveform, width: int | None, name: str) -> None:
    """Compare a FLAC file's samples with its checksum (RFC 9639, 8.2: MD5 of the integers, little-endian)."""
    expected = content[26:42]
    if content[:4] != b"fLaC" or width is None or not any(expected):
        return
    integers = (samples * np.float32(2 ** (8 * width - 1))).astype("<i2" if width == 2 else "<i4")
    packed = integers.view(np.uint8).reshape(*integers.shape, -1)[..., :width].tobytes()
    if hashlib.md5(packed, usedforsecurity=False).digest() != expected:
        raise ValueError(
            f"{name}: the audio cannot be decoded (its samples are not those of its checksum); restore the file."
        )


def _resample(waveform: Waveform, utterance_id: str, *, own_rate: int, sampling_rate: int) -> Waveform:
    resampled = soxr.resample(waveform, own_rate, sampling_rate)
    if len(resampled) == 0:
        raise ValueError(
            f"{utterance_id}: the audio is too short for {sampling_rate} Hz; remove the utterance."
        )
    return resampled
