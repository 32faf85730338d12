"""What `evaluate` measures by: transcripts, and where there are none, calibrated confidences."""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from librispeech_clf.atomic_write import atomic_write
from librispeech_clf.configuration import Configuration
from librispeech_clf.corpus.schema import UNLABELED
from librispeech_clf.local.analysis.lacks import TRANSCRIBED

if TYPE_CHECKING:
    import pyarrow

    from librispeech_clf.local.analysis.calibration import Calibration
    from librispeech_clf.local.analysis.record import Record
    from librispeech_clf.local.analysis.summary import Analysis
    from librispeech_clf.local.evaluation.run import Run

TRANSCRIBE = "transcribe"
"""Name of the table and of the folder of its recordings."""


def find_labeled(configuration: Configuration) -> dict[str, str]:
    """Return the subsets of the test split, if there is one."""
    from librispeech_clf.corpus.load import load_split

    with contextlib.suppress(FileNotFoundError, ValueError):
        return dict.fromkeys(load_split(configuration.corpus, "test").subsets, "test")
    return {}


def find_transcribed(run: Run) -> set[str]:
    """Return the ids of the utterances that have a transcript, and not the state unlabeled."""
    split, states = run.engine.split, run.request.split_by_subset
    subsets = (subset for subset, count in split.row_counts.items() for _ in range(count))
    known = zip(split.ids, split.texts, subsets, strict=True)
    return {name for name, text, subset in known if text is not None and states.get(subset) != UNLABELED}


def mark_transcribed(run: Run, table: pyarrow.Table) -> pyarrow.Table:
    """Tell of each row whether its recording has a transcript, where some have none."""
    import pyarrow

    known = find_transcribed(run)
    told = [name in known for name in table["utterance_id"].to_pylist()]
    return table if all(told) else table.append_column(TRANSCRIBED, pyarrow.array(told))


def refuse_unlabeled(run: Run, options: argparse.Namespace) -> str | None:
    """Refuse what needs transcripts where there are none; say which recordings have none.

    Raises:
        ValueError: there are none, and an option needs some; or what somebody wrote would be overwritten.
    """
    table = options.out / f"{TRANSCRIBE}.csv"
    if options.transcribe and table.exists() and not _is_blank(table):
        raise ValueError(
            f"--transcribe: {table} was changed and may hold transcripts; move it, or choose another --out."
        )
    tasks, transcribed = [task for window in run.windows.values() for task in window], find_transcribed(run)
    lacking = Counter(task.subset for task in tasks if task.utterance_id not in transcribed)
    asked = [
        f"--fail-if {each.text}" for each in options.fail_if if each.figure not in ("failed", "findings")
    ]
    asked += [f"--{name}" for name in ("calibrate", "terms", "compare", "simulate") if getattr(options, name)]
    if asked and not any(task.labeled for task in tasks):
        raise ValueError(
            f"{asked[0]}: is measured by transcripts, and {', '.join(lacking)} has none; leave it out."
        )
    if not lacking:
        return None
    counted = ", ".join(f"{count} of {subset}" for subset, count in lacking.items())
    return f"Without a transcript: {counted}; no error rate is measured there."


def _is_blank(table: Path) -> bool:
    """Tell whether no text of a transcribe.csv was filled in, and no program wrote it in another form."""
    try:
        with table.open(newline="", encoding="utf-8") as file:
            return not any(row["text"].strip() for row in csv.DictReader(file))
    except (UnicodeDecodeError, KeyError, AttributeError, csv.Error):
        return False


def calibrate(run: Run, table: pyarrow.Table, fit: bool) -> tuple[Calibration | None, str]:
    """Read how often words of a confidence are right, after learning it where that is asked for; say so in words.

    Raises:
        ValueError: the table holds too few words to learn from.
    """
    from librispeech_clf.local.analysis import calibration as calibrations
    from librispeech_clf.local.analysis.record import Record
    from librispeech_clf.local.evaluation.store import hash_file

    configuration = run.request.configuration
    sha256 = hash_file(configuration.model.path)
    corpus, path = name_corpus(configuration), calibrations.name_calibration_file(configuration.model.path)
    known = calibrations.read_calibrations(path, sha256)
    if fit:
        record = Record(table).select_recordings()
        known |= {corpus: calibrations.fit_calibration(record, corpus=corpus, split=run.described["subsets"])}
        atomic_write(path, calibrations.render_calibrations(known, sha256).encode())
    chosen = calibrations.choose_calibration(known, corpus)
    if chosen is None:
        return None, "uncalibrated; `evaluate --split validation --calibrate` calibrates it"
    other = "" if chosen.corpus == corpus else ", another corpus"
    return chosen, f"calibrated on {calibrations.describe(chosen)}{other}"


def name_corpus(configuration: Configuration) -> str:
    """Name the corpus that a calibration is of: its source, of one's own also the folder."""
    corpus = configuration.corpus
    named = {"huggingface": corpus.dataset, "files": f"files {corpus.root.name if corpus.root else ''}"}
    return named.get(corpus.source, corpus.source)


def write_transcribe(
    out: Path, record: Record, minutes: int, analysis: Analysis, audio: Callable[[str], bytes | None]
) -> str:
    """Write transcribe.csv, whole, after the recordings it names; return what was chosen, in words.

    Args:
        out: folder to write to.
        record: the results.
        minutes: budget.
        analysis: of the run, whose calibration predicts errors.
        audio: from an utterance id to its recording.
    """
    from librispeech_clf.local.analysis.ranking import rank_recordings

    if analysis.calibration is None:
        return "--transcribe: nothing is chosen, as the confidences are uncalibrated; see --calibrate."
    recordings = record.select_recordings()
    chosen = rank_recordings(recordings, analysis.calibration, minutes=minutes, coverage=analysis.coverage)
    folder, table = out / TRANSCRIBE, io.StringIO(newline="")
    (out / f"{TRANSCRIBE}.csv").unlink(missing_ok=True)  # first, as it names the recordings
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    writer = csv.writer(table)
    writer.writerow(
        ["id", "file_name", "seconds", "text", "hypothesis", "predicted_error_rate", "why", "speaker_id"]
    )
    speakers = dict(zip(recordings.ids, recordings.speakers, strict=True))
    for number, own in enumerate(chosen, 1):
        name = f"{TRANSCRIBE}/{number:05}.flac"
        atomic_write(out / name, audio(own.utterance_id) or b"")
        told = (f"{own.seconds:.2f}", "", own.hypothesis, f"{own.predicted_error_rate:.3f}", own.why)
        writer.writerow([own.utterance_id, name, *told, speakers[own.utterance_id] or ""])
    atomic_write(out / f"{TRANSCRIBE}.csv", table.getvalue().encode())
    spent = sum(own.seconds for own in chosen) / 60
    return f"Transcribe first: {len(chosen)} recordings, {spent:.1f} minutes, in {out / TRANSCRIBE}.csv."
