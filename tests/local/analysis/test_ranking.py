"""What to transcribe first."""

import numpy as np
import pytest

from librispeech_clf.local.analysis.ranking import rank_recordings
from librispeech_clf.local.analysis.record import Record
from tests.helpers.spoken import make_spoken
from tests.local.analysis.test_prediction import count, learn


def make_table(seed=5):
    """Recordings of 3 s each; the first speaker's hidden states are all the same."""
    table = count(make_spoken(seed, speakers=6, utterances=10))
    generator = np.random.default_rng(seed)
    table["latent"] = [row.astype(np.float32) for row in generator.normal(size=(len(table), 8))]
    same = table["record_speaker_id"] == "0"
    table.loc[same, "latent"] = table.loc[same, "latent"].map(lambda _: np.ones(8, np.float32))
    table.loc[same, "words"] = table.loc[same, "words"].map(
        lambda words: [{**word, "confidence": 0.05} for word in words]
    )
    return table.assign(signal_duration_s=3.0)


def test_budget_is_spent_on_errors_once_each():
    chosen = rank_recordings(Record(make_table()), learn(), minutes=1)
    assert sum(choice.seconds for choice in chosen) == 60 and len({c.utterance_id for c in chosen}) == 20
    assert chosen[0].utterance_id.startswith("0-") and chosen[0].predicted_error_rate > 0.9
    # The most errors are the first speaker's, but one transcript of what sounds alike is enough.
    assert sum(choice.utterance_id.startswith("0-") for choice in chosen) == 1


@pytest.mark.parametrize("column", ["words", "latent"])
def test_what_is_not_known_is_not_chosen(column):
    assert rank_recordings(Record(make_table().assign(**{column: None})), learn(), minutes=1) == ()
