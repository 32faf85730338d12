"""`poetry run evaluate-model`: figures of a model on every split, and the card of the bundled one.

Every utterance is recognised alone and unpadded, by greedy decoding; intervals have speakers as the unit (see
`analysis.intervals`, whose functions this command shares with `evaluate`).
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from librispeech_clf.configuration import PROJECT_ROOT, Configuration, load_configuration
from librispeech_clf.corpus.schema import Split

if TYPE_CHECKING:
    import keras
    import pandas as pd

TRAINING_RECORD = "wav2vec.training.json"
CARD = "wav2vec.md"
LEARNING_CURVE = Path("images") / "learning_curve.png"
FIGURES_MARK = "<!-- figures: written by `poetry run evaluate-model --card` -->"


def recognise(model: "keras.Model", split: Split, *, sampling_rate: int) -> "pd.DataFrame":
    """Recognise every utterance of a split and count its errors.

    Args:
        model: from audio (B, N) to logits (B, T, 32).
        split: the utterances.
        sampling_rate: Hz.

    Returns:
        One row per utterance: the columns of the results table that `analysis.intervals` reads.
    """
    import pandas as pd
    import tensorflow as tf

    compiled = tf.function(
        lambda audio: model(audio, training=False), input_signature=[tf.TensorSpec((None, None), tf.float32)]
    )
    return pd.DataFrame(list(_rows(compiled, split, sampling_rate)))


def _rows(compiled, split: Split, sampling_rate: int) -> Iterator[dict]:
    from rich.progress import track

    from librispeech_clf.audio.reading import normalize, read_waveform
    from librispeech_clf.ctc.decoding import greedy_text
    from librispeech_clf.metrics import count_characters, count_words
    from librispeech_clf.text.vocabulary import normalize_transcript

    for utterance_id in track(split.ids, description=split.name, transient=True):
        utterance = split.utterance(utterance_id)
        waveform = normalize(read_waveform(utterance, sampling_rate=sampling_rate))
        hypothesis = greedy_text(compiled(waveform[None]).numpy()[0])
        reference = normalize_transcript(utterance.text)
        row: dict[str, Any] = {
            "utterance_id": utterance_id,
            "split": split.name,
            "record_speaker_id": str(utterance.speaker_id),
        }
        row |= {"reference": reference, "hypothesis": hypothesis, "error": None}
        for unit, counts in (
            ("word", count_words(reference, hypothesis)),
            ("character", count_characters(reference, hypothesis)),
        ):
            row[f"{unit}_error_rate"] = counts.error_rate
            for name in ("hits", "substitutions", "deletions", "insertions"):
                row[f"{unit}_{name}"] = getattr(counts, name)
        yield row


def list_figures(results: "pd.DataFrame", label: str) -> list[str]:
    """Return one row of figures: label, utterances, speakers, WER and CER with their 95 % intervals."""
    from librispeech_clf.analysis.intervals import corpus_error_rate

    rates = [corpus_error_rate(results, unit=unit) for unit in ("word", "character")]
    return [
        label,
        str(rates[0].utterances),
        str(rates[0].speakers),
        *(_name_rate(rate.rate, rate.low, rate.high) for rate in rates),
    ]


def _name_rate(rate: float | None, low: float | None, high: float | None) -> str:
    if rate is None:
        return "-"
    return f"{rate:.3f}" if low is None or high is None else f"{rate:.3f} ({low:.3f} to {high:.3f})"


def list_voices(results: "pd.DataFrame", names: dict[str, str]) -> list[list[str]]:
    """Return one row of figures per speaker, the best first."""
    groups = results.groupby("record_speaker_id")
    rows = [(names.get(str(speaker), str(speaker)), group) for speaker, group in groups]

    def errors(group) -> float:
        wrong = group[["word_substitutions", "word_deletions", "word_insertions"]].to_numpy().sum()
        return wrong / max(1, group[["word_hits", "word_substitutions", "word_deletions"]].to_numpy().sum())

    return [list_figures(group, label) for label, group in sorted(rows, key=lambda row: errors(row[1]))]


def read_voices(folder: Path) -> dict[str, str]:
    """Read which synthetic voice each speaker of the bundled corpus is, from CONDITIONS.TXT."""
    path = folder / "CONDITIONS.TXT"
    if not path.is_file():
        return {}
    rows = (line.split("|") for line in path.read_text().splitlines() if not line.startswith(";"))
    return {row[0].split("-")[0]: f"{row[0].split('-')[0]} {row[1].strip()}" for row in rows}


HEADER = ["", "utterances", "speakers", "WER (95 % interval)", "CER (95 % interval)"]


def render_markdown(rows: list[list[str]]) -> str:
    """Return rows as a Markdown table under `HEADER`."""
    lines = ["| " + " | ".join(row) + " |" for row in [HEADER, ["---"] * len(HEADER), *rows]]
    return "\n".join(lines)


def draw_learning_curve(log: list[dict], path: Path) -> None:
    """Draw CTC loss per letter over the audio trained on, as PNG.

    Args:
        log: entries of `log.jsonl`, as `train` writes them.
        path: where the picture goes.
    """
    from matplotlib.figure import Figure

    entries = [entry for entry in log if entry["phase"] == "ctc"]
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(
        [entry["audio_s"] / 3600 for entry in entries], [entry["loss"] for entry in entries], marker="."
    )
    axes.set(xlabel="hours of audio trained on", ylabel="CTC loss, nats per letter", yscale="log")
    axes.grid(alpha=0.3, which="both")
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)


def evaluate_splits(
    configuration: Configuration, *, real: Path | None
) -> tuple[list[list[str]], list[list[str]]]:
    """Recognise every configured split, and real LibriSpeech if there is some.

    Args:
        configuration: corpus and model.
        real: a folder that holds LibriSpeech/test-clean, or None.

    Returns:
        Rows of figures per split, and rows per voice of the test split.
    """
    from librispeech_clf.corpus.load import BUNDLED_FOLDER, load_split
    from librispeech_clf.model.load import load_model

    model = load_model(configuration.model.path)
    rate = configuration.audio.sampling_rate
    tables = {
        state: recognise(model, load_split(configuration.corpus, state), sampling_rate=rate)
        for state in configuration.corpus.subsets_by_state
    }
    splits = [list_figures(results, state) for state, results in tables.items()]
    if real is not None:
        corpus = configuration.with_corpus(
            source="openslr", root=real, subsets_by_state={"test": ["test-clean"]}
        ).corpus
        results = recognise(model, load_split(corpus, "test"), sampling_rate=rate)
        splits.append(list_figures(results, "real LibriSpeech, test-clean"))
    return splits, list_voices(tables["test"], read_voices(BUNDLED_FOLDER))


def write_card(folder: Path, splits: list[list[str]], voices: list[list[str]]) -> None:
    """Put the figures into the card, below its mark, and draw the learning curve.

    Raises:
        ValueError: the card has no mark.
    """
    card = folder / CARD
    head, mark, _ = card.read_text().partition(FIGURES_MARK)
    if not mark:
        raise ValueError(f"{card}: must hold the line {FIGURES_MARK}; the figures go below it.")
    body = f"\n\n{render_markdown(splits)}\n\nThe test split, voice by voice:\n\n{render_markdown(voices)}\n"
    card.write_text(head + mark + body)
    record = json.loads((folder / TRAINING_RECORD).read_text())
    draw_learning_curve(record["log"], folder.parent / LEARNING_CURVE)


def main(arguments: list[str] | None = None) -> None:
    """Command line of `evaluate-model`."""
    from rich.console import Console
    from rich.table import Table

    from librispeech_clf.model.quiet import hold_back_standard_error

    parser = argparse.ArgumentParser(prog="evaluate-model", description=__doc__)
    parser.add_argument("--real", type=Path, help="folder that holds LibriSpeech/test-clean")
    parser.add_argument("--card", action="store_true", help="write the figures into models/wav2vec.md")
    options = parser.parse_args(arguments)
    configuration = load_configuration()
    with hold_back_standard_error():
        splits, voices = evaluate_splits(configuration, real=options.real)
    for title, rows in (("splits", splits), ("voices of the test split", voices)):
        table = Table(*HEADER, title=title)
        for row in rows:
            table.add_row(*row)
        Console().print(table)
    if options.card:
        write_card(PROJECT_ROOT / "models", splits, voices)


if __name__ == "__main__":
    main()
