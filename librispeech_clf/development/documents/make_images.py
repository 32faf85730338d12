"""The command `make_images`: pictures of a finished evaluation, and the README's figures of them.

`--section` writes what README.md tells of the bundled corpus or of test-clean, so that its figures are those of the
run: texts by name, each of which replaces what stands between its two marks. Sentences that tell a finding are chosen
by its test. Without `--section` only the pictures are drawn.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from librispeech_clf.atomic_write import atomic_write
from librispeech_clf.configuration import PROJECT_ROOT, load_configuration
from librispeech_clf.corpus.load import load_split
from librispeech_clf.development.documents import drawing, pictures
from librispeech_clf.development.documents.drawing import label_column
from librispeech_clf.development.documents.pictures import MAP_COLUMNS
from librispeech_clf.local.analysis.associations import find_associations
from librispeech_clf.local.analysis.groups import bin_by_quantiles, summarize_rates
from librispeech_clf.local.analysis.latent_space import group_states
from librispeech_clf.local.analysis.rates import rate_groups
from librispeech_clf.local.analysis.record import Record, read_table
from librispeech_clf.local.analysis.slices import find_slices
from librispeech_clf.local.cli import add_corpus_options, make_parser, run
from librispeech_clf.local.report.terminal import format_finding, interval, percent, probability, show_rates
from librispeech_clf.text.plain_text import print_plain

if TYPE_CHECKING:
    import pandas as pd

    from librispeech_clf.local.analysis.associations import Association

RUNS = {"bundled": {"source": "sample", "subsets": "test"}, "test-clean": {"subsets": "test-clean"}}
"""Section of the README -> what has to be evaluated as a whole."""
MARKED = re.compile(r"(<!-- figures: (?P<name>[\w -]+) -->\n).*?(?=<!-- end of figures -->)", re.DOTALL)
ALPHA = 0.05
WIDTH = 80


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0; 2 when there is no such evaluation, or it is not the one that the section tells of.
    """
    parser = make_parser("make_images", "Draw pictures of a finished evaluation, as in the README.")
    add_corpus_options(parser)
    add = parser.add_argument
    add("--report", type=Path, default=Path("report"), help="folder of the evaluation")
    add("--images", type=Path, default=Path("images"), help="folder of the PNG files")
    add(
        "--section", choices=tuple(RUNS),
        help="write the README's figures of the bundled corpus or of test-clean, too (default: pictures only)",
    )  # fmt: skip
    add("--readme", type=Path, default=PROJECT_ROOT / "README.md", help="Markdown file with the section")
    return run(parser, make, arguments)


def make(options: argparse.Namespace) -> None:
    """Draw, and write the section where one is asked for; of a run of several systems, their table alone.

    Raises:
        FileNotFoundError: the folder holds no evaluation.
        ValueError: it is not the section's, or the README has no place for the figures.
    """
    if (options.report / "systems").is_dir():  # the README's other pictures tell of the model alone
        page, path = options.report / "index.html", options.images / "systems.png"
        print_plain(f"systems.png: {drawing.screenshot_page(page, path, state='tab=systems')}")
        return
    results, evaluated, shown, figures = read_recordings(options.report), {}, {}, {}
    if options.section is not None:
        evaluated = json.loads((options.report / "summary.json").read_text())["run"]
        require_whole(evaluated, options.section)
    if options.section == "bundled":
        figures = format_bundled(results)
    else:
        shown = draw(results, options)
    if options.section == "test-clean":
        figures = format_test_clean(results, run=evaluated, shown=shown)
    if figures:
        atomic_write(options.readme, replace_figures(options.readme.read_text(), figures).encode())
    print_plain("\n".join(f"{name}.png: {text}" for name, text in shown.items()))


def read_recordings(folder: Path) -> pd.DataFrame:
    """Read a finished evaluation's rows, without simulated ones.

    Raises:
        FileNotFoundError: the folder holds none.
    """
    results = read_table(folder)
    recordings = results[results["simulation"].isna()] if "simulation" in results.columns else results
    return recordings.reset_index(drop=True)


def draw(results: pd.DataFrame, options: argparse.Namespace) -> dict[str, str]:
    """Draw all pictures, the page with the worst utterance among them; return what each shows."""
    import matplotlib

    configuration = load_configuration().with_corpus(source=options.source, root=options.root)
    subsets = list(dict.fromkeys(results["subset"]))
    split = load_split(configuration.with_corpus(subsets_by_state={"test": subsets}).corpus, "test")
    rate = configuration.audio.sampling_rate
    with matplotlib.rc_context(drawing.STYLE):
        shown = pictures.draw_all(results, options.images, find_utterance=split.utterance, sampling_rate=rate)
    worst = results["utterance_id"][results["word_error_rate"].idxmax()]
    page, path = options.report / "index.html", options.images / "report.png"
    return shown | {"report": drawing.screenshot_page(page, path, state=f"utterance={worst}")}


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
    return MARKED.sub(
        lambda found: f"{found[1]}{figures[found['name']]}\n" if found["name"] in figures else found[0],
        readme,
    )


def require_whole(run: Mapping[str, Any], section: str) -> None:
    """Refuse a run that is not the one a section tells of.

    Args:
        run: what summary.json says was evaluated.
        section: "bundled" or "test-clean".

    Raises:
        ValueError: another corpus or split was evaluated, or a part of it.
    """
    wanted = RUNS[section]
    given = {key: run.get(key) for key in (*wanted, *(["limit"] if "limit" in run else []))}
    if given != wanted:
        needed, received = (
            ", ".join(f"{key} {value}" for key, value in of.items()) for of in (wanted, given)
        )
        raise ValueError(f"section {section}: needs a whole evaluation of {needed}; received {received}.")


def format_bundled(results: pd.DataFrame) -> dict[str, str]:
    """Return the figures of the bundled corpus: the terminal's table of error rates."""
    console = Console(width=WIDTH, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(show_rates(summarize_rates(Record(results))))
    lines = [line.rstrip() for line in captured.get().rstrip().splitlines()]
    return {"bundled table": "\n".join(["```", *lines, "```"])}


def format_test_clean(
    results: pd.DataFrame, *, run: Mapping[str, Any], shown: Mapping[str, str]
) -> dict[str, str]:
    """Return the figures of a corpus with its pictures.

    Args:
        results: the results table.
        run: what summary.json says was evaluated.
        shown: what each picture shows, by its name without ending, see `pictures.draw_all`.
    """
    found = find_associations(Record(results))
    hours = results["signal_duration_s"].sum() / 3600
    sentence = (
        f"{len(results):,} utterances of {results['record_speaker_id'].nunique()} speakers, {hours:.2f} hours, "
        f"{int(results['error'].notna().sum())} failed; {run['model']}, SHA-256 {run['model SHA-256']}."
    )
    return {
        "test-clean table": f"{format_rates(results)}\n\n{sentence} {format_genders(found)}".rstrip(),
        "test-clean latent space": "\n".join(f"- {shown[name]}" for name in MAP_COLUMNS if name in shown),
        "test-clean utterances": f"Long: {shown['long_utterance']}. Short: {shown['short_utterance']}.",
        "test-clean weak cluster": f"{shown['weak_cluster'][:1].upper()}{shown['weak_cluster'][1:]}.",
        "test-clean first": format_first(results),
        "test-clean dashboard": f"{format_traits(Record(results), found)} {format_loss(results)}".rstrip(),
    }


def format_rates(results: pd.DataFrame) -> str:
    """Return word and character error rates of all utterances, by gender and by length, as a Markdown table."""
    rates = summarize_rates(Record(results))
    rows = [["", "utterances", "words", "WER % (95 %)", "CER % (95 %)"], ["---"] * 5]
    pairs = [("all", rates["word"]["all"], rates["character"]["all"])]
    for group in ("gender", "length"):
        title = rates["length"] if group == "length" else group
        words, characters = (
            (rates[unit] if group == "length" else rates[unit]["groups"]).get(group, {})
            for unit in ("word", "character")
        )
        pairs += [(f"{title}: {name}", word, characters[name]) for name, word in words.items()]
    for name, *pair in pairs:
        cells = [f"{percent(rate['rate'])} ({interval(rate)})" for rate in pair]
        rows.append([name, f"{pair[0]['utterances']:,}", f"{pair[0]['units']:,}", *cells])
    return _format_table(rows)


def _format_table(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def format_genders(associations: Sequence[Association]) -> str:
    """Say whether the word error rates of two genders differ, as the report's test has it; else nothing."""
    found = _find(associations, "word_error_rate", "record_gender")
    if found is None or found.kind != "difference":
        return ""
    first, second = found.groups
    return (
        f"Word error rate of gender {first} minus that of gender {second}: {percent(found.value, sign=True)} "
        f"points ({interval({'low': found.low, 'high': found.high})}), {_format_verdict(found)}."
    )


def format_first(results: pd.DataFrame) -> str:
    """Return what to look at first as a numbered list, or that nothing stands out."""
    scored = Record(results).select_scored()
    search = find_slices(scored, group_states(scored).list_clusters())
    tested = f"{search.candidates_tested:,} slices, chance of any false finding {100 * search.alpha:g} %"
    if not search.findings:
        return f"Nothing stands out ({tested})."
    lines = [f"{number}. {format_finding(finding)[0]}" for number, finding in enumerate(search.findings, 1)]
    return "\n".join([f"Worse than the rest ({tested}):", "", *lines])


def format_traits(record: Record, associations: Sequence[Association]) -> str:
    """Return the word error rate against each numeric trait, and which correlations are significant."""
    heading = "word error rate by|lowest fifth||highest fifth||rank correlation (95 %)|corrected p".split("|")
    rows = [heading, ["---"] * len(heading)]
    names: dict[str, list[str]] = {"rises": [], "falls": [], "": []}
    for found in associations:
        if found.metric != "word_error_rate" or found.kind != "spearman":
            continue
        bins = bin_by_quantiles(record.numbers(found.against))
        rates = rate_groups(record, bins.index, len(bins.labels))
        fifths = [cell for end in (0, -1) for cell in (bins.labels[end], f"{percent(rates[end].rate)} %")]
        test = [f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})", probability(found.p_corrected)]
        rows.append([label_column(found.against), *fifths, *test])
        verdict = ("rises" if found.value > 0 else "falls") if is_significant(found) else ""
        names[verdict].append(label_column(found.against).partition(" in ")[0])
    parts = [
        f"{verdict} with {', '.join(names[verdict])}" for verdict in ("rises", "falls") if names[verdict]
    ]
    sentence = f"Significant at {100 * ALPHA:.0f} %, corrected for the report's {len(associations)} tests: "
    sentence += f"the word error rate {' and '.join(parts)}." if parts else "nothing."
    sentence += f" Not significant: {', '.join(names[''])}." if names[""] else ""
    return f"{_format_table(rows)}\n\n{sentence}"


def format_loss(results: pd.DataFrame) -> str:
    """Say whether the CTC loss goes with how much the level varies, as one test has it; else nothing."""
    tested = find_associations(Record(results), against=("signal_rms_std",), metrics=("ctc_loss",))
    found = _find(tested, "ctc_loss", "signal_rms_std")
    if found is None or found.kind != "spearman":
        return ""
    finding = f"rank correlation {found.value:.2f}, {_format_verdict(found)}"
    return f"CTC loss against the deviation of the RMS level: {finding}."


def _find(associations: Sequence[Association], metric: str, against: str) -> Association | None:
    return next((own for own in associations if (own.metric, own.against) == (metric, against)), None)


def is_significant(association: Association) -> bool:
    """Tell whether there is an association, corrected for all tests of the report."""
    return association.p_corrected < ALPHA


def _format_verdict(association: Association) -> str:
    verdict = "significant" if is_significant(association) else "not significant"
    p_value = probability(association.p_corrected)
    return f"{verdict} (corrected p {p_value if p_value.startswith('<') else f'= {p_value}'})"


if __name__ == "__main__":
    sys.exit(main())
