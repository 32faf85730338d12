"""Error rate against severity."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.robustness import measure_robustness


def measure(table):
    return measure_robustness(Record(table))


def variant(simulation, severity, errors, count=20):
    return pd.DataFrame(
        {
            "utterance_id": [f"u{n}" for n in range(count)],
            "reference": "TEN WORDS",
            "word_hits": 10.0 - errors,
            "word_substitutions": float(errors),
            "word_deletions": 0.0,
            "word_insertions": 0.0,
            "record_speaker_id": [str(n % 5) for n in range(count)],
            "simulation": simulation,
            "severity": severity,
        }
    )


@pytest.fixture
def table():
    variants = [
        variant(None, np.nan, 1),
        variant("noise", 20.0, 4),
        variant("noise", 5.0, 2),
        variant("tempo", 1.5, 1),
    ]
    return pd.concat(variants, ignore_index=True)


def test_curves_by_rising_severity(table):
    curves = measure(table)
    assert [curve.simulation for curve in curves] == ["noise", "tempo"]
    assert [(point.severity, point.word.rate) for point in curves[0].points] == [(5.0, 0.2), (20.0, 0.4)]


def test_change_is_against_the_recordings_as_they_are(table):
    point = measure(table)[0].points[1]
    assert point.change.difference == pytest.approx(0.3)
    assert (point.change.low, point.change.high) == pytest.approx((0.3, 0.3))
    assert point.clean.rate == pytest.approx(0.1)


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


def test_curves_are_json(table):
    assert json.loads(json.dumps([asdict(curve) for curve in measure(table)], allow_nan=False))
