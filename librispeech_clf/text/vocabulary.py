"""The 32 letters of facebook/wav2vec2-base-960h: transcripts in, label ids out, and back.

Source of the order: `vocab.json` of the checkpoint facebook/wav2vec2-base-960h.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

import numpy as np

LETTERS = (
    "<pad>", "<s>", "</s>", "<unk>", "|",
    "E", "T", "A", "O", "N", "I", "H", "S", "R", "D", "L", "U", "M", "W", "C", "F", "G", "Y", "P", "B", "V", "K",
    "'", "X", "J", "Q", "Z",
)  # fmt: skip
BLANK = 0
WORD_SEPARATOR = 4
SPECIALS = frozenset((0, 1, 2, 3))
_ID_OF_LETTER = {letter: index for index, letter in enumerate(LETTERS) if index not in SPECIALS}


STRICT, TO_LETTERS = "strict", "letters"
NORMALIZATIONS = (STRICT, TO_LETTERS)
APOSTROPHES = (
    "`\u00b4\u02b9\u02bb\u02bc\u02bd\u02ca\u02cb\u055a\u05f3\u07f4\u07f5\u1fbd\u1fbf\u1fef\u1ffd\u1ffe"
    "\u2018\u2019\u201b\u2032\u2035\ua78b\ua78c\uff07\uff40"
)
"""Signs that people type for an apostrophe: quotes, primes, accents that stand alone, modifier letters."""
_AS_APOSTROPHE = str.maketrans(dict.fromkeys(APOSTROPHES, "'"))
# Letters with strokes and ligatures: Unicode does not take them apart.
_FOLDED = str.maketrans(
    {
        "\u00d8": "O",
        "\u0141": "L",
        "\u0110": "D",
        "\u00d0": "D",
        "\u00c6": "AE",
        "\u0152": "OE",
        "\u00de": "TH",
    }
)
_QUOTED = re.compile(r"(?<!\w)[\u2018\u201b]((?:[^\u2018\u2019]|(?<=\w)\u2019(?=\w))*)\u2019(?!\w)")
_SPACED = frozenset(".,;:!?/_\u00a1\u00bf\u2022\u2026")
CHANGES = (
    "signs taken out",
    "hyphens within words that became spaces",
    "signs written as apostrophes",
    "letters without accents",
)
"""What `normalize_transcript` changes besides case and white space."""
# Kept, to be refused: signs that are read out, and brackets of annotations such as [noise], which are not.
_TELLING = frozenset("[]{}&@%#*\u2030\u00a7")


def normalize_transcript(text: str, normalization: str = STRICT) -> str:
    """Return the transcript in LibriSpeech's form: upper case, no accents, single spaces.

    Labels, counts and readability all start from it. Every sign of `APOSTROPHES` becomes an apostrophe, letters
    lose their accents (Unicode NFKD; strokes and ligatures too), invisible signs go, white space is folded.

    Args:
        text: a transcript in any case.
        normalization: "strict" keeps every other sign (digits, punctuation), so that `encode` can refuse it by
            name. "letters" takes punctuation out: hyphens, dashes, slashes and the signs that end a clause
            (. , ; : ! ?) become spaces, so WELL-KNOWN is two words; quotation marks, round brackets and the
            rest vanish. Digits, symbols such as & or %, and [annotations] stay, for they are spoken or tell
            something.

    Returns:
        The transcript; equal to itself when normalised again.
    """
    if normalization == TO_LETTERS:
        text = _QUOTED.sub(r"\1", text)
    plain = "".join(map(_decompose, text.translate(_AS_APOSTROPHE)))
    visible = (
        sign for sign in plain if not unicodedata.combining(sign) and unicodedata.category(sign) != "Cf"
    )
    upper = "".join(visible).upper().translate(_FOLDED)
    if normalization == TO_LETTERS:
        words = "".join(map(_take_out, upper)).split()
        return " ".join(word for word in words if word.strip("'"))
    return " ".join(upper.split())


def describe_normalization(texts: Iterable[str], normalization: str) -> str | None:
    """Say in one line how much normalisation changed transcripts, besides case and white space; None: nothing.

    Args:
        texts: the transcripts as the corpus has them.
        normalization: the configured one.
    """
    counts: Counter[str] = Counter()
    transcripts = changed = 0
    for text in texts:
        of_text = _count_changes(text, normalization)
        counts += of_text
        transcripts += 1
        changed += bool(of_text)
    if not changed:
        return None
    told = "; ".join(f"{what}: {counts[what]}" for what in CHANGES if counts[what])
    return f"text.normalize {normalization}: {changed} of {transcripts} transcripts changed; {told}."


def _count_changes(text: str, normalization: str) -> Counter[str]:
    strict = normalize_transcript(text)
    counts = Counter(dict.fromkeys(CHANGES, 0))
    if normalization == TO_LETTERS and strict != normalize_transcript(text, TO_LETTERS):
        counts[CHANGES[0]] = sum(_take_out(sign) != sign for sign in strict if not sign.isspace())
        counts[CHANGES[1]] = len(re.findall(r"\w[-\u2010-\u2015]\w", strict))
    if not text.isascii() or "`" in text:
        counts[CHANGES[2]] = sum(sign in APOSTROPHES for sign in text)
        counts[CHANGES[3]] = sum(map(_is_folded, text))
    return +counts


def _is_folded(sign: str) -> bool:
    """Whether a sign is an accent, or a letter that loses one, or a stroke, or falls into several."""
    if sign in APOSTROPHES or sign.isspace():
        return False
    return bool(unicodedata.combining(sign)) or _decompose(sign) != sign or ord(sign.upper()[0]) in _FOLDED


def find_unknown_letters(text: str, normalization: str = STRICT) -> list[str]:
    """Return the distinct signs of a transcript that the vocabulary does not hold, sorted."""
    return sorted(
        set(normalize_transcript(text, normalization)) - set(_ID_OF_LETTER) - {" "} | set(text) & {"|"}
    )


def encode(text: str, *, utterance_id: str, normalization: str = TO_LETTERS) -> np.ndarray:
    """Encode a transcript as label ids, one per letter, words separated by `|`.

    Args:
        text: the transcript; normalised by `normalize_transcript` first.
        utterance_id: named in errors.
        normalization: "letters" or "strict", as for `normalize_transcript`.

    Returns:
        int32 (L,), values in [4, 31]; empty for an empty transcript.

    Raises:
        ValueError: the transcript holds signs that are not in the vocabulary.
    """
    unknown = find_unknown_letters(text, normalization)
    if unknown:
        raise ValueError(
            f"{utterance_id}: a transcript may hold the letters A-Z, apostrophes and spaces; received {unknown}. "
            f"Spell numbers out{_remedy(unknown, normalization)}."
        )
    normalized = normalize_transcript(text, normalization)
    return np.array([_ID_OF_LETTER[sign] for sign in normalized.replace(" ", "|")], np.int32)


def _decompose(sign: str) -> str:
    """Take a letter apart into base and accents; symbols and numbers stay, or they would pass for letters."""
    if unicodedata.category(sign)[0] in "SN":
        return sign
    plain = unicodedata.normalize("NFKD", sign)
    # An accent that stands alone would become a space and split the word.
    return sign if plain[0] == " " and len(plain) > 1 else plain


def _take_out(sign: str) -> str:
    category = unicodedata.category(sign)
    if sign == "'" or sign in _TELLING or category not in ("Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sk"):
        return " " if category == "Cc" else sign
    return " " if category == "Pd" or sign in _SPACED else ""


def _remedy(unknown: Iterable[str], normalization: str) -> str:
    if normalization == STRICT and any(_take_out(sign) != sign for sign in unknown):
        return " and remove punctuation: text.normalize: letters in config.yaml (or LIBRISPEECH_NORMALIZE=letters) does"
    return ", write symbols as they are spoken, and take annotations and letters of other alphabets out"


def pad_labels(labels: np.ndarray, *, max_letters: int, utterance_id: str) -> np.ndarray:
    """Pad label ids with the blank to a fixed length.

    Args:
        labels: int (L,), as `encode` returns them.
        max_letters: length of the result.
        utterance_id: named in errors.

    Returns:
        float32 (max_letters,): the label ids, then zeros (the blank never occurs within a transcript).

    Raises:
        ValueError: the transcript has more than `max_letters` letters.
    """
    if len(labels) > max_letters:
        raise ValueError(
            f"{utterance_id}: the transcript has {len(labels)} letters, the limit is {max_letters}; "
            "raise text.max_letters in config.yaml."
        )
    return np.pad(labels, (0, max_letters - len(labels))).astype(np.float32)


def decode_labels(labels: np.ndarray) -> str:
    """Spell label ids as text, letter by letter: nothing is collapsed, so double letters stay.

    Args:
        labels: (L,) of any number type, zero-padded or not.

    Returns:
        The transcript, `|` as space, blank and special letters left out.
    """
    ids = np.rint(np.asarray(labels, np.float32)).astype(int).reshape(-1)
    return "".join(LETTERS[index] for index in ids if index not in SPECIALS).replace("|", " ").strip()
