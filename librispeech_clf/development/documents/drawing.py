"""How pictures look and are saved: one style, small PNG files that are the same bytes for the same figure."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from PIL import Image

from librispeech_clf.local.report.payload import describe_column
from librispeech_clf.text.plain_text import escape_unprintable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
INK, SOFT, LINE, ACCENT, WEAK = "#1b2530", "#56636f", "#dce2e8", "#1f6a8c", "#b02a2a"
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a name is one
}
DOTS_PER_INCH = 120
PALETTE_SIZE = 96


def save_image(figure: Figure, path: Path, *, colours: int = PALETTE_SIZE) -> None:
    """Save a figure as a PNG of few colours, the same bytes for the same figure.

    Its texts may be foreign: unprintable characters are shown by their code.
    """
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_text(escape_unprintable(text.get_text(), keep="\n"))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    image = Image.open(buffer).convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, optimize=True)


def in_own_style(draw: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Let a function draw in `STYLE`; Matplotlib's own settings are as before after it."""

    @functools.wraps(draw)
    def styled(*arguments: Parameters.args, **options: Parameters.kwargs) -> Result:
        import matplotlib

        with matplotlib.rc_context(STYLE):
            return draw(*arguments, **options)

    return styled


def make_figure(width: float = 6.4, height: float = 4.2, **layout: Any) -> tuple[Figure, Any]:
    """Make a figure without a window, with axes by `layout` (rows, columns) in inches `width` x `height`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(**layout)


def name_column(column: str) -> str:
    """Name a column in words, with its unit: "duration in s"."""
    described = describe_column(column)
    return described["label"] + (f" in {described['unit']}" if described["unit"] else "")
