"""Reading a LibriSpeech tree, whole and damaged."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from librispeech_clf.audio.reading import read_waveform
from librispeech_clf.corpus import openslr
from librispeech_clf.corpus.load import load_split
from tests.helpers.own_corpora import IDS, refusal_of, write_table, write_tree

REAL_ROOT = Path(os.environ.get("LIBRISPEECH_TREE", "none"))


@pytest.fixture
def tree(tmp_path):
    """The folder of a subset of four utterances."""
    return write_tree(tmp_path)


@pytest.fixture
def open_tree(tmp_path, tree):
    """Return the function that opens it."""
    return lambda root=tmp_path, subset="test-clean": openslr.open_subset(root, subset)


def list_files(cache):
    """The endings of the index's files."""
    return sorted(path.suffix for path in cache.iterdir())


def test_rows_of_a_tree_and_of_the_folder_that_it_is_in(tmp_path, tree, open_tree):
    dataset = open_tree()
    assert dataset["id"][:] == open_tree(tmp_path / "LibriSpeech")["id"][:] == IDS
    assert dataset[1] == {
        "id": "12-340-0001",
        "audio": {"bytes": None, "path": str(tree / "12/340/12-340-0001.flac")},
        "text": "IT'S ANOTHER",
        "speaker_id": "12",
        "chapter_id": "340",
        **dict.fromkeys(("more_texts", "start_s", "end_s", "channel", "fields")),
        "problem": None,
    }


def test_index_is_memory_mapped_and_made_once(open_tree, monkeypatch, cache):
    assert [Path(file["filename"]).parent for file in open_tree().cache_files] == [cache]
    monkeypatch.setattr(openslr, "read_chapter", None)
    assert open_tree()["id"][:] == IDS


def test_speakers_are_in_the_order_of_their_numbers(tmp_path):
    write_tree(tmp_path, transcripts={"100-1-0000": "B", "9-10-0000": "A", "9-2-0000": "A"})
    assert openslr.open_subset(tmp_path, "test-clean")["id"][:] == ["9-2-0000", "9-10-0000", "100-1-0000"]


def test_folders_that_others_leave_are_skipped(tree, open_tree):
    others = ("@eaDir/x", ".git/x", "12/.ipynb_checkpoints", "12/@eaDir", "lost+found/x", "12/$RECYCLE.BIN")
    for other in others:
        write_table(tree / other / "x.flac", b"")
    assert open_tree()["id"][:] == IDS


def test_changed_transcript_and_new_chapter_are_noticed(tmp_path, tree, open_tree, cache):
    open_tree()
    (tree / "12/341/12-341.trans.txt").write_text("12-341-0000 AN OLD CHAPTER\n")
    assert open_tree()["text"][2] == "AN OLD CHAPTER"
    assert list_files(cache) == [".arrow", ".lock"]
    write_tree(tmp_path, transcripts={"60-8-0000": "NEW"})
    assert open_tree()["id"][:] == [*IDS, "60-8-0000"]


def test_removed_recording_costs_its_utterance_only(tree, open_tree, configuration):
    open_tree()
    (tree / "12/340/12-340-0001.flac").unlink()
    split = load_split(configuration.corpus, "test")
    assert split.ids == IDS
    read_waveform(split.utterance("12-340-0000"), sampling_rate=16000)
    message = "12-340-0001.flac: the audio of 12-340-0001 does not exist"
    assert message in refusal_of(split.utterance("12-340-0001"))


def test_tree_without_recordings_is_refused_and_leaves_nothing(tree, open_tree, cache):
    for path in tree.rglob("*.flac"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="neither it nor any other recording exists; restore them"):
        open_tree()
    assert list_files(cache) == [".lock"]


def test_several_at_once(open_tree, cache):
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: open_tree()["id"][:], range(8)))
    assert (opened, list_files(cache)) == ([IDS] * 8, [".arrow", ".lock"])


def test_recording_without_transcript_is_named(tree, open_tree):
    (tree / "60/7/60-7-0009.flac").write_bytes(b"")
    with pytest.warns(UserWarning, match="no transcript for 60-7-0009.flac"):
        assert open_tree()["id"][:] == IDS


def test_subset_that_is_not_there_names_the_command(tmp_path, open_tree):
    command = f"poetry run prepare-data --subset dev-clean --root {tmp_path}"
    with pytest.raises(FileNotFoundError, match=f"dev-clean does not exist; get it with: {command}$"):
        open_tree(tmp_path / "LibriSpeech", "dev-clean")


def test_subset_without_chapters(tmp_path):
    (tmp_path / "LibriSpeech/test-clean/12").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="holds no <speaker>/<chapter> folders"):
        openslr.open_subset(tmp_path, "test-clean")


EXPECTED = "expected 'speaker-chapter-number TRANSCRIPT'"


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (None, [("60-7-0000", "60-7.trans.txt: the chapter's transcripts are missing")]),
        (
            "\nhello world\n60-7-0000 A\n",
            [
                ("hello", "60-7.trans.txt:2: expected 'speaker-chapter-number TRANSCRIPT'"),
                ("60-7-0000", None),
            ],
        ),
        ("60-7-0000 CAF\u00c9\n".encode("latin-1"), [("60-7-0000", None)]),
    ],
)
def test_transcripts_that_do_not_fit_cost_their_lines_only(tree, open_tree, content, rows):
    (tree / "60/7/60-7.trans.txt").unlink()
    if content:
        write_table(tree / "60/7/60-7.trans.txt", content)
    found = open_tree().to_list()
    assert [row["id"] for row in found] == [*IDS[:3], *(name for name, _ in rows)]
    for row, (_, reason) in zip(found[3:], rows, strict=True):
        assert reason in row["problem"] if reason else row["problem"] is None
    if isinstance(content, bytes):
        assert found[3]["text"] == "CAF\ufffd"


def test_audio_is_not_read_and_nothing_is_written(tmp_path, tree, open_tree):
    for path in tree.rglob("*.flac"):
        path.write_bytes(b"no audio at all")
    for path in [tree, *tree.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted(os.walk(tmp_path / "LibriSpeech"))
    assert open_tree()["id"][:] == IDS
    assert sorted(os.walk(tmp_path / "LibriSpeech")) == before


@pytest.mark.skipif(not REAL_ROOT.is_dir(), reason="no real LibriSpeech here")
def test_real_librispeech(configuration):
    split = load_split(configuration.with_corpus(root=REAL_ROOT).corpus, "test")
    lengths = {"1089-134686-0000": 166_960, "1089-134686-0001": 52_400}
    lengths |= {"1089-134691-0000": 33_360, "1089-134691-0001": 86_640}
    utterances = [split.utterance(name) for name in split.ids]
    read = {utterance.id: len(read_waveform(utterance, sampling_rate=16000)) for utterance in utterances}
    assert (read, split.chapters, split.books) == (lengths, {}, {})
    assert split.speakers[60].name == "|CBW|Simon"
    for utterance in utterances:
        speaker = split.speaker(utterance)
        told = speaker.gender, speaker.name, split.chapter(utterance), split.subset_of(utterance)
        assert told == ("M", "Peter Bobbe", None, "test-clean")
    assert split.utterance("1089-134691-0000").text == "HE COULD WAIT NO LONGER"
