"""The letters' probabilities as an image."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from librispeech_clf.text.vocabulary import BLANK
from librispeech_clf.visualizers import draw_letter_posteriors, posteriors
from librispeech_clf.visualizers.posteriors import BOTTOM, LEFT, RIGHT, TOP
from tests.helpers.letters import LETTERS, VOCABULARY, speak


def draw(logits):
    return draw_letter_posteriors(logits, VOCABULARY, frame_duration_s=0.02)


def test_rows_are_blank_separator_and_alphabet():
    rows = posteriors.letter_rows(VOCABULARY, np.zeros((1, 32)))
    assert rows[0] == BLANK
    assert "".join(LETTERS[row] for row in rows[1:]) == "|'ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def test_letter_that_the_font_lacks_is_named_by_its_code_point():
    """DejaVu Sans has Latin, Greek, Cyrillic, Arabic, IPA; not Chinese, Thai, Devanagari, kana."""
    known = ["A", "\u00df", "a\u02d0", "\u0645"]
    lacking = ["\u4e2d", "\u0e01", "\u0915", "\u0915\u094d\u0937", "\u304b"]
    assert [*map(posteriors.label_token, known)] == known
    assert [*map(posteriors.label_token, lacking)] == ["4E2D", "0E01", "0915", "0915+", "304B"]


def test_image_of_ten_seconds():
    image = draw(speak("A" * 250))
    assert (image.data.shape, image.data.dtype, image.compress) == ((600, 1200, 3), np.uint8, False)


def test_padding_is_not_drawn():
    short, long = (draw(speak("HELLO", padding=frames)).data for frames in (1, 900))
    np.testing.assert_array_equal(short, long)


def test_probable_letter_is_bright_in_its_row_and_column():
    logits = np.zeros((100, 32), np.float32)
    logits[:, BLANK] = 30
    logits[50:60, [BLANK, LETTERS.index("Z")]] = 0, 30
    # Z is the last of 29 rows; the axes fill the height but for the margin of the time axis.
    row = draw(logits).data.astype(int).sum(axis=2)[537, 60:580]
    bright = np.flatnonzero(row > 600) / len(row)
    assert (bright.min(), bright.max()) == pytest.approx((0.5, 0.6), abs=0.02)


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_few_frames(frames):
    assert draw(np.zeros((1, frames, 32), np.float16)).data.shape == (600, 600, 3)


def test_no_valid_frame_is_one_of_certain_blank():
    np.testing.assert_array_equal(posteriors.letter_posteriors(speak("", padding=5)), np.eye(1, 32, BLANK))


def test_plot_is_what_matplotlib_draws():
    logits = np.random.default_rng(0).normal(0, 3, (250, 32)).astype(np.float32)
    image = draw(logits).data
    height, width, _ = image.shape
    canvas = FigureCanvasAgg(Figure(figsize=(width / 100, height / 100), dpi=100))
    plot = (width - LEFT - RIGHT) / width, (height - TOP - BOTTOM) / height
    axes = canvas.figure.add_axes((LEFT / width, BOTTOM / height, *plot))
    axes.set_axis_off()
    table = posteriors.letter_posteriors(logits)
    table = table[:, posteriors.letter_rows(VOCABULARY, table)].T
    axes.imshow(table, aspect="auto", interpolation="nearest", cmap="magma", vmin=0, vmax=1)
    canvas.draw()
    expected = np.asarray(canvas.buffer_rgba())[..., :3]
    inside = slice(TOP + 1, -BOTTOM - 1), slice(LEFT + 1, -RIGHT - 1)  # within the frame
    np.testing.assert_array_equal(image[inside], expected[inside])


@pytest.mark.parametrize(
    ("duration_s", "labels"),
    [
        (0.02, "0.0000 0.0025 0.0050 0.0075 0.0100 0.0125 0.0150 0.0175 0.0200"),
        (1.0, "0.0 0.2 0.4 0.6 0.8 1.0"),
        (2.2, "0.00 0.25 0.50 0.75 1.00 1.25 1.50 1.75 2.00"),
        (35.0, "0 5 10 15 20 25 30 35"),
    ],
)
def test_times_are_round(duration_s, labels):
    assert list(posteriors.time_labels(duration_s).values()) == labels.split()
