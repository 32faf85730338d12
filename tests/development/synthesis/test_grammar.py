"""Random sentences."""

import re

import numpy as np
import pytest

from librispeech_clf.development.synthesis import grammar

needs_dictionaries = pytest.mark.skipif(
    not (grammar.PRONOUNCED_WORDS.exists() and grammar.TAGGED_WORDS.exists()),
    reason="festival's dictionaries are not installed",
)


def test_plural():
    plurals = {"box": "boxes", "lady": "ladies", "day": "days", "old man": "old men", "book": "books"}
    assert {word: grammar.pluralize(word) for word in plurals} == plurals


@needs_dictionaries
def test_verb_forms():
    table = """\
        walk walks walked walked walking
        carry carries carried carried carrying
        hope hopes hoped hoped hoping
        agree agrees agreed agreed agreeing
        tie ties tied tied tying
        go goes went gone going"""
    for verb, *forms in map(str.split, table.splitlines()):
        assert [verb, *forms] == [grammar.inflect(verb, form) for form in grammar.FORMS]
    assert grammar.inflect("tell me", "past") == "told me"


@needs_dictionaries
@pytest.mark.parametrize("symbol", ["sentence", "short", "long", "salad"])
def test_sentences_are_plain_and_follow_the_seed(symbol):
    first, second = (
        [grammar.make_sentence(symbol, g) for _ in range(300)] for g in map(np.random.default_rng, (1, 1))
    )
    assert first == second and len(set(first)) > 100
    assert all(re.fullmatch(r"[a-z']+( [a-z']+)*", sentence) for sentence in first)


def test_a_and_an(monkeypatch, rng):
    monkeypatch.setattr(grammar, "_expand", lambda *_: "a apple a user a hour a one a unit a uncle a book")
    assert grammar.make_sentence("short", rng) == "an apple a user an hour a one a unit an uncle a book"


def test_every_symbol_of_the_grammar_exists():
    made = {"noun", "nouns", "adjective", "manner", "any", "easy_noun", "easy", "rare_name", "wide_word"}
    known = made | set(grammar._rules()) | set(grammar.read_own_lists())
    for patterns, cumulated in grammar._rules().values():
        assert cumulated[-1] == pytest.approx(1)
        for symbol in re.findall(r"\{(\w+)\}", " ".join(patterns)):
            stem, _, form = symbol.rpartition("_")
            assert symbol in known or symbol.startswith("wide_") or (form in grammar.FORMS and stem in known)


@needs_dictionaries
def test_forms_of_easy_words_are_not_easy_words():
    stems = {"boots": "boot", "carried": "carry", "baking": "bake", "running": "run", "slowly": "slow"}
    assert all(stem in grammar.possible_stems(word) for word, stem in stems.items())
    assert not list(grammar.possible_stems("honey"))
    lists = grammar.load_word_lists()
    assert {"boots", "carried", "pumped"} <= set(lists["easy_form"])
    assert not set(lists["easy_form"]) & set(lists["easy"])
