"""The command `evaluate`: figures of the model by data set, voice, gender and speaker, and their place in its card.

In: output folders of `poetry run evaluate`, whole ones. Out: tables on the terminal, and Markdown. Intervals have
speakers as the unit (`analysis.rates`).
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.table import Table as TerminalTable

from librispeech_clf.atomic_write import atomic_write
from librispeech_clf.configuration import PROJECT_ROOT, load_configuration
from librispeech_clf.corpus.load import BUNDLED_FOLDER
from librispeech_clf.local.analysis.rates import rate_errors
from librispeech_clf.local.analysis.record import SPEAKER, UNITS, Record, read_table
from librispeech_clf.local.cli import make_parser, run
from librispeech_clf.local.evaluation.store import hash_file

if TYPE_CHECKING:
    import pandas as pd

TRAINING_RECORD = "wav2vec.training.json"
CARD = "wav2vec.md"
LEARNING_CURVE = Path("images") / "learning_curve.png"
FIGURES_MARK = "<!-- figures: written by `python -m librispeech_clf.development.training.evaluate --card` -->"
END_MARK = "<!-- end of the figures -->"
HEADER = ("", "utterances", "speakers", "WER (95 % interval)", "CER (95 % interval)")
SYNTHETIC_TEST, REAL_TEST = "synthetic, test", "LibriSpeech test-clean"
GENDERS = {"F": "female", "M": "male"}

Row = tuple[str, ...]


class Table(NamedTuple):
    """Rows of figures under `HEADER`."""

    title: str
    rows: list[Row]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = make_parser(
        "evaluate",
        "Word and character error rates of the configured model with 95 % intervals by speaker: by data set, and of "
        "the test sets by voice, gender and speaker.",
    )
    add = parser.add_argument
    add("reports", type=Path, nargs="+", metavar="REPORT", help="output folder of `poetry run evaluate`")
    add("--card", action="store_true", help="write the figures into models/wav2vec.md")
    return run(parser, show, arguments)


def show(options: argparse.Namespace) -> None:
    """Print the figures, and write the card where it is asked for."""
    results = read_reports(options.reports, load_configuration().model.path)
    tables = make_tables(results, voices=read_voices(BUNDLED_FOLDER))
    for table in tables:
        shown = TerminalTable(*HEADER, title=table.title)
        for row in table.rows:
            shown.add_row(*row)
        Console().print(shown)
    if options.card:
        write_card(PROJECT_ROOT / "models", tables)


def read_reports(folders: Sequence[Path], model: Path) -> dict[str, "pd.DataFrame"]:
    """Read results that `evaluate` has written of a model, by data set; simulated utterances are left out.

    Raises:
        FileNotFoundError: a folder holds no finished evaluation.
        ValueError: it is of another model, or of a part of the data only.
    """
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
            name = f"synthetic, {subset}" if described["source"] == "sample" else f"LibriSpeech {subset}"
            found[name] = rows
    return found


def make_tables(results: dict[str, "pd.DataFrame"], *, voices: dict[str, str]) -> list[Table]:
    """Make the tables of figures.

    Args:
        results: a results table for each data set, by its name; `SYNTHETIC_TEST` is shown by voice, `REAL_TEST` by
            gender and speaker.
        voices: name of the synthetic voice of each speaker of the bundled corpus.

    Returns:
        The figures by data set first.
    """
    tables = [Table("data sets", [list_figures(table, name) for name, table in results.items()])]
    if SYNTHETIC_TEST in results:
        rows = _by_speaker(results[SYNTHETIC_TEST], voices)
        tables.append(Table("The synthetic test split, voice by voice", rows))
    if REAL_TEST in results:
        real = results[REAL_TEST]
        groups = {name: real[real["record_gender"] == letter] for letter, name in GENDERS.items()}
        rows = [list_figures(group, name) for name, group in groups.items() if len(group)]
        tables.append(Table(f"{REAL_TEST}, by gender", rows))
        speakers = real[[SPEAKER, "record_gender"]].dropna().drop_duplicates().to_numpy()
        names = {str(name): f"{name} {GENDERS.get(gender, '')}".strip() for name, gender in speakers}
        tables.append(Table(f"{REAL_TEST}, speaker by speaker", _by_speaker(real, names)))
    return tables


def list_figures(results: "pd.DataFrame", label: str) -> Row:
    """Return one row of figures: label, utterances, speakers, WER and CER with their 95 % intervals."""
    rates = [rate_errors(Record(results), unit) for unit in UNITS]
    texts = ["-" if each.rate is None else f"{each.rate:.3f}" for each in rates]
    for place, each in enumerate(rates):
        if each.low is not None:
            texts[place] += f" ({each.low:.3f} to {each.high:.3f})"
    return label, str(rates[0].utterances), str(rates[0].speakers), *texts


def _by_speaker(results: "pd.DataFrame", names: dict[str, str]) -> list[Row]:
    """Return one row of figures per speaker, the best first."""
    groups = [(str(speaker), group) for speaker, group in results.groupby(SPEAKER)]
    groups.sort(key=lambda pair: rate_errors(Record(pair[1])).rate or 0.0)
    return [list_figures(group, names.get(speaker, speaker)) for speaker, group in groups]


def read_voices(folder: Path) -> dict[str, str]:
    """Read which synthetic voice each speaker of the bundled corpus is, from CONDITIONS.TXT."""
    lines = (folder / "CONDITIONS.TXT").read_text().splitlines()
    rows = [line.split("|") for line in lines if not line.startswith(";")]
    return {(speaker := row[0].split("-")[0]): f"{speaker} {row[1].strip()}" for row in rows}


def write_card(folder: Path, tables: Sequence[Table]) -> None:
    """Put the figures into the card, between its marks, and draw the learning curve.

    Args:
        folder: of the model, its card and its training record.
        tables: the figures; the first needs no title.

    Raises:
        ValueError: the card lacks a mark.
    """
    card = folder / CARD
    head, mark, rest = card.read_text(encoding="utf-8").partition(FIGURES_MARK)
    _, end, tail = rest.partition(END_MARK)
    if not (mark and end):
        raise ValueError(
            f"{card}: must hold the lines {FIGURES_MARK} and {END_MARK}; the figures go between them."
        )
    parts = [f"{head}{mark}"]
    for table in tables:
        rows = (HEADER, ("---",) * len(HEADER), *table.rows)
        parts += [] if table is tables[0] else [f"{table.title}:"]
        parts.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
    atomic_write(card, "\n\n".join([*parts, f"{end}{tail}"]).encode())
    record = json.loads((folder / TRAINING_RECORD).read_text(encoding="utf-8"))
    draw_learning_curve(record["log"], folder.parent / LEARNING_CURVE)


def list_measurements(log: list[dict]) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return (hours of audio, CTC loss) and (hours of audio, WER) of the letters' stages, one after the other."""
    ends: dict[str, float] = {}
    losses, rates = [], []
    for entry in (entry for entry in log if entry["phase"] == "ctc"):
        before = sum(end for stage, end in ends.items() if stage != entry["stage"])
        ends[entry["stage"]] = entry["audio_s"]
        hours = (before + entry["audio_s"]) / 3600
        losses.append((hours, entry["loss"]))
        if "development" in entry:
            rates.append((hours, entry["development"]["wer"]))
    return losses, rates


def draw_learning_curve(log: list[dict], path: Path) -> None:
    """Draw CTC loss per letter, and the development set's WER where it was measured, over the stages' audio.

    Args:
        log: entries of `log.jsonl`, as `train` writes them.
        path: where the picture, a PNG, goes.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.add_subplot()
    losses, rates = list_measurements(log)
    axes.plot(*zip(*losses, strict=True), marker=".", label="CTC loss, nats per letter")
    axes.set(xlabel="hours of audio trained on", ylabel="CTC loss, nats per letter", yscale="log")
    axes.grid(alpha=0.3, which="both")
    if rates:
        axes.plot(*zip(*rates, strict=True), marker="o", label="WER, development set")
        axes.set(ylabel="")
        axes.legend()
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sys.exit(main())
