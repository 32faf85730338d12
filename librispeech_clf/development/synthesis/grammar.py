"""Random English sentences from a grammar of templates, for training speech recognition.

In: a random generator, grammar.txt and word_lists.txt, and word lists of installed packages: textstat's Dale-Chall
list, festival's dictionaries. Out: lower-case sentences; natural word order, little sense.
"""

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import util
from pathlib import Path

import numpy as np

TAGGED_WORDS = Path("/usr/share/festival/dicts/wsj.wp39.poslexR")
"""festival's lexicon of part-of-speech tags (Debian package festlex-poslex)."""
PRONOUNCED_WORDS = Path("/usr/share/festival/dicts/cmu/cmudict-0.4.out")
"""The CMU pronouncing dictionary as festival ships it (Debian package festlex-cmu)."""

WIDE_TAGS = {
    "noun": "nn",
    "nouns": "nns",
    "adjective": "jj",
    "adverb": "rb",
    "verb": "vbd",
    "verb_base": "vb",
    "verb_third": "vbz",
    "verb_gerund": "vbg",
    "verb_participle": "vbn",
}
"""List of wide words -> Penn Treebank tag of festival's lexicon."""
FORMS = ("base", "third", "past", "participle", "gerund")
Rules = Mapping[str, tuple[tuple[str, ...], np.ndarray]]


def make_sentence(symbol: str, generator: np.random.Generator) -> str:
    """Draw one sentence.

    Args:
        symbol: Start symbol of grammar.txt: "sentence", "short", "long" or "salad".
        generator: Source of randomness.

    Returns:
        Lower-case words with apostrophes, separated by single spaces; "a" and "an" as the next word asks.
    """
    text = _expand("{" + symbol + "}", generator)
    text = re.sub(r"\ba (?=[aeio]|un[^i]|u[^ns]|hour|honest|honor)(?!one\b|once\b|eu)", "an ", text)
    return " ".join(text.split())


@functools.lru_cache(maxsize=1)
def _rules() -> Rules:
    text = Path(__file__).with_name("grammar.txt").read_text(encoding="utf-8")
    rules = {}
    for line in text.splitlines():
        if " = " in line and not line.startswith("#"):
            symbol, patterns = line.split(" = ", 1)
            parts = [re.fullmatch(r"(?:(\d+)\*)?(.+)", pattern) for pattern in patterns.split(" | ")]
            weights = np.array([float(part[1] or 1) for part in parts if part])
            rules[symbol] = (tuple(part[2] for part in parts if part), weights.cumsum() / weights.sum())
    return rules


def _expand(pattern: str, generator: np.random.Generator) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: _draw(match[1], generator), pattern)


def _draw(symbol: str, generator: np.random.Generator) -> str:
    if symbol in _rules():
        patterns, cumulated = _rules()[symbol]
        return _expand(patterns[int(cumulated.searchsorted(generator.random(), side="right"))], generator)
    if symbol in _special():
        return _special()[symbol](generator)
    name, _, form = symbol.rpartition("_")
    if form in FORMS and not symbol.startswith("wide"):
        return inflect(_pick(name, generator), form)
    return _pick(symbol, generator)


def _pick(name: str, generator: np.random.Generator) -> str:
    words = load_word_lists()[name]
    return words[int(generator.integers(len(words)))]


def _mixed(**shares: float) -> Callable[[np.random.Generator], str]:
    names, cumulated = tuple(shares), np.cumsum(list(shares.values()))
    return lambda generator: _pick(
        names[int(cumulated.searchsorted(generator.random(), side="right"))], generator
    )


@functools.lru_cache(maxsize=1)
def _special() -> Mapping[str, Callable[[np.random.Generator], str]]:
    noun = _mixed(thing=0.25, person=0.1, place_noun=0.1, abstract=0.13, easy_noun=0.28, wide_noun=0.14)
    return {
        "noun": noun,
        "nouns": lambda g: pluralize(noun(g)) if g.random() < 0.85 else _pick("wide_nouns", g),
        "adjective": _mixed(adjective=0.58, easy_adjective=0.26, wide_adjective=0.16),
        "manner": _mixed(manner=0.7, wide_adverb=0.3),
        "any": _mixed(
            common=0.1,
            easy=0.51,
            easy_form=0.2,
            wide_word=0.1,
            rare_name=0.02,
            surname=0.02,
            given_name=0.03,
            contraction=0.02,
        ),
    }


@functools.lru_cache(maxsize=1)
def _irregular() -> Mapping[str, tuple[str, ...]]:
    words = " ".join(load_word_lists()["irregular"])
    rows = [row.split() for row in words.replace("tell me", "tell").replace("told me", "told").split(" | ")]
    return {row[0]: tuple(row[:5]) for row in rows}


@functools.lru_cache(maxsize=1)
def _irregular_plurals() -> Mapping[str, str]:
    return dict(pair.split("/") for pair in read_own_lists()["irregular_plural"])


def inflect(verb: str, form: str) -> str:
    """A form of a verb; a second word ("tell me") stays as it is.

    Args:
        verb: Infinitive.
        form: One of FORMS.
    """
    verb, _, rest = verb.partition(" ")
    forms = _irregular().get(verb) or (verb, pluralize(verb), _past(verb), _past(verb), _gerund(verb))
    return f"{forms[FORMS.index(form)]} {rest}".strip()


def pluralize(word: str) -> str:
    """The regular plural of a noun (also a verb's third person), and a few irregular ones."""
    head, _, last = word.rpartition(" ")
    if last in _irregular_plurals():
        plural = _irregular_plurals()[last]
    elif re.search(r"(s|x|z|ch|sh)$", last):
        plural = last + "es"
    elif re.search(r"[^aeiou]y$", last):
        plural = last[:-1] + "ies"
    else:
        plural = last + "s"
    return f"{head} {plural}".strip()


def _past(verb: str) -> str:
    if verb.endswith("e"):
        return verb + "d"
    return verb[:-1] + "ied" if re.search(r"[^aeiou]y$", verb) else verb + "ed"


def _gerund(verb: str) -> str:
    return verb[:-1] + "ing" if re.search(r"[^eo]e$", verb) else verb + "ing"


def read_own_lists() -> dict[str, tuple[str, ...]]:
    """Read word_lists.txt: list name -> words, underscores turned into spaces."""
    text = Path(__file__).with_name("word_lists.txt").read_text(encoding="utf-8")
    lists = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, words = line.split(": ", 1)
            lists[name] = tuple(word.replace("_", " ") for word in words.split())
    return lists


def read_easy_words() -> tuple[str, ...]:
    """Read the Dale-Chall list of about 3,000 easy words that textstat ships."""
    spec = util.find_spec("textstat")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("The package textstat is not installed; it holds the list of easy words.")
    path = Path(spec.origin).parent / "resources" / "en" / "easy_words.txt"
    words = path.read_text(encoding="utf-8").lower().split()
    return tuple(word for word in words if re.fullmatch(r"[a-z]+('[a-z]+)?", word))


def read_tagged_words() -> Mapping[str, frozenset[str]]:
    """Read festival's tag lexicon: word -> its Penn Treebank tags in lower case, rare tags left out."""
    tagged = {}
    for line in TAGGED_WORDS.read_text(encoding="latin-1").splitlines():
        match = re.match(r'\("([a-z]{3,14})" \((.*)\) \(\) \)', line)
        if match:
            scores = {tag: float(score) for tag, score in re.findall(r"\((\w+) (-[\d.]+)\)", match[2])}
            tagged[match[1]] = frozenset(t for t, s in scores.items() if s > max(scores.values()) - 1.5)
    return tagged


def read_pronounced_words() -> tuple[str, ...]:
    """Read the words of the CMU dictionary that are 3 to 13 plain letters long."""
    lines = PRONOUNCED_WORDS.read_text(encoding="latin-1").splitlines()
    words = {match[1] for line in lines if (match := re.match(r'\("([a-z]{3,13})" ', line))}
    return tuple(sorted(words))


@functools.lru_cache(maxsize=1)
def load_word_lists() -> Mapping[str, tuple[str, ...]]:
    """All lists the grammar draws from: the own ones, and easy and wide ones by part of speech."""
    lists = read_own_lists()
    easy, tagged, pronounced = read_easy_words(), read_tagged_words(), read_pronounced_words()
    wide = sorted(tagged.keys() & set(pronounced))

    def of_tag(words: Sequence[str], tag: str) -> tuple[str, ...]:
        return tuple(sorted(word for word in words if tag in tagged.get(word, ())))

    lists |= {f"wide_{name}": of_tag(wide, tag) for name, tag in WIDE_TAGS.items()}
    stems = frozenset(easy)
    forms = (word for word in wide if word not in stems and not stems.isdisjoint(possible_stems(word)))
    return lists | {
        "easy": easy,
        "easy_noun": of_tag(easy, "nn"),
        "easy_adjective": of_tag(easy, "jj"),
        "easy_form": tuple(forms),
        "wide_word": tuple(word for word in wide if "nnp" not in tagged[word]),
        "rare_name": pronounced,
    }


def possible_stems(word: str) -> Iterator[str]:
    """The words that a regular ending may have made this one of: "carried" may be of "carri", "carrie" or "carry"."""
    for ending in ("s", "es", "d", "ed", "ing", "er", "ly"):
        if word.endswith(ending):
            stem = word.removesuffix(ending)
            yield from (stem, stem + "e", re.sub("i$", "y", stem), re.sub(r"([^aeiou])\1$", r"\1", stem))
