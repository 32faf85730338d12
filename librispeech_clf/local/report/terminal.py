"""Show an analysis on the terminal: tables of error rates, the worst utterances, weak clusters.

In: an `Analysis`. Out: objects that rich can print.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Group
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from librispeech_clf.local.analysis.record import UNITS
from librispeech_clf.local.analysis.summary import group_failures
from librispeech_clf.local.report.expectations import list_tables
from librispeech_clf.local.report.payload import name_severity
from librispeech_clf.text.plain_text import escape_unprintable, needs_visual_order, to_visual_order

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

    from librispeech_clf.local.analysis.calibration import Reliability
    from librispeech_clf.local.analysis.error_kinds import ErrorKind, TermRecall
    from librispeech_clf.local.analysis.robustness import Curve
    from librispeech_clf.local.analysis.slices import Finding, Search
    from librispeech_clf.local.analysis.summary import Analysis, Worst
    from librispeech_clf.local.analysis.suspect_references import Suspicion
    from librispeech_clf.local.analysis.systems import Systems
    from librispeech_clf.local.analysis.thresholds import Crossing

SHOWN_LETTERS = 120
SHORTEST_LINE = 16
WIDEST_NAME = 40
SHORTEST_NAME = 8
SHOWN_FAILURES = 20
SHOWN_TERMS = 10
SHOWN_SUSPECTS = 5
GROUPS = ("split", "subset", "length")
MOST_LINES = 100
"""Number of lines after which no more columns' groups are shown."""


def show_analysis(analysis: Analysis) -> Iterator[RenderableType]:
    """Yield what the terminal shows about a run, in order."""
    if analysis.is_measured or not analysis.rates["utterances"]:
        yield show_rates(analysis.rates)
        yield from [show_worst(analysis.worst)] if analysis.worst else []
        yield from show_findings(analysis.search)
        yield from show_error_kinds(analysis.error_kinds)
        yield from show_terms(analysis.terms)
        yield from show_suspect_references(analysis.suspect_references)
        yield from show_clusters(analysis)
        yield from show_reliability(analysis.reliability)
    yield from [show_systems(analysis.systems)] if analysis.systems else []
    yield from map(show_curve, analysis.robustness)
    for told in list_tables(analysis):
        table = make_table(told.title, told.head, without_markup(told.note))
        for row in told.rows:
            table.add_row(*map(without_markup, row))
        yield table
    yield from show_failures(analysis.failures)


def show_rates(rates: Mapping[str, Any]) -> Table:
    """Tabulate corpus word and character error rates of all utterances and by group."""
    caption = f"N utterances; summed errors over summed words; {label_unit(rates['word']['all'])}."
    table = make_table("Error rates", ["", "N", "words", "WER % (95 %)", "CER % (95 %)"], caption)
    table.add_row("all", *_rate_cells(rates["word"]["all"], rates["character"]["all"]))
    parts = [(group, *(rates[unit]["groups"][group] for unit in UNITS)) for group in rates["word"]["groups"]]
    own, left = len(parts), []
    for group in GROUPS[: 2 if "signal_duration_s" in [each["column"] for each in rates["groups"]] else 3]:
        title = rates["length"] if group == "length" else group
        parts.append((title, *(rates[unit][group] for unit in UNITS)))
    for number, (title, words, characters) in enumerate(parts):
        if number < own and table.row_count > MOST_LINES:
            left.append(title)
        elif len(words) >= (1 if title == "split" else 2):
            table.add_section()
            for name, rate in words.items():
                table.add_row(without_markup(f"{title}: {name}"), *_rate_cells(rate, characters[name]))
    if left:
        table.caption = f"{caption} {len(left)} more columns in findings.json: {shorten(', '.join(left))}."
    return table


def _rate_cells(word: Mapping[str, Any], character: Mapping[str, Any]) -> list[str]:
    rates = [_bounded(rate["rate"], **rate) for rate in (word, character)]
    return [str(word["utterances"]), str(word["units"]), *rates]


def _bounded(value: float | None, *, low: float | None, high: float | None, **_: Any) -> str:
    return f"{percent(value)} ({interval({'low': low, 'high': high}).replace(' to ', '-')})"


def show_worst(worst: Iterable[Worst]) -> Table:
    """Tabulate the worst utterances, texts cut short."""
    table = make_table("Worst utterances", ["utterance", "errors / words", "reference over hypothesis"])
    for item in worst:
        texts = Group(Line(item.reference), Line(item.hypothesis or "(nothing)", "dim"))
        table.add_row(without_markup(item.utterance_id), f"{item.errors} / {item.words}", texts)
    table.columns[0].max_width = WIDEST_NAME
    table.columns[2].ratio, table.expand = 1, True  # the texts are cut to the width that the names leave
    return table


def show_findings(search: Search) -> Iterator[RenderableType]:
    """List the slices to look at first, or say that nothing stands out."""
    scope = f"{search.candidates_tested} slices" + (f" ({search.note})" if search.note else "")
    if not search.findings:
        yield Text(f"What to look at first: nothing stands out in {scope}.")
        return
    yield Text(f"What to look at first (p < {search.alpha:g} over all {scope}):")
    for number, finding in enumerate(search.findings, 1):
        first, *others = format_finding(finding)
        yield hang(str(number), without_markup(first), *(without_markup(line, "dim") for line in others))
    yield Text("")


def hang(mark: str, *lines: Text) -> Padding:
    """Put lines after a mark, with wrapped text indented past it."""
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column()
    for number, line in enumerate(lines):
        grid.add_row(Text("" if number else mark), line)
    return Padding(grid, (0, 0, 0, 2), expand=False)


class Line:
    """An untrusted text on one line, cut after a whole word with an ellipsis if it is too long."""

    def __init__(self, text: str, style: str = "") -> None:
        """Take a text."""
        self.text, self.style = escape_unprintable(text), style

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Return how wide it may be."""
        return Measurement(min(SHORTEST_LINE, cell_len(self.text)), cell_len(self.text))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield what fits."""
        text, width = self.text, options.max_width
        if cell_len(text) > width:
            cut = set_cell_size(text, width - 1)
            at_word, space, _ = cut.rpartition(" ")
            text = f"{(at_word if space and at_word.strip() else cut).rstrip()}…"
        yield Text(order(text), self.style, no_wrap=True)


def format_finding(finding: Finding) -> list[str]:
    """Write a finding in up to four lines: what and how much, where exactly, what else differs, examples."""
    speakers = f"{finding.speakers} speaker{'s' * (finding.speakers != 1)}"
    ends = "" if finding.low is None else f" ({finding.low:+.1f} to {finding.high:+.1f})"
    rates = f"WER {percent(finding.error_rate)} against {percent(finding.rest_error_rate)} %"
    lines = [
        f"{finding.name}: {finding.utterances} utterances of {speakers}, {rates}, "
        f"{finding.effect_points:+.1f} points{ends}, p {'<= ' * finding.p_is_bound}{probability(finding.p)}",
        finding.where if finding.where != finding.name else "",
        f"also: {', '.join(finding.also_differs)}" if finding.also_differs else "",
        f"for example {', '.join(finding.examples)}",
    ]
    return [line for line in lines if line]


def show_error_kinds(kinds: Sequence[ErrorKind]) -> Iterator[RenderableType]:
    """Tabulate the kinds of word errors with their most frequent examples."""
    if not any(kind.errors for kind in kinds):
        return
    table = make_table("Kinds of word errors", ["", "errors", "share % (95 %)", "reference over hypothesis"])
    for kind in kinds:
        if kind.errors:
            pairs = [f"{expected or '-'} / {received or '-'}" for expected, received, _ in kind.examples[:3]]
            share = _bounded(kind.share, low=kind.low, high=kind.high)
            table.add_row(kind.name, str(kind.errors), share, Line(", ".join(pairs)))
    table.columns[3].ratio, table.expand = 1, True
    yield table


def show_terms(terms: Sequence[TermRecall]) -> Iterator[RenderableType]:
    """Tabulate the recall of all terms and of those recognized least."""
    if not terms:
        return
    table = make_table("Recall of terms", ["term", "N", "recognized", "added", "recall % (95 %)"])
    for item in terms[: SHOWN_TERMS + 1]:
        counts = [str(count) for count in (item.occurrences, item.recognized, item.added)]
        name = without_markup("all terms" if item.term is None else item.term)
        table.add_row(name, *counts, _bounded(item.recall, low=item.low, high=item.high))
    yield table


def show_suspect_references(suspects: Sequence[Suspicion]) -> Iterator[RenderableType]:
    """List references that may be wrong."""
    if not suspects:
        return
    yield Text(f"References that may be wrong; listen to them first ({len(suspects)}, see findings.json):")
    for item in suspects[:SHOWN_SUSPECTS]:
        yield hang("-", without_markup(f"{item.utterance_id}: {', '.join(item.reasons)}"))
    yield Text("")


def show_reliability(reliability: Reliability | None) -> Iterator[RenderableType]:
    """Say how far confidences are from the share of right words."""
    if reliability is None:
        return
    found = f"expected calibration error {percent(reliability.error)} % over {reliability.words} words"
    how = "uncalibrated"
    if reliability.calibrated is not None:
        how = f"calibrated on {reliability.calibrated}"
        found += f", {percent(reliability.uncalibrated_error)} before"
    yield without_markup(f"Word confidence: {how}, {found}.")
    yield Text("")


def format_crossing(crossing: Crossing) -> str:
    """Say whether a threshold was crossed, and by what."""
    verdict = "crossed" if crossing.violated else "not crossed"
    return f"Threshold {crossing.condition}: {verdict}, it is {crossing.value:.4g}."


def show_clusters(analysis: Analysis) -> Iterator[RenderableType]:
    """Describe the weak clusters in words, or say that there are none."""
    clustering = analysis.clusters
    flagged = [cluster for cluster in clustering.clusters if cluster.is_weak]
    among = f"of {len(clustering.clusters)} clusters of the hidden states"
    if not flagged:
        reason = f" ({clustering.note})" if clustering.note else ""
        yield Text(f"Weak clusters: none {among} is worse than the rest{reason}.\n")
        return
    yield Text(f"Weak clusters ({len(flagged)} {among}, p < {clustering.alpha:g}):")
    for cluster in flagged:
        yield hang(str(cluster.number), without_markup(cluster.sentence))
    yield Text("")


def show_systems(systems: Systems) -> Table:
    """Tabulate the systems, each with its difference from the main one."""
    main = systems.rates[0]
    pairs = {pair.second: pair for pair in systems.pairs if pair.first == main.name}
    caption = (
        f"Change from {shorten(main.name)} in points. Best system per utterance: WER {percent(systems.oracle)} %; "
        f"utterances that all get wrong: {percent(systems.all_wrong)} %. p by Holm over all pairs."
    )
    if len(pairs) == 1:
        caption += f" {systems.pairs[0].better} utterances better, {systems.pairs[0].worse} worse."
    columns: list[str | Text] = ["", "WER % (95 %)", "CER %", "change (95 %)", "p"]
    table = make_table("Systems", columns, without_markup(caption, "italic dim"))
    table.columns[0].no_wrap, table.columns[0].overflow = False, "fold"  # names often differ at their end
    for system in systems.rates:
        change = ["", ""]
        if pair := pairs.get(system.name):
            low, high = (percent(end, sign=True) for end in (pair.low, pair.high))
            change = [f"{percent(pair.difference, sign=True)} ({low} to {high})", probability(pair.corrected)]
        rate = _bounded(system.word.rate, low=system.word.low, high=system.word.high)
        table.add_row(without_markup(shorten(system.name)), rate, percent(system.character.rate), *change)
    return table


def show_curve(curve: Curve) -> Table:
    """Tabulate the word error rate by severity."""
    severity = name_severity(curve.simulation)
    table = make_table(
        without_markup(f"Simulation {curve.simulation}", "italic"),
        [severity, "utterances", "WER %", "95 %", "change"],
    )
    clean = next((point.clean for point in curve.points if point.clean is not None), None)
    rows = [] if clean is None else [("unchanged recordings", clean, "")]
    for point in curve.points:
        change = "" if point.change is None else percent(point.change.difference, sign=True)
        rows.append((f"{point.severity:g}", point.word, change))
    for name, rate, change in rows:
        table.add_row(name, str(rate.utterances), percent(rate.rate), interval(vars(rate)), change)
    return table


def show_failures(failures: Mapping[str, str]) -> Iterator[RenderableType]:
    """List the reasons why utterances failed, one per line."""
    if not failures:
        return
    yield Text(f"{len(failures)} failed:", style="bold red")
    groups = group_failures(failures)
    for reason, names in groups[:SHOWN_FAILURES]:
        among = f"{len(names)} utterances, such as " if len(names) > 1 else ""
        yield hang("-", without_markup(f"{among}{names[0]}: {reason}"))
    if left := groups[SHOWN_FAILURES:]:
        count = sum(len(names) for _, names in left)
        yield Text(f"  and {count} for {len(left)} other reasons, see summary.json")


class _Table(Table):
    """A table that cuts names, never figures, if the terminal is narrow."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[Any]:
        """Give names, or a last column of texts, the width that figures leave; if that is almost none, wrap cells."""
        whole = options.update_width(10_000)
        widths = [self._measure_column(console, whole, column).maximum for column in self.columns]
        giving = len(widths) - 1 if self.expand else 0
        left = options.max_width - sum(widths) + widths[giving] - self._extra_width
        is_narrow = left < min(SHORTEST_NAME, widths[giving])
        for number, column in enumerate(self.columns):
            width = left if number == giving else widths[number]
            if not is_narrow:
                column.max_width = column.max_width or width - self._get_padding_width(number)
            elif number == giving and self.expand:
                column.min_width = SHORTEST_NAME
            else:
                column.no_wrap, column.overflow = False, "fold"
                # Intervals wrap between their bounds.
                column._cells = [
                    re.sub(r"(?<=\d)-", "- ", x) if isinstance(x, str) else x for x in column.cells
                ]
        return super().__rich_console__(console, options)


def make_table(title: str | Text, columns: Sequence[str | Text], caption: str | Text | None = None) -> Table:
    """Make an empty table: the first column and texts to the left, numbers to the right, all on one line."""
    layout: dict[str, Any] = {"box": box.SIMPLE_HEAD, "pad_edge": False, "collapse_padding": True}
    table = _Table(title=title, title_justify="left", caption=caption, caption_justify="left", **layout)
    for number, name in enumerate(columns):
        is_text = number == 0 or "hypothesis" in str(name)
        table.add_column(name, justify="left" if is_text else "right", no_wrap=True)
    return table


def name_units(part: Any, units: str | None) -> Any:
    """Replace "word" in a part of the terminal's report with the unit that a run counts, characters or tokens."""
    if units is None:
        return part
    unit = units.removesuffix("s")

    def name(text: str) -> str:
        renamed = re.sub(r"\bwords\b", units, re.sub(r"\bWER\b", f"{unit[0].upper()}ER", text))
        return re.sub(r"\bword\b", unit, renamed)

    if isinstance(part, Table):
        part.title = name(str(part.title)) if part.title else part.title
        for column in part.columns:
            column.header = name(str(column.header))
    return name(part) if isinstance(part, str) else part


def percent(value: float | None, *, sign: bool = False) -> str:
    """Format a rate in percent with two decimals."""
    return "-" if value is None else f"{100 * value:{'+' if sign else ''}.2f}"


def interval(rate: Mapping[str, Any]) -> str:
    """Format an interval in percent."""
    if rate["low"] is None:
        return "-"
    ends = (100 * rate["low"], 100 * rate["high"])
    return " to ".join(
        f"{end:.1f}" if end < 99.95 else f"{end:.0f}" if end < 999.5 else ">999" for end in ends
    )


def label_unit(rate: Mapping[str, Any]) -> str:
    """Say what the unit of the intervals is, and what they lack."""
    unit = {"speakers": "intervals by speaker", "utterances": "intervals by utterance"}
    return ", ".join(part for part in (unit.get(rate["resampled"]), rate["note"]) if part)


def probability(value: float | None) -> str:
    """Format a p-value."""
    if value is None:
        return "-"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def shorten(text: str) -> str:
    """Cut a text to what fits on a line."""
    return text if len(text) <= SHOWN_LETTERS else f"{text[: SHOWN_LETTERS - 1]}…"


def without_markup(text: str, style: str = "") -> Text:
    """Pass an untrusted text to rich unchanged: no markup, no emoji codes, escape sequences made visible."""
    return Text(order(escape_unprintable(text)), style)


def order(text: str) -> str:
    """Put a line of Arabic or Hebrew in visual order if the terminal does not do so."""
    return to_visual_order(text) if needs_visual_order(sys.stdout) else text
