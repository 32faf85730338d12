"""The platform manifest leap.yaml, and the files that a push collects by it.

In: leap.yaml and the project's folder. Out: paths relative to that folder, chosen as the leap command line
does: everything an `include` pattern matches, less what `exclude` matches, and always the entry file; and how
they differ from what the entry file imports and reads.
"""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import yaml

from librispeech_clf.local.push.closure import compute_closure, list_data_files

MANIFEST_KEYS = ("projectId", "secretId", "branch", "entryFile", "include", "exclude", "pythonVersion")
MEANINGS = {
    "**/": "(?:.*/)?",
    "/**": "(?:/.*)?",
    "**": ".*",
    "*": "[^/]*",
    "?": "[^/]",
    "{": "(?:",
    "}": ")",
}
SIGNS = re.compile(r"(?:(?<=/)|(?<!.))\*\*/|/\*\*$|^\*\*$|\\.|\[[^\]]+\]|.")
SPECIAL_SIGNS = re.compile(r"[*?\[{\\]")


@dataclass(frozen=True)
class Manifest:
    """What a push reads from leap.yaml.

    Attributes:
        entry_file: The file that registers the integration.
        include: Patterns of the files to push; none means all files.
        exclude: Patterns of files to leave out.
    """

    entry_file: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]


@dataclass(frozen=True)
class Collection:
    """The files of a push.

    Attributes:
        files: Paths relative to the project's folder, sorted.
        unmatched: `include` patterns that match no file.
        missing: Modules that the entry file imports and data they read, not among the files.
    """

    files: tuple[str, ...]
    unmatched: tuple[str, ...]
    missing: tuple[str, ...]


def read_manifest(path: Path) -> Manifest:
    """Read leap.yaml.

    Args:
        path: The file.

    Returns:
        Entry file and patterns.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It holds a key that the command line would drop, or lacks one.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such manifest; name the folder that holds it by --root.")
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict) or set(values) != set(MANIFEST_KEYS):
        received = ", ".join(values) if isinstance(values, dict) else repr(values)
        raise ValueError(f"{path}: expected exactly {', '.join(MANIFEST_KEYS)}; received {received}.")
    return Manifest(values["entryFile"], tuple(values["include"]), tuple(values["exclude"]))


def collect(root: Path, manifest: Manifest) -> Collection:
    """Find the files of a push.

    Args:
        root: The project's folder.
        manifest: What to include and exclude.

    Returns:
        The files, and what is wrong with them.

    Raises:
        ValueError: A pattern has no end, or a module is not valid Python.
    """
    matches = {pattern: find_files(root, pattern) for pattern in manifest.include or ("**",)}
    excluded = [compile_pattern(pattern) for pattern in manifest.exclude]
    matched = set().union(*matches.values())
    chosen = {file for file in matched if not any(rule.match(file) for rule in excluded)}
    chosen.add(manifest.entry_file)
    unmatched = tuple(pattern for pattern, files in matches.items() if not files)
    needed = {*compute_closure(root, manifest.entry_file).files, *list_data_files(root)}
    return Collection(tuple(sorted(chosen)), unmatched, tuple(sorted(needed - chosen)))


def find_files(root: Path, pattern: str) -> set[str]:
    """Find the files that a pattern matches, relative to the project's folder."""
    rule = compile_pattern(pattern)
    literal = itertools.takewhile(lambda part: not SPECIAL_SIGNS.search(part), PurePosixPath(pattern).parts)
    base = root.joinpath(*literal)
    if base.is_file():
        return {base.relative_to(root).as_posix()}
    walked = (Path(folder, name) for folder, _, names in os.walk(base) for name in names)
    return {file for file in (path.relative_to(root).as_posix() for path in walked) if rule.match(file)}


def compile_pattern(pattern: str) -> re.Pattern[str]:
    r"""Translate a glob to a regular expression over whole paths.

    The rules are those of the Go library doublestar, which the leap command line uses: `*` and `?` stay in
    one folder, `**` as a whole part crosses any number of folders, `[a-z]` and `[^a-z]` are classes,
    `{a,b}` are alternatives, a backslash takes the next sign literally. Source:
    the README of bmatcuk/doublestar.

    Args:
        pattern: A glob relative to the project's folder, parts separated by `/`.

    Returns:
        An expression whose `match` accepts exactly the paths that the glob matches.

    Raises:
        ValueError: A bracket or brace is never closed.
    """
    translated, depth = "", 0
    for sign in SIGNS.findall(pattern.removeprefix("./")):
        if sign in ("[", "\\"):
            raise ValueError(f"leap.yaml: {pattern!r} has {sign!r} without its end.")
        depth += (sign == "{") - (sign == "}")
        translated += _translate(sign, inside_braces=depth > 0)
    if depth:
        raise ValueError(f"leap.yaml: {pattern!r} has unbalanced braces.")
    return re.compile(translated + r"\Z", re.DOTALL)


def _translate(sign: str, *, inside_braces: bool) -> str:
    """Translate one sign of a glob, or one group of signs with a meaning."""
    if sign in MEANINGS:
        return MEANINGS[sign]
    if sign == "," and inside_braces:
        return "|"
    if sign.startswith("["):
        negation = "^" if sign[1] in "^!" else ""
        return f"[{negation}{sign[1 + len(negation) :]}"
    return re.escape(sign.removeprefix("\\") if len(sign) > 1 else sign)
