"""The list of what to look at first: planted weaknesses are found and named, and none where there is none."""

import numpy as np
import pytest

from librispeech_clf.local.analysis import candidates, slices
from librispeech_clf.local.analysis.candidates import Candidate, Condition
from librispeech_clf.local.analysis.latent_space import group_states
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.search import Sample
from librispeech_clf.local.analysis.slices import ALPHA, describe_slice
from librispeech_clf.local.analysis.traits import Features
from tests.helpers.planted import (
    GOOD_MODEL,
    WEAK_MODEL,
    choose_weakness,
    plant,
    simulate_corpus,
    with_errors,
)


def find_slices(table):
    scored = Record(table).select_scored()
    return slices.find_slices(scored, group_states(scored).list_clusters())


def test_a_gap_between_genders_is_one_finding_with_its_figures_in_any_order_of_rows():
    table = simulate_corpus(3, utterances=20)
    inside = choose_weakness(table, "gender", 3)
    table = plant(table, inside, times=3)
    search = find_slices(table)
    (finding,) = search.findings
    errors, words = Record(table).errors(), Record(table).units()
    rate, rest = (errors[side].sum() / words[side].sum() for side in (inside, ~inside))
    assert (finding.name, finding.where, finding.kind) == ("women", "gender F", "category")
    assert (finding.utterances, finding.speakers) == (400, 20)
    assert set(finding.utterance_ids) == set(table["utterance_id"][inside])
    assert (finding.error_rate, finding.rest_error_rate) == (rate, rest)
    assert finding.effect_points == pytest.approx(100 * (rate - rest))
    assert finding.low < finding.effect_points < finding.high
    assert finding.avoidable_errors == pytest.approx((errors - rest * words)[inside].sum())
    assert 0 < finding.p < ALPHA
    beyond = dict(zip(table["utterance_id"], errors - rest * words, strict=True))
    others = {*finding.utterance_ids} - {*finding.examples}
    assert len(finding.examples) == 5
    assert min(beyond[name] for name in finding.examples) >= max(beyond[name] for name in others)
    assert find_slices(table.sample(frac=1, random_state=0)) == search


def test_a_majority_that_is_worse_is_told_as_what_it_is():
    table = simulate_corpus(3, utterances=20)
    table["record_accent"] = np.where(np.arange(len(table)) // 20 % 10 < 7, "A", "B")
    (finding,) = find_slices(plant(table, (table["record_accent"] == "A").to_numpy(), times=3)).findings
    assert (finding.where, finding.utterances) == ("accent A", 560)
    assert finding.error_rate > finding.rest_error_rate and finding.low > 0 < finding.avoidable_errors


def test_of_many_categories_the_largest_are_looked_at():
    table = simulate_corpus(3, speakers=64, utterances=130)
    chapter = np.minimum(np.random.default_rng(0).permutation(len(table)) // 25, 300)
    assert list(np.unique(np.bincount(chapter))) == [25, 820]
    many = table.assign(record_chapter=[f"c{number}" for number in chapter])
    added = find_slices(many).candidates_tested - find_slices(table).candidates_tested
    assert candidates.MOST_CATEGORIES <= added < 200  # and pairs of the one that is large
    inside = (many["record_chapter"] == "c300").to_numpy()
    assert "c300" in find_slices(plant(many, inside, times=2)).findings[0].where


def test_a_corpus_without_weakness_has_no_finding():
    search = find_slices(simulate_corpus(5, speakers=16, utterances=25))
    assert search.findings == ()
    assert search.candidates_tested > 200


def test_synonyms_are_one_finding():
    table = simulate_corpus(4, speakers=24, utterances=30)
    quiet = (table["signal_level_dbfs"] < table["signal_level_dbfs"].quantile(0.25)).to_numpy()
    (finding,) = find_slices(plant(table, quiet, times=3)).findings
    assert finding.name == "quiet recordings" and "signal_rms_mean" in finding.conditions[0].correlated


def test_few_speakers_and_no_errors_are_told():
    table = simulate_corpus(0, speakers=8, utterances=25)
    few, perfect = (find_slices(own) for own in (table[:100], with_errors(table, np.zeros(200))))
    assert (few.findings, few.note) == ((), "fewer than 5 speakers are known: no search for slices")
    assert (perfect.findings, perfect.note) == ((), "no errors, or no slice of enough utterances")
    assert find_slices(table.iloc[:0]).findings == ()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gender", "quiet and noisy", "speakers", "pair"])
def test_planted_weaknesses_are_found_nine_times_of_ten(kind):
    found = 0
    for seed in range(10):
        corpus = simulate_corpus(seed, model=WEAK_MODEL)
        inside = choose_weakness(corpus, kind, seed)
        planted = set(corpus["utterance_id"][inside])
        named = [set(finding.utterance_ids) for finding in find_slices(plant(corpus, inside)).findings]
        found += any(len(own & planted) >= 0.5 * len(own | planted) for own in named)
    assert found >= 9


@pytest.mark.slow
@pytest.mark.parametrize("model", [GOOD_MODEL, WEAK_MODEL])
def test_at_most_one_of_twenty_corpora_without_weakness_has_a_finding(model):
    found = [find_slices(simulate_corpus(seed, model=model)).findings for seed in range(100, 120)]
    assert sum(map(bool, found)) <= 1


@pytest.mark.parametrize("seed", [1, 2])
def test_speakers_found_by_name_have_an_interval_above_0(seed):
    corpus = simulate_corpus(seed, utterances=30, model=WEAK_MODEL)
    inside = choose_weakness(corpus, "speakers", seed)
    (found,) = find_slices(plant(corpus, inside)).findings
    assert found.kind == "speakers"
    assert set(found.utterance_ids) == set(corpus["utterance_id"][inside])
    assert 0 < found.low < found.effect_points < found.high


def test_what_is_worse_only_within_speakers_is_no_finding():
    table = simulate_corpus(0, utterances=30, model=WEAK_MODEL)
    good = table["record_speaker_id"].astype(int).to_numpy() % 2 == 0
    generator = np.random.default_rng(0)
    noisy = generator.random(len(table)) < np.where(good, 0.6, 0.1)
    rates = np.where(good, 0.2, 0.45) + 0.15 * noisy
    table["record_place"] = np.where(noisy, "street", "room")
    table = with_errors(table, generator.binomial(table["text_word_count"], rates))
    street = Candidate("category", (Condition("record_place", "street", "place street"),), (noisy,))
    own = describe_slice(Features(Record(table)), street, 0.001)
    assert own.low < 0 < own.high
    assert all("street" not in finding.name for finding in find_slices(table).findings)


def test_a_slice_is_named_once_however_many_candidates_lead_to_it():
    generator = np.random.default_rng(0)
    first, second = generator.random((2, 600)).astype(np.float32)
    end = Condition("signal_level_dbfs", "loud voices", "level from -20 dBFS", at_least=-20.0)
    trend = Condition("signal_level_dbfs", "loud voices", "a rising level")
    candidates = [Candidate("trend", (trend,), (own,)) for own in (first, second)]
    candidates.append(Candidate("number", (end,), (first > 0.9,)))
    errors = 3 * first + 3 * second + generator.random(600)
    sample = Sample(errors, np.full(600, 10.0), np.repeat(np.arange(6), 100))
    chosen = slices._choose(sample, candidates, np.full(3, 5.0), np.full(3, 0.001))
    assert [number for number, _ in chosen] == [2]
