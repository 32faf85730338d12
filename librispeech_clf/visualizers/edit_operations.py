"""Counts of edit operations, as bars."""

import numpy as np
from code_loader.contract.visualizer_classes import LeapHorizontalBar

from librispeech_clf.ctc.decoding import greedy_text
from librispeech_clf.metrics import count_characters, count_words
from librispeech_clf.text.vocabulary import decode_labels

_FIELDS = {
    "correct": "hits",
    "substituted": "substitutions",
    "inserted": "insertions",
    "deleted": "deletions",
}


def show_edit_operations(logits: np.ndarray, labels: np.ndarray) -> LeapHorizontalBar:
    """Show how many words and characters are correct, substituted, inserted and deleted.

    Args:
        logits: float (T, V).
        labels: (L,) of any number type, label ids, zero-padded.

    Returns:
        Eight bars: the counts of words, then of characters.
    """
    texts = decode_labels(labels), greedy_text(logits)
    counts = {"words": count_words(*texts), "characters": count_characters(*texts)}
    return LeapHorizontalBar(
        body=np.array(
            [getattr(count, field) for count in counts.values() for field in _FIELDS.values()], np.float32
        ),
        labels=[f"{name} {unit}" for unit in counts for name in _FIELDS],
    )
