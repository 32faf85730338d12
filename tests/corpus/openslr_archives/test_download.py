"""Downloads through a server that misbehaves."""

import hashlib
import random

import pytest

from librispeech_clf.corpus.openslr_archives import download

CONTENT = random.Random(0).randbytes(50_000)
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    """Tries again at once."""
    monkeypatch.setattr(download, "PAUSE_S", 0)


@pytest.fixture
def path(tmp_path, server):
    """Where to; the server has the content."""
    server.content = CONTENT
    return tmp_path / "file"


def fetch(server, path, seen=None):
    """Downloads and verifies."""
    progress = (lambda *step: seen.append(step)) if seen is not None else lambda *_: None
    download.download_verified(f"{server.url}/file", path, md5=MD5, on_progress=progress)


def test_whole_file_and_progress(server, path):
    seen = []
    fetch(server, path, seen)
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (50_000, 50_000)


@pytest.mark.parametrize("seed", range(8))
def test_connection_cut_at_any_byte(server, path, seed):
    generator = random.Random(seed)
    server.cuts = [generator.randrange(1, 9000) for _ in range(generator.randrange(1, 12))]
    cuts = list(server.cuts)
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    expected = [None, *(f"bytes={sum(cuts[:number])}-" for number in range(1, len(cuts) + 1))]
    assert server.requests == [wanted for wanted in expected if wanted is None or int(wanted[6:-1]) < 50_000]


@pytest.mark.parametrize("cut", [0, 1, 49_999])
def test_connection_cut_at_the_edges(server, path, cut):
    server.cuts = [cut]
    fetch(server, path)
    assert path.read_bytes() == CONTENT


def test_server_that_ignores_ranges(server, path):
    server.knows_ranges = False
    server.cuts = [20_000, 10_000, 30_000]
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.requests == [None, "bytes=20000-", "bytes=10000-", "bytes=30000-"]


def test_server_that_answers_another_range(server, path):
    server.cuts, server.shift = [20_000], 5
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.requests == [None, "bytes=20000-", None]


def test_file_that_is_complete_already(server, path):
    path.write_bytes(CONTENT)
    fetch(server, path)
    assert server.requests == ["bytes=50000-"]


def test_file_that_is_too_long(server, path):
    path.write_bytes(CONTENT + b"more")
    fetch(server, path)
    assert path.read_bytes() == CONTENT


def test_beginning_of_another_file(server, path):
    path.write_bytes(bytes(10_000))
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.requests == ["bytes=10000-", None]


def test_wrong_bytes_are_removed(server, path):
    server.content = CONTENT[::-1]
    with pytest.raises(
        ValueError, match=f"the MD5 checksum is [0-9a-f]{{32}}, expected {MD5}; the file was removed"
    ):
        fetch(server, path)
    assert not path.exists()


def test_server_that_does_not_tell_the_length(server, path):
    server.tells_length = False
    fetch(server, path)
    assert path.read_bytes() == CONTENT


def test_server_that_is_busy_at_first(server, path):
    server.statuses = [503, 429, None]
    fetch(server, path)
    assert len(server.requests) == 3


def test_file_the_server_does_not_have(server, path):
    server.statuses = [404]
    with pytest.raises(FileNotFoundError, match="the server answers 404 Not Found; check --base-url"):
        fetch(server, path)


def test_connection_that_brings_nothing(server, path):
    server.cuts = [100] + [0] * 20
    with pytest.raises(ConnectionError, match="6 attempts brought nothing more .the answer was cut off"):
        fetch(server, path)
    assert path.read_bytes() == CONTENT[:100]


def test_server_that_has_no_address(tmp_path):
    with pytest.raises(
        ConnectionError, match="no-such-server.invalid/file: .*; check the network connection"
    ):
        download.download(
            "http://no-such-server.invalid/file", tmp_path / "file", on_progress=lambda *_: None
        )


def test_server_that_is_not_there(tmp_path):
    with pytest.raises(ConnectionError, match="6 attempts brought nothing more .*refused"):
        download.download("http://127.0.0.1:9/file", tmp_path / "file", on_progress=lambda *_: None)


@pytest.mark.parametrize("tells_length", [True, False])
@pytest.mark.parametrize("cuts", [[20_000, 10_000], [1, 1, 1], [49_999, 0], [30_000]])
def test_server_that_does_not_tell_the_total_of_a_range(server, path, cuts, tells_length):
    path.write_bytes(CONTENT[:100])
    server.tells_total, server.tells_length, server.cuts = False, tells_length, list(cuts)
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    starts = [100 + sum(cuts[:number]) for number in range(len(cuts) + 1)]
    expected = [f"bytes={start}-" for start in starts if start < 50_000]
    assert server.requests[: len(expected)] == expected
    assert set(server.requests[len(expected) :]) <= {"bytes=50000-"}


@pytest.mark.parametrize("tells_total", [True, False])
def test_server_that_sends_ranges_in_pieces(server, path, tells_total):
    path.write_bytes(CONTENT[:100])
    server.tells_total, server.most_bytes = tells_total, 9_000
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.requests[:3] == ["bytes=100-", "bytes=9100-", "bytes=18100-"]


@pytest.mark.parametrize("begun", [0, 100])
@pytest.mark.parametrize("location", ["/file", "/other"])
def test_redirects_in_circles_are_told_in_a_line(server, path, location, begun):
    server.location = location
    if begun:
        path.write_bytes(CONTENT[:begun])
    with pytest.raises(ConnectionError, match="redirects in circles or to nowhere .302.; check") as caught:
        fetch(server, path)
    assert "\n" not in str(caught.value)
    assert not begun or path.read_bytes() == CONTENT[:begun]


def fetch_sized(server, path, size):
    download.download_verified(f"{server.url}/file", path, md5=MD5, size=size, on_progress=lambda *_: None)


def test_cut_answer_without_a_length_is_continued_where_the_size_is_known(server, path):
    server.tells_length, server.cuts = False, [20_000, 0, 10_000]
    fetch_sized(server, path, len(CONTENT))
    assert path.read_bytes() == CONTENT
    assert server.requests == [None, "bytes=20000-", "bytes=20000-", "bytes=30000-"]


@pytest.mark.parametrize("tells_length", [True, False])
def test_more_than_the_size_is_not_read_to_its_end(server, path, tells_length):
    server.content, server.tells_length = CONTENT * 40, tells_length
    with pytest.raises(
        ValueError, match="file: the server sends more than the archive's 50000 bytes; the file was"
    ):
        fetch_sized(server, path, len(CONTENT))
    assert not path.exists()


def test_address_that_is_none(tmp_path):
    for url in ("none", "http://[::1/x"):
        with pytest.raises(
            ValueError, match=r".+: it, or where it leads, is no address .*; check --base-url"
        ):
            download.download(url, tmp_path / "file", on_progress=lambda *_: None)


def test_first_request_that_is_no_range_is_not_answered_as_one(server, path):
    server.statuses = [416]
    with pytest.raises(FileNotFoundError, match="the server answers 416"):
        fetch(server, path)
