"""Word lists of the sentence grammar: this project's own, and those of installed packages, read at run time.

In: this package's text file, textstat's Dale-Chall list, festival's dictionaries.
Out: lists of words by name.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from importlib import resources, util
from pathlib import Path

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


def read_own_lists() -> dict[str, tuple[str, ...]]:
    """Read word_lists.txt: list name -> words, underscores turned into spaces."""
    text = resources.files(__package__).joinpath("word_lists.txt").read_text(encoding="utf-8")
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


@functools.lru_cache(maxsize=1)
def read_tagged_words() -> Mapping[str, frozenset[str]]:
    """Read festival's tag lexicon: word -> its Penn Treebank tags in lower case, rare tags left out."""
    tagged = {}
    for line in TAGGED_WORDS.read_text(encoding="latin-1").splitlines():
        match = re.match(r'\("([a-z]{3,14})" \((.*)\) \(\) \)', line)
        if match:
            scores = {tag: float(score) for tag, score in re.findall(r"\((\w+) (-[\d.]+)\)", match[2])}
            tagged[match[1]] = frozenset(t for t, s in scores.items() if s > max(scores.values()) - 1.5)
    return tagged


@functools.lru_cache(maxsize=1)
def read_pronounced_words() -> tuple[str, ...]:
    """Read the words of the CMU dictionary that are 3 to 13 plain letters long."""
    lines = PRONOUNCED_WORDS.read_text(encoding="latin-1").splitlines()
    words = {match[1] for line in lines if (match := re.match(r'\("([a-z]{3,13})" ', line))}
    return tuple(sorted(words))


@functools.lru_cache(maxsize=1)
def load_word_lists() -> Mapping[str, tuple[str, ...]]:
    """All lists the grammar draws from: the own ones, and easy and wide ones by part of speech."""
    lists = read_own_lists()
    easy, tagged, pronounced = read_easy_words(), read_tagged_words(), frozenset(read_pronounced_words())

    def of_tag(words, tag: str) -> tuple[str, ...]:
        return tuple(sorted(word for word in words if tag in tagged.get(word, ())))

    wide = [word for word in tagged if word in pronounced]
    lists["easy"] = easy
    lists["easy_noun"] = of_tag(easy, "nn")
    lists["easy_adjective"] = of_tag(easy, "jj")
    for name, tag in WIDE_TAGS.items():
        lists[f"wide_{name}"] = of_tag(wide, tag)
    stems = frozenset(easy)
    lists["easy_form"] = tuple(
        word for word in sorted(set(wide) - stems) if not stems.isdisjoint(possible_stems(word))
    )
    lists["wide_word"] = tuple(sorted(word for word in wide if "nnp" not in tagged[word]))
    lists["rare_name"] = read_pronounced_words()
    return lists


def possible_stems(word: str) -> Iterator[str]:
    """The words that a regular ending may have made this one of: "carried" may be of "carri", "carrie" or "carry"."""
    for ending in ("s", "es", "d", "ed", "ing", "er", "ly"):
        if word.endswith(ending):
            stem = word.removesuffix(ending)
            yield from (stem, stem + "e", re.sub("i$", "y", stem), re.sub(r"([^aeiou])\1$", r"\1", stem))
