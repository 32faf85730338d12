"""Alignments of reference and hypothesis, by words and by characters: two texts in, edit operations out.

Minimum edit distance with costs 1/1/1, counted by jiwer. Of equally short alignments of words with jiwer's
counts, the one is taken whose substituted words differ in the fewest letters, so that what was misheard stands
under what was said; of characters, jiwer's.
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


def align_words(reference: str, hypothesis: str) -> tuple[Edit, ...]:
    """Align two texts word by word.

    Args:
        reference: the transcript; may be empty, then every word of the hypothesis is inserted.
        hypothesis: the recognised text; may be empty, then every word of the reference is deleted.

    Returns:
        The edit operations in order, as many of each as jiwer counts; none if both texts are empty.
    """
    output = jiwer.process_words(reference, hypothesis)
    if output.substitutions == 0 or output.insertions + output.deletions == 0:
        return _edits(output)  # every alignment with these counts pairs the same words
    return _pair_by_letters(tuple(output.references[0]), tuple(output.hypotheses[0]), output.hits)


def align_characters(reference: str, hypothesis: str) -> tuple[Edit, ...]:
    """Align two texts character by character; a space between words is a character.

    Args:
        reference: the transcript; may be empty.
        hypothesis: the recognised text; may be empty.

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


def _pair_by_letters(reference: Sequence[str], hypothesis: Sequence[str], hits: int) -> tuple[Edit, ...]:
    """Return the shortest alignment with a number of hits whose substitutions differ in the fewest letters.

    Among the steps of shortest alignments, found by their edit distance from both ends, the fewest letters to
    each point are kept by the number of hits so far, which settles all four counts.
    """
    best: dict[tuple[int, int], dict[int, tuple[int, Edit | None]]] = {(0, 0): {0: (0, None)}}
    for start, end, edit in _list_shortest_steps(reference, hypothesis):
        hit = edit.operation == "equal"
        letters = 0
        if edit.operation == "substitute":
            letters = count_letters(cast(str, edit.reference), cast(str, edit.hypothesis))
        reached = best.setdefault(end, {})
        for count, (spent, _) in best[start].items():
            if count + hit not in reached or spent + letters < reached[count + hit][0]:
                reached[count + hit] = (spent + letters, edit)
    edits: list[Edit] = []
    row, column = len(reference), len(hypothesis)
    while row or column:
        edit = cast(Edit, best[row, column][hits][1])
        edits.append(edit)
        hits -= edit.operation == "equal"
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
