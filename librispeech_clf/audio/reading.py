"""Audio as the model and the metadata need it: read, resample, normalize, pad.

In: an `Utterance` with encoded audio. Out: float32 arrays. N is the number of samples.
"""

from __future__ import annotations

import functools
import os

import numpy as np
import soxr

from librispeech_clf.audio.decoding import (
    LOWEST_RATE_HZ,
    Waveform,
    can_seek,
    check_samples,
    decode,
    encode_flac,
    open_audio,
)
from librispeech_clf.corpus.columns import BEYOND_S, tell
from librispeech_clf.corpus.schema import Utterance

CACHED_WAVEFORMS = 16
# Correlation of two channels below which their mean nearly vanishes.
CANCELLING = -0.9
# As in the feature extractor of transformers, which published checkpoints were trained with.
VARIANCE_EPSILON = 1e-7
# The smallest normal float16: survives the engine's float16 storage.
SMALLEST_LAST_SAMPLE = np.float32(2.0**-14)


@functools.lru_cache(maxsize=CACHED_WAVEFORMS)
def read_waveform(utterance: Utterance, *, sampling_rate: int) -> Waveform:
    """Decode an utterance's audio, or take it from the cache of the most recent ones.

    So one decoding serves encoder, metadata and visualizers. The utterance's channel is taken, or else channels are
    averaged. Audio at another rate (Hz) is resampled by soxr. Audio that peaks above 1 (float files, ringing after
    resampling) is scaled down to 1.

    Returns:
        float32 (N,), in [-1, 1], read-only.

    Raises:
        FileNotFoundError: The audio file does not exist.
        ValueError: The audio cannot be decoded, is cut off, has no samples, or holds NaN or infinity.
    """
    samples, own_rate = _decode_utterance(utterance)
    waveform = _mix(samples, utterance)
    if own_rate != sampling_rate:
        waveform = soxr.resample(waveform, own_rate, sampling_rate)
        if len(waveform) == 0:
            raise ValueError(
                f"{utterance.id}: the audio is too short for {sampling_rate} Hz; remove the utterance."
            )
    waveform = (waveform / max(1.0, float(np.abs(waveform).max()))).astype(np.float32, copy=False)
    waveform.setflags(write=False)
    return waveform


def normalize(waveform: Waveform) -> Waveform:
    """Normalize to zero mean and unit variance, as for wav2vec 2.0: (x - mean) / sqrt(variance + 1e-7), float32 (N,).

    The model takes zeros at a row's end for padding, so the last sample stays 2**-14 or more away from zero.
    Audio of one constant value, which holds no speech, becomes all zeros: to the model, an empty recording.
    """
    if waveform.min() == waveform.max():
        return np.zeros(len(waveform), np.float32)
    exact = waveform.astype(np.float64)
    normalized = ((exact - exact.mean()) / np.sqrt(exact.var() + VARIANCE_EPSILON)).astype(np.float32)
    if abs(normalized[-1]) < SMALLEST_LAST_SAMPLE:
        normalized[-1] = np.copysign(SMALLEST_LAST_SAMPLE, normalized[-1])
    return normalized


def pad(normalized: Waveform, *, max_samples: int, utterance_id: str) -> Waveform:
    """Append zeros, up to float32 (max_samples,); raise if the audio is longer."""
    samples = len(normalized)
    if samples > max_samples:
        raise ValueError(
            f"{utterance_id}: audio has {samples} samples, the limit is {max_samples}; "
            "raise audio.max_samples in config.yaml."
        )
    return np.pad(normalized.astype(np.float32, copy=False), (0, max_samples - samples))


def count_samples(padded: Waveform) -> int:
    """Count the samples before the padding: up to and including the last non-zero one."""
    return int(np.max(np.flatnonzero(padded), initial=-1)) + 1


def measure_length(utterance: Utterance) -> float:
    """Return the length of an utterance's audio in s, > 0; decode only where the header cannot be relied on."""
    if utterance.start_s is None:
        with open_audio(_read_bytes(utterance), utterance.id) as file:
            declared, rate = file.frames, file.samplerate
            if can_seek(file) and 0 < declared and rate >= LOWEST_RATE_HZ:
                file.seek(declared - 1)
                if len(file.read(1)) == 1:
                    return float(declared / rate)
    samples, rate = _decode_utterance(utterance)
    return float(len(samples) / rate)


def read_content(utterance: Utterance) -> bytes:
    """Return the bytes of an utterance's audio file; if it is not all of the file, FLAC of its part and channel."""
    if utterance.start_s is None and utterance.channel is None:
        return _read_bytes(utterance)
    samples, rate = _decode_utterance(utterance)
    return encode_flac(_mix(samples, utterance), sampling_rate=rate)


def _read_bytes(utterance: Utterance) -> bytes:
    if utterance.problem is not None:
        raise ValueError(f"{utterance.id}: {utterance.problem}")
    if utterance.audio_bytes is not None:
        return utterance.audio_bytes
    if utterance.audio_path is None:
        raise ValueError(f"{utterance.id}: has neither audio bytes nor an audio path; give it one.")
    if not os.path.isfile(utterance.audio_path):
        raise FileNotFoundError(
            f"{utterance.audio_path}: the audio of {utterance.id} does not exist; restore it."
        )
    try:
        with open(utterance.audio_path, "rb") as file:
            return file.read()
    except OSError as error:
        raise ValueError(
            f"{utterance.id}: {utterance.audio_path} cannot be read ({error.strerror}); restore the file."
        ) from error


def _decode_utterance(utterance: Utterance) -> tuple[Waveform, int]:
    """Return the samples of an utterance in all channels, from the whole recording or its part."""
    name, start_s = utterance.id, utterance.start_s
    if start_s is None:
        return decode(_read_bytes(utterance), name)
    with open_audio(content := _read_bytes(utterance), name) as file:
        rate, count = file.samplerate, file.frames
        end_s = count / rate if utterance.end_s is None else utterance.end_s
        span = range(count)[round(start_s * rate) : round(end_s * rate)]
        if can_seek(file) and span:
            file.seek(span.start)
            samples = file.read(len(span), "float32", always_2d=True)
        else:
            whole, rate = _decode_cached(content)
            count = len(whole)
            end_s = count / rate if utterance.end_s is None else utterance.end_s
            samples = whole[round(start_s * rate) : round(end_s * rate)]
    if len(samples) == 0 or end_s > count / rate + BEYOND_S:
        raise ValueError(
            f"{name}: its row names the part from {start_s:g} to {end_s:g} s of a recording of {count / rate:.2f} s; "
            "correct the times."
        )
    return check_samples(samples, rate, name)


@functools.lru_cache(maxsize=1)
def _decode_cached(content: bytes) -> tuple[Waveform, int]:
    """Decode a recording, or take it from the cache: parts of one recording follow one another."""
    return decode(content, "the recording")


def _mix(samples: Waveform, utterance: Utterance) -> Waveform:
    """Return one channel, float32 (N,): the utterance's, or the mean of all."""
    count = samples.shape[1]
    if utterance.channel is not None:
        if utterance.channel >= count:
            raise ValueError(
                f"{utterance.id}: its row names channel {utterance.channel} (the first is 0), "
                f"but the recording has {count}; correct it."
            )
        return np.ascontiguousarray(samples[:, utterance.channel])
    if count == 1:
        return samples[:, 0]
    # In float64: the sum of two channels can exceed float32.
    exact = samples.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=0)
    if count == 2 and exact[:, 0] @ exact[:, 1] < CANCELLING * lengths[0] * lengths[1]:
        tell("Recordings whose two channels cancel each other out are read from the first one.")
        return np.ascontiguousarray(samples[:, 0])
    tell("Recordings with several channels are averaged; a column `channel` in the table chooses one.")
    return exact.mean(axis=1).astype(np.float32)
