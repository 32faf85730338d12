"""Latent maps: groups stay apart, few points work, the same seed gives the same map."""

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.local.analysis.latent_space import make_latent_map, make_latent_maps, reduce_vectors
from librispeech_clf.local.analysis.record import Record

GROUPS = np.random.default_rng(0).normal(0, 1, (30, 8)).astype(np.float32)
GROUPS[:15] += 20
PLANE = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])


def make_record(vectors):
    ids = [f"u{number}" for number in range(len(vectors))]
    return Record(pd.DataFrame({"utterance_id": ids, "latent": list(vectors)}))


def make_map(vectors):
    return make_latent_map(make_record(vectors), "latent")


def test_two_groups_stay_apart_and_the_same_table_gives_the_same_map():
    found = make_map(GROUPS)
    first, second = np.split(np.array(found.points), 2)
    assert np.linalg.norm(first.mean(axis=0) - second.mean(axis=0)) > 2 * max(first.std(), second.std())
    assert (found.method, found) == ("PCA and t-SNE", make_map(GROUPS))


@pytest.mark.parametrize("count", [1, 2, 3, 9, 20_001])
def test_few_or_too_many_utterances_show_principal_components(count):
    found = make_map(np.random.default_rng(0).normal(size=(count, 4)))
    assert (len(found.points), found.method) == (count, "PCA")


def test_points_of_a_plane_keep_their_distances_and_alike_ones_share_a_point():
    points = np.array(make_map(PLANE).points)
    assert np.linalg.norm(points[0] - points[3]) == pytest.approx(8**0.5, abs=1e-3)
    assert set(make_map(np.ones((12, 4))).points) == {(0.0, 0.0)}


def test_rows_without_a_usable_vector_are_left_out():
    found = make_map([*GROUPS[:10], None, [], [np.nan] * 8, [1.0, 2.0]])
    assert found.utterance_ids == tuple(f"u{number}" for number in range(10)) and len(found.points) == 10


def test_missing_space_is_an_empty_map():
    maps = make_latent_maps(make_record(GROUPS[:5]))
    assert (maps["latent"].method, maps["acoustic_statistics"].method) == ("PCA", "none")
    assert make_latent_maps(Record(pd.DataFrame()))["latent"].points == ()


@pytest.mark.parametrize(("kept", "components"), [(0.999, 2), (0.1, 1)])
def test_reduction_keeps_the_wanted_variance(kept, components):
    generator = np.random.default_rng(0)
    vectors = generator.normal(0, 1, (50, 2)) @ generator.normal(0, 1, (2, 16))
    assert reduce_vectors(vectors, variance_kept=kept).shape == (50, components)
