"""prepare-data: whatever happens, a subset is there whole or not at all."""

import errno
import io
import shutil
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from librispeech_clf.corpus import openslr
from librispeech_clf.local.commands import prepare_data
from librispeech_clf.local.commands.prepare_data import Archive, download_verified, main, unpack_archive
from tests.helpers.bad_servers import SUBSET, BadServer, Server, answer_well, head, make_members, md5, pack
from tests.helpers.own_corpora import corpus_rows, write_table, write_tree

MEMBERS = make_members() | {"LibriSpeech/LICENSE.TXT": b"CC BY 4.0\n"}
CONTENT = pack(MEMBERS)
SIZE = len(CONTENT)


def describe(subset, content):
    """What prepare-data knows of an archive."""
    return Archive(subset, len(content), md5(content), 8, 0.1)


@pytest.fixture
def server(monkeypatch):
    """A good server of a small archive; nothing waits before it tries again."""
    monkeypatch.setattr(prepare_data, "PAUSE_S", 0)
    monkeypatch.setitem(prepare_data.ARCHIVES, SUBSET, describe(SUBSET, CONTENT))
    with Server(BadServer("good", []), CONTENT) as running:
        yield running


def run(root, server, subset=SUBSET, report=lambda *_: None):
    """Prepare one subset."""
    archive = describe(subset, server.content)
    return prepare_data.prepare_subset(archive, root, base_url=server.url, report=report)


def list_work(root):
    """What is left of the work, but for its lock."""
    return {path.name for path in (root / ".prepare-data").iterdir()} - {f"{SUBSET}.lock"}


def assert_whole(root, members=MEMBERS):
    """The tree is as it was packed."""
    files = [path for path in (root / "LibriSpeech").rglob("*") if path.is_file()]
    assert {str(path.relative_to(root)): path.read_bytes() for path in files} == members


def test_subset_and_tables_are_put_in_place_once(tmp_path, server):
    assert run(tmp_path, server)
    assert_whole(tmp_path)
    assert (len(openslr.open_subset(tmp_path, SUBSET)), list_work(tmp_path)) == (8, set())
    assert not run(tmp_path, server)
    assert server.starts == [None]


@pytest.mark.parametrize("begun", [0, 1, SIZE // 2, SIZE])
def test_what_a_killed_run_left_is_continued(tmp_path, server, begun):
    work = tmp_path / ".prepare-data"
    write_table(work / f"{SUBSET}.tar.gz", CONTENT[:begun])
    write_table(work / SUBSET / f"LibriSpeech/{SUBSET}/1/2/1-2-0000.flac", "half")
    assert run(tmp_path, server)
    assert_whole(tmp_path)
    assert (server.starts, list_work(tmp_path)) == ([begun or None], set())
    (work / SUBSET / "LibriSpeech").mkdir(parents=True)  # killed at its very end
    (work / f"{SUBSET}.tar.gz").write_bytes(CONTENT)
    assert not run(tmp_path, server)
    assert list_work(tmp_path) == set()


def test_second_subset_joins_the_first(tmp_path, server):
    run(tmp_path, server)
    (tmp_path / "LibriSpeech/SPEAKERS.TXT").write_text("corrected by hand\n")
    others = {name.replace(SUBSET, "dev-clean"): content for name, content in MEMBERS.items()}
    server.content = pack(others)
    run(tmp_path, server, "dev-clean")
    corrected = {"LibriSpeech/SPEAKERS.TXT": b"corrected by hand\n"}
    assert_whole(tmp_path, MEMBERS | others | corrected)


def test_root_may_be_the_tree_itself(tmp_path, server):
    (tmp_path / "LibriSpeech").mkdir(parents=True)
    run(tmp_path / "LibriSpeech", server)
    assert_whole(tmp_path)


def test_disk_too_small_is_told_before_the_download(tmp_path, server, monkeypatch):
    free = shutil._ntuple_diskusage(0, 0, 2 * SIZE - 1)
    monkeypatch.setattr(prepare_data.shutil, "disk_usage", lambda _: free)
    with pytest.raises(OSError, match="the disk is full; test-clean takes about 0.0 GB until it is unpacked"):
        run(tmp_path, server)
    assert (server.starts, list_work(tmp_path), (tmp_path / "LibriSpeech").exists()) == ([], set(), False)


def test_disk_that_fills_up_during_the_download(tmp_path, server):
    (tmp_path / ".prepare-data").mkdir(parents=True)
    (tmp_path / f".prepare-data/{SUBSET}.tar.gz").symlink_to("/dev/full")
    with pytest.raises(OSError, match="the disk is full.*Free space and run the command again"):
        run(tmp_path, server)
    assert (list_work(tmp_path), (tmp_path / "LibriSpeech").exists()) == ({f"{SUBSET}.tar.gz"}, False)


def test_disk_that_fills_up_during_unpacking(tmp_path, server, monkeypatch):
    extract, left = tarfile.TarFile.extract, iter(range(6))

    def extract_until_full(*arguments, **options):
        assert not (tmp_path / "LibriSpeech").exists()
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        extract(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(tarfile.TarFile, "extract", extract_until_full)
        with pytest.raises(OSError, match="the disk is full"):
            run(tmp_path, server)
    assert (list_work(tmp_path), (tmp_path / "LibriSpeech").exists()) == ({f"{SUBSET}.tar.gz"}, False)
    assert run(tmp_path, server)
    assert_whole(tmp_path)
    assert server.starts == [None, SIZE]


def test_of_two_at_once_one_waits_for_the_other(tmp_path, server):
    waits = threading.Event()
    server.answers = [lambda asked: waits.wait(20) and answer_well(asked)]

    def report(stage, *_):
        if stage.startswith("wait"):
            waits.set()

    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run, tmp_path, server, report=report) for _ in range(2)]
    assert sorted(begun.result() for begun in runs) == [False, True]
    assert_whole(tmp_path)
    assert server.starts == [None]


def test_command(tmp_path, server, capsys):
    arguments = ["--subset", SUBSET, "--root", str(tmp_path), "--base-url", server.url]
    for state in ("ready", "already there"):
        assert main(arguments) == 0
        assert f"{SUBSET}: {state}, {tmp_path}/LibriSpeech/{SUBSET}" in capsys.readouterr().out


def test_list(tmp_path, server, capsys):
    run(tmp_path, server)
    write_tree(tmp_path, "dev-clean", {"1-2-0000": "A"})
    with (tmp_path / ".prepare-data/dev-other.tar.gz").open("wb") as file:
        file.truncate(prepare_data.ARCHIVES["dev-other"].size // 4)
    server.starts.clear()
    assert main(["--list", "--root", str(tmp_path)]) == 0
    lines = {line.split()[1]: line for line in capsys.readouterr().out.splitlines() if line.startswith("│")}
    assert "there" in lines[SUBSET] and "utterances only" not in lines[SUBSET]
    assert "there, 1 utterances only" in lines["dev-clean"]
    assert "25% downloaded" in lines["dev-other"] and "30,594 MB" in lines["train-other-500"]
    assert server.starts == []


def test_unknown_subset(tmp_path, capsys):
    assert main(["--subset", "test-cleam", "--root", str(tmp_path)]) == 2
    told = "prepare-data: test-cleam: LibriSpeech has no such subset; it has dev-clean"
    assert told in capsys.readouterr().err


def test_stopped_by_hand(tmp_path, monkeypatch, capsys):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare_data, "prepare_subset", stop)
    assert main(["--subset", SUBSET, "--root", str(tmp_path)]) == 130
    assert "stopped; the next run resumes" in capsys.readouterr().err


def test_hub_cache_is_filled(tmp_path, monkeypatch, capsys):
    write_table(tmp_path / "snapshot/all/validation.clean/0000.parquet", corpus_rows())
    calls = []

    def snapshot_download(_, **options):
        calls.append((options["allow_patterns"], options["local_files_only"]))
        return str(tmp_path / "snapshot")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    arguments = ["--source", "huggingface", "--subset", "dev-clean", "--root", str(tmp_path)]
    assert main(arguments) == 0
    assert "validation.clean: ready, 4 utterances of openslr/librispeech_asr" in capsys.readouterr().out
    assert calls == [(["all/validation.clean/*.parquet"], False)]
    assert main([*arguments, "--list"]) == 0
    assert "cached" in capsys.readouterr().out


def test_names_on_the_hub():
    names = {"train-clean-100": "train.clean.100", "dev-other": "validation.other", "own-name": "own-name"}
    assert {name: prepare_data.hub_name(name) for name in names} == names


def fetch(server, path, begun=b""):
    """Download the archive and compare it; return what was told on the way."""
    told = []
    if begun:
        path.write_bytes(begun)
    archive = describe(SUBSET, CONTENT)
    download_verified(f"{server.url}/file", path, archive, on_progress=lambda *step: told.append(step))
    assert path.read_bytes() == CONTENT
    return told


def send(most, *, length=True, total=SIZE):
    """An answer of so many bytes at most."""

    def answer(asked):
        start, body = asked.start or 0, asked.rest[:most]
        fields = {"Content_Length": len(body)} if length else {}
        if asked.start is None:
            return head("200 OK", **fields) + body
        told = f"bytes {start}-{start + len(body) - 1}/{total}"
        return head("206 Partial Content", Content_Range=told, **fields) + body

    return answer


def test_whole_file_and_progress(server, tmp_path):
    assert fetch(server, tmp_path / "file")[-1] == (SIZE, SIZE)


def test_beginning_of_another_file_and_server_that_ignores_ranges(server, tmp_path):
    fetch(server, tmp_path / "file", bytes(10_000))
    server.answers = [answer_well, answer_well, lambda asked: head("200 OK") + asked.content]
    fetch(server, tmp_path / "file", CONTENT[:100])
    assert server.starts == [10_000, None, 100]


@pytest.mark.parametrize("total", [SIZE, "*"])
def test_server_that_sends_ranges_in_pieces(server, tmp_path, total):
    server.answers, server.for_ever = [send(9_000, total=total)], True
    fetch(server, tmp_path / "file", CONTENT[:100])
    assert server.starts[:3] == [100, 9_100, 18_100]


def test_cut_answer_without_a_length_is_continued(server, tmp_path):
    server.answers = [send(most, length=False) for most in (10_000, 0, 9_000, SIZE)]
    fetch(server, tmp_path / "file")
    assert server.starts == [None, 10_000, 10_000, 19_000]


def test_server_that_has_no_address(tmp_path):
    url = "http://no-such-server.invalid/file"
    with pytest.raises(ConnectionError, match=f"{url}: .*; check the network connection"):
        download_verified(url, tmp_path / "file", describe(SUBSET, CONTENT), on_progress=lambda *_: None)


def test_address_with_a_blank_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("tried again"))
    with pytest.raises(ValueError, match="is not an address .*; check --base-url"):
        download_verified(
            "http://a b/file", tmp_path / "file", describe(SUBSET, CONTENT), on_progress=lambda *_: None
        )


@pytest.mark.parametrize("has_filter", [True, False], ids=["today", "before Python 3.11.4"])
def test_content_without_owner_and_rights(tmp_path, monkeypatch, has_filter):
    if not has_filter:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    archive, told = tmp_path / "test-clean.tar.gz", []
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("LibriSpeech/test-clean/1/2/1-2.trans.txt")
        member.size, member.mode, member.uid, member.gid = 5, 0o6777, 12345, 12345
        tar.addfile(member, io.BytesIO(b"1-2-3"))
    unpack_archive(archive, tmp_path / "out", on_progress=lambda *step: told.append(step))
    found = tmp_path / "out" / member.name
    status = found.stat()
    assert (found.read_bytes(), status.st_mode & 0o6002) == (b"1-2-3", 0)
    assert status.st_uid == archive.stat().st_uid
    assert told[-1][1] == archive.stat().st_size
