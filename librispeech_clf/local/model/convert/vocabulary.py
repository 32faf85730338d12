"""The vocabulary of a checkpoint: which row of its CTC head writes which token.

In: `vocab.json` and what names its tokens: `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`.
Out: a `Vocabulary` of the model's own tokens, and each one's row in the head: the blank first, the others in the
head's order. Rows without a token are left out.
"""

import re
import string
from collections.abc import Iterator, Mapping
from typing import Any

from librispeech_clf.text.vocabulary import Vocabulary

_ROLES = {
    "pad_token": ("<pad>", "[PAD]"),
    "word_delimiter_token": ("|", " "),
    "unk_token": ("<unk>", "[UNK]"),
    "bos_token": ("<s>",),
    "eos_token": ("</s>",),
}
_SPECIAL = re.compile(r"<.+>|\[.+\]")

Files = Mapping[str, Mapping[str, Any]]
"""Content of a checkpoint's JSON files by their name, as `Checkpoint.files` has it."""


def convert_vocabulary(files: Files, *, head_rows: int, language: str | None) -> tuple[Vocabulary, list[int]]:
    """Make a checkpoint's vocabulary.

    Args:
        files: the checkpoint's files.
        head_rows: number of rows of the CTC head; added tokens beyond them are left out, as the head cannot write them.
        language: ISO 639 code; chooses the vocabulary if `vocab.json` holds one per language (MMS). None: English
            if the letters are those of English, else unknown.

    Returns:
        The vocabulary, and each of its tokens' row in the head.

    Raises:
        ValueError: there is no such language; a token has an invalid row, or two; there is no blank, or nothing else.
    """
    tokens = _read_tokens(files, head_rows=head_rows, language=language)
    roles = _find_roles(files, tokens)
    if "pad_token" not in roles:
        raise ValueError(
            "vocab.json: must hold the blank, <pad> or what tokenizer_config.json names as pad_token. "
            f"Received: {list(tokens)!r:.200}"
        )
    blank = tokens[roles["pad_token"]]
    if (configured := files["config.json"].get("pad_token_id")) not in (None, blank):
        raise ValueError(
            f"config.json: pad_token_id is {configured}, but vocab.json has {roles['pad_token']} at {blank}."
        )
    delimiter = roles.pop("word_delimiter_token", "")
    ordered = sorted(tokens, key=lambda token: (tokens[token] != blank, tokens[token]))
    special = {*roles.values(), *filter(_SPECIAL.fullmatch, ordered)} - {delimiter}
    letters = {token.lower() for token in ordered if token not in special and token.isalpha()}
    if not letters:
        raise ValueError(f"vocab.json: must hold letters. Received: {ordered!r:.200}")
    if language is None and letters == set(string.ascii_lowercase):
        language = "en"
    rows = {token: row for row, token in enumerate(ordered)}
    vocabulary = Vocabulary(
        tuple(ordered), frozenset(rows[token] for token in special), rows.get(delimiter), language
    )
    return vocabulary, [tokens[token] for token in ordered]


def _read_tokens(files: Files, *, head_rows: int, language: str | None) -> dict[str, int]:
    """Return the tokens, added ones included, and each one's row in the head."""
    rows: dict[str, Any] = dict(files["vocab.json"])
    if rows and all(isinstance(tokens, Mapping) for tokens in rows.values()):
        if language not in rows:
            raise ValueError(
                f"vocab.json: has a vocabulary for each of {len(rows)} languages, {', '.join(sorted(rows)[:8])} ...; "
                f"name one with --language. Received: {language!r}"
            )
        rows = dict(rows[language])
    for file, token, row in _list_added_tokens(files):
        if type(row) is not int or row < 0:
            raise ValueError(
                f"{file}: the row of {token!r} must be a whole number, 0 or more. Received: {row!r}"
            )
        if rows.get(token, row) != row:
            raise ValueError(f"{file}: {token!r} has row {row}, but vocab.json gives it row {rows[token]}.")
        if row < head_rows:
            rows[token] = row
    wrong = {token: row for token, row in rows.items() if type(row) is not int or not 0 <= row < head_rows}
    if wrong or len(set(rows.values())) != len(rows) or "" in rows:
        raise ValueError(
            f"vocab.json: must give every token its own row in 0..{head_rows - 1}. Received: {wrong or rows!r:.200}"
        )
    return rows


def _list_added_tokens(files: Files) -> Iterator[tuple[str, str, Any]]:
    """Yield file, token and row of each token that is listed outside `vocab.json`."""
    for token, row in files["added_tokens.json"].items():
        yield "added_tokens.json", token, row
    file = "tokenizer_config.json: added_tokens_decoder"
    decoder = files["tokenizer_config.json"].get("added_tokens_decoder") or {}
    if not isinstance(decoder, Mapping):
        raise ValueError(f"{file} must hold one JSON object. Received: {decoder!r}")
    for row, entry in decoder.items():
        if (content := _read_token(file, entry)) is not None:
            yield file, content, int(row) if row.isascii() and row.isdecimal() else row


def _find_roles(files: Files, rows: Mapping[str, int]) -> dict[str, str]:
    """Return the token for each role, from `tokenizer_config.json`, `special_tokens_map.json` or by its usual name."""
    roles: dict[str, str] = {}
    for role, usual in _ROLES.items():
        named = [
            _read_token(f"{file}: {role}", files[file].get(role))
            for file in ("tokenizer_config.json", "special_tokens_map.json")
        ]
        if found := next((token for token in (*named, *usual) if token in rows), None):
            roles[role] = found
    return roles


def _read_token(place: str, entry: Any) -> str | None:
    """Return a token that is given as text or as {"content": text}."""
    token = entry.get("content", entry) if isinstance(entry, Mapping) else entry
    if token is not None and not isinstance(token, str):
        raise ValueError(f"{place} must be a text, or an object with content. Received: {entry!r}")
    return token
