"""Counts as bars."""

import numpy as np

from librispeech_clf.visualizers import show_edit_operations


def test_counts_of_words_and_characters(logits_of, labels_of) -> None:
    left_out = show_edit_operations(logits_of("ALL CATS")[None], labels_of("ALL BAD CATS")[None])
    added = show_edit_operations(logits_of("ALL BAD CATS"), labels_of("ALL CATS"))
    replaced = show_edit_operations(logits_of("ALL BATS"), labels_of("ALL CATS"))
    assert left_out.labels == [
        f"{operation} {unit}"
        for unit in ("words", "characters")
        for operation in ("correct", "substituted", "inserted", "deleted")
    ]
    assert left_out.body.tolist() == [2, 0, 0, 1, 8, 0, 0, 4]
    assert added.body.tolist() == [2, 0, 1, 0, 8, 0, 4, 0]
    assert replaced.body.tolist() == [1, 1, 0, 0, 7, 1, 0, 0]
    assert left_out.body.dtype == np.float32


def test_empty_texts(logits_of, labels_of) -> None:
    assert show_edit_operations(logits_of(""), labels_of("")).body.tolist() == [0] * 8
