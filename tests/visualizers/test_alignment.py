"""Alignments as marked tokens."""

import numpy as np

from librispeech_clf.visualizers import show_character_alignment, show_word_alignment

LABELS = ["equal", "substituted", "inserted", "deleted"]


def test_all_operations_are_visible(logits_of, labels_of) -> None:
    shown = show_word_alignment(logits_of("THE BAT SAT THE MAT NOW"), labels_of("THE CAT SAT ON THE MAT"))
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
    shown = show_character_alignment(logits_of("HI YOU"), labels_of("HI I YOU"))
    assert len(shown.text) == 8
    assert "".join(shown.text).replace("␣", " ") == "HI I YOU"
    assert [LABELS[value] for value in shown.mask].count("deleted") == 2


def test_empty_texts(logits_of, labels_of) -> None:
    for show in (show_word_alignment, show_character_alignment):
        empty = show(logits_of(""), labels_of(""))
        assert (empty.text, empty.mask.tolist()) == ([""], [0])
        assert [LABELS[value] for value in show(logits_of(""), labels_of("I")).mask] == ["deleted"]
        assert [LABELS[value] for value in show(logits_of("I"), labels_of("")).mask] == ["inserted"]


def test_very_long_texts(logits_of, labels_of) -> None:
    text = " ".join(["WORD"] * 400)
    words = show_word_alignment(logits_of(text), labels_of(text))
    assert (len(words.text), len(words.mask), words.mask.max()) == (400, 400, 0)
    assert len(show_character_alignment(logits_of(text), labels_of(text)).mask) == len(text)


def test_batch_axis_and_half_precision(logits_of, labels_of) -> None:
    shown = show_word_alignment(logits_of("A B")[None].astype(np.float16), labels_of("A B")[None])
    assert shown.text == ["A", "B"]
