r"""Show untrusted text as text: ids, transcripts, paths and names from anybody's data, on terminal and page.

Escape sequences can retitle or clear a terminal, directional overrides make a name read as another, and half of
a surrogate pair cannot be printed at all. They are shown by their code, as Python writes it: \x1b.

Arabic and Hebrew are stored in reading order. Some terminals lay them out from right to left; most (xterm, kitty,
Windows Terminal, that of VS Code) show letters in stored order, so there the program must put them in visual
order. The environment tells which is which; a file or pipe gets the stored order. See Unicode's Standard Annex 9 and
https://terminal-wg.pages.freedesktop.org/bidi/.
"""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, TextIO

UNPRINTABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of controls, formats (directional ones included), surrogates and line separators."""
JOINERS = "\u200c\u200d"
"""Formats that spell words in Persian and Indian languages; they join letters or keep them apart."""

_KINDS = {"R": "R", "AL": "R", "L": "L", "EN": "0", "AN": "0", "CS": ","}
_MIRRORED = str.maketrans("()[]{}<>", ")(][}{><")


def escape_unprintable(text: str, *, keep: str = "") -> str:
    r"""Write every character that is invisible but has an effect by its code, such as \x1b and \u202e.

    Joiners and the characters of `keep` stay.
    """
    return _replace_unprintable(text, lambda letter: letter.encode("unicode_escape").decode(), keep=keep)


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
    """Print a message that may contain untrusted text; newlines stay."""
    print(escape_unprintable(text, keep="\n"), file=file or sys.stdout, flush=True)


def needs_visual_order(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether a stream is a terminal that shows Arabic and Hebrew in the order in which it gets them."""
    lays_out = (
        environment.get("VTE_VERSION", "0") >= "5800"  # GNOME Terminal and its kin
        or "KONSOLE_VERSION" in environment
        or environment.get("TERM_PROGRAM") in ("Apple_Terminal", "mintty")
        or environment.get("TERM", "").startswith("mlterm")
    )
    return stream.isatty() and not lays_out


def to_visual_order(text: str) -> str:
    """Put a line's letters in visual order, from left to right; joining them is left to the terminal."""
    signs: list[str] = []
    for sign in text:
        # Accents and joiners follow their letter.
        if signs and unicodedata.bidirectional(sign) in ("NSM", "BN"):
            signs[-1] += sign
        else:
            signs.append(sign)
    kinds = "".join(_KINDS.get(unicodedata.bidirectional(sign[0]), " ") for sign in signs)
    kinds = re.sub("(?<=0),(?=0)", "0", kinds).replace(",", " ")  # 1.5 and 1,000 are one number each
    if "R" not in kinds:
        return text
    if kinds.lstrip(" 0")[0] == "R":
        return _lay_from_right(signs, kinds)
    line, last = "", 0
    for run in re.finditer("R(?:[R 0]*[R0])?", kinds):
        line += "".join(signs[last : run.start()]) + _lay_from_right(signs[run.start() : run.end()], run[0])
        last = run.end()
    return line + "".join(signs[last:])


def _lay_from_right(signs: list[str], kinds: str) -> str:
    parts: list[str] = []
    last = 0
    for run in re.finditer("L(?:[L 0]*[L0])?|0+|$", kinds):  # what is read from left to right within
        parts += [sign.translate(_MIRRORED) for sign in signs[last : run.start()]]
        parts.append("".join(signs[run.start() : run.end()]))
        last = run.end()
    return "".join(reversed(parts))


def _replace_unprintable(text: str, code: Callable[[str], str], *, keep: str) -> str:
    if text.isprintable():
        return text
    kept = keep + JOINERS
    return "".join(
        code(letter) if unicodedata.category(letter) in UNPRINTABLE and letter not in kept else letter
        for letter in text
    )
