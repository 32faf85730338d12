"""The rehearsal end to end: what passes, what fails, and what it says."""

import pytest
import yaml

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.local.commands import check_push
from librispeech_clf.local.commands.check_push import main
from librispeech_clf.local.push.bundle import Collection


@pytest.fixture
def project(tmp_path):
    """A project of an empty package; its entry file is still to be written."""
    for name in ("librispeech_clf/__init__.py", "librispeech_clf/part.py", "requirements.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    write_manifest(tmp_path, ["librispeech_clf/**/*.py", "requirements.txt"])
    return tmp_path


def write_manifest(root, include):
    manifest = yaml.safe_load((PROJECT_ROOT / "leap.yaml").read_text())
    (root / "leap.yaml").write_text(yaml.safe_dump({**manifest, "include": include}, sort_keys=False))


def test_project_passes(capsys):
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert "calls of metrics" in printed
    assert "engine not run --engine" in " ".join(printed.replace("│", " ").split())
    for words in ("dataset check", "sample of training", "sample of validation", "sample of test"):
        assert words in printed
    assert "FAILED" not in printed
    assert "leap push -n NAME -m models/wav2vec.h5 -e" in printed
    assert "leap projects push models/wav2vec.h5" in printed


def test_removed_module_fails_by_name(project, capsys):
    (project / "leap_binder.py").write_text("from librispeech_clf import part\n")
    write_manifest(project, ["librispeech_clf/__init__.py"])
    assert main(["--root", str(project)]) == 1
    assert "librispeech_clf/part.py: is not in the bundle" in capsys.readouterr().err


def test_pattern_without_a_match_fails(project, capsys):
    (project / "leap_binder.py").write_text("")
    write_manifest(project, ["librispeech_clf/**/*.py", "models/*.h5"])
    assert main(["--root", str(project), "--files-only"]) == 1
    assert "pattern models/*.h5: matches no file" in capsys.readouterr().err


def test_missing_entry_file_fails(project, capsys):
    assert main(["--root", str(project)]) == 1
    assert "leap_binder.py: does not exist" in capsys.readouterr().err


def test_no_manifest_fails(tmp_path, capsys):
    assert main(["--root", str(tmp_path)]) == 2
    assert "leap.yaml: no such manifest" in capsys.readouterr().err


def test_bundle_sees_nothing_of_the_project(project, capsys):
    (project / "leap_binder.py").write_text("import librispeech_clf.part, librispeech_clf.metrics\n")
    assert main(["--root", str(project)]) == 1
    assert "No module named 'librispeech_clf.metrics'" in capsys.readouterr().err


def test_large_bundle_is_warned_of(tmp_path):
    with (tmp_path / "large.h5").open("wb") as file:
        file.truncate(check_push.LARGE_BUNDLE_BYTES)
    (finding,) = check_push.check_files(tmp_path, Collection(("large.h5",), (), ()))
    assert finding.problem is None
    assert finding.note.startswith("1 files, 209.7 MB; WARNING: above 200 MB")


def test_summary_names_what_failed():
    result = {
        "valid": False,
        "error": None,
        "payloads": {"audio": None, "signal": "ValueError"},
        "samples": {"training": None, "test": "KeyError"},
        "functions": {"word_errors, test, batch of 4": "TypeError"},
        "foreign": [],
    }
    failed = {finding.what: finding.problem for finding in check_push.summarize(result) if finding.problem}
    assert failed == {
        "signal": "ValueError",
        "dataset check": "1 of 2 parts passed",
        "sample of test": "KeyError",
        "word_errors, test, batch of 4": "TypeError",
    }


def test_first_sample_that_cannot_be_read_stands_for_the_shape_code_loader_lacks():
    result = {
        "valid": False,
        "error": "cant calculate shape",
        "samples": {"training": "a: not decoded", "test": None},
    }
    assert check_push.summarize(result) == [check_push.Finding("sample of training", "a: not decoded")]
    assert check_push.summarize({**result, "samples": {}}) == [
        check_push.Finding("dataset check", "cant calculate shape")
    ]


@pytest.mark.slow
def test_requirements_are_installed_into_an_environment_of_their_own(tmp_path):
    (tmp_path / "requirements.txt").write_text("")
    assert check_push.install_requirements(tmp_path, tmp_path / "environment").is_file()
