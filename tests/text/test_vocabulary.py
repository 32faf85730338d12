"""Transcripts in the model's own letters: one normalization for labels, counts and readability, and what it refuses."""

import json

import jiwer
import numpy as np
import pytest

from librispeech_clf import metrics
from librispeech_clf.configuration import load_configuration
from librispeech_clf.metadata.readability import readability_metadata
from librispeech_clf.metadata.text import text_metadata
from librispeech_clf.text.changes import describe_normalization
from librispeech_clf.text.normalization import APOSTROPHES
from librispeech_clf.text.vocabulary import Vocabulary, make_vocabulary, read_vocabulary
from tests.helpers.letters import VOCABULARY
from tests.helpers.vocabularies import VOCABULARIES, make_logits


def spell(text, normalization="letters"):
    return VOCABULARY.decode(VOCABULARY.encode(text, utterance_id="u", normalization=normalization))


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
        *((f"I don{sign}t know", "I DON'T KNOW") for sign in sorted(APOSTROPHES)),
    ],
)
def test_accents_forms_invisible_signs_and_signs_for_an_apostrophe_do_not_matter(text, plain):
    assert spell(text, "strict") == spell(text) == plain
    assert text_metadata(text, VOCABULARY) == text_metadata(plain, VOCABULARY)
    assert readability_metadata(VOCABULARY.normalize(text)) == readability_metadata(plain)


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
        ("he said 'hello there' to me", "HE SAID HELLO THERE TO ME"),
        ("'i know' she said", "I KNOW SHE SAID"),
        ("don't you 'dare' touch o'brien's hat", "DON'T YOU DARE TOUCH O'BRIEN'S HAT"),
        ("'tis the boys' house", "'TIS THE BOYS' HOUSE"),
        ("rock 'n' roll for 'em", "ROCK 'N' ROLL FOR 'EM"),
        ("it 's fine, they \u2019re here", "IT'S FINE THEY'RE HERE"),
        ("i do n't know and don 't care", "I DON'T KNOW AND DON'T CARE"),
        ("well-known \u2013 twenty\u2011one", "WELL KNOWN TWENTY ONE"),
    ],
)
def test_letters_takes_punctuation_quotation_marks_and_blanks_within_words_out(text, plain):
    assert spell(text) == plain
    assert VOCABULARY.normalize(plain, "letters") == plain


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
    remedy = r"\['-'\]. Spell numbers out and remove .* LIBRISPEECH_NORMALIZE=letters"
    with pytest.raises(ValueError, match=remedy):
        spell("WELL-KNOWN", "strict")


def test_what_was_changed_is_told_in_one_line():
    texts = ["Hello, world.", "a well-known man", "PLAIN DON'T", "caf\u00e9"]
    folded = ["caf\u00e9 No\u00ebl", "cafe\u0301", "don\u2019t `tis", "PLAIN  text", "S\u00d8REN \u00e6on"]
    unchanged = (texts[:3], "strict"), (texts[2:3], "letters"), (["A\u00a0B", "\u0416"], "strict")
    assert [describe_normalization(own, VOCABULARY, by) for own, by in unchanged] == [None] * 3
    assert describe_normalization(texts, VOCABULARY, "letters") == (
        "text.normalize letters: 3 of 4 transcripts changed; signs removed: 3; "
        "hyphens within words that became spaces: 1; letters without accents: 1."
    )
    assert describe_normalization(folded, VOCABULARY, "strict") == (
        "text.normalize strict: 4 of 5 transcripts changed; signs written as apostrophes: 2; "
        "letters without accents: 5."
    )
    assert describe_normalization(["fine\u200b", "caf\u00e9!"], VOCABULARY, "letters") == (
        "text.normalize letters: 1 of 2 transcripts changed; signs removed: 1; letters without accents: 1."
    )


def test_normalization_is_configured():
    assert load_configuration(environment={}).text.normalize == "strict"
    assert load_configuration(environment={"LIBRISPEECH_NORMALIZE": "letters"}).text.normalize == "letters"
    with pytest.raises(ValueError, match="text.normalize: unknown lower; known: strict, letters"):
        load_configuration(environment={"LIBRISPEECH_NORMALIZE": "lower"})


@pytest.mark.parametrize("name", VOCABULARIES)
def test_perfect_hypothesis_scores_nothing_and_one_wrong_token_what_jiwer_says(name):
    sample = VOCABULARIES[name]
    vocabulary = sample.vocabulary
    spelled = vocabulary.normalize(sample.text, "letters")
    assert (spelled, vocabulary.units) == (sample.spelled, sample.units)
    assert vocabulary.normalize(spelled, "letters") == spelled
    labels = vocabulary.encode(sample.text, utterance_id="u")
    assert vocabulary.decode(labels) == spelled
    wrong = labels.copy()
    place = int(np.flatnonzero(wrong != vocabulary.word_delimiter)[-1])
    wrong[place] = next(
        row for row in range(1, len(vocabulary.tokens))
        if row not in (*vocabulary.special, vocabulary.word_delimiter, wrong[place])
    )  # fmt: skip
    references = np.stack([labels, labels]).astype(np.float16).astype(np.float32)
    logits = make_logits([labels, wrong], len(vocabulary.tokens))
    words = metrics.word_errors(logits, references, vocabulary)
    characters = metrics.character_errors(logits, references, vocabulary)
    assert words["word_error_rate"][0] == characters["character_error_rate"][0] == 0
    heard = vocabulary.decode(wrong)
    assert words["word_error_rate"][1] == pytest.approx(jiwer.wer(spelled, heard))
    assert words["word_substitutions"].tolist() == characters["character_substitutions"].tolist() == [0, 1]
    assert characters["character_error_rate"][1] == pytest.approx(1 / len(labels))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("german", "Stra\u00dfe \u00e9", "letters without accents: 1"),
        ("russian", "\u0401\u043b\u043a\u0430", "letters without accents: 1"),
        ("arabic", "\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f", "letters without accents: 4"),
        ("turkish", "\u0130stanbul'da", "apostrophes removed: 1"),
    ],
)
def test_what_is_folded_is_counted(name, text, told):
    assert told in describe_normalization([text], VOCABULARIES[name].vocabulary, "strict")


@pytest.mark.parametrize(
    ("name", "text", "sign"),
    [("german", "\u0434\u0430", "\u0434"), ("kana", "\u6f22", "\u6f22"), ("hindi", "\u0915\u0971", "\u0971"),
     ("mandarin", "abc", "a"), ("phonemes", "q", "q"), ("english-lower", "9", "9")],
)  # fmt: skip
def test_what_the_vocabulary_lacks_is_named(name, text, sign):
    with pytest.raises(ValueError, match="u7: a transcript may hold") as error:
        VOCABULARIES[name].vocabulary.encode(text, utterance_id="u7")
    assert repr(sign) in str(error.value)


def test_vocabulary_survives_its_json(tmp_path):
    for sample in VOCABULARIES.values():
        (tmp_path / "v.json").write_text(json.dumps(sample.vocabulary.to_fields()))
        assert read_vocabulary(tmp_path / "v.json") == sample.vocabulary
    assert read_vocabulary(tmp_path / "v.json", language="fra").language == "fr"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([], "must hold tokens"),
        ({"tokens": "abc"}, "must hold tokens"),
        ({"tokens": ["<pad>"], "special_tokens": ["<pad>"]}, "two or more"),
        ({"tokens": ["<pad>", "a", "a"], "special_tokens": ["<pad>"]}, "must differ"),
        ({"tokens": ["<pad>", 5], "special_tokens": ["<pad>"]}, "tokens must be"),
        ({"tokens": ["<pad>", "a"], "special_tokens": []}, "must hold the blank"),
        ({"tokens": ["<pad>", "a"], "special_tokens": ["b"]}, "not a vocabulary"),
        ({"tokens": ["<pad>", "a"], "special_tokens": ["<pad>"], "units": "words"}, "text.units must be"),
        ({"tokens": ["<pad>", "a"], "letters": 1}, "must hold tokens"),
    ],
)
def test_fields_that_are_no_vocabulary_are_refused_in_a_sentence(fields, message):
    with pytest.raises(ValueError, match=rf"v.json: .*{message}.*convert-model"):
        make_vocabulary(fields, place="v.json")


def test_vocabulary_file_that_is_missing_or_damaged_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such vocabulary; convert-model writes it"):
        read_vocabulary(tmp_path / "v.json")
    (tmp_path / "v.json").write_text("{")
    with pytest.raises(ValueError, match="v.json: not valid JSON"):
        read_vocabulary(tmp_path / "v.json")


def test_units_can_be_set():
    plain = Vocabulary(("<pad>", "|", "a"), word_delimiter=1)
    assert plain.units == "words"
    for vocabulary, units in ((VOCABULARIES["mandarin"].vocabulary, "words"), (plain, "characters")):
        assert make_vocabulary(vocabulary.to_fields() | {"units": units}, place="v").units == units
    assert make_vocabulary(plain.to_fields(), place="v", units="characters").units == "characters"


def test_marks_that_make_another_syllable_stay():
    """Thai and Lao vowels below the line and tones; accents, Arabic and Hebrew points go."""
    for sign in "\u0e38 \u0e39 \u0e48 \u0e49 \u0eb8 \u0eb9 \u0ec8".split():
        assert VOCABULARY.normalize(f"\u0e1b{sign}") == f"\u0e1b{sign}"
    assert VOCABULARY.normalize("\u0645\u064e\u0631 \u05e9\u05c1 a\u0323") == "\u0645\u0631 \u05e9 A"
