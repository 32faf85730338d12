"""Latent maps: groups stay apart, few points work, the same seed gives the same map."""

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.local.analysis.latent_space import (
    make_latent_map,
    make_latent_maps,
    reduce_vectors,
)
from librispeech_clf.local.analysis.record import Record


def table_of(vectors):
    return Record(
        pd.DataFrame({"utterance_id": [f"u{n}" for n in range(len(vectors))], "latent": list(vectors)})
    )


def two_groups(count=30):
    generator = np.random.default_rng(0)
    vectors = generator.normal(0, 1, (count, 8)).astype(np.float32)
    vectors[: count // 2] += 20
    return vectors


def test_two_groups_stay_apart():
    points = np.array(make_latent_map(table_of(two_groups()), "latent").points)
    first, second = points[:15], points[15:]
    gap = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
    assert gap > 2 * max(first.std(), second.std())


def test_the_same_table_gives_the_same_map():
    maps = [make_latent_map(table_of(two_groups()), "latent") for _ in range(2)]
    assert maps[0] == maps[1]
    assert maps[0].method == "PCA and t-SNE"


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_few_utterances_show_principal_components(count):
    map_ = make_latent_map(table_of(two_groups(10)[:count]), "latent")
    assert (len(map_.points), map_.method) == (count, "PCA")


def test_points_of_a_plane_keep_their_distances():
    vectors = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    points = np.array(make_latent_map(table_of(vectors), "latent").points)
    assert np.linalg.norm(points[0] - points[3]) == pytest.approx(8**0.5, abs=1e-3)


def test_alike_vectors_share_a_point():
    assert set(make_latent_map(table_of(np.ones((12, 4))), "latent").points) == {(0.0, 0.0)}


def test_rows_without_a_usable_vector_are_left_out():
    cells = [*two_groups(10), None, [], [np.nan] * 8, [1.0, 2.0]]
    map_ = make_latent_map(table_of(cells), "latent")
    assert map_.utterance_ids == tuple(f"u{number}" for number in range(10)) and len(map_.points) == 10


def test_missing_space_is_an_empty_map():
    maps = make_latent_maps(table_of(two_groups(5)))
    assert (maps["latent"].method, maps["acoustic_statistics"].method) == ("PCA", "none")
    assert make_latent_maps(Record(pd.DataFrame()))["latent"].points == ()


def test_more_than_20000_utterances_show_principal_components():
    vectors = np.random.default_rng(0).normal(size=(20_001, 4))
    map_ = make_latent_map(table_of(vectors), "latent")
    assert (len(map_.points), map_.method) == (20_001, "PCA")


def test_reduction_keeps_the_wanted_variance():
    generator = np.random.default_rng(0)
    vectors = generator.normal(0, 1, (50, 2)) @ generator.normal(0, 1, (2, 16))
    assert reduce_vectors(vectors, variance_kept=0.999).shape == (50, 2)
    assert reduce_vectors(vectors, variance_kept=0.1).shape == (50, 1)
