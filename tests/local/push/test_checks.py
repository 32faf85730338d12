"""The rehearsal end to end: what passes, what fails, and what it says."""

import pytest
import yaml

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.local.commands import check_push
from librispeech_clf.local.commands.check_push import Finding, main, summarize
from librispeech_clf.local.push.bundle import Collection


def test_project_passes(capsys):
    assert main([]) == 0
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for words in (
        "calls of metrics",
        "engine not run --engine",
        "dataset check",
        "sample of training",
        "sample of validation",
        "sample of test",
        "leap push -n NAME -m models/wav2vec.h5 -e",
        "leap projects push models/wav2vec.h5",
    ):
        assert words in printed
    assert "FAILED" not in printed


WHOLE = "librispeech_clf/**/*.py requirements.txt"
TWO = "import librispeech_clf.part, librispeech_clf.metrics\n"


@pytest.mark.parametrize(
    ("entry", "include", "option", "told"),
    [
        (TWO, "librispeech_clf/__init__.py", None, "librispeech_clf/part.py: is not in the bundle"),
        ("", f"{WHOLE} models/*.h5", "--files-only", "pattern models/*.h5: matches no file"),
        (None, WHOLE, None, "leap_binder.py: does not exist"),
        (TWO, WHOLE, None, "No module named 'librispeech_clf.metrics'"),  # it sees nothing of the project
    ],
)
def test_what_is_missing_fails_by_name(tmp_path, capsys, entry, include, option, told):
    (tmp_path / "librispeech_clf").mkdir()
    for name in ("librispeech_clf/__init__.py", "librispeech_clf/part.py", "requirements.txt"):
        (tmp_path / name).write_text("")
    if entry is not None:
        (tmp_path / "leap_binder.py").write_text(entry)
    manifest = yaml.safe_load((PROJECT_ROOT / "leap.yaml").read_text()) | {"include": include.split()}
    (tmp_path / "leap.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))
    assert main(["--root", str(tmp_path), *([option] if option else [])]) == 1
    assert told in capsys.readouterr().err


def test_no_manifest_fails(tmp_path, capsys):
    assert main(["--root", str(tmp_path)]) == 2
    assert "leap.yaml: no such manifest" in capsys.readouterr().err


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
    assert [(finding.what, finding.problem) for finding in summarize(result) if finding.problem] == [
        ("signal", "ValueError"),
        ("dataset check", "1 of 2 parts passed"),
        ("sample of test", "KeyError"),
        ("word_errors, test, batch of 4", "TypeError"),
    ]


def test_first_sample_that_cannot_be_read_stands_for_the_shape_code_loader_lacks():
    result = {"valid": False, "error": "cant calculate shape"}
    samples = {"training": "a: not decoded", "test": None}
    assert summarize(result | {"samples": samples}) == [Finding("sample of training", "a: not decoded")]
    assert summarize(result) == [Finding("dataset check", "cant calculate shape")]


@pytest.mark.slow
def test_requirements_are_installed_into_an_environment_of_their_own(tmp_path):
    (tmp_path / "requirements.txt").write_text("")
    assert check_push.install_requirements(tmp_path, tmp_path / "environment").is_file()
