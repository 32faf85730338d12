"""The README's figures: Markdown written from a finished evaluation, put between marks.

In: the results table of `poetry run evaluate`, its summary and what the pictures show. Out: texts by name, each
of which replaces what stands between its two marks in README.md. Sentences that tell a finding are chosen by its
test.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from librispeech_clf.local.analysis.associations import make_dashboards
from librispeech_clf.local.analysis.intervals import summarize
from librispeech_clf.local.report.terminal import format_finding, interval, percent, probability, show_rates

if TYPE_CHECKING:
    import pandas as pd

    from librispeech_clf.local.analysis.associations import Association, Dashboard

BUNDLED, TEST_CLEAN = "bundled", "test-clean"
MARKED = re.compile(r"(<!-- figures: (?P<name>[\w -]+) -->\n).*?(?=<!-- end of figures -->)", re.DOTALL)
ALPHA = 0.05
RISES, FALLS, NOT_SIGNIFICANT = "rises", "falls", "not significant"
WIDTH = 80
GROUPS = ("gender", "length")
LATENT_PICTURES = (
    "latent_by_word_count",
    "latent_by_duration",
    "latent_by_spectral_flatness",
    "latent_by_gender",
)


def replace_figures(readme: str, figures: Mapping[str, str]) -> str:
    """Put texts between their marks.

    Args:
        readme: Markdown with a line `<!-- figures: NAME -->` and a line `<!-- end of figures -->` for each.
        figures: texts by name.

    Raises:
        ValueError: a name has no mark, or more than one.
    """
    for name in figures:
        count = readme.count(f"<!-- figures: {name} -->\n")
        if count != 1:
            raise ValueError(
                f"README: {count} lines <!-- figures: {name} -->; exactly one must stand before the figures and "
                "<!-- end of figures --> behind them."
            )

    def put(found: re.Match[str]) -> str:
        name = found["name"]
        return f"{found[1]}{figures[name]}\n" if name in figures else found[0]

    return MARKED.sub(put, readme)


def require_whole(run: Mapping[str, Any], section: str) -> None:
    """Refuse a run that is not the one a section tells of.

    Args:
        run: what summary.json says was evaluated.
        section: "bundled" or "test-clean".

    Raises:
        ValueError: another corpus or split was evaluated, or a part of it.
    """
    wanted = {BUNDLED: {"source": "sample", "subsets": "test"}, TEST_CLEAN: {"subsets": "test-clean"}}[
        section
    ]
    given = {key: run.get(key) for key in wanted}
    if given != wanted or "limit" in run:
        limit = f", limit {run['limit']}" if "limit" in run else ""
        raise ValueError(
            f"section {section}: needs a whole evaluation of {_name_run(wanted)}; received {_name_run(given)}{limit}."
        )


def _name_run(run: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in run.items())


def write_bundled(results: pd.DataFrame) -> dict[str, str]:
    """Write the figures of the bundled corpus: the terminal's table of error rates."""
    console = Console(width=WIDTH, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(show_rates(summarize(results)))
    lines = [line.rstrip() for line in captured.get().rstrip().splitlines()]
    return {"bundled table": "\n".join(["```", *lines, "```"])}


def write_test_clean(
    results: pd.DataFrame, *, run: Mapping[str, Any], shown: Mapping[str, str]
) -> dict[str, str]:
    """Write the figures of a corpus with its pictures.

    Args:
        results: the results table.
        run: what summary.json says was evaluated.
        shown: what each picture shows, by its name without ending, see `figures.draw_all`.
    """
    boards = make_dashboards(results)
    latent = [f"- {shown[name]}" for name in LATENT_PICTURES if name in shown]
    return {
        "test-clean table": f"{write_rates(results)}\n\n{describe_run(results, run)} {describe_genders(boards)}",
        "test-clean latent space": "\n".join(latent),
        "test-clean utterances": f"Long: {shown['long_utterance']}. Short: {shown['short_utterance']}.",
        "test-clean weak cluster": f"{shown['weak_cluster'][:1].upper()}{shown['weak_cluster'][1:]}.",
        "test-clean first": write_first(results),
        "test-clean dashboard": f"{write_traits(boards)} {describe_loss(results)}".rstrip(),
    }


def write_rates(results: pd.DataFrame) -> str:
    """Write word and character error rates of all utterances, by gender and by length, as a Markdown table."""
    rates = summarize(results)
    rows = [["", "utterances", "words", "WER % (95 %)", "CER % (95 %)"], ["---"] * 5]
    rows.append(["all", *_rate_cells(rates["word"]["all"], rates["character"]["all"])])
    for group in GROUPS:
        title = rates["length"] if group == "length" else group
        for name, word in rates["word"][group].items():
            rows.append([f"{title}: {name}", *_rate_cells(word, rates["character"][group][name])])
    return write_table(rows)


def _rate_cells(word: Mapping[str, Any], character: Mapping[str, Any]) -> list[str]:
    rates = [f"{percent(rate['rate'])} ({interval(rate)})" for rate in (word, character)]
    return [f"{word['utterances']:,}", f"{word['units']:,}", *rates]


def write_table(rows: Sequence[Sequence[str]]) -> str:
    """Write rows as a Markdown table; the second row holds its dashes."""
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def describe_run(results: pd.DataFrame, run: Mapping[str, Any]) -> str:
    """Say what was evaluated with which model."""
    speakers = results["record_speaker_id"].nunique()
    hours = results["signal_duration_s"].sum() / 3600
    failed = int(results["error"].notna().sum())
    return (
        f"{len(results):,} utterances of {speakers} speakers, {hours:.2f} hours, {failed} failed; "
        f"{run['model']}, SHA-256 {run['model SHA-256']}."
    )


def describe_genders(boards: Sequence[Dashboard]) -> str:
    """Say whether the word error rates of two genders differ, as the report's test has it; else nothing."""
    association = find_board(boards, "word_error_rate", "record_gender")
    if association is None or association.kind != "difference":
        return ""
    first, second = association.groups
    ends = interval({"low": association.low, "high": association.high})
    verdict = "significant" if is_significant(association) else NOT_SIGNIFICANT
    return (
        f"Word error rate of gender {first} minus that of gender {second}: "
        f"{percent(association.value, sign=True)} points ({ends}), {verdict} ({_name_p(association)})."
    )


def write_first(results: pd.DataFrame) -> str:
    """Write what to look at first as a numbered list, or that nothing stands out."""
    from librispeech_clf.local.analysis.slices import find_slices

    search = find_slices(results)
    looked_at = f"{search.looked_at:,} slices, chance of any false finding {100 * search.alpha:g} %"
    if not search.findings:
        return f"Nothing stands out ({looked_at})."
    lines = [f"{number}. {format_finding(finding)[0]}" for number, finding in enumerate(search.findings, 1)]
    return "\n".join([f"Worse than the rest ({looked_at}):", "", *lines])


def write_traits(boards: Sequence[Dashboard]) -> str:
    """Write the word error rate against each numeric trait, and which correlations are significant."""
    header = [
        "word error rate by",
        "lowest fifth",
        "",
        "highest fifth",
        "",
        "rank correlation (95 %)",
        "corrected p",
    ]
    rows, verdicts = [header, ["---"] * len(header)], []
    for board in boards:
        found = board.association
        if board.metric == "word_error_rate" and board.kind == "numeric" and found is not None:
            name = board.name.replace("dale chall", "Dale-Chall")
            rows.append([name + (f" in {board.unit}" if board.unit else ""), *_trait_cells(board, found)])
            verdicts.append((_judge(found), name))
    tests = sum(board.association is not None for board in boards)
    return f"{write_table(rows)}\n\n{_name_verdicts(verdicts, tests)}"


def _judge(found: Association) -> str:
    if not is_significant(found):
        return NOT_SIGNIFICANT
    return RISES if found.value > 0 else FALLS


def _trait_cells(board: Dashboard, found: Association) -> list[str]:
    ends = [
        cell for bar in (board.bars[0], board.bars[-1]) for cell in (bar.label, f"{percent(bar.value)} %")
    ]
    bounds = "-" if found.low is None or found.high is None else f"{found.low:.2f} to {found.high:.2f}"
    return [*ends, f"{found.value:.2f} ({bounds})", probability(found.p_corrected)]


def _name_verdicts(verdicts: Sequence[tuple[str, str]], tests: int) -> str:
    names: dict[str, list[str]] = {}
    for verdict, name in verdicts:
        names.setdefault(verdict, []).append(name)
    rest = names.pop(NOT_SIGNIFICANT, [])
    found = " and ".join(
        f"{verdict} with {', '.join(names[verdict])}" for verdict in (RISES, FALLS) if verdict in names
    )
    heading = f"Significant at {100 * ALPHA:.0f} %, corrected for the report's {tests} tests: "
    heading += f"the word error rate {found}." if found else "nothing."
    return f"{heading} Not significant: {', '.join(rest)}." if rest else heading


def describe_loss(results: pd.DataFrame) -> str:
    """Say whether the CTC loss goes with how much the level varies, as one test has it; else nothing."""
    boards = make_dashboards(results, against=("signal_rms_std",), metrics=("ctc_loss",))
    found = find_board(boards, "ctc_loss", "signal_rms_std")
    if found is None or found.kind != "spearman":
        return ""
    verdict = "significant" if is_significant(found) else NOT_SIGNIFICANT
    finding = f"rank correlation {found.value:.2f}, {verdict} ({_name_p(found)})"
    return f"CTC loss against the deviation of the RMS level: {finding}."


def find_board(boards: Sequence[Dashboard], metric: str, against: str) -> Association | None:
    """Find what a metric has to do with a metadata column; None where that was not tested."""
    found = (board.association for board in boards if (board.metric, board.against) == (metric, against))
    return next(found, None)


def is_significant(association: Association) -> bool:
    """Tell whether there is one, corrected for all tests of the report."""
    return association.p_corrected is not None and association.p_corrected < ALPHA


def _name_p(association: Association) -> str:
    p_value = probability(association.p_corrected)
    return f"corrected p {p_value}" if p_value.startswith("<") else f"corrected p = {p_value}"
