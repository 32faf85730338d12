"""How pictures look and are saved: one style, small PNG files that are the same bytes for the same figure."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from librispeech_clf.local.analysis import record
from librispeech_clf.local.analysis.record import physical_unit
from librispeech_clf.text.plain_text import escape_unprintable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PAGE_WIDTH, PAGE_HEIGHT = 1400, 900
TIMEOUT_S = 120


def make_figure(width: float = 6.4, height: float = 4.2, **layout: Any) -> tuple[Figure, Any]:
    """Make a figure without a window, with axes by `layout` (rows, columns) in inches `width` x `height`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(**layout)


def save_image(figure: Figure, path: Path, *, colors: int = PALETTE_SIZE) -> None:
    """Save a figure as a PNG of few colors, the same bytes for the same figure.

    Its texts may be foreign: unprintable characters are shown by their code.
    """
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_text(escape_unprintable(text.get_text(), keep="\n"))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    _save_quantized(Image.open(buffer), path, colors)


def _save_quantized(image: Image.Image, path: Path, colors: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.convert("RGB").quantize(colors, dither=Image.Dither.NONE).save(path, optimize=True)


def label_column(column: str) -> str:
    """Return a column's name in words, with its unit: "duration in s"."""
    unit = physical_unit(column)
    return record.label_column(column) + (f" in {unit}" if unit else "")


def screenshot_page(page: Path, path: Path, *, state: str = "") -> str:
    """Draw a report page as a PNG of few colors, 1,400 by 900 pixels, with Chromium without a window.

    Args:
        page: an HTML file, with what lies beside it.
        path: the PNG to write.
        state: what is shown, as in the page's address: "utterance=1089-134686-0000".

    Returns:
        The page's name and size.

    Raises:
        FileNotFoundError: the page or the browser does not exist.
        OSError: the browser drew nothing.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise FileNotFoundError(f"browser: needs one of {', '.join(BROWSERS)}; found none, install chromium.")
    if not page.is_file():
        raise FileNotFoundError(f"{page}: not found; run `poetry run evaluate` first.")
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "page.png"
        command = [
            browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--mute-audio",
            "--virtual-time-budget=10000", f"--user-data-dir={folder}/profile",
            f"--window-size={PAGE_WIDTH},{PAGE_HEIGHT}", f"--screenshot={shot}",
            f"{page.resolve().as_uri()}#{state}",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        if not shot.is_file():
            raise OSError(f"{browser}: drew nothing of {page}; it said: {done.stderr.strip()[-400:]}")
        _save_quantized(Image.open(shot), path, PALETTE_SIZE)
    return f"{page.name}, {PAGE_WIDTH} by {PAGE_HEIGHT} pixels"
