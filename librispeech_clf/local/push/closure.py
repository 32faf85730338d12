"""What the platform needs of the project: the modules that the entry file imports, and their third parties.

In: the entry file's source. Out: its import closure, read from the syntax trees; nothing is imported. Imports
inside functions count, for the platform runs them; those of `load_model` do not, for it never does: the engine
opens the model file by itself. Imports for type checkers do not count either.
"""

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "librispeech_clf"
DATA_FILES = (
    f"{PACKAGE}/config.yaml",
    f"{PACKAGE}/corpus/bundled/*.parquet",
    f"{PACKAGE}/corpus/bundled/*.TXT",
)
"""What the closure's modules read, as glob patterns."""
NOT_RUN = "tensorleap_load_model"
DISTRIBUTIONS = {"yaml": "pyyaml", "sklearn": "scikit-learn", "PIL": "pillow"}
"""Distributions whose name is not that of their module."""


@dataclass(frozen=True)
class Closure:
    """What an entry file imports, directly or not.

    Attributes:
        files: The entry file and the package's modules, relative to the project's folder, sorted.
        distributions: Third-party distributions, each with the file that first imports it.
    """

    files: tuple[str, ...]
    distributions: dict[str, str]


def compute_closure(root: Path, entry_file: str) -> Closure:
    """Follow the imports of an entry file.

    Args:
        root: The project's folder.
        entry_file: The file that registers the integration, relative to `root`.

    Returns:
        Its closure; empty where the file does not exist. A module of the package that does not exist is left out.

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

    Args:
        path: A Python file.
        package: Parts of the package that holds it, which relative imports start from.

    Returns:
        Full names, in the order of the file.

    Raises:
        ValueError: The file is not valid Python.
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
    """Go through a syntax tree, without `load_model` and what only type checkers read."""
    if isinstance(node, ast.FunctionDef) and any(NOT_RUN in ast.dump(mark) for mark in node.decorator_list):
        return
    if isinstance(node, ast.If) and ast.unparse(node.test).split(".")[-1] == "TYPE_CHECKING":
        for statement in node.orelse:
            yield from walk_what_runs(statement)
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from walk_what_runs(child)


def find_modules(root: Path, module: str) -> list[str]:
    """List the files that importing a module of the package runs, its packages' `__init__.py` included."""
    parts = module.split(".")
    names = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    candidates = [f"{name}{ending}" for name in names for ending in ("/__init__.py", ".py")]
    return [file for file in candidates if (root / file).is_file()]


def list_data_files(root: Path) -> list[str]:
    """List the data files that the closure reads, relative to the project's folder."""
    return sorted(path.relative_to(root).as_posix() for name in DATA_FILES for path in root.glob(name))
