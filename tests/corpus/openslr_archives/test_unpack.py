"""Archives are unpacked alike by every Python, whatever owner and rights they tell."""

import io
import tarfile

import pytest

from librispeech_clf.corpus.openslr_archives.unpack import unpack_archive


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
