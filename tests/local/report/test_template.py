"""The page's script and style read like the rest of the project."""

import shutil
import subprocess

import pytest

from librispeech_clf.local.report.page import SCRIPTS, TEMPLATE

SOURCES = sorted(path.name for path in TEMPLATE.iterdir() if path.suffix in (".js", ".css"))
LONGEST_LINE = 110


def test_every_script_is_part_of_the_page():
    assert sorted(SCRIPTS) == [name for name in SOURCES if name.endswith(".js")]


@pytest.mark.parametrize("name", SOURCES)
def test_source_begins_with_what_it_is_for_and_has_no_long_line(name):
    lines = (TEMPLATE / name).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith(("// ", "/* "))
    assert [line for line in lines if len(line) > LONGEST_LINE] == []


@pytest.mark.skipif(shutil.which("oxfmt") is None, reason="needs oxfmt: pip install oxfmt==0.74.0")
def test_sources_are_formatted():
    done = subprocess.run(["oxfmt", "--check", TEMPLATE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
