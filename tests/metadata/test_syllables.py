import pytest

from librispeech_clf.metadata.readability import count_syllables

# as in any dictionary
KNOWN = {
    1: "the cat ate its cake strength don't walked called makes clothes year breathe aged can't through",
    2: "wanted apple apples boxes beyond careful people million cushion couldn't didn't being hundred",
    3: "beautiful everything elephant radio curious video period serious carefully idea",
    4: "understanding circumstances necessary education",
    5: "university imagination",
}


@pytest.mark.parametrize(
    ("word", "count"), [(word, count) for count in KNOWN for word in KNOWN[count].split()]
)
def test_count_is_the_dictionary_count(word, count):
    assert count_syllables(word) == count
    assert count_syllables(word.upper()) == count


@pytest.mark.parametrize("word", ["", "'", "42", "shh", "b"])
def test_every_word_has_a_syllable(word):
    assert count_syllables(word) == 1
