"""Recording conditions."""

import numpy as np
import pytest

from librispeech_clf.development.synthesis import recording
from librispeech_clf.development.synthesis.recording import Conditions, draw_conditions

QUIET = Conditions("none", None, 0.0, -26.0)
SPEECH = (0.2 * np.sin(np.arange(32_000) / 5)).astype(np.float32)


def record(seed: int = 1, **changes) -> np.ndarray:
    made = recording.record(SPEECH, QUIET._replace(**changes), np.random.default_rng(seed))
    return made.astype(np.float64)


def level_dbfs(waveform: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(waveform**2)))


@pytest.mark.parametrize("noise", ["white", "pink", "hum"])
@pytest.mark.parametrize("ratio_db", [5.0, 20.0])
def test_noise_has_the_recorded_ratio(noise, ratio_db, monkeypatch):
    """The same seed without noise gives the clean part; what is left is the noise."""
    monkeypatch.setattr(recording, "FLOOR_DBFS", -200.0)
    clean, noisy = record(), record(noise=noise, ratio_db=ratio_db)
    gain = noisy @ clean / (clean @ clean)
    assert level_dbfs(gain * clean) - level_dbfs(noisy - gain * clean) == pytest.approx(ratio_db, abs=0.1)


def test_level_length_and_silence():
    made = record()
    assert level_dbfs(made) == pytest.approx(-26, abs=0.05)
    assert 0.3 * 16_000 <= made.size - 32_000 <= 0.9 * 16_000
    assert level_dbfs(made[: int(0.15 * 16_000)]) == pytest.approx(recording.FLOOR_DBFS, abs=1)
    click = np.where(np.arange(16_000) == 100, 1, 0).astype(np.float32)
    assert np.abs(recording.set_level(click, -20)).max() == pytest.approx(0.98)


def test_echo_is_added_after_the_speech():
    made, clean = record(decay_time_s=0.5), record()
    end = np.flatnonzero(np.abs(clean) > 0.01).max()
    assert level_dbfs(made[end + 10 : end + 1000]) > level_dbfs(clean[end + 10 : end + 1000]) + 20


@pytest.mark.parametrize(("split", "share"), [("training", 0.2), ("test", 0.2), ("validation", 0.0)])
def test_a_fifth_is_disturbed(split, share, rng):
    drawn = [draw_conditions(split, rng) for _ in range(2000)]
    disturbed = [own for own in drawn if own.noise != "none" or own.decay_time_s > 0]
    assert len(disturbed) / 2000 == pytest.approx(share, abs=0.03)
    assert all((own.noise == "none") == (own.ratio_db is None) for own in drawn)
    ratios = np.array([own.ratio_db for own in drawn if own.ratio_db is not None])
    if share:
        assert ratios.min() >= recording.RATIOS_DB[split][0] and ratios.max() <= 25
    if split == "test":
        assert np.mean(ratios >= 15) > 0.8
