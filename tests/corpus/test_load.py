"""One schema from every source."""

import csv
import json

import numpy as np
import pytest

from librispeech_clf.audio.reading import read_waveform
from librispeech_clf.corpus import index, load
from librispeech_clf.corpus.load import load_split
from librispeech_clf.corpus.schema import COLUMNS, Split, Utterance
from tests.helpers.made_utterances import dataset_from_utterances


@pytest.fixture
def make_folder(make_rows):
    """Writes the miniature corpus as a script-free audio folder."""

    def write(folder, kind="csv"):
        (folder / "recordings").mkdir(parents=True)
        rows = []
        for row in make_rows():
            path = folder / "recordings" / row["audio"]["path"]
            path.write_bytes(row["audio"]["bytes"])
            columns = {name: row[name] for name in ("text", "speaker_id", "chapter_id", "id")}
            rows.append({"file_name": f"recordings/{path.name}", **columns})
        if kind == "jsonl":
            (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            return
        with (folder / "metadata.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)

    return write


@pytest.fixture
def open_everywhere(tmp_path, configuration, make_tree, make_parquet, make_folder, monkeypatch):
    """The same utterances through every source."""
    make_tree(tmp_path / "tree")
    make_parquet(tmp_path / "single" / "own.parquet")
    make_parquet(tmp_path / "several" / "own" / "0000.parquet")
    make_folder(tmp_path / "folder" / "own")
    make_folder(tmp_path / "lines" / "own", kind="jsonl")
    make_parquet(tmp_path / "bundled" / "own.parquet")
    make_parquet(tmp_path / "snapshot" / "all" / "own" / "0000.parquet")
    monkeypatch.setattr(load, "BUNDLED_FOLDER", tmp_path / "bundled")
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(tmp_path / "snapshot"))
    places = {
        "tree": ("openslr", "test-clean"),
        "single": ("files", "own"),
        "several": ("files", "own"),
        "folder": ("files", "own"),
        "lines": ("files", "own"),
        "bundled": ("sample", "own"),
        "hub": ("huggingface", "own"),
    }
    return {
        name: load_split(
            configuration.with_corpus(
                source=source, root=tmp_path / name, subsets_by_state={"test": [subset]}
            ).corpus,
            "test",
        )
        for name, (source, subset) in places.items()
    }


def test_every_source_gives_identical_samples(open_everywhere):
    expected = open_everywhere["tree"]
    assert len(expected) == 4
    for name, split in open_everywhere.items():
        assert tuple(split.dataset.column_names) == COLUMNS, name
        assert split.dataset.features == expected.dataset.features, name
        assert split.ids == expected.ids, name
        for utterance_id in expected.ids:
            one, other = split.utterance(utterance_id), expected.utterance(utterance_id)
            assert (one.id, one.text, one.speaker_id, one.chapter_id) == (
                other.id,
                other.text,
                other.speaker_id,
                other.chapter_id,
            ), name
            np.testing.assert_array_equal(
                read_waveform(one, sampling_rate=16000), read_waveform(other, sampling_rate=16000)
            )


def test_every_source_is_memory_mapped(open_everywhere):
    for name, split in open_everywhere.items():
        assert split.dataset.cache_files, name


def test_subsets_follow_each_other(tmp_path, configuration, make_tree):
    make_tree(tmp_path, "dev-clean", {"1-2-0000": "A", "1-2-0001": "B"})
    make_tree(tmp_path, "dev-other", {"3-4-0000": "C"})
    corpus = configuration.with_corpus(subsets_by_state={"validation": ["dev-clean", "dev-other"]}).corpus
    split = load_split(corpus, "validation")
    assert split.name == "validation"
    assert split.subsets == ("dev-clean", "dev-other")
    assert [split.subset_of(split.utterance(i)) for i in split.ids] == ["dev-clean", "dev-clean", "dev-other"]


def test_speaker_missing_from_the_table_is_none(tmp_path, configuration, make_tree):
    make_tree(tmp_path, transcripts={"12-1-0000": "A", "99-1-0000": "B"})
    split = load_split(configuration.corpus, "test")
    assert split.speaker(split.utterance("12-1-0000")).gender == "F"
    assert split.speaker(split.utterance("99-1-0000")) is None
    assert split.chapter(split.utterance("99-1-0000")) is None
    assert split.book(split.utterance("99-1-0000")) is None


def test_book_of_an_utterance(tmp_path, configuration, make_tree):
    make_tree(tmp_path)
    (tmp_path / "LibriSpeech" / "CHAPTERS.TXT").write_text(
        "340 | 12 | 1 | test-clean | 5 | 77 | One | Poems\n"
    )
    (tmp_path / "LibriSpeech" / "BOOKS.TXT").write_text("77 | Poems | Nobody\n")
    split = load_split(configuration.corpus, "test")
    utterance = split.utterance("12-340-0000")
    assert split.chapter(utterance).title == "One"
    assert split.book(utterance).authors == "Nobody"


def test_tables_beside_own_files(tmp_path, configuration, make_parquet):
    make_parquet(tmp_path / "test.parquet")
    (tmp_path / "SPEAKERS.TXT").write_text("12 | M | own | 1 | Ben\n")
    split = load_split(configuration.with_corpus(source="files").corpus, "test")
    assert split.speaker(split.utterance("12-340-0000")).name == "Ben"


def test_unknown_utterance_is_named(tmp_path, configuration, make_tree):
    make_tree(tmp_path)
    split = load_split(configuration.corpus, "test")
    with pytest.raises(ValueError, match=r"1-1-1: the test split \(test-clean\) has no such utterance"):
        split.utterance("1-1-1")


def test_id_that_occurs_twice_costs_the_later_ones_only(tmp_path, configuration, make_tree):
    make_tree(tmp_path, "test-clean", {"1-2-0000": "A"})
    make_tree(tmp_path, "test-other", {"1-2-0000": "B"})
    corpus = configuration.with_corpus(subsets_by_state={"test": ["test-clean", "test-other"]}).corpus
    split = load_split(corpus, "test")
    assert split.ids == ["1-2-0000", "1-2-0000#2"]
    assert (split.utterance("1-2-0000").text, split.utterance("1-2-0000").problem) == ("A", None)
    with pytest.raises(ValueError, match="1-2-0000#2: the id 1-2-0000 occurs more than once in the test"):
        read_waveform(split.utterance("1-2-0000#2"), sampling_rate=16000)


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
    assert [split.utterance(name).problem is None for name in unique] == [
        ids.index(name) == row for row, name in enumerate(ids)
    ]


def test_state_without_subsets_is_named(configuration):
    with pytest.raises(
        ValueError, match="additional: no subset is configured; add one under corpus.splits.files"
    ):
        load_split(configuration.with_corpus(source="files").corpus, "additional")


def test_source_without_root(configuration):
    import dataclasses

    corpus = dataclasses.replace(configuration.corpus, root=None)
    with pytest.raises(
        ValueError, match="corpus.root: the source openslr needs a folder; set LIBRISPEECH_ROOT"
    ):
        load_split(corpus, "test")


def test_first_folder_that_takes_files_is_the_cache(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert index.first_writable_folder(tmp_path / "file" / "x", tmp_path / "y") == tmp_path / "y"
    assert index.first_writable_folder(tmp_path / "file" / "x") is None


def test_without_a_cache_everything_is_in_memory(tmp_path, configuration, make_tree, monkeypatch):
    make_tree(tmp_path)
    monkeypatch.setattr("librispeech_clf.corpus.index.cache_folder", lambda: None)
    split = load_split(configuration.corpus, "test")
    assert split.dataset.cache_files == []
    assert split.utterance("12-340-0000").text == "ONE TONE"


def test_split_of_utterances_made_in_memory(tmp_path, configuration, make_tree):
    make_tree(tmp_path)
    split = load_split(configuration.corpus, "test")
    utterances = [split.utterance(utterance_id) for utterance_id in split.ids[:2]]
    dataset = dataset_from_utterances(utterances)
    copy = Split("test", dataset, {"made": 2}, split.speakers, split.chapters, split.books)
    assert dataset.features == split.dataset.features
    assert [copy.utterance(utterance_id) for utterance_id in copy.ids] == utterances


def test_bundled_corpus_is_the_default(configuration):
    corpus = configuration.with_corpus(source="sample").corpus
    splits = [load_split(corpus, state) for state in corpus.subsets_by_state]
    assert [split.name for split in splits] == ["training", "validation", "test", "unlabeled"]
    assert set(splits[-1].texts) == {None} and None not in splits[0].texts
    for split in splits:
        utterance = split.utterance(split.ids[0])
        assert split.speaker(utterance).gender in ("F", "M")
        assert split.book(utterance).title
        assert len(read_waveform(utterance, sampling_rate=16000)) > 16000
