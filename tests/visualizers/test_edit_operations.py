"""Counts as bars."""

import numpy as np

from librispeech_clf.visualizers import show_edit_operations


def test_counts_of_words_and_characters(logits_of, labels_of) -> None:
    shown = show_edit_operations(logits_of("ALL CATS RUN")[None], labels_of("ALL BAD CATS")[None])
    assert dict(zip(shown.labels, shown.body.tolist(), strict=True)) == {
        "correct words": 2,
        "substituted words": 0,
        "inserted words": 1,
        "deleted words": 1,
        "correct characters": 8,
        "substituted characters": 0,
        "inserted characters": 4,
        "deleted characters": 4,
    }
    assert shown.body.dtype == np.float32


def test_empty_texts(logits_of, labels_of) -> None:
    assert show_edit_operations(logits_of(""), labels_of("")).body.tolist() == [0] * 8
