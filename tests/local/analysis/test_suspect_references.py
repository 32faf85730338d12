"""References that may be wrong: exchanged ones are found, right ones are not."""

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.suspect_references import find_suspect_references


def find(table):
    return find_suspect_references(Record(table))


@pytest.fixture
def table():
    """Utterances that the model hears nearly right, with losses and paces that vary a little."""
    generator = np.random.default_rng(0)
    letters = generator.integers(30, 120, 60)
    references = ["A" * number for number in letters]
    return pd.DataFrame(
        {
            "utterance_id": [f"u-{number:02d}" for number in range(60)],
            "reference": references,
            "hypothesis": [text[:-1] + "B" for text in references],
            "error": None,
            "ctc_loss": letters * generator.uniform(0.03, 0.06, 60),
            "confidence": generator.uniform(-0.02, -0.01, 60),
            "signal_duration_s": letters / generator.uniform(13, 15, 60),
        }
    )


def test_a_transcript_far_less_likely_than_what_was_heard_is_listed_first(table):
    table.loc[7, "ctc_loss"] = 400.0
    table.loc[9, "signal_duration_s"] *= 3
    first, second = found = find(table)
    assert [(own.utterance_id, own.reasons) for own in found] == [
        ("u-07", ("the model finds it far less likely than what it heard",)),
        ("u-09", ("few letters for so long a recording",)),
    ]
    assert first.score > second.score > 3


def test_too_many_letters_are_told_and_agreement_is_not_doubted(table):
    table.loc[[3, 4], "signal_duration_s"] /= 3
    table.loc[4, "hypothesis"] = table.loc[4, "reference"]
    (found,) = find(table)
    assert (found.utterance_id, found.reasons) == ("u-03", ("many letters for so short a recording",))


def test_plain_few_failed_and_misheard_utterances_and_missing_columns_are_not_suspicious(table):
    assert find(table) == ()
    assert find(table.iloc[:5]) == ()
    assert find(table.drop(columns=["ctc_loss", "confidence", "signal_duration_s"])) == ()
    table.loc[5, "ctc_loss"] = 1.5 * len(table.loc[5, "reference"])  # the model's own errors
    assert find(table) == ()
    table.loc[0, ["hypothesis", "ctc_loss"]] = [None, np.nan]
    assert find(table) == ()
