"""Metadata of a transcript: words, letters and what the vocabulary does not hold.

In: a transcript as the corpus has it. Out: a flat dict with the same keys for every utterance. Words are
separated by white space only, so `DON'T` is one word; letters are all signs that are neither white space nor
an apostrophe.
"""

from collections import Counter

from librispeech_clf.text.vocabulary import WORDS, Vocabulary

TEXT_METADATA_TYPES: dict[str, str] = {
    "word_count": "int",
    "word_length_min": "int",
    "word_length_mean": "float",
    "word_length_max": "int",
    "letter_count": "int",
    "distinct_letter_count": "int",
    "most_frequent_letter": "string",
    "most_frequent_letter_count": "int",
    "least_frequent_letter": "string",
    "least_frequent_letter_count": "int",
    "apostrophe_count": "int",
    "out_of_vocabulary_letter_count": "int",
}
"""Key -> "float", "int" or "string"; the keys of `text_metadata`, in its order."""


def text_metadata_types(vocabulary: Vocabulary) -> dict[str, str]:
    """Return the keys that apply: without words, only those of letters."""
    words = vocabulary.units == WORDS
    return {key: kind for key, kind in TEXT_METADATA_TYPES.items() if words or not key.startswith("word_")}


def text_metadata(transcript: str | None, vocabulary: Vocabulary) -> dict[str, float | int | str | None]:
    """Count words and letters.

    Word lengths are in signs, apostrophes included. Letters are counted without regard to case; of equally
    frequent letters, the first in the alphabet is named; the least frequent letter is the rarest that
    occurs. Out-of-vocabulary letters are signs that the model cannot emit: digits, punctuation, letters of
    other alphabets. The transcript is first normalized like the labels, so accents do not count.

    Args:
        transcript: any text; None: there is none, and every value is None.
        vocabulary: the model's; if it has no words, letters are the units.

    Returns:
        One value per key of `text_metadata_types`. An empty transcript has counts of 0 and `None` for word
        lengths and for most and least frequent letter.
    """
    if transcript is None:
        return dict.fromkeys(text_metadata_types(vocabulary))
    words = vocabulary.normalize(transcript).split()
    lengths = [len(word) for word in words]
    letters = Counter("".join(words) if vocabulary.units == WORDS else words)
    apostrophes = letters.pop(vocabulary.apostrophe, 0)
    most = min(letters, key=lambda letter: (-letters[letter], letter), default=None)
    least = min(letters, key=lambda letter: (letters[letter], letter), default=None)
    values = {
        "word_count": len(lengths),
        "word_length_min": min(lengths, default=None),
        "word_length_mean": sum(lengths) / len(lengths) if lengths else None,
        "word_length_max": max(lengths, default=None),
        "letter_count": sum(letters.values()),
        "distinct_letter_count": len(letters),
        "most_frequent_letter": most,
        "most_frequent_letter_count": letters[most] if most else 0,
        "least_frequent_letter": least,
        "least_frequent_letter_count": letters[least] if least else 0,
        "apostrophe_count": apostrophes,
        "out_of_vocabulary_letter_count": sum(
            count for sign, count in letters.items() if not vocabulary.signs.issuperset(sign)
        ),
    }
    return {key: values[key] for key in text_metadata_types(vocabulary)}
