"""Error counts and rates of utterances: logits and label ids in, one number per utterance out.

Reference labels are spelled letter by letter (never collapsed), hypotheses are the greedy path. Where a vocabulary has
no words, its units are counted as words. Counts come from jiwer. Displayed alignments have the most hits of all
equally short ones (`text/alignment.py`): their division into kinds may differ from these counts, but never the sum.
B batch, T frames, V vocabulary, L label ids.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import jiwer
import numpy as np

from librispeech_clf.ctc.decoding import greedy_confidence, greedy_labels
from librispeech_clf.text.vocabulary import Vocabulary, to_ids


@dataclass(frozen=True)
class ErrorCounts:
    """Edit operations between reference and hypothesis, of one utterance or summed over many.

    Rates of a corpus come from summed counts (`sum(counts, ErrorCounts())`), never from a mean of rates.
    Source of the rates: A. Morris, V. Maier, P. Green, "From WER and RIL to MER and WIL", 2004.

    Attributes:
        hits: tokens that agree.
        substitutions: reference tokens with another token in their place.
        insertions: hypothesis tokens without a reference token.
        deletions: reference tokens without a hypothesis token.
    """

    hits: int = 0
    substitutions: int = 0
    insertions: int = 0
    deletions: int = 0

    def __add__(self, other: "ErrorCounts") -> "ErrorCounts":
        """Add the counts."""
        return ErrorCounts(
            self.hits + other.hits,
            self.substitutions + other.substitutions,
            self.insertions + other.insertions,
            self.deletions + other.deletions,
        )

    @property
    def errors(self) -> int:
        """Substitutions, insertions and deletions."""
        return self.substitutions + self.insertions + self.deletions

    @property
    def reference_length(self) -> int:
        """Tokens of the reference."""
        return self.hits + self.substitutions + self.deletions

    @property
    def hypothesis_length(self) -> int:
        """Tokens of the hypothesis."""
        return self.hits + self.substitutions + self.insertions

    @property
    def error_rate(self) -> float:
        """Errors per reference token, >= 0; for an empty reference, the number of insertions (as in jiwer 4)."""
        return self.errors / max(self.reference_length, 1)

    @property
    def match_error_rate(self) -> float:
        """Errors per aligned pair, [0, 1]; 0 if both sides are empty."""
        return self.errors / max(self.errors + self.hits, 1)

    @property
    def information_preserved(self) -> float:
        """Share of hits in the reference times their share in the hypothesis, [0, 1]; 1 if both are empty."""
        if self.reference_length == self.hypothesis_length == 0:
            return 1.0
        return self.hits**2 / max(self.reference_length * self.hypothesis_length, 1)

    @property
    def information_lost(self) -> float:
        """1 - `information_preserved`."""
        return 1.0 - self.information_preserved


def count_words(reference: str, hypothesis: str) -> ErrorCounts:
    """Count the word errors of a hypothesis; either text may be empty."""
    output = jiwer.process_words(reference, hypothesis)
    return ErrorCounts(output.hits, output.substitutions, output.insertions, output.deletions)


def find_nearest(references: Sequence[str], hypothesis: str) -> str:
    """Return the reference with the lowest word error rate, the first of equals; "" without any reference."""
    if len(references) < 2:
        return "".join(references)
    return min(references, key=lambda reference: count_words(reference, hypothesis).error_rate)


def count_characters(reference: str, hypothesis: str) -> ErrorCounts:
    """Count the character errors of a hypothesis; a space between words is a character."""
    output = jiwer.process_characters(reference, hypothesis)
    return ErrorCounts(output.hits, output.substitutions, output.insertions, output.deletions)


def word_errors(logits: np.ndarray, labels: np.ndarray, vocabulary: Vocabulary) -> dict[str, np.ndarray]:
    """Compute word error measures of each utterance.

    Args:
        logits: float (B, T, V).
        labels: (B, L) of any number type, label ids, zero-padded.
        vocabulary: what the rows mean.

    Returns:
        float32 (B,) by name: rates `word_error_rate` (>= 0; the number of insertions where the reference is
        empty), `match_error_rate`, `word_information_lost`, `word_information_preserved` ([0, 1]) and the
        counts `word_hits`, `word_substitutions`, `word_deletions`, `word_insertions`.

    Raises:
        ValueError: batch sizes differ.
    """
    return measure_words(tuple(map(vocabulary.spell, pair)) for pair in _pairs(logits, labels))


def measure_words(texts: Iterable[tuple[str, ...]]) -> dict[str, np.ndarray]:
    """Return what `word_errors` does, for pairs of reference and hypothesis."""
    counts = [count_words(*pair) for pair in texts]
    return {
        "word_error_rate": _column(counts, "error_rate"),
        "match_error_rate": _column(counts, "match_error_rate"),
        "word_information_lost": _column(counts, "information_lost"),
        "word_information_preserved": _column(counts, "information_preserved"),
        **_count_columns(counts, "word"),
    }


def character_errors(logits: np.ndarray, labels: np.ndarray, vocabulary: Vocabulary) -> dict[str, np.ndarray]:
    """Compute character error measures of each utterance, like `word_errors`; spaces and tokens count as characters.

    Returns:
        float32 (B,) by name: `character_error_rate` (>= 0; the number of insertions where the reference is
        empty) and the counts `character_hits`, `character_substitutions`, `character_deletions`,
        `character_insertions`.
    """
    return measure_characters(
        tuple(map(vocabulary.spell_characters, pair)) for pair in _pairs(logits, labels)
    )


def measure_characters(texts: Iterable[tuple[str, ...]]) -> dict[str, np.ndarray]:
    """Return what `character_errors` does, for pairs of reference and hypothesis."""
    counts = [count_characters(*pair) for pair in texts]
    return {"character_error_rate": _column(counts, "error_rate"), **_count_columns(counts, "character")}


def confidence(logits: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    """Compute the greedy path's log-probability per letter from logits (B, T, V), see `decoding.greedy_confidence`.

    Returns:
        float32 (B,), <= 0; 0 is certain; NaN (no confidence) where an utterance's logits hold NaN.
    """
    return np.array([greedy_confidence(frames, vocabulary) for frames in logits], np.float32)


def _pairs(logits: np.ndarray, labels: np.ndarray) -> list[tuple[list[int], list[int]]]:
    """Return the rows of reference and hypothesis of each utterance."""
    if len(logits) != len(labels):
        raise ValueError(
            f"logits and labels must be one batch; received {len(logits)} and {len(labels)} items."
        )
    return [(to_ids(ids), greedy_labels(frames)) for frames, ids in zip(logits, labels, strict=True)]


def _column(counts: list[ErrorCounts], name: str) -> np.ndarray:
    return np.array([getattr(count, name) for count in counts], np.float32)


def _count_columns(counts: list[ErrorCounts], unit: str) -> dict[str, np.ndarray]:
    names = ("hits", "substitutions", "deletions", "insertions")
    return {f"{unit}_{name}": _column(counts, name) for name in names}
