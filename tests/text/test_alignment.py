"""Alignments whose edit operations can be told by eye."""

import random

import jiwer
import pytest

from librispeech_clf.text.alignment import Edit, align_characters, align_words


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
        ("A B C", "B D C", [("A", None), ("B", "B"), (None, "D"), ("C", "C")]),
    ],
)
def test_misheard_words_stand_under_what_was_said(reference, hypothesis, pairs) -> None:
    assert [(edit.reference, edit.hypothesis) for edit in align_words(reference, hypothesis)] == pairs


def edit_distance(word, other):
    counted = jiwer.process_characters(word, other)
    return counted.substitutions + counted.deletions + counted.insertions


def find_best(reference, hypothesis):
    """Try every alignment: fewest errors, then fewest misses, then fewest letters, as (errors, -hits, letters)."""
    if not reference or not hypothesis:
        return (len(reference) + len(hypothesis), 0, 0)
    is_hit = reference[0] == hypothesis[0]
    pair = (int(not is_hit), -int(is_hit), edit_distance(reference[0], hypothesis[0]))
    steps = [
        (pair, find_best(reference[1:], hypothesis[1:])),
        ((1, 0, 0), find_best(reference[1:], hypothesis)),
        ((1, 0, 0), find_best(reference, hypothesis[1:])),
    ]
    return min(tuple(map(sum, zip(*step, strict=True))) for step in steps)


def test_random_pairs_against_every_alignment() -> None:
    generator = random.Random(21)
    vocabulary = ["A", "AT", "CAT", "CATS", "THE", "THEN", "BALL", "BOL"]
    more_hits = 0
    for _ in range(400):
        reference, hypothesis = (generator.choices(vocabulary, k=generator.randint(1, 5)) for _ in range(2))
        counted = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
        edits = align_words(" ".join(reference), " ".join(hypothesis))
        operations = [edit.operation for edit in edits]
        assert [edit.reference for edit in edits if edit.operation != "insert"] == reference
        assert [edit.hypothesis for edit in edits if edit.operation != "delete"] == hypothesis
        letters = sum(edit_distance(e.reference, e.hypothesis) for e in edits if e.operation == "substitute")
        hits = operations.count("equal")
        assert (len(edits) - hits, -hits, letters) == find_best(reference, hypothesis), (
            reference,
            hypothesis,
        )
        assert len(edits) - hits == counted.substitutions + counted.deletions + counted.insertions
        more_hits += hits > counted.hits
    assert more_hits > 5
