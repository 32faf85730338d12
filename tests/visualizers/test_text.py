"""Texts, their confidence, alignments as marked tokens, counts as bars."""

import numpy as np
import pytest

from librispeech_clf.visualizers import (
    show_character_alignment,
    show_edit_operations,
    show_hypothesis,
    show_reference,
    show_word_alignment,
    show_word_confidence,
)
from tests.helpers.letters import VOCABULARY

LABELS = ["equal", "substituted", "inserted", "deleted"]


def test_words_are_tokens(logits_of, labels_of) -> None:
    assert show_hypothesis(logits_of("HELLO ALL"), VOCABULARY).data == ["HELLO", "ALL"]
    assert show_reference(labels_of("HELLO ALL"), VOCABULARY).data == ["HELLO", "ALL"]


def test_batch_axis_and_half_precision(logits_of, labels_of) -> None:
    assert show_hypothesis(logits_of("SEE ME")[None].astype(np.float16), VOCABULARY).data == ["SEE", "ME"]
    assert show_reference(labels_of("SEE ME")[None].astype(np.float16), VOCABULARY).data == ["SEE", "ME"]


def test_empty_texts_give_one_empty_token(logits_of, labels_of) -> None:
    assert show_hypothesis(logits_of(""), VOCABULARY).data == [""]
    assert show_hypothesis(logits_of("", padding=0), VOCABULARY).data == [""]
    assert show_reference(labels_of(""), VOCABULARY).data == [""]


def test_unsure_word_has_less_confidence(logits_of) -> None:
    logits = logits_of("SURE NOT")
    logits[10:16] *= 0.5
    shown = show_word_confidence(logits[None].astype(np.float16), VOCABULARY)
    assert shown.data == ["SURE", "NOT"]
    sure, unsure = shown.heatmap
    assert sure == pytest.approx(np.exp(9) / (np.exp(9) + 31), rel=1e-3)
    assert unsure == pytest.approx(np.exp(4.5) / (np.exp(4.5) + 31), rel=1e-3)


def test_confidence_of_nothing(logits_of) -> None:
    shown = show_word_confidence(logits_of(""), VOCABULARY)
    assert (shown.data, shown.heatmap) == ([""], [0.0])


def test_all_operations_are_visible(logits_of, labels_of) -> None:
    shown = show_word_alignment(
        logits_of("THE BAT SAT THE MAT NOW"), labels_of("THE CAT SAT ON THE MAT"), VOCABULARY
    )
    assert shown.labels == LABELS
    assert shown.mask.dtype == np.uint8
    assert list(zip(shown.text, (LABELS[value] for value in shown.mask), strict=True)) == [
        ("THE", "equal"),
        ("CAT→BAT", "substituted"),
        ("SAT", "equal"),
        ("ON", "deleted"),
        ("THE", "equal"),
        ("MAT", "equal"),
        ("NOW", "inserted"),
    ]


def test_characters_show_spaces(logits_of, labels_of) -> None:
    shown = show_character_alignment(logits_of("HI YOU"), labels_of("HI I YOU"), VOCABULARY)
    assert len(shown.text) == 8
    assert "".join(shown.text).replace("␣", " ") == "HI I YOU"
    assert [LABELS[value] for value in shown.mask].count("deleted") == 2


def test_alignments_of_empty_texts(logits_of, labels_of) -> None:
    for show in (show_word_alignment, show_character_alignment):
        empty = show(logits_of(""), labels_of(""), VOCABULARY)
        assert (empty.text, empty.mask.tolist()) == ([""], [0])
        assert [LABELS[value] for value in show(logits_of(""), labels_of("I"), VOCABULARY).mask] == [
            "deleted"
        ]
        assert [LABELS[value] for value in show(logits_of("I"), labels_of(""), VOCABULARY).mask] == [
            "inserted"
        ]


def test_very_long_texts(logits_of, labels_of) -> None:
    text = " ".join(["WORD"] * 400)
    words = show_word_alignment(logits_of(text), labels_of(text), VOCABULARY)
    assert (len(words.text), len(words.mask), words.mask.max()) == (400, 400, 0)
    assert len(show_character_alignment(logits_of(text), labels_of(text), VOCABULARY).mask) == len(text)


def test_alignment_in_half_precision(logits_of, labels_of) -> None:
    shown = show_word_alignment(logits_of("A B")[None].astype(np.float16), labels_of("A B")[None], VOCABULARY)
    assert shown.text == ["A", "B"]


def test_counts_of_words_and_characters(logits_of, labels_of) -> None:
    left_out = show_edit_operations(logits_of("ALL CATS")[None], labels_of("ALL BAD CATS")[None], VOCABULARY)
    added = show_edit_operations(logits_of("ALL BAD CATS"), labels_of("ALL CATS"), VOCABULARY)
    replaced = show_edit_operations(logits_of("ALL BATS"), labels_of("ALL CATS"), VOCABULARY)
    assert left_out.labels == [
        f"{operation} {unit}"
        for unit in ("words", "characters")
        for operation in ("correct", "substituted", "inserted", "deleted")
    ]
    assert left_out.body.tolist() == [2, 0, 0, 1, 8, 0, 0, 4]
    assert added.body.tolist() == [2, 0, 1, 0, 8, 0, 4, 0]
    assert replaced.body.tolist() == [1, 1, 0, 0, 7, 1, 0, 0]
    assert left_out.body.dtype == np.float32


def test_counts_of_empty_texts(logits_of, labels_of) -> None:
    assert show_edit_operations(logits_of(""), labels_of(""), VOCABULARY).body.tolist() == [0] * 8
