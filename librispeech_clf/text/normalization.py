"""What people type in transcripts besides letters: apostrophes, punctuation, accents.

`Vocabulary.normalize` decides what becomes of them; the signs listed here are the same for every vocabulary.
"""

import re
import unicodedata
from collections.abc import Iterable

STRICT, TO_LETTERS = "strict", "letters"
NORMALIZATIONS = (STRICT, TO_LETTERS)
WHISPER = "whisper"
SCORING = (*NORMALIZATIONS, WHISPER, "whisper-basic")
"""How reference and hypotheses are normalized before they are compared."""
APOSTROPHES = (
    "'`\u00b4\u02b9\u02bb\u02bc\u02bd\u02ca\u02cb\u055a\u05f3\u07f4\u07f5\u1fbd\u1fbf\u1fef\u1ffd\u1ffe"
    "\u2018\u2019\u201b\u2032\u2035\ua78b\ua78c\uff07\uff40"
)
"""Signs that people type for an apostrophe: quotes, primes, stand-alone accents, modifier letters."""
# Letters with strokes, and ligatures: Unicode does not decompose them.
STROKES = dict(zip("ØŁĐÐÆŒÞøłđðæœþ", "O L D D AE OE TH o l d d ae oe th".split(), strict=True))
QUOTED = re.compile(r"(?<!\w)[\u2018\u201b]((?:[^\u2018\u2019]|(?<=\w)\u2019(?=\w))*)\u2019(?!\w)")
# Typewriter quotation marks; words such as 'tis or 'em do not open one, and apostrophes within words do not close one.
_TYPED_QUOTES = re.compile(
    r"(?<!\w)'(?!(?:tis|twas|em|cause|til|till|cos|bout|round|n|s|re|ll|ve|m|d|t|\d\ds?)\b)"
    r"((?:[^']|(?<=\w)'(?=\w))+)'(?!\w)",
    re.IGNORECASE,
)
# As treebanks and TED-LIUM write contractions: it 's, don 't, do n't.
_DETACHED = re.compile(r"(?<=\w)\s+(?:(')\s?(s|re|ve|ll|d|m|t)|(n't))(?![\w'])", re.IGNORECASE)
_WITHIN_A_WORD = re.compile(r"\((\w+)\)(?=\w)|(?<=\w)\((\w+)\)")  # (s)he, word(s): not annotations
_ANNOTATION = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|<[^<>]*>|%[^\W\d]+%?|&[^\W\d]{3,};")
REFUSE, DROP = "refuse", "drop"
ANNOTATIONS = (REFUSE, DROP)
_SPACED = frozenset(
    ".,;:!?/_\u00a1\u00bf\u2022\u2026\u060c\u061b\u061f\u06d4\u0964\u0965\u3001\u3002\uff01\uff0c\uff0e\uff1a\uff1b\uff1f"
)
# Kept, so that they are refused: signs that are read aloud, and brackets of annotations such as [noise], which are not.
_TELLING = frozenset("()[]{}&@%#*\u2030\u00a7")


def is_accent(sign: str) -> bool:
    """Return whether a sign is an accent; classes 2 to 9 and 84 to 132 make another letter: viramas, Thai vowels."""
    kind = unicodedata.combining(sign)
    return kind == 1 or 9 < kind < 84 or kind > 132


def drop_annotations(text: str) -> str:
    """Remove what is in brackets of any kind, nested or not, and the likes of %hesitation and &cough;."""
    while (dropped := _ANNOTATION.sub(" ", text)) != text:
        text = dropped
    return text


def take_out_quotes(text: str) -> str:
    """Remove quotation marks around words, and join detached contractions: it 's is IT'S."""
    text = _WITHIN_A_WORD.sub(r"\1\2", QUOTED.sub(r"\1", text).replace("\u2019", "'"))
    return _DETACHED.sub(r"\1\2\3", _TYPED_QUOTES.sub(r"\1", text))


def take_out(sign: str) -> str:
    """Return what a sign becomes when punctuation is removed: itself, a space or nothing."""
    category = unicodedata.category(sign)
    if sign in _TELLING or category not in ("Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sk"):
        return " " if category == "Cc" else sign
    return " " if category == "Pd" or sign in _SPACED else ""


def name_remedy(unknown: Iterable[str], normalization: str) -> str:
    """Say what to do about signs that the vocabulary does not have."""
    if normalization == STRICT and any(take_out(sign) != sign for sign in unknown):
        return " and remove punctuation: text.normalize: letters in config.yaml (or LIBRISPEECH_NORMALIZE=letters) does"
    return (
        ", write symbols as they are spoken, and remove letters of other alphabets; text.annotations: drop in "
        "config.yaml (or LIBRISPEECH_ANNOTATIONS=drop) removes what is in brackets"
    )
