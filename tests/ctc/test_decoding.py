"""Greedy decoding, times and confidences on frames written by hand; the beam search of tests/helpers."""

import math

import numpy as np
import pytest

from librispeech_clf.ctc.decoding import (
    greedy_confidence,
    greedy_letters,
    greedy_text,
    greedy_words,
    log_probabilities,
    valid_frames,
)
from librispeech_clf.text.vocabulary import BLANK
from tests.helpers.beam_search import beam_search, sum_paths
from tests.helpers.letters import LETTERS, VOCABULARY, pad

LETTER_IDS = {"_": BLANK} | {letter: index for index, letter in enumerate(LETTERS)}
CERTAIN = math.exp(8) / (math.exp(8) + 31)
"""Probability of the letter of a frame of `path_logits`."""


def path_logits(path, *, height=8.0):
    """Logits whose greedy path is `path`: one frame per sign, `_` is the blank."""
    logits = np.zeros((len(path), len(LETTERS)), np.float32)
    logits[np.arange(len(path)), [LETTER_IDS[sign] for sign in path]] = height
    return logits


def find_words(logits):
    return greedy_words(logits, VOCABULARY, frame_duration_s=0.02)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("HH_EL_LO", "HELLO"),
        ("HHEELLLO", "HELO"),
        ("_A_|_B_", "A B"),
        ("|A|_|B|", "A B"),
        ("I|DON'T", "I DON'T"),
        ("|||", ""),
        ("_", ""),
        ("____", ""),
        ("A", "A"),
        ("", ""),
    ],
)
def test_greedy_text_of_known_paths(path, text):
    assert greedy_text(path_logits(path), VOCABULARY) == text
    assert [word.text for word in find_words(path_logits(path))] == text.split()
    letters = greedy_letters(path_logits(path), VOCABULARY, frame_duration_s=0.02)
    assert "".join(letter.text for letter in letters).split() == text.split()


def test_specials_are_left_out():
    logits = path_logits("HHI")
    logits[1] = 0
    logits[1, LETTERS.index("<unk>")] = 9
    assert greedy_text(logits, VOCABULARY) == "HI"
    assert [letter.text for letter in greedy_letters(logits, VOCABULARY, frame_duration_s=0.02)] == ["H", "I"]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("padding", [0, 1, 500])
def test_padding_precision_and_batch_axis_change_nothing(dtype, padding):
    logits = path_logits("HH_EL_LO|YOU__")
    padded = pad(logits, padding).astype(dtype)[None]
    assert valid_frames(padded) == len(logits)
    assert greedy_text(padded, VOCABULARY) == "HELLO YOU"
    expected = greedy_confidence(logits, VOCABULARY)
    assert greedy_confidence(padded, VOCABULARY) == pytest.approx(expected, rel=1e-5)
    assert find_words(padded) == find_words(logits)


def test_valid_frames_of_silence_of_nothing_and_of_confident_blanks():
    blank = path_logits("___")
    frames = blank, pad(blank, 2), pad(blank[:0], 2), blank[:0], path_logits("A__", height=900)
    assert [*map(valid_frames, frames)] == [3, 3, 0, 0, 3]


def test_batches_are_refused():
    with pytest.raises(ValueError, match=r"received shape \(2, 3, 32\)"):
        greedy_text(np.stack([path_logits("ABC")] * 2), VOCABULARY)


def test_log_probabilities_sum_to_one():
    frames = log_probabilities(np.random.default_rng(0).normal(0, 30, (50, 32)))
    np.testing.assert_allclose(np.exp(frames).sum(axis=1), 1, rtol=1e-5)


def test_word_times_and_confidences():
    first, second = find_words(path_logits("_HHI|_YOO__"))
    assert (first.text, second.text) == ("HI", "YO")
    assert (first.start_s, first.end_s) == pytest.approx((0.02, 0.08))
    assert (second.start_s, second.end_s) == pytest.approx((0.12, 0.18))
    assert first.confidence == pytest.approx(CERTAIN, rel=1e-5)


def test_letter_confidence_is_the_geometric_mean_over_its_frames():
    logits = np.full((2, 32), -np.inf)
    logits[:, [5, 6]] = np.log([[0.8, 0.2], [0.6, 0.4]])
    (letter,) = greedy_letters(logits, VOCABULARY, frame_duration_s=0.5)
    assert (letter.text, letter.start_s, letter.end_s) == ("E", 0, 1)
    assert letter.confidence == pytest.approx(math.sqrt(0.8 * 0.6))


def test_words_joined_are_the_greedy_text():
    logits = np.random.default_rng(1).normal(size=(400, 32))
    words = find_words(logits)
    assert " ".join(word.text for word in words) == greedy_text(logits, VOCABULARY)
    assert all(word.start_s < word.end_s and 0 < word.confidence <= 1 for word in words)


@pytest.mark.parametrize(("path", "frames"), [("A_B|", 4 / 3), ("__", 2), ("", 0)])
def test_confidence_is_path_log_probability_per_letter_or_of_all_without_any(path, frames):
    for logits in (path_logits(path), pad(path_logits(path), 3)):
        assert greedy_confidence(logits, VOCABULARY) == pytest.approx(frames * math.log(CERTAIN), rel=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_beam_search_equals_the_sum_over_all_paths(seed):
    logits = np.random.default_rng(seed).normal(0, 2, (5, 4))
    found = {own.labels: own.log_probability for own in beam_search(logits, beam_width=10_000)}
    possible = {labels: value for labels, value in found.items() if value > -np.inf}
    assert possible == pytest.approx(sum_paths(logits), abs=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("where", [slice(0, 1), slice(-3, None), slice(None)])
def test_nan_is_no_padding_and_no_certainty(dtype, where):
    logits = path_logits("H_I___").astype(dtype)
    logits[where] = np.nan
    assert valid_frames(pad(logits, 4)) == len(logits)
    assert math.isnan(greedy_confidence(pad(logits, 4), VOCABULARY))


def test_frames_with_nan_say_nothing():
    logits = path_logits("HH_EY")
    logits[1, 7] = np.nan
    assert greedy_text(logits, VOCABULARY) == "HEY"
    assert [word.text for word in find_words(logits)] == ["HEY"]
