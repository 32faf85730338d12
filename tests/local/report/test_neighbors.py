"""Nearest utterances and doubles: answers known in advance."""

import numpy as np
import pandas as pd
import pytest

from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.report.neighbors import find_doubles, find_nearest


def make_table(count: int = 40) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "utterance_id": [f"u{row}" for row in range(count)],
            "reference": [f"TEXT {row}" for row in range(count)],
            "split": "test",
            "subset": ["a" if row < count // 2 else "b" for row in range(count)],
            "signal_duration_s": generator.random(count),
            "latent": [[float(row), 0.0] for row in range(count)],
            "acoustic_statistics": [list(row) for row in generator.normal(size=(count, 12))],
        }
    )


def test_nearest_on_a_line_by_the_hidden_states_else_by_the_statistics():
    table = make_table(20)
    table.at[7, "latent"] = None
    found = find_nearest(Record(table))
    assert found["space"] == "latent"
    assert found["rows"][0] == [1, 2, 3, 4, 5] and found["rows"][7] == []
    assert set(found["rows"][10]) == {8, 9, 11, 12, 13}
    assert find_nearest(Record(table.drop(columns="latent")))["space"] == "acoustic_statistics"
    assert find_nearest(Record(table[:1])) is None
    assert find_nearest(Record(table.assign(latent=None, acoustic_statistics=None))) is None
    assert [len(rows) for rows in find_nearest(Record(table[:3]))["rows"]] == [2, 2, 2]


@pytest.mark.parametrize(
    ("change", "text", "kind"),
    [
        (0.0, "TEXT 30", "same audio"),
        (0.01, "TEXT 3", "same text and nearly the same audio"),
        (5.0, "TEXT 3", "same text in two splits"),
        (0.01, "TEXT 30", None),
    ],
)
def test_doubles_by_audio_and_by_text(change, text, kind):
    table = make_table()
    table.at[30, "acoustic_statistics"] = [value + change for value in table["acoustic_statistics"][3]]
    table.loc[30, "reference"] = text
    if change == 0.0:
        table.loc[30, "signal_duration_s"] = table["signal_duration_s"][3]
    expected = [{"kind": kind, "rows": [3, 30], "splits": ["test/a", "test/b"]}]
    assert find_doubles(Record(table)) == (expected if kind else [])


def test_a_text_of_two_splits_is_told_though_one_of_them_holds_its_recording_twice():
    table = make_table()
    table.loc[[4, 30], "reference"] = table["reference"][3]
    table.at[4, "acoustic_statistics"] = table["acoustic_statistics"][3]
    table.loc[4, "signal_duration_s"] = table["signal_duration_s"][3]
    kinds = [(double["kind"], double["rows"]) for double in find_doubles(Record(table))]
    assert kinds == [("same text in two splits", [3, 4, 30]), ("same audio", [3, 4])]


def test_doubles_within_a_split_stand_behind_those_across_if_there_are_any():
    table = make_table()
    assert find_doubles(Record(table)) == find_doubles(Record(table[:0])) == []
    for row, of in ((5, 4), (30, 3)):
        table.at[row, "acoustic_statistics"] = table["acoustic_statistics"][of]
        table.loc[row, "signal_duration_s"] = table["signal_duration_s"][of]
    assert [double["rows"] for double in find_doubles(Record(table))] == [[3, 30], [4, 5]]
