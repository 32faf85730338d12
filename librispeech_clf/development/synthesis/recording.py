"""How a bundled utterance was recorded: room, noise, level.

In: clean speech. Out: the recording, float32 (N,).
"""

from typing import NamedTuple

import numpy as np

from librispeech_clf.audio.acoustics import mix_at_signal_to_noise_ratio, pink_noise, reverberate, white_noise
from librispeech_clf.development.synthesis.voices import SAMPLING_RATE

DISTURBED_SHARE = 0.2
RATIOS_DB = {"training": (5.0, 25.0), "test": (8.0, 25.0)}
"""Range of signal-to-noise ratios by split; validation is clean. Most of the test's lie above 15 dB."""
DECAY_TIMES_S = (0.2, 0.6)
HUM_RATIOS_DB = (-3.0, 3.0)
HUM_HZ = 50.0
HUM_HARMONICS = 40
FLOOR_DBFS = -78.0
"""Level of the recorder's own noise, which every recording has."""
LEVELS_DBFS = (-32.0, -22.0)


class Conditions(NamedTuple):
    """Conditions of one recording.

    Attributes:
        noise: "none", "white", "pink" or "hum".
        ratio_db: Signal-to-noise ratio over the whole recording; None without noise.
        decay_time_s: T60 of the room, 0 without echo.
        level_dbfs: Root mean square of the recording.
    """

    noise: str
    ratio_db: float | None
    decay_time_s: float
    level_dbfs: float


def draw_conditions(split: str, generator: np.random.Generator, *, hums: bool = False) -> Conditions:
    """Draw conditions: a fifth of the training and test recordings has echo, noise or both; or mains hum."""
    level = round(float(generator.uniform(*LEVELS_DBFS)), 1)
    if hums:
        return Conditions("hum", round(float(generator.uniform(*HUM_RATIOS_DB)), 1), 0.0, level)
    disturbed = generator.random() < DISTURBED_SHARE
    kind, noise = generator.choice(["echo", "noise", "both"]), str(generator.choice(["white", "pink"]))
    decay = round(float(generator.uniform(*DECAY_TIMES_S)), 2)
    low, high = RATIOS_DB.get(split, (0.0, 0.0))
    if split == "test" and generator.random() < 0.8:
        low = 15.0
    ratio: float | None = round(float(generator.uniform(low, high)), 1)
    if not disturbed or split not in RATIOS_DB:
        noise, ratio, decay = "none", None, 0.0
    elif kind == "echo":
        noise, ratio = "none", None
    elif kind == "noise":
        decay = 0.0
    return Conditions(noise, ratio, decay, level)


def record(speech: np.ndarray, conditions: Conditions, generator: np.random.Generator) -> np.ndarray:
    """Record clean speech: silence around it, room, noise, level, and the recorder's noise floor.

    Args:
        speech: float32 (N,).
        conditions: What to add.
        generator: Source of randomness.

    Returns:
        float32 (N + silence,) in [-1, 1].
    """
    before, after = (generator.uniform(0.15, 0.45, size=2) * SAMPLING_RATE).astype(int)
    waveform, decay_time_s = np.pad(speech, (before, after)), conditions.decay_time_s
    waveform = reverberate(
        waveform, decay_time_s=decay_time_s, sampling_rate=SAMPLING_RATE, generator=generator
    )
    if conditions.ratio_db is not None:
        make = {"white": white_noise, "pink": pink_noise, "hum": mains_hum}[conditions.noise]
        noise = make(waveform.size, generator)
        waveform = mix_at_signal_to_noise_ratio(waveform, noise, conditions.ratio_db)
    waveform = set_level(waveform, conditions.level_dbfs)
    floor = 10 ** (FLOOR_DBFS / 20) * white_noise(waveform.size, generator)
    return np.clip(waveform + floor, -1, 1).astype(np.float32)


def mains_hum(count: int, generator: np.random.Generator) -> np.ndarray:
    """Hum of a power supply: harmonics of 50 Hz with random phases, power falling by 3 dB an octave; float32 (N,)."""
    phases = generator.uniform(0, 2 * np.pi, HUM_HARMONICS)
    times_s = np.arange(count) / SAMPLING_RATE
    orders = np.arange(1, HUM_HARMONICS + 1)
    waves = (
        np.sin(2 * np.pi * HUM_HZ * n * times_s + phase) / n**0.5
        for n, phase in zip(orders, phases, strict=True)
    )
    return np.sum([*waves], axis=0).astype(np.float32)


def set_level(waveform: np.ndarray, level_dbfs: float) -> np.ndarray:
    """Scale float32 (N,) to a root mean square of level_dbfs; lower where its peak would pass 0.98."""
    level = float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))
    peak = float(np.abs(waveform).max())
    if peak == 0:
        return waveform
    return (waveform * min(10 ** (level_dbfs / 20) / level, 0.98 / peak)).astype(np.float32)
