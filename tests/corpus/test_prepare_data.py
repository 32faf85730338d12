"""prepare-data: whatever happens, a subset is there whole or not at all."""

import errno
import hashlib
import io
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from librispeech_clf.configuration import PROJECT_ROOT
from librispeech_clf.corpus import openslr
from librispeech_clf.local.commands import prepare_data
from librispeech_clf.local.commands.prepare_data import Archive, download_verified, main, unpack_archive

TRANSCRIPTS = {f"{speaker}-1-{number:04}": "SOME WORDS" for speaker in (12, 60) for number in range(12)}

# Runs the command on a test archive; optionally slows the unpacking down.
DRIVER = """
import sys, tarfile, time
from librispeech_clf.local.commands import prepare_data
from librispeech_clf.local.commands.prepare_data import main
size, md5, pause_s = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
prepare_data.ARCHIVES["test-clean"] = prepare_data.Archive("test-clean", size, md5, 24, 0.1)
prepare_data.PAUSE_S = 0
extract = tarfile.TarFile.extract
def slowly(*arguments, **options):
    extract(*arguments, **options)
    time.sleep(pause_s)
tarfile.TarFile.extract = slowly
sys.exit(main(sys.argv[4:]))
"""


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    """Tries again at once."""
    monkeypatch.setattr(prepare_data, "PAUSE_S", 0)


@pytest.fixture
def pack(tmp_path, make_tree, server, monkeypatch):
    """Packs a miniature subset as OpenSLR does and serves it; returns its archive record."""

    def write(subset="test-clean", extra=()):
        source = tmp_path / f"source-{subset}"
        make_tree(source, subset, TRANSCRIPTS)
        (source / "LibriSpeech" / "LICENSE.TXT").write_text("CC BY 4.0\n")
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            tar.add(source / "LibriSpeech", "LibriSpeech")
            for member in extra:
                tar.addfile(member)
        server.content = buffer.getvalue()
        archive = Archive(subset, len(server.content), hashlib.md5(server.content).hexdigest(), 24, 0.1)
        monkeypatch.setitem(prepare_data.ARCHIVES, subset, archive)
        return archive

    return write


@pytest.fixture
def root(tmp_path):
    """The data root."""
    return tmp_path / "root"


def run(archive, root, server):
    """Prepares one subset."""
    return prepare_data.prepare_subset(archive, root, base_url=server.url, report=lambda *_: None)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_whole(root: Path, tmp_path: Path, subset="test-clean") -> None:
    """The subset is as it was packed."""
    source = tmp_path / f"source-{subset}" / "LibriSpeech" / subset
    assert contents(root / "LibriSpeech" / subset) == contents(source)


def assert_absent(root: Path, *, archive_kept: bool = False) -> None:
    """Neither the subset nor anything half unpacked is there."""
    assert not (root / "LibriSpeech" / "test-clean").exists()
    leftovers = {path.name for path in (root / ".prepare-data").glob("*")} - {"test-clean.lock"}
    assert leftovers == ({"test-clean.tar.gz"} if archive_kept else set())


def test_subset_and_tables_are_put_in_place(tmp_path, root, server, pack):
    assert run(pack(), root, server)
    assert_whole(root, tmp_path)
    tables = {path.name for path in (root / "LibriSpeech").iterdir()}
    assert tables == {"test-clean", "SPEAKERS.TXT", "LICENSE.TXT"}
    assert len(openslr.open_subset(root, "test-clean")) == 24
    assert {path.name for path in (root / ".prepare-data").iterdir()} <= {"test-clean.lock"}


def test_second_run_does_nothing(root, server, pack):
    archive = pack()
    run(archive, root, server)
    before = server.requests.copy()
    assert not run(archive, root, server)
    assert server.requests == before


def test_archive_left_by_a_run_killed_at_its_very_end_is_removed(root, server, pack):
    archive = pack()
    run(archive, root, server)
    leftover = root / ".prepare-data" / "test-clean.tar.gz"
    leftover.write_bytes(server.content)
    unpacked = root / ".prepare-data" / "test-clean" / "LibriSpeech"
    unpacked.mkdir(parents=True)
    assert not run(archive, root, server)
    assert not leftover.exists() and not unpacked.parent.exists()


def test_second_subset_joins_the_first(tmp_path, root, server, pack):
    run(pack("test-clean"), root, server)
    (root / "LibriSpeech" / "SPEAKERS.TXT").write_text("corrected by hand\n")
    run(pack("dev-clean"), root, server)
    assert_whole(root, tmp_path, "test-clean")
    assert_whole(root, tmp_path, "dev-clean")
    assert (root / "LibriSpeech" / "SPEAKERS.TXT").read_text() == "corrected by hand\n"


def test_root_may_be_the_tree_itself(tmp_path, root, server, pack):
    (root / "LibriSpeech").mkdir(parents=True)
    run(pack(), root / "LibriSpeech", server)
    assert_whole(root, tmp_path)


def test_disk_too_small_is_told_before_the_download(root, server, pack, monkeypatch):
    archive = pack()
    free = shutil_usage(free=2 * archive.size - 1)
    monkeypatch.setattr(prepare_data.shutil, "disk_usage", lambda _: free)
    with pytest.raises(OSError, match="the disk is full; test-clean takes about 0.0 GB until it is unpacked"):
        run(archive, root, server)
    assert server.requests == []
    assert_absent(root)


def shutil_usage(free):
    """What `shutil.disk_usage` returns."""
    import shutil

    return shutil._ntuple_diskusage(0, 0, free)


def test_disk_that_fills_up_during_the_download(root, server, pack):
    archive = pack()
    (root / ".prepare-data").mkdir(parents=True)
    (root / ".prepare-data" / "test-clean.tar.gz").symlink_to("/dev/full")
    with pytest.raises(OSError, match="the disk is full.*Free space and run the command again"):
        run(archive, root, server)
    assert_absent(root, archive_kept=True)


def test_disk_that_fills_up_during_unpacking(tmp_path, root, server, pack, monkeypatch):
    archive = pack()
    extract, left = tarfile.TarFile.extract, iter(range(9))

    def extract_until_full(*arguments, **options):
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        extract(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(tarfile.TarFile, "extract", extract_until_full)
        with pytest.raises(OSError, match="the disk is full"):
            run(archive, root, server)
    assert_absent(root, archive_kept=True)
    run(archive, root, server)
    assert_whole(root, tmp_path)
    assert server.requests == [None, f"bytes={archive.size}-"]


def start(archive, root, server, *, pause_s=0.0):
    """Starts the command as a process of its own."""
    return subprocess.Popen(
        [
            *(sys.executable, "-c", DRIVER, str(archive.size), archive.md5, str(pause_s)),
            *("--subset", "test-clean", "--root", str(root), "--base-url", server.url),
        ],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(condition):
    """Waits until something is there, a few seconds at most."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.005)


def test_killed_in_the_download(tmp_path, root, server, pack):
    archive = pack()
    server.pause_s = 0.2
    process = start(archive, root, server)
    partial = root / ".prepare-data" / "test-clean.tar.gz"
    wait_for(lambda: partial.exists() and partial.stat().st_size > 0)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 0 < partial.stat().st_size < archive.size
    assert not (root / "LibriSpeech").exists()
    server.pause_s = 0.0
    assert run(archive, root, server)
    assert server.requests[-1] != "bytes=0-"
    assert_whole(root, tmp_path)


@pytest.mark.parametrize("files", [1, 9, 20])
def test_killed_while_unpacking(tmp_path, root, server, pack, files):
    archive = pack()
    process = start(archive, root, server, pause_s=0.05)
    wait_for(lambda: len(list((root / ".prepare-data" / "test-clean").rglob("*.*"))) >= files)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (root / "LibriSpeech" / "test-clean").exists()
    assert run(archive, root, server)
    assert_whole(root, tmp_path)
    assert {path.name for path in (root / ".prepare-data").iterdir()} <= {"test-clean.lock"}


def test_two_at_once(tmp_path, root, server, pack):
    archive = pack()
    processes = [start(archive, root, server, pause_s=0.01) for _ in range(2)]
    outputs = sorted(process.communicate(timeout=60)[0].splitlines()[-1] for process in processes)
    place = root / "LibriSpeech" / "test-clean"
    assert outputs == [f"test-clean: already there, {place}", f"test-clean: ready, {place}"]
    assert [process.returncode for process in processes] == [0, 0]
    assert server.requests == [None]
    assert_whole(root, tmp_path)


def test_command(tmp_path, root, server, pack, capsys):
    pack()
    arguments = ["--subset", "test-clean", "--root", str(root), "--base-url", server.url]
    assert main(arguments) == 0
    assert f"test-clean: ready, {root}/LibriSpeech/test-clean" in capsys.readouterr().out
    assert main(arguments) == 0
    assert "test-clean: already there" in capsys.readouterr().out


def test_list(root, server, pack, make_tree, capsys):
    pack()
    make_tree(root, "test-clean", TRANSCRIPTS)
    make_tree(root, "dev-clean", {"1-2-0000": "A"})
    (root / ".prepare-data").mkdir()
    with (root / ".prepare-data" / "dev-other.tar.gz").open("wb") as file:
        file.truncate(prepare_data.ARCHIVES["dev-other"].size // 4)
    assert main(["--list", "--root", str(root)]) == 0
    lines = {line.split()[1]: line for line in capsys.readouterr().out.splitlines() if line.startswith("│")}
    assert "there" in lines["test-clean"]
    assert "utterances only" not in lines["test-clean"]
    assert "there, 1 utterances only" in lines["dev-clean"]
    assert "25% downloaded" in lines["dev-other"]
    assert "30,594 MB" in lines["train-other-500"]
    assert server.requests == []


def test_unknown_subset(root, capsys):
    assert main(["--subset", "test-cleam", "--root", str(root)]) == 2
    assert (
        "prepare-data: test-cleam: LibriSpeech has no such subset; it has dev-clean"
        in capsys.readouterr().err
    )


def test_stopped_by_hand(root, monkeypatch, capsys):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare_data, "prepare_subset", stop)
    assert main(["--subset", "test-clean", "--root", str(root)]) == 130
    assert "stopped; the next run continues" in capsys.readouterr().err


def test_hub_cache_is_filled(tmp_path, root, make_parquet, monkeypatch, capsys):
    make_parquet(tmp_path / "snapshot" / "all" / "validation.clean" / "0000.parquet")
    calls = []

    def snapshot_download(_, **options):
        calls.append((options["allow_patterns"], options["local_files_only"]))
        return str(tmp_path / "snapshot")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    arguments = ["--source", "huggingface", "--subset", "dev-clean", "--root", str(root)]
    assert main(arguments) == 0
    assert "validation.clean: ready, 4 utterances of openslr/librispeech_asr" in capsys.readouterr().out
    assert calls == [(["all/validation.clean/*.parquet"], False)]
    assert main([*arguments, "--list"]) == 0
    assert "cached" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("subset", "name"),
    [("train-clean-100", "train.clean.100"), ("dev-other", "validation.other"), ("own-name", "own-name")],
)
def test_names_on_the_hub(subset, name):
    assert prepare_data.hub_name(subset) == name


CONTENT = random.Random(0).randbytes(50_000)
ARCHIVE = Archive("test-clean", len(CONTENT), hashlib.md5(CONTENT).hexdigest(), 24, 0.1)


@pytest.fixture
def path(tmp_path, server):
    """Where to; the server has the content."""
    server.content = CONTENT
    return tmp_path / "file"


def fetch(server, path, seen=None):
    """Downloads and verifies."""
    progress = (lambda *step: seen.append(step)) if seen is not None else lambda *_: None
    download_verified(f"{server.url}/file", path, ARCHIVE, on_progress=progress)


def test_whole_file_and_progress(server, path):
    seen = []
    fetch(server, path, seen)
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (50_000, 50_000)


def test_beginning_of_another_file(server, path):
    path.write_bytes(bytes(10_000))
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.requests == ["bytes=10000-", None]


def test_server_that_has_no_address(tmp_path):
    with pytest.raises(
        ConnectionError, match="no-such-server.invalid/file: .*; check the network connection"
    ):
        download_verified(
            "http://no-such-server.invalid/file", tmp_path / "file", ARCHIVE, on_progress=lambda *_: None
        )


@pytest.mark.parametrize("tells_total", [True, False])
def test_server_that_sends_ranges_in_pieces(server, path, tells_total):
    path.write_bytes(CONTENT[:100])
    server.tells_total, server.most_bytes = tells_total, 9_000
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.requests[:3] == ["bytes=100-", "bytes=9100-", "bytes=18100-"]


def test_cut_answer_without_a_length_is_continued(server, path):
    server.tells_length, server.cuts = False, [20_000, 0, 10_000]
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.requests == [None, "bytes=20000-", "bytes=20000-", "bytes=30000-"]


@pytest.mark.parametrize("has_filter", [True, False], ids=["today", "before Python 3.11.4"])
def test_content_without_owner_and_rights(tmp_path, monkeypatch, has_filter):
    if not has_filter:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    archive, told = tmp_path / "test-clean.tar.gz", []
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("LibriSpeech/test-clean/1/2/1-2.trans.txt")
        member.size, member.mode, member.uid, member.gid = 5, 0o6777, 12345, 12345
        tar.addfile(member, io.BytesIO(b"1-2-3"))
    unpack_archive(archive, tmp_path / "out", on_progress=lambda done, size: told.append((done, size)))
    found = tmp_path / "out" / member.name
    assert found.read_bytes() == b"1-2-3"
    assert found.stat().st_mode & 0o6002 == 0
    assert found.stat().st_uid == archive.stat().st_uid
    assert told[-1][1] == archive.stat().st_size
