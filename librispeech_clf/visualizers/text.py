"""Hypothesis and reference as words."""

import numpy as np
from code_loader.contract.visualizer_classes import LeapText

from librispeech_clf.ctc.decoding import greedy_text
from librispeech_clf.text.vocabulary import decode_labels


def show_hypothesis(logits: np.ndarray) -> LeapText:
    """Show the words of the greedy path.

    Args:
        logits: float (T, V).

    Returns:
        One token per word; one empty token if nothing was recognised.
    """
    return LeapText(greedy_text(logits).split() or [""])


def show_reference(labels: np.ndarray) -> LeapText:
    """Show the words of the transcript.

    Args:
        labels: (L,) of any number type, label ids, zero-padded.

    Returns:
        One token per word; one empty token if the transcript is empty.
    """
    return LeapText(decode_labels(labels).split() or [""])
