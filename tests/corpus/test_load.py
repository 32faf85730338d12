"""One schema from every source."""

import dataclasses

import numpy as np
import pytest

from librispeech_clf.audio.reading import read_waveform
from librispeech_clf.corpus import load
from librispeech_clf.corpus.load import load_split
from librispeech_clf.corpus.schema import COLUMNS, Split, Utterance
from tests.helpers.made_utterances import dataset_from_utterances
from tests.helpers.own_corpora import corpus_rows, refusal_of, write_table, write_tree


@pytest.fixture
def open_state(configuration):
    """Return a function that opens subsets as one state."""

    def open_subsets(*subsets, state="test", **settings):
        chosen = {state: list(subsets)} if subsets else None
        return load_split(configuration.with_corpus(subsets_by_state=chosen, **settings).corpus, state)

    return open_subsets


def test_every_source_gives_identical_samples_memory_mapped(tmp_path, open_state, monkeypatch):
    write_tree(tmp_path / "tree")
    for table in ("single/own", "several/own/0000", "bundled/own", "hub/all/own/0000"):
        write_table(tmp_path / f"{table}.parquet", corpus_rows())
    for form in ("csv", "jsonl"):
        rows = corpus_rows()
        for row in rows:
            row["file_name"] = f"recordings/{row['id']}.flac"
            write_table(tmp_path / form / "own" / row["file_name"], row.pop("audio")["bytes"])
            del row["file"]
        write_table(tmp_path / form / f"own/metadata.{form}", rows)
    monkeypatch.setattr(load, "BUNDLED_FOLDER", tmp_path / "bundled")
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(tmp_path / "hub"))
    sources = {"tree": "openslr", "bundled": "sample", "hub": "huggingface"}
    sources |= dict.fromkeys(("single", "several", "csv", "jsonl"), "files")
    splits = {
        name: open_state("test-clean" if name == "tree" else "own", source=source, root=tmp_path / name)
        for name, source in sources.items()
    }
    expected = splits["tree"]
    assert len(expected) == 4
    for name, split in splits.items():
        assert tuple(split.dataset.column_names) == COLUMNS, name
        assert split.dataset.features == expected.dataset.features, name
        assert split.dataset.cache_files, name
        assert split.ids == expected.ids, name
        for pair in zip(map(split.utterance, split.ids), map(expected.utterance, split.ids), strict=True):
            one, other = (dataclasses.replace(found, audio_bytes=None, audio_path=None) for found in pair)
            assert one == other, name
            np.testing.assert_array_equal(*(read_waveform(found, sampling_rate=16000) for found in pair))


def test_subsets_follow_each_other(tmp_path, open_state):
    write_tree(tmp_path, "dev-clean", {"1-2-0000": "A", "1-2-0001": "B"})
    write_tree(tmp_path, "dev-other", {"3-4-0000": "C"})
    split = open_state("dev-clean", "dev-other", state="validation")
    assert (split.name, split.subsets) == ("validation", ("dev-clean", "dev-other"))
    assert [split.subset_of(split.utterance(i)) for i in split.ids] == ["dev-clean", "dev-clean", "dev-other"]


def test_tables_tell_of_speaker_chapter_and_book(tmp_path, open_state):
    write_tree(tmp_path, transcripts={"12-340-0000": "A", "99-1-0000": "B"})
    write_table(tmp_path / "LibriSpeech/CHAPTERS.TXT", "340 | 12 | 1 | test-clean | 5 | 77 | One | Poems\n")
    write_table(tmp_path / "LibriSpeech/BOOKS.TXT", "77 | Poems | Nobody\n")
    split = open_state()
    known, unknown = map(split.utterance, split.ids)
    told = split.speaker(known).gender, split.chapter(known).title, split.book(known).authors
    assert told == ("F", "One", "Nobody")
    assert (split.speaker(unknown), split.chapter(unknown), split.book(unknown)) == (None, None, None)


def test_tables_beside_own_files(tmp_path, open_state):
    write_table(tmp_path / "test.parquet", corpus_rows())
    write_table(tmp_path / "SPEAKERS.TXT", "12 | M | own | 1 | Ben\n")
    split = open_state(source="files")
    assert split.speaker(split.utterance("12-340-0000")).name == "Ben"


def test_unknown_utterance_is_named(tmp_path, open_state):
    write_tree(tmp_path)
    with pytest.raises(ValueError, match=r"1-1-1: the test split \(test-clean\) has no such utterance"):
        open_state().utterance("1-1-1")


def test_id_that_occurs_twice_costs_the_later_ones_only(tmp_path, open_state):
    write_tree(tmp_path, "test-clean", {"1-2-0000": "A"})
    write_tree(tmp_path, "test-other", {"1-2-0000": "B"})
    split = open_state("test-clean", "test-other")
    assert split.ids == ["1-2-0000", "1-2-0000#2"]
    assert (split.utterance("1-2-0000").text, split.utterance("1-2-0000").problem) == ("A", None)
    message = "1-2-0000#2: the id 1-2-0000 occurs more than once in the test"
    assert refusal_of(split.utterance("1-2-0000#2")).startswith(message)


@pytest.mark.parametrize(
    ("ids", "unique"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a#2", "a#3"]),
        (["a", "a#2", "a"], ["a", "a#2", "a#3"]),
        (["a", "a", "a#2"], ["a", "a#3", "a#2"]),
    ],
)
def test_repeated_ids_get_numbers_that_no_other_has(ids, unique):
    utterances = [Utterance(name, "A", "", "", b"x", None) for name in ids]
    split = Split("test", dataset_from_utterances(utterances), {"own": len(ids)}, {}, {}, {})
    assert split.ids == unique
    firsts = [ids.index(name) == row for row, name in enumerate(ids)]
    assert [split.utterance(name).problem is None for name in unique] == firsts


def test_state_without_subsets_is_named(open_state):
    message = "additional: no subset is configured; add one under corpus.splits.files"
    with pytest.raises(ValueError, match=message):
        open_state(source="files", state="additional")


def test_source_without_root(configuration):
    corpus = dataclasses.replace(configuration.corpus, root=None)
    message = "corpus.root: the source openslr needs a folder; set LIBRISPEECH_ROOT"
    with pytest.raises(ValueError, match=message):
        load_split(corpus, "test")


def test_bundled_corpus_is_the_default(configuration):
    corpus = configuration.with_corpus(source="sample").corpus
    splits = [load_split(corpus, state) for state in corpus.subsets_by_state]
    assert [split.name for split in splits] == ["training", "validation", "test", "unlabeled"]
    assert set(splits[-1].texts) == {None} and None not in splits[0].texts
    for split in splits:
        utterance = split.utterance(split.ids[0])
        assert split.speaker(utterance).gender in ("F", "M") and split.book(utterance).title
        assert len(read_waveform(utterance, sampling_rate=16000)) > 16000
