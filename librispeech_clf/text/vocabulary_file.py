"""The JSON file of a vocabulary, which lies beside its model file.

Keys: `tokens` by row of the logits, the blank first; `special_tokens` that are never written; `word_delimiter`;
`language`; `units`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from librispeech_clf.text.vocabulary import Vocabulary

_MAKE_AGAIN = "make it again with its model: poetry run convert-model"


def make_vocabulary(
    fields: Any, *, place: str, language: str | None = None, units: str | None = None
) -> Vocabulary:
    """Make a vocabulary of what its JSON holds.

    Args:
        fields: as `Vocabulary.to_fields` returns them.
        place: where they stand, for the message.
        language: another language than the fields'.
        units: other units than the fields'.

    Raises:
        ValueError: they do not describe a vocabulary.
    """
    names = ("tokens", "special_tokens", "word_delimiter", "language", "units")
    if (
        not isinstance(fields, Mapping)
        or not set(fields) <= set(names)
        or not isinstance(fields.get("tokens"), list)
    ):
        raise ValueError(f"{place}: must hold {', '.join(names)}. Received: {fields!r:.200}; {_MAKE_AGAIN}")
    tokens: Sequence[str] = fields["tokens"]
    special, delimiter = fields.get("special_tokens") or [], fields.get("word_delimiter")
    try:
        return Vocabulary(
            tuple(tokens),
            frozenset(tokens.index(token) for token in special),
            None if delimiter is None else tokens.index(delimiter),
            language or fields.get("language"),
            units or fields.get("units") or "",
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{place}: not a vocabulary ({error}); {_MAKE_AGAIN}") from error


def read_vocabulary(path: Path, *, language: str | None = None, units: str | None = None) -> Vocabulary:
    """Read a vocabulary file.

    Args:
        path: the JSON file that lies beside the model file.
        language: as for `make_vocabulary`.
        units: as for `make_vocabulary`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it does not describe a vocabulary.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such vocabulary; convert-model writes it beside the model: name it as model.vocabulary in "
            "config.yaml."
        )
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not valid JSON ({error}); {_MAKE_AGAIN}") from error
    return make_vocabulary(fields, place=str(path), language=language, units=units)


def name_vocabulary_file(model: Path) -> Path:
    """Return where the vocabulary of a model file lies: beside it."""
    return model.with_suffix(".vocabulary.json")
