"""Print one table of ratios over everything that is measured: `poetry run benchmark`.

Ratios travel between machines, seconds do not. "Times real time" is seconds of audio per CPU second.
`poetry run benchmark metadata evaluation` measures these two only.
"""

import argparse
import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parents[1]))
os.environ["TL_DISABLE_ANALYTICS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

Row = tuple[str, str, float]


def measure_metadata() -> list[Row]:
    from tests.benchmarks import benchmark_evaluation

    return benchmark_evaluation.measure_metadata()


def measure_inference() -> list[Row]:
    """Length-sorted batches against padding to 35 s; against other libraries, where they are installed."""
    from librispeech_clf.local.model.architecture import BASE
    from librispeech_clf.local.model.graph import build_wav2vec2
    from librispeech_clf.local.model.inference import compile_model
    from tests.benchmarks import benchmark_inference

    model = build_wav2vec2(BASE)
    predict, count_frames = compile_model(model), model.configuration.count_frames
    padding = benchmark_inference.compare_with_padding(predict, count_frames, 64)
    ratios = {("inference, test-clean's lengths", "padded to 35 s"): padding}
    with tempfile.TemporaryDirectory() as folder:
        rivals = benchmark_inference.open_in_bfloat16(compile_model(model))
        rivals |= benchmark_inference.open_rivals(Path(folder))
        compared = benchmark_inference.compare_with_rivals(predict, rivals, 2)
    ratios |= {
        (f"inference, {seconds} s, {count} in a batch", f"{rival}, one by one"): pair
        for (seconds, count, rival), pair in compared.items()
    }
    return [
        (measured, f"{against} ({unit})", ratio)
        for (measured, against), pair in ratios.items()
        for unit, ratio in zip(("CPU seconds", "clock"), pair, strict=True)
    ]


def measure_opening() -> list[Row]:
    """292,000 utterances: the index kept from the first opening."""
    from tests.benchmarks import benchmark_opening

    with tempfile.TemporaryDirectory() as folder:
        benchmark_opening.make_tree(Path(folder))
        first, second = (benchmark_opening.measure(Path(folder)) for _ in range(2))
    return [
        ("opening 292,000 utterances again", "first opening", first["seconds"] / second["seconds"]),
        ("opening 292,000 utterances", "10 s", 10 / first["seconds"]),
    ]


def measure_evaluation() -> list[Row]:
    """The functions per utterance, start-up, and a whole evaluation of the bundled test split."""
    from tests.benchmarks import benchmark_evaluation

    return [
        *benchmark_evaluation.measure_functions(),
        *benchmark_evaluation.measure_start(),
        *benchmark_evaluation.measure_evaluation(model=os.environ.get("LIBRISPEECH_MODEL")),
    ]


def measure_scale() -> list[Row]:
    """Corpora of 30,000 and 300,000 recordings and their results, made from a run: LIBRISPEECH_REPORT, or report."""
    from tests.benchmarks import benchmark_scale

    run = Path(os.environ.get("LIBRISPEECH_REPORT", "report"))
    with tempfile.TemporaryDirectory() as folder:
        small, large, alone = benchmark_scale.measure(run, Path(folder), (30_000, 300_000))
    return [
        ("analysis of 300,000 rows", "5 minutes (CPU)", 300 / large.analysis.cpu_s),
        ("its peak memory", "3 GB", 3 / large.analysis.peak_gb),
        ("its growth from 30,000 rows", "12 times", 12 * small.analysis.cpu_s / large.analysis.cpu_s),
        ("analysis of 300,000 rows, a speaker each", "5 minutes (CPU)", 300 / alone.analysis.cpu_s),
        ("its peak memory", "3 GB", 3 / alone.analysis.peak_gb),
        ("pages of 300,000 rows", "1 minute (CPU)", 60 / large.page.cpu_s),
        ("their peak memory", "1.5 GB", 1.5 / large.page.peak_gb),
        ("their peak memory, a speaker each", "1.5 GB", 1.5 / alone.page.peak_gb),
        ("index.html", "20 MB", 20 / large.index_mb),
        ("300,000 finished recordings until something is shown", "20 s", 20 / large.shown_s),
        ("the same, a speaker each", "20 s", 20 / alone.shown_s),
    ]


MEASUREMENTS: dict[str, Callable[[], list[Row]]] = {
    "metadata": measure_metadata,
    "evaluation": measure_evaluation,
    "inference": measure_inference,
    "opening": measure_opening,
    "scale": measure_scale,
}


def main() -> None:
    """Measure, then print the table."""
    from rich.console import Console
    from rich.table import Table

    from librispeech_clf.local.model.quiet import suppress_stderr

    parser = argparse.ArgumentParser(prog="benchmark", description=__doc__.split("\n")[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASUREMENTS)} (default: all but scale)"
    )
    names = parser.parse_args().names or [name for name in MEASUREMENTS if name != "scale"]
    unknown = sorted(set(names) - set(MEASUREMENTS))
    if unknown:
        parser.error(f"unknown {', '.join(unknown)}; known: {', '.join(MEASUREMENTS)}")
    table = Table("measured", "against", "times as fast", title="Benchmarks", title_justify="left")
    console = Console()
    for name in names:
        with console.status(f"Measuring: {name}"), suppress_stderr():
            with contextlib.redirect_stdout(io.StringIO()):
                rows = MEASUREMENTS[name]()
        for measured, against, ratio in rows:
            table.add_row(measured, against, f"{ratio:.3g}")
    console.print(table)


if __name__ == "__main__":
    main()
