"""Reference and hypothesis, aligned by words or by characters, every edit operation marked."""

from collections.abc import Sequence

import numpy as np
from code_loader.contract.visualizer_classes import LeapTextMask

from librispeech_clf.ctc.decoding import greedy_text
from librispeech_clf.text.alignment import OPERATIONS, Edit, align_characters, align_words
from librispeech_clf.text.vocabulary import decode_labels

LABELS = ["equal", "substituted", "inserted", "deleted"]
"""A mask value is an index into these; 0, "equal", stays without colour."""


def show_word_alignment(logits: np.ndarray, labels: np.ndarray) -> LeapTextMask:
    """Show which words were recognised, replaced, added and left out.

    Args:
        logits: float (T, V).
        labels: (L,) of any number type, label ids, zero-padded.

    Returns:
        One token per aligned word: a substitution as REFERENCE→HYPOTHESIS, a deletion as the reference's
        word.
    """
    return _mask(align_words(decode_labels(labels), greedy_text(logits)))


def show_character_alignment(logits: np.ndarray, labels: np.ndarray) -> LeapTextMask:
    """Show which characters were recognised, replaced, added and left out.

    Args:
        logits: float (T, V).
        labels: (L,) of any number type, label ids, zero-padded.

    Returns:
        One token per aligned character, a space as ␣, otherwise as in `show_word_alignment`.
    """
    return _mask(align_characters(decode_labels(labels), greedy_text(logits)))


def _mask(edits: Sequence[Edit]) -> LeapTextMask:
    """Two empty texts give one empty token, "equal"."""
    return LeapTextMask(
        mask=np.array([OPERATIONS.index(edit.operation) for edit in edits] or [0], np.uint8),
        text=[_token(edit) for edit in edits] or [""],
        labels=LABELS,
    )


def _token(edit: Edit) -> str:
    tokens = [token for token in (edit.reference, edit.hypothesis) if token is not None]
    shown = tokens if edit.operation == "substitute" else tokens[:1]
    return "→".join("␣" if token == " " else token for token in shown)
