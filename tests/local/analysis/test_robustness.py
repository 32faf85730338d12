"""Error rate against severity."""

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.robustness import measure_robustness
from tests.helpers.planted import count_table


def measure(table):
    return measure_robustness(Record(table))


@pytest.fixture
def table():
    """20 utterances of 10 words as they are, with two severities of noise, and at another tempo."""
    variants = [(None, np.nan, 1.0), ("noise", 20.0, 4.0), ("noise", 5.0, 2.0), ("tempo", 1.5, 1.0)]
    speakers = np.arange(20) % 5
    parts = [
        count_table(np.full(20, errors), 10, record_speaker_id=speakers, simulation=name, severity=severity)
        for name, severity, errors in variants
    ]
    return pd.concat(parts, ignore_index=True)


def test_curves_by_rising_severity_with_changes_from_the_recordings_as_they_are(table):
    curves = measure(table)
    assert [curve.simulation for curve in curves] == ["noise", "tempo"]
    assert [(point.severity, point.word.rate) for point in curves[0].points] == [(5, 0.2), (20, 0.4)]
    point = curves[0].points[1]
    assert (point.change.difference, point.change.low, point.change.high) == pytest.approx((0.3, 0.3, 0.3))
    assert (point.clean.rate, point.character.rate) == pytest.approx((0.1, 0.4))


def test_failed_rows_are_counted_and_without_unchanged_recordings_there_is_no_change(table):
    table.loc[20, "word_hits"] = None
    point = measure(table[table["simulation"].notna()])[0].points[1]
    assert (point.failed, point.change) == (1, None)


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
