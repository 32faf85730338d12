"""The 32 letters of facebook/wav2vec2-base-960h: transcripts in, label ids out, and back.

Source of the order: `vocab.json` of the checkpoint facebook/wav2vec2-base-960h.
"""

import unicodedata

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


def normalize_transcript(text: str) -> str:
    """Return the transcript in LibriSpeech's form: upper case, no accents, single spaces.

    Args:
        text: a transcript in any case; letters may carry accents, apostrophes may be typographic.

    Returns:
        The transcript upper-cased, accents stripped (Unicode NFKD), white space folded. Signs outside the vocabulary
        (digits, punctuation) stay, so that `encode` can refuse them by name.
    """
    plain = unicodedata.normalize("NFKD", text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    letters = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return " ".join(letters.upper().split())


def find_unknown_letters(text: str) -> list[str]:
    """Return the distinct signs of a transcript that the vocabulary does not hold, sorted."""
    return sorted(set(normalize_transcript(text)) - set(_ID_OF_LETTER) - {" "} | set(text) & {"|"})


def encode(text: str, *, utterance_id: str) -> np.ndarray:
    """Encode a transcript as label ids, one per letter, words separated by `|`.

    Args:
        text: the transcript; normalised by `normalize_transcript` first.
        utterance_id: named in errors.

    Returns:
        int32 (L,), values in [4, 31]; empty for an empty transcript.

    Raises:
        ValueError: the transcript holds signs that are not in the vocabulary.
    """
    unknown = find_unknown_letters(text)
    if unknown:
        raise ValueError(
            f"{utterance_id}: a transcript may hold the letters A-Z, apostrophes and spaces; received {unknown}. "
            "Spell numbers out and remove punctuation."
        )
    return np.array([_ID_OF_LETTER[sign] for sign in normalize_transcript(text).replace(" ", "|")], np.int32)


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
