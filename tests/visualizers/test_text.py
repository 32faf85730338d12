"""Hypothesis and reference as tokens."""

import numpy as np

from librispeech_clf.visualizers import show_hypothesis, show_reference


def test_words_are_tokens(logits_of, labels_of) -> None:
    assert show_hypothesis(logits_of("HELLO ALL")).data == ["HELLO", "ALL"]
    assert show_reference(labels_of("HELLO ALL")).data == ["HELLO", "ALL"]


def test_batch_axis_and_half_precision(logits_of, labels_of) -> None:
    assert show_hypothesis(logits_of("SEE ME")[None].astype(np.float16)).data == ["SEE", "ME"]
    assert show_reference(labels_of("SEE ME")[None].astype(np.float16)).data == ["SEE", "ME"]


def test_empty_texts_give_one_empty_token(logits_of, labels_of) -> None:
    assert show_hypothesis(logits_of("")).data == [""]
    assert show_hypothesis(logits_of("", padding=0)).data == [""]
    assert show_reference(labels_of("")).data == [""]
