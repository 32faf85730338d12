import pytest

from librispeech_clf.configuration import load_configuration
from librispeech_clf.corpus import columns


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Keep the datasets cache inside the test's folder; lines that are printed once are printed once a test."""
    import datasets.config

    columns.tell.cache_clear()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache" / "librispeech_clf"


@pytest.fixture
def configuration(tmp_path):
    """The package's settings, reading an OpenSLR tree in the test's folder."""
    return load_configuration(environment={}).with_corpus(source="openslr", root=tmp_path)
