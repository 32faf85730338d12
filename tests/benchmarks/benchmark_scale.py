"""How analysis, page and memory grow with the corpus: result tables of up to 300,000 utterances, made from a real run.

The rows of a run are repeated under new names: speakers of 60 utterances at most, chapters, every column with a little
noise, so that no two are equal. Run: `python -m tests.benchmarks.benchmark_scale RUN [ROWS ...]`, with the folder of a
finished evaluation; `benchmark scale` holds two of the sizes against their bars.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

PROJECT_ROOT = Path(__file__).resolve().parents[2]
ROWS = (1_000, 10_000, 30_000, 100_000, 300_000)
PER_SPEAKER = 60


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
from librispeech_clf.local.report.pages import write_pages

folder = Path(sys.argv[1])
done = pickle.loads((folder / "analysis.pickle").read_bytes())
write_pages(
    folder, folder / "results.parquet", done, speed={"audio_s": 1.0}, systems={}, audio=None, title="scale",
    description={}, notes={},
)
"""


class Measured(NamedTuple):
    """CPU seconds, seconds and peak memory in GB of a process."""

    cpu_s: float
    wall_s: float
    peak_gb: float


class Sized(NamedTuple):
    """What a table's analysis and page take, and the size of index.html in MB."""

    analysis: Measured
    page: Measured
    index_mb: float


def measure_process(*arguments: str | Path) -> Measured:
    """Run Python with some arguments in a process of its own."""
    begun = time.perf_counter()
    environment = {**os.environ, "TL_DISABLE_ANALYTICS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=PROJECT_ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"it ended with {os.waitstatus_to_exitcode(status)}")
    seconds = usage.ru_utime + usage.ru_stime
    return Measured(seconds, time.perf_counter() - begun, 1024 * usage.ru_maxrss / 1e9)


def measure(run: Path, folder: Path, rows: Sequence[int] = ROWS) -> list[Sized]:
    """Measure tables of so many rows, and one of the most with a speaker for each; print each."""
    measured = []
    for count, per_speaker in [*((count, PER_SPEAKER) for count in rows), (max(rows), 1)]:
        make_results(run, folder / "results.parquet", rows=count, per_speaker=per_speaker)
        parts = [measure_process("-c", script, folder) for script in (ANALYZE, WRITE_PAGE)]
        measured.append(Sized(*parts, (folder / "index.html").stat().st_size / 1e6))
        told = [f"{part.cpu_s:.0f} CPU s, {part.wall_s:.0f} s, peak {part.peak_gb:.2f} GB" for part in parts]
        print(
            f"{count:,} rows, {per_speaker} a speaker: analysis {told[0]}; page {told[1]}, "
            f"index.html {measured[-1].index_mb:.1f} MB",
            flush=True,
        )
    return measured


if __name__ == "__main__":
    sizes = [int(size) for size in sys.argv[2:]] or ROWS
    with tempfile.TemporaryDirectory() as name:
        measure(Path(sys.argv[1]), Path(name), sizes)
