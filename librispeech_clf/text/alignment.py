"""Alignments of reference and hypothesis, by words and by characters: two texts in, edit operations out.

Minimum edit distance with costs 1/1/1. Of equally short word alignments, the one with the most hits is taken, as
NIST's sclite weights would choose, so that no word heard right is shown as wrong; of those, the one whose substituted
words differ in the fewest letters, so that what was misheard is shown under what was said. The number of errors is
jiwer's; its division into kinds may differ. The alignment of characters is jiwer's.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

Operation = Literal["equal", "substitute", "insert", "delete"]
OPERATIONS: tuple[Operation, ...] = ("equal", "substitute", "insert", "delete")
_NAMES = dict(zip("=sid", OPERATIONS, strict=True))
"""Operations by their letter in a string of operations, such as "==sd"."""
_LETTERS = {"equal": "=", "replace": "s", "insert": "i", "delete": "d"}
"""Letters of operations by rapidfuzz's names."""
_HIT, _ERROR = 2.0**18, 2.0**36
"""A hit weighs more than all letters of a text, and an error more than all hits."""


class Edit(NamedTuple):
    """One step of an alignment.

    Attributes:
        operation: "equal", "substitute", "insert" or "delete".
        reference: the reference's token (a word or a character); None where the hypothesis inserts one.
        hypothesis: the hypothesis's token; None where it lacks the reference's.
    """

    operation: Operation
    reference: str | None
    hypothesis: str | None


def align_words(reference: str, hypothesis: str) -> tuple[Edit, ...]:
    """Align two texts, which may be empty, word by word: edit operations in order, as many as jiwer counts."""
    expected, received = split_words(reference), split_words(hypothesis)
    return pair_tokens(expected, received, choose_operations(expected, received))


def align_characters(reference: str, hypothesis: str) -> tuple[Edit, ...]:
    """Align two texts, which may be empty, character by character; a space between words is one."""
    expected, received = reference.strip(), hypothesis.strip()
    return pair_tokens(expected, received, find_operations(expected, received))


def split_words(text: str) -> list[str]:
    """Split a text into its words, as jiwer does."""
    return [word for word in re.sub(r"\s\s+", " ", text).strip().split(" ") if word]


def pair_tokens(reference: Sequence[str], hypothesis: Sequence[str], operations: str) -> tuple[Edit, ...]:
    """Lay a string of operations on the tokens of both sides."""
    expected, received = iter(reference), iter(hypothesis)
    return tuple(
        Edit(_NAMES[each], None if each == "i" else next(expected), None if each == "d" else next(received))
        for each in operations
    )


def choose_operations(reference: Sequence[str], hypothesis: Sequence[str]) -> str:
    """Return the shortest alignment with most hits; of equals, the one whose substitutions differ in fewest letters."""
    found = find_operations(reference, hypothesis)
    # One more hit replaces two substitutions: with none, or a single one not shifted, there is nothing to choose.
    if "s" not in found or len(found.replace("=", "")) == 1:
        return found
    letters = cdist(reference, hypothesis, scorer=Levenshtein.distance)
    pairs = np.where(letters, _ERROR + letters, -_HIT).tolist()
    best = [[_ERROR * column for column in range(len(hypothesis) + 1)]]
    for row, to_words in enumerate(pairs, 1):
        left = _ERROR * row
        own = [left]
        for diagonal, above, pair in zip(best[-1], best[-1][1:], to_words, strict=False):
            left = (above if above < left else left) + _ERROR
            if diagonal + pair < left:
                left = diagonal + pair
            own.append(left)
        best.append(own)
    return "".join(_walk_back(best, pairs))[::-1]


def _walk_back(best: list[list[float]], pairs: list[list[float]]) -> Iterator[str]:
    """Yield the operations of the best alignment from its end; among equals, prefer a pair, then a deletion."""
    row, column = len(best) - 1, len(best[0]) - 1
    while row or column:
        pair = pairs[row - 1][column - 1]
        if row and column and best[row][column] == best[row - 1][column - 1] + pair:
            yield "s" if pair > 0 else "="
            row, column = row - 1, column - 1
        elif row and best[row][column] == best[row - 1][column] + _ERROR:
            yield "d"
            row -= 1
        else:
            yield "i"
            column -= 1


def find_operations(reference: Sequence[str], hypothesis: Sequence[str]) -> str:
    """Return a shortest alignment as jiwer makes it."""
    found = Levenshtein.opcodes(reference, hypothesis)
    sizes = (max(step.src_end - step.src_start, step.dest_end - step.dest_start) for step in found)
    return "".join(_LETTERS[step.tag] * size for step, size in zip(found, sizes, strict=True))
