"""Alignments whose edit operations can be told by eye."""

import itertools
import random

import jiwer
import pytest

from librispeech_clf.text.alignment import Edit, align_characters, align_words, count_letters


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


@pytest.mark.parametrize(
    ("reference", "hypothesis", "pairs"),
    [
        ("THE BALL TO", "BOL TER", [("THE", None), ("BALL", "BOL"), ("TO", "TER")]),
        ("HE ROLLED", "HE ROLD THE", [("HE", "HE"), ("ROLLED", "ROLD"), (None, "THE")]),
        ("A CAT", "ACT", [("A", None), ("CAT", "ACT")]),
    ],
)
def test_misheard_words_stand_under_what_was_said(reference, hypothesis, pairs) -> None:
    assert [(edit.reference, edit.hypothesis) for edit in align_words(reference, hypothesis)] == pairs


def edit_distance(word, other):
    counted = jiwer.process_characters(word, other)
    return counted.substitutions + counted.deletions + counted.insertions


def test_letters_to_change() -> None:
    words = ["BALL", "BOL", "A", "TO", "TER", "EXTRAORDINARY", "ORDINARILY"]
    for word, other in itertools.product(words, words):
        assert count_letters(word, other) == edit_distance(word, other), (word, other)


def find_fewest_letters(reference, hypothesis, counts):
    """Try every alignment with the given substitutions, deletions and insertions; None if there is none."""
    if min(counts) < 0:
        return None
    if not reference and not hypothesis:
        return 0 if counts == (0, 0, 0) else None
    substitutions, deletions, insertions = counts
    found = []
    if reference and hypothesis:
        letters = edit_distance(reference[0], hypothesis[0])
        rest = (substitutions - (letters > 0), deletions, insertions)
        fewest = find_fewest_letters(reference[1:], hypothesis[1:], rest)
        found.append(None if fewest is None else fewest + letters)
    if reference:
        rest = (substitutions, deletions - 1, insertions)
        found.append(find_fewest_letters(reference[1:], hypothesis, rest))
    if hypothesis:
        rest = (substitutions, deletions, insertions - 1)
        found.append(find_fewest_letters(reference, hypothesis[1:], rest))
    return min((letters for letters in found if letters is not None), default=None)


def test_random_pairs_against_every_alignment() -> None:
    generator = random.Random(21)
    vocabulary = ["A", "AT", "CAT", "CATS", "THE", "THEN", "BALL", "BOL"]
    better = 0
    for _ in range(500):
        reference, hypothesis = (generator.choices(vocabulary, k=generator.randint(1, 6)) for _ in range(2))
        counted = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
        counts = (counted.substitutions, counted.deletions, counted.insertions)
        edits = align_words(" ".join(reference), " ".join(hypothesis))
        operations = [edit.operation for edit in edits]
        assert tuple(operations.count(name) for name in ("substitute", "delete", "insert")) == counts
        assert [edit.reference for edit in edits if edit.operation != "insert"] == reference
        assert [edit.hypothesis for edit in edits if edit.operation != "delete"] == hypothesis
        pairs = [(e.reference, e.hypothesis) for e in edits if e.operation == "substitute"]
        letters = sum(edit_distance(*pair) for pair in pairs)
        assert letters == find_fewest_letters(reference, hypothesis, counts), (reference, hypothesis)
        better += letters < sum_letters(counted)
    assert better > 50


def sum_letters(counted):
    """Sum the letters of the pairs in jiwer's own alignment."""
    chunks = [chunk for chunk in counted.alignments[0] if chunk.type == "substitute"]
    pairs = [
        (counted.references[0][chunk.ref_start_idx + step], counted.hypotheses[0][chunk.hyp_start_idx + step])
        for chunk in chunks
        for step in range(chunk.ref_end_idx - chunk.ref_start_idx)
    ]
    return sum(edit_distance(*pair) for pair in pairs)
