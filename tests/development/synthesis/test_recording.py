"""Recording conditions."""

import numpy as np
import pytest

from librispeech_clf.development.synthesis import recording
from librispeech_clf.development.synthesis.recording import Conditions, draw_conditions, record


def conditions(**changes) -> Conditions:
    return Conditions(
        **{"noise": "none", "ratio_db": None, "decay_time_s": 0.0, "level_dbfs": -26.0, **changes}
    )


def level_dbfs(waveform: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(waveform, dtype=np.float64))))


def speech() -> np.ndarray:
    return (0.2 * np.sin(np.arange(32_000) / 5)).astype(np.float32)


@pytest.mark.parametrize("noise", ["white", "pink"])
@pytest.mark.parametrize("ratio_db", [5.0, 20.0])
def test_noise_has_the_recorded_ratio(noise, ratio_db, monkeypatch):
    """The same seed without noise gives the clean part; what is left is the noise."""
    monkeypatch.setattr(recording, "FLOOR_DBFS", -200.0)
    clean = record(speech(), conditions(), np.random.default_rng(1)).astype(np.float64)
    noisy = record(speech(), conditions(noise=noise, ratio_db=ratio_db), np.random.default_rng(1))
    gain = noisy @ clean / (clean @ clean)
    assert level_dbfs(gain * clean) - level_dbfs(noisy - gain * clean) == pytest.approx(ratio_db, abs=0.1)


def test_level_length_and_silence(rng):
    made = record(speech(), conditions(), rng)
    assert level_dbfs(made) == pytest.approx(-26, abs=0.05)
    assert 0.3 * 16_000 <= made.size - 32_000 <= 0.9 * 16_000
    assert level_dbfs(made[: int(0.15 * 16_000)]) == pytest.approx(recording.FLOOR_DBFS, abs=1)


def test_loud_peaks_are_not_clipped():
    click = np.zeros(16_000, np.float32)
    click[100] = 1
    made = recording.set_level(click, -20)
    assert np.abs(made).max() == pytest.approx(0.98)


def test_echo_is_added_after_the_speech(rng):
    made = record(speech(), conditions(decay_time_s=0.5), np.random.default_rng(2))
    clean = record(speech(), conditions(), np.random.default_rng(2))
    end = np.flatnonzero(np.abs(clean) > 0.01).max()
    assert level_dbfs(made[end + 10 : end + 1000]) > level_dbfs(clean[end + 10 : end + 1000]) + 20


@pytest.mark.parametrize(("split", "share"), [("training", 0.2), ("test", 0.2), ("validation", 0.0)])
def test_a_fifth_is_disturbed(split, share, rng):
    drawn = [draw_conditions(split, rng) for _ in range(2000)]
    disturbed = [c for c in drawn if c.noise != "none" or c.decay_time_s > 0]
    assert len(disturbed) / 2000 == pytest.approx(share, abs=0.03)
    assert all((c.noise == "none") == (c.ratio_db is None) for c in drawn)
    ratios = np.array([c.ratio_db for c in drawn if c.ratio_db is not None])
    if share:
        assert ratios.min() >= recording.RATIOS_DB[split][0] and ratios.max() <= 25
    if split == "test":
        assert np.mean(ratios >= 15) > 0.8
