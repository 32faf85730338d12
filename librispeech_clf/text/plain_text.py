r"""Show foreign text as text: ids, transcripts, paths and names from anybody's data, on terminal and page.

Escape sequences retitle or clear a terminal, directional overrides let a name read as another one, and half
of a surrogate pair cannot be printed at all. They are shown by their code, as Python writes it: \x1b.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable
from typing import Any, TextIO

UNPRINTABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of controls, formats (with the directional ones), surrogates and separators of lines."""
JOINERS = "\u200c\u200d"
"""Formats that words of Persian and of Indian languages are spelt with; they join letters or part them."""


def escape_unprintable(text: str, *, keep: str = "") -> str:
    r"""Write every character that is not seen, but does something, by its code.

    Args:
        text: any.
        keep: characters to leave as they are, besides joiners.

    Returns:
        The text, with \x1b, \u202e and the like in place of such characters.
    """
    return _replace_unprintable(text, _name_code, keep=keep)


def escape_json(text: str) -> str:
    """Write unprintable characters of a JSON text as JSON's own escapes, which read back; newlines stay."""
    return _replace_unprintable(text, lambda letter: json.dumps(letter)[1:-1], keep="\n")


def escape_texts(value: Any) -> Any:
    """Escape the texts in nested dictionaries and lists of plain data; newlines stay."""
    if isinstance(value, str):
        return escape_unprintable(value, keep="\n")
    if isinstance(value, dict):
        return {escape_texts(key): escape_texts(item) for key, item in value.items()}
    if isinstance(value, list | tuple) and not (value and isinstance(value[0], int | float)):
        return [escape_texts(item) for item in value]
    return value


def print_plain(text: str, *, file: TextIO | None = None) -> None:
    """Print a message in which foreign text may stand; newlines stay."""
    print(escape_unprintable(text, keep="\n"), file=file or sys.stdout, flush=True)


def _name_code(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def _replace_unprintable(text: str, code: Callable[[str], str], *, keep: str) -> str:
    if text.isprintable():
        return text
    kept = keep + JOINERS
    return "".join(
        code(letter) if unicodedata.category(letter) in UNPRINTABLE and letter not in kept else letter
        for letter in text
    )
