import socket

import pytest

from librispeech_clf.metadata.readability import count_syllables, readability_metadata, readability_types
from tests.helpers.letters import VOCABULARY
from tests.helpers.vocabularies import VOCABULARIES

EASY = "THE CAT SAT ON THE MAT AND ATE ITS FOOD"
HARD = "EXTRAORDINARY CIRCUMSTANCES NECESSITATED UNDERSTANDING"
# as in any dictionary
SYLLABLES = {
    1: "the cat ate its cake strength don't walked called makes clothes year breathe aged can't through",
    2: "wanted apple apples boxes beyond careful people million cushion couldn't didn't being hundred",
    3: "beautiful everything elephant radio curious video period serious carefully idea",
    4: "understanding circumstances necessary education",
    5: "university imagination",
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    for owner, name in ((socket.socket, "connect"), (socket, "getaddrinfo")):
        monkeypatch.setattr(owner, name, None)


def test_formulas_follow_their_definitions_in_either_case():
    values = readability_metadata(EASY)
    assert values == readability_metadata(EASY.lower())
    expected = {
        "syllables": 10,
        "sentences": 1,
        "difficult_words": 0,
        "difficult_word_share": 0.0,
        "mean_syllables_per_word": 1.0,
        "flesch_reading_ease": 206.835 - 1.015 * 10 - 84.6,
        "flesch_kincaid_grade": 0.39 * 10 + 11.8 - 15.59,
        "gunning_fog": 0.4 * 10,
        "linsear_write": (10 - 2) / 2,
    }
    assert {key: values[key] for key in expected} == pytest.approx(expected)


def test_hard_words_are_counted_each_time():
    values = readability_metadata(f"THE {HARD} {HARD}")
    assert values["difficult_words"] == 8
    assert values["difficult_word_share"] == pytest.approx(8 / 9)


def test_grades_follow_length_but_shares_do_not():
    once, thrice = (readability_metadata(f"{EASY} {HARD} " * count) for count in (1, 3))
    assert thrice["sentences"] == once["sentences"] == 1
    assert thrice["flesch_kincaid_grade"] > once["flesch_kincaid_grade"] + 5
    for key in ("difficult_word_share", "mean_syllables_per_word"):
        assert thrice[key] == pytest.approx(once[key])


def test_empty_transcript_has_counts_of_zero_and_no_scores():
    known = {key: value for key, value in readability_metadata(" ").items() if value is not None}
    assert known == {"syllables": 0, "sentences": 0, "difficult_words": 0}


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("german", ["syllables", "mean_syllables_per_word", "flesch_reading_ease", "wiener_sachtextformel"]),
        ("russian", ["syllables", "mean_syllables_per_word", "flesch_reading_ease"]),
        ("turkish", []),
        ("mandarin", []),
    ],
)
def test_other_languages_get_what_textstat_offers(name, keys):
    sample = VOCABULARIES[name]
    values = readability_metadata(sample.spelled, sample.vocabulary)
    assert list(values) == list(readability_types(sample.vocabulary)) == keys
    kinds = [type(value).__name__ for value in values.values()]
    assert kinds == list(readability_types(sample.vocabulary).values())
    assert readability_metadata(EASY)["syllables"] == readability_metadata(EASY, VOCABULARY)["syllables"] > 0


@pytest.mark.parametrize(
    ("word", "count"), [(word, count) for count in SYLLABLES for word in SYLLABLES[count].split()]
)
def test_count_is_the_dictionary_count(word, count):
    assert count_syllables(word) == count_syllables(word.upper()) == count


@pytest.mark.parametrize("word", ["", "'", "42", "shh", "b"])
def test_every_word_has_a_syllable(word):
    assert count_syllables(word) == 1
