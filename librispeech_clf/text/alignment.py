"""Alignments of reference and hypothesis, by words and by characters: two texts in, edit operations out.

Minimum edit distance with costs 1/1/1. Of equally short alignments of words the one with most hits is taken, as the
weights of NIST's sclite choose, so that no word heard right is shown as wrong; of those the one whose substituted
words differ in the fewest letters, so that what was misheard stands under what was said. The number of errors is
jiwer's; how it divides into kinds may differ. Of characters, the alignment is jiwer's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

import jiwer

Operation = Literal["equal", "substitute", "insert", "delete"]
OPERATIONS: tuple[Operation, ...] = ("equal", "substitute", "insert", "delete")


@dataclass(frozen=True)
class Edit:
    """One step of an alignment.

    Attributes:
        operation: "equal", "substitute", "insert" or "delete".
        reference: the reference's token (a word or a character); None where the hypothesis inserts one.
        hypothesis: the hypothesis' token; None where it lacks the reference's.
    """

    operation: Operation
    reference: str | None
    hypothesis: str | None


@lru_cache(maxsize=4096)  # of a run of test-clean's size all, which several parts of the report ask for
def align_words(reference: str, hypothesis: str) -> tuple[Edit, ...]:
    """Align two texts word by word.

    Args:
        reference: the transcript; may be empty, then every word of the hypothesis is inserted.
        hypothesis: the recognized text; may be empty, then every word of the reference is deleted.

    Returns:
        The edit operations in order, as many as jiwer counts; none if both texts are empty.
    """
    output = jiwer.process_words(reference, hypothesis)
    shifted = output.insertions + output.deletions
    # A hit more takes the place of two substitutions: with none, or one that is not shifted, nothing is to choose.
    if output.substitutions == 0 or (output.substitutions == 1 and not shifted):
        return _edits(output)
    return _choose_pairs(tuple(output.references[0]), tuple(output.hypotheses[0]))


def align_characters(reference: str, hypothesis: str) -> tuple[Edit, ...]:
    """Align two texts character by character; a space between words is a character.

    Args:
        reference: the transcript; may be empty.
        hypothesis: the recognized text; may be empty.

    Returns:
        The edit operations in order; none if both texts are empty.
    """
    return _edits(jiwer.process_characters(reference, hypothesis))


def _edits(output: "jiwer.WordOutput | jiwer.CharacterOutput") -> tuple[Edit, ...]:
    reference, hypothesis = output.references[0], output.hypotheses[0]
    edits = []
    for chunk in output.alignments[0]:
        expected = reference[chunk.ref_start_idx : chunk.ref_end_idx]
        received = hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx]
        for index in range(max(len(expected), len(received))):
            edits.append(
                Edit(
                    operation=cast(Operation, chunk.type),
                    reference=expected[index] if expected else None,
                    hypothesis=received[index] if received else None,
                )
            )
    return tuple(edits)


@lru_cache(maxsize=100_000)
def count_letters(word: str, other: str) -> int:
    """Return the letters that turn one word into another: their edit distance."""
    return _measure_distances(word, other)[-1][-1]


def _choose_pairs(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[Edit, ...]:
    """Return the shortest alignment with most hits, of these the one whose substitutions differ in fewest letters.

    Among the steps of shortest alignments, found by their edit distance from both ends, the best way to each point
    is kept.
    """
    best: dict[Point, tuple[int, int, Edit | None]] = {(0, 0): (0, 0, None)}  # misses, letters, last step
    for start, end, edit in _list_shortest_steps(reference, hypothesis):
        misses, letters, _ = best[start]
        if edit.operation == "substitute":
            letters += count_letters(cast(str, edit.reference), cast(str, edit.hypothesis))
        reached = (misses - (edit.operation == "equal"), letters)
        if end not in best or reached < best[end][:2]:
            best[end] = (*reached, edit)
    edits: list[Edit] = []
    row, column = len(reference), len(hypothesis)
    while row or column:
        edit = cast(Edit, best[row, column][2])
        edits.append(edit)
        row -= edit.reference is not None
        column -= edit.hypothesis is not None
    return tuple(reversed(edits))


Point = tuple[int, int]
"""How many words of the reference and of the hypothesis have been aligned."""


def _list_shortest_steps(
    reference: Sequence[str], hypothesis: Sequence[str]
) -> Iterator[tuple[Point, Point, Edit]]:
    """Yield the steps that shortest alignments take, those to a point before those from it."""
    before = _measure_distances(reference, hypothesis)
    after = [row[::-1] for row in _measure_distances(reference[::-1], hypothesis[::-1])[::-1]]
    shortest = before[-1][-1]
    for row in range(len(reference) + 1):
        for column in range(len(hypothesis) + 1):
            if before[row][column] + after[row][column] != shortest:
                continue
            left = shortest - before[row][column]
            if row < len(reference) and column < len(hypothesis):
                pair = (reference[row], hypothesis[column])
                operation: Operation = "equal" if pair[0] == pair[1] else "substitute"
                if after[row + 1][column + 1] + (operation != "equal") == left:
                    yield (row, column), (row + 1, column + 1), Edit(operation, *pair)
            if row < len(reference) and after[row + 1][column] + 1 == left:
                yield (row, column), (row + 1, column), Edit("delete", reference[row], None)
            if column < len(hypothesis) and after[row][column + 1] + 1 == left:
                yield (row, column), (row, column + 1), Edit("insert", None, hypothesis[column])


def _measure_distances(reference: Sequence[str], hypothesis: Sequence[str]) -> list[list[int]]:
    """Return the edit distance of every beginning of the reference to every beginning of the hypothesis."""
    rows = [list(range(len(hypothesis) + 1))]
    for count, expected in enumerate(reference, 1):
        above, row = rows[-1], [count]
        for column, received in enumerate(hypothesis):
            cost = above[column] + (expected != received)
            row.append(min(cost, above[column + 1] + 1, row[column] + 1))
        rows.append(row)
    return rows
