"""Reading a LibriSpeech tree, whole and damaged."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from librispeech_clf.audio.reading import read_waveform
from librispeech_clf.corpus import openslr
from librispeech_clf.corpus.load import load_split

REAL_ROOT = Path(os.environ.get("LIBRISPEECH_TREE", "none"))
IDS = ["12-340-0000", "12-340-0001", "12-341-0000", "60-7-0000"]


def test_rows_of_a_tree(tmp_path, make_tree):
    folder = make_tree(tmp_path)
    dataset = openslr.open_subset(tmp_path, "test-clean")
    assert dataset["id"][:] == IDS
    assert dataset[1] == {
        "id": "12-340-0001",
        "audio": {"bytes": None, "path": str(folder / "12" / "340" / "12-340-0001.flac")},
        "text": "IT'S ANOTHER",
        "speaker_id": "12",
        "chapter_id": "340",
        **dict.fromkeys(("more_texts", "start_s", "end_s", "channel", "fields")),
        "problem": None,
    }


def test_index_is_memory_mapped_and_made_once(tmp_path, make_tree, monkeypatch, cache):
    make_tree(tmp_path)
    first = openslr.open_subset(tmp_path, "test-clean")
    assert [Path(file["filename"]).parent for file in first.cache_files] == [cache]
    monkeypatch.setattr(openslr, "read_chapter", None)
    assert openslr.open_subset(tmp_path, "test-clean")["id"][:] == IDS


def test_speakers_are_in_the_order_of_their_numbers(tmp_path, make_tree):
    make_tree(tmp_path, transcripts={"100-1-0000": "B", "9-10-0000": "A", "9-2-0000": "A"})
    assert openslr.open_subset(tmp_path, "test-clean")["id"][:] == ["9-2-0000", "9-10-0000", "100-1-0000"]


def test_folders_that_others_leave_are_passed_by(tmp_path, make_tree):
    make_tree(tmp_path)
    ids = openslr.open_subset(tmp_path, "test-clean")["id"][:]
    for extra in (
        "@eaDir/x",
        ".git/x",
        "12/.ipynb_checkpoints",
        "12/@eaDir",
        "lost+found/x",
        "12/$RECYCLE.BIN",
    ):
        (tmp_path / "LibriSpeech" / "test-clean" / extra).mkdir(parents=True)
    assert openslr.open_subset(tmp_path, "test-clean")["id"][:] == ids


def test_root_may_be_the_tree_itself(tmp_path, make_tree):
    make_tree(tmp_path)
    assert openslr.open_subset(tmp_path / "LibriSpeech", "test-clean")["id"][:] == IDS


def test_changed_transcript_is_noticed(tmp_path, make_tree, cache):
    folder = make_tree(tmp_path)
    openslr.open_subset(tmp_path, "test-clean")
    path = folder / "12" / "341" / "12-341.trans.txt"
    path.write_text("12-341-0000 AN OLD CHAPTER\n")
    assert openslr.open_subset(tmp_path, "test-clean")["text"][2] == "AN OLD CHAPTER"
    assert len(list(cache.glob("*.arrow"))) == 1


def test_new_chapter_is_noticed(tmp_path, make_tree):
    make_tree(tmp_path)
    openslr.open_subset(tmp_path, "test-clean")
    make_tree(tmp_path, transcripts={"60-8-0000": "NEW"})
    assert openslr.open_subset(tmp_path, "test-clean")["id"][:] == [*IDS, "60-8-0000"]


def test_removed_recording_costs_its_utterance_only(tmp_path, make_tree, configuration):
    folder = make_tree(tmp_path)
    openslr.open_subset(tmp_path, "test-clean")
    (folder / "12" / "340" / "12-340-0001.flac").unlink()
    split = load_split(configuration.corpus, "test")
    assert split.ids == IDS
    read_waveform(split.utterance("12-340-0000"), sampling_rate=16000)
    with pytest.raises(FileNotFoundError, match=r"12-340-0001.flac: the audio of 12-340-0001 is not there"):
        read_waveform(split.utterance("12-340-0001"), sampling_rate=16000)


def test_tree_without_recordings_is_refused_and_leaves_nothing(tmp_path, make_tree, cache):
    folder = make_tree(tmp_path)
    for path in folder.rglob("*.flac"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="neither it nor another recording is there; restore them"):
        openslr.open_subset(tmp_path, "test-clean")
    assert [path.suffix for path in cache.iterdir() if path.suffix != ".lock"] == []


def test_several_at_once(tmp_path, make_tree, cache):
    make_tree(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: openslr.open_subset(tmp_path, "test-clean")["id"][:], range(8)))
    assert opened == [IDS] * 8
    assert sorted(path.suffix for path in cache.iterdir()) == [".arrow", ".lock"]


def test_recording_without_transcript_is_named(tmp_path, make_tree):
    folder = make_tree(tmp_path)
    (folder / "60" / "7" / "60-7-0009.flac").write_bytes(b"")
    with pytest.warns(UserWarning, match="no transcript for 60-7-0009.flac"):
        assert openslr.open_subset(tmp_path, "test-clean")["id"][:] == IDS


def test_subset_that_is_not_there_names_the_command(tmp_path, make_tree):
    make_tree(tmp_path)
    command = f"poetry run prepare-data --subset dev-clean --root {tmp_path}"
    with pytest.raises(FileNotFoundError, match=f"dev-clean is not there; get it with: {command}$"):
        openslr.open_subset(tmp_path / "LibriSpeech", "dev-clean")


def test_subset_without_chapters(tmp_path):
    (tmp_path / "LibriSpeech" / "test-clean" / "12").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="holds no <speaker>/<chapter> folders"):
        openslr.open_subset(tmp_path, "test-clean")


def test_chapter_without_transcript_file(tmp_path, make_tree):
    folder = make_tree(tmp_path)
    (folder / "60" / "7" / "60-7.trans.txt").unlink()
    (row,) = [row for row in openslr.open_subset(tmp_path, "test-clean") if row["problem"]]
    assert row["id"] == "60-7-0000"
    assert "60-7.trans.txt: the chapter's transcripts are not there" in row["problem"]


def test_transcript_line_that_does_not_fit(tmp_path, make_tree):
    folder = make_tree(tmp_path)
    (folder / "60" / "7" / "60-7.trans.txt").write_text("\nhello world\n60-7-0000 A\n")
    rows = openslr.open_subset(tmp_path, "test-clean").to_list()
    assert [row["id"] for row in rows[-2:]] == ["hello", "60-7-0000"]
    assert [bool(row["problem"]) for row in rows[-2:]] == [True, False]
    assert "60-7.trans.txt:2: expected 'speaker-chapter-number TRANSCRIPT'" in rows[-2]["problem"]


def test_transcripts_of_another_encoding_cost_that_line_only(tmp_path, make_tree):
    folder = make_tree(tmp_path)
    (folder / "60" / "7" / "60-7.trans.txt").write_bytes("60-7-0000 CAF\u00c9\n".encode("latin-1"))
    dataset = openslr.open_subset(tmp_path, "test-clean")
    assert dataset["id"][:] == IDS and dataset["text"][3] == "CAF\ufffd"


def test_audio_is_not_read(tmp_path, make_tree):
    folder = make_tree(tmp_path)
    for path in folder.rglob("*.flac"):
        path.write_bytes(b"no audio at all")
    assert openslr.open_subset(tmp_path, "test-clean")["id"][:] == IDS


def test_tree_that_cannot_be_written_to(tmp_path, make_tree):
    folder = make_tree(tmp_path)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted(os.walk(tmp_path / "LibriSpeech"))
    assert openslr.open_subset(tmp_path, "test-clean")["id"][:] == IDS
    assert sorted(os.walk(tmp_path / "LibriSpeech")) == before


@pytest.mark.skipif(not REAL_ROOT.is_dir(), reason="no real LibriSpeech here")
def test_real_librispeech(configuration):
    split = load_split(configuration.with_corpus(root=REAL_ROOT).corpus, "test")
    seconds = {
        "1089-134686-0000": 10.435,
        "1089-134686-0001": 3.275,
        "1089-134691-0000": 2.085,
        "1089-134691-0001": 5.415,
    }
    assert split.ids == list(seconds)
    assert (split.chapters, split.books) == ({}, {})
    assert split.speakers[60].name == "|CBW|Simon"
    for utterance_id, duration in seconds.items():
        utterance = split.utterance(utterance_id)
        assert len(read_waveform(utterance, sampling_rate=16000)) == round(duration * 16000)
        assert split.speaker(utterance).gender == "M"
        assert split.speaker(utterance).name == "Peter Bobbe"
        assert split.chapter(utterance) is None
        assert split.subset_of(utterance) == "test-clean"
    assert split.utterance("1089-134691-0000").text == "HE COULD WAIT NO LONGER"
