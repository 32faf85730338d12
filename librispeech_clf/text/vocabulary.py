"""The vocabulary of a model: transcripts in, label ids out, and back; and how a transcript is spelled in its tokens.

A vocabulary is a small JSON file beside the model file (and an attribute in it): `tokens` by row of the logits,
`special_tokens`, `word_delimiter`, `language` and `units`. Nothing here knows a letter by itself:
`models/wav2vec.vocabulary.json` has those of facebook/wav2vec2-base-960h.
"""

import functools
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from librispeech_clf.text.normalization import (
    APOSTROPHES,
    STRICT,
    STROKES,
    TO_LETTERS,
    is_accent,
    name_remedy,
    take_out,
    take_out_quotes,
)

BLANK = 0
"""Row of CTC's blank: the first in every model file, so that labels can be padded with zeros."""
WORDS, CHARACTERS, TOKENS = "words", "characters", "tokens"
UNITS = (WORDS, CHARACTERS, TOKENS)
"""What the main error rate counts: words; characters, in a script without spaces; tokens, such as phonemes. For the
last two, a text is its units separated by spaces, as Kaldi and sclite score Mandarin: what counts words counts them."""
# Scripts without spaces: Thai and Lao, Myanmar, Khmer, kana, ideographs.
SPACELESS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_SPACELESS_LANGUAGES = frozenset(("zh", "cmn", "yue", "ja", "th", "lo", "my", "km"))
_DOTTED_LANGUAGES = frozenset(("tr", "az"))  # i and ı are two letters, with the capitals İ and I
_TWO_LETTERS = {
    "ara": "ar", "aze": "az", "azj": "az", "deu": "de", "eng": "en", "fra": "fr", "hin": "hi", "ita": "it",
    "jpn": "ja", "nld": "nl", "pol": "pl", "por": "pt", "rus": "ru", "spa": "es", "tha": "th", "tur": "tr", "zho": "zh",
}  # fmt: skip
_SMALLEST_VIRTUAL = 0xF0000  # private characters, one a token, so that jiwer counts tokens
_MAKE_AGAIN = "convert its model again: poetry run convert-model"


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a model.

    Attributes:
        tokens: by row of the logits; the blank first.
        special: rows that are never written: blank, sentence ends, unknown.
        word_delimiter: row of the token that separates words; None if there is none.
        language: ISO 639 code, such as "en"; None if unknown.
        units: one of `UNITS`; if empty, inferred from tokens and language.

    Raises:
        ValueError: the fields do not describe a vocabulary.
    """

    tokens: tuple[str, ...]
    special: frozenset[int] = frozenset((BLANK,))
    word_delimiter: int | None = None
    language: str | None = None
    units: str = ""

    def __post_init__(self) -> None:
        """Check the fields, and infer the units."""
        rows = range(len(self.tokens))
        if not all(isinstance(token, str) and token for token in self.tokens) or len(rows) < 2:
            raise ValueError(f"tokens must be two or more texts. Received: {self.tokens!r:.80}")
        if twice := [token for token, count in Counter(self.tokens).items() if count > 1]:
            raise ValueError(f"tokens must differ. Received twice: {twice[:5]}")
        if BLANK not in self.special or not self.special < set(rows):
            raise ValueError(
                f"special must hold the blank, row 0, and other rows. Received: {set(self.special)}"
            )
        if self.word_delimiter is not None and self.word_delimiter not in set(rows) - self.special:
            raise ValueError(f"word_delimiter must be one of the tokens. Received: {self.word_delimiter!r}")
        language = self.language and self.language.lower().replace("_", "-").split("-")[0]
        object.__setattr__(self, "language", _TWO_LETTERS.get(language or "", language) or None)
        units = self.units or self._guess_units()
        if units not in UNITS or (units == WORDS and self.word_delimiter is None):
            raise ValueError(
                f"text.units must be one of {', '.join(UNITS)}, and words need a token that separates them. "
                f"Received: {units!r}"
            )
        object.__setattr__(self, "units", units)

    def _guess_units(self) -> str:
        spaceless = sum(map(bool, map(SPACELESS.match, self._rows)))
        if self.word_delimiter is not None and self.language not in _SPACELESS_LANGUAGES:
            return CHARACTERS if spaceless > len(self._rows) / 2 else WORDS
        return TOKENS if self._longest > 1 and not spaceless else CHARACTERS

    @cached_property
    def _rows(self) -> dict[str, int]:
        """The row of each token that can be written, by its composed form (Unicode NFC)."""
        skipped = self.special | {self.word_delimiter}
        kept = {token: row for row, token in enumerate(self.tokens) if row not in skipped}
        return {unicodedata.normalize("NFC", token): row for token, row in kept.items()}

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._rows), default=1)

    @cached_property
    def signs(self) -> frozenset[str]:
        """The characters that its tokens consist of."""
        return frozenset("".join(self._rows))

    @cached_property
    def _cases(self) -> tuple[bool, bool]:
        """Whether there are small letters, and capitals; ß and the like have no single capital and do not count."""
        cased = [sign for sign in self.signs if len(sign.swapcase()) == 1 and sign.lower() != sign.upper()]
        return any(sign.islower() for sign in cased), any(sign.isupper() for sign in cased)

    @cached_property
    def apostrophe(self) -> str:
        """The vocabulary's own sign for an apostrophe; empty if it has none."""
        return next((sign for sign in APOSTROPHES if sign in self.signs), "")

    @cached_property
    def summary(self) -> str:
        """The signs that a transcript may hold, runs of the alphabet joined: "A-Z, '"."""
        runs: list[str] = []
        for sign in sorted(self.signs, key=lambda sign: (not sign.isalpha(), sign)):
            if runs and ord(sign) == ord(runs[-1][-1]) + 1:
                runs[-1] += sign
            else:
                runs.append(sign)
        shown = [f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(run) for run in runs]
        return ", ".join(shown[:20]) + (" and more" if len(shown) > 20 else "")

    def normalize(self, text: str, normalization: str = STRICT) -> str:
        """Return a transcript as the vocabulary spells it, with single spaces.

        Labels, counts and readability all start from it. A sign that the vocabulary has stays; any other takes the
        vocabulary's case, composed or decomposed as in the vocabulary; failing that, every sign of `APOSTROPHES`
        becomes the vocabulary's, letters lose accents (strokes and ligatures too), and invisible signs are removed.

        Args:
            text: a transcript in any case.
            normalization: "strict" keeps every other sign (digits, punctuation), so that `encode` can name it when
                refusing it. "letters" removes punctuation: hyphens, dashes, slashes and the signs that end a clause
                become spaces, so WELL-KNOWN is two words; quotation marks and the rest vanish; contractions such as
                it 's are joined. Digits, symbols such as & or %, and brackets stay: they are spoken or mean something.

        Returns:
            The transcript, its units separated by spaces; normalizing it again changes nothing.
        """
        words = self._parse(text, normalization)
        spelled = [[x if isinstance(x, str) else self.tokens[x] for x in word] for word in words]
        if self.units == WORDS:
            return " ".join(map("".join, spelled))
        return " ".join(piece for word in spelled for piece in word)

    def encode(self, text: str | None, *, utterance_id: str, normalization: str = TO_LETTERS) -> np.ndarray:
        """Encode a transcript as label ids, words separated by the delimiter.

        Args:
            text: the transcript, which `normalize` normalizes first. None: there is none.
            utterance_id: named in errors.
            normalization: as for `normalize`.

        Returns:
            int32 (L,), rows of tokens that are not special; empty for an empty transcript.

        Raises:
            ValueError: there is no transcript, or it holds signs that are not in the vocabulary.
        """
        if text is None:
            raise ValueError(
                f"{utterance_id}: has no transcript; give it one, or name its subset under unlabeled in config.yaml."
            )
        words = self._parse(text, normalization)
        if unknown := sorted({piece for word in words for piece in word if isinstance(piece, str)}):
            raise ValueError(
                f"{utterance_id}: a transcript may hold the letters {self.summary} and spaces; received {unknown}. "
                f"Spell numbers out{name_remedy(unknown, normalization)}."
            )
        between = [self.word_delimiter] if self.units == WORDS else []
        ids = [piece for word in words for piece in (*between, *word)]
        return np.array(ids[len(between) :], np.int32)

    def find_unknown(self, text: str, normalization: str = STRICT) -> list[str]:
        """Return the distinct signs of a transcript that the vocabulary does not hold, sorted."""
        pieces = {piece for word in self._parse(text, normalization) for piece in word}
        return sorted(piece for piece in pieces if isinstance(piece, str))

    def _parse(self, text: str, normalization: str) -> list[list[int | str]]:
        """Return the words of a transcript as rows of tokens; signs without one stay as they are."""
        if normalization == TO_LETTERS:
            text = take_out_quotes(text)
        plain = "".join(map(self.spell_sign, self.fold_case(unicodedata.normalize("NFC", text))))
        if normalization == TO_LETTERS:
            plain = "".join(sign if sign in self.signs else take_out(sign) for sign in plain)
        words = plain.split()
        if normalization == TO_LETTERS and self.apostrophe:
            words = [word for word in words if word.strip(self.apostrophe)]
        return [self._tokenize(unicodedata.normalize("NFC", word)) for word in words]

    def _tokenize(self, word: str) -> list[int | str]:
        """Cut a word into tokens, taking the longest at each position."""
        pieces: list[int | str] = []
        start = 0
        while start < len(word):
            for length in range(min(self._longest, len(word) - start), 0, -1):
                if (row := self._rows.get(word[start : start + length])) is not None:
                    pieces.append(row)
                    break
            else:
                length = 1
                # A vocabulary of letters and accents: what Unicode composes is decomposed.
                apart = unicodedata.normalize("NFD", word[start])
                rows = [self._rows[sign] for sign in apart if sign in self._rows]
                pieces += rows if len(rows) == len(apart) else [word[start]]
            start += length
        return pieces

    def fold_case(self, text: str) -> str:
        """Lower-case a whole text if the vocabulary has no capitals: a final sigma depends on its position."""
        small, capitals = self._cases
        if not small or capitals:
            return text
        if self.language in _DOTTED_LANGUAGES:
            text = text.replace("I", "\u0131").replace("\u0130", "i")
        return text.lower()

    @cached_property
    def spell_sign(self) -> Callable[[str], str]:
        """Cached function from a sign to what it becomes: one sign or several."""
        return functools.cache(self._find_spelling)

    def _find_spelling(self, sign: str) -> str:
        if sign in self.signs or sign.isspace():
            return sign
        if sign in APOSTROPHES:
            return self.apostrophe
        if unicodedata.category(sign)[0] in "SN":  # symbols and numbers would pass for letters
            return sign
        if is_accent(sign) or unicodedata.category(sign) == "Cf":
            return ""
        cased = self.fold_sign(sign)
        apart = unicodedata.normalize("NFD", sign)
        if len(apart) > 1 and self.signs.issuperset(apart):
            return apart
        plain = unicodedata.normalize("NFKD", sign)
        if plain[0] == " " and len(plain) > 1:  # a lone accent would become a space and split the word
            return sign
        base = "".join(x for x in plain if not is_accent(x))
        for candidate in (cased, unicodedata.normalize("NFC", plain), base):
            candidate = "".join(self.fold_sign(STROKES.get(x, x)) for x in candidate)
            if candidate and self.signs.issuperset(candidate):
                return candidate
        return cased

    def fold_sign(self, sign: str) -> str:
        """Return a sign in the case that the vocabulary has."""
        if sign in self.signs:
            return sign
        upper = "\u0130" if sign == "i" and self.language in _DOTTED_LANGUAGES else sign.upper()
        small, capitals = self._cases
        forms = (upper, sign.lower(), sign.casefold())
        other = sign if small else upper if capitals else sign.lower()
        return next((form for form in forms if self.signs.issuperset(form)), other)

    def spell(self, labels: Iterable[int]) -> str:
        """Spell rows of tokens as text: units separated by spaces."""
        return self._join(labels, self.tokens, " ")

    def _join(self, labels: Iterable[int], names: Sequence[str], separator: str) -> str:
        """Join names of rows, without special ones; words are separated by a space, other units by the separator."""
        kept = [row for row in labels if row not in self.special]
        if self.units != WORDS:
            return separator.join(names[row] for row in kept if row != self.word_delimiter)
        text = "".join(" " if row == self.word_delimiter else names[row] for row in kept)
        return " ".join(filter(None, text.split(" ")))

    def decode(self, labels: np.ndarray) -> str:
        """Spell label ids, (L,) of any number type, zero-padded or not; nothing is collapsed: double letters stay."""
        return self.spell(to_ids(labels))

    def spell_characters(self, labels: Iterable[int]) -> str:
        """Return a text with one character for each token, for counting: a token of several letters is one unit."""
        if self._longest == 1:
            return self._join(labels, self.tokens, "")
        return self._join(labels, [chr(_SMALLEST_VIRTUAL + row) for row in range(len(self.tokens))], "")

    def name_character(self, sign: str) -> str:
        """Return the token that a character of `spell_characters` stands for."""
        return self.tokens[ord(sign) - _SMALLEST_VIRTUAL] if sign >= chr(_SMALLEST_VIRTUAL) else sign

    def to_fields(self) -> dict[str, Any]:
        """Return what the JSON file holds."""
        return {
            "tokens": list(self.tokens),
            "special_tokens": [self.tokens[row] for row in sorted(self.special)],
            "word_delimiter": None if self.word_delimiter is None else self.tokens[self.word_delimiter],
            "language": self.language,
            "units": self.units,
        }


def make_vocabulary(fields: Any, *, place: str, **others: str | None) -> Vocabulary:
    """Make a vocabulary from its JSON content, see `Vocabulary.to_fields`; `others` that are not None override it.

    Raises:
        ValueError: the fields, found at `place`, do not describe a vocabulary.
    """
    names = ("tokens", "special_tokens", "word_delimiter", "language", "units")
    known = isinstance(fields, Mapping) and set(fields) <= set(names)
    if not known or not isinstance(fields.get("tokens"), list):
        raise ValueError(f"{place}: must hold {', '.join(names)}. Received: {fields!r:.200}; {_MAKE_AGAIN}")
    fields = {**fields, **{name: value for name, value in others.items() if value}}
    tokens, delimiter = fields["tokens"], fields.get("word_delimiter")
    try:
        return Vocabulary(
            tuple(tokens),
            frozenset(map(tokens.index, fields.get("special_tokens") or [])),
            None if delimiter is None else tokens.index(delimiter),
            fields.get("language"),
            fields.get("units") or "",
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{place}: not a vocabulary ({error}); {_MAKE_AGAIN}") from error


def read_vocabulary(path: Path, **others: str | None) -> Vocabulary:
    """Read a vocabulary file; `others` as for `make_vocabulary`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it does not describe a vocabulary.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{path}: no such vocabulary; convert-model writes it beside the model: name it as model.vocabulary in "
            "config.yaml."
        ) from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not valid JSON ({error}); {_MAKE_AGAIN}") from error
    return make_vocabulary(fields, place=str(path), **others)


def name_vocabulary_file(model: Path) -> Path:
    """Return the path of a model file's vocabulary: beside it."""
    return model.with_suffix(".vocabulary.json")


def to_ids(labels: np.ndarray) -> list[int]:
    """Return label ids as whole numbers; the engine passes them as float16."""
    return np.rint(np.asarray(labels, np.float32)).astype(int).reshape(-1).tolist()


def pad_labels(labels: np.ndarray, *, max_letters: int, utterance_id: str) -> np.ndarray:
    """Pad label ids, int (L,) of `Vocabulary.encode`, with the blank, which never occurs within a transcript.

    Returns:
        float32 (max_letters,): the label ids, then zeros.

    Raises:
        ValueError: the transcript has more than `max_letters` letters.
    """
    if len(labels) > max_letters:
        raise ValueError(
            f"{utterance_id}: the transcript has {len(labels)} letters, the limit is {max_letters}; "
            "raise text.max_letters in config.yaml."
        )
    return np.pad(labels, (0, max_letters - len(labels))).astype(np.float32)
