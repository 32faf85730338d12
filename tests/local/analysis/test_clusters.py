"""Weak clusters: a planted weakness is found and named, data without one flag nothing at the stated rate."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.local.analysis.clusters import ALPHA, choose_clusters, find_clusters
from librispeech_clf.local.analysis.traits import correlate_metadata


def flagged(table, seed):
    return [cluster for cluster in find_clusters(table, seed=seed).clusters if cluster.flagged]


def names_voices(cluster):
    """Tell whether the sentence names the weak voices."""
    return "gender F" in cluster.sentence or "higher fundamental frequency" in cluster.sentence


def test_planted_weakness_is_found_and_named_in_nine_of_ten_seeds(simulate):
    found = [flagged(simulate(seed, planted=True), seed) for seed in range(10)]
    named = [
        any(
            names_voices(cluster) and "lower signal to noise ratio" in cluster.sentence
            for cluster in clusters
        )
        for clusters in found
    ]
    assert sum(named) >= 9


def test_noise_on_half_of_the_weak_voices_utterances_is_found_too(simulate):
    found = [flagged(simulate(seed, planted=True, noisy_share=0.5), seed) for seed in range(10)]
    assert sum(any(names_voices(cluster) for cluster in clusters) for clusters in found) >= 9


def test_without_weakness_at_most_one_of_twenty_seeds_flags_anything(simulate):
    assert sum(bool(flagged(simulate(seed), seed)) for seed in range(20)) <= 1


def test_without_weakness_skewed_speakers_flag_as_rarely(simulate):
    tables = [simulate(seed, speakers=16, mean_rate=0.12, rate_deviation=0.07) for seed in range(20)]
    assert sum(bool(flagged(table, seed)) for seed, table in enumerate(tables)) <= 1


def test_card_reads_as_a_sentence(simulate):
    cluster = flagged(simulate(0, planted=True), 0)[0]
    rates = f"word error rate {100 * cluster.rate.rate:.1f} % against {100 * cluster.rest.rate:.1f} %"
    assert cluster.sentence.startswith(f"{rates}, {len(cluster.utterance_ids)} utterances: ")
    assert cluster.sentence.count(",") <= 4


def test_every_utterance_is_in_one_cluster_and_the_worst_is_first(simulate):
    clustering = find_clusters(simulate(1, planted=True))
    ids = [name for cluster in clustering.clusters for name in cluster.utterance_ids]
    rates = [cluster.rate.rate for cluster in clustering.clusters]
    assert len(ids) == len(set(ids)) == clustering.utterances == 400
    assert rates == sorted(rates, reverse=True)
    assert [cluster.number for cluster in clustering.clusters] == [place + 1 for place in range(len(rates))]


def test_result_is_json_and_the_same_twice(simulate):
    table = simulate(3, planted=True, speakers=10)
    texts = [json.dumps(asdict(find_clusters(table, seed=5)), allow_nan=False) for _ in range(2)]
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["alpha"] == ALPHA


def test_cluster_of_one_bad_speaker_is_shown_but_not_flagged(simulate):
    table = simulate(0)
    worst = table.groupby("record_speaker_id")["word_substitutions"].sum().idxmax()
    own = (table["record_speaker_id"] == worst).to_numpy()
    noise = np.random.default_rng(0).normal(0, 1, (len(table), 3))
    table["latent"] = list(noise + 50.0 * own[:, np.newaxis])
    cluster = find_clusters(table).clusters[0]
    assert (cluster.speakers, cluster.largest_speaker, cluster.largest_speaker_share) == (1, worst, 1.0)
    assert not cluster.flagged
    assert cluster.untested == "nearly all of one of the speakers: a voice of its own, not a weakness of many"


def test_number_of_clusters_is_that_of_separate_groups():
    generator = np.random.default_rng(0)
    vectors = generator.normal(0, 1, (90, 6)) + np.repeat(np.eye(3, 6) * 30, 30, axis=0)
    labels, silhouettes, note = choose_clusters(vectors, speakers=0, smallest=8)
    assert len(np.unique(labels)) == 3
    assert max(silhouettes, key=silhouettes.get) == 3
    assert note is None


def test_outlier_does_not_hide_the_groups():
    generator = np.random.default_rng(0)
    vectors = np.concatenate(
        [generator.normal(0, 1, (40, 4)), generator.normal(12, 1, (40, 4)), [[300.0] * 4]]
    )
    labels, _, _ = choose_clusters(vectors, speakers=0, smallest=8)
    assert sorted(np.bincount(labels))[-2:] == [40, 40]


@pytest.mark.parametrize("count", [0, 1, 2, 15])
def test_few_utterances_are_one_cluster(simulate, count):
    clustering = find_clusters(simulate(0, speakers=3, utterances=6).head(count))
    assert len(clustering.clusters) == min(count, 1)
    assert clustering.note == f"{count} utterances are too few for two clusters of 8"
    assert not any(cluster.flagged for cluster in clustering.clusters)


def test_alike_vectors_are_one_cluster(simulate):
    table = simulate(0, speakers=6)
    table["latent"] = [np.ones(4)] * len(table)
    assert find_clusters(table).note == "all latent vectors are alike"


def test_one_speaker_and_no_metadata_test_by_utterances(simulate):
    table = simulate(0, speakers=1, utterances=60)
    kept = [name for name in table if name.startswith("word_") or name in ("utterance_id", "latent")]
    clustering = find_clusters(table[kept])
    assert clustering.tested_by == "utterances"
    assert clustering.note == "utterances resampled: no speaker is known"


def test_failed_rows_and_missing_vectors_are_left_out(simulate):
    table = simulate(0, speakers=10)
    table.loc[0, "word_hits"] = None
    table.at[1, "latent"] = None
    assert find_clusters(table).left_out == 2
    assert find_clusters(pd.DataFrame()).clusters == ()


def metadata_table():
    return pd.DataFrame(
        {
            "signal_level_dbfs": np.r_[np.arange(10.0, 30), np.arange(0.0, 20)],
            "signal_constant": 1.0,
            "text_word_count": [None] * 40,
            "record_gender": ["F"] * 20 + ["M"] * 20,
            "record_speaker_id": [str(n % 2) for n in range(40)],
            "word_error_rate": np.r_[np.ones(20), np.zeros(20)],
        }
    )


def test_correlated_metadata_by_hand():
    found = correlate_metadata(metadata_table(), np.arange(40) < 20)
    assert [item.phrase for item in found] == ["gender F", "higher level"]
    gender, level = found
    assert (gender.effect, gender.inside, gender.outside, gender.enrichment) == (1.0, 1.0, 0.0, None)
    # of the 400 pairs 55 have the outer value above and 45 + 300 below or equal: 10 ties
    wins = sum((a > b) - (a < b) for a in range(10, 30) for b in range(20))
    assert level.effect == pytest.approx(wins / 400)
    assert (level.inside, level.outside, level.unit) == (19.5, 9.5, "dBFS")


def test_another_spelling_of_a_better_finding_is_not_named():
    table = metadata_table()
    table["signal_level_max_dbfs"] = table["signal_level_dbfs"] * 2 + 1
    found = {item.column: item.named for item in correlate_metadata(table, np.arange(40) < 20)}
    assert found == {"record_gender": True, "signal_level_dbfs": True, "signal_level_max_dbfs": False}


def test_unrelated_metadata_are_not_reported():
    generator = np.random.default_rng(0)
    table = pd.DataFrame({f"signal_{n}": generator.normal(size=200) for n in range(50)})
    assert correlate_metadata(table, np.arange(200) < 60) == ()
