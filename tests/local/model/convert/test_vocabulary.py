"""Which row writes which letter: tokenizer files, signs, missing and foreign letters."""

import pytest

from librispeech_clf.local.model.convert.checkpoint import Checkpoint
from librispeech_clf.local.model.convert.vocabulary import (
    fit_vocabulary,
    list_left_out,
    list_never_written,
    name_tokens,
)
from librispeech_clf.text.vocabulary import LETTERS

ROWS = {letter: row for row, letter in enumerate(LETTERS)}
TUTORIAL = {
    letter: row for row, letter in enumerate(["|", *"abcdefghijklmnopqrstuvwxyz", "'", "[UNK]", "[PAD]"])
}


def rename(**names):
    return {names.get(letter, letter): row for letter, row in ROWS.items()}


def name(vocabulary, *, head_rows=32, **files):
    return name_tokens(Checkpoint({}, vocabulary, {}, **files), head_rows=head_rows)


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
    vocabulary = {token if letter == "<pad>" else letter: row for letter, row in ROWS.items()}
    assert fit_vocabulary(name(vocabulary, **files), head_rows=32) == tuple(range(32))


@pytest.mark.parametrize(("role", "letter"), [("word_delimiter_token", "|"), ("unk_token", "<unk>")])
@pytest.mark.parametrize("token", ["_", "#", "<x>"])
def test_delimiter_and_unknown_under_their_own_names(role, letter, token):
    vocabulary = {token if x == letter else x: row for x, row in ROWS.items()}
    assert fit_vocabulary(name(vocabulary, tokenizer={role: token}), head_rows=32) == tuple(range(32))


def test_blank_of_the_tokenizer_before_an_unused_pad():
    vocabulary = ROWS | {"<blank>": 32}
    tokens = name(vocabulary, head_rows=33, tokenizer={"pad_token": "<blank>"})
    rows = fit_vocabulary(tokens, head_rows=33)
    assert rows[0] == 32 and rows[1:] == tuple(range(1, 32))
    assert list_left_out(tokens, head_rows=33) == ["<pad> (row 0)"]


@pytest.mark.parametrize(
    "files",
    [
        {"added_tokens": {"<s>": 30, "</s>": 31}},
        {"tokenizer": {"added_tokens_decoder": {"30": {"content": "<s>"}, "31": {"content": "</s>"}}}},
    ],
)
def test_added_tokens_have_rows_only_within_the_head(files):
    assert name(TUTORIAL, **files)["</s>"] == 31
    rows = fit_vocabulary(name(TUTORIAL, **files), head_rows=32)
    assert rows[:5] == (29, 30, 31, 28, 0)
    assert fit_vocabulary(name(TUTORIAL, head_rows=30, **files), head_rows=30)[:4] == (29, None, None, 28)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"added_tokens": {"<s>": 9}}, "added_tokens.json: '<s>' has row 9, but vocab.json gives it row 1"),
        ({"added_tokens": {"<x>": "9"}}, "the row of '<x>' must be a whole number, 0 or more. Received: '9'"),
        ({"added_tokens": {"<x>": -1}}, "Received: -1"),
        ({"tokenizer": {"added_tokens_decoder": [1]}}, "added_tokens_decoder must hold one JSON object"),
        ({"tokenizer": {"added_tokens_decoder": {"a": {"content": "<x>"}}}}, "whole number"),
        ({"tokenizer": {"pad_token": 5}}, "tokenizer_config.json: pad_token must be a text.*Received: 5"),
        (
            {"special_tokens": {"pad_token": {"content": 1}}},
            "special_tokens_map.json: pad_token must be a text",
        ),
    ],
)
def test_tokenizer_files_that_do_not_fit_are_named(files, message):
    with pytest.raises(ValueError, match=message):
        name(ROWS, **files)


def test_apostrophe_may_be_missing_or_typographic():
    without = {letter: row for row, letter in enumerate(x for x in LETTERS if x != "'")}
    rows = fit_vocabulary(without, head_rows=31)
    assert rows[27] is None and list_never_written(rows) == ["'"]
    typographic = rename(**{"'": "\N{RIGHT SINGLE QUOTATION MARK}"})
    assert fit_vocabulary(typographic, head_rows=32) == tuple(range(32))


def test_signs_special_tokens_and_empty_rows_are_left_out_and_listed():
    vocabulary = ROWS | {"-": 32, "<mask>": 33, "\N{RIGHT SINGLE QUOTATION MARK}": 35}
    assert fit_vocabulary(vocabulary, head_rows=37) == tuple(range(32))
    assert list_left_out(vocabulary, head_rows=37) == [
        "-", "<mask>", "row 34, without a letter", "\N{RIGHT SINGLE QUOTATION MARK}", "row 36, without a letter",
    ]  # fmt: skip


@pytest.mark.parametrize("token", ["Ä", "ß", "1", "TH", "\u2581the", "\u0301", "\N{KELVIN SIGN}"])
def test_foreign_letters_need_the_option(token):
    with pytest.raises(ValueError, match="--drop-letters leaves the unknown ones out"):
        fit_vocabulary(ROWS | {token: 32}, head_rows=33)
    assert fit_vocabulary(ROWS | {token: 32}, head_rows=33, drop_letters=True) == tuple(range(32))


@pytest.mark.parametrize(("token", "letter"), [("a", "A"), (" ", r"\|"), ("[PAD]", "<pad>")])
def test_two_rows_for_one_letter_are_refused(token, letter):
    with pytest.raises(ValueError, match=rf"one row for '{letter}'. Received: \d+ and 32"):
        fit_vocabulary(ROWS | {token: 32}, head_rows=33, drop_letters=True)
