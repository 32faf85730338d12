"""What labeled recordings lack."""

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.local.analysis.lacks import find_lacks
from librispeech_clf.local.analysis.record import Record

PLANTED = slice(20, 30)
"""Speakers of another accent, unlabeled."""


def make_table(seed, *, planted=False, speakers=40, utterances=8):
    """Recordings of speakers, half of them unlabeled; planted ones are noisy and elsewhere in the hidden states."""
    generator = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(speakers), utterances)
    order = np.arange(speakers) if planted else generator.permutation(speakers)
    other = np.isin(speaker, np.arange(speakers)[PLANTED]) if planted else np.zeros(len(speaker), bool)
    voices = generator.normal(size=(speakers, 8))
    latent = voices[speaker] + generator.normal(size=(len(speaker), 8)) + 6 * other[:, None]
    return pd.DataFrame(
        {
            "utterance_id": [f"{name:02}-{number:04}" for number, name in enumerate(speaker)],
            "record_speaker_id": [str(name) for name in speaker],
            "signal_signal_to_noise_ratio_db": generator.normal(30, 3, len(speaker)) - 20 * other,
            "signal_duration_s": generator.gamma(4, 1, len(speaker)),
            "latent": [row.astype(np.float32) for row in latent],
            "transcribed": order[speaker] < speakers // 2,
            "error": None,
        }
    )


def test_what_is_planted_is_named_first():
    found = find_lacks(Record(make_table(0, planted=True)))
    first = found.lacks[0]
    assert "noisy recordings" in first.name and first.p < 0.05 and first.labeled == 0
    assert {name[:2] for name in first.utterance_ids} == {str(speaker) for speaker in range(40)[PLANTED]}
    assert first.neighbors < 0.05 < found.neighbors < found.expected
    noise = found.drifts[0]
    assert noise.column == "signal_signal_to_noise_ratio_db" and noise.low < noise.difference < noise.high < 0


def test_without_a_plant_nothing_is_named_in_19_of_20():
    named = [bool(find_lacks(Record(make_table(seed))).lacks) for seed in range(20)]
    assert sum(named) <= 1


@pytest.mark.parametrize("transcribed", [True, False])
def test_nothing_is_lacking_of_one_kind(transcribed):
    assert find_lacks(Record(make_table(0).assign(transcribed=transcribed))) is None
    assert find_lacks(Record(make_table(0).drop(columns="transcribed"))) is None


def test_of_few_speakers_nothing_is_named():
    table = make_table(0, planted=True, speakers=40)
    few = table[table["record_speaker_id"].isin(["0", "1", "30", "31"])]
    found = find_lacks(Record(few))
    assert found.lacks == () and found.tested > 0
    fewer = find_lacks(Record(few.groupby("record_speaker_id").head(2)))
    assert fewer.lacks == () and fewer.tested == 0
