import pytest

from librispeech_clf.metadata.text import text_metadata
from tests.helpers.letters import VOCABULARY


@pytest.mark.parametrize(
    ("transcript", "expected"),
    [
        ("I DON'T KNOW WHAT O'CLOCK THE KING'S MEN COME", {"word_count": 9, "apostrophe_count": 3}),
        ("I DON'T SEE", {"word_length_min": 1, "word_length_max": 5, "word_length_mean": 3}),
        ("BANANA CAB", {"letter_count": 9, "distinct_letter_count": 4}),
        ("BANANA CAB", {"most_frequent_letter": "A", "most_frequent_letter_count": 4}),
        ("BANANA CAB", {"least_frequent_letter": "C", "least_frequent_letter_count": 1}),
        ("ZZ YY X W", {"most_frequent_letter": "Y", "least_frequent_letter": "W"}),  # the first of equal ones
        ("PLAIN DON'T", {"out_of_vocabulary_letter_count": 0}),
        ("CAFÉ 24", {"out_of_vocabulary_letter_count": 2}),
        ("ДА", {"out_of_vocabulary_letter_count": 2}),
        ("A|B", {"out_of_vocabulary_letter_count": 1}),
        ("WELL-KNOWN.", {"out_of_vocabulary_letter_count": 2}),
    ],
)
def test_words_and_letters_are_counted(transcript, expected):
    values = text_metadata(transcript, VOCABULARY)
    assert {key: values[key] for key in expected} == expected


def test_case_does_not_matter():
    assert text_metadata("hello World", VOCABULARY) == text_metadata("HELLO WORLD", VOCABULARY)


@pytest.mark.parametrize("transcript", ["", "  ", "'"])
def test_transcript_without_letters(transcript):
    values, words = text_metadata(transcript, VOCABULARY), len(transcript.split())
    counts = dict.fromkeys(("word_count", "apostrophe_count"), words)
    lengths = dict.fromkeys(("word_length_min", "word_length_mean", "word_length_max"), words or None)
    names = dict.fromkeys(("most_frequent_letter", "least_frequent_letter"))
    assert values == dict.fromkeys(values, 0) | counts | lengths | names
