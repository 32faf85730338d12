"""requirements.txt against the imports of the entry file."""

import pytest

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.push.requirements import check_requirements, name_of, read_requirements


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
    assert not names & {"h5py", "rich", "jinja2", "safetensors", "scikit-learn", "pandas", "pillow"}
