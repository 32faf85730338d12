"""What labeled recordings lack."""

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.local.analysis.lacks import find_lacks
from librispeech_clf.local.analysis.record import Record


def make_table(seed, *, planted=False):
    """Recordings of 40 speakers, half unlabeled; planted, 20 to 29 are noisy, elsewhere in the hidden states."""
    generator = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(40), 8)
    order = np.arange(40) if planted else generator.permutation(40)
    other = planted & (speaker >= 20) & (speaker < 30)
    voices = generator.normal(size=(40, 8))
    latent = voices[speaker] + generator.normal(size=(len(speaker), 8)) + 6 * other[:, None]
    return pd.DataFrame(
        {
            "utterance_id": [f"{name:02}-{number:04}" for number, name in enumerate(speaker)],
            "record_speaker_id": speaker.astype(str),
            "signal_signal_to_noise_ratio_db": generator.normal(30, 3, len(speaker)) - 20 * other,
            "signal_duration_s": generator.gamma(4, 1, len(speaker)),
            "latent": list(latent.astype(np.float32)),
            "transcribed": order[speaker] < 20,
            "error": None,
        }
    )


def test_what_is_planted_is_named_first():
    found = find_lacks(Record(make_table(0, planted=True)))
    first, noise = found.lacks[0], found.drifts[0]
    assert "noisy recordings" in first.name and first.p < 0.05 and first.labeled == 0
    assert {name[:2] for name in first.utterance_ids} == {str(speaker) for speaker in range(20, 30)}
    assert first.neighbors < 0.05 < found.neighbors < found.expected
    assert noise.column == "signal_signal_to_noise_ratio_db" and noise.low < noise.difference < noise.high < 0


def test_without_a_plant_nothing_is_named_in_19_of_20():
    named = [bool(find_lacks(Record(make_table(seed))).lacks) for seed in range(20)]
    assert sum(named) <= 1


@pytest.mark.parametrize("transcribed", [True, False])
def test_nothing_is_lacking_of_one_kind(transcribed):
    assert find_lacks(Record(make_table(0).assign(transcribed=transcribed))) is None
    assert find_lacks(Record(make_table(0).drop(columns="transcribed"))) is None


def test_of_few_speakers_nothing_is_named():
    table = make_table(0, planted=True)
    few = table[table["record_speaker_id"].isin(["0", "1", "30", "31"])]
    found = find_lacks(Record(few))
    assert found.lacks == () and found.tested > 0
    fewer = find_lacks(Record(few.groupby("record_speaker_id").head(2)))
    assert fewer.lacks == () and fewer.tested == 0
