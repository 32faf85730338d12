"""Only the needed files of a hub dataset are fetched, and the cache is asked first."""

import dataclasses

import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from librispeech_clf.configuration import load_configuration
from librispeech_clf.corpus.load import load_split


@pytest.fixture
def hub(tmp_path, monkeypatch, make_parquet):
    """A stand-in for the hub: keeps the calls, answers from the cache only when told so."""
    calls = []
    hub = {"calls": calls, "cached": False, "reached": True}
    make_parquet(tmp_path / "snapshot" / "all" / "test.clean" / "0000.parquet")
    make_parquet(tmp_path / "snapshot" / "all" / "test.other" / "0000.parquet")

    def snapshot_download(name, **options):
        calls.append((name, options))
        if not (hub["cached"] if options["local_files_only"] else hub["reached"]):
            raise LocalEntryNotFoundError("not cached")
        return str(tmp_path / "snapshot")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return hub


FILES = "all/{subset}/*.parquet"


def open_subset(dataset, subset, *, files=FILES, root=None):
    """Open the split of one subset of a dataset on the hub."""
    splits = {"huggingface": {"test": (subset,)}}
    settings = {
        "source": "huggingface",
        "dataset": dataset,
        "dataset_files": files,
        "root": root,
        "splits": splits,
    }
    return load_split(dataclasses.replace(load_configuration(environment={}).corpus, **settings), "test")


def test_only_the_files_of_the_subset_are_fetched(tmp_path, hub):
    dataset = open_subset("openslr/librispeech_asr", "test.clean", root=tmp_path)
    assert len(dataset) == 4
    name, options = hub["calls"][-1]
    assert name == "openslr/librispeech_asr"
    assert options == {
        "repo_type": "dataset",
        "allow_patterns": ["all/test.clean/*.parquet"],
        "cache_dir": tmp_path / "huggingface",
        "local_files_only": False,
    }


def test_cached_subset_needs_no_network(hub):
    hub.update(cached=True, reached=False)
    assert len(open_subset("own/corpus", "test.clean")) == 4
    assert [options["local_files_only"] for _, options in hub["calls"]] == [True]


def test_download_cache_that_cannot_be_made_is_the_hubs_own(tmp_path, hub):
    (tmp_path / "root").write_text("in the way")
    open_subset("own/corpus", "test.clean", root=tmp_path / "root")
    assert [options["cache_dir"] for _, options in hub["calls"]] == [None, None]


def test_neither_cached_nor_reached_names_the_command(hub):
    hub.update(reached=False)
    with pytest.raises(
        FileNotFoundError, match="test.clean is neither cached nor to be reached; .* prepare-data"
    ):
        open_subset("own/corpus", "test.clean")


def test_repository_without_such_files_names_the_setting(hub):
    with pytest.raises(
        FileNotFoundError, match=r"own/corpus: no files data/x-\*.parquet; set corpus.dataset_files"
    ):
        open_subset("own/corpus", "x", files="data/{subset}-*.parquet")
