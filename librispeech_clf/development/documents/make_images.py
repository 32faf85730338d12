"""The command `make_images`: pictures of a finished evaluation, and the README's figures of them.

`--section` writes what README.md tells of the bundled corpus or of test-clean, so that its figures are those of the
run; without it only the pictures are drawn.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from librispeech_clf.atomic_write import atomic_write
from librispeech_clf.configuration import PROJECT_ROOT, load_configuration
from librispeech_clf.corpus.load import load_split
from librispeech_clf.development.documents import drawing, pictures, readme
from librispeech_clf.local.analysis.record import read_table
from librispeech_clf.local.cli import add_corpus_options, make_parser, run
from librispeech_clf.text.plain_text import print_plain

if TYPE_CHECKING:
    import pandas as pd


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
        "--section", choices=tuple(readme.RUNS),
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
    results, evaluated = read_recordings(options.report), read_run(options.report)
    if options.section is not None:
        readme.require_whole(evaluated, options.section)
    shown = {} if options.section == "bundled" else draw(results, options)
    if options.section is not None:
        figures = (
            readme.format_bundled(results)
            if options.section == "bundled"
            else readme.format_test_clean(results, run=evaluated, shown=shown)
        )
        text = readme.replace_figures(options.readme.read_text(), figures)
        atomic_write(options.readme, text.encode())
    print_plain("\n".join(f"{name}.png: {text}" for name, text in shown.items()))


def read_recordings(folder: Path) -> pd.DataFrame:
    """Read a finished evaluation's rows, without simulated ones.

    Raises:
        FileNotFoundError: the folder holds none.
    """
    results = read_table(folder)
    recordings = results[results["simulation"].isna()] if "simulation" in results.columns else results
    return recordings.reset_index(drop=True)


def read_run(folder: Path) -> dict[str, Any]:
    """Read what was evaluated from summary.json; nothing where there is none."""
    path = folder / "summary.json"
    return json.loads(path.read_text())["run"] if path.is_file() else {}


def draw(results: pd.DataFrame, options: argparse.Namespace) -> dict[str, str]:
    """Draw all pictures, the page with the worst utterance among them; return what each shows."""
    configuration = load_configuration().with_corpus(source=options.source, root=options.root)
    subsets = list(dict.fromkeys(results["subset"]))
    split = load_split(configuration.with_corpus(subsets_by_state={"test": subsets}).corpus, "test")
    rate = configuration.audio.sampling_rate
    shown = pictures.draw_all(results, options.images, find_utterance=split.utterance, sampling_rate=rate)
    worst = results["utterance_id"][results["word_error_rate"].idxmax()]
    page, path = options.report / "index.html", options.images / "report.png"
    return shown | {"report": drawing.screenshot_page(page, path, state=f"utterance={worst}")}


if __name__ == "__main__":
    sys.exit(main())
