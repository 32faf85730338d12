"""The import closure of an entry file."""

import pytest

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.local.push.closure import compute_closure

LATER_WINGS = ("local", "development")


@pytest.fixture
def project(tmp_path):
    """A package of empty modules, and a function that computes the closure of an entry file's text."""
    for name in ("__init__", "a", "b", "part/__init__", "part/c", "part/d"):
        path = tmp_path / "librispeech_clf" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    def compute(text):
        (tmp_path / "entry.py").write_text(text)
        closure = compute_closure(tmp_path, "entry.py")
        files = [file.removeprefix("librispeech_clf/") for file in closure.files if file != "entry.py"]
        return files, closure.distributions

    return tmp_path / "librispeech_clf", compute


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("", []),
        ("import librispeech_clf.a", ["__init__.py", "a.py"]),
        ("from librispeech_clf import a as x", ["__init__.py", "a.py"]),
        ("from librispeech_clf.a import function", ["__init__.py", "a.py"]),
        ("from librispeech_clf.part.c import f", ["__init__.py", "part/__init__.py", "part/c.py"]),
        ("def f():\n    import librispeech_clf.b", ["__init__.py", "b.py"]),
        (
            "if TYPE_CHECKING:\n    import librispeech_clf.b\nelse:\n    import librispeech_clf",
            ["__init__.py"],
        ),
        ("if typing.TYPE_CHECKING:\n    import librispeech_clf.b", []),
        ("@tensorleap_load_model([1])\ndef load():\n    import librispeech_clf.b", []),
        ("@tensorleap_metadata('b')\ndef load():\n    import librispeech_clf.b", ["__init__.py", "b.py"]),
        ("import librispeech_clf.none", ["__init__.py"]),
    ],
)
def test_imports(project, text, files):
    assert project[1](text) == (files, {})


def test_imports_of_imported_modules_are_followed_in_circles_and_from_where_they_stand(project):
    package, compute = project
    (package / "a.py").write_text("from librispeech_clf.part import c\n")
    (package / "part/c.py").write_text("from . import d\nfrom ..b import f\nimport librispeech_clf.a\n")
    everything = ["__init__.py", "a.py", "b.py", "part/__init__.py", "part/c.py", "part/d.py"]
    assert compute("import librispeech_clf.a") == (everything, {})


def test_third_parties_go_by_the_name_of_their_distribution(project):
    package, compute = project
    (package / "a.py").write_text("def f():\n    import scipy.signal\n")
    text = "import os, yaml\nfrom code_loader.contract import enums\nfrom librispeech_clf.a import f\n"
    entry = "entry.py"
    assert compute(text)[1] == {"code-loader": entry, "pyyaml": entry, "scipy": "librispeech_clf/a.py"}


def test_file_that_is_no_python_is_named(project):
    with pytest.raises(ValueError, match="entry.py: not valid Python"):
        project[1]("import (")


def test_nothing_of_the_local_wing_is_needed():
    files = compute_closure(PROJECT_ROOT, "leap_binder.py").files
    assert 35 < len(files) < 60
    assert not [file for file in files if file.startswith(tuple(f"librispeech_clf/{x}" for x in LATER_WINGS))]
