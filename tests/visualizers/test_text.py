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
from tests.helpers.letters import VOCABULARY, label, speak

LABELS = ["equal", "substituted", "inserted", "deleted"]


def align(show, heard, said):
    """Return tokens and what was done to each."""
    shown = show(speak(heard), label(said), VOCABULARY)
    assert (shown.labels, shown.mask.dtype) == (LABELS, np.uint8)
    return list(zip(shown.text, (LABELS[value] for value in shown.mask), strict=True))


def count(heard, said):
    return show_edit_operations(speak(heard), label(said), VOCABULARY).body.tolist()


@pytest.mark.parametrize("text", ["HELLO ALL", ""])
def test_words_are_tokens_in_half_precision_and_with_a_batch_axis_too(text):
    for logits, labels in ((speak(text), label(text)), (speak(text, padding=0), label(text)[None])):
        for kind in (np.float32, np.float16):
            given = logits.astype(kind), labels.astype(kind)
            shown = show_hypothesis(given[0][None], VOCABULARY), show_reference(given[1], VOCABULARY)
            assert [own.data for own in shown] == [text.split(" ")] * 2
            assert show_word_alignment(*given, VOCABULARY).text == text.split(" ")


def test_unsure_word_has_less_confidence():
    logits = speak("SURE NOT")
    logits[10:16] *= 0.5
    shown = show_word_confidence(logits[None].astype(np.float16), VOCABULARY)
    assert shown.data == ["SURE", "NOT"]
    assert shown.heatmap == pytest.approx([np.exp(own) / (np.exp(own) + 31) for own in (9, 4.5)], rel=1e-3)
    silent = show_word_confidence(speak(""), VOCABULARY)
    assert (silent.data, silent.heatmap) == ([""], [0.0])


def test_all_operations_are_visible():
    assert align(show_word_alignment, "THE BAT SAT THE MAT NOW", "THE CAT SAT ON THE MAT") == [
        ("THE", "equal"),
        ("CAT→BAT", "substituted"),
        ("SAT", "equal"),
        ("ON", "deleted"),
        ("THE", "equal"),
        ("MAT", "equal"),
        ("NOW", "inserted"),
    ]


def test_characters_show_spaces():
    characters, operations = zip(*align(show_character_alignment, "HI YOU", "HI I YOU"), strict=True)
    assert "".join(characters) == "HI␣I␣YOU"
    assert operations.count("deleted") == 2


@pytest.mark.parametrize("show", [show_word_alignment, show_character_alignment])
def test_alignments_of_empty_and_very_long_texts(show):
    assert align(show, "", "") == [("", "equal")]
    assert align(show, "", "I") == [("I", "deleted")]
    assert align(show, "I", "") == [("I", "inserted")]
    text = " ".join(["WORD"] * 400)
    tokens = text.split() if show is show_word_alignment else text.replace(" ", "␣")
    assert align(show, text, text) == [(token, "equal") for token in tokens]


def test_counts_of_words_and_characters():
    shown = show_edit_operations(speak("A")[None], label("A")[None], VOCABULARY)
    operations = "correct", "substituted", "inserted", "deleted"
    assert shown.labels == [f"{name} {unit}" for unit in ("words", "characters") for name in operations]
    assert shown.body.dtype == np.float32
    assert count("ALL CATS", "ALL BAD CATS") == [2, 0, 0, 1, 8, 0, 0, 4]
    assert count("ALL BAD CATS", "ALL CATS") == [2, 0, 1, 0, 8, 0, 4, 0]
    assert count("ALL BATS", "ALL CATS") == [1, 1, 0, 0, 7, 1, 0, 0]
    assert count("", "") == [0] * 8
