"""The model's confidence in each recognised word."""

import numpy as np
from code_loader.contract.visualizer_classes import LeapText

from librispeech_clf.ctc.decoding import greedy_words


def show_word_confidence(logits: np.ndarray) -> LeapText:
    """Show the recognised words, coloured by confidence.

    Args:
        logits: float (T, V).

    Returns:
        One token per word with the geometric mean of its letters' probabilities, [0, 1]; one empty token of
        confidence 0 if nothing was recognised.
    """
    words = greedy_words(logits, frame_duration_s=1.0)
    return LeapText(
        data=[word.text for word in words] or [""],
        heatmap=[word.confidence for word in words] or [0.0],
    )
