"""prepare-data against bad servers and archives: the subset is there whole, or not at all and with a reason."""

import re

import pytest

from librispeech_clf.local.commands import prepare_data
from tests.helpers.bad_servers import SUBSET, WHOLE, Server, list_bad_servers, make_members, md5, pack

MEMBERS = make_members()
INTACT = pack(MEMBERS)
MOST_SENT = 16 << 20


@pytest.fixture
def prepare(tmp_path, monkeypatch):
    """Return a function that runs the command against a server, and gives its code and what it sent."""
    monkeypatch.setattr(prepare_data, "PAUSE_S", 0)
    monkeypatch.setattr(prepare_data, "TIMEOUT_S", 0.3)

    def run(bad):
        content = bad.content or (b"" if bad.name == "archive-empty" else INTACT)
        record = prepare_data.Archive(SUBSET, len(content), md5(content), 8, 0.1)
        monkeypatch.setitem(prepare_data.ARCHIVES, SUBSET, record)
        with Server(bad, content) as server:
            code = prepare_data.main(["--subset", SUBSET, "--root", str(tmp_path), "--base-url", server.url])
        return code, server.sent

    return run


def read_subset(root):
    folder = root / "LibriSpeech"
    files = [path for path in (folder / SUBSET).rglob("*") if not path.is_dir()]
    return {f"LibriSpeech/{path.relative_to(folder)}": path.read_bytes() for path in files}


@pytest.mark.parametrize("bad", list_bad_servers(), ids=lambda bad: bad.name)
def test_server_has_its_outcome(prepare, tmp_path, capsys, bad):
    work = tmp_path / ".prepare-data"
    if bad.begun:
        work.mkdir()
        (work / f"{SUBSET}.tar.gz").write_bytes(INTACT[: bad.begun])
    code, sent = prepare(bad)
    error = capsys.readouterr().err
    if bad.outcome == WHOLE:
        assert (code, error) == (0, "")
        assert read_subset(tmp_path) == {name: x for name, x in MEMBERS.items() if SUBSET in name}
    else:
        assert code == 2 and re.fullmatch(r"prepare-data: .+\n", error) and re.search(bad.outcome, error)
        assert error[:-1].isprintable()
        assert not (tmp_path / "LibriSpeech" / SUBSET).exists()
    left = {path.name for path in work.glob("*")} - {f"{SUBSET}.lock"}
    assert left <= (set() if bad.outcome == WHOLE else {f"{SUBSET}.tar.gz"})
    assert sent < MOST_SENT
    assert {path.name for path in tmp_path.iterdir()} <= {".prepare-data", "LibriSpeech"}
