"""Regions of the latent space: groups that are there are found, whole and in parts."""

import numpy as np
import pandas as pd

from librispeech_clf.local.analysis.regions import find_regions


def make_table(seed=0):
    """Two groups far apart, the second of two halves."""
    generator = np.random.default_rng(seed)
    centres = np.repeat([[0.0, 0, 0], [20, 0, 0], [20, 6, 0]], [60, 40, 40], axis=0)
    return pd.DataFrame({"latent": list(centres + generator.normal(0, 0.5, centres.shape))})


def test_groups_and_their_parts_are_found():
    rows = np.arange(140)
    found = find_regions(make_table(), smallest=20)
    for expected in (rows < 60, (rows >= 60) & (rows < 100), rows >= 100):
        assert max(np.sum(own & expected) / np.sum(own | expected) for own in found) > 0.9
    assert all(own.sum() >= 20 for own in found)


def test_utterances_without_a_vector_are_in_no_region():
    table = make_table()
    table.loc[::10, "latent"] = None
    assert not any(own[::10].any() for own in find_regions(table, smallest=20))


def test_no_vectors_few_vectors_and_equal_vectors_have_no_region():
    assert find_regions(pd.DataFrame({"utterance_id": ["a"]}), smallest=20) == []
    assert find_regions(make_table().iloc[:30], smallest=20) == []
    assert find_regions(pd.DataFrame({"latent": [np.ones(3)] * 50}), smallest=20) == []
