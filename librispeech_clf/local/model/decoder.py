"""Decode logits by beam search, with or without a language model (KenLM, through the package flashlight-text).

In: logits of one utterance. Out: the text that maximizes

    ln P(letters | audio) + lm_weight * ln P(words) + word_score * number of words

among texts of the lexicon's words. Without a lexicon and a language model, any letters may be written, and the score is
that of all CTC paths of a text. Legend: T frames, V vocabulary.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import dropwhile, islice, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from librispeech_clf.ctc.decoding import log_probabilities
from librispeech_clf.local.model.quiet import suppress_stderr
from librispeech_clf.text.normalization import STRICT
from librispeech_clf.text.vocabulary import BLANK, WORDS, Vocabulary

BEAM = 50
LM_WEIGHT = 0.5
WORD_SCORE = 0.0
_BEAM_THRESHOLD = 25.0
"""Hypotheses that fall behind the best one by more than this (natural logarithm) are dropped."""
_ARPA, _BINARY = b"\\data\\", b"mmap lm http://kheafield.com/code"
_MODELS = (".arpa", ".bin", ".binary", ".klm")
_NO_WORDS = frozenset(("<s>", "</s>", "<unk>", "<UNK>"))


@dataclass(frozen=True)
class LanguageModel:
    """A language model's file and what comes with it.

    Attributes:
        path: an ARPA file or KenLM binary.
        words: its words, as it spells them; empty if the file does not hold them.
        lm_weight, word_score: the values in its `attrs.json` (pyctcdecode's alpha and beta), or else the defaults.
    """

    path: Path
    words: Sequence[str]
    lm_weight: float = LM_WEIGHT
    word_score: float = WORD_SCORE


def read_language_model(path: Path) -> LanguageModel:
    """Read a language model's words, from an ARPA file or a KenLM binary.

    If it is the folder `language_model` of a Hugging Face checkpoint, its unigrams.txt and attrs.json are used.
    """
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.suffix in _MODELS)
        if len(found) != 1:
            raise FileNotFoundError(
                f"{path}: must hold one language model ({', '.join(_MODELS)}); name the file."
            )
        path = found[0]
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such language model.")
    unigrams = path.with_name("unigrams.txt")
    words = read_lexicon(unigrams) if unigrams.is_file() else _read_words(path)
    attributes = path.with_name("attrs.json")
    if not attributes.is_file():
        return LanguageModel(path, words)
    try:
        stated = json.loads(attributes.read_text(encoding="utf-8"))
        return LanguageModel(path, words, float(stated["alpha"]), float(stated["beta"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{attributes}: must state the numbers alpha and beta ({error!r}); correct or remove it."
        ) from error


def read_lexicon(path: Path) -> list[str]:
    """Read a file of words, one per line; what follows a tab is another program's spelling."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: no such lexicon.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: a lexicon is UTF-8 text with one word a line ({error.reason}).") from error
    words = (line.partition("\t")[0].strip() for line in lines)
    return list(dict.fromkeys(word for word in words if word))


def _read_words(path: Path) -> list[str]:
    """Return the words of a language model's file, without those that mark sentences and unknown words."""
    with open(path, "rb") as file:
        start = file.read(4096).lstrip()
    if start.startswith(_BINARY):
        # The words are at the end, each followed by a zero byte, the unknown word first; if the builder left them
        # out, that one is missing, too.
        _, found, words = path.read_bytes().rpartition(b"<unk>\0")
        parts = words.decode("utf-8", "replace").split("\0") if found else []
        return [word for word in parts if word and word not in _NO_WORDS]
    if not start.startswith(_ARPA):
        raise ValueError(
            f"{path}: neither an ARPA file nor a KenLM binary of this format; unpack or convert it."
        )
    # Unigrams are lines "logarithm, tab, word, tab, backoff", up to the next section.
    with open(path, encoding="utf-8", errors="replace") as lines:
        section = dropwhile(lambda line: not line.startswith("\\1-grams:"), lines)
        unigrams = takewhile(lambda line: not line.startswith("\\"), islice(section, 1, None))
        rows = [line.split() for line in unigrams]
    return [row[1] for row in rows if len(row) > 1 and row[1] not in _NO_WORDS]


def spell_words(words: Iterable[str], vocabulary: Vocabulary) -> dict[str, list[int]]:
    """Return the rows of each word's tokens, in the vocabulary's case; words that it cannot write are left out."""
    spelled = {}
    for word in words:
        try:
            rows = vocabulary.encode(word, utterance_id=word, normalization=STRICT).tolist()
        except ValueError:  # a sign that the vocabulary lacks
            continue
        if rows and vocabulary.word_delimiter not in rows:
            spelled[word] = rows
    return spelled


class Decoder:
    """A beam search that is ready to decode.

    Attributes:
        source: what it searches with, in words.
        notes: sentences on which words cannot be written.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        language_model: LanguageModel | None = None,
        *,
        lexicon: Path | None = None,
        beam: int = BEAM,
        lm_weight: float | None = None,
        word_score: float | None = None,
    ) -> None:
        """Build the search.

        Args:
            vocabulary: what the rows of the logits mean.
            language_model: the language model, or None.
            lexicon: file of the words that may be written; None for those of the language model, or any if that is
                None, too.
            beam: number of hypotheses to keep after each frame.
            lm_weight: weight of the language model's natural logarithm; None for its own, or the default.
            word_score: score added for each word; likewise.
        """
        try:
            from flashlight.lib.text import decoder as flashlight
            from flashlight.lib.text.decoder.kenlm import KenLM
            from flashlight.lib.text.dictionary import Dictionary
        except ImportError as error:
            raise ImportError(
                "beam search needs flashlight-text; install it: poetry install --extras lm"
            ) from error
        self._vocabulary = vocabulary
        self._texts: list[str] = []
        self._files = [] if lexicon is None else [lexicon]
        self._files += [] if language_model is None else [language_model.path]
        self.notes: list[str] = []
        options = {
            "beam_size": beam, "beam_size_token": len(vocabulary.tokens), "beam_threshold": _BEAM_THRESHOLD,
            "lm_weight": 0.0, "sil_score": 0.0, "log_add": True, "criterion_type": flashlight.CriterionType.CTC,
        }  # fmt: skip
        delimiter = self._delimiter = vocabulary.word_delimiter
        if language_model is None and lexicon is None:
            self.source = f"beam search, {beam} wide"
            free = flashlight.LexiconFreeDecoderOptions(**options)
            silence = -1 if delimiter is None else delimiter
            self._search = flashlight.LexiconFreeDecoder(free, flashlight.ZeroLM(), silence, BLANK, [])
            return
        if delimiter is None or vocabulary.units != WORDS:
            raise ValueError(
                "--lm and --lexicon need a model that writes words; this one's vocabulary has no word delimiter."
            )
        words = self._choose_words(language_model, lexicon)
        model: Any = flashlight.ZeroLM()
        word_score = WORD_SCORE if word_score is None and language_model is None else word_score
        self.source = f"{lexicon}, beam {beam}"
        if language_model is not None:
            with suppress_stderr():  # KenLM draws a progress bar
                try:
                    model = KenLM(str(language_model.path), Dictionary(list(words)))
                except (RuntimeError, ValueError) as error:
                    reason = str(error).splitlines()[-1].strip()
                    raise ValueError(
                        f"{language_model.path}: KenLM cannot open it ({reason}); build it again."
                    ) from error
            lm_weight = language_model.lm_weight if lm_weight is None else lm_weight
            word_score = language_model.word_score if word_score is None else word_score
            options["lm_weight"] = lm_weight * math.log(10)  # KenLM's logarithms are to base 10
            name = language_model.path.name
            self.source = f"{name}, weight {lm_weight:g}, word score {word_score:g}, beam {beam}"
        self._texts = [vocabulary.spell(rows) for rows in words.values()]
        trie, start = flashlight.Trie(len(vocabulary.tokens), delimiter), model.start(False)
        for index, rows in enumerate(words.values()):
            trie.insert([*rows, delimiter], index, model.score(start, index)[1])
        # A prefix is scored by the best unigram that it may still become; otherwise a word's score would come only
        # when it is complete, and rare words would fill the beam until then.
        trie.smear(flashlight.SmearingMode.MAX)
        self._search = flashlight.LexiconDecoder(
            flashlight.LexiconDecoderOptions(**options, word_score=word_score, unk_score=-math.inf),
            trie, model, delimiter, BLANK, -1, [], False,
        )  # fmt: skip

    @property
    def key(self) -> str:
        """Return what its texts depend on besides the logits."""
        files = [(str(path.resolve()), path.stat().st_mtime_ns) for path in self._files]
        return repr((self.source, files, len(self._texts)))

    def _choose_words(
        self, language_model: LanguageModel | None, lexicon: Path | None
    ) -> dict[str, list[int]]:
        """Return the rows of each word that may be written, by the language model's spelling where it has one."""
        given = read_lexicon(lexicon) if lexicon is not None else language_model.words  # type: ignore[union-attr]
        if lexicon is None and not given:
            raise ValueError(
                f"{language_model.path}: a language model without unigrams; its words are needed: give --lexicon "  # type: ignore[union-attr]
                "FILE, which spells them as it does."
            )
        words = spell_words(given, self._vocabulary)
        unknown = [word for word in given if word not in words]
        shown = f"such as {unknown[0]!r}" if unknown else ""
        if lexicon is not None and unknown:
            raise ValueError(
                f"{lexicon}: {len(unknown)} of {len(given)} words have letters that the model does not write, {shown}; "
                "remove them."
            )
        if lexicon is not None and not words:
            raise ValueError(f"{lexicon}: holds no words; give one per line.")
        if not words:
            raise ValueError(
                f"{language_model.path}: none of its {len(given)} words can be written in the model's letters, "  # type: ignore[union-attr]
                f"{shown}; give a language model of its language."
            )
        if unknown:
            self.notes.append(
                f"{len(unknown)} of the language model's {len(given)} words, {shown}, are left out."
            )
        if lexicon is None or language_model is None or not language_model.words:
            return words
        # Its entries are found by their spelling: those of the letters of a word of the lexicon.
        known = spell_words(language_model.words, self._vocabulary)
        listed = set(map(tuple, words.values()))
        chosen = {word: rows for word, rows in known.items() if tuple(rows) in listed}
        found = set(map(tuple, chosen.values()))
        if strange := [word for word, rows in words.items() if tuple(rows) not in found]:
            self.notes.append(
                f"{len(strange)} of the lexicon's {len(given)} words, such as {strange[0]!r}, are unknown to the "
                "language model."
            )
        return chosen | {word: words[word] for word in strange}

    def decode(self, logits: np.ndarray) -> str:
        """Return the best text of logits, float (T, V) or (1, T, V); frames that hold NaN are skipped."""
        frames = log_probabilities(logits)
        frames = frames[~np.isnan(frames).any(axis=1)]
        if not len(frames):
            return ""
        if self._texts and self._delimiter is not None:
            # A word ends with its delimiter, which a model need not write after the last word.
            end = np.full((1, frames.shape[1]), -1e4, np.float32)
            end[0, BLANK] = end[0, self._delimiter] = 0
            frames = np.concatenate([frames, end])
        frames = np.ascontiguousarray(frames, np.float32)
        best = self._search.decode(frames.ctypes.data, *frames.shape)[0]
        if self._texts:
            return " ".join(self._texts[word] for word in best.words if word >= 0)
        path = np.array(best.tokens[1:-1])
        return self._vocabulary.spell(path[np.flatnonzero(np.diff(path, prepend=-1))].tolist())
