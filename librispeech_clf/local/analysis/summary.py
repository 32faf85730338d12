"""Analyse a results table: error rates, findings, weak clusters, maps, dashboards, comparison, robustness.

In: the results table. Out: `Analysis` for terminal and page, and a dictionary for summary.json, which holds
no time stamps, so that the same rows give the same bytes.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from librispeech_clf.local.analysis.associations import make_dashboards
from librispeech_clf.local.analysis.clusters import find_clusters
from librispeech_clf.local.analysis.comparison import compare_runs
from librispeech_clf.local.analysis.error_kinds import find_error_kinds
from librispeech_clf.local.analysis.intervals import summarize
from librispeech_clf.local.analysis.latent_space import make_latent_maps
from librispeech_clf.local.analysis.results_table import count_errors, find_scored, is_null
from librispeech_clf.local.analysis.robustness import measure_robustness
from librispeech_clf.local.analysis.slices import find_slices
from librispeech_clf.local.analysis.suspicious import find_suspicious
from librispeech_clf.local.analysis.terms import measure_recall
from librispeech_clf.text.plain_text import escape_json

if TYPE_CHECKING:
    import pandas as pd

    from librispeech_clf.local.analysis.clusters import Clustering
    from librispeech_clf.local.analysis.comparison import Comparison
    from librispeech_clf.local.analysis.error_kinds import ErrorKind
    from librispeech_clf.local.analysis.robustness import Curve
    from librispeech_clf.local.analysis.slices import Search
    from librispeech_clf.local.analysis.suspicious import Suspicion
    from librispeech_clf.local.analysis.terms import TermRecall

WORST = 10
SIGNIFICANT_DIGITS = 10
"""Of floats that statistics libraries computed; error rates are written exactly."""


@dataclass(frozen=True)
class Worst:
    """An utterance with many word errors.

    Attributes:
        utterance_id: which.
        errors: its word errors.
        words: its reference words.
        reference: its transcript.
        hypothesis: what the model says.
    """

    utterance_id: str
    errors: int
    words: int
    reference: str
    hypothesis: str


@dataclass(frozen=True)
class Analysis:
    """Everything that terminal, summary and page show of a run.

    Attributes:
        rates: see `intervals.summarize`.
        worst: highest word error rate first.
        failures: utterance id -> reason; simulated ones with their conditions.
        search: the slices to look at first.
        error_kinds: what kinds of word errors there are.
        terms: recall of the user's terms, of all first; none without terms.
        suspicious: references that may be wrong, the most suspicious first.
        clusters: of the latent space.
        latent_maps: space -> map.
        dashboards: metrics against metadata.
        robustness: word error rate by severity.
        comparison: against another run, if there is one.
        other_latent_maps: of the other run.
    """

    rates: dict[str, Any]
    worst: tuple[Worst, ...]
    failures: dict[str, str]
    search: Search
    error_kinds: tuple[ErrorKind, ...]
    terms: tuple[TermRecall, ...]
    suspicious: tuple[Suspicion, ...]
    clusters: Clustering
    latent_maps: dict[str, Any]
    dashboards: tuple[Any, ...]
    robustness: tuple[Curve, ...]
    comparison: Comparison | None
    other_latent_maps: dict[str, Any] | None


def analyse(
    results: pd.DataFrame,
    *,
    other: pd.DataFrame | None = None,
    names: tuple[str, str] = ("old run", "this run"),
    refused: Mapping[str, str] | None = None,
    terms: Sequence[str] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> Analysis:
    """Analyse a results table.

    Args:
        results: the rows, simulated ones among them.
        other: results of another, older run over the same utterances.
        names: of the other run and of this one.
        refused: reasons of simulations that could not be run, by name.
        terms: whose recall is measured.
        tell: told in words what is analysed next.

    Raises:
        ValueError: the other run cannot be compared.
    """
    recordings = select_recordings(results)
    second = None if other is None else select_recordings(other)
    steps: dict[str, tuple[str, Callable[[], Any]]] = {
        "rates": ("error rates", lambda: summarize(recordings)),
        "worst": ("worst utterances", lambda: find_worst(recordings)),
        "failures": ("failures", lambda: {**list_failures(results), **(refused or {})}),
        "search": ("what stands out", lambda: find_slices(recordings)),
        "error_kinds": ("kinds of errors", lambda: find_error_kinds(recordings)),
        "terms": ("terms", lambda: measure_recall(recordings, terms)),
        "suspicious": ("references", lambda: find_suspicious(recordings)),
        "clusters": ("clusters", lambda: find_clusters(recordings)),
        "latent_maps": ("latent maps", lambda: make_latent_maps(recordings)),
        "dashboards": ("dashboards", lambda: make_dashboards(recordings, with_bars=False)),
        "robustness": ("robustness", lambda: measure_robustness(results)),
    }
    if second is not None:
        steps["comparison"] = ("comparison", lambda: compare_runs(second, recordings, names=names))
        steps["other_latent_maps"] = ("the other run's latent maps", lambda: make_latent_maps(second))
    found: dict[str, Any] = {"comparison": None, "other_latent_maps": None}
    for name, (words, step) in steps.items():
        tell(words)
        found[name] = step()
    return Analysis(**found)


def select_recordings(results: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are no simulation."""
    if "simulation" not in results.columns:
        return results
    return results[results["simulation"].isna()].reset_index(drop=True)


def find_worst(recordings: pd.DataFrame) -> tuple[Worst, ...]:
    """Return the utterances with the highest word error rate; of equal ones those with more errors first."""
    scored = find_scored(recordings)
    errors, words = (values.astype(int).tolist() for values in count_errors(scored))
    texts = [scored.get(name, ()) for name in ("utterance_id", "reference", "hypothesis")]
    rows = zip(errors, words, *texts, strict=True)
    worst = [Worst(name, error, word, *pair) for error, word, name, *pair in rows if error]
    worst.sort(key=lambda item: (-item.errors / max(item.words, 1), -item.errors, item.utterance_id))
    return tuple(worst[:WORST])


def list_failures(results: pd.DataFrame) -> dict[str, str]:
    """Return the reason of each failed row by utterance id, with the conditions where they were simulated."""
    failures = {}
    for row in results[results["error"].notna()].itertuples():
        simulated = "" if is_null(row.simulation) else f" ({row.simulation}, {row.severity:g})"
        failures[f"{row.utterance_id}{simulated}"] = row.error
    return failures


def summarise(analysis: Analysis, run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what summary.json holds.

    Args:
        analysis: of the run.
        run: what was evaluated, as name and value.
    """
    return {
        "run": dict(run),
        **analysis.rates,
        "worst": make_plain(analysis.worst),
        "failures": analysis.failures,
        "clusters": make_plain(analysis.clusters),
        "robustness": make_plain(analysis.robustness),
        "comparison": make_plain(analysis.comparison),
    }


def collect_findings(analysis: Analysis, run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what findings.json holds: every figure that a script may want to check.

    Args:
        analysis: of the run.
        run: what was evaluated, as name and value.
    """
    found = {
        "findings": analysis.search.findings,
        "looked_at": analysis.search.looked_at,
        "alpha": analysis.search.alpha,
        "note": analysis.search.note,
        "error_kinds": analysis.error_kinds,
        "terms": analysis.terms,
        "suspicious_references": analysis.suspicious,
        "comparison": analysis.comparison,
    }
    return {"run": dict(run), **analysis.rates, **{name: make_plain(value) for name, value in found.items()}}


def make_plain(value: Any, *, digits: int = SIGNIFICANT_DIGITS) -> Any:
    """Convert records, arrays and tables to what JSON knows.

    Args:
        value: what to convert.
        digits: significant ones that floats keep; those that are not finite become None.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") if math.isfinite(value) else None
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    elif hasattr(value, "to_dict") and hasattr(value, "columns"):
        value = value.to_dict("records")
    elif hasattr(value, "tolist"):
        return make_plain(value.tolist(), digits=digits)
    if isinstance(value, Mapping):
        return {str(key): make_plain(item, digits=digits) for key, item in value.items()}
    return [make_plain(item, digits=digits) for item in value]


def render_json(summary: Mapping[str, Any]) -> str:
    """Write a summary with sorted keys."""
    text = json.dumps(summary, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return escape_json(text) + "\n"
