"""What a push collects, what the entry file imports, and requirements.txt against that."""

import pytest

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.local.push.bundle import (
    Manifest,
    check_requirements,
    check_wheels,
    collect,
    compile_pattern,
    compute_closure,
    list_data_files,
    name_of,
    read_manifest,
    read_requirements,
)

NEEDED = [*compute_closure(PROJECT_ROOT, "leap_binder.py").files, *list_data_files(PROJECT_ROOT)]


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.txt", "a.txt", True),
        ("*.txt", "folder/a.txt", False),
        ("**/*.txt", "a.txt", True),
        ("**/*.txt", "folder/deep/a.txt", True),
        ("folder/*", "folder/deep/a.txt", False),
        ("folder/**", "folder/deep/a.txt", True),
        ("folder/**/a.txt", "folder/a.txt", True),
        ("folder/**/a.txt", "other/folder/a.txt", False),
        ("folder**/a.txt", "folders/a.txt", True),
        ("folder**/a.txt", "folder/deep/a.txt", False),
        ("**", "folder/deep/a.txt", True),
        ("a.?", "a.b", True),
        ("a.?", "a./", False),
        ("a,b", "a,b", True),
        ("a.b", "axb", False),
        ("./a.py", "a.py", True),
        (".ci/*", ".ci/run", True),
    ],
)
def test_patterns(pattern, path, matches):
    assert bool(compile_pattern(pattern).match(path)) == matches


@pytest.mark.parametrize("pattern", ["a[bc]", "*.{py,yaml}", r"\*.py"])
def test_signs_that_are_not_understood_are_refused(pattern):
    with pytest.raises(ValueError, match="leap.yaml: .* is not understood here; write one pattern each"):
        compile_pattern(pattern)


@pytest.fixture
def project(tmp_path):
    """A small project: an entry file, a package of two modules, data."""
    for name in (
        "entry.py",
        "librispeech_clf/__init__.py",
        "librispeech_clf/a.py",
        "data/x.bin",
        "data/y.bin",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


def test_include_less_exclude_and_always_the_entry_file(project):
    manifest = Manifest("entry.py", ("librispeech_clf/*.py", "data/*"), ("data/y.*", "entry.py"))
    collection = collect(project, manifest)
    assert collection.files == (
        "data/x.bin",
        "entry.py",
        "librispeech_clf/__init__.py",
        "librispeech_clf/a.py",
    )
    assert (collection.unmatched, collection.missing) == ((), ())


def test_no_include_means_everything(project):
    assert len(collect(project, Manifest("entry.py", (), ())).files) == 5


def test_pattern_without_a_match_is_told(project):
    collection = collect(project, Manifest("entry.py", ("librispeech_clf/*", "models/*.h5"), ()))
    assert collection.unmatched == ("models/*.h5",)


def test_manifest_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="leap.yaml: no such manifest; name the folder"):
        read_manifest(tmp_path / "leap.yaml")


def test_manifest_with_a_key_that_the_command_line_drops(tmp_path):
    text = (PROJECT_ROOT / "leap.yaml").read_text()
    (tmp_path / "leap.yaml").write_text(text + "extra: 1\n")
    with pytest.raises(ValueError, match="expected exactly projectId, .*; received .*extra"):
        read_manifest(tmp_path / "leap.yaml")


def test_projects_manifest_has_the_keys_in_the_command_lines_order():
    lines = (PROJECT_ROOT / "leap.yaml").read_text().splitlines()
    keys = [line.split(":")[0] for line in lines if line[0] not in " #"]
    assert keys == ["projectId", "secretId", "branch", "entryFile", "include", "exclude", "pythonVersion"]
    assert lines[-1] == "pythonVersion: py311"


def test_projects_manifest_sends_the_integration_and_nothing_of_the_other_wings():
    collection = collect(PROJECT_ROOT, read_manifest(PROJECT_ROOT / "leap.yaml"))
    assert (collection.missing, collection.unmatched) == ((), ())
    assert {*NEEDED, "models/wav2vec.h5", "requirements.txt"} <= set(collection.files)
    later = ("librispeech_clf/local/", "librispeech_clf/development/")
    assert [file for file in collection.files if file.startswith(later) or "__pycache__" in file] == []


@pytest.mark.parametrize(
    "file", ["leap_binder.py", *(f"librispeech_clf/{name}" for name in (
        "__init__.py", "config.yaml", "corpus/bundled/test.parquet", "metadata/signal.py"))]
)  # fmt: skip
def test_file_removed_from_include_is_named(file):
    manifest = read_manifest(PROJECT_ROOT / "leap.yaml")
    removed = Manifest("leap_binder.py", manifest.include, (*manifest.exclude, file))
    assert collect(PROJECT_ROOT, removed).missing == (() if file == "leap_binder.py" else (file,))


LATER_WINGS = ("local", "development")


@pytest.fixture
def closure_of(tmp_path):
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
        (
            "try:\n    import librispeech_clf.b\n    from librispeech_clf import a\nexcept ImportError:\n    pass",
            ["__init__.py", "a.py"],
        ),
        ("try:\n    import librispeech_clf.b\nexcept ValueError:\n    pass", ["__init__.py", "b.py"]),
        ("@tensorleap_metadata('b')\ndef load():\n    import librispeech_clf.b", ["__init__.py", "b.py"]),
        ("import librispeech_clf.none", ["__init__.py"]),
    ],
)
def test_imports(closure_of, text, files):
    assert closure_of[1](text) == (files, {})


def test_imports_of_imported_modules_are_followed_in_circles_and_from_where_they_stand(closure_of):
    package, compute = closure_of
    (package / "a.py").write_text("from librispeech_clf.part import c\n")
    (package / "part/c.py").write_text("from . import d\nfrom ..b import f\nimport librispeech_clf.a\n")
    everything = ["__init__.py", "a.py", "b.py", "part/__init__.py", "part/c.py", "part/d.py"]
    assert compute("import librispeech_clf.a") == (everything, {})


def test_third_parties_go_by_the_name_of_their_distribution(closure_of):
    package, compute = closure_of
    (package / "a.py").write_text("def f():\n    import scipy.signal\n")
    text = "import os, yaml\nfrom code_loader.contract import enums\nfrom librispeech_clf.a import f\n"
    entry = "entry.py"
    assert compute(text)[1] == {"code-loader": entry, "pyyaml": entry, "scipy": "librispeech_clf/a.py"}


def test_file_that_is_no_python_is_named(closure_of):
    with pytest.raises(ValueError, match="entry.py: not valid Python"):
        closure_of[1]("import (")


def test_nothing_of_the_local_wing_is_needed():
    files = compute_closure(PROJECT_ROOT, "leap_binder.py").files
    assert 35 < len(files) < 60
    assert not [file for file in files if file.startswith(tuple(f"librispeech_clf/{x}" for x in LATER_WINGS))]


@pytest.fixture
def check(tmp_path):
    """Check requirements for an entry file that imports numpy and yaml."""
    (tmp_path / "entry.py").write_text("import numpy, yaml\n")

    def run(text):
        (tmp_path / "requirements.txt").write_text(text)
        return [finding.problem for finding in check_requirements(tmp_path, "entry.py")]

    return run


def test_what_is_imported_passes(check):
    assert check("# comment\nnumpy~=2.4\n\nPyYAML==6.0  # comment\n") == [None]


def test_distribution_too_few_is_named_with_its_importer(check):
    assert check("numpy~=2.4\n") == ["lacks pyyaml, which entry.py imports; add its line of pyproject.toml."]


def test_distribution_too_many_is_named(check):
    (problem,) = check("numpy\npyyaml\nrich~=15.0\n")
    assert problem == "lists rich, which nothing the platform runs imports; take its line out."


def test_no_requirements_are_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="requirements.txt: does not exist"):
        read_requirements(tmp_path / "requirements.txt")


@pytest.mark.parametrize(
    ("line", "name"),
    [("numpy~=2.4", "numpy"), ("code_loader==1", "code-loader"), ("PyYAML[a]>6; x", "pyyaml"), ("a b", "a")],
)
def test_names(line, name):
    assert name_of(line) == name


def test_project_lists_what_its_entry_file_imports_and_nothing_else():
    assert [finding.problem for finding in check_requirements(PROJECT_ROOT, "leap_binder.py")] == [None]
    names = {name_of(line) for line in read_requirements(PROJECT_ROOT / "requirements.txt")}
    assert not names & {
        "tensorflow",
        "keras",
        "h5py",
        "rich",
        "jinja2",
        "safetensors",
        "scikit-learn",
        "pandas",
    }


@pytest.fixture
def pip(tmp_path):
    """A Python whose pip finds a wheel of everything but what its argument names."""
    (tmp_path / "requirements.txt").write_text("numpy~=2.4\npyyaml~=6.0\n")

    def make(*missing):
        lines = [f'case "$*" in *{name}*) echo no {name} >&2; exit 1;; esac' for name in missing]
        path = tmp_path / "python"
        path.write_text("\n".join(["#!/bin/sh", 'test "$3" = install || exit 2', *lines, "exit 0\n"]))
        path.chmod(0o755)
        return path

    return make


def test_wheels_of_every_line_pass(tmp_path, pip):
    (finding,) = check_wheels(tmp_path, pip())
    assert (finding.problem, finding.note) == (None, "all 2 lines")


def test_line_without_a_wheel_is_named_with_pips_words(tmp_path, pip):
    (finding,) = check_wheels(tmp_path, pip("pyyaml"))
    assert finding.what == "pyyaml~=6.0"
    assert finding.problem.startswith("no pyyaml; the platform may be Linux on aarch64")


def test_known_source_distribution_is_a_note_only(tmp_path, pip):
    (finding,) = check_wheels(tmp_path, pip("psutil"))
    assert finding.problem is None
    assert finding.note == "all 2 lines; built from source: psutil>=5.9.5,<6.0.0 (code-loader needs it)"
