"""The repository's layout: arrows between folders, sizes, requirements, and imports that do nothing."""

import ast
import graphlib
import json
import os
import runpy
import subprocess
import sys
import tomllib

import pytest

from librispeech_clf.configuration import PROJECT_ROOT

TOP_LEVEL = {
    "leap_binder.py", "leap.yaml", "leap_test.py", "librispeech_clf", "models", "images", "tests",
    "pyproject.toml", "poetry.lock", "requirements.txt", "README.md", "LICENSE",
}  # fmt: skip
# They define subclasses of Keras' layers and optimizers, and only functions import them.
KERAS_MODULES = {
    f"librispeech_clf.{name}"
    for name in (
        "local.model.layers",
        "local.model.graph",
        "local.model.fused",
    )
}
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
    "local.cli": "text atomic_write configuration",
    "local.model": "text atomic_write hub_errors ctc",
    "local.evaluation": "text atomic_write configuration context corpus audio ctc metrics local.model",
    "local.analysis": "text",
    "local.report": "text atomic_write corpus audio local.analysis",
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
    "build_pooled_model",  # what the tests compare faster models with
}  # fmt: skip
"""What vulture finds no call of: functions, methods, properties, parameters."""
MOST_FOLDER_ARROWS = 45
MOST_LINES = 400
IMPORT_ALL = """
import json, pkgutil, sys
sys.dont_write_bytecode = True
seen = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system"):
        seen.append(event)
    if event == "open" and str(arguments[0]).startswith(sys.argv[1]):
        if not str(arguments[0]).endswith((".py", ".pyc")):
            seen.append(str(arguments[0]))
sys.addaudithook(watch)
import importlib, librispeech_clf
names = [info.name for info in pkgutil.walk_packages(librispeech_clf.__path__, "librispeech_clf.")]
for name in names:
    if name not in sys.argv[2:]:
        importlib.import_module(name)
heavy = "tensorflow keras librosa matplotlib plotly sklearn scipy pandas datasets numba torch".split()
print(json.dumps([len(names), seen, [name for name in heavy if name in sys.modules]]))
"""


def test_importing_every_module_does_nothing():
    command = [sys.executable, "-c", IMPORT_ALL, str(PROJECT_ROOT), *KERAS_MODULES]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    count, seen, heavy = json.loads(done.stdout)
    assert count > 50
    assert seen == []
    assert heavy == []


def read_modules():
    """Every module of the package: its dotted parts below it, and its path."""
    package = PROJECT_ROOT / "librispeech_clf"
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        yield tuple(part for part in parts if part != "__init__"), path


def name_room(parts):
    """The folder or module that a dotted name below the package belongs to; wings are not rooms."""
    return ".".join(parts[: 2 if parts[0] in WINGS else 1])


def read_arrows():
    """The imports between folders of the package: (from, to) -> the modules that hold one."""
    arrows = {}
    for parts, path in read_modules():
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: relative import; write the whole name."
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                top, _, rest = name.partition(".")
                if (
                    top == "librispeech_clf"
                    and parts
                    and (target := name_room(rest.split("."))) != name_room(parts)
                ):
                    arrows.setdefault((name_room(parts), target), []).append(path.name)
    return arrows


def test_arrows_between_folders_are_the_listed_ones():
    arrows = read_arrows()
    listed = {(start, end) for start, ends in ARROWS.items() for end in ends.split()}
    assert {arrow: files for arrow, files in arrows.items() if arrow not in listed} == {}
    assert listed - arrows.keys() == set()
    assert {name_room(parts) for parts, _ in read_modules() if parts} - set(WINGS) == ARROWS.keys()
    package = PROJECT_ROOT / "librispeech_clf"
    folders = {room for room in ARROWS if package.joinpath(*room.split(".")).is_dir()}
    between = [(start, end) for start, end in listed if folders >= {start, end}]
    assert len(folders) == 15 and len(between) <= MOST_FOLDER_ARROWS, between


def test_no_arrow_leads_to_a_later_wing_or_back():
    list(graphlib.TopologicalSorter({start: ends.split() for start, ends in ARROWS.items()}).static_order())

    def wing(room):
        return ("", *WINGS).index(room.partition(".")[0] if "." in room else "")

    assert [(start, end) for start, end in read_arrows() if wing(end) > wing(start)] == []


def read_names(path):
    """What a module defines or imports at its top level."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        else:
            names |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return names


def test_what_the_benchmarks_import_is_there():
    modules = {".".join(("librispeech_clf", *parts)): path for parts, path in read_modules()}
    defined = {name: read_names(path) for name, path in modules.items()}
    imports = [
        (path.name, node.module, alias.name)
        for path in (PROJECT_ROOT / "tests" / "benchmarks").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("librispeech_clf")
        for alias in node.names
    ]
    lacking = [
        found
        for found in imports
        if found[2] not in defined.get(found[1], ()) and f"{found[1]}.{found[2]}" not in modules
    ]
    assert imports and lacking == []


def test_modules_are_short():
    lengths = {path: len(path.read_text().splitlines()) for _, path in read_modules()}
    lengths[PROJECT_ROOT / "leap_binder.py"] = len((PROJECT_ROOT / "leap_binder.py").read_text().splitlines())
    assert {path.name: lines for path, lines in lengths.items() if lines >= MOST_LINES} == {}


def test_no_function_or_parameter_is_unused():
    import vulture

    search = vulture.Vulture()
    search.scavenge([str(PROJECT_ROOT / "librispeech_clf"), str(PROJECT_ROOT / "leap_binder.py")])
    kinds = {"function", "method", "class", "property", "unreachable_code"}
    unused = {item.name for item in search.get_unused_code() if item.typ in kinds or item.confidence == 100}
    assert unused == UNUSED


def read_pyproject():
    return tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]


def test_requirements_are_lines_of_the_project():
    lines = (PROJECT_ROOT / "requirements.txt").read_text().splitlines()
    assert {line for line in lines if line and line[0] != "#"} <= set(read_pyproject()["dependencies"])


def test_requirements_are_pinned():
    for requirement in read_pyproject()["dependencies"]:
        assert "~=" in requirement or "==" in requirement, requirement


def test_linters_are_an_extra_of_their_own():
    extras = read_pyproject()["optional-dependencies"]
    names = {extra: {line.split("~=")[0] for line in lines} for extra, lines in extras.items()}
    assert names["lint"] == {"mypy", "ruff"}
    assert not names["lint"] & names["test"]


def test_classifiers_name_the_python_versions():
    project = read_pyproject()
    prefix = "Programming Language :: Python :: "
    versions = [name.removeprefix(prefix) for name in project["classifiers"] if name.startswith(prefix)]
    low, high = (int(part.split(".")[1]) for part in project["requires-python"].split(","))
    assert versions == [f"3.{minor}" for minor in range(low, high)]


@pytest.mark.parametrize("hook", ["build_wheel", "build_sdist"])
def test_only_the_clone_is_installed(hook):
    pytest.importorskip("poetry.core")
    backend = runpy.run_path(str(PROJECT_ROOT / ".ci" / "build_backend.py"))
    assert callable(backend["build_editable"])
    with pytest.raises(SystemExit, match="used from its clone.*pip install -e"):
        backend[hook]("dist")


def test_commands_lead_to_functions():
    for target in read_pyproject()["scripts"].values():
        module, function = target.split(":")
        path = PROJECT_ROOT / (module.replace(".", "/") + ".py")
        assert f"def {function}(" in path.read_text(), target


def test_top_level():
    done = subprocess.run(["git", "ls-files"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git clone")
    names = {path.split("/")[0] for path in done.stdout.splitlines()}
    assert {name for name in names if name[0] != "."} <= TOP_LEVEL


def test_lock_file_names_no_registry():
    packages = tomllib.loads((PROJECT_ROOT / "poetry.lock").read_text())["package"]
    assert [package["name"] for package in packages if "source" in package] == []


def test_every_direct_dependency_is_locked():
    packages = tomllib.loads((PROJECT_ROOT / "poetry.lock").read_text())["package"]
    locked = {package["name"] for package in packages}
    names = {requirement.split("~=")[0].split("==")[0] for requirement in read_pyproject()["dependencies"]}
    assert names <= locked
