"""The page as a file: escaping, audio inside or beside; its sources."""

import base64
import hashlib
import json
import re

import pytest

from librispeech_clf.local.report import page
from librispeech_clf.local.report.payload import escape_json

SOURCES = sorted(path.name for path in page.TEMPLATE.iterdir() if path.suffix in (".js", ".css"))
LONGEST_LINE = 110


def read_payload(text: str) -> dict:
    """Read the page's data block."""
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.S).group(1))


def test_escaped_json_holds_no_markup_reads_back_and_has_no_nan():
    value = {"text": "</script><script>alert(1)</script> &amp; <!-- \u2028"}
    escaped = escape_json(value)
    assert not set("<>&\u2028") & set(escaped)
    assert json.loads(escaped) == value
    with pytest.raises(ValueError, match="Out of range float"):
        escape_json({"value": float("nan")})


def test_page_is_one_file_with_its_policy_and_audio_the_same_each_time(tmp_path, make_results, make_audio):
    audio = make_audio()
    for name in ("a", "b"):
        options = {"audio": lambda _: audio, "title": "<b>x</b>"}
        path = page.write_page(tmp_path / name / "index.html", make_results(5), **options)
    text = path.read_text(encoding="utf-8")
    assert (tmp_path / "a" / "index.html").read_text(encoding="utf-8") == text
    assert [entry.name for entry in path.parent.iterdir()] == ["index.html"]
    script = re.search(r"<script>(.*)</script>", text, re.S).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in text
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert "<title>&lt;b&gt;x&lt;/b&gt;</title>" in text and "<b>" not in text
    block = json.loads(re.search(r'class="audio">(.*?)</script>', text).group(1))
    assert (base64.b64decode(block["data"]), block["type"]) == (audio, "audio/wav")
    payload = read_payload(text)
    assert (payload["count"], payload["audio"]) == (5, {"mode": "page"})


def test_large_audio_is_beside_the_page_and_a_smaller_report_leaves_no_old_one(
    tmp_path, make_results, make_audio
):
    results, audio, folder = make_results(3), make_audio(), tmp_path / "audio"
    results.loc[1, "utterance_id"] = "../../evil name"

    def write(count, limit=1000):
        return page.write_page(
            tmp_path / "p.html", results[:count], audio=lambda _: audio, audio_limit_bytes=limit
        )

    scripts = read_payload(write(3).read_text())["audio"]["scripts"]
    assert scripts[1] == "audio/000/000001-_evil_name.js"
    assert (folder / "000" / "000001-_evil_name.wav").read_bytes() == audio
    assert (tmp_path / scripts[1]).read_text().startswith('receiveAudio({"row":1,')
    assert len(list((folder / "000").iterdir())) == 6
    (folder / "mine.wav").write_bytes(audio)
    write(2)
    assert {path.name[:6] for path in folder.rglob("*.*")} == {"000000", "000001", "mine.w"}
    write(2, limit=10**9)
    assert [path.name for path in folder.iterdir()] == ["mine.wav"]


def test_sources_are_parts_of_the_page_that_begin_with_what_they_are_for():
    assert sorted(page.SCRIPTS) == [name for name in SOURCES if name.endswith(".js")]
    for name in SOURCES:
        text = (page.TEMPLATE / name).read_text(encoding="utf-8")
        assert text.startswith(("// ", "/* ")), name
        assert [line for line in text.splitlines() if len(line) > LONGEST_LINE] == [], name
        assert "</script" not in text.lower(), name  # it would close its element
