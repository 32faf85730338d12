"""Greedy decoding, times, confidences and beam search on frames written by hand."""

import itertools
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
from tests.helpers.beam_search import beam_search
from tests.helpers.letters import LETTERS, VOCABULARY

LETTER_IDS = {"_": BLANK} | {letter: index for index, letter in enumerate(LETTERS)}


def path_logits(path: str, *, height: float = 8.0) -> np.ndarray:
    """Logits whose greedy path is `path`: one frame per sign, `_` is the blank."""
    logits = np.zeros((len(path), len(LETTERS)), np.float32)
    logits[np.arange(len(path)), [LETTER_IDS[sign] for sign in path]] = height
    return logits


def pad(logits: np.ndarray, frames: int) -> np.ndarray:
    """Append frames forced to the blank, as the model does."""
    forced = np.full((frames, logits.shape[1]), -1e4, np.float32)
    forced[:, BLANK] = 1e4
    return np.concatenate([logits, forced])


def collapse(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(label for label, _ in itertools.groupby(path) if label != BLANK)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("HH_EL_LO", "HELLO"),
        ("HHEELLLO", "HELO"),
        ("_A_|_B_", "A B"),
        ("|A|_|B|", "A B"),
        ("I|DON'T", "I DON'T"),
        ("|||", ""),
        ("____", ""),
        ("A", "A"),
        ("", ""),
    ],
)
def test_greedy_text_of_known_paths(path: str, text: str) -> None:
    assert greedy_text(path_logits(path), VOCABULARY) == text


def test_specials_are_left_out() -> None:
    logits = path_logits("HHI")
    logits[1] = 0
    logits[1, LETTERS.index("<unk>")] = 9
    assert greedy_text(logits, VOCABULARY) == "HI"
    assert [letter.text for letter in greedy_letters(logits, VOCABULARY, frame_duration_s=0.02)] == ["H", "I"]


def test_spell_keeps_double_letters() -> None:
    assert VOCABULARY.spell([LETTER_IDS[sign] for sign in "HELLO|ALL"]) == "HELLO ALL"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("padding", [0, 1, 500])
def test_padding_precision_and_batch_axis_change_nothing(dtype: type, padding: int) -> None:
    logits = path_logits("HH_EL_LO|YOU__")
    padded = pad(logits, padding).astype(dtype)[None]
    assert valid_frames(padded) == len(logits)
    assert greedy_text(padded, VOCABULARY) == "HELLO YOU"
    assert greedy_confidence(padded, VOCABULARY) == pytest.approx(
        greedy_confidence(logits, VOCABULARY), rel=1e-5
    )
    assert greedy_words(padded, VOCABULARY, frame_duration_s=0.02) == greedy_words(
        logits, VOCABULARY, frame_duration_s=0.02
    )
    assert beam_search(padded, beam_width=4)[0].text == "HELLO YOU"


def test_valid_frames_of_silence_and_of_nothing() -> None:
    blank = path_logits("___")
    assert valid_frames(blank) == 3
    assert valid_frames(pad(blank, 2)) == 3
    assert valid_frames(pad(blank[:0], 2)) == 0
    assert valid_frames(blank[:0]) == 0


def test_confident_blank_is_not_taken_for_padding() -> None:
    assert valid_frames(path_logits("A__", height=900)) == 3


def test_batches_are_refused() -> None:
    with pytest.raises(ValueError, match=r"received shape \(2, 3, 32\)"):
        greedy_text(np.stack([path_logits("ABC")] * 2), VOCABULARY)


def test_log_probabilities_sum_to_one() -> None:
    frames = log_probabilities(np.random.default_rng(0).normal(0, 30, (50, 32)))
    np.testing.assert_allclose(np.exp(frames).sum(axis=1), 1, rtol=1e-5)


def test_word_times_and_confidences() -> None:
    first, second = greedy_words(path_logits("_HHI|_YOO__"), VOCABULARY, frame_duration_s=0.02)
    assert (first.text, second.text) == ("HI", "YOU"[:2])
    assert (first.start_s, first.end_s) == pytest.approx((0.02, 0.08))
    assert (second.start_s, second.end_s) == pytest.approx((0.12, 0.18))
    probability = math.exp(8) / (math.exp(8) + 31)
    assert first.confidence == pytest.approx(probability, rel=1e-5)


def test_letter_confidence_is_the_geometric_mean_over_its_frames() -> None:
    logits = np.full((2, 32), -np.inf)
    logits[0, [5, 6]] = np.log([0.8, 0.2])
    logits[1, [5, 6]] = np.log([0.6, 0.4])
    (letter,) = greedy_letters(logits, VOCABULARY, frame_duration_s=0.5)
    assert (letter.text, letter.start_s, letter.end_s) == ("E", 0, 1)
    assert letter.confidence == pytest.approx(math.sqrt(0.8 * 0.6))


def test_words_joined_are_the_greedy_text() -> None:
    logits = np.random.default_rng(1).normal(size=(400, 32))
    words = greedy_words(logits, VOCABULARY, frame_duration_s=0.02)
    assert " ".join(word.text for word in words) == greedy_text(logits, VOCABULARY)
    assert all(word.start_s < word.end_s and 0 < word.confidence <= 1 for word in words)


def test_confidence_is_path_log_probability_per_letter() -> None:
    frame = -math.log(math.exp(8) + 31) + 8
    assert greedy_confidence(path_logits("A_B|"), VOCABULARY) == pytest.approx(4 * frame / 3, rel=1e-4)


def test_confidence_without_letters() -> None:
    frame = -math.log(math.exp(8) + 31) + 8
    assert greedy_confidence(path_logits("__"), VOCABULARY) == pytest.approx(2 * frame, rel=1e-4)
    assert greedy_confidence(path_logits(""), VOCABULARY) == 0
    assert greedy_confidence(pad(path_logits(""), 3), VOCABULARY) == 0


@pytest.mark.parametrize("path", ["", "_", "___"])
def test_no_letters_no_words(path: str) -> None:
    logits = path_logits(path)
    assert greedy_letters(logits, VOCABULARY, frame_duration_s=0.02) == ()
    assert greedy_words(logits, VOCABULARY, frame_duration_s=0.02) == ()
    assert beam_search(logits, beam_width=2)[0].text == ""


@pytest.mark.parametrize("seed", range(4))
def test_beam_search_equals_the_sum_over_all_paths(seed: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 2, (5, 4))
    frames = log_probabilities(logits)
    expected: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(4), repeat=5):
        labels = collapse(path)
        total = sum(float(frames[t, label]) for t, label in enumerate(path))
        expected[labels] = np.logaddexp(expected.get(labels, -np.inf), total)
    found = {result.labels: result.log_probability for result in beam_search(logits, beam_width=10_000)}
    possible = {labels for labels, value in found.items() if value > -np.inf}
    assert possible == set(expected)
    for labels, value in expected.items():
        assert found[labels] == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("where", [slice(0, 1), slice(-3, None), slice(None)])
def test_nan_is_no_padding_and_no_certainty(dtype: type, where: slice) -> None:
    logits = path_logits("H_I___").astype(dtype)
    logits[where] = np.nan
    assert valid_frames(pad(logits, 4)) == len(logits)
    assert math.isnan(greedy_confidence(pad(logits, 4), VOCABULARY))


def test_frames_with_nan_say_nothing() -> None:
    logits = path_logits("HH_EY")
    logits[1, 7] = np.nan
    assert greedy_text(logits, VOCABULARY) == beam_search(logits, beam_width=4)[0].text == "HEY"
    assert beam_search(np.full((3, 32), np.nan), beam_width=4)[0].text == ""
    assert [word.text for word in greedy_words(logits, VOCABULARY, frame_duration_s=0.02)] == ["HEY"]
