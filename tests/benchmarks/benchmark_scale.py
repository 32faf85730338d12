"""How time and memory grow with the corpus: up to 300,000 recordings and their results, made from a real run.

The rows of a run are repeated under new names: speakers of 60 utterances at most, chapters, every column with a little
noise, so that no two are equal; the corpus holds their transcripts, and a second of noise for each. Run:
`python -m tests.benchmarks.benchmark_scale RUN [ROWS ...]`, with the folder of a finished evaluation of an OpenSLR
tree; `benchmark scale` holds two of the sizes against their bars.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
import soundfile

PROJECT_ROOT = Path(__file__).resolve().parents[2]
ROWS = (1_000, 10_000, 30_000, 100_000, 300_000)
PER_SPEAKER = 60
SUBSET = "test-clean"


def make_results(run: Path, path: Path, *, rows: int, per_speaker: int = PER_SPEAKER) -> None:
    """Write a results table with so many rows, some at a time.

    Args:
        run: folder of a finished evaluation.
        path: what to write.
        rows: how many.
        per_speaker: utterances of a speaker; 1 for a corpus that knows none twice.
    """
    source = pyarrow.parquet.read_table(run / "results.parquet")
    generator = np.random.default_rng(0)
    with pyarrow.parquet.ParquetWriter(path, source.schema) as writer:
        for start in range(0, rows, len(source)):
            part = source.slice(0, min(len(source), rows - start))
            number = np.arange(start, start + len(part))
            speaker = number // per_speaker
            named = {
                "utterance_id": [
                    f"{own}-{row // 30}-{row:06d}" for own, row in zip(speaker, number, strict=True)
                ],
                "record_speaker_id": [str(own) for own in speaker],
                "record_chapter_id": [str(row // 30) for row in number],
                "record_reader_name": [f"Reader {own}" for own in speaker],
                "record_gender": ["FM"[own % 2] for own in speaker],
            }
            for name, values in named.items():
                if name in source.schema.names:
                    place = source.schema.get_field_index(name)
                    part = part.set_column(place, source.schema.field(place), pa.array(values))
            for place, field in enumerate(source.schema):
                if pa.types.is_floating(field.type) and field.name.startswith(("signal_", "readability_")):
                    noise = pa.array(1 + generator.normal(0, 0.01, len(part)))
                    noisy = pyarrow.compute.multiply(part.column(place).cast(pa.float64()), noise)
                    part = part.set_column(place, field, noisy.cast(field.type))
            writer.write_table(part)


def make_corpus(folder: Path) -> None:
    """Make the OpenSLR tree that the results in a folder are of; recordings are links to a file in thirty thousand."""
    columns = pyarrow.parquet.read_table(folder / "results.parquet", columns=["utterance_id", "reference"])
    noise = np.random.default_rng(0)
    for row, (name, text) in enumerate(zip(*(column.to_pylist() for column in columns), strict=True)):
        speaker, chapter, _ = name.split("-")
        place = folder / "LibriSpeech" / SUBSET / speaker / chapter
        place.mkdir(parents=True, exist_ok=True)
        recorded = folder / f"{row // 30_000}.flac"  # a file system allows 65,000 names of a file
        if not recorded.exists():
            soundfile.write(recorded, noise.normal(0, 0.1, 16_000), 16_000)
        os.link(recorded, place / f"{name}.flac")
        with (place / f"{speaker}-{chapter}.trans.txt").open("a") as file:
            file.write(f"{name} {text}\n")


OPENING = """
import json, os, sys, time
from pathlib import Path
begun = time.perf_counter()
from rich.console import Console
from librispeech_clf.configuration import load_configuration
from librispeech_clf.local.evaluation.opening import Request
from librispeech_clf.local.evaluation.run import evaluate_windows, open_run

folder = Path(sys.argv[1])
known = {"LIBRISPEECH_SUBSETS": "test-clean"}
configuration = load_configuration(environment=known, source="openslr", root=folder / "LibriSpeech")
opened = open_run(Request(configuration, {"test-clean": "test"}), folder)
"""
FILL = f"""{OPENING}
import pyarrow.parquet
rows, start = pyarrow.parquet.read_table(folder / "results.parquet"), 0
for window in opened.windows:
    opened.store.save(window, rows.slice(start, len(window)))
    start += len(window)
"""
"""As if the recordings had been evaluated."""
RESUME = f"""{OPENING}
told, console = [], Console(quiet=True)
console.print = lambda text, **_: told.append((time.perf_counter() - begun, text))
table, _ = evaluate_windows(opened, console)
if told[0][1] != f"{{len(table)}} of {{len(table)}} utterances were already finished.":
    raise SystemExit(f"nothing was finished: {{told[0][1]}}")
(folder / "shown_s").write_text(str(told[0][0]))
"""
ANALYZE = """
import pickle, sys
from pathlib import Path
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.summary import analyze, collect_findings, summarize

folder = Path(sys.argv[1])
done = analyze({"": Record(folder / "results.parquet")})
summarize(done, {}), collect_findings(done, {})
(folder / "analysis.pickle").write_bytes(pickle.dumps(done))
"""
WRITE_PAGE = """
import pickle, sys
from pathlib import Path
from librispeech_clf.local.report.page import write_pages

folder = Path(sys.argv[1])
done = pickle.loads((folder / "analysis.pickle").read_bytes())
write_pages(
    folder, folder / "results.parquet", done, speed={"audio_s": 1.0}, systems={}, audio=None, title="scale",
    description={}, notes={},
)
"""


COMPARE = """
import sys
from pathlib import Path
import pyarrow.compute, pyarrow.parquet
from librispeech_clf.local.analysis.record import Record
from librispeech_clf.local.analysis.systems import compare_systems

path = Path(sys.argv[1]) / "results.parquet"
names = ["utterance_id", "simulation", *(f"{unit}_{kind}" for unit in ("word", "character")
         for kind in ("hits", "substitutions", "deletions", "insertions"))]
older = pyarrow.parquet.read_table(path, columns=names)
zeros = pyarrow.compute.multiply(older["word_insertions"], 0)
older = older.set_column(names.index("word_insertions"), "word_insertions", zeros)
if not compare_systems({"": Record(path), "without insertions": Record(older)}).pairs[0].better:
    raise SystemExit("no utterance is better")
"""


class Measured(NamedTuple):
    """CPU seconds, seconds and peak memory in GB of a process."""

    cpu_s: float
    wall_s: float
    peak_gb: float


class Sized(NamedTuple):
    """What a corpus and its results take, seconds until a finished run shows something, and the size of index.html."""

    described: Measured
    opened: Measured
    resumed: Measured
    analysis: Measured
    page: Measured
    compared: Measured
    shown_s: float
    index_mb: float


def measure_process(*arguments: str | Path, cache: Path | None = None) -> Measured:
    """Run Python with some arguments in a process of its own, whose indexes of corpora are in the `cache`."""
    begun = time.perf_counter()
    own = {} if cache is None else {"HF_HOME": str(cache)}
    environment = {**os.environ, **own, "TL_DISABLE_ANALYTICS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=PROJECT_ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"it ended with {os.waitstatus_to_exitcode(status)}")
    seconds = usage.ru_utime + usage.ru_stime
    return Measured(seconds, time.perf_counter() - begun, 1024 * usage.ru_maxrss / 1e9)


def measure(run: Path, folder: Path, rows: Sequence[int] = ROWS) -> list[Sized]:
    """Measure corpora of so many recordings, and one of the most with a speaker for each; print each."""
    measured = []
    for count, per_speaker in [*((count, PER_SPEAKER) for count in rows), (max(rows), 1)]:
        place = folder / f"{count}-{per_speaker}"
        place.mkdir()
        make_results(run, place / "results.parquet", rows=count, per_speaker=per_speaker)
        make_corpus(place)
        run_python = partial(measure_process, cache=place / "cache")
        describe = "-m librispeech_clf.local.commands.describe_corpus --source openslr --root".split()
        parts = [run_python(*describe, place / "LibriSpeech")]
        run_python("-c", OPENING, place)  # the first time makes the index of the subset
        parts.append(run_python("-c", OPENING, place))
        run_python("-c", FILL, place)
        parts += [run_python("-c", script, place) for script in (RESUME, ANALYZE, WRITE_PAGE, COMPARE)]
        shown_s = float((place / "shown_s").read_text())
        measured.append(Sized(*parts, shown_s, (place / "index.html").stat().st_size / 1e6))
        print(f"{count:,} rows, {per_speaker} a speaker: shown after {shown_s:.1f} s, index.html", end=" ")
        print(f"{measured[-1].index_mb:.1f} MB")
        for name, part in zip(Sized._fields, parts, strict=False):
            print(f"  {name}: {part.cpu_s:.1f} CPU s, {part.wall_s:.1f} s, {part.peak_gb:.2f} GB", flush=True)
        shutil.rmtree(place)
    return measured


if __name__ == "__main__":
    sizes = [int(size) for size in sys.argv[2:]] or ROWS
    with tempfile.TemporaryDirectory() as name:
        measure(Path(sys.argv[1]), Path(name), sizes)
