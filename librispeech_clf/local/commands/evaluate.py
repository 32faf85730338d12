"""The command `evaluate`: run the registered functions over a corpus and report.

Writes results.parquet, summary.json, findings.json and index.html. A run
that was stopped goes on with the same command.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from librispeech_clf.atomic_write import output_lock
from librispeech_clf.configuration import (
    MODEL_VARIABLE,
    ROOT_VARIABLE,
    SOURCE_VARIABLE,
    SUBSETS_VARIABLE,
    Configuration,
    load_configuration,
)
from librispeech_clf.local.analysis.thresholds import Threshold, read_threshold
from librispeech_clf.local.commands.cli import (
    FAILED_UTTERANCES,
    SUCCESS,
    add_corpus_options,
    count,
    make_parser,
    run,
)
from librispeech_clf.local.evaluation.memory import begin_anew, share_arenas, take_begun_anew
from librispeech_clf.local.evaluation.plan import Request, read_request

SIMULATED_UTTERANCES = 24
THRESHOLD_CROSSED = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0; 1 when utterances failed; 2 when nothing could be evaluated; 3 when a threshold was crossed; 130 when
        it was interrupted.
    """
    parser = make_parser(
        "evaluate", "Evaluate the model on a corpus and write a report of it, with a page to look into."
    )
    add_corpus_options(parser)
    add = parser.add_argument
    add("--split", action="append", metavar="NAME", help="state or subset, several by commas (default: test)")
    add("--model", type=Path, help="Keras model file (default: as in config.yaml)")
    add(
        "--limit",
        type=count,
        metavar="N",
        help="evaluate N utterances, spread over the corpus (default: all)",
    )
    add("--out", type=Path, default=Path("report"), help="folder to write to")
    add("--compare", type=Path, metavar="FOLDER", help="compare with an older run's output folder")
    add(
        "--simulate", action="append", default=[], metavar="NAME[:KIND]",
        help="simulate conditions of rising severity, such as tempo or additive_noise:babble; repeatable",
    )  # fmt: skip
    add(
        "--simulated-utterances", type=count, default=SIMULATED_UTTERANCES, metavar="N",
        help="utterances per severity",
    )  # fmt: skip
    add("--terms", type=Path, metavar="FILE", help="measure the recall of the terms in a file, one a line")
    add(
        "--fail-if", action="append", default=[], metavar="CONDITION", type=read_condition,
        help='exit with 3 if it holds: "wer > 0.30", "cer.low > 0.1", "wer of gender: F > 0.4"; repeatable',
    )  # fmt: skip
    stopped = "stopped; the same command goes on where it stopped."
    return run(parser, partial(evaluate, in_stages=arguments is None), arguments, when_stopped=stopped)


def read_condition(text: str) -> Threshold:
    """Read a condition of `--fail-if`; the command line then tells what is wrong with it."""
    try:
        return read_threshold(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def evaluate(options: argparse.Namespace, *, in_stages: bool) -> int:
    """Evaluate what is not evaluated yet, and report on everything.

    Args:
        options: the command line.
        in_stages: between the two the process may begin anew, so that the analysis gets the memory, over 1 GB,
            that TensorFlow and the model took. The new one finds everything evaluated.
    """
    begun_anew = take_begun_anew()
    environment = dict(os.environ)
    configuration, request = prepare_environment(options)
    from rich.console import Console

    from librispeech_clf.local.analysis.results_table import read_results
    from librispeech_clf.local.analysis.terms import read_terms
    from librispeech_clf.local.evaluation.run import collect_rows, describe_run, evaluate_windows, open_run
    from librispeech_clf.local.report.outputs import make_audio_provider, write_findings, write_outputs
    from librispeech_clf.local.report.terminal import without_markup
    from librispeech_clf.text.vocabulary import describe_normalization

    if options.compare is not None:
        read_results(options.compare)
    terms = () if options.terms is None else read_terms(options.terms)
    console = Console()
    share_arenas()
    with console.status("Opening corpus and model"):
        opened = open_run(
            configuration, request, options.out, limit=options.limit,
            simulate=options.simulate, simulated_utterances=options.simulated_utterances,
        )  # fmt: skip
    told_once = Console(quiet=begun_anew)
    changes = describe_normalization(opened.engine.split.texts, configuration.text.normalize)
    if changes:
        told_once.print(without_markup(changes), soft_wrap=True)
    with output_lock(options.out, "evaluation"):
        opened.store.remove_outdated()
        if evaluate_windows(opened, told_once) and in_stages and not begun_anew:
            begin_anew(environment)
        described = describe_run(opened) | describe_options(options)
        audio = make_audio_provider(opened.engine.split, opened.engine.simulated, opened.windows)
        analysis = write_outputs(
            collect_rows(opened), options.out,
            evaluation_s=opened.store.measure_seconds(dict.fromkeys(opened.names)),
            described=described, refused=opened.refused, compare=options.compare, terms=terms,
            audio=audio, console=console,
        )  # fmt: skip
        crossed = write_findings(options.out, analysis, described, options.fail_if, console)
    if crossed:
        return THRESHOLD_CROSSED
    return FAILED_UTTERANCES if analysis.failures else SUCCESS


def prepare_environment(options: argparse.Namespace) -> tuple[Configuration, Request]:
    """Hand the command line to the entry file, which reads the environment.

    Only what is evaluated has to be on the disk: the subsets asked for stand in for all three states.
    """
    os.environ["TL_DISABLE_ANALYTICS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    given = {SOURCE_VARIABLE: options.source, ROOT_VARIABLE: options.root, MODEL_VARIABLE: options.model}
    for variable, value in given.items():
        if value is not None:
            os.environ[variable] = str(value.absolute() if isinstance(value, Path) else value)
    splits = load_configuration(environment=os.environ).corpus.subsets_by_state
    request = read_request(options.split or ["test"], splits)
    if not request.subsets:
        raise ValueError(
            "--split: names no subset; give a state such as test, or a subset such as test-clean."
        )
    os.environ[SUBSETS_VARIABLE] = ",".join(request.subsets)
    return load_configuration(environment=os.environ), request


def describe_options(options: argparse.Namespace) -> dict[str, str]:
    """Describe what of the corpus was evaluated, and how it was changed."""
    described = {}
    if options.limit is not None:
        described["limit"] = str(options.limit)
    if options.simulate:
        each = min(options.simulated_utterances, options.limit or options.simulated_utterances)
        described["simulated"] = f"{', '.join(options.simulate)}; {each} utterances each"
    return described


if __name__ == "__main__":
    sys.exit(main())
