"""References that may be wrong: exchanged ones are found, right ones are not."""

import numpy as np
import pandas as pd

from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.suspect_references import find_suspect_references


def find(table):
    return find_suspect_references(Record(table))


def make_table(count=60):
    """Utterances that the model hears nearly right, with losses and paces that vary a little."""
    generator = np.random.default_rng(0)
    letters = generator.integers(30, 120, count)
    references = ["A" * number for number in letters]
    certain = generator.uniform(-0.02, -0.01, count)
    return pd.DataFrame(
        {
            "utterance_id": [f"u-{number:02d}" for number in range(count)],
            "reference": references,
            "hypothesis": [text[:-1] + "B" for text in references],
            "error": None,
            "ctc_loss": letters * generator.uniform(0.03, 0.06, count),
            "confidence": certain,
            "signal_duration_s": letters / generator.uniform(13, 15, count),
        }
    )


def test_plain_utterances_are_not_suspicious():
    assert find(make_table()) == ()


def test_a_transcript_far_less_likely_than_what_was_heard_is_listed_first():
    table = make_table()
    table.loc[7, "ctc_loss"] = 400.0
    table.loc[9, "signal_duration_s"] *= 3
    first, second = find(table)
    assert (first.utterance_id, first.reasons) == (
        "u-07", ("the model finds it far less likely than what it heard",),
    )  # fmt: skip
    assert (second.utterance_id, second.reasons) == ("u-09", ("few letters for so long a recording",))
    assert first.score > second.score > 3


def test_errors_of_the_model_alone_are_no_sign():
    table = make_table()
    table.loc[5, "ctc_loss"] = 1.5 * len(table.loc[5, "reference"])
    assert find(table) == ()


def test_too_many_letters_are_told_and_agreement_is_not_doubted():
    table = make_table()
    table.loc[[3, 4], "signal_duration_s"] /= 3
    table.loc[4, "hypothesis"] = table.loc[4, "reference"]
    (found,) = find(table)
    assert (found.utterance_id, found.reasons) == ("u-03", ("many letters for so short a recording",))


def test_missing_columns_failed_and_few_utterances_are_no_error():
    table = make_table()
    assert find(table.drop(columns=["ctc_loss", "confidence", "signal_duration_s"])) == ()
    table.loc[0, ["hypothesis", "ctc_loss"]] = [None, np.nan]
    assert find(table) == ()
    assert find(table.iloc[:5]) == ()
