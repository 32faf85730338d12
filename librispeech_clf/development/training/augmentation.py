"""Variations of training speech.

In: float32 (N,) waveforms in [-1, 1] and a random generator, which decides everything. Out: waveforms.
"""

from dataclasses import dataclass

import numpy as np

from librispeech_clf.audio.acoustics import mix_at_signal_to_noise_ratio, pink_noise, white_noise


@dataclass(frozen=True)
class Augmentation:
    """How recordings are varied; each variation applies with its own probability.

    Attributes:
        speed: lowest and highest factor of resampling; changes tempo, pitch and formants together.
        speed_probability: share of recordings resampled.
        tilt: highest absolute coefficient of the one-tap filter that tilts the spectrum.
        tilt_probability: share of recordings filtered.
        noise_ratio_db: lowest and highest signal-to-noise ratio of added noise, dB.
        noise_probability: share of recordings with noise (white, pink, or another recording).
    """

    speed: tuple[float, float] = (0.88, 1.13)
    speed_probability: float = 0.35
    tilt: float = 0.5
    tilt_probability: float = 0.12
    noise_ratio_db: tuple[float, float] = (5.0, 30.0)
    noise_probability: float = 0.1


STRONG = Augmentation(speed_probability=0.7, tilt_probability=0.4, noise_probability=0.35)
"""For the front end, which must learn what sounds there are; the letters learn from few passes over the material."""


def augment(
    waveform: np.ndarray,
    other: np.ndarray,
    settings: Augmentation,
    generator: np.random.Generator,
    *,
    fastest: float = np.inf,
) -> np.ndarray:
    """Vary one waveform.

    Args:
        waveform: float32 (N,), in [-1, 1].
        other: float32 (M,), another recording, used as babble.
        settings: what to vary and how far.
        generator: decides what and how far within the settings.
        fastest: highest factor of resampling that leaves room for the letters.

    Returns:
        float32 (N',); N' differs from N by the speed factor.
    """
    if generator.random() < settings.speed_probability:
        waveform = _resample(
            waveform, min(generator.uniform(*settings.speed), max(fastest, settings.speed[0]))
        )
    if generator.random() < settings.tilt_probability:
        coefficient = np.float32(generator.uniform(-settings.tilt, settings.tilt))
        waveform = np.concatenate([waveform[:1], waveform[1:] + coefficient * waveform[:-1]])
    if generator.random() < settings.noise_probability:
        waveform = _add_noise(waveform, other, generator.uniform(*settings.noise_ratio_db), generator)
    return waveform.astype(np.float32)


def _resample(waveform: np.ndarray, factor: float) -> np.ndarray:
    positions = np.arange(0, len(waveform) - 1, factor)
    left = positions.astype(np.int32)
    share = (positions - left).astype(np.float32)
    return waveform[left] * (1 - share) + waveform[left + 1] * share


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
