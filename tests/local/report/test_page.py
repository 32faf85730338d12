"""The page as a file: escaping, audio inside or beside, written whole; its sources."""

import base64
import errno
import hashlib
import json
import os
import re
import shutil
import subprocess

import pytest

from librispeech_clf.local.report import page
from librispeech_clf.local.report.payload import escape_json

SOURCES = sorted(path.name for path in page.TEMPLATE.iterdir() if path.suffix in (".js", ".css"))
LONGEST_LINE = 110


def read_payload(text: str) -> dict:
    """Read the page's data block."""
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.S).group(1))


def test_escaped_json_holds_no_markup_and_reads_back():
    value = {"text": "</script><script>alert(1)</script> &amp; <!-- \u2028"}
    escaped = escape_json(value)
    assert not set("<>&\u2028") & set(escaped)
    assert json.loads(escaped) == value


def test_escape_refuses_nan():
    with pytest.raises(ValueError, match="Out of range float"):
        escape_json({"value": float("nan")})


def test_page_is_one_file_with_its_policy(tmp_path, make_results):
    path = page.write_page(tmp_path / "report" / "index.html", make_results(5))
    text = path.read_text(encoding="utf-8")
    script = re.search(r"<script>(.*)</script>", text, re.S).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in text
    assert [entry.name for entry in path.parent.iterdir()] == ["index.html"]
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert read_payload(text)["count"] == 5


def test_same_results_give_the_same_page(tmp_path, make_results, make_audio):
    pages = [
        page.write_page(tmp_path / name, make_results(4), audio=lambda _: make_audio()) for name in ("a", "b")
    ]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_title_with_markup_is_text(tmp_path, make_results):
    text = page.write_page(tmp_path / "p.html", make_results(3), title="<b>x</b>").read_text()
    assert "<title>&lt;b&gt;x&lt;/b&gt;</title>" in text
    assert "<b>" not in text


def test_scripts_cannot_close_their_element():
    scripts = [(page.TEMPLATE / name).read_text().lower() for name in page.SCRIPTS]
    assert not [text for text in scripts if "</script" in text]


def test_small_audio_is_inside_the_page(tmp_path, make_results, make_audio):
    audio = make_audio()
    path = page.write_page(tmp_path / "p.html", make_results(3), audio=lambda _: audio)
    text = path.read_text()
    block = json.loads(re.search(r'class="audio">(.*?)</script>', text).group(1))
    assert base64.b64decode(block["data"]) == audio
    assert block["type"] == "audio/wav"
    assert read_payload(text)["audio"] == {"mode": "page"}


def test_large_audio_is_beside_the_page(tmp_path, make_results, make_audio):
    results = make_results(3)
    results.loc[1, "utterance_id"] = "../../evil name"
    audio = make_audio()
    path = page.write_page(tmp_path / "p.html", results, audio=lambda _: audio, audio_limit_bytes=1000)
    scripts = read_payload(path.read_text())["audio"]["scripts"]
    assert scripts[1] == "audio/000/000001-_evil_name.js"
    assert (tmp_path / "audio" / "000" / "000001-_evil_name.wav").read_bytes() == audio
    assert (tmp_path / scripts[1]).read_text().startswith('receiveAudio({"row":1,')
    assert len(list((tmp_path / "audio" / "000").iterdir())) == 6


def test_a_smaller_report_leaves_no_old_audio_beside_it(tmp_path, make_results, make_audio):
    audio = make_audio()
    for count in (3, 2):
        page.write_page(
            tmp_path / "p.html", make_results(count), audio=lambda _: audio, audio_limit_bytes=1000
        )
        (tmp_path / "audio" / "mine.wav").write_bytes(audio)
    names = {path.name[:6] for path in (tmp_path / "audio").rglob("*.*")}
    assert names == {"000000", "000001", "mine.w"}
    page.write_page(tmp_path / "p.html", make_results(2), audio=lambda _: audio)
    assert [path.name for path in (tmp_path / "audio").iterdir()] == ["mine.wav"]


def test_failed_write_leaves_the_old_page(tmp_path, monkeypatch, make_results):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "p.html"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match=r"p.html: the disk is full"):
        page.write_page(path, make_results(2))
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.html"]


def test_every_script_is_part_of_the_page():
    assert sorted(page.SCRIPTS) == [name for name in SOURCES if name.endswith(".js")]


@pytest.mark.parametrize("name", SOURCES)
def test_source_begins_with_what_it_is_for_and_has_no_long_line(name):
    lines = (page.TEMPLATE / name).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith(("// ", "/* "))
    assert [line for line in lines if len(line) > LONGEST_LINE] == []


@pytest.mark.skipif(shutil.which("oxfmt") is None, reason="needs oxfmt: pip install oxfmt==0.74.0")
def test_sources_are_formatted():
    done = subprocess.run(["oxfmt", "--check", page.TEMPLATE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
