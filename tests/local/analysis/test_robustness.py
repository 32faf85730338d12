"""Error rate against severity."""

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.robustness import measure_robustness
from tests.helpers.planted import count_columns


def measure(table):
    return measure_robustness(Record(table))


@pytest.fixture
def table():
    """20 utterances of 10 words as they are, with two severities of noise, and at another tempo."""
    variants = [(None, np.nan, 1.0), ("noise", 20.0, 4.0), ("noise", 5.0, 2.0), ("tempo", 1.5, 1.0)]
    simulations, severities, errors = (
        np.repeat(np.array(own, object), 20) for own in zip(*variants, strict=True)
    )
    number = np.arange(80) % 20
    table = {"utterance_id": [f"u{own}" for own in number], "record_speaker_id": number % 5}
    counts = count_columns(errors.astype(float), 10)
    return pd.DataFrame({**table, **counts, "simulation": simulations, "severity": severities.astype(float)})


def test_curves_by_rising_severity_with_changes_from_the_recordings_as_they_are(table):
    curves = measure(table)
    assert [curve.simulation for curve in curves] == ["noise", "tempo"]
    low, high = curves[0].points
    assert [(own.severity, own.word.rate, own.character.rate) for own in (low, high)] == [
        (5, 0.2, 0.2),
        (20, 0.4, 0.4),
    ]
    assert (high.change.difference, high.change.low, high.change.high) == pytest.approx((0.3, 0.3, 0.3))
    assert high.clean.rate == pytest.approx(0.1)


def test_without_unchanged_recordings_there_is_no_change(table):
    assert measure(table[table["simulation"].notna()])[0].points[0].change is None


def test_failed_rows_are_counted(table):
    table.loc[20, "word_hits"] = None
    assert measure(table)[0].points[1].failed == 1


def test_tables_without_simulation_have_no_curve(table):
    assert measure(pd.DataFrame()) == ()
    assert measure(table.drop(columns="severity")) == ()
    assert measure(table[table["simulation"].isna()]) == ()


def test_simulated_row_without_severity_is_refused(table):
    table.loc[25, "severity"] = None
    with pytest.raises(
        ValueError, match="u5: a simulated utterance needs a severity; received none for 'noise'"
    ):
        measure(table)
