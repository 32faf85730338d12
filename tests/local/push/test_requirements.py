"""requirements.txt against the imports of the entry file."""

import pytest

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.local.push.requirements import (
    check_requirements,
    check_wheels,
    name_of,
    read_requirements,
)


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
