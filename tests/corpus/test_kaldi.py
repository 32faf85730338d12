"""Kaldi folders: what is read, what is never run, and what costs its utterance only."""

import pytest

from librispeech_clf.audio.reading import read_waveform
from librispeech_clf.corpus.schema import UNKNOWN, read_fields
from tests.helpers.own_corpora import open_split


@pytest.fixture
def folder(tmp_path, make_tree):
    """A Kaldi folder of two utterances, with recordings in FLAC."""
    tree = make_tree(tmp_path)
    folder = tmp_path / "own"
    (folder / "wavs").mkdir(parents=True)
    (folder / "wavs/b.flac").write_bytes((tree / "12/340/12-340-0001.flac").read_bytes())
    (folder / "wav.scp").write_text(f"utt-a {tree}/12/340/12-340-0000.flac\nutt-b\twavs/b.flac\n")
    (folder / "text").write_text("utt-b IT'S  ANOTHER\nutt-a ONE TONE\n")
    (folder / "utt2spk").write_text("utt-a 0012\nutt-b 12\n")
    return folder


def test_utterances_are_read(folder):
    split = open_split(folder)
    assert split.ids == ["utt-b", "utt-a"]
    assert split.texts == ["IT'S  ANOTHER", "ONE TONE"]
    assert [split.utterance(name).speaker_id for name in split.ids] == ["12", "0012"]
    assert [len(read_waveform(split.utterance(name), sampling_rate=16000)) > 800 for name in split.ids]
    assert split.field_types == {}


def test_speakers_are_unknown_without_a_table(folder):
    (folder / "utt2spk").unlink()
    assert {open_split(folder).utterance(name).speaker_id for name in ("utt-a", "utt-b")} == {UNKNOWN}


def test_other_tables_become_fields(folder):
    (folder / "utt2dur").write_text("utt-a 0.5\n")
    (folder / "utt2lang").write_text("utt-a en\nutt-b de\n")
    (folder / "spk2gender").write_text("0012 f\n")
    split = open_split(folder)
    assert split.field_types == {"dur": "float", "gender": "string", "lang": "string"}
    fields = [read_fields(split.utterance(name).fields, split.field_types) for name in ("utt-a", "utt-b")]
    assert fields[0] == {"dur": 0.5, "gender": "f", "lang": "en"}
    assert fields[1] == {"dur": None, "gender": None, "lang": "de"}


def test_paths_may_start_at_the_data_root(folder):
    (folder / "wavs/b.flac").rename(folder.parent / "c.flac")
    (folder / "wav.scp").write_text("utt-b c.flac\n")
    assert open_split(folder).utterance("utt-b").audio_path == str(folder.parent / "c.flac")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("touch {folder}/ran && cat {folder}/wavs/b.flac |", "has a command, which is never run"),
        ("sph2pipe -f wav ../x.sph |", "has a command, which is never run"),
        ("raw.ark:17", "names a place in an archive"),
        ("", "has no line for it; add its recording's path"),
        ("wavs/gone.flac", "the audio of utt-a is not there"),
        ("/etc/passwd", "names its recording outside"),
    ],
)
def test_recording_that_is_not_read_costs_its_utterance_only(folder, source, reason):
    (folder / "wav.scp").write_text(f"utt-a {source.format(folder=folder)}\nutt-b wavs/b.flac\n")
    split = open_split(folder)
    read_waveform(split.utterance("utt-b"), sampling_rate=16000)
    with pytest.raises((OSError, ValueError), match=f"utt-a.*{reason}|{reason}"):
        read_waveform(split.utterance("utt-a"), sampling_rate=16000)
    assert not (folder / "ran").exists()


def test_recording_without_transcript_costs_its_utterance_only(folder):
    (folder / "text").write_text("utt-b IT'S ANOTHER\n")
    split = open_split(folder)
    assert split.ids == ["utt-b", "utt-a"]
    with pytest.raises(ValueError, match="utt-a: .*text has no line for it; add its transcript"):
        read_waveform(split.utterance("utt-a"), sampling_rate=16000)


def test_changed_table_is_noticed(folder):
    open_split(folder)
    (folder / "utt2spk").write_text("utt-a ada\nutt-b bob\n")
    assert open_split(folder).utterance("utt-a").speaker_id == "ada"


def test_missing_text_is_refused_with_the_remedy(folder):
    (folder / "text").unlink()
    with pytest.raises(FileNotFoundError, match="text: a line 'utterance TRANSCRIPT' each is needed"):
        open_split(folder)
