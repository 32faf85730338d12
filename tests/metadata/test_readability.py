import socket

import pytest

from librispeech_clf.metadata.readability import (
    READABILITY_METADATA_TYPES,
    readability_metadata,
    readability_types,
)
from tests.helpers.letters import VOCABULARY
from tests.helpers.vocabularies import VOCABULARIES

KINDS = {"float": float, "int": int}
EASY = "THE CAT SAT ON THE MAT AND ATE ITS FOOD"
HARD = "EXTRAORDINARY CIRCUMSTANCES NECESSITATED UNDERSTANDING"


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("readability must not use the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_formulas_follow_their_definitions():
    values = readability_metadata(EASY)
    assert (values["syllables"], values["sentences"], values["difficult_words"]) == (10, 1, 0)
    assert values["mean_syllables_per_word"] == 1.0
    assert values["flesch_reading_ease"] == pytest.approx(206.835 - 1.015 * 10 - 84.6)
    assert values["flesch_kincaid_grade"] == pytest.approx(0.39 * 10 + 11.8 - 15.59)
    assert values["gunning_fog"] == pytest.approx(0.4 * 10)
    assert values["linsear_write"] == pytest.approx((10 - 2) / 2)


def test_easy_words_are_recognized_in_upper_case():
    assert readability_metadata(EASY)["difficult_word_share"] == 0.0
    assert readability_metadata(EASY) == readability_metadata(EASY.lower())


def test_hard_words_are_counted_each_time():
    values = readability_metadata(f"THE {HARD} {HARD}")
    assert values["difficult_words"] == 8
    assert values["difficult_word_share"] == pytest.approx(8 / 9)


def test_grades_follow_length_but_shares_do_not():
    once, thrice = (
        readability_metadata(f"{EASY} {HARD}"),
        readability_metadata(" ".join([f"{EASY} {HARD}"] * 3)),
    )
    assert thrice["sentences"] == once["sentences"] == 1
    assert thrice["flesch_kincaid_grade"] > once["flesch_kincaid_grade"] + 5
    assert thrice["difficult_word_share"] == pytest.approx(once["difficult_word_share"])
    assert thrice["mean_syllables_per_word"] == pytest.approx(once["mean_syllables_per_word"])


def test_empty_transcript_has_counts_of_zero_and_no_scores():
    values = readability_metadata(" ")
    assert {key: value for key, value in values.items() if value is not None} == {
        "syllables": 0,
        "sentences": 0,
        "difficult_words": 0,
    }


@pytest.mark.parametrize("transcript", ["", "A", "'", "'TIS DON'T", "42", EASY, HARD])
def test_keys_and_types_are_those_declared(transcript):
    values = readability_metadata(transcript)
    assert list(values) == list(READABILITY_METADATA_TYPES)
    for key, value in values.items():
        assert value is None or type(value) is KINDS[READABILITY_METADATA_TYPES[key]], key


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
    assert all(type(value) is KINDS[kind] for value, kind in zip(
        values.values(), readability_types(sample.vocabulary).values(), strict=True
    ))  # fmt: skip
    assert readability_metadata(EASY)["syllables"] == readability_metadata(EASY, VOCABULARY)["syllables"] > 0
