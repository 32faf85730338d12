"""The simulated utterances of a results table as the page shows them: curves, texts, and what can be heard.

In: the rows with a `simulation`. Out: per simulation, one list per property; names under which the page asks for
their audio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from librispeech_clf.audio.simulations import SIMULATION_PARAMETERS
from librispeech_clf.local.analysis.results_table import (
    count_errors,
    find_scored,
    physical_unit,
    readable_name,
)
from librispeech_clf.local.report.encoding import align_texts, make_plain, read_texts

if TYPE_CHECKING:
    import pandas as pd


def split_simulated(results: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split a results table into the recordings as they are and those with simulated conditions.

    A table without the column `simulation`, or with simulated rows only, is taken as it is.
    """
    if "simulation" not in results.columns:
        return results, results.iloc[:0]
    simulated = results["simulation"].notna()
    if simulated.all():
        return results, results.iloc[:0]
    return results[~simulated].reset_index(drop=True), results[simulated].reset_index(drop=True)


def build_simulated(results: pd.DataFrame) -> list[dict[str, Any]]:
    """Build, per simulation, each simulated utterance's row number, severity, errors, words and hypothesis.

    Args:
        results: the results table. A simulated id is one of a recording, or one with "+" and the conditions behind;
            failed rows and those of other recordings are left out.

    Returns:
        `audio` is the number of the first one's recording behind those of the rows, see `list_heard`.
    """
    built, start = [], len(split_simulated(results)[0])
    for name, table in _order(results).groupby("simulation"):
        built.append(_build_one(str(name), table) | {"audio": start})
        start += len(table)
    return built


def _build_one(name: str, table: pd.DataFrame) -> dict[str, Any]:
    hypotheses = read_texts(table["hypothesis"])
    return {
        "simulation": name,
        "severity_name": name_severity(name),
        **{key: make_plain(table[key]) for key in ("row", "severity", "errors", "words")},
        "hypotheses": hypotheses,
        "word_operations": align_texts(read_texts(table["reference"]), hypotheses)[0],
    }


def list_heard(results: pd.DataFrame) -> list[str]:
    """Name what can be heard: the ids of the recordings in the order of the rows, then the simulated ones."""
    ids = read_texts(split_simulated(results)[0]["utterance_id"])
    simulated = _order(results)
    keys = zip(simulated["row"], simulated["simulation"], simulated["severity"], strict=True)
    return ids + [name_simulated(ids[row], str(name), float(severity)) for row, name, severity in keys]


def name_simulated(utterance_id: str, simulation: str, severity: float) -> str:
    """Name a simulated recording, as "1089-134686-0000+additive_noise:babble=10"."""
    return f"{utterance_id}+{simulation}={severity:g}"


def _order(results: pd.DataFrame) -> pd.DataFrame:
    """The simulated rows that were scored, by simulation, with `row` of their recording, `errors` and `words`."""
    recordings, simulated = split_simulated(results)
    rows = {utterance_id: row for row, utterance_id in enumerate(read_texts(recordings["utterance_id"]))}
    if simulated.empty:
        return simulated.reindex(columns=["simulation", "severity", "row", "hypothesis", "reference"])
    scored = find_scored(simulated)
    errors, words = count_errors(scored)
    ids = read_texts(scored["utterance_id"])
    found = [rows.get(name, rows.get(name.rpartition("+")[0], -1)) for name in ids]
    table = scored.assign(row=found, errors=errors, words=words)
    return table[table["row"] >= 0].sort_values("simulation", kind="stable")


def name_severity(simulation: str) -> str:
    """Name the number which makes a simulation more or less severe: "ratio in dB", or just "severity"."""
    parameters = SIMULATION_PARAMETERS.get(simulation.partition(":")[0], {})
    numeric = [name for name, declared in parameters.items() if declared["type"] == "float"]
    if not numeric:
        return "severity"
    unit = physical_unit(numeric[0])
    return readable_name(numeric[0]) + (f" in {unit}" if unit else "")
