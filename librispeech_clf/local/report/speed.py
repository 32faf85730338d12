"""How fast a run was: seconds of its stages, and seconds of audio per second, for summary, terminal and page."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

DURATION = "signal_duration_s"
LEAST_SECONDS = 1e-3


@dataclass
class Speed:
    """Clock of a run.

    Attributes:
        audio_s: seconds of audio of all rows.
        stages: seconds by stage, in their order: "evaluation", "analysis", "page".
    """

    audio_s: float
    stages: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Take the time of a stage."""
        start = time.perf_counter()
        yield
        self.stages[stage] = time.perf_counter() - start

    def report(self) -> dict[str, Any]:
        """Return `audio_s`, and `seconds` and `times_real_time` by stage, as summary.json holds them."""
        rated = {
            stage: {
                "seconds": round(seconds, 2),
                "times_real_time": round(self.audio_s / max(seconds, LEAST_SECONDS), 1),
            }
            for stage, seconds in self.stages.items()
        }
        return {"audio_s": round(self.audio_s, 2), **rated}


def sum_audio(results: pd.DataFrame) -> float:
    """Return the seconds of audio of all rows, simulated ones among them; failed rows have none."""
    return float(results[DURATION].sum()) if DURATION in results.columns else 0.0


def write_speed(speed: Mapping[str, Any]) -> str:
    """Say in one line how long the stages took.

    Args:
        speed: as `Speed.report` returns it.
    """
    stages = [
        f"{stage} {rate['seconds']:.1f} s ({rate['times_real_time']:.0f} x real time)"
        for stage, rate in speed.items()
        if isinstance(rate, Mapping)
    ]
    return f"{speed['audio_s'] / 60:.1f} minutes of audio: {', '.join(stages)}."
