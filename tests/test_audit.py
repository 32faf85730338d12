"""The look-up of vulnerabilities in .ci: what has no data is never called safe."""

import json
import runpy
import sys

import pytest

from librispeech_clf.configuration import PROJECT_ROOT

AUDIT = runpy.run_path(str(PROJECT_ROOT / ".ci" / "audit.py"))
LOCKED = AUDIT["list_locked"]("".join(f'[[package]]\nname = "{name}"\nversion = "1.0"\n' for name in "ba"))
SAFE = {"name": "a", "version": "1.0", "vulns": []}
BAD = {"name": "b", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
SKIPPED = {"name": "b", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("found", "lines", "code"),
    [
        ([SAFE, BAD], ["b 1.0: PYSEC-1, fixed in 1.1", "Vulnerabilities: 1 known in 2 locked packages."], 1),
        ([SAFE, SKIPPED], ["Vulnerabilities: 0 known in 1 locked packages; 1 NOT CHECKED"], 0),
        ([SKIPPED], ["Vulnerabilities: NOT CHECKED, no data for any of 2 locked packages"], 0),
        ([], ["Vulnerabilities: NOT CHECKED, no data for any of 2 locked packages"], 0),
    ],
    ids=["vulnerable", "partly", "no data", "no answer"],
)
def test_every_package_is_known_or_called_unchecked(found, lines, code):
    printed, returned = AUDIT["describe"](LOCKED, found)
    assert returned == code
    assert [line[: len(start)] for line, start in zip(printed, lines, strict=True)] == lines


@pytest.mark.parametrize("answer", [json.dumps({"dependencies": [SAFE]}), "no JSON", None])
def test_pip_audit_is_asked_for_the_locked_versions_if_it_is_there(tmp_path, answer):
    fake = tmp_path / "pip-audit"
    write = f"pathlib.Path(sys.argv[-1]).write_text({answer!r})" if answer else "sys.exit(1)"
    fake.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\n"
        f"assert pathlib.Path(sys.argv[2]).read_text() == 'a==1.0\\nb==1.0'\n{write}\n"
    )
    fake.chmod(0o755)
    assert AUDIT["look_up"](str(fake), LOCKED) == ([SAFE] if answer and answer[0] == "{" else [])
    assert AUDIT["look_up"]("/nowhere/pip-audit", LOCKED) == []
