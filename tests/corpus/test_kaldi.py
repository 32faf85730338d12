"""Kaldi folders: what is read, what is never run, and what costs its utterance only."""

import pytest

from librispeech_clf.audio.reading import read_waveform
from librispeech_clf.corpus.schema import UNKNOWN, read_fields
from tests.helpers.own_corpora import encode_tone, open_split, read_all, refusal_of, write_table


@pytest.fixture
def folder(tmp_path):
    """A Kaldi folder of two utterances, with recordings in FLAC."""
    write_table(tmp_path / "far/a.flac", encode_tone("a"))
    write_table(tmp_path / "own/wavs/b.flac", encode_tone("b"))
    write_table(tmp_path / "own/wav.scp", f"utt-a {tmp_path}/far/a.flac\nutt-b\twavs/b.flac\n")
    write_table(tmp_path / "own/text", "utt-b IT'S  ANOTHER\nutt-a ONE TONE\n")
    write_table(tmp_path / "own/utt2spk", "utt-a 0012\nutt-b 12\n")
    return tmp_path / "own"


def speakers_of(folder):
    split = open_split(folder)
    return {name: split.utterance(name).speaker_id for name in split.ids}


def test_utterances_are_read(folder):
    split = open_split(folder)
    assert (split.ids, split.texts) == (["utt-b", "utt-a"], ["IT'S  ANOTHER", "ONE TONE"])
    assert speakers_of(folder) == {"utt-b": "12", "utt-a": "0012"}
    assert all(len(waveform) > 800 for waveform in read_all(folder).values())
    assert split.field_types == {}
    (folder / "utt2spk").write_text("utt-a ada\nutt-b bob\n")  # is noticed
    assert speakers_of(folder) == {"utt-b": "bob", "utt-a": "ada"}
    (folder / "utt2spk").unlink()
    assert speakers_of(folder) == {"utt-b": UNKNOWN, "utt-a": UNKNOWN}


def test_other_tables_become_fields(folder):
    (folder / "utt2dur").write_text("utt-a 0.5\n")
    (folder / "utt2lang").write_text("utt-a en\nutt-b de\n")
    (folder / "spk2gender").write_text("0012 f\n")
    split = open_split(folder)
    assert split.field_types == {"dur": "float", "gender": "string", "lang": "string"}
    fields = [read_fields(split.utterance(name).fields, split.field_types) for name in ("utt-a", "utt-b")]
    assert fields == [{"dur": 0.5, "gender": "f", "lang": "en"}, {"dur": None, "gender": None, "lang": "de"}]


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
        ("wavs/gone.flac", "the audio of utt-a does not exist"),
        ("/etc/passwd", "names its recording outside"),
        (None, "text has no line for it; add its transcript"),
    ],
)
def test_utterance_that_lacks_something_fails_alone(folder, source, reason):
    if source is None:
        (folder / "text").write_text("utt-b IT'S ANOTHER\n")
    else:
        (folder / "wav.scp").write_text(f"utt-a {source.format(folder=folder)}\nutt-b wavs/b.flac\n")
    split = open_split(folder)
    assert split.ids == ["utt-b", "utt-a"]
    read_waveform(split.utterance("utt-b"), sampling_rate=16000)
    told = refusal_of(split.utterance("utt-a"))
    assert reason in told and "utt-a" in told
    assert not (folder / "ran").exists()


def test_missing_text_is_refused_with_the_remedy(folder):
    (folder / "text").unlink()
    with pytest.raises(FileNotFoundError, match="text: a line 'utterance TRANSCRIPT' for each is needed"):
        open_split(folder)
