"""What a run tells of recordings without transcripts, as plain tables that terminal and page show alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from librispeech_clf.local.analysis.calibration import Calibration
    from librispeech_clf.local.analysis.lacks import Coverage
    from librispeech_clf.local.analysis.prediction import PredictedRate
    from librispeech_clf.local.analysis.summary import Analysis

SHOWN_DRIFTS = 8


@dataclass(frozen=True)
class PlainTable:
    """A table of texts.

    Attributes:
        title: its heading.
        note: what its figures are.
        head: of the columns.
        rows: their cells; the first says what the row is.
    """

    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def list_tables(analysis: Analysis) -> tuple[PlainTable, ...]:
    """List what is told: predicted rates where a rate is not measured, what labeled recordings lack, what drifts."""
    tables = []
    if (
        analysis.predicted
        and analysis.calibration
        and (analysis.coverage or analysis.robustness or not analysis.is_measured)
    ):
        tables.append(_tabulate_predicted(analysis.predicted, analysis.calibration))
    if analysis.coverage is not None:
        tables += _tabulate_coverage(analysis.coverage)
    return tuple(tables)


def _tabulate_predicted(predicted: Sequence[PredictedRate], calibration: Calibration) -> PlainTable:
    where = f"{calibration.split} of {calibration.corpus}"
    notes = [f"Expected of word confidences calibrated on {where}, not measured; intervals by speaker."]
    if warned := [each for each in predicted if each.note]:
        notes.append(f"(!) {warned[0].note}.")
    measured = any(each.measured is not None for each in predicted)
    rows = []
    for each in predicted:
        bounds = f"{_percent(each.rate)} ({_percent(each.low)} to {_percent(each.high)})"
        known = "-" if each.measured is None else _percent(each.measured)
        rows.append(
            (
                f"{each.name}{' (!)' if each.note else ''}",
                str(each.utterances),
                bounds,
                *([known] if measured else []),
            )
        )
    head = ("recordings", "N", "predicted WER % (95 %)", *(["measured WER %"] if measured else []))
    return PlainTable("Predicted error rates", " ".join(notes), head, tuple(rows))


def _tabulate_coverage(coverage: Coverage) -> Iterator[PlainTable]:
    note = f"{coverage.tested} regions were looked at; chance of any false one 5 %."
    if coverage.neighbors is not None:
        note += (
            f" Of the 15 nearest to an unlabeled recording in the hidden states, {_percent(coverage.neighbors)} % are "
            f"labeled, as are {_percent(coverage.expected)} % of all."
        )
    if coverage.note or not coverage.lacks:
        note = f"Nothing is named: {coverage.note or 'no region differs'}. {note}"
    lacks = [
        (
            lack.name, str(lack.unlabeled), str(lack.labeled), str(lack.speakers),
            "-" if lack.neighbors is None else _percent(lack.neighbors), f"{lack.p:.3f}",
        )
        for lack in coverage.lacks
    ]  # fmt: skip
    head = ("region", "unlabeled", "labeled", "speakers", "labeled neighbors %", "p")
    yield PlainTable("What the labeled recordings lack", note, head, tuple(lacks))
    sure = [drift for drift in coverage.drifts if drift.low > 0 or drift.high < 0][:SHOWN_DRIFTS]
    rows = tuple(
        (
            f"{drift.label}{f', {drift.unit}' if drift.unit else ''}", f"{drift.labeled:.3g}", f"{drift.unlabeled:.3g}",
            f"{drift.difference:+.2f} ({drift.low:+.2f} to {drift.high:+.2f})",
        )
        for drift in sure
    )  # fmt: skip
    note = f"In standard deviations, 95 % intervals by speaker; {len(coverage.drifts)} columns, all in findings.json."
    if rows:
        yield PlainTable("Drift", note, ("column", "labeled", "unlabeled", "difference"), rows)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
