"""Every bad recording in one corpus with intact ones: refused by name or read to its end, and none costs another."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from tests.helpers.bad_recordings import BAD_RECORDINGS, FORMATS, SAME, write_recordings

pytestmark = pytest.mark.fault
MEASURES = ["hypothesis", "word_error_rate", "signal_duration_s", "text_word_count"]
NUMBERS = ["ctc_loss", "confidence", "signal_level_dbfs"]

AVERAGED = "Recordings with several channels are averaged; a column `channel` in the table chooses one.\n"


@pytest.fixture(scope="module")
def finished(evaluate, tmp_path_factory):
    """The run's folder, process, and results by utterance id."""
    root = tmp_path_factory.mktemp("recordings")
    write_recordings(root / "bad")
    process = evaluate(root, "bad", root / "out")
    assert process.returncode == 1, process.stderr
    results = pd.read_parquet(root / "out" / "results.parquet").set_index("utterance_id")
    return root / "out", process, results


@pytest.mark.parametrize("name", BAD_RECORDINGS)
def test_recording_has_its_outcome(finished, name):
    row, outcome = finished[2].loc[name], BAD_RECORDINGS[name][1]
    if isinstance(outcome, float):
        assert pd.isna(row["error"]) and row["signal_duration_s"] == pytest.approx(outcome)
    elif outcome == SAME:
        intact = finished[2].loc[f"{name.split('-')[0]}-intact"]
        assert pd.isna(row["error"])
        assert row[MEASURES].to_dict() == intact[MEASURES].to_dict()
        np.testing.assert_allclose(row[NUMBERS].astype(float), intact[NUMBERS].astype(float), atol=1e-3)
    else:
        assert row["error"].startswith(f"{name}: ") and re.search(outcome, row["error"])
        assert row["hypothesis"] == "" and pd.isna(row["word_error_rate"])


@pytest.mark.parametrize("kind", FORMATS)
def test_intact_recordings_are_evaluated(finished, kind):
    row = finished[2].loc[f"{kind}-intact"]
    assert pd.isna(row["error"])
    assert row["signal_duration_s"] == pytest.approx(1.0, abs=0.05)
    assert len(row["hypothesis"]) > 0


def test_failures_are_listed_and_the_page_is_whole(finished):
    out, process, results = finished
    summary = json.loads((out / "summary.json").read_text())
    failed = results.index[results["error"].notna()]
    assert set(summary["failures"]) == set(failed) and len(failed) > 60
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.rstrip().endswith("</html>")
    assert all(name in page for name in results.index)
    assert process.stderr == AVERAGED and "Traceback" not in process.stdout
