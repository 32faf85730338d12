import pytest

from librispeech_clf.metadata.text import TEXT_METADATA_TYPES, text_metadata
from tests.helpers.letters import VOCABULARY

KINDS = {"float": float, "int": int, "string": str}


def test_words_with_apostrophes_are_one_word():
    values = text_metadata("I DON'T KNOW WHAT O'CLOCK THE KING'S MEN COME", VOCABULARY)
    assert values["word_count"] == 9
    assert values["apostrophe_count"] == 3
    assert values["word_length_min"] == 1
    assert values["word_length_max"] == 7
    assert values["word_length_mean"] == pytest.approx(37 / 9)


def test_letters_are_counted_with_ties_in_alphabetical_order():
    values = text_metadata("BANANA CAB", VOCABULARY)
    assert values["letter_count"] == 9
    assert values["distinct_letter_count"] == 4
    assert (values["most_frequent_letter"], values["most_frequent_letter_count"]) == ("A", 4)
    assert (values["least_frequent_letter"], values["least_frequent_letter_count"]) == ("C", 1)
    assert text_metadata("ZZ YY X W", VOCABULARY)["most_frequent_letter"] == "Y"
    assert text_metadata("ZZ YY X W", VOCABULARY)["least_frequent_letter"] == "W"


def test_case_does_not_matter():
    assert text_metadata("hello World", VOCABULARY) == text_metadata("HELLO WORLD", VOCABULARY)


@pytest.mark.parametrize(
    ("transcript", "count"), [("PLAIN DON'T", 0), ("CAFÉ 24", 2), ("ДА", 2), ("A|B", 1), ("WELL-KNOWN.", 2)]
)
def test_letters_out_of_the_vocabulary(transcript, count):
    assert text_metadata(transcript, VOCABULARY)["out_of_vocabulary_letter_count"] == count


@pytest.mark.parametrize("transcript", ["", "  ", "'"])
def test_transcript_without_letters(transcript):
    values = text_metadata(transcript, VOCABULARY)
    assert values["letter_count"] == 0
    assert values["most_frequent_letter"] is None
    assert values["least_frequent_letter"] is None
    assert values["most_frequent_letter_count"] == 0


def test_empty_transcript_has_no_word_lengths():
    values = text_metadata("", VOCABULARY)
    assert values["word_count"] == 0
    assert values["word_length_min"] is values["word_length_mean"] is values["word_length_max"] is None


@pytest.mark.parametrize("transcript", ["", "A", "HELLO DON'T", "É 1"])
def test_keys_and_types_are_those_declared(transcript):
    values = text_metadata(transcript, VOCABULARY)
    assert list(values) == list(TEXT_METADATA_TYPES)
    assert all(
        value is None or type(value) is KINDS[TEXT_METADATA_TYPES[key]] for key, value in values.items()
    )
