"""What a push collects, what the entry file imports, and requirements.txt against that."""

import pytest

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.local.push import bundle
from librispeech_clf.local.push.bundle import Manifest

NEEDED = [
    *bundle.compute_closure(PROJECT_ROOT, "leap_binder.py").files,
    *bundle.list_data_files(PROJECT_ROOT),
]


@pytest.mark.parametrize(
    ("pattern", "matched", "others"),
    [
        ("*.txt", "a.txt", "folder/a.txt"),
        ("**/*.txt", "a.txt folder/deep/a.txt", ""),
        ("folder/*", "", "folder/deep/a.txt"),
        ("folder/**", "folder/deep/a.txt", ""),
        ("folder/**/a.txt", "folder/a.txt", "other/folder/a.txt"),
        ("folder**/a.txt", "folders/a.txt", "folder/deep/a.txt"),
        ("**", "folder/deep/a.txt", ""),
        ("a.?", "a.b", "a./"),
        ("a,b", "a,b", ""),
        ("a.b", "", "axb"),
        ("./a.py", "a.py", ""),
        (".ci/*", ".ci/run", ""),
    ],
)
def test_patterns(pattern, matched, others):
    rule, paths = bundle.compile_pattern(pattern), f"{matched} {others}".split()
    assert [path for path in paths if rule.match(path)] == matched.split()


@pytest.mark.parametrize("pattern", ["a[bc]", "*.{py,yaml}", r"\*.py"])
def test_signs_that_are_not_understood_are_refused(pattern):
    with pytest.raises(ValueError, match="leap.yaml: .* is not understood here; write one pattern each"):
        bundle.compile_pattern(pattern)


PACKAGE = [
    f"librispeech_clf/{name}.py" for name in ("__init__", "a", "b", "part/__init__", "part/c", "part/d")
]


@pytest.fixture
def project(tmp_path):
    """A small project: an entry file, a package, data; all empty."""
    for name in ("entry.py", *PACKAGE, "data/x.bin", "data/y.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("include", "exclude", "files", "unmatched"),
    [
        (["data/*"], ["data/y.*", "entry.py"], ["data/x.bin", "entry.py"], ()),  # always the entry file
        ([], [], ["data/x.bin", "data/y.bin", "entry.py", *sorted(PACKAGE)], ()),
        (["data/x*", "models/*.h5"], [], ["data/x.bin", "entry.py"], ("models/*.h5",)),
    ],
)
def test_include_less_exclude(project, include, exclude, files, unmatched):
    assert bundle.collect(project, Manifest("entry.py", (*include,), (*exclude,))) == (
        (*files,),
        unmatched,
        (),
    )


def test_manifest_that_is_not_there_or_has_a_key_that_the_command_line_drops(tmp_path):
    with pytest.raises(FileNotFoundError, match="leap.yaml: no such manifest; name the folder"):
        bundle.read_manifest(tmp_path / "leap.yaml")
    text = (PROJECT_ROOT / "leap.yaml").read_text()
    (tmp_path / "leap.yaml").write_text(text + "extra: 1\n")
    with pytest.raises(ValueError, match="expected exactly projectId, .*; received .*extra"):
        bundle.read_manifest(tmp_path / "leap.yaml")


def test_projects_manifest_has_the_keys_in_the_command_lines_order():
    lines = (PROJECT_ROOT / "leap.yaml").read_text().splitlines()
    keys = [line.split(":")[0] for line in lines if line[0] not in " #"]
    assert keys == ["projectId", "secretId", "branch", "entryFile", "include", "exclude", "pythonVersion"]
    assert lines[-1] == "pythonVersion: py311"


def test_projects_manifest_sends_the_integration_and_nothing_of_the_other_wings():
    collection = bundle.collect(PROJECT_ROOT, bundle.read_manifest(PROJECT_ROOT / "leap.yaml"))
    assert (collection.missing, collection.unmatched) == ((), ())
    assert {*NEEDED, "models/wav2vec.h5", "requirements.txt"} <= set(collection.files)
    assert 35 < len(NEEDED) < 70
    later = ("librispeech_clf/local/", "librispeech_clf/development/")
    assert [file for file in collection.files if file.startswith(later) or "__pycache__" in file] == []


@pytest.mark.parametrize(
    "file", ["leap_binder.py", *(f"librispeech_clf/{name}" for name in (
        "__init__.py", "config.yaml", "corpus/bundled/test.parquet", "metadata/signal.py"))]
)  # fmt: skip
def test_file_removed_from_include_is_named(file):
    manifest = bundle.read_manifest(PROJECT_ROOT / "leap.yaml")
    removed = Manifest("leap_binder.py", manifest.include, (*manifest.exclude, file))
    assert bundle.collect(PROJECT_ROOT, removed).missing == (() if file == "leap_binder.py" else (file,))


@pytest.fixture
def closure_of(project):
    """Return what computes the closure of an entry file's text; without the entry file and the package's name."""

    def compute(text):
        (project / "entry.py").write_text(text)
        files, distributions = bundle.compute_closure(project, "entry.py")
        return [file.removeprefix("librispeech_clf/") for file in files if file != "entry.py"], distributions

    return compute


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
    assert closure_of(text) == (files, {})


def test_imports_of_imported_modules_are_followed_in_circles_and_from_where_they_stand(project, closure_of):
    (project / "librispeech_clf/a.py").write_text("from librispeech_clf.part import c\n")
    (project / "librispeech_clf/part/c.py").write_text(
        "from . import d\nfrom ..b import f\nimport librispeech_clf.a\n"
    )
    everything = ["__init__.py", "a.py", "b.py", "part/__init__.py", "part/c.py", "part/d.py"]
    assert closure_of("import librispeech_clf.a") == (everything, {})


def test_third_parties_go_by_the_name_of_their_distribution(project, closure_of):
    (project / "librispeech_clf/a.py").write_text("def f():\n    import scipy.signal\n")
    text = "import os, yaml\nfrom code_loader.contract import enums\nfrom librispeech_clf.a import f\n"
    expected = {"code-loader": "entry.py", "pyyaml": "entry.py", "scipy": "librispeech_clf/a.py"}
    assert closure_of(text)[1] == expected


def test_file_that_is_no_python_is_named(closure_of):
    with pytest.raises(ValueError, match="entry.py: not valid Python"):
        closure_of("import (")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# comment\nnumpy~=2.4\n\nPyYAML==6.0  # comment\n", None),
        ("numpy~=2.4\n", "lacks pyyaml, which entry.py imports; add its line from pyproject.toml."),
        (
            "numpy\npyyaml\nrich~=15.0\n",
            "lists rich, which nothing the platform runs imports; remove its line.",
        ),
    ],
)
def test_requirements_are_what_is_imported(tmp_path, text, problem):
    (tmp_path / "entry.py").write_text("import numpy, yaml\n")
    (tmp_path / "requirements.txt").write_text(text)
    assert [finding.problem for finding in bundle.check_requirements(tmp_path, "entry.py")] == [problem]


def test_no_requirements_are_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="requirements.txt: does not exist"):
        bundle.read_requirements(tmp_path / "requirements.txt")


@pytest.mark.parametrize(
    ("line", "name"),
    [("numpy~=2.4", "numpy"), ("code_loader==1", "code-loader"), ("PyYAML[a]>6; x", "pyyaml"), ("a b", "a")],
)
def test_names(line, name):
    assert bundle.name_of(line) == name


def test_project_lists_what_its_entry_file_imports_and_nothing_else():
    assert [finding.problem for finding in bundle.check_requirements(PROJECT_ROOT, "leap_binder.py")] == [
        None
    ]
    names = {bundle.name_of(line) for line in bundle.read_requirements(PROJECT_ROOT / "requirements.txt")}
    assert not names & set("tensorflow keras h5py rich jinja2 safetensors scikit-learn pandas".split())


PASSED = ("aarch64 wheels", None, "all 2 lines")
REMEDY = "the platform may be Linux on aarch64: ask for a release that has a wheel for it."


@pytest.mark.parametrize(
    ("missing", "finding"),
    [
        ("nothing", PASSED),
        ("pyyaml", ("pyyaml~=6.0", f"no pyyaml; {REMEDY}", "")),
        (
            "psutil",
            (*PASSED[:2], f"{PASSED[2]}; built from source: psutil>=5.9.5,<6.0.0 (code-loader needs it)"),
        ),
    ],
)
def test_line_without_a_wheel_is_named_with_pips_words(tmp_path, missing, finding):
    """By a Python whose pip finds a wheel of everything else."""
    (tmp_path / "requirements.txt").write_text("numpy~=2.4\npyyaml~=6.0\n")
    refuse = f'case "$*" in *{missing}*) echo no {missing} >&2; exit 1;; esac'
    (tmp_path / "python").write_text(f'#!/bin/sh\ntest "$3" = install || exit 2\n{refuse}\nexit 0\n')
    (tmp_path / "python").chmod(0o755)
    assert bundle.check_wheels(tmp_path, tmp_path / "python") == [(*finding, False)]
