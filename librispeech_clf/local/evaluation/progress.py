"""A progress bar with utterances, seconds of audio per second, and the time left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

SPEED_PERIOD_S = 300.0


def make_progress(console: Console) -> Progress:
    """Return the bar; its tasks have the field `audio_s`, the seconds of audio evaluated so far."""

    class SpeedColumn(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(describe_speed(task.fields.get("audio_s", 0.0), task.elapsed or 0.0))

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), SpeedColumn()]
    left = [TimeRemainingColumn(), TextColumn("left")]
    return Progress(*columns, *left, console=console, speed_estimate_period=SPEED_PERIOD_S)


def describe_speed(audio_s: float, elapsed_s: float) -> str:
    """Say how many seconds of audio are evaluated per second."""
    return f"{audio_s / elapsed_s:.1f} x real time" if audio_s and elapsed_s else ""
