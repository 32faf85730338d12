"""Vocabularies of many languages, each with a transcript and how it is spelled in them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from librispeech_clf.text.vocabulary import BLANK, Vocabulary

LATIN = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Sample:
    """A vocabulary, a transcript as people write it, and its spelling in the vocabulary under `letters`."""

    vocabulary: Vocabulary
    text: str
    spelled: str
    units: str = "words"


def make_vocabulary(
    letters: Iterable[str], *, delimiter: str | None = "|", language: str | None = None
) -> Vocabulary:
    """Return a vocabulary of letters behind <pad>, <unk> and the delimiter."""
    first = ("<pad>", "<unk>", *([delimiter] if delimiter else []))
    return Vocabulary((*first, *letters), frozenset((0, 1)), 2 if delimiter else None, language)


def make_logits(rows: list[np.ndarray], tokens: int, *, padding: int = 3) -> np.ndarray:
    """Return logits (B, T, V) whose greedy paths are these labels, a blank behind each; padding is forced."""
    frames = 2 * max(map(len, rows)) + padding
    logits = np.full((len(rows), frames, tokens), -1e4, np.float32)
    logits[..., BLANK] = 1e4
    for utterance, labels in zip(logits, rows, strict=True):
        utterance[: 2 * len(labels)] = 0
        utterance[np.arange(0, 2 * len(labels), 2), labels] = 9
        utterance[np.arange(1, 2 * len(labels), 2), BLANK] = 9
    return logits


IDEOGRAPHS = [chr(0x4E00 + index) for index in range(3_500)]
VOCABULARIES = {
    "english-lower": Sample(make_vocabulary(LATIN + "'"), "Don\u2019t STOP, now!", "don't stop now"),
    "digits": Sample(make_vocabulary(LATIN + "0123456789"), "Room 42.", "room 42"),
    "german": Sample(
        make_vocabulary(LATIN + "\u00e4\u00f6\u00fc\u00df", language="de"),
        "Die STRA\u00dfE ist \u201egr\u00f6\u00dfer\u201c: \u00c4pfel",
        "die stra\u00dfe ist gr\u00f6\u00dfer \u00e4pfel",
    ),
    "french": Sample(
        make_vocabulary(
            LATIN + "'\u00e0\u00e2\u00e7\u00e9\u00e8\u00ea\u00eb\u00ee\u00ef\u00f4\u00f9\u00fb\u0153"
        ),
        "L\u2019\u0153uvre, \u00c7a d'E\u0301te\u0301",
        "l'\u0153uvre \u00e7a d'\u00e9t\u00e9",
    ),
    "spanish": Sample(
        make_vocabulary(LATIN + "\u00f1\u00e1\u00e9\u00ed\u00f3\u00fa\u00fc\u00bf"),
        "\u00bfQu\u00e9 pasa, SE\u00d1OR?",
        "\u00bfqu\u00e9 pasa se\u00f1or",
    ),
    "turkish": Sample(
        make_vocabulary("abc\u00e7defg\u011fh\u0131ijklmno\u00f6prs\u015ftu\u00fcvyz", language="tur"),
        "I\u011eDIR \u0130stanbul",
        "\u0131\u011fd\u0131r istanbul",
    ),
    "turkish-capitals": Sample(
        make_vocabulary("ABC\u00c7DEFG\u011eHI\u0130JKLMNO\u00d6PRS\u015eTU\u00dcVYZ", language="tr"),
        "\u0131\u011fd\u0131r istanbul",
        "I\u011eDIR \u0130STANBUL",
    ),
    "russian": Sample(
        make_vocabulary([chr(code) for code in range(0x430, 0x450)], language="ru"),
        "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!",
        "\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440",
    ),
    "arabic": Sample(
        make_vocabulary([chr(code) for code in (*range(0x621, 0x63B), *range(0x641, 0x64B))], language="ar"),
        "\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f\u060c \u0633\u0644\u0627\u0645",
        "\u0645\u062d\u0645\u062f \u0633\u0644\u0627\u0645",
    ),
    "hindi": Sample(
        make_vocabulary(
            [chr(code) for code in (*range(0x905, 0x93A), 0x93C, *range(0x93E, 0x94E))], language="hi"
        ),
        "\u0958\u0932\u092e \u0939\u093f\u0928\u094d\u0926\u0940\u0964",
        "\u0915\u093c\u0932\u092e \u0939\u093f\u0928\u094d\u0926\u0940",
    ),
    "mandarin": Sample(
        make_vocabulary(IDEOGRAPHS), "\u4e16\u4e2d\uff0c\u4e0d\u3002", "\u4e16 \u4e2d \u4e0d", "characters"
    ),
    "kana": Sample(
        make_vocabulary([chr(code) for code in range(0x3041, 0x3097)], delimiter=None, language="ja"),
        "\u304b\u3099\u3063\u3053\u3046 \u3067\u3059",
        "\u304c \u3063 \u3053 \u3046 \u3067 \u3059",
        "characters",
    ),
    "phonemes": Sample(
        make_vocabulary(["t", "\u0283", "t\u0283", "a", "a\u02d0", "\u0259"], delimiter=None),
        "t\u0283 a t a\u02d0 \u0283 \u0259",
        "t\u0283 a t a\u02d0 \u0283 \u0259",
        "tokens",
    ),
    "accents-apart": Sample(
        make_vocabulary([*LATIN, "\u0301", "\u0308"]), "Caf\u00e9 \u00fcber", "cafe\u0301 u\u0308ber"
    ),
}
"""Name -> sample."""
