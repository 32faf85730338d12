"""Alignments of reference and hypothesis, by words and by characters: two texts in, edit operations out.

Minimum edit distance with costs 1/1/1, by jiwer; among equally short alignments jiwer's choice is kept.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
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
        The edit operations in order; none if both texts are empty.
    """
    import jiwer

    return _edits(jiwer.process_words(reference, hypothesis))


def align_characters(reference: str, hypothesis: str) -> tuple[Edit, ...]:
    """Align two texts character by character; a space between words is a character.

    Args:
        reference: the transcript; may be empty.
        hypothesis: the recognised text; may be empty.

    Returns:
        The edit operations in order; none if both texts are empty.
    """
    import jiwer

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
