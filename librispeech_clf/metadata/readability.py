"""Readability of a transcript by textstat: everything for English, and what textstat offers for other languages.

LibriSpeech's transcripts have no punctuation, so every utterance is one sentence and the grade formulas
(Flesch-Kincaid, Gunning fog, Linsear Write, and in part Flesch reading ease and Dale-Chall) follow its number
of words: on the reference example's utterances the Flesch-Kincaid grade correlates 0.93 with it.
`difficult_word_share` and `mean_syllables_per_word` do not depend on length.

textstat takes its syllables from a dictionary that it downloads; here it gets them from `count_syllables` instead,
so that it works offline and gives the same numbers everywhere.
"""

import re
from functools import lru_cache
from types import ModuleType

from librispeech_clf.text.vocabulary import WORDS, Vocabulary

READABILITY_METADATA_TYPES: dict[str, str] = {
    "syllables": "int",
    "sentences": "int",
    "dale_chall_score": "float",
    "difficult_words": "int",
    "difficult_word_share": "float",
    "mean_syllables_per_word": "float",
    "flesch_reading_ease": "float",
    "flesch_kincaid_grade": "float",
    "gunning_fog": "float",
    "linsear_write": "float",
    "text_standard": "float",
}
"""Key -> "float" or "int"; the keys of `readability_metadata` of English, in its order."""
_OTHER_LANGUAGES = {
    "de": "wiener_sachtextformel",
    "es": "fernandez_huerta",
    "it": "gulpease_index",
} | dict.fromkeys(("fr", "hu", "nl", "pl", "ru"), "")
"""Languages that textstat grades by Flesch's formula, with the language's own formula if there is one."""
_SILENT_E_BEFORE = "ly|ful|fully|less|lessness|ness|ment|ments|some"
_COMPOUND_WITH_SILENT_E = "where|thing|body|one|day|time|ball|hole|boat|self"

# pattern -> replacement, applied in this order to the lower-case word
_REWRITES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"n't$", "n t"),  # not a letter group: counted in _SPLITS where it is heard
        (r"'", ""),
        (r"^every(?=.)", "evry"),
        (r"^some(?=.)", "som"),
        (r"rriage", "rrige"),
        (r"^people", "peple"),
        (r"^busine", "bizne"),
        (r"^evening", "evning"),
        (r"qu", "q"),
        (r"^y(?=[aeiou])", ""),  # year: a consonant
        (r"(?<=[aeiou])y(?=[aeiou])", " "),  # be-yond
        (r"ll?ed$", "ld"),  # called
        (r"(?<=[^aeioudtylr])ed(?=(ly)?$)", "d"),  # walked, not wanted
        (r"(?<=[aeiour]r)ed$", "d"),  # stirred, not hundred
        (r"(?<=[^aeiouycsxzgh])(?<![^aeiouy]l)es$", "s"),  # makes, not boxes or apples
        (r"(?<=[aeiou]th)es$", "s"),  # clothes
        (rf"(?<=[^aeiouy])e(?=({_SILENT_E_BEFORE})$)", ""),  # careful
        (r"(?<=[aeiouy])([^aeiouy]+)e$(?<![^aeiouylr]le)", r"\1"),  # alone, not apple
        (rf"(?<=[aeiou][^aeiouylr])e(?=({_COMPOUND_WITH_SILENT_E})s?$)", ""),  # baseball
        (r"(?<=ll)ion|(?<=[ts]h)ion", "on"),  # million, cushion
    )
)
_VOWELS = re.compile(r"[aeiouy]+")
# each match adds a syllable: two vowels heard apart, or a syllabic consonant
_SPLITS = re.compile(
    r"[aeou]ing|(?<=[^aeiou])ying|iou(?!s)|(?<![tscgx])i[oa]|[^aeiou]ier$|iet|ua(?![rl])|eo(?!u)|uou"
    r"|creat|rea[lt]i|ual|iu|uel|^idea|[^aeiouy]sm$|thm$|[ds]n t$|[^aeiou]oem"
)

# Function of textstat and its options, where it is not the key.
_CALLS: dict[str, tuple[str, dict[str, object]]] = {
    "sentences": ("sentence_count", {}),
    "dale_chall_score": ("dale_chall_readability_score", {}),
    "linsear_write": ("linsear_write_formula", {}),
    "text_standard": ("text_standard", {"float_output": True}),
    # It has four variants; the first is the one with the most terms.
    "wiener_sachtextformel": ("wiener_sachtextformel", {"variant": 1}),
}


def readability_types(vocabulary: Vocabulary) -> dict[str, str]:
    """Return the keys for a language; none if textstat does not know it, or the units are not words."""
    language = vocabulary.language or ""
    if vocabulary.units != WORDS or language not in ("en", *_OTHER_LANGUAGES):
        return {}
    if language == "en":
        return READABILITY_METADATA_TYPES
    own = [name for name in ("flesch_reading_ease", _OTHER_LANGUAGES[language]) if name]
    return {"syllables": "int", "mean_syllables_per_word": "float", **dict.fromkeys(own, "float")}


def readability_metadata(
    transcript: str | None, vocabulary: Vocabulary | None = None
) -> dict[str, float | int | None]:
    """Measure how hard a transcript is to read.

    A word is difficult if it is not in the Dale-Chall list of 3,000 easy words as it stands and has two
    syllables or more (`TABLES`, not `WALKED`); repeated words count again. The Dale-Chall score counts words
    of one syllable too.

    Args:
        transcript: the text, normalized like the labels: words separated by spaces, in any case; None: there is none,
            and every value is None.
        vocabulary: the vocabulary whose language it is in; None for English.

    Returns:
        Counts (`syllables`, `sentences`, `difficult_words`), grades of the US school system
        (`flesch_kincaid_grade`, `gunning_fog`, `linsear_write`, and `text_standard`, the most frequent grade
        over eight formulas), the Dale-Chall score (below 5: fourth grade; above 9: college), Flesch reading
        ease (100 is easy, 0 very hard), the share of difficult words in [0, 1] and the mean number of
        syllables per word. An empty transcript has counts of 0 and `None` for the rest.
    """
    types = READABILITY_METADATA_TYPES if vocabulary is None else readability_types(vocabulary)
    if transcript is None:
        return dict.fromkeys(types)
    text = " ".join(transcript.lower().split())
    if not text or not types:
        return {key: 0 if kind == "int" else None for key, kind in types.items()}
    textstat = _textstat()
    textstat.set_lang("en" if vocabulary is None else vocabulary.language)
    words, syllables = text.count(" ") + 1, textstat.syllable_count(text)
    values = {"syllables": syllables, "mean_syllables_per_word": syllables / words}
    if "difficult_words" in types:
        difficult = textstat.difficult_words(text, unique=False)
        values |= {"difficult_words": difficult, "difficult_word_share": difficult / words}
    for key in types.keys() - values.keys():
        name, options = _CALLS.get(key, (key, {}))
        values[key] = getattr(textstat, name)(text, **options)
    return {key: values[key] if kind == "int" else float(values[key]) for key, kind in types.items()}


@lru_cache(maxsize=1)
def _textstat() -> ModuleType:
    """Import textstat once (about 2 s) and give it `count_syllables` for its pronouncing dictionary.

    textstat has no public way to set one; the attribute is private, so it is checked before it is used.

    Raises:
        ImportError: this version of textstat takes its dictionary from elsewhere; it would download its own.
    """
    import textstat
    from textstat.backend.counts import _count_syllables

    if not callable(getattr(_count_syllables, "get_cmudict", None)):
        raise ImportError(
            "textstat: this version takes its syllable dictionary from elsewhere than version 0.7.13 does; "
            "install that one."
        )
    _count_syllables.get_cmudict = lambda language: _Pronunciations() if language[:2] == "en" else None
    return textstat


class _Pronunciations:
    """A stand-in for textstat's dictionary: word -> pronunciations; a vowel ends in a digit."""

    def __getitem__(self, word: str) -> list[list[str]]:
        return [["1"] * count_syllables(word)]


def count_syllables(word: str) -> int:
    """Count the syllables of an English word (letters in any case, and apostrophes) by rule; at least 1.

    A syllable is a group of vowel letters; the rules below first remove the silent ones and split the groups that
    hold two. Against the CMU Pronouncing Dictionary (not part of this project) the count is right for 97 % of the
    Dale-Chall list of easy words and for 92 % of all 124,926 words; hyphenation, which textstat uses for unknown
    words, reaches 90 % and 61 %.
    """
    word = word.lower()
    for pattern, replacement in _REWRITES:
        word = pattern.sub(replacement, word)
    return max(1, len(_VOWELS.findall(word))) + len(_SPLITS.findall(word))
