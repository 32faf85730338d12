"""How much normalization changes a corpus's transcripts, besides case and white space.

In: transcripts as they were read. Out: one line.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from librispeech_clf.text.normalization import APOSTROPHES, TO_LETTERS, take_out
from librispeech_clf.text.vocabulary import Vocabulary

CHANGES = (
    "signs removed",
    "hyphens within words that became spaces",
    "signs written as apostrophes",
    "letters without accents",
    "apostrophes removed",
)
"""What normalizing changes besides case and white space."""


def describe_normalization(texts: Iterable[str], vocabulary: Vocabulary, normalization: str) -> str | None:
    """Say in one line how much normalization changes transcripts, besides case and white space; None: nothing."""
    changes = [_count_changes(text, vocabulary, normalization) for text in texts]
    counts = sum(changes, Counter[str]())
    if not counts:
        return None
    changed = f"{sum(map(bool, changes))} of {len(changes)} transcripts changed"
    summary = "; ".join(f"{what}: {counts[what]}" for what in CHANGES if counts[what])
    return f"text.normalize {normalization}: {changed}; {summary}."


def _count_changes(text: str, vocabulary: Vocabulary, normalization: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    strict = vocabulary.normalize(text)
    if normalization == TO_LETTERS and strict != vocabulary.normalize(text, TO_LETTERS):
        foreign = [sign for sign in strict if sign not in vocabulary.signs and not sign.isspace()]
        counts[CHANGES[0]] = sum(take_out(sign) != sign for sign in foreign)
        if "-" not in vocabulary.signs:
            counts[CHANGES[1]] = len(re.findall(r"\w[-\u2010-\u2015]\w", strict))
    for sign in vocabulary.fold_case(unicodedata.normalize("NFC", text)):
        if sign in vocabulary.signs or sign.isspace():
            continue
        if sign in APOSTROPHES:
            counts[CHANGES[2] if vocabulary.apostrophe else CHANGES[4]] += 1
        elif unicodedata.category(sign) != "Cf":
            spelled = unicodedata.normalize("NFC", vocabulary.spell_sign(sign))
            cased = (sign, sign.upper(), sign.lower(), vocabulary.fold_sign(sign))
            counts[CHANGES[3]] += spelled not in cased
    return +counts
