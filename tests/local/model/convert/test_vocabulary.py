"""A checkpoint's vocabulary: its own tokens, the blank first, what the tokenizer files say of them."""

import pytest

from librispeech_clf.local.model.convert.checkpoint import DESCRIPTIONS
from librispeech_clf.local.model.convert.vocabulary import convert_vocabulary
from tests.helpers.letters import LETTERS, VOCABULARY

ROWS = {letter: row for row, letter in enumerate(LETTERS)}
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
TUTORIAL = {letter: row for row, letter in enumerate(["|", *ALPHABET, "'", "[UNK]", "[PAD]"])}
NAMES = {
    "config": "config.json",
    "tokenizer": "tokenizer_config.json",
    "special_tokens": "special_tokens_map.json",
    "added_tokens": "added_tokens.json",
}


def read(vocabulary, *, head_rows=None, language=None, **files):
    contents = dict.fromkeys(DESCRIPTIONS, {}) | {"vocab.json": vocabulary}
    contents |= {NAMES[name]: content for name, content in files.items()}
    return convert_vocabulary(contents, head_rows=head_rows or len(vocabulary), language=language)


def test_published_letters_stay_as_they_are():
    assert read(ROWS) == (VOCABULARY, list(range(32)))


def test_blank_comes_first_and_the_rest_in_the_order_of_the_head():
    vocabulary, rows = read(TUTORIAL)
    assert rows == [29, *range(29)]
    assert vocabulary.tokens == ("[PAD]", "|", *ALPHABET, "'", "[UNK]")
    assert (vocabulary.special, vocabulary.word_delimiter, vocabulary.language) == ({0, 29}, 1, "en")


@pytest.mark.parametrize(
    ("token", "files"),
    [
        ("<blank>", {"tokenizer": {"pad_token": "<blank>"}}),
        ("<blank>", {"tokenizer": {"pad_token": {"content": "<blank>", "lstrip": False}}}),
        ("<blank>", {"special_tokens": {"pad_token": "<blank>"}}),
        ("<blank>", {"tokenizer": {"pad_token": "<blank>"}, "special_tokens": {"pad_token": "<pad>"}}),
        ("[PAD]", {}),
    ],
)
def test_blank_under_its_own_name(token, files):
    rows = {token if letter == "<pad>" else letter: row for letter, row in ROWS.items()}
    vocabulary, order = read(rows, **files)
    assert order == list(range(32)) and vocabulary.tokens[0] == token


@pytest.mark.parametrize("token", ["_", "#", "<x>"])
def test_delimiter_under_its_own_name(token):
    rows = {token if letter == "|" else letter: row for letter, row in ROWS.items()}
    vocabulary, _ = read(rows, tokenizer={"word_delimiter_token": token})
    assert vocabulary.word_delimiter == 4 and 4 not in vocabulary.special
    assert vocabulary.spell([4, 8, 9, 4, 4, 10, 4]) == "ON I"


def test_blank_of_the_tokenizer_before_an_unused_pad():
    vocabulary, rows = read(ROWS | {"<blank>": 32}, tokenizer={"pad_token": "<blank>"})
    assert rows == [32, *range(32)] and vocabulary.special == {0, 1, 2, 3, 4}


@pytest.mark.parametrize(
    "files",
    [
        {"added_tokens": {"<s>": 30, "</s>": 31}},
        {"tokenizer": {"added_tokens_decoder": {"30": {"content": "<s>"}, "31": {"content": "</s>"}}}},
    ],
)
def test_added_tokens_have_rows_only_within_the_head(files):
    vocabulary, rows = read(TUTORIAL, head_rows=32, **files)
    assert rows == [29, *range(29), 30, 31] and vocabulary.tokens[-2:] == ("<s>", "</s>")
    assert read(TUTORIAL, head_rows=30, **files)[1] == [29, *range(29)]


def test_letters_of_other_languages_signs_and_phonemes_are_kept():
    german, _ = read({"<pad>": 0, "|": 1} | {x: i for i, x in enumerate(ALPHABET + "äöüß-", 2)})
    assert german.spell(german.encode("Über-Größe", utterance_id="u").tolist()) == "über-größe"
    assert german.language is None
    phonemes, _ = read({"<pad>": 0, "t": 1, "tʃ": 2, "aː": 3})
    assert (phonemes.units, phonemes.spell([2, 1, 3])) == ("tokens", "tʃ t aː")


def test_rows_without_a_token_are_left_out():
    assert read(ROWS | {"-": 33}, head_rows=36)[1] == [*range(32), 33]


NESTED = {"eng": ROWS, "deu": {"<pad>": 0, "|": 1, "ä": 2}}


def test_one_of_many_languages_is_chosen():
    vocabulary, rows = read(NESTED, head_rows=32, language="deu")
    assert (vocabulary.tokens, vocabulary.language, rows) == (("<pad>", "|", "ä"), "de", [0, 1, 2])


@pytest.mark.parametrize(
    ("vocabulary", "files", "message"),
    [
        (NESTED, {}, "vocab.json: .*for each of 2 languages, deu, eng .*--language. Received: None"),
        ({**ROWS, "Z": 99}, {}, r"vocab.json: .*own row in 0..31. Received: {'Z': 99}"),
        ({**ROWS, "Z": 5}, {}, "vocab.json: .*own row"),
        ({**ROWS, "": 31}, {}, "vocab.json: .*own row"),
        ({x: row for x, row in ROWS.items() if x != "<pad>"}, {}, "vocab.json: .*must hold the blank"),
        ({"<pad>": 0, "|": 1}, {}, "vocab.json: .*must hold letters"),
        (ROWS, {"added_tokens": {"<s>": 9}}, "added_tokens.json: '<s>' has row 9, but .* gives it row 1"),
        (ROWS, {"added_tokens": {"<x>": "9"}}, "row of '<x>' must be a whole number, 0 .* Received: '9'"),
        (ROWS, {"added_tokens": {"<x>": -1}}, "Received: -1"),
        (ROWS, {"tokenizer": {"added_tokens_decoder": [1]}}, "_tokens_decoder must hold one JSON object"),
        (ROWS, {"tokenizer": {"added_tokens_decoder": {"a": {"content": "<x>"}}}}, "whole number"),
        (ROWS, {"tokenizer": {"pad_token": 5}}, "tokenizer_config.json: pad_token must be .*Received: 5"),
        (
            ROWS,
            {"special_tokens": {"pad_token": {"content": 1}}},
            "_tokens_map.json: pad_token must be a text",
        ),
        (ROWS, {"config": {"pad_token_id": 3}}, "pad_token_id is 3, but vocab.json has <pad> at 0"),
    ],
)
def test_vocabulary_that_does_not_fit_or_is_contradicted_is_refused(vocabulary, files, message):
    with pytest.raises(ValueError, match=message):
        read(vocabulary, head_rows=32, **files)
