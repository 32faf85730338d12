"""One run with everything that a page tells, its page written once and opened by nearly all tests in the browser."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pytest

from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.summary import Analysis, analyze
from librispeech_clf.local.analysis.suspect_references import Suspicion
from librispeech_clf.local.analysis.traits import Trait
from librispeech_clf.local.report.outputs import Speed
from librispeech_clf.local.report.page import write_page
from tests.helpers.results import count_errors

BOUNDS = {"corpus_snr_db": (10.0, 20.0)}
COUNTS = ["word_substitutions", "word_deletions", "word_insertions"]
SILENT, TWINS = 50, (3, 20)
"""Rows without a word, and of one recording in two subsets."""
WORDS = ["word_hits", "word_substitutions", "word_deletions"]


def word_error_rate(rows: pd.DataFrame) -> float:
    """Word error rate of the rows that were recognized, from their counts."""
    return rows[COUNTS].sum().sum() / rows[WORDS].sum().sum()


def simulate(results: pd.DataFrame, severity: float) -> pd.DataFrame:
    """Make rows of a simulation with one word more wrong per utterance."""
    ids = [f"{name}+additive_noise-{severity}" for name in results["utterance_id"]]
    worse = results["word_insertions"] + 1
    return results.assign(
        utterance_id=ids, simulation="additive_noise", severity=severity, word_insertions=worse
    )


def make_systems(results: pd.DataFrame) -> dict[str, pyarrow.Table]:
    """Make two systems' tables: the results, and those of one that hears FRIDGE for BRIDGE and says a word more."""
    said = results["hypothesis"].str.replace("BRIDGE", "FRIDGE").str.replace(r"(?<=.)$", " MORE", regex=True)
    other = results.assign(hypothesis=said)
    spoken = other[other["hypothesis"].notna() & (other["reference"] != "")]
    counts = [count_errors(*pair) for pair in zip(spoken["reference"], spoken["hypothesis"], strict=True)]
    other.update(pd.DataFrame(counts, spoken.index))
    tables = {"this": results, "other": other}
    return {name: pyarrow.Table.from_pandas(table, preserve_index=False) for name, table in tables.items()}


@dataclass(frozen=True)
class Run:
    """A run: its table, also on the disk, its systems and analysis."""

    table: pd.DataFrame
    path: Path
    systems: dict[str, pyarrow.Table]
    analysis: Analysis


@pytest.fixture(scope="session")
def results(make_results):
    """Results of 160 utterances of 30 speakers with own columns, a long name, a silent utterance and two twins."""
    results = make_results(160, speakers=30)
    results["signal_loudness_of_the_second_microphone_in_the_far_corner_db"] = results["confidence"]
    results["corpus_accent"] = np.array(["irish", "scottish", "welsh"])[np.arange(160) % 3]
    results["corpus_snr_db"] = np.linspace(0, 29.9, 160)
    results["corpus_room"] = np.array(["lab 10", "lab 9", "car"])[np.arange(160) % 3]
    results.loc[SILENT, ["reference", "hypothesis", "corpus_room"]] = "", "", "silent"
    results.loc[SILENT, [name for name in results if name.startswith(("word_", "character_"))]] = 0
    own = ["utterance_id", "subset", *(name for name in results if name.startswith("corpus_"))]
    first, second = TWINS
    results.loc[second] = pd.concat([results.loc[first].drop(own), results.loc[second, own]])
    results.loc[[*TWINS], "subset"] = ["test-clean", "test-other"]
    return results


@pytest.fixture(scope="session")
def run(results, tmp_path_factory):
    """Analyze the results, the first 40 of them simulated as well."""
    path = tmp_path_factory.mktemp("run") / "results.parquet"
    table = pd.concat(
        [results, *(simulate(results[:40], level) for level in (20.0, 10.0))], ignore_index=True
    )
    table.to_parquet(path)
    systems = make_systems(results)
    records = {"this": Record(path), "other": Record(systems["other"])}
    return Run(table, path, systems, analyze(records, terms=["OLD STONE", "BRIDGE"], bounds=BOUNDS))


@pytest.fixture(scope="session")
def sections(run, results):
    """The analysis, and what it does not find in these results: a weak cluster, a finding, a suspicion."""
    first, *others = run.analysis.clusters.clusters
    rate = replace(first.rate, rate=0.41, low=0.3, high=0.5)
    trait = Trait("record_gender", "men", "M", 0.6, 1.0, 0.4, None, 0.0001)
    first = replace(first, name="men", is_weak=True, rate=rate, traits=(trait,))
    weak = results[results["record_speaker_id"] == "103"]
    finding = {
        "name": "the worst speakers", "where": "speaker 103", "kind": "speakers", "utterances": len(weak),
        "speakers": 1, "words": 200, "errors": 90, "error_rate": 0.45, "rest_error_rate": 0.1,
        "effect_points": 35.0, "low": 20.5, "high": 49.5, "avoidable_errors": 70.0, "p": 0.002,
        "also_differs": ["quiet"], "examples": tuple(weak["utterance_id"][:3]),
        "utterance_ids": tuple(weak["utterance_id"]), "conditions": (),
    }  # fmt: skip
    name = results["utterance_id"].iloc[4]
    return vars(run.analysis) | {
        "clusters": replace(run.analysis.clusters, clusters=(first, *others)),
        "search": {"findings": [finding], "candidates_tested": 123, "alpha": 0.05, "note": None},
        "suspect_references": (Suspicion(name, ("too many letters a second",), 5.0, 2.5, 40.0, "A", "B"),),
        "speed": Speed(600.0, {"evaluation": 60.0, "analysis": 3.0}).report() | {"systems": {"this": 11.5}},
    }


@pytest.fixture(scope="session")
def report(run, sections, make_audio, tmp_path_factory):
    """Write the page, its recordings beside it."""
    audio = make_audio(duration_s=4.0)
    described = {"source": "sample", "split": "test", "subsets": "test-clean, test-other", "model": "w.h5"}
    return write_page(
        tmp_path_factory.mktemp("report") / "index.html", run.table, analysis=sections, systems=run.systems,
        audio=lambda _: audio, audio_limit_bytes=1, title="wav2vec 2.0 on sample: test",
        description=described | {"model SHA-256": "0123456789ab"},
    )  # fmt: skip


@pytest.fixture
def opened(browser, report):
    """Open the page without a state, and look whether the console has errors behind the test."""
    browser.reset(report)
    yield browser
    assert browser.problems() == []
