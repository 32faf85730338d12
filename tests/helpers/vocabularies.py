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


def span(*ranges: tuple[int, int]) -> list[str]:
    """Return the characters of ranges of code points, each without its end."""
    return [chr(code) for start, end in ranges for code in range(start, end)]


GERMAN = make_vocabulary(LATIN + "äöüß", language="de")
FRENCH = make_vocabulary(LATIN + "'àâçéèêëîïôùûœ")
TURKISH = make_vocabulary("abcçdefgğhıijklmnoöprsştuüvyz", language="tur")
CAPITALS = make_vocabulary("ABCÇDEFGĞHIİJKLMNOÖPRSŞTUÜVYZ", language="tr")
RUSSIAN = make_vocabulary(span((0x430, 0x450)), language="ru")
ARABIC = make_vocabulary(span((0x621, 0x63B), (0x641, 0x64B)), language="ar")
HINDI = make_vocabulary(span((0x905, 0x93A), (0x93C, 0x93D), (0x93E, 0x94E)), language="hi")
KANA = make_vocabulary(span((0x3041, 0x3097)), delimiter=None, language="ja")
PHONEMES = make_vocabulary(["t", "ʃ", "tʃ", "a", "aː", "ə"], delimiter=None)
VOCABULARIES = {
    "english-lower": Sample(make_vocabulary(LATIN + "'"), "Don’t STOP, now!", "don't stop now"),
    "digits": Sample(make_vocabulary(LATIN + "0123456789"), "Room 42.", "room 42"),
    "german": Sample(GERMAN, "Die STRAßE ist „größer“: Äpfel", "die straße ist größer äpfel"),
    "french": Sample(FRENCH, "L’œuvre, Ça d'E\u0301te\u0301", "l'œuvre ça d'été"),
    "spanish": Sample(make_vocabulary(LATIN + "ñáéíóúü¿"), "¿Qué pasa, SEÑOR?", "¿qué pasa señor"),
    "turkish": Sample(TURKISH, "IĞDIR İstanbul", "ığdır istanbul"),
    "turkish-capitals": Sample(CAPITALS, "ığdır istanbul", "IĞDIR İSTANBUL"),
    "russian": Sample(RUSSIAN, "Привет, мир!", "привет мир"),
    "arabic": Sample(
        ARABIC,
        "\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f\u060c \u0633\u0644\u0627\u0645",
        "\u0645\u062d\u0645\u062f \u0633\u0644\u0627\u0645",
    ),
    "hindi": Sample(
        HINDI,
        "\u0958\u0932\u092e \u0939\u093f\u0928\u094d\u0926\u0940\u0964",
        "\u0915\u093c\u0932\u092e \u0939\u093f\u0928\u094d\u0926\u0940",
    ),
    "mandarin": Sample(make_vocabulary(span((0x4E00, 0x5BAC))), "世中，不。", "世 中 不", "characters"),
    "kana": Sample(KANA, "か\u3099っこう です", "が っ こ う で す", "characters"),
    "phonemes": Sample(PHONEMES, "tʃ a t aː ʃ ə", "tʃ a t aː ʃ ə", "tokens"),
    "accents-apart": Sample(
        make_vocabulary([*LATIN, "\u0301", "\u0308"]), "Café über", "cafe\u0301 u\u0308ber"
    ),
}
"""Name -> sample."""
