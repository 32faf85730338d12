"""The command `evaluate`: figures of a model on every data set, and the card of the bundled one."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from librispeech_clf.configuration import PROJECT_ROOT, Configuration, load_configuration
from librispeech_clf.local.cli import make_parser, run

if TYPE_CHECKING:
    import pandas as pd

REAL_SUBSETS = ("dev-clean", "test-clean")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = make_parser(
        "evaluate",
        "Word and character error rates of the configured model, by greedy decoding, on the bundled splits and on "
        "real LibriSpeech, with 95 % intervals by speaker.",
    )
    add = parser.add_argument
    add("--speech", type=Path, help="real speech: the folder that holds LibriSpeech/ (default: none)")
    add(
        "--subset", action="append", metavar="NAME",
        help=f"of it; repeatable (default: those of {', '.join(REAL_SUBSETS)} that are there)",
    )  # fmt: skip
    add(
        "--report", type=Path, action="append", default=[], metavar="FOLDER",
        help="output folder of evaluate, whose results are taken instead of recognizing again; repeatable "
        "(default: none)",
    )  # fmt: skip
    add("--card", action="store_true", help="write the figures into models/wav2vec.md")
    return run(parser, measure, arguments)


def measure(options: argparse.Namespace) -> None:
    """Measure, print, and write the card where it is asked for."""
    from rich.console import Console
    from rich.table import Table

    from librispeech_clf.corpus.load import BUNDLED_FOLDER
    from librispeech_clf.development.training import model_card
    from librispeech_clf.local.model.quiet import suppress_stderr

    configuration = load_configuration()
    results = read_reports(options.report, configuration.model.path)
    with suppress_stderr():
        results = evaluate_sets(configuration, known=results, speech=options.speech, subsets=options.subset)
    tables = model_card.make_tables(results, voices=model_card.read_voices(BUNDLED_FOLDER))
    for table in tables:
        shown = Table(*model_card.HEADER, title=table.title)
        for row in table.rows:
            shown.add_row(*row)
        Console().print(shown)
    if options.card:
        model_card.write_card(PROJECT_ROOT / "models", tables)


def evaluate_sets(
    configuration: Configuration,
    *,
    known: dict[str, "pd.DataFrame"],
    speech: Path | None,
    subsets: list[str] | None,
) -> dict[str, "pd.DataFrame"]:
    """Recognize the bundled splits, and real LibriSpeech where there is some.

    Args:
        configuration: corpus and model.
        known: results by data set, of which none is recognized again.
        speech: the folder that holds LibriSpeech/, or None.
        subsets: of it; those of `REAL_SUBSETS` that are there when it is None.

    Returns:
        Results by data set: synthetic ones first, real ones after them.
    """
    from librispeech_clf.corpus.load import load_split
    from librispeech_clf.corpus.openslr import tree_folder
    from librispeech_clf.corpus.schema import UNLABELED
    from librispeech_clf.development.training.model_card import recognize_split
    from librispeech_clf.local.model.load import load_model

    bundled = configuration.with_corpus(source="sample")
    states = [state for state in bundled.corpus.subsets_by_state if state != UNLABELED]
    corpora = {name_set("sample", state): (bundled.corpus, state) for state in states}
    if speech is not None:
        subsets = subsets or [name for name in REAL_SUBSETS if (tree_folder(speech) / name).is_dir()]
    for subset in subsets or ():
        real = configuration.with_corpus(source="openslr", root=speech, subsets_by_state={"test": [subset]})
        corpora[name_set("openslr", subset)] = (real.corpus, "test")
    lacking = {name: corpus for name, corpus in corpora.items() if name not in known}
    model = load_model(configuration.model.path) if lacking else None
    found = {name: recognize_split(model, load_split(*corpus)) for name, corpus in lacking.items()}
    results = {**known, **found}
    return {name: results[name] for name in dict.fromkeys((*corpora, *known))}


def name_set(source: str, subset: str) -> str:
    """Name a data set: what it is, and which part of it."""
    return f"synthetic, {subset}" if source == "sample" else f"LibriSpeech {subset}"


def read_reports(folders: list[Path], model: Path) -> dict[str, "pd.DataFrame"]:
    """Read results that `evaluate` has written of this model, by data set; simulated utterances are left out.

    Args:
        folders: its output folders.
        model: the model file.

    Raises:
        FileNotFoundError: a folder holds no finished evaluation.
        ValueError: it is of another model, or of a part of the data only.
    """
    from librispeech_clf.local.analysis.record import read_table
    from librispeech_clf.local.evaluation.store import hash_file

    found: dict[str, pd.DataFrame] = {}
    for folder in folders:
        results = read_table(folder)
        described = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["run"]
        if not hash_file(model).startswith(described["model SHA-256"]):
            raise ValueError(
                f"{folder}: an evaluation of another model ({described['model']}), not of {model}."
            )
        if "limit" in described:
            raise ValueError(
                f"{folder}: an evaluation of the first {described['limit']} utterances only; give a whole one."
            )
        real = results[results["simulation"].isna()] if "simulation" in results else results
        for subset, rows in real.groupby("subset"):
            found[name_set(described["source"], str(subset))] = rows.reset_index(drop=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
