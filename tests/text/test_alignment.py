"""Alignments whose edit operations can be told by eye."""

import random

import jiwer
import pytest

from librispeech_clf.text.alignment import Edit, align_characters, align_words


def test_characters_count_the_space():
    edits = Edit("equal", "A", "A"), Edit("delete", " ", None), Edit("equal", "B", "B")
    assert align_characters("A B", "AB") == edits


@pytest.mark.parametrize("align", [align_words, align_characters])
def test_empty_texts(align):
    assert align("", "") == ()
    assert align("", "I") == (Edit("insert", None, "I"),)
    assert align("I", "") == (Edit("delete", "I", None),)


@pytest.mark.parametrize(("align", "separator"), [(align_words, " "), (align_characters, "")])
@pytest.mark.parametrize(
    ("reference", "hypothesis"),
    [("IT WAS THE BEST OF TIMES", "WAS IT THE BEAST OFF TIME IS"), (" ".join(["WORD"] * 500),) * 2],
)
def test_tokens_spell_both_texts(align, separator, reference, hypothesis):
    edits = align(reference, hypothesis)
    assert separator.join(edit.reference for edit in edits if edit.reference is not None) == reference
    assert separator.join(edit.hypothesis for edit in edits if edit.hypothesis is not None) == hypothesis
    assert ({edit.operation for edit in edits} == {"equal"}) == (reference == hypothesis)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "pairs"),
    [
        ("THE BALL TO", "BOL TER", [("THE", None), ("BALL", "BOL"), ("TO", "TER")]),
        ("HE ROLLED", "HE ROLD THE", [("HE", "HE"), ("ROLLED", "ROLD"), (None, "THE")]),
        ("A CAT", "ACT", [("A", None), ("CAT", "ACT")]),
        ("A B C", "B D C", [("A", None), ("B", "B"), (None, "D"), ("C", "C")]),
    ],
)
def test_misheard_words_stand_under_what_was_said(reference, hypothesis, pairs):
    assert [(edit.reference, edit.hypothesis) for edit in align_words(reference, hypothesis)] == pairs


def count_errors(process, *texts):
    counted = process(*texts)
    return counted.substitutions + counted.deletions + counted.insertions


def find_best(reference, hypothesis):
    """Try every alignment: fewest errors, then fewest misses, then fewest letters, as (errors, -hits, letters)."""
    if not reference or not hypothesis:
        return (len(reference) + len(hypothesis), 0, 0)
    is_hit = reference[0] == hypothesis[0]
    letters = count_errors(jiwer.process_characters, reference[0], hypothesis[0])
    steps = [
        ((int(not is_hit), -int(is_hit), letters), find_best(reference[1:], hypothesis[1:])),
        ((1, 0, 0), find_best(reference[1:], hypothesis)),
        ((1, 0, 0), find_best(reference, hypothesis[1:])),
    ]
    return min(tuple(map(sum, zip(*step, strict=True))) for step in steps)


def test_random_pairs_against_every_alignment():
    generator = random.Random(21)
    vocabulary = ["A", "AT", "CAT", "CATS", "THE", "THEN", "BALL", "BOL"]
    more_hits = 0
    for _ in range(400):
        pair = [generator.choices(vocabulary, k=generator.randint(1, 5)) for _ in range(2)]
        texts = [" ".join(words) for words in pair]
        edits = align_words(*texts)
        assert [edit.reference for edit in edits if edit.operation != "insert"] == pair[0]
        assert [edit.hypothesis for edit in edits if edit.operation != "delete"] == pair[1]
        replaced = [(own.reference, own.hypothesis) for own in edits if own.operation == "substitute"]
        letters = sum(count_errors(jiwer.process_characters, *own) for own in replaced)
        hits = sum(edit.operation == "equal" for edit in edits)
        assert (len(edits) - hits, -hits, letters) == find_best(*pair), pair
        assert len(edits) - hits == count_errors(jiwer.process_words, *texts)
        more_hits += hits > jiwer.process_words(*texts).hits
    assert more_hits > 5
