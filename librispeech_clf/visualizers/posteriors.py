"""The probability of each letter over time, as an image."""

import functools

import numpy as np
from code_loader.contract.visualizer_classes import LeapImage
from PIL import Image, ImageDraw, ImageFont

from librispeech_clf.ctc.decoding import log_probabilities
from librispeech_clf.text.vocabulary import BLANK, Vocabulary
from librispeech_clf.visualizers.waveform import magma

# In pixels.
HEIGHT = 600
WIDTHS = (600, 2000)
PIXELS_PER_SECOND = 120
LEFT, RIGHT, TOP, BOTTOM = 55, 15, 12, 54
_FONT_SIZE = 13.9
_TICK = 5
_MOST_TIMES = 9
MOST_ROWS = 40


def draw_letter_posteriors(
    logits: np.ndarray, vocabulary: Vocabulary, *, frame_duration_s: float
) -> LeapImage:
    """Draw the letters' probabilities over time.

    Letters are on y (blank and word delimiter on top, then the alphabet), seconds on x. For a large vocabulary, only
    the `MOST_ROWS` with the highest peak probability are drawn. The font is one that every machine has, so a picture
    is the same everywhere; letters that it lacks (Chinese, Thai, Hindi ...) are named by their code point.

    Returns:
        uint8 (600, 600 to 2000, 3); black is 0, cream 1. Without a valid frame, one certain blank is drawn.
    """
    posteriors = letter_posteriors(logits)
    rows = letter_rows(vocabulary, posteriors)
    probabilities = posteriors[:, rows].T
    duration_s = probabilities.shape[1] * frame_duration_s
    width = int(np.clip(duration_s * PIXELS_PER_SECOND, *WIDTHS))
    colors = Image.fromarray(magma()[np.minimum(probabilities * 256, 255).astype(np.uint8)])
    image = Image.new("RGB", (width, HEIGHT), "white")
    inside = width - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    image.paste(colors.resize(inside, Image.Resampling.NEAREST), (LEFT, TOP))
    names = ["blank" if row == BLANK else label_token(vocabulary.tokens[row]) for row in rows]
    return LeapImage(_draw_axes(image, names, duration_s=duration_s), compress=False)


def _draw_axes(image: Image.Image, names: list[str], *, duration_s: float) -> np.ndarray:
    """Return the image with a frame, the rows' names at the left and seconds below."""
    draw, font = ImageDraw.Draw(image), _font()
    right, bottom = image.width - RIGHT, HEIGHT - BOTTOM
    draw.rectangle((LEFT, TOP, right, bottom), outline="black")
    for number, name in enumerate(names):
        y = TOP + (number + 0.5) * (bottom - TOP) / len(names)
        draw.line((LEFT - _TICK, y, LEFT, y), fill="black")
        draw.text((LEFT - 2 * _TICK, y), name, fill="black", font=font, anchor="rm")
    for time_s, label in time_labels(duration_s).items():
        x = LEFT + time_s / duration_s * (right - LEFT)
        draw.line((x, bottom, x, bottom + _TICK), fill="black")
        draw.text((x, bottom + 2 * _TICK), label, fill="black", font=font, anchor="ma")
    draw.text(((LEFT + right) / 2, HEIGHT - 10), "time [s]", fill="black", font=font, anchor="ms")
    return np.asarray(image)


def time_labels(duration_s: float) -> dict[float, str]:
    """Return round times from 0 to the end, at most 10, with as many decimals as they need."""
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(nbins=_MOST_TIMES, steps=[1, 2, 2.5, 5, 10]).tick_values(0, duration_s)
    shown = [float(tick) for tick in ticks if 0 <= tick <= duration_s * (1 + 1e-9)]
    decimals = max(len(f"{tick:.6g}".partition(".")[2]) for tick in shown)
    return {tick: f"{tick:.{decimals}f}" for tick in shown}


def label_token(token: str) -> str:
    """Return a token as the font can write it: itself, or its first code point, with a plus if there are more."""
    from matplotlib.font_manager import get_font

    if all(map(get_font(_font_path()).get_char_index, map(ord, token))):
        return token
    return f"{ord(token[0]):04X}{'+' * (len(token) > 1)}"


def _font_path() -> str:
    from matplotlib import get_data_path

    return f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf"


@functools.cache
def _font() -> ImageFont.FreeTypeFont:
    """Return matplotlib's font, which exists on every system."""
    return ImageFont.truetype(_font_path(), _FONT_SIZE)


def letter_rows(vocabulary: Vocabulary, posteriors: np.ndarray) -> list[int]:
    """Return the label ids in the order of the image's rows: blank, word delimiter, then the letters by alphabet."""
    delimiter = vocabulary.word_delimiter
    first = [BLANK] if delimiter is None else [BLANK, delimiter]
    others = [row for row in range(len(vocabulary.tokens)) if row not in (*first, *vocabulary.special)]
    likeliest = sorted(others, key=lambda row: -posteriors[:, row].max())[:MOST_ROWS]
    return first + sorted(likeliest, key=vocabulary.tokens.__getitem__)


def letter_posteriors(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities over the valid frames, float32 (T, V); without a valid frame, one certain blank."""
    probabilities = np.exp(log_probabilities(logits))
    return probabilities if len(probabilities) else np.eye(1, np.shape(logits)[-1], BLANK, np.float32)
