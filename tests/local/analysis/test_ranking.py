"""What to transcribe first."""

import numpy as np
import pytest

from librispeech_clf.local.analysis.prediction import rank_recordings
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
    return table.assign(signal_duration_s=3.0, transcribed=False)


def test_budget_is_spent_on_errors_once_each():
    chosen = rank_recordings(Record(make_table()), learn(), minutes=1)
    assert chosen["seconds"].sum() == 60 and chosen["id"].nunique() == 20
    assert chosen["id"][0].startswith("0-") and chosen["predicted_error_rate"][0] > 0.9
    # The most errors are the first speaker's, but one transcript of what sounds alike is enough.
    assert chosen["id"].str.startswith("0-").sum() == 1


def test_what_sounds_like_labeled_recordings_is_not_chosen():
    table = make_table()
    table.loc[0, "transcribed"] = True
    chosen = rank_recordings(Record(table), learn(), minutes=1)
    assert len(chosen) == 20 and not chosen["id"].str.startswith("0-").any()


@pytest.mark.parametrize("column", ["words", "latent"])
def test_what_is_not_known_is_not_chosen(column):
    assert rank_recordings(Record(make_table().assign(**{column: None})), learn(), minutes=1).empty


def test_transcribed_recordings_are_not_chosen():
    assert rank_recordings(Record(make_table().assign(transcribed=True)), learn(), minutes=1).empty
