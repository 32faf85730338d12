"""Transcripts: one normalisation for labels, counts and readability, and what it refuses."""

import pytest

from librispeech_clf.configuration import load_configuration
from librispeech_clf.metadata.readability import readability_metadata
from librispeech_clf.metadata.text import text_metadata
from librispeech_clf.text import vocabulary


def spell(text, normalization="letters"):
    return vocabulary.decode_labels(vocabulary.encode(text, utterance_id="u", normalization=normalization))


@pytest.mark.parametrize("sign", sorted({*vocabulary.APOSTROPHES, "'"}))
def test_every_sign_for_an_apostrophe_gives_labels_counts_and_readability_of_the_apostrophe(sign):
    plain, other = "I DON'T KNOW", f"I don{sign}t know"
    assert spell(other, "strict") == spell(other) == plain
    assert text_metadata(other) == text_metadata(plain)
    assert readability_metadata(other) == readability_metadata(plain)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("caf\u00e9 na\u00efve", "CAFE NAIVE"),
        ("cafe\u0301", "CAFE"),
        ("Stra\u00dfe", "STRASSE"),
        ("S\u00f8ren \u0141\u00f3d\u017a", "SOREN LODZ"),
        ("\u00e6on \u0153uvre", "AEON OEUVRE"),
        ("\uff28\uff29", "HI"),
        ("o\ufb03ce", "OFFICE"),
        ("a\u00a0b\u2009c\u3000d", "A B C D"),
        ("\ufeffco\u00adop\u200b", "COOP"),
    ],
)
def test_accents_forms_and_invisible_signs_do_not_matter(text, plain):
    assert spell(text, "strict") == spell(text) == plain
    assert text_metadata(text) == text_metadata(plain)


@pytest.mark.parametrize("sign", ["\u00b8", "\u02d9", "\u203e", "\u00a8", "\u2017"])
def test_accents_that_stand_alone_never_split_a_word(sign):
    assert spell(f"ab{sign}c") == "ABC"
    with pytest.raises(ValueError, match="u: a transcript may hold"):
        spell(f"ab{sign}c", "strict")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Hello, world.", "HELLO WORLD"),
        ("one,two;three", "ONE TWO THREE"),
        ("a well-known twenty\u2010one", "A WELL KNOWN TWENTY ONE"),
        ("and \u2014 so\u2014on", "AND SO ON"),
        ("and/or", "AND OR"),
        ("\u201cYes!\u201d she said; \u00abwhy?\u00bb", "YES SHE SAID WHY"),
        ("\u2018I don\u2019t,\u2019 he said", "I DON'T HE SAID"),
        ("\u2019tis the dogs\u2019 day", "'TIS THE DOGS' DAY"),
        ("(s)he", "SHE"),
        ("\u00bfQu\u00e9?", "QUE"),
        ("- '", ""),
    ],
)
def test_letters_takes_punctuation_out(text, plain):
    assert spell(text) == plain
    assert vocabulary.normalize_transcript(plain, "letters") == plain


@pytest.mark.parametrize(
    ("text", "sign"),
    [("2 men", "2"), ("B\u2163", "\u2163"), ("AT&T", "&"), ("5\u20ac", "\u20ac"), ("[noise] A", "["),
     ("<unk>", "<"), ("a|b", "|"), ("\u0434\u0430", "\u0414"), ("A\u2122", "\u2122")],
)  # fmt: skip
def test_letters_refuses_what_is_spoken_or_tells_something(text, sign):
    with pytest.raises(ValueError, match="u: .*Spell numbers out, write symbols") as error:
        spell(text)
    assert repr(sign) in str(error.value)


def test_strict_refuses_punctuation_with_the_remedy():
    with pytest.raises(
        ValueError, match=r"\['-'\]. Spell numbers out and remove .* LIBRISPEECH_NORMALIZE=letters"
    ):
        spell("WELL-KNOWN", "strict")


def test_what_letters_changed_is_told_in_one_line():
    texts = ["Hello, world.", "a well-known man", "PLAIN DON'T", "caf\u00e9"]
    assert vocabulary.describe_normalization(texts, "letters") == (
        "text.normalize letters: 3 of 4 transcripts changed; signs taken out: 3; "
        "hyphens within words that became spaces: 1; letters without accents: 1."
    )
    assert vocabulary.describe_normalization(texts[:3], "strict") is None
    assert vocabulary.describe_normalization(texts[2:3], "letters") is None


def test_folded_letters_and_apostrophes_are_counted_in_one_line():
    texts = ["caf\u00e9 No\u00ebl", "cafe\u0301", "don\u2019t `tis", "PLAIN  text", "S\u00d8REN \u00e6on"]
    assert vocabulary.describe_normalization(texts, "strict") == (
        "text.normalize strict: 4 of 5 transcripts changed; signs written as apostrophes: 2; "
        "letters without accents: 5."
    )
    assert vocabulary.describe_normalization(["fine\u200b", "caf\u00e9!"], "letters") == (
        "text.normalize letters: 1 of 2 transcripts changed; signs taken out: 1; letters without accents: 1."
    )
    assert vocabulary.describe_normalization(["A\u00a0B", "\u0416"], "strict") is None


def test_normalization_is_configured():
    assert load_configuration(environment={}).text.normalize == "strict"
    assert load_configuration(environment={"LIBRISPEECH_NORMALIZE": "letters"}).text.normalize == "letters"
    with pytest.raises(ValueError, match="text.normalize: unknown lower; known: strict, letters"):
        load_configuration(environment={"LIBRISPEECH_NORMALIZE": "lower"})
