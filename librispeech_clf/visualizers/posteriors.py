"""The probability of each letter over time, as an image."""

import numpy as np
from code_loader.contract.visualizer_classes import LeapImage

from librispeech_clf.decoding import log_probabilities
from librispeech_clf.vocabulary import BLANK, LETTERS, SPECIALS, WORD_SEPARATOR

_DOTS_PER_INCH = 100
_HEIGHT_INCH = 6.0
_WIDTH_INCH = (6.0, 20.0)
_INCH_PER_SECOND = 1.2


def draw_letter_posteriors(logits: np.ndarray, *, frame_duration_s: float) -> LeapImage:
    """Draw the letters' probabilities over time.

    Letters are on y (blank and word separator on top, then the alphabet), seconds on x.

    Args:
        logits: float (T, V).
        frame_duration_s: time from frame to frame, s.

    Returns:
        uint8 (600, 600 to 2000, 3), black 0, cream 1. Without a valid frame, one of certain blank is drawn.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = letter_rows()
    probabilities = letter_posteriors(logits)[:, rows].T
    duration_s = probabilities.shape[1] * frame_duration_s
    width = float(np.clip(duration_s * _INCH_PER_SECOND, *_WIDTH_INCH))
    figure = Figure(figsize=(width, _HEIGHT_INCH), dpi=_DOTS_PER_INCH)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.55 / width, 0.09, 1 - 0.7 / width, 0.89))
    axes.imshow(
        probabilities,
        aspect="auto",
        interpolation="nearest",
        cmap="magma",
        vmin=0,
        vmax=1,
        extent=(0, duration_s, len(rows) - 0.5, -0.5),
    )
    axes.set_yticks(range(len(rows)), ["blank" if row == BLANK else LETTERS[row] for row in rows])
    axes.set_xlabel("time [s]")
    canvas.draw()
    return LeapImage(np.asarray(canvas.buffer_rgba())[..., :3].copy(), compress=False)


def letter_rows() -> list[int]:
    """Return the label ids in the order of the image's rows: blank, `|`, then the letters by alphabet."""
    first = [BLANK, WORD_SEPARATOR]
    others = [label for label in range(len(LETTERS)) if label not in (*first, *SPECIALS)]
    return first + sorted(others, key=LETTERS.__getitem__)


def letter_posteriors(logits: np.ndarray) -> np.ndarray:
    """Compute the probabilities over the valid frames.

    Args:
        logits: float (T, V).

    Returns:
        float32 (valid frames, V), rows sum to 1; without a valid frame, one of certain blank.
    """
    probabilities = np.exp(log_probabilities(logits))
    return probabilities if len(probabilities) else np.eye(1, np.shape(logits)[-1], BLANK, np.float32)
