"""What a run says about recordings without transcripts, as plain tables that terminal and page both show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from librispeech_clf.local.analysis.record import label_column, physical_unit

if TYPE_CHECKING:
    from librispeech_clf.local.analysis.calibration import Calibration
    from librispeech_clf.local.analysis.lacks import Coverage
    from librispeech_clf.local.analysis.prediction import PredictedRate
    from librispeech_clf.local.analysis.summary import Analysis

SHOWN_DRIFTS = 8


@dataclass(frozen=True)
class PlainTable:
    """A table of texts; a row's first cell names it, and the note says what the figures are."""

    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def list_tables(analysis: Analysis) -> tuple[PlainTable, ...]:
    """List the tables: predicted rates where none is measured, what labeled recordings lack, and drifts."""
    tables, wanted = [], analysis.coverage or analysis.robustness or not analysis.is_measured
    if analysis.predicted and analysis.calibration and wanted:
        tables.append(_tabulate_predicted(analysis.predicted, analysis.calibration))
    if analysis.coverage is not None:
        tables += [_tabulate_lacks(analysis.coverage), _tabulate_drifts(analysis.coverage)]
    return tuple(tables)


def _tabulate_predicted(predicted: Sequence[PredictedRate], calibration: Calibration) -> PlainTable:
    note = f"Expected from word confidences calibrated on {calibration}, not measured; intervals by speaker."
    if any(each.is_beyond for each in predicted):
        note += (
            f" (!) the model may be less sure than with nine in ten speakers of {calibration.split} "
            f"({_percent(calibration.highest)} %): the true rate may be far higher."
        )
    rows = (
        (
            f"{each.name}{' (!)' * each.is_beyond}", str(each.utterances),
            f"{_percent(each.rate)} ({_percent(each.low)} to {_percent(each.high)})", _percent(each.measured),
        )
        for each in predicted
    )  # fmt: skip
    head = ("recordings", "N", "predicted WER % (95 %)", "measured WER %")
    return PlainTable("Predicted error rates", note, head, tuple(rows))


def _tabulate_lacks(coverage: Coverage) -> PlainTable:
    note = (
        f"{'' if coverage.lacks else 'Nothing stands out. '}{coverage.tested} regions were tested; chance of any "
        f"false finding 5 %. Of the 15 nearest to an unlabeled recording in the hidden states, "
        f"{_percent(coverage.neighbors)} % are labeled, as are {_percent(coverage.expected)} % of all."
    )
    rows = (
        (
            lack.name, str(lack.unlabeled), str(lack.labeled), str(lack.speakers), _percent(lack.neighbors),
            f"{lack.p:.3f}",
        )
        for lack in coverage.lacks
    )  # fmt: skip
    head = ("region", "unlabeled", "labeled", "speakers", "labeled neighbors %", "p")
    return PlainTable("What the labeled recordings lack", note, head, tuple(rows))


def _tabulate_drifts(coverage: Coverage) -> PlainTable:
    note = f"In standard deviations, 95 % intervals by speaker; {len(coverage.drifts)} columns, all in findings.json."
    sure = [drift for drift in coverage.drifts if drift.low > 0 or drift.high < 0]
    rows = (
        (
            ", ".join(filter(None, (label_column(drift.column), physical_unit(drift.column)))),
            _number(drift.labeled), _number(drift.unlabeled),
            f"{drift.difference:+.2f} ({drift.low:+.2f} to {drift.high:+.2f})",
        )
        for drift in sure[:SHOWN_DRIFTS]
    )  # fmt: skip
    return PlainTable("Drift", note, ("column", "labeled", "unlabeled", "difference"), tuple(rows))


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _percent(share: float | None) -> str:
    return "-" if share is None or share != share else f"{100 * share:.1f}"
