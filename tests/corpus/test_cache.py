"""Where indexes are kept: never in a folder that somebody else can have filled."""

import errno
import os
import tempfile

import pytest

from librispeech_clf.corpus import files, index, openslr
from tests.helpers.own_corpora import corpus_rows, write_table, write_tree


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The temporary directory, with no Hugging Face cache that can be written to; gives our folder's path."""
    import datasets.config

    (tmp_path / "file").write_text("")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "file")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary" / f"librispeech_clf-{os.getuid()}"


def test_new_folder_is_for_the_user_alone(temporary):
    assert index.cache_folder() == temporary
    assert temporary.stat().st_mode & 0o777 == 0o700
    assert index.cache_folder() == temporary


@pytest.mark.parametrize(
    ("mode", "trusted"), [(0o700, True), (0o755, True), (0o775, False), (0o707, False), (0o1777, False)]
)
def test_folder_that_others_may_write_is_not_trusted(temporary, mode, trusted):
    temporary.mkdir()
    temporary.chmod(mode)
    assert index.cache_folder() == (temporary if trusted else None)


def test_folder_of_somebody_else_is_not_trusted(temporary, monkeypatch):
    other = os.getuid() + 1
    temporary.with_name(f"librispeech_clf-{other}").mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: other)
    assert index.cache_folder() is None


def test_link_is_not_trusted(temporary, tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    temporary.symlink_to(tmp_path / "elsewhere")
    assert index.cache_folder() is None


def test_corpus_opens_without_a_trusted_folder(temporary, tmp_path):
    temporary.mkdir()
    temporary.chmod(0o777)
    write_table(tmp_path / "own.parquet", corpus_rows())
    dataset = files.open_subset(tmp_path, "own")
    assert (len(dataset), dataset.cache_files, list(temporary.iterdir())) == (4, [], [])


def test_windows_has_a_folder_per_home(temporary, monkeypatch):
    monkeypatch.delattr(os, "getuid")
    names = set()
    for home in ("/home/a", "/home/b"):
        monkeypatch.setenv("HOME", home)
        names.add(index.cache_folder().name)
    assert len(names) == 2


@pytest.mark.parametrize("limit", [1 << 26, 0, "openslr"])
def test_text_changed_in_place_with_its_time_kept_is_noticed(tmp_path, monkeypatch, limit):
    if limit == "openslr":
        path, module = write_tree(tmp_path, "own") / "12/340/12-340.trans.txt", openslr
    else:
        monkeypatch.setattr(index, "MOST_HASHED_BYTES", limit)
        table = tmp_path / "own/metadata.csv"
        path, module = write_table(table, "file_name,text\na.wav,ONE TONE\n", recordings=["a.wav"]), files
    assert module.open_subset(tmp_path, "own")["text"][0] == "ONE TONE"
    before = path.stat()
    path.write_text(path.read_text().replace("ONE", "TWO", 1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert module.open_subset(tmp_path, "own")["text"][0] == "TWO TONE"


def test_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch, cache):
    def fill_disk(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    write_table(tmp_path / "own.parquet", corpus_rows())
    monkeypatch.setattr(os, "replace", fill_disk)
    with pytest.raises(OSError, match=r"cache.*: the disk is full: \S+ bytes are free; free space"):
        files.open_subset(tmp_path, "own")
    assert {path.suffix for path in cache.iterdir()} <= {".lock"}


@pytest.mark.parametrize("damage", ["cut", "empty", "header", "middle", "tail"])
def test_damaged_index_is_made_anew(tmp_path, cache, damage):
    write_table(tmp_path / "own.parquet", corpus_rows())
    texts = files.open_subset(tmp_path, "own")["text"][:]
    (path,) = cache.glob("*.arrow")
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    places = {"header": slice(0, 64), "middle": slice(half - 400, half), "tail": slice(-8, None)}
    if damage in places:
        content[places[damage]] = bytes(len(content[places[damage]]))
    path.unlink()
    path.write_bytes(content[: {"cut": half, "empty": 0}.get(damage)])
    assert files.open_subset(tmp_path, "own")["text"][:] == texts
    assert path.read_bytes()[-8:] == b"\xff\xff\xff\xff\0\0\0\0"
