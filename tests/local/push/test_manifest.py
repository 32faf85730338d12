"""Patterns as the leap command line reads them, and what a push of this project collects."""

import pytest

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.local.push.closure import compute_closure, list_data_files
from librispeech_clf.local.push.manifest import Manifest, collect, compile_pattern, read_manifest

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
        ("a.[bc]", "a.c", True),
        ("a.[^bc]", "a.c", False),
        ("a.[!a-c]", "a.d", True),
        ("*.{py,yaml}", "a.yaml", True),
        ("*.{py,yaml}", "a.txt", False),
        ("a,b", "a,b", True),
        ("a.b", "axb", False),
        (r"\*.py", "*.py", True),
        (r"\*.py", "a.py", False),
        ("./a.py", "a.py", True),
        (".ci/*", ".ci/run", True),
    ],
)
def test_patterns(pattern, path, matches):
    assert bool(compile_pattern(pattern).match(path)) == matches


@pytest.mark.parametrize(("pattern", "sign"), [("a[b", "has '\\['"), ("{a,b", "braces"), ("a\\", "has")])
def test_pattern_that_never_ends_is_named(pattern, sign):
    with pytest.raises(ValueError, match=f"leap.yaml: .*{sign}"):
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


@pytest.mark.parametrize("file", NEEDED)
def test_file_removed_from_include_is_named(file):
    manifest = read_manifest(PROJECT_ROOT / "leap.yaml")
    removed = Manifest("leap_binder.py", manifest.include, (*manifest.exclude, file))
    assert collect(PROJECT_ROOT, removed).missing == (() if file == "leap_binder.py" else (file,))
