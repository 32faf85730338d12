"""What `evaluate` measures with: transcripts and, where there are none, calibrated confidences."""

from __future__ import annotations

import argparse
import contextlib
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from librispeech_clf.atomic_write import atomic_write
from librispeech_clf.configuration import Configuration
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


def mark_transcribed(run: Run, table: pyarrow.Table) -> pyarrow.Table:
    """Add to each row whether its recording has a transcript, if some have none."""
    import pyarrow

    known = {task.utterance_id for task in run.tasks.values() if task.transcribed}
    told = [name in known for name in table["utterance_id"].to_pylist()]
    return table if all(told) else table.append_column(TRANSCRIBED, pyarrow.array(told))


def refuse_unlabeled(run: Run, options: argparse.Namespace) -> str | None:
    """Refuse what needs transcripts where there are none; say which recordings have none.

    Raises:
        ValueError: there are none, and an option needs some; or what somebody has written would be overwritten.
    """
    table = options.out / f"{TRANSCRIBE}.csv"
    if options.transcribe and table.exists() and not _is_blank(table):
        raise ValueError(
            f"--transcribe: {table} was changed and may hold transcripts; move it, or choose another --out."
        )
    tasks = run.tasks.values()
    lacking = Counter(task.subset for task in tasks if not task.transcribed)
    measured = (each for each in options.fail_if if each.figure not in ("failed", "findings"))
    asked = [f"--{name}" for name in ("calibrate", "terms", "compare") if getattr(options, name)]
    asked += [f"--fail-if {each.text}" for each in measured]
    if asked and not any(task.labeled for task in tasks):
        raise ValueError(f"{asked[0]}: needs transcripts, and {', '.join(lacking)} has none; leave it out.")
    if not lacking:
        return None
    counted = ", ".join(f"{count} of {subset}" for subset, count in lacking.items())
    return f"Without a transcript: {counted}; no error rate is measured there."


def _is_blank(table: Path) -> bool:
    """Return whether no text of a transcribe.csv was filled in, and no program saved it in another form."""
    import pandas as pd

    with contextlib.suppress(ValueError, KeyError):
        return bool(pd.read_csv(table, dtype=str)["text"].isna().all())
    return False


def calibrate(run: Run, table: pyarrow.Table, fit: bool) -> tuple[Calibration | None, str]:
    """Read how often words of a confidence are right, learning it first if `fit`; also return a sentence about it.

    Raises:
        ValueError: the table holds too few words to learn from.
    """
    from librispeech_clf.local.analysis import calibration as calibrations
    from librispeech_clf.local.analysis.record import Record
    from librispeech_clf.local.evaluation.store import hash_file

    configuration = run.request.configuration
    sha256 = hash_file(configuration.model.path)
    corpus, path = name_corpus(configuration), calibrations.name_calibration_file(configuration.model.path)
    known: dict[str, Calibration] = {}
    # A file that cannot be read is made again.
    with contextlib.suppress(ValueError) if fit else contextlib.nullcontext():
        known = calibrations.read_calibrations(path, sha256)
    if fit:
        record = Record(table).select_recordings()
        known |= {corpus: calibrations.fit_calibration(record, corpus=corpus, split=run.described["subsets"])}
        atomic_write(path, calibrations.render_calibrations(known, sha256).encode())
    chosen = calibrations.choose_calibration(known, corpus)
    if chosen is None:
        return None, "uncalibrated; `evaluate --split validation --calibrate` calibrates it"
    return chosen, f"calibrated on {chosen}{'' if chosen.corpus == corpus else ', another corpus'}"


def name_corpus(configuration: Configuration) -> str:
    """Name the corpus of a calibration: its source and, for a custom corpus, the folder."""
    corpus = configuration.corpus
    named = {"huggingface": corpus.dataset, "files": f"files {corpus.root.name if corpus.root else ''}"}
    return named.get(corpus.source, corpus.source)


def write_transcribe(
    out: Path, record: Record, minutes: int, analysis: Analysis, audio: Callable[[str], bytes | None]
) -> str:
    """Write transcribe.csv atomically, after the recordings it names, which are read by id; say what was chosen."""
    from librispeech_clf.local.analysis.prediction import rank_recordings
    from librispeech_clf.local.report.recordings import guess_audio_type, make_playable

    if analysis.calibration is None:
        return "--transcribe: nothing is chosen, as the confidences are uncalibrated; see --calibrate."
    chosen = rank_recordings(
        record.select_recordings(), analysis.calibration, minutes=minutes, coverage=analysis.coverage
    )
    table = out / f"{TRANSCRIBE}.csv"
    names: list[str] = []
    lost: list[str] = []
    table.unlink(missing_ok=True)  # first, as it names the recordings
    shutil.rmtree(out / TRANSCRIBE, ignore_errors=True)
    (out / TRANSCRIBE).mkdir(parents=True)
    for utterance_id in chosen["id"]:
        content = make_playable(audio(utterance_id) or b"").get("content")
        if content is None:  # it was there when it was evaluated
            lost.append(utterance_id)
            continue
        names.append(f"{TRANSCRIBE}/{len(names) + 1:05}.{guess_audio_type(content)[0]}")
        atomic_write(out / names[-1], content)
    chosen = chosen[~chosen["id"].isin(lost)]
    chosen.insert(1, "file_name", names)
    atomic_write(table, chosen.to_csv(index=False).encode())
    length = f"{chosen['seconds'].sum() / 60:.1f} minutes"
    left_out = (
        f" Left out, as they cannot be read any more: {', '.join(lost[:3])}, {len(lost)} in all."
        if lost
        else ""
    )
    return f"Transcribe first: {len(chosen)} recordings, {length}, in {table}.{left_out}"
