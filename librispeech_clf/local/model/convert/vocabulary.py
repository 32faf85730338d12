"""Which row of a checkpoint's CTC head writes which letter of this project.

In: `vocab.json` and what names its tokens: `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`.
Out: a row for each of the 32 letters. Rows of signs, special tokens and rows without a token are left out; letters
that the head lacks get a row that is never the highest.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from librispeech_clf.local.model.convert.checkpoint import Checkpoint
from librispeech_clf.text.vocabulary import BLANK, LETTERS, SPECIALS

_HEAD = ("lm_head.weight", "lm_head.bias")
NEVER = -1e4
"""Bias of a letter that a checkpoint lacks: it is never written; fits float16."""

_ROLES = {
    "pad_token": "<pad>",
    "word_delimiter_token": "|",
    "unk_token": "<unk>",
    "bos_token": "<s>",
    "eos_token": "</s>",
}
_ALIASES = {"[PAD]": "<pad>", "[UNK]": "<unk>", " ": "|"}
_APOSTROPHE = "'"
_APOSTROPHES = ("\N{RIGHT SINGLE QUOTATION MARK}", "\N{MODIFIER LETTER APOSTROPHE}", "\N{ACUTE ACCENT}", "`")
_OPTIONAL = frozenset(LETTERS[i] for i in SPECIALS if i != BLANK) | {_APOSTROPHE}


def name_tokens(checkpoint: Checkpoint, *, head_rows: int) -> dict[str, int]:
    """Return a checkpoint's vocabulary with its added tokens, the special ones under this project's names.

    Args:
        checkpoint: as `read_checkpoint` returns it.
        head_rows: rows of the CTC head; added tokens beyond them are left out, as the head cannot write them.

    Returns:
        Row by token.

    Raises:
        ValueError: a file gives a token another row than `vocab.json`, or values of another kind.
    """
    rows = dict(checkpoint.vocabulary)
    for file, token, row in _list_added_tokens(checkpoint):
        if type(row) is not int or row < 0:
            raise ValueError(
                f"{file}: the row of {token!r} must be a whole number, 0 or more. Received: {row!r}"
            )
        if rows.get(token, row) != row:
            raise ValueError(f"{file}: {token!r} has row {row}, but vocab.json gives it row {rows[token]}.")
        if row < head_rows:
            rows[token] = row
    roles = _find_roles(checkpoint, rows)
    taken = set(roles.values())
    return {
        roles.get(token, f"{token} (row {row})" if _fold(token, rows) in taken else token): row
        for token, row in rows.items()
    }


def _list_added_tokens(checkpoint: Checkpoint) -> list[tuple[str, str, Any]]:
    """Return file, token and row of each token that stands outside `vocab.json`."""
    added = [("added_tokens.json", token, row) for token, row in checkpoint.added_tokens.items()]
    file = "tokenizer_config.json: added_tokens_decoder"
    decoder = checkpoint.tokenizer.get("added_tokens_decoder") or {}
    if not isinstance(decoder, Mapping):
        raise ValueError(f"{file} must hold one JSON object. Received: {decoder!r}")
    for row, entry in decoder.items():
        token = _read_token(file, entry)
        if token is not None:
            added.append((file, token, int(row) if row.isascii() and row.isdecimal() else row))
    return added


def _find_roles(checkpoint: Checkpoint, rows: Mapping[str, int]) -> dict[str, str]:
    """Return this project's name of each token to which the tokenizer gives a role, `tokenizer_config.json` first."""
    roles: dict[str, str] = {}
    for role, name in _ROLES.items():
        for file, fields in (
            ("tokenizer_config.json", checkpoint.tokenizer),
            ("special_tokens_map.json", checkpoint.special_tokens),
        ):
            token = _read_token(f"{file}: {role}", fields.get(role))
            if token is not None and token in rows and token not in roles:
                roles[token] = name
                break
    return roles


def _read_token(place: str, entry: Any) -> str | None:
    """Return a token that stands as text or as {"content": text}."""
    token = entry.get("content", entry) if isinstance(entry, Mapping) else entry
    if token is not None and not isinstance(token, str):
        raise ValueError(f"{place} must be a text, or an object with content. Received: {entry!r}")
    return token


def fit_vocabulary(
    vocabulary: Mapping[str, int], *, head_rows: int, drop_letters: bool = False
) -> tuple[int | None, ...]:
    """Find the row of a checkpoint's CTC head for each letter of this project.

    Letters may be in another order and in lower case; the apostrophe and special letters other than the blank
    may be missing. Signs, special tokens and rows without a token are left out; foreign letters and digits are
    refused, as words with them would lose them silently.

    Args:
        vocabulary: row by token, as `name_tokens` returns it.
        head_rows: rows of the checkpoint's head (`vocab_size`).
        drop_letters: leave out foreign letters, too.

    Returns:
        For each of the 32 letters of `vocabulary.LETTERS` the row, None for one that is missing.

    Raises:
        ValueError: ids that are no rows, letters missing, letters unknown, two rows for one letter.
    """
    wrong = {
        letter: row for letter, row in vocabulary.items() if type(row) is not int or not 0 <= row < head_rows
    }
    if wrong or len(set(vocabulary.values())) != len(vocabulary):
        raise ValueError(
            f"vocab.json: must give every letter its own row in 0..{head_rows - 1}. "
            f"Received: {wrong or dict(vocabulary)}"
        )
    folded: dict[str, int] = {}
    for token, row in vocabulary.items():
        letter = _fold(token, vocabulary)
        if letter in folded and letter in LETTERS:
            raise ValueError(
                f"vocab.json: must have one row for {letter!r}. Received: {folded[letter]} and {row}"
            )
        folded[letter] = row
    missing = [letter for letter in LETTERS if letter not in folded and letter not in _OPTIONAL]
    left_out = list_left_out(vocabulary, head_rows=head_rows)
    unknown = left_out if missing else [token for token in left_out if _is_foreign_letter(token, vocabulary)]
    if missing or (unknown and not drop_letters):
        raise ValueError(
            f"vocab.json does not fit the 32 letters of librispeech_clf.text.vocabulary: missing {missing}, "
            f"unknown {unknown}. "
            + ("Use a checkpoint for English." if missing else "--drop-letters leaves the unknown ones out.")
        )
    return tuple(folded.get(letter) for letter in LETTERS)


def list_left_out(vocabulary: Mapping[str, int], *, head_rows: int) -> list[str]:
    """Return the tokens of a head that this project does not write, by row; rows without a token as such.

    Args:
        vocabulary: as for `fit_vocabulary`.
        head_rows: rows of the checkpoint's head.
    """
    names = {row: token for token, row in vocabulary.items() if _fold(token, vocabulary) not in LETTERS}
    empty = sorted(set(range(head_rows)) - set(vocabulary.values()))
    names |= {row: f"row {row}, without a letter" for row in empty}
    return [names[row] for row in sorted(names)]


def list_never_written(rows: Sequence[int | None]) -> list[str]:
    """Return this project's letters, special ones left out, for which a head has no row.

    Args:
        rows: as `fit_vocabulary` returns them.
    """
    return [LETTERS[i] for i, row in enumerate(rows) if row is None and i not in SPECIALS]


def _is_foreign_letter(token: str, vocabulary: Mapping[str, int]) -> bool:
    """Whether a text can hold the token, other than as a sign of punctuation."""
    if token not in vocabulary or (token[:1] in "<[" and len(token) > 1):
        return False
    return any(unicodedata.category(sign)[0] in "LMN" for sign in token)


def _fold(token: str, vocabulary: Mapping[str, int]) -> str:
    """Return a checkpoint's token as this project spells it."""
    if token in _APOSTROPHES and _APOSTROPHE not in vocabulary:
        return _APOSTROPHE
    return _ALIASES.get(token, token.upper() if len(token) == 1 and token.isascii() else token)


def check_head(tensors: Mapping[str, np.ndarray], *, head_rows: int) -> None:
    """Refuse a checkpoint without a CTC head, or with one of another size than its configuration tells.

    Args:
        tensors: weights by Hugging Face's name.
        head_rows: rows of the checkpoint's head (`vocab_size`).

    Raises:
        ValueError: the head is missing or has another number of rows.
    """
    if absent := [name for name in _HEAD if name not in tensors]:
        raise ValueError(f"The checkpoint has no CTC head: tensors missing {absent}.")
    wrong = [f"{name} has {tensors[name].shape}" for name in _HEAD if tensors[name].shape[:1] != (head_rows,)]
    if wrong:
        raise ValueError(f"wrong shape: {wrong}; config.json says vocab_size {head_rows}.")


def fit_head(tensors: Mapping[str, np.ndarray], rows: Sequence[int | None]) -> dict[str, np.ndarray]:
    """Return the tensors with the CTC head's rows in this project's order.

    Args:
        tensors: float32 weights by Hugging Face's name; `check_head` has seen them.
        rows: as `fit_vocabulary` returns them; None becomes a row that is never the highest (`NEVER`).
    """
    picked = [0 if row is None else row for row in rows]
    weight, bias = (tensors[name][picked] for name in _HEAD)
    absent_rows = np.array([row is None for row in rows])
    weight[absent_rows], bias[absent_rows] = 0, NEVER
    return {**tensors, _HEAD[0]: weight, _HEAD[1]: bias}
