"""The command make-corpus, spoken in tones."""

import pytest

from librispeech_clf.development.synthesis import make_corpus
from librispeech_clf.development.synthesis.chapters import ReadChapter, Recording
from librispeech_clf.development.synthesis.make_corpus import describe_differences, main, read_versions
from librispeech_clf.development.synthesis.recording import Conditions
from librispeech_clf.development.synthesis.voices import load_readers

TABLES = {"SPEAKERS.TXT", "CHAPTERS.TXT", "BOOKS.TXT", "CONDITIONS.TXT", "CARD.md"}


@pytest.fixture
def short(tones, monkeypatch):
    """Only the first chapter's worth of sentences, a third of the readers, and known versions."""
    load = make_corpus.load_sentences
    monkeypatch.setattr(make_corpus, "load_sentences", lambda split: load(split)[:24])
    monkeypatch.setattr(make_corpus, "load_readers", lambda: load_readers()[::3])
    monkeypatch.setattr(make_corpus, "find_versions", lambda: {"espeak-ng": "1.0", "numpy": "2.0"})
    monkeypatch.setattr(make_corpus, "require_tools", lambda: None)


def test_same_bytes_twice_and_other_bytes_for_another_seed(short, tmp_path, capsys):
    for name, seed in (("a", 1), ("c", 2)):
        make_corpus.make_corpus(tmp_path / name, seed=seed)
    first, other = ({p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in "ac")
    assert set(first) == {f"{split}.parquet" for split in make_corpus.SPLITS} | TABLES
    assert first["test.parquet"] != other["test.parquet"]
    assert make_corpus.check_corpus(tmp_path / "a", seed=1) == 0
    (tmp_path / "a" / "BOOKS.TXT").write_text("changed")
    (tmp_path / "a" / "test.parquet").unlink()
    assert make_corpus.check_corpus(tmp_path / "a", seed=1) == 1
    printed = capsys.readouterr().out
    assert "BOOKS.TXT: differs" in printed and "test.parquet: differs" in printed
    assert "training.parquet: same bytes" in printed


def test_command_says_which_versions_differ(short, tmp_path, capsys):
    assert main(["--out", str(tmp_path), "--seed", "1"]) == 0
    printed = capsys.readouterr().out
    assert "espeak-ng: the corpus was made with 1.5" in printed and "here is 1.0" in printed
    assert (tmp_path / "CARD.md").read_text().count("| espeak-ng | 1.0 |") == 1


def test_command_ends_when_tools_are_missing(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["--out", str(tmp_path)]) == 2
    assert "apt-get install espeak-ng flite festival festvox-kallpc16k" in capsys.readouterr().err


def test_too_large_a_corpus_is_refused(short, tmp_path, monkeypatch):
    monkeypatch.setattr(make_corpus, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match="the limit is 1000"):
        make_corpus.make_corpus(tmp_path, seed=1)


def test_card_records_versions_and_differences():
    reader, clean = load_readers()[0], Conditions("none", None, 0, -20)
    chapters = [ReadChapter(1, split, reader, ()) for split in make_corpus.SPLITS]
    recordings = [Recording("1-1-0000", chapter, "ONE", clean, 1, b"") for chapter in chapters]
    versions = {"espeak-ng": "1.51", "numpy": "2.4.6"}
    assert read_versions(make_corpus.write_card(recordings, versions)) == versions
    assert describe_differences(versions, versions) == []
    assert describe_differences(versions, {"espeak-ng": "1.52"}) == [
        "espeak-ng: the corpus was made with 1.51, here is 1.52",
        "numpy: the corpus was made with 2.4.6, here is none",
    ]


@pytest.mark.slow
def test_bundled_files_are_made_again_byte_for_byte():
    """With the recorded versions of all tools; 30 s on idle cores."""
    recorded = read_versions((make_corpus.BUNDLED / "CARD.md").read_text())
    if describe_differences(recorded, make_corpus.find_versions()):
        pytest.skip("the corpus was made with other versions of the tools")
    assert make_corpus.check_corpus(make_corpus.BUNDLED, seed=make_corpus.SEED) == 0
