"""Variations of training speech: of the waveform, and masks of the features.

In: float32 (N,) waveforms in [-1, 1] and a random generator, which decides everything. Out: waveforms, masks.
"""

from collections.abc import Sequence

import numpy as np

from librispeech_clf.audio.acoustics import mix_at_signal_to_noise_ratio, pink_noise, reverberate, white_noise
from librispeech_clf.ctc.frames import SAMPLING_RATE_HZ
from librispeech_clf.development.training.settings import Augmentation, Masking


def augment(
    waveform: np.ndarray, other: np.ndarray, settings: Augmentation, generator: np.random.Generator
) -> np.ndarray:
    """Vary one waveform.

    Args:
        waveform: float32 (N,), in [-1, 1].
        other: float32 (M,), another recording, used as babble.
        settings: what to vary and how far.
        generator: decides what and how far within the settings.

    Returns:
        float32 (N',); N' differs from N by the speed factor.
    """
    if generator.random() < settings.speed_probability:
        waveform = _resample(waveform, generator.uniform(*settings.speed))
    if generator.random() < settings.tilt_probability:
        coefficient = np.float32(generator.uniform(-settings.tilt, settings.tilt))
        waveform = np.concatenate([waveform[:1], waveform[1:] + coefficient * waveform[:-1]])
    if generator.random() < settings.echo_probability:
        decay_s = generator.uniform(*settings.echo_decay_s)
        waveform = reverberate(
            waveform, decay_time_s=decay_s, sampling_rate=SAMPLING_RATE_HZ, generator=generator
        )
    waveform = _silence_gaps(waveform, settings, generator)
    if generator.random() < settings.noise_probability:
        waveform = _add_noise(waveform, other, generator.uniform(*settings.noise_ratio_db), generator)
    return waveform.astype(np.float32)


def draw_masks(
    frames: Sequence[int], *, width: int, channels: int, settings: Masking, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw which features of a batch are kept.

    The number of spans is rounded at random, so that short utterances get their share; spans may overlap and may start
    wherever they fit.

    Args:
        frames: valid frames of each row, each at most `width`.
        width: frames of the batch, T.
        channels: of the features, C.
        settings: shares and lengths of the spans.
        generator: decides their number and places.

    Returns:
        float32 (B, T) and (B, C), 1 where features are kept and 0 where they are masked.
    """
    times = np.ones((len(frames), width), np.float32)
    features = np.ones((len(frames), channels), np.float32)
    for row, count in enumerate(frames):
        _put_out(times[row, :count], settings.mask_time_prob, settings.mask_time_length, generator)
        _put_out(features[row], settings.mask_feature_prob, settings.mask_feature_length, generator)
    return times, features


def _put_out(row: np.ndarray, share: float, length: int, generator: np.random.Generator) -> None:
    """Set spans of a row to zero, in place; a row that is no longer than a span stays."""
    places = len(row) - length
    if share == 0 or places <= 0:
        return
    for start in generator.integers(0, places + 1, int(share * len(row) / length + generator.random())):
        row[start : start + length] = 0


def _resample(waveform: np.ndarray, factor: float) -> np.ndarray:
    positions = np.arange(0, len(waveform) - 1, factor)
    left = positions.astype(np.int32)
    share = (positions - left).astype(np.float32)
    return waveform[left] * (1 - share) + waveform[left + 1] * share


def _silence_gaps(waveform: np.ndarray, settings: Augmentation, generator: np.random.Generator) -> np.ndarray:
    count = generator.poisson(settings.gaps_per_s * len(waveform) / SAMPLING_RATE_HZ)
    waveform = waveform.copy()
    for start in generator.integers(0, max(1, len(waveform)), count):
        waveform[start : start + int(generator.uniform(0, settings.gap_s) * SAMPLING_RATE_HZ)] = 0
    return waveform


def _add_noise(
    waveform: np.ndarray, other: np.ndarray, ratio_db: float, generator: np.random.Generator
) -> np.ndarray:
    kind = generator.integers(3)
    if kind == 0:
        noise = white_noise(len(waveform), generator)
    elif kind == 1:
        noise = pink_noise(len(waveform), generator)
    else:
        noise = np.resize(other, len(waveform))
    return mix_at_signal_to_noise_ratio(waveform, noise, ratio_db)
