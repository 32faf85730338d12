"""A tiny model to start from, and a cache for indexes."""

from pathlib import Path

import pytest

from tests.helpers.made_up_speech import TINY


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Indexes of the trees go where the tests' files go."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
        yield


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """The file of a tiny model with random weights."""
    import keras

    from librispeech_clf.local.model.graph import build_wav2vec2
    from librispeech_clf.local.model.save import save_model

    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("model") / "tiny.h5"
    save_model(build_wav2vec2(TINY), path)
    return path
