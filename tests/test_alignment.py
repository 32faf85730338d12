"""Alignments whose edit operations can be told by eye."""

import pytest

from librispeech_clf.alignment import Edit, align_characters, align_words


def test_all_four_operations() -> None:
    assert align_words("THE CAT SAT ON", "THE BAT SAT VERY") == (
        Edit("equal", "THE", "THE"),
        Edit("substitute", "CAT", "BAT"),
        Edit("equal", "SAT", "SAT"),
        Edit("substitute", "ON", "VERY"),
    )
    assert align_words("A B C D", "A C D E") == (
        Edit("equal", "A", "A"),
        Edit("delete", "B", None),
        Edit("equal", "C", "C"),
        Edit("equal", "D", "D"),
        Edit("insert", None, "E"),
    )


def test_characters_count_the_space() -> None:
    assert align_characters("A B", "AB") == (
        Edit("equal", "A", "A"),
        Edit("delete", " ", None),
        Edit("equal", "B", "B"),
    )


@pytest.mark.parametrize("align", [align_words, align_characters])
def test_empty_texts(align) -> None:
    assert align("", "") == ()
    assert [edit.operation for edit in align("", "I")] == ["insert"]
    assert [edit.operation for edit in align("I", "")] == ["delete"]


@pytest.mark.parametrize("align", [align_words, align_characters])
def test_tokens_spell_both_texts(align) -> None:
    reference, hypothesis = "IT WAS THE BEST OF TIMES", "WAS IT THE BEAST OFF TIME IS"
    separator = " " if align is align_words else ""
    edits = align(reference, hypothesis)
    assert separator.join(edit.reference for edit in edits if edit.reference is not None) == reference
    assert separator.join(edit.hypothesis for edit in edits if edit.hypothesis is not None) == hypothesis


def test_equal_texts_of_many_words() -> None:
    text = " ".join(["WORD"] * 500)
    assert {edit.operation for edit in align_words(text, text)} == {"equal"}
    assert len(align_words(text, text)) == 500
