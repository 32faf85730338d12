"""Estimates held against what is known of the bundled corpus' utterances."""

import numpy as np
import pytest

from librispeech_clf.audio.reading import read_waveform
from librispeech_clf.configuration import load_configuration
from librispeech_clf.corpus.load import BUNDLED_FOLDER, load_split
from librispeech_clf.metadata.readability import readability_metadata
from librispeech_clf.metadata.signal import signal_metadata


@pytest.fixture(scope="module")
def split():
    return load_split(load_configuration(environment={}).corpus, "test")


@pytest.fixture(scope="module")
def conditions():
    """Id -> (noise, ratio in dB or None), as in `42-1003-0001 | festival | pink | 17.0 | 0.42`."""
    lines = (BUNDLED_FOLDER / "CONDITIONS.TXT").read_text().splitlines()
    rows = [[field.strip() for field in line.split("|")] for line in lines if not line.startswith(";")]
    return {row[0]: (row[2], None if row[3] == "-" else float(row[3])) for row in rows}


def measure(split, utterance_id):
    utterance = split.utterance(utterance_id)
    waveform = read_waveform(utterance, sampling_rate=16_000)
    return signal_metadata(waveform, sampling_rate=16_000, transcript=utterance.text)


@pytest.mark.parametrize(("noise", "tolerance_db"), [("white", 1.5), ("pink", 5.0)])
def test_signal_to_noise_ratio_of_utterances_with_known_noise(split, conditions, noise, tolerance_db):
    noisy = [name for name in split.ids if conditions[name][0] == noise]
    estimates = [measure(split, name)["signal_to_noise_ratio_db"] for name in noisy]
    assert len(noisy) > 3
    np.testing.assert_allclose(estimates, [conditions[name][1] for name in noisy], atol=tolerance_db)


def test_clean_utterances_have_a_high_signal_to_noise_ratio(split, conditions):
    clean = [name for name in split.ids if conditions[name][0] == "none"][:20]
    assert np.median([measure(split, name)["signal_to_noise_ratio_db"] for name in clean]) > 40


def test_women_speak_higher_than_men(split):
    pitches = {"F": [], "M": []}
    for name in split.ids[::4]:
        gender = split.speaker(split.utterance(name)).gender
        pitches[gender].append(measure(split, name)["fundamental_frequency_median_hz"])
    assert max(pitches["M"]) < 150 < min(pitches["F"])


def test_grades_follow_the_number_of_words_and_shares_hardly_do(split):
    texts = [split.utterance(name).text for name in split.ids]
    values = [readability_metadata(text) for text in texts]
    words = [len(text.split()) for text in texts]

    def correlation(key):
        return np.corrcoef([value[key] for value in values], words)[0, 1]

    assert correlation("flesch_kincaid_grade") > 0.7
    assert abs(correlation("difficult_word_share")) < 0.4
    assert abs(correlation("mean_syllables_per_word")) < 0.4
