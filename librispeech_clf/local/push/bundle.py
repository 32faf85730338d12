"""What a push collects by leap.yaml, what the entry file needs from it, and what the platform installs for it.

In: leap.yaml, requirements.txt and the project's folder. Out: paths relative to that folder, chosen as the leap
command line does (everything an `include` pattern matches, minus what `exclude` matches, and always the entry file),
and findings: which files are missing, and which distributions are missing or superfluous.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

MANIFEST_KEYS = ("projectId", "secretId", "branch", "entryFile", "include", "exclude", "pythonVersion")
WILDCARDS = {"**/": "(?:.*/)?", "/**": "(?:/.*)?", "*": "[^/]*", "?": "[^/]"}
PACKAGE = "librispeech_clf"
DATA_FILES = (
    f"{PACKAGE}/config.yaml",
    f"{PACKAGE}/corpus/bundled/*.parquet",
    f"{PACKAGE}/corpus/bundled/*.TXT",
)
"""What the closure's modules read, as glob patterns, besides the vocabulary that config.yaml names."""
NOT_RUN = "tensorleap_load_model"
DISTRIBUTIONS = {"yaml": "pyyaml", "sklearn": "scikit-learn", "PIL": "pillow"}
"""Distributions whose name differs from their module's."""
REQUIREMENTS = "requirements.txt"
PLATFORM_PYTHON = "3.11"
"""leap.yaml's pythonVersion."""
PLATFORMS = [f"manylinux{tag}_aarch64" for tag in ("_2_28", "_2_27", "_2_26", "_2_24", "_2_17", "2014")]
SOURCE_ONLY = {"psutil>=5.9.5,<6.0.0": "code-loader needs it"}
"""Requirements known to have no wheel for Linux on aarch64; pip builds them, which takes a C compiler."""


class Finding(NamedTuple):
    """One row of the table: what was checked and why it failed; None: it passed, or was not run (see the note)."""

    what: str
    problem: str | None
    note: str = ""
    skipped: bool = False


class Manifest(NamedTuple):
    """What a push reads from leap.yaml: the entry file, patterns of files to push (none: all) and to leave out."""

    entry_file: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]


class Collection(NamedTuple):
    """The files of a push, relative to the project's folder.

    Attributes:
        files: the files, sorted.
        unmatched: `include` patterns that match no file.
        missing: modules that the entry file imports, and data they read, that are not among the files.
    """

    files: tuple[str, ...]
    unmatched: tuple[str, ...]
    missing: tuple[str, ...]


def read_manifest(path: Path) -> Manifest:
    """Read leap.yaml; refuse keys that the command line would drop, and missing ones."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such manifest; name the folder that holds it with --root.")
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict) or set(values) != set(MANIFEST_KEYS):
        received = ", ".join(values) if isinstance(values, dict) else repr(values)
        raise ValueError(f"{path}: expected exactly {', '.join(MANIFEST_KEYS)}; received {received}.")
    return Manifest(values["entryFile"], tuple(values["include"]), tuple(values["exclude"]))


def collect(root: Path, manifest: Manifest) -> Collection:
    """Find the files of a push."""
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
    literal = re.split(r"[*?]", pattern.removeprefix("./"))[0]
    if (root / literal).is_file():
        return {literal}
    base = root / literal.rpartition("/")[0]
    walked = (Path(folder, name) for folder, _, names in os.walk(base) for name in names)
    return {file for file in (path.relative_to(root).as_posix() for path in walked) if rule.match(file)}


def compile_pattern(pattern: str) -> re.Pattern[str]:
    r"""Translate a glob to a regular expression over whole paths.

    The rules are those of the Go library doublestar, which the leap command line uses (the README of
    bmatcuk/doublestar): `*` and `?` stay in one folder, `**` as a whole part crosses any number of folders.

    Raises:
        ValueError: The pattern has classes, alternatives or escapes, which doublestar also supports.
    """
    if unknown := re.search(r"[\[{\\]", pattern):
        raise ValueError(
            f"leap.yaml: {pattern!r}: {unknown[0]!r} is not understood here; write one pattern each."
        )
    whole = "**/*" if pattern == "**" else pattern.removeprefix("./")
    signs = re.split(r"((?:(?<=/)|^)\*\*/|/\*\*$|\*+|\?)", whole)
    rules = (WILDCARDS.get(sign) or WILDCARDS.get(sign[:1]) or re.escape(sign) for sign in signs)
    return re.compile("".join(rules) + r"\Z", re.DOTALL)


# What the entry file imports, read from the syntax trees; nothing is imported. Imports within functions count, as the
# platform runs them; those of `load_model` do not, as the engine opens the model file by itself.


class Closure(NamedTuple):
    """What an entry file imports, directly or not.

    Attributes:
        files: The entry file and the package's modules, relative to the project's folder, sorted.
        distributions: Third-party distributions, each with the file that first imports it.
    """

    files: tuple[str, ...]
    distributions: dict[str, str]


def compute_closure(root: Path, entry_file: str) -> Closure:
    """Follow the imports of an entry file; modules of the package that do not exist are left out.

    Raises:
        ValueError: A file is not valid Python.
    """
    pending: list[str] = [entry_file]
    files: set[str] = set()
    distributions: dict[str, str] = {}
    while pending:
        file = pending.pop()
        if file in files or not (root / file).is_file():
            continue
        files.add(file)
        for module in read_imports(root / file, package=file.split("/")[:-1]):
            top = module.split(".")[0]
            if top == PACKAGE:
                pending += find_modules(root, module)
            elif top not in sys.stdlib_module_names:
                distributions.setdefault(DISTRIBUTIONS.get(top, top.replace("_", "-")), file)
    return Closure(tuple(sorted(files)), dict(sorted(distributions.items())))


def read_imports(path: Path, *, package: Sequence[str]) -> list[str]:
    """List the modules a file imports, with dots; `from a import b` gives `a` and `a.b`.

    `package` holds the parts of the package that the file is in, which relative imports start from.
    """
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        raise ValueError(f"{path}: not valid Python, so its imports are unknown: {error}.") from error
    modules = []
    for node in walk_what_runs(tree):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            modules += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return modules


def walk_what_runs(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a syntax tree, without `load_model`, extras that may be absent, and what only type checkers read."""
    if isinstance(node, ast.FunctionDef) and any(NOT_RUN in ast.dump(mark) for mark in node.decorator_list):
        return
    if isinstance(node, ast.If) and ast.unparse(node.test).split(".")[-1] == "TYPE_CHECKING":
        for statement in node.orelse:
            yield from walk_what_runs(statement)
        return
    if isinstance(node, ast.Try) and any(
        handler.type and "ImportError" in ast.unparse(handler.type) for handler in node.handlers
    ):
        node = ast.Module([each for each in node.body if not isinstance(each, ast.Import)] + node.orelse, [])
    yield node
    for child in ast.iter_child_nodes(node):
        yield from walk_what_runs(child)


def find_modules(root: Path, module: str) -> list[str]:
    """List the files that importing a module of the package runs, its packages' `__init__.py` included."""
    parts = module.split(".")
    names = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    candidates = [f"{name}{ending}" for name in names for ending in ("/__init__.py", ".py")]
    return [file for file in candidates if (root / file).is_file()]


def list_data_files(root: Path) -> set[str]:
    """Return the data files that the closure reads, relative to the project's folder."""
    files = {path.relative_to(root).as_posix() for name in DATA_FILES for path in root.glob(name)}
    configuration = root / DATA_FILES[0]
    if configuration.is_file():
        files.add(yaml.safe_load(configuration.read_text(encoding="utf-8"))["model"]["vocabulary"])
    return files


# What the platform installs


def read_requirements(path: Path) -> list[str]:
    """Read the lines of a requirements file, without comments."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: does not exist; the platform installs what it lists.")
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def name_of(requirement: str) -> str:
    """Return the normalized name of a requirement's distribution: lower case, hyphens (PEP 503)."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]).lower()


def check_requirements(root: Path, entry_file: str) -> list[Finding]:
    """Compare requirements.txt with what the entry file imports; a finding for each that is missing or superfluous."""
    imported = compute_closure(root, entry_file).distributions
    listed = {name_of(line) for line in read_requirements(root / REQUIREMENTS)}
    findings = [
        Finding(REQUIREMENTS, f"lacks {name}, which {file} imports; add its line from pyproject.toml.")
        for name, file in imported.items()
        if name not in listed
    ]
    findings += [
        Finding(REQUIREMENTS, f"lists {name}, which nothing the platform runs imports; remove its line.")
        for name in sorted(listed - set(imported))
    ]
    return findings or [Finding(REQUIREMENTS, None, f"{len(listed)} distributions, all of them needed")]


def check_wheels(root: Path, python: Path) -> list[Finding]:
    """Ask pip whether every line of requirements.txt has a wheel for Linux on aarch64; needs a package index."""
    lines = read_requirements(root / REQUIREMENTS)
    if find_no_wheels(python, lines):
        failed = {line: find_no_wheels(python, [line]) for line in lines}
        remedy = "the platform may be Linux on aarch64: ask for a release that has a wheel for it."
        return [Finding(line, f"{reason}; {remedy}") for line, reason in failed.items() if reason]
    sources = [f"{name} ({why})" for name, why in SOURCE_ONLY.items() if find_no_wheels(python, [name])]
    note = f"all {len(lines)} lines"
    return [Finding("aarch64 wheels", None, "; built from source: ".join([note, *sources]))]


def find_no_wheels(python: Path, requirements: Sequence[str]) -> str | None:
    """Return pip's last message if one of these has no wheel for Linux on aarch64; dependencies are ignored."""
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    command = [str(python), "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed"]
    command += ["--target", "unused", "--disable-pip-version-check", "--only-binary=:all:"]
    command += ["--python-version", PLATFORM_PYTHON, *platforms, *requirements]
    with tempfile.TemporaryDirectory(prefix="check-push-wheels-") as folder:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return (done.stderr.strip().splitlines() or ["pip failed"])[-1] if done.returncode else None
