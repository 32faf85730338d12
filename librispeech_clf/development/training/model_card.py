"""Figures of a model by data set, voice, gender and speaker, and their place in the bundled model's card.

In: results tables, of `recognize_split` or of `evaluate`. Out: rows of text, and Markdown. Intervals have speakers as
the unit (`analysis.rates`).
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.progress import track

from librispeech_clf.atomic_write import atomic_write
from librispeech_clf.audio.reading import normalize
from librispeech_clf.corpus.schema import Split
from librispeech_clf.ctc.decoding import greedy_text
from librispeech_clf.development.training.material import (
    Recording,
    bundled_vocabulary,
    list_speech,
    read_or_warn,
)
from librispeech_clf.local.analysis.rates import rate_errors
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.model.inference import (
    BATCH_SAMPLES,
    Predict,
    compile_model,
    plan_batches,
    predict_batch,
)
from librispeech_clf.metrics import count_characters, count_words

if TYPE_CHECKING:
    import keras
    import pandas as pd


TRAINING_RECORD = "wav2vec.training.json"
CARD = "wav2vec.md"
LEARNING_CURVE = Path("images") / "learning_curve.png"
FIGURES_MARK = "<!-- figures: written by `python -m librispeech_clf.development.training.evaluate --card` -->"
END_MARK = "<!-- end of the figures -->"
HEADER = ("", "utterances", "speakers", "WER (95 % interval)", "CER (95 % interval)")
SYNTHETIC_TEST, REAL_TEST = "synthetic, test", "LibriSpeech test-clean"
GENDERS = {"F": "female", "M": "male"}


@dataclass(frozen=True)
class Table:
    """Rows of figures under `HEADER`.

    Attributes:
        title: what they are.
        rows: texts.
    """

    title: str
    rows: tuple[tuple[str, ...], ...]


def recognize_split(model: "keras.Model", split: Split) -> "pd.DataFrame":
    """Recognize every utterance of a split by greedy decoding and count its errors.

    Args:
        model: as `load_model` returns it.
        split: the utterances.

    Returns:
        One row per utterance: the columns of the results table that the figures need. One that cannot be recognized has
        its error instead of counts.
    """
    import pandas as pd

    listed = list_speech(split)
    count_frames = model.configuration.count_frames
    found = find_logits(compile_model(model), listed.recordings, count_frames=count_frames)
    rows = [
        _count_errors(split, recording, greedy_text(logits, bundled_vocabulary()))
        for recording, logits in track(found, split.name, len(listed.recordings), transient=True)
    ]
    rows += [{"utterance_id": name, "error": error} for name, error in listed.left_out.items()]
    return pd.DataFrame(rows)


def find_logits(
    predict: Predict, recordings: Sequence[Recording], *, count_frames: Callable[[int], int]
) -> Iterator[tuple[Recording, np.ndarray]]:
    """Yield recordings with their logits (T, V), the longest first; one that cannot be read is left out with a warning.

    Args:
        predict: as `inference.compile_model` returns it.
        recordings: what to recognize.
        count_frames: frames that the model makes of a number of samples.
    """
    lengths = [recording.samples for recording in recordings]
    for batch in plan_batches(lengths, batch_samples=BATCH_SAMPLES):
        read = [(recordings[index], read_or_warn(recordings[index])) for index in batch]
        pairs = [(recording, normalize(waveform)) for recording, waveform in read if waveform is not None]
        if pairs:
            logits, _ = predict_batch(predict, [waveform for _, waveform in pairs], count_frames=count_frames)
            yield from zip([recording for recording, _ in pairs], logits, strict=True)


def _count_errors(split: Split, recording: Recording, hypothesis: str) -> dict[str, Any]:
    utterance = split.utterance(recording.utterance_id)
    speaker, reference = split.speaker(utterance), bundled_vocabulary().spell(recording.labels)
    row: dict[str, Any] = {
        "utterance_id": utterance.id,
        "record_speaker_id": str(utterance.speaker_id),
        "record_gender": speaker.gender if speaker else None,
        "error": None,
    }
    for unit, counts in (
        ("word", count_words(reference, hypothesis)),
        ("character", count_characters(reference, hypothesis)),
    ):
        for name in ("hits", "substitutions", "deletions", "insertions"):
            row[f"{unit}_{name}"] = getattr(counts, name)
    return row


def make_tables(results: dict[str, "pd.DataFrame"], *, voices: dict[str, str]) -> list[Table]:
    """Make the tables of figures.

    Args:
        results: a results table for each data set, by its name; `SYNTHETIC_TEST` is shown by voice, `REAL_TEST` by
            gender and speaker.
        voices: name of the synthetic voice of each speaker of the bundled corpus.

    Returns:
        The figures by data set first.
    """
    tables = [Table("data sets", tuple(list_figures(table, name) for name, table in results.items()))]
    if SYNTHETIC_TEST in results:
        tables.append(
            Table("The synthetic test split, voice by voice", _by_speaker(results[SYNTHETIC_TEST], voices))
        )
    if REAL_TEST in results:
        real = results[REAL_TEST]
        tables.append(Table(f"{REAL_TEST}, by gender", _by_gender(real)))
        tables.append(Table(f"{REAL_TEST}, speaker by speaker", _by_speaker(real, _name_speakers(real))))
    return tables


def list_figures(results: "pd.DataFrame", label: str) -> tuple[str, ...]:
    """Return one row of figures: label, utterances, speakers, WER and CER with their 95 % intervals."""
    record = Record(results)
    rates = [rate_errors(record, unit) for unit in ("word", "character")]
    return (
        label,
        str(rates[0].utterances),
        str(rates[0].speakers),
        *(_name_rate(rate.rate, rate.low, rate.high) for rate in rates),
    )


def _name_rate(rate: float | None, low: float | None, high: float | None) -> str:
    if rate is None:
        return "-"
    return f"{rate:.3f}" if low is None or high is None else f"{rate:.3f} ({low:.3f} to {high:.3f})"


def _by_gender(results: "pd.DataFrame") -> tuple[tuple[str, ...], ...]:
    groups = ((name, results[results["record_gender"] == letter]) for letter, name in GENDERS.items())
    return tuple(list_figures(group, name) for name, group in groups if len(group))


def _by_speaker(results: "pd.DataFrame", names: dict[str, str]) -> tuple[tuple[str, ...], ...]:
    """Return one row of figures per speaker, the best first."""
    groups = [(str(speaker), group) for speaker, group in results.groupby("record_speaker_id")]
    groups.sort(key=lambda pair: rate_errors(Record(pair[1])).rate or 0.0)
    return tuple(list_figures(group, names.get(speaker, speaker)) for speaker, group in groups)


def _name_speakers(results: "pd.DataFrame") -> dict[str, str]:
    pairs = results[["record_speaker_id", "record_gender"]].dropna().drop_duplicates()
    return {
        str(speaker): f"{speaker} {GENDERS.get(gender, '')}".strip() for speaker, gender in pairs.to_numpy()
    }


def read_voices(folder: Path) -> dict[str, str]:
    """Read which synthetic voice each speaker of the bundled corpus is, from CONDITIONS.TXT."""
    path = folder / "CONDITIONS.TXT"
    if not path.is_file():
        return {}
    rows = (line.split("|") for line in path.read_text().splitlines() if not line.startswith(";"))
    return {row[0].split("-")[0]: f"{row[0].split('-')[0]} {row[1].strip()}" for row in rows}


def render_markdown(tables: Sequence[Table]) -> str:
    """Return tables in Markdown, one below the other; the first needs no title."""
    parts = []
    for index, table in enumerate(tables):
        lines = ["| " + " | ".join(row) + " |" for row in (HEADER, ("---",) * len(HEADER), *table.rows)]
        parts += [] if index == 0 else [f"{table.title}:"]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def write_card(folder: Path, tables: Sequence[Table]) -> None:
    """Put the figures into the card, between its marks, and draw the learning curve.

    Args:
        folder: of the model, its card and its training record.
        tables: the figures.

    Raises:
        ValueError: the card lacks a mark.
    """
    card = folder / CARD
    text = card.read_text(encoding="utf-8")
    head, mark, rest = text.partition(FIGURES_MARK)
    _, end, tail = rest.partition(END_MARK)
    if not (mark and end):
        raise ValueError(
            f"{card}: must hold the lines {FIGURES_MARK} and {END_MARK}; the figures go between them."
        )
    atomic_write(card, f"{head}{mark}\n\n{render_markdown(tables)}\n\n{end}{tail}".encode())
    record = json.loads((folder / TRAINING_RECORD).read_text(encoding="utf-8"))
    draw_learning_curve(record["log"], folder.parent / LEARNING_CURVE)


def draw_learning_curve(log: list[dict], path: Path) -> None:
    """Draw CTC loss per letter, and the development set's WER where it was measured, over the audio trained on.

    Args:
        log: entries of `log.jsonl`, as `train` writes them.
        path: where the picture, a PNG, goes.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.add_subplot()
    losses = [entry for entry in log if entry["phase"] == "ctc" and "loss" in entry]
    measured = [entry for entry in log if "development" in entry]
    axes.plot(
        _hours(losses), [entry["loss"] for entry in losses], marker=".", label="CTC loss, nats per letter"
    )
    axes.set(xlabel="hours of audio trained on", ylabel="CTC loss, nats per letter", yscale="log")
    axes.grid(alpha=0.3, which="both")
    if measured:
        rates = [entry["development"]["wer"] for entry in measured]
        axes.plot(_hours(measured), rates, marker="o", label="WER, development set")
        axes.set(ylabel="")
        axes.legend()
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)


def _hours(entries: list[dict]) -> list[float]:
    return [entry["audio_s"] / 3600 for entry in entries]
