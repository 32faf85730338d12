"""A picture of the report page, taken by Chromium without a window."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1400, 900
COLOURS = 64
TIMEOUT_S = 120


def photograph_page(page: Path, path: Path) -> str:
    """Draw a page as a PNG of few colours, 1,400 by 900 pixels.

    Args:
        page: an HTML file that needs nothing else.
        path: the PNG to write.

    Returns:
        The page's name and size.

    Raises:
        FileNotFoundError: the page or the browser is not there.
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
            f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={shot}", page.resolve().as_uri(),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        if not shot.is_file():
            raise OSError(f"{browser}: drew nothing of {page}; it said: {done.stderr.strip()[-400:]}")
        image = Image.open(shot).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, optimize=True)
    return f"{page.name}, {image.width} by {image.height} pixels"
