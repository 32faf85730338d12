"""The repository's layout: arrows between folders, sizes, requirements, and imports that do nothing."""

import ast
import functools
import graphlib
import json
import os
import pkgutil
import re
import runpy
import subprocess
import sys
import tomllib

import pytest

from librispeech_clf.configuration import PACKAGE_FOLDER, PROJECT_ROOT

TOP_LEVEL = {
    "leap_binder.py", "leap.yaml", "leap_test.py", "librispeech_clf", "models", "images", "tests",
    "pyproject.toml", "poetry.lock", "requirements.txt", "README.md", "LICENSE",
}  # fmt: skip
# They define subclasses of Keras' layers and optimizers, and only functions import them.
KERAS_MODULES = [f"librispeech_clf.local.model.{name}" for name in ("layers", "graph", "fused")]
WINGS = ("local", "development")
ARROWS = {
    # The integration: what the platform runs and a push sends.
    "text": "",
    "atomic_write": "",
    "hub_errors": "",
    "configuration": "text ctc",
    "corpus": "text atomic_write hub_errors configuration",
    "audio": "atomic_write corpus",
    "metadata": "text corpus",
    "ctc": "text",
    "metrics": "text ctc",
    "visualizers": "text audio ctc metrics",
    "context": "text configuration corpus audio metrics",
    # What a user runs at the desk.
    "local.memory": "",
    "local.cli": "text atomic_write configuration",
    "local.model": "text atomic_write hub_errors ctc",
    "local.evaluation": "text atomic_write configuration context corpus audio ctc metrics local.memory "
    "local.model",
    "local.analysis": "text",
    "local.report": "text atomic_write corpus audio local.memory local.analysis",
    "local.push": "text atomic_write ctc local.model",
    "local.commands": "text atomic_write configuration corpus audio metadata local.cli local.model local.evaluation "
    "local.analysis local.report local.push",
    # How model, corpus and pictures were made.
    "development.synthesis": "atomic_write audio local.cli",
    "development.training": "text atomic_write configuration corpus audio ctc metrics local.model "
    "local.cli local.evaluation local.analysis",
    "development.documents": "text atomic_write configuration corpus audio local.analysis "
    "local.cli local.report",
}
"""Folder or module of the package -> what its modules may import, wherever in a file the import stands."""
UNUSED = {
    "match_error_rate", "information_lost",  # read by name, see metrics.word_errors
    "find_class", "persistent_load",  # called by pickle
}  # fmt: skip
"""What vulture finds no call of: functions, methods, properties, parameters."""
MOST_FOLDER_ARROWS = 45
MOST_LINES = 400
IMPORT_ALL = """
import importlib, json, pkgutil, sys
import librispeech_clf
sys.dont_write_bytecode = True
seen = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system"):
        seen.append(event)
    if event == "open" and str(arguments[0]).startswith(sys.argv[1]):
        if not str(arguments[0]).endswith((".py", ".pyc")):
            seen.append(str(arguments[0]))
sys.addaudithook(watch)
names = [info.name for info in pkgutil.walk_packages(librispeech_clf.__path__, "librispeech_clf.")]
for name in names:
    if name not in sys.argv[2:]:
        importlib.import_module(name)
heavy = "tensorflow keras librosa matplotlib plotly sklearn scipy pandas datasets numba torch".split()
print(json.dumps([len(names), seen, [name for name in heavy if name in sys.modules]]))
"""
PROJECT = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
LOCKED = tomllib.loads((PROJECT_ROOT / "poetry.lock").read_text())["package"]


def test_importing_every_module_does_nothing():
    command = [sys.executable, "-c", IMPORT_ALL, str(PROJECT_ROOT), *KERAS_MODULES]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    count, *done = json.loads(done.stdout)
    assert count > 50 and done == [[], []]


def read_modules():
    """Every module of the package: its dotted parts below it, and its path."""
    for path in sorted(PACKAGE_FOLDER.rglob("*.py")):
        parts = path.relative_to(PACKAGE_FOLDER).with_suffix("").parts
        yield tuple(part for part in parts if part != "__init__"), path


def read_imports(path):
    """Whole names that a module imports, wherever in the file the import stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the whole name."
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def name_room(parts):
    """The folder or module that a dotted name below the package belongs to; wings are not rooms."""
    return ".".join(parts[: 2 if parts[0] in WINGS else 1])


@functools.cache
def read_arrows():
    """The imports between folders of the package: (from, to) -> the modules that hold one."""
    arrows = {}
    for parts, path in read_modules():
        for name in read_imports(path):
            top, *rest = name.split(".")
            if top == "librispeech_clf" and parts and name_room(rest) != name_room(parts):
                arrows.setdefault((name_room(parts), name_room(rest)), []).append(path.name)
    return arrows


def test_arrows_between_folders_are_the_listed_ones():
    arrows = read_arrows()
    listed = {(start, end) for start, ends in ARROWS.items() for end in ends.split()}
    assert {arrow: files for arrow, files in arrows.items() if arrow not in listed} == {}
    assert listed - arrows.keys() == set()
    assert {name_room(parts) for parts, _ in read_modules() if parts} - set(WINGS) == ARROWS.keys()
    folders = {room for room in ARROWS if PACKAGE_FOLDER.joinpath(*room.split(".")).is_dir()}
    between = [(start, end) for start, end in listed if folders >= {start, end}]
    assert len(folders) == 15 and len(between) <= MOST_FOLDER_ARROWS, between


def test_no_arrow_leads_to_a_later_wing_or_back():
    list(graphlib.TopologicalSorter({start: ends.split() for start, ends in ARROWS.items()}).static_order())

    def wing(room):
        return ("", *WINGS).index(room.partition(".")[0] if "." in room else "")

    assert [(start, end) for start, end in read_arrows() if wing(end) > wing(start)] == []


def test_no_module_imports_itself_by_others():
    modules = {".".join(("librispeech_clf", *parts)): path for parts, path in read_modules()}
    imports = {
        module: {name if name in modules else name.rpartition(".")[0] for name in read_imports(path)}
        - {module}
        for module, path in modules.items()
    }
    list(graphlib.TopologicalSorter(imports).static_order())


def test_what_the_benchmarks_import_is_there():
    paths = (PROJECT_ROOT / "tests" / "benchmarks").glob("*.py")
    names = {name for path in paths for name in read_imports(path) if name.startswith("librispeech_clf.")}
    assert len([pkgutil.resolve_name(name) for name in names]) > 10


def test_modules_are_short():
    paths = [PROJECT_ROOT / "leap_binder.py", *(path for _, path in read_modules())]
    lengths = {str(path): len(path.read_text().splitlines()) for path in paths}
    assert {name: lines for name, lines in lengths.items() if lines >= MOST_LINES} == {}


def test_no_function_or_parameter_is_unused():
    import vulture

    search = vulture.Vulture()
    search.scavenge([str(PROJECT_ROOT / "librispeech_clf"), str(PROJECT_ROOT / "leap_binder.py")])
    kinds = {"function", "method", "class", "property", "unreachable_code"}
    unused = {item.name for item in search.get_unused_code() if item.typ in kinds or item.confidence == 100}
    assert unused == UNUSED


def test_requirements_are_the_projects_pinned_locked_name_no_registry_and_linters_are_an_extra():
    lines = (PROJECT_ROOT / "requirements.txt").read_text().splitlines()
    assert {line for line in lines if line and line[0] != "#"} <= set(PROJECT["dependencies"])
    names = {re.match(r"([\w.-]+)(\[\w+\])?[~=]=", line)[1] for line in PROJECT["dependencies"]}
    assert names <= {package["name"] for package in LOCKED}
    assert [package["name"] for package in LOCKED if "source" in package] == []
    extras = PROJECT["optional-dependencies"]
    lint, test = ({line.split("~=")[0] for line in extras[name]} for name in ("lint", "test"))
    assert lint == {"mypy", "ruff"} and not lint & test


def test_classifiers_name_the_python_versions():
    prefix = "Programming Language :: Python :: "
    versions = [name.removeprefix(prefix) for name in PROJECT["classifiers"] if name.startswith(prefix)]
    low, high = (int(part.split(".")[1]) for part in PROJECT["requires-python"].split(","))
    assert versions == [f"3.{minor}" for minor in range(low, high)]


@pytest.mark.parametrize("hook", ["build_wheel", "build_sdist"])
def test_only_the_clone_is_installed(hook):
    pytest.importorskip("poetry.core")
    backend = runpy.run_path(str(PROJECT_ROOT / ".ci" / "build_backend.py"))
    assert callable(backend["build_editable"])
    with pytest.raises(SystemExit, match="used from its clone.*pip install -e"):
        backend[hook]("dist")


def test_commands_lead_to_functions():
    assert all(callable(pkgutil.resolve_name(target)) for target in PROJECT["scripts"].values())


def test_top_level():
    done = subprocess.run(["git", "ls-files"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git clone")
    names = {path.split("/")[0] for path in done.stdout.splitlines()}
    assert {name for name in names if name[0] != "."} <= TOP_LEVEL
