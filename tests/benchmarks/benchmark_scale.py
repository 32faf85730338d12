"""How analysis and memory grow with the corpus: result tables of up to 300,000 utterances, made from a real run.

The rows of a run are repeated under new names: speakers of 60 utterances at most, chapters, every column with a little
noise, so that no two are equal. Run: `benchmark scale RUN [ROWS ...]`, with RUN the folder of a finished evaluation.
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

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


def measure_analysis(path: Path) -> tuple[float, float, float]:
    """Analyze a table in a process of its own; return CPU seconds, seconds and peak memory in GB."""
    script = (
        "import sys; from pathlib import Path; from librispeech_clf.local.analysis.record import Record;"
        "from librispeech_clf.local.analysis.summary import analyze, collect_findings, summarize;"
        "done = analyze(Record(Path(sys.argv[1]))); summarize(done, {}); collect_findings(done, {})"
    )
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", script, str(path)], env={**os.environ})
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"the analysis ended with {os.waitstatus_to_exitcode(status)}")
    seconds = usage.ru_utime + usage.ru_stime
    return seconds, time.perf_counter() - begun, 1024 * usage.ru_maxrss / 1e9


def main(run: Path, folder: Path, rows: tuple[int, ...] = ROWS) -> None:
    """Print seconds and peak memory by number of rows."""
    for count in rows:
        path = folder / f"{count}.parquet"
        make_results(run, path, rows=count)
        cpu, wall, peak = measure_analysis(path)
        print(f"{count:7,} rows: analysis {cpu:.0f} CPU s, {wall:.0f} s, peak {peak:.2f} GB", flush=True)
    path = folder / "speakers.parquet"
    make_results(run, path, rows=max(rows), per_speaker=1)
    cpu, wall, peak = measure_analysis(path)
    print(f"{max(rows):7,} rows, a speaker each: analysis {cpu:.0f} CPU s, {wall:.0f} s, peak {peak:.2f} GB")
    print(f"of this process: {1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e9:.2f} GB")
