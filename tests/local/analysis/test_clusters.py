"""Clusters of the hidden states: all are shown, named by what they have in common, and the search finds the weak."""

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.local.analysis.latent_space import COUNTS, describe_clusters, group_states
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.slices import PERMUTATIONS, SHARES_OF_ALPHA, find_slices
from tests.helpers.planted import plant_noise

GOOD, MIDDLING = (0.034, 0.37), (0.12, 0.54)


def cluster(table):
    scored = Record(table).select_scored()
    grouping = group_states(scored)
    search = find_slices(scored, grouping.list_clusters())
    return describe_clusters(scored, grouping, search), search


@pytest.fixture(scope="module")
def planted():
    return [cluster(plant_noise(seed, model=GOOD)) for seed in range(10)]


def test_planted_weakness_is_found_and_named_in_nine_of_ten_seeds(planted):
    weak = [" ".join(own.name for own in clustering.clusters if own.is_weak) for clustering, _ in planted]
    assert sum("noisy" in name for name in weak) >= 9
    assert all(search.findings for _, search in planted)


def test_without_weakness_at_most_one_of_twenty_seeds_has_a_weak_cluster():
    found = [cluster(plant_noise(seed, noisy=False, speakers=16, model=MIDDLING)) for seed in range(20)]
    assert sum(any(own.is_weak for own in clustering.clusters) for clustering, _ in found) <= 1
    assert sum(bool(search.findings) for _, search in found) <= 2


def test_every_utterance_is_in_one_cluster_the_worst_is_first_and_has_its_figures(planted):
    clustering, _ = planted[1]
    clusters, worst = clustering.clusters, clustering.clusters[0]
    ids = [name for own in clusters for name in own.utterance_ids]
    assert len(ids) == len(set(ids)) == clustering.utterances == 400
    assert list(clusters) == sorted(clusters, key=lambda own: -own.rate.rate)
    assert [own.number for own in clusters] == [*range(1, len(clusters) + 1)] and len(clusters) >= COUNTS[0]
    assert worst.difference == worst.rate.rate - worst.rest.rate
    assert 0 < worst.low < worst.difference < worst.high
    assert worst.is_weak and worst.findings
    least = pytest.approx(1 / (1 + PERMUTATIONS) / SHARES_OF_ALPHA["single"])
    assert [own.p_is_bound for own in clusters] == [own.p == least for own in clusters]
    assert worst.name and worst.sentence.startswith(f"{worst.name}: {len(worst.utterance_ids)} utterances")


def test_the_order_of_rows_does_not_matter():
    table = plant_noise(3, speakers=10)
    first, second = (cluster(rows)[0] for rows in (table, table.sample(frac=1, random_state=0)))
    assert [own.sentence for own in first.clusters] == [own.sentence for own in second.clusters]


def test_cluster_of_one_bad_speaker_is_shown_but_not_tested():
    table = plant_noise(0, noisy=False)
    worst = table.groupby("record_speaker_id")["word_substitutions"].sum().idxmax()
    own = (table["record_speaker_id"] == worst).to_numpy()
    noise = np.random.default_rng(0).normal(0, 1, (len(table), 3))
    table["latent"] = list(noise + 50.0 * own[:, np.newaxis])
    found = next(one for one in cluster(table)[0].clusters if one.largest_speaker_share == 1)
    assert (found.speakers, found.largest_speaker, found.p, found.is_weak) == (1, worst, None, False)
    assert "fewer than 20" in found.untested


def test_number_of_clusters_is_that_of_separate_groups():
    generator = np.random.default_rng(0)
    vectors = generator.normal(0, 1, (150, 6)) + np.repeat(np.eye(5, 6) * 30, 30, axis=0)
    grouping = group_states(Record(pd.DataFrame({"utterance_id": range(150), "latent": list(vectors)})))
    assert grouping.shown == 5
    assert sorted(np.bincount(grouping.labels[5])) == [30] * 5
    assert len(grouping.list_clusters()) == sum(grouping.labels)


@pytest.mark.parametrize("count", [0, 1, 15])
def test_few_utterances_have_no_clusters(count):
    clustering, _ = cluster(plant_noise(0, speakers=3).head(count))
    assert clustering.clusters == ()
    assert clustering.note == f"{count} utterances are too few for 3 clusters"


def test_equal_states_unknown_speakers_failed_rows_and_missing_states():
    table = plant_noise(0, speakers=10)
    assert cluster(table.assign(latent=[np.ones(4)] * 100))[0].note == "the hidden states are alike"
    table.loc[0, "word_hits"] = None
    table.at[1, "latent"] = None
    clustering, _ = cluster(table.drop(columns="record_speaker_id"))
    assert (clustering.left_out, clustering.utterances) == (1, 98)
    assert "fewer than 5 speakers" in clustering.note
    assert all(own.largest_speaker is None and not own.is_weak for own in clustering.clusters)
