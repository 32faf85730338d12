"""CTC decoding: logits in, text, letter and word times, confidence out.

Logits are (T, V) of any float type; one leading axis of 1 is dropped. The model forces padded frames to the
blank (blank +1e4, all others -1e4); `valid_frames` finds them, and everything here leaves them out. A frame that
holds NaN is not padding: it counts as a valid frame without a letter, and whatever depends on its probabilities is
NaN. If the blank wins in every frame, or there are no frames, there are no letters, words or text.
T frames, V vocabulary.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from librispeech_clf.text.vocabulary import BLANK, WORDS, Vocabulary

# Half of the model's forced value (1e4): no logit of a real frame comes near it, and float16 can hold it.
_FORCED_THRESHOLD = 5e3


@dataclass(frozen=True)
class Timing:
    """A letter or a word of the greedy path.

    Attributes:
        text: the letter (a token; " " between words), or the word.
        start_s: start of its first frame (a word's first letter's), s.
        end_s: end of its last frame (a word's last letter's), s. CTC letters are short peaks, so a word's span is a
            lower bound.
        confidence: for a letter, the geometric mean of its probability over its frames; for a word, that of its
            letters' confidences; [0, 1].
    """

    text: str
    start_s: float
    end_s: float
    confidence: float


def drop_batch_axis(array: np.ndarray, *, dimensions: int) -> np.ndarray:
    """Drop a leading axis of length 1 from an array that should have `dimensions` axes; refuse any other shape."""
    array = np.asarray(array)
    if array.ndim == dimensions + 1 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != dimensions:
        raise ValueError(
            f"one utterance has {dimensions} axes, or one more of length 1; received shape {array.shape}. "
            "Pass the utterances of a batch one by one."
        )
    return array


def valid_frames(logits: np.ndarray) -> int:
    """Count the frames up to the last one that the model did not force to the blank; in [0, T]."""
    logits = drop_batch_axis(logits, dimensions=2)
    letters = np.delete(logits, BLANK, axis=1)
    forced = (logits[:, BLANK] >= _FORCED_THRESHOLD) & (letters <= -_FORCED_THRESHOLD).all(axis=1)
    return int(np.max(np.flatnonzero(~forced), initial=-1)) + 1


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    """Return the natural logarithm of the softmax over the valid frames: float32 (valid frames, V).

    A frame that holds NaN or plus infinity is all NaN.
    """
    logits = drop_batch_axis(logits, dimensions=2)
    valid = logits[: valid_frames(logits)].astype(np.float32)
    with np.errstate(invalid="ignore"):
        shifted = valid - valid.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def greedy_labels(logits: np.ndarray) -> list[int]:
    """Return the label ids of the most probable path, repeats collapsed; blanks and special tokens are included."""
    return [label for label, _, _ in _runs(_greedy_path(logits))]


def greedy_text(logits: np.ndarray, vocabulary: Vocabulary) -> str:
    """Return the text of the most probable path."""
    return vocabulary.spell(greedy_labels(logits))


def greedy_confidence(logits: np.ndarray, vocabulary: Vocabulary) -> float:
    """Return the log-probability of the greedy path per emitted letter: at most 0, which is certain.

    The natural logarithm of the path's probability over the valid frames (blanks included), divided by the
    number of letters it emits, word delimiters included. If it emits none, the whole sum is returned (a
    divisor of 1); without a valid frame that is 0, the logarithm of the empty product.
    """
    frames = log_probabilities(logits)
    path = _greedy_path(logits)
    emitted = sum(label not in vocabulary.special for label, _, _ in _runs(path))
    return float(np.take_along_axis(frames, path[:, None], axis=1).sum() / max(emitted, 1))


def greedy_letters(
    logits: np.ndarray, vocabulary: Vocabulary, *, frame_duration_s: float
) -> tuple[Timing, ...]:
    """Return the letters of the greedy path with times and confidences, word delimiters included."""
    frames = log_probabilities(logits)
    return tuple(
        Timing(
            text=" " if label == vocabulary.word_delimiter else vocabulary.tokens[label],
            start_s=start * frame_duration_s,
            end_s=stop * frame_duration_s,
            confidence=float(np.exp(frames[start:stop, label].mean())),
        )
        for label, start, stop in _runs(_greedy_path(logits))
        if label not in vocabulary.special
        and (label != vocabulary.word_delimiter or vocabulary.units == WORDS)
    )


def greedy_words(
    logits: np.ndarray, vocabulary: Vocabulary, *, frame_duration_s: float
) -> tuple[Timing, ...]:
    """Return the words of the greedy path with times and confidences; if units are not words, each unit.

    Their texts joined by spaces are `greedy_text`.
    """
    every = greedy_letters(logits, vocabulary, frame_duration_s=frame_duration_s)
    if vocabulary.units != WORDS:
        return every
    by_word = itertools.groupby(every, key=lambda letter: letter.text != " ")
    return tuple(_join_letters(list(letters)) for is_word, letters in by_word if is_word)


def _greedy_path(logits: np.ndarray) -> np.ndarray:
    """Return the most probable label of each valid frame, int (valid frames,); the blank where a frame holds NaN."""
    logits = drop_batch_axis(logits, dimensions=2)
    valid = logits[: valid_frames(logits)]
    return np.where(np.isnan(valid).any(axis=1), BLANK, valid.argmax(axis=1))


def _runs(path: np.ndarray) -> list[tuple[int, int, int]]:
    """Find runs of equal labels as (label, first frame, frame after the last)."""
    starts = np.flatnonzero(np.diff(path, prepend=-1))
    stops = np.append(starts[1:], len(path))
    return [(int(path[start]), int(start), int(stop)) for start, stop in zip(starts, stops, strict=False)]


def _join_letters(letters: list[Timing]) -> Timing:
    return Timing(
        text="".join(letter.text for letter in letters),
        start_s=letters[0].start_s,
        end_s=letters[-1].end_s,
        confidence=float(np.exp(np.mean([np.log(max(letter.confidence, 1e-300)) for letter in letters]))),
    )
