"""Analyze a run: error rates, findings, weak clusters, maps, associations, robustness, systems.

In: the record of results. Out: `Analysis` for terminal and page, and a dictionary for summary.json, which holds
no time stamps, so that the same rows give the same bytes.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from librispeech_clf.local.analysis.associations import AGAINST, find_associations
from librispeech_clf.local.analysis.calibration import measure_reliability
from librispeech_clf.local.analysis.error_kinds import (
    Confusions,
    count_letters,
    find_error_kinds,
    measure_recall,
)
from librispeech_clf.local.analysis.groups import summarize_rates
from librispeech_clf.local.analysis.latent_space import describe_clusters, group_states, make_latent_maps
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.robustness import measure_robustness
from librispeech_clf.local.analysis.slices import find_slices
from librispeech_clf.local.analysis.suspect_references import find_suspect_references
from librispeech_clf.local.analysis.systems import Systems, compare_systems
from librispeech_clf.text.plain_text import escape_json

if TYPE_CHECKING:
    from librispeech_clf.local.analysis.associations import Association
    from librispeech_clf.local.analysis.calibration import Calibration, Reliability
    from librispeech_clf.local.analysis.error_kinds import ErrorKind, TermRecall
    from librispeech_clf.local.analysis.lacks import Coverage
    from librispeech_clf.local.analysis.latent_space import Clustering
    from librispeech_clf.local.analysis.prediction import PredictedRate
    from librispeech_clf.local.analysis.robustness import Curve
    from librispeech_clf.local.analysis.slices import Search
    from librispeech_clf.local.analysis.suspect_references import Suspicion

WORST = 10
MOST_ASSOCIATED = 12
"""Most custom columns that are tested; on the page, any can be chosen."""
_PARTICULAR = re.compile(r"""\[[^\]]*\]|'[^'\s][^']*'|"[^"]*"|\S*[/\d]\S*""")
SIGNIFICANT_DIGITS = 10
"""Digits of floats that statistics libraries computed; error rates are written exactly."""


@dataclass(frozen=True)
class Worst:
    """An utterance with many word errors."""

    utterance_id: str
    errors: int
    words: int
    reference: str
    hypothesis: str


@dataclass(frozen=True)
class Analysis:
    """Everything that terminal, summary and page show of a run.

    Attributes:
        rates: error rates, see `groups.summarize_rates`.
        worst: the worst utterances, highest word error rate first.
        failures: utterance id -> reason; simulated ones with their conditions.
        search: the slices to look at first.
        terms: recall of the user's terms, all together first; none without terms.
        suspect_references: references that may be wrong, the most suspicious first.
        latent_maps: space -> map.
        systems: the comparison of systems, if there are several.
        calibration: calibration of the model's confidences; None if it has none.
        reliability: reliability of the confidences; None without any.
        confusions: confusions of "words" and "letters".
        predicted: rates predicted from the confidences; none without a calibration.
        coverage: what the labeled recordings lack; None unless some are labeled and some are not.
    """

    rates: dict[str, Any]
    worst: tuple[Worst, ...]
    failures: dict[str, str]
    search: Search
    error_kinds: tuple[ErrorKind, ...]
    terms: tuple[TermRecall, ...]
    suspect_references: tuple[Suspicion, ...]
    clusters: Clustering
    latent_maps: dict[str, Any]
    associations: tuple[Association, ...]
    robustness: tuple[Curve, ...]
    systems: Systems | None
    calibration: Calibration | None = None
    reliability: Reliability | None = None
    confusions: Mapping[str, Confusions] = dataclasses.field(default_factory=dict)
    predicted: tuple[PredictedRate, ...] = ()
    coverage: Coverage | None = None

    @property
    def is_measured(self) -> bool:
        """Return whether there was a transcript to measure against."""
        return bool(self.rates["word"]["all"]["utterances"])

    @property
    def measured(self) -> dict[str, Any]:
        """Return the rates, or only the counts of utterances if there was no transcript to measure against."""
        counts = {name: self.rates[name] for name in ("utterances", "failed")}
        return self.rates if self.is_measured else counts


def analyze(
    records: Mapping[str, Record],
    *,
    refused: Mapping[str, str] | None = None,
    terms: Sequence[str] = (),
    calibration: Calibration | None = None,
    predicted: tuple[PredictedRate, ...] = (),
    coverage: Coverage | None = None,
    bounds: Mapping[str, Sequence[float]] | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
) -> Analysis:
    """Analyze a run.

    Args:
        records: results of every system by name; those of the first, including simulated rows, are analyzed.
        refused: why simulations could not be run, by name.
        terms: terms whose recall is measured.
        calibration: calibration of the first system's confidences.
        predicted: predicted rates of the first system, see `prediction.predict_rates`.
        coverage: likewise, see `lacks.find_lacks`.
        bounds: bounds of numeric columns, see `groups.list_groupings`.
        on_progress: called with what is analyzed next, in words.
    """
    record = next(iter(records.values()))
    recordings = record.select_recordings()
    scored = recordings.select_scored()
    on_progress("error rates")
    rates, worst = summarize_rates(recordings, bounds), find_worst(scored)
    failures = {**list_failures(record), **(refused or {})}
    on_progress("latent maps")
    maps = make_latent_maps(recordings)
    on_progress("clusters")
    grouping = group_states(scored)
    on_progress("what stands out")
    search = find_slices(scored, grouping.list_clusters())
    clusters = describe_clusters(scored, grouping, search)
    on_progress("kinds of errors")
    words: Confusions = Counter()
    recall, kinds = measure_recall(recordings, terms), find_error_kinds(recordings, words)
    confusions = {"words": words, "letters": count_letters(recordings.aligned.texts)}
    suspect_references = find_suspect_references(recordings)
    reliability = measure_reliability(recordings, calibration)
    on_progress("associations")
    own = [each["column"] for each in rates["groups"]][:MOST_ASSOCIATED]
    associations = find_associations(scored, against=[*dict.fromkeys([*own, *AGAINST])])
    robustness = measure_robustness(record)
    on_progress("systems")
    systems = compare_systems(records, bounds) if len(records) > 1 else None
    return Analysis(
        rates, worst, failures, search, kinds, recall, suspect_references, clusters, maps, associations, robustness,
        systems, calibration, reliability, confusions, predicted, coverage,
    )  # fmt: skip


def find_worst(scored: Record) -> tuple[Worst, ...]:
    """Return the utterances with the highest word error rate; among equals, those with more errors first."""
    errors, words = scored.errors(), scored.units()
    order = np.lexsort([scored.ids.astype(str), -errors, -errors / np.maximum(words, 1)])[:WORST]
    chosen = scored.select(order[errors[order] > 0])
    texts = (chosen.texts(name) for name in ("utterance_id", "reference", "hypothesis"))
    rows = zip(chosen.errors(), chosen.units(), *texts, strict=True)
    return tuple(Worst(name, int(error), int(word), *pair) for error, word, name, *pair in rows)


def list_failures(record: Record) -> dict[str, str]:
    """Return the reason for each failed row by utterance id, with the conditions if it was simulated."""
    columns = (record.texts(name) for name in ("error", "simulation"))
    rows = zip(record.ids, *columns, record.numbers("severity"), strict=True)
    return {
        name if simulation is None else f"{name} ({simulation}, {severity:g})": error
        for name, error, simulation, severity in rows
        if error is not None
    }


def group_failures(failures: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Group failed utterances by reason, in the words of the first one, the most frequent first.

    Reasons are the same if they differ only in names, numbers, paths and what is quoted.
    """
    groups: dict[str, tuple[str, list[str]]] = {}
    for name, reason in failures.items():
        kind = _PARTICULAR.sub("…", reason.replace(name, "…"))
        groups.setdefault(kind, (reason.removeprefix(f"{name}: "), []))[1].append(name)
    return sorted(groups.values(), key=lambda group: -len(group[1]))


def summarize(analysis: Analysis, run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what summary.json holds about a run, which is described by names and values."""
    names = ("worst", "failures", "clusters", "robustness", "systems", "reliability", "predicted")
    shown = {name: make_plain(getattr(analysis, name)) for name in names}
    return {"run": dict(run), **analysis.measured, **shown}


def collect_findings(analysis: Analysis, run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what findings.json holds about a run: every figure that a script may want to check."""
    search = vars(analysis.search)
    found = {name: search[name] for name in ("findings", "candidates_tested", "alpha", "note")}
    for name in ("error_kinds", "terms", "suspect_references", "systems", "predicted", "coverage"):
        found[name] = getattr(analysis, name)
    return {"run": dict(run), **analysis.measured, **make_plain(found)}


def make_plain(value: Any, *, digits: int = SIGNIFICANT_DIGITS) -> Any:
    """Convert records, arrays and tables to JSON types.

    Floats keep the given number of significant digits; those that are not finite become None.
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
    """Return a summary as JSON with sorted keys."""
    text = json.dumps(summary, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return escape_json(text) + "\n"
