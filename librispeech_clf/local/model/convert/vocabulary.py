"""The vocabulary of a checkpoint: which row of its CTC head writes which token.

In: `vocab.json` and what names its tokens: `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`.
Out: a `Vocabulary` of the model's own tokens, and the head's row of each: the blank first, the others in the order of
the head. Rows without a token are left out.
"""

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from librispeech_clf.local.model.convert.checkpoint import Checkpoint
from librispeech_clf.text.vocabulary import Vocabulary

_HEAD = ("lm_head.weight", "lm_head.bias")
_ROLES = {
    "pad_token": ("<pad>", "[PAD]"),
    "word_delimiter_token": ("|", " "),
    "unk_token": ("<unk>", "[UNK]"),
    "bos_token": ("<s>",),
    "eos_token": ("</s>",),
}
_SPECIAL = re.compile(r"<.+>|\[.+\]")


def read_tokens(checkpoint: Checkpoint, *, head_rows: int, language: str | None) -> dict[str, int]:
    """Return a checkpoint's tokens with the added ones, and the row of each.

    Args:
        checkpoint: as `read_checkpoint` returns it.
        head_rows: rows of the CTC head; added tokens beyond them are left out, as the head cannot write them.
        language: which vocabulary, where `vocab.json` holds one for each language (MMS).

    Raises:
        ValueError: no such language; rows that are none, or two of one token.
    """
    rows: dict[str, Any] = dict(checkpoint.vocabulary)
    if rows and all(isinstance(tokens, Mapping) for tokens in rows.values()):
        if language not in rows:
            raise ValueError(
                f"vocab.json: has a vocabulary for each of {len(rows)} languages, {', '.join(sorted(rows)[:8])} ...; "
                f"name one by --language. Received: {language!r}"
            )
        rows = dict(rows[language])
    for file, token, row in _list_added_tokens(checkpoint):
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


def _list_added_tokens(checkpoint: Checkpoint) -> Iterator[tuple[str, str, Any]]:
    """Yield file, token and row of each token that stands outside `vocab.json`."""
    for token, row in checkpoint.added_tokens.items():
        yield "added_tokens.json", token, row
    file = "tokenizer_config.json: added_tokens_decoder"
    decoder = checkpoint.tokenizer.get("added_tokens_decoder") or {}
    if not isinstance(decoder, Mapping):
        raise ValueError(f"{file} must hold one JSON object. Received: {decoder!r}")
    for row, entry in decoder.items():
        content = _read_token(file, entry)
        if content is not None:
            yield file, content, int(row) if row.isascii() and row.isdecimal() else row


def _find_roles(checkpoint: Checkpoint, rows: Mapping[str, int]) -> dict[str, str]:
    """Return the token of each role, by `tokenizer_config.json`, `special_tokens_map.json` or its usual name."""
    roles: dict[str, str] = {}
    for role, usual in _ROLES.items():
        named: list[str | None] = [
            _read_token(f"{file}: {role}", fields.get(role))
            for file, fields in (
                ("tokenizer_config.json", checkpoint.tokenizer),
                ("special_tokens_map.json", checkpoint.special_tokens),
            )
        ]
        if found := next((token for token in (*named, *usual) if token is not None and token in rows), None):
            roles[role] = found
    return roles


def _read_token(place: str, entry: Any) -> str | None:
    """Return a token that stands as text or as {"content": text}."""
    token = entry.get("content", entry) if isinstance(entry, Mapping) else entry
    if token is not None and not isinstance(token, str):
        raise ValueError(f"{place} must be a text, or an object with content. Received: {entry!r}")
    return token


def make_vocabulary(
    checkpoint: Checkpoint, tokens: Mapping[str, int], *, language: str | None
) -> tuple[Vocabulary, list[int]]:
    """Make a checkpoint's vocabulary.

    Args:
        checkpoint: as `read_checkpoint` returns it.
        tokens: as `read_tokens` returns them.
        language: ISO 639 code; None: English where the letters are those of English, else not known.

    Returns:
        The vocabulary, and the head's row of each of its tokens.

    Raises:
        ValueError: it has no blank, or nothing else.
    """
    roles = _find_roles(checkpoint, tokens)
    if "pad_token" not in roles:
        raise ValueError(
            "vocab.json: must hold the blank, <pad> or what tokenizer_config.json names as pad_token. "
            f"Received: {list(tokens)!r:.200}"
        )
    blank = tokens[roles["pad_token"]]
    configured = checkpoint.configuration.get("pad_token_id")
    if configured not in (None, blank):
        raise ValueError(
            f"config.json: pad_token_id is {configured}, but vocab.json has {roles['pad_token']} at {blank}."
        )
    delimiter = roles.pop("word_delimiter_token", "")
    ordered = sorted(tokens, key=lambda token: (tokens[token] != blank, tokens[token]))
    special = {*roles.values(), *(token for token in ordered if _SPECIAL.fullmatch(token))} - {delimiter}
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


def list_left_out(tokens: Mapping[str, int], *, head_rows: int) -> list[str]:
    """Return the rows of a head that have no token."""
    return [f"row {row}, without a letter" for row in sorted(set(range(head_rows)) - set(tokens.values()))]


def check_head(tensors: Mapping[str, np.ndarray], *, head_rows: int) -> None:
    """Refuse a checkpoint without a CTC head, or with one of another size than its configuration tells.

    Args:
        tensors: weights by Hugging Face's name.
        head_rows: rows of the checkpoint's head (`vocab_size`).

    Raises:
        ValueError: the head is missing or has another number of rows.
    """
    if absent := [name for name in _HEAD if name not in tensors]:
        raise ValueError(
            f"The checkpoint has no CTC head: tensors missing {absent}. A model for pre-training must be fine-tuned "
            "with CTC first."
        )
    wrong = [f"{name} has {tensors[name].shape}" for name in _HEAD if tensors[name].shape[:1] != (head_rows,)]
    if wrong:
        raise ValueError(f"wrong shape: {wrong}; config.json says vocab_size {head_rows}.")


def fit_head(tensors: Mapping[str, np.ndarray], rows: Sequence[int]) -> dict[str, np.ndarray]:
    """Return the tensors with the CTC head's rows in the vocabulary's order."""
    return {**tensors, **{name: tensors[name][list(rows)] for name in _HEAD}}
