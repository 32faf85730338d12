"""Confidence of each word."""

import numpy as np
import pytest

from librispeech_clf.visualizers import show_word_confidence


def test_unsure_word_has_less_confidence(logits_of) -> None:
    logits = logits_of("SURE NOT")
    logits[10:16] *= 0.5
    shown = show_word_confidence(logits[None].astype(np.float16))
    assert shown.data == ["SURE", "NOT"]
    sure, unsure = shown.heatmap
    assert sure == pytest.approx(np.exp(9) / (np.exp(9) + 31), rel=1e-3)
    assert unsure == pytest.approx(np.exp(4.5) / (np.exp(4.5) + 31), rel=1e-3)


def test_nothing_recognised(logits_of) -> None:
    shown = show_word_confidence(logits_of(""))
    assert (shown.data, shown.heatmap) == ([""], [0.0])
