"""One report page with every section, written once and opened by all tests in the browser."""

import pandas as pd
import pyarrow
import pytest

from librispeech_clf.local.analysis.associations import find_associations
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.report.page import write_page


def simulate(results: pd.DataFrame, severity: float) -> pd.DataFrame:
    """Make rows of a simulation with one word more wrong per utterance."""
    ids = [f"{name}+additive_noise-{severity}" for name in results["utterance_id"]]
    worse = results["word_insertions"] + 1
    return results.assign(
        utterance_id=ids, simulation="additive_noise", severity=severity, word_insertions=worse
    )


@pytest.fixture(scope="session")
def results(make_results):
    """Results of 160 utterances of 30 speakers, one column with a long name."""
    results = make_results(160, speakers=30)
    results["signal_loudness_of_the_second_microphone_in_the_far_corner_db"] = results["confidence"]
    return results


def make_systems(results):
    """Make two systems' tables: the results, and those of one that says a word more."""
    said = results["hypothesis"].where(results["hypothesis"].isna(), results["hypothesis"] + " MORE")
    other = results.assign(hypothesis=said, word_insertions=results["word_insertions"] + 1)
    tables = {"this": results, "other": other}
    return {name: pyarrow.Table.from_pandas(table, preserve_index=False) for name, table in tables.items()}


@pytest.fixture(scope="session")
def report(results, make_analysis, make_audio, tmp_path_factory):
    """Write the page."""
    analysis = make_analysis(results)
    analysis["associations"] = find_associations(Record(results))
    audio = make_audio(duration_s=4.0)
    described = {"source": "sample", "split": "test", "subsets": "test-clean, test-other", "model": "w.h5"}
    return write_page(
        tmp_path_factory.mktemp("report") / "index.html",
        pd.concat([results, simulate(results, 20.0), simulate(results, 10.0)], ignore_index=True),
        analysis=analysis, audio=lambda _: audio, title="wav2vec 2.0 on sample: test",
        systems=make_systems(results),
        description=described | {"model SHA-256": "0123456789ab"},
    )  # fmt: skip


@pytest.fixture
def opened(browser, report):
    """Open the page afresh, without a state."""
    browser.follow(report, "")
    return browser
