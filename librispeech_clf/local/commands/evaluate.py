"""The command `evaluate`: run the registered functions over a corpus and report.

Writes results.parquet, summary.json, findings.json and index.html. The same
command resumes a run that was stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from librispeech_clf.atomic_write import output_lock
from librispeech_clf.configuration import STATES, load_configuration
from librispeech_clf.corpus.schema import UNLABELED, read_fields, table_key
from librispeech_clf.local.analysis.thresholds import Threshold, read_threshold, refuse_misfits
from librispeech_clf.local.cli import FAILED_UTTERANCES, SUCCESS, add_corpus_options, count, make_parser, run
from librispeech_clf.local.commands import transcripts
from librispeech_clf.text.changes import describe_normalization
from librispeech_clf.text.normalization import NORMALIZATIONS, SCORING, TO_LETTERS
from librispeech_clf.text.plain_text import print_plain

if TYPE_CHECKING:
    import pyarrow

    from librispeech_clf.local.analysis.record import Record
    from librispeech_clf.local.evaluation.opening import Request
    from librispeech_clf.local.evaluation.run import Run
    from librispeech_clf.local.evaluation.systems import Systems
    from librispeech_clf.local.model.decoder import Decoder
    from librispeech_clf.text.vocabulary import Vocabulary

SIMULATED_UTTERANCES = 24
EPILOG = """\
simulations:
  additive_noise (or additive_noise:white, :pink, :babble), reverberation,
  telephone, tempo, clipping, packet_loss

figures of --fail-if, error rates as shares:
  wer, cer, also as wer.low, wer.high, and with --compare as wer.change,
  wer.change.low, wer.change.high; for a group, "wer of accent: british";
  failed, findings

examples:
  evaluate
  evaluate --source openslr --root data --split test-clean --limit 400
  evaluate --simulate additive_noise:babble --simulate tempo
  evaluate --lm lm.arpa --lm-weight 0.5
  evaluate --split validation --calibrate
  evaluate --compare last_week --fail-if "wer.change.low > 0"

exit codes:
  0 done, 1 utterances failed, 2 nothing could be evaluated,
  3 a threshold was crossed, 130 interrupted
"""
THRESHOLD_CROSSED = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0; 1 if utterances failed; 2 if nothing could be evaluated; 3 if a threshold was crossed; 130 if the run
        was interrupted.
    """
    parser = make_parser(
        "evaluate",
        "Evaluate the model on a corpus and write a report, with a page to explore.",
        epilog=EPILOG,
    )
    add_corpus_options(parser)
    add = parser.add_argument
    add("--split", action="append", metavar="NAME", help="states or subsets, comma-separated (default: test)")
    add("--model", type=Path, help="Keras model file (default: as in config.yaml)")
    add(
        "--hypotheses", action="append", default=[], metavar="[NAME=]FILE",
        help="report on another recognizer's output: CSV, TSV, JSON, Whisper's JSON, NeMo manifest, Kaldi text, "
        "trn or CTM; repeatable, one system each; without --model no model is evaluated",
    )  # fmt: skip
    add(
        "--hypotheses-columns", type=read_columns, metavar="id=NAME,text=NAME",
        help="columns of the hypothesis files, if their names are unusual",
    )  # fmt: skip
    add(
        "--missing", choices=("refuse", "empty"), default="refuse",
        help="whether an utterance without a hypothesis is refused or counted as empty",
    )  # fmt: skip
    add(
        "--normalize", choices=SCORING,
        help="how reference and hypotheses are normalized before they are compared: letters removes punctuation, "
        "whisper is Whisper's English normalizer, whisper-basic is for other languages (default: as in "
        "config.yaml)",
    )  # fmt: skip
    add(
        "--lm", type=Path, metavar="FILE",
        help="also decode the model's logits with a language model, as another system: ARPA, KenLM binary or a "
        "checkpoint's folder language_model (needs the extra lm)",
    )  # fmt: skip
    add(
        "--lm-weight", type=float, metavar="W",
        help="exponent of the language model's probability (default: what the language model states, or 0.5)",
    )  # fmt: skip
    add(
        "--word-score", type=float, metavar="S",
        help="added to the natural logarithm for each word (default: what the language model states, or 0)",
    )  # fmt: skip
    add(
        "--lexicon", type=Path, metavar="FILE", help="words that may be written, one per line (default: those of --lm)"
    )  # fmt: skip
    add(
        "--beam", type=count, metavar="N", help="hypotheses of the beam search, also without --lm (default: 50)"
    )  # fmt: skip
    add(
        "--limit", type=count, metavar="N", help="evaluate N utterances, spread over the corpus (default: all)"
    )  # fmt: skip
    add("--out", type=Path, default=Path("report"), help="folder to write to")
    add(
        "--audio", choices=("inside", "folder", "none"),
        help="where to put the page's recordings: in it, one file each beside it, or nowhere (default: inside up to "
        "30 MB, else beside it)",
    )  # fmt: skip
    add("--compare", type=Path, metavar="FOLDER", help="an older run's output folder, as another system")
    add(
        "--simulate", action="append", default=[], metavar="NAME[:KIND]",
        help="simulate conditions of increasing severity, such as tempo or additive_noise:babble; repeatable",
    )  # fmt: skip
    add(
        "--simulated-utterances", type=count, default=SIMULATED_UTTERANCES, metavar="N",
        help="utterances per severity",
    )  # fmt: skip
    add("--terms", type=Path, metavar="FILE", help="measure the recall of the terms in a file, one per line")
    add("--notes", type=Path, metavar="FILE", help="review notes, in a CSV that the page exported")
    add(
        "--calibrate", action="store_true",
        help="calibrate word confidences, and keep the result beside the model; use with --split validation",
    )  # fmt: skip
    add(
        "--transcribe", type=count, metavar="MINUTES",
        help="choose MINUTES of recordings to transcribe first, and write OUT/transcribe.csv with their audio; with "
        "its column text filled in, --source files --root OUT --split transcribe evaluates them",
    )  # fmt: skip
    add(
        "--fail-if", action="append", default=[], metavar="CONDITION", type=read_condition,
        help='exit with code 3 if this holds: "wer > 0.30", "cer.low > 0.1", "wer of gender: F > 0.4"; repeatable',
    )  # fmt: skip
    add(
        "--precision", choices=("float32", "bfloat16"), default="float32",
        help="precision of the model's products; bfloat16 is faster on processors that have it, and changes some words",
    )  # fmt: skip
    add(
        "--ray", metavar="ADDRESS",
        help='share the work across a Ray cluster: its address, "auto" for the one this machine belongs to, "local" '
        "for processes on this machine (default: this process alone)",
    )  # fmt: skip
    stopped = "stopped; the same command resumes where it stopped."
    return run(parser, evaluate, arguments, when_stopped=stopped)


def read_condition(text: str) -> Threshold:
    """Read a condition of `--fail-if`; the command line reports what is wrong with it."""
    try:
        return read_threshold(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def read_columns(text: str) -> dict[str, str]:
    """Read "id=NAME,text=NAME"."""
    pairs = [part.partition("=") for part in text.split(",")]
    columns = {key.strip(): name.strip() for key, _, name in pairs}
    if not columns.keys() <= {"id", "text"} or not all(columns.values()):
        raise argparse.ArgumentTypeError(f"id=NAME,text=NAME is expected; received {text!r}")
    return columns


def open_decoder(options: argparse.Namespace, vocabulary: Vocabulary) -> Decoder | None:
    """Open the decoder that the options ask for, if any."""
    from librispeech_clf.local.model.decoder import BEAM, Decoder, read_language_model

    if options.lm is None and options.lm_weight is not None:
        raise ValueError("--lm-weight needs a language model; give one with --lm.")
    if options.lm is None and options.lexicon is None:
        if options.word_score is not None:
            raise ValueError("--word-score needs words; give --lm or --lexicon.")
        if options.beam is None:
            return None
    if options.hypotheses and options.model is None:
        raise ValueError("--lm, --lexicon and --beam decode a model's logits; give one with --model.")
    if options.ray is not None:
        raise ValueError("--lm, --lexicon and --beam decode in one process; leave --ray out.")
    return Decoder(
        vocabulary, None if options.lm is None else read_language_model(options.lm), lexicon=options.lexicon,
        beam=options.beam or BEAM, lm_weight=options.lm_weight, word_score=options.word_score,
    )  # fmt: skip


def tabulate_corpus(run: Run) -> Record:
    """Tabulate what is known about the recordings before they are read, in columns of the results table."""
    import pyarrow

    from librispeech_clf.local.analysis.record import Record

    split, rows = run.engine.split, []
    places = {name: row for row, name in enumerate(split.ids)}
    fields, speakers = (split.column(name).to_pylist() for name in ("fields", "speaker_id"))
    for task in run.tasks.values():
        if task.simulation is not None:
            continue
        name = speakers[places[task.utterance_id]]
        speaker, own = split.speakers.get(table_key(name)), fields[places[task.utterance_id]]
        known = {"record_speaker_id": name or None, "record_gender": speaker and speaker.gender}
        known |= {f"corpus_{key}": value for key, value in read_fields(own, split.field_types).items()}
        rows.append(task.start_row() | known)
    return Record(pyarrow.Table.from_pylist(rows))


def refuse_failure(table: pyarrow.Table) -> None:
    """Refuse a run in which no recording could be evaluated; the model was then not even opened.

    Raises:
        ValueError: no recording could be evaluated.
    """
    from librispeech_clf.local.analysis.summary import group_failures

    failures = dict(zip(table["utterance_id"].to_pylist(), table["error"].to_pylist(), strict=True))
    if None not in failures.values():
        groups = [f"{len(names)}: {names[0]}: {reason}" for reason, names in group_failures(failures)[:3]]
        raise ValueError(f"none of {len(failures)} utterances can be evaluated. {' '.join(groups)}")


class Opened(NamedTuple):
    """An evaluation with everything open that the work and the report need.

    Attributes:
        run: tasks, engine and store.
        systems: all systems, including the model's.
        decoded: texts of the decoder's system by utterance id, filled in once they are known.
        described: what is evaluated, by name.
        bounds: bounds of numeric columns, see `find_bounds`.
        told: what is printed before the work, one line each.
    """

    run: Run
    systems: Systems
    decoded: dict[str, str]
    described: dict[str, str]
    bounds: dict[str, tuple[float, ...]]
    told: list[str]


def read_request(options: argparse.Namespace) -> tuple[Request, str]:
    """Read what is evaluated, except the decoder, and how texts are normalized before they are compared."""
    from librispeech_clf.local.evaluation.opening import Request
    from librispeech_clf.local.evaluation.plan import read_splits
    from librispeech_clf.local.evaluation.systems import is_corpus, name_system

    if len(options.hypotheses) == 1 and not (options.source or options.root or options.split):
        path = name_system(options.hypotheses[0])[1]
        if is_corpus(path):
            print_plain(f"{path}: names recordings and references, so it is the corpus that is evaluated.")
            options.source, options.root, options.split = "files", path.parent, [path.stem]
    configuration = load_configuration(source=options.source, root=options.root, model=options.model)
    split_by_subset = read_splits(options.split or ["test"], configuration.corpus.subsets_by_state)
    scored = set(split_by_subset.values()) != {UNLABELED}
    if not scored:  # the labeled test split is shown beside it, on the map
        split_by_subset |= transcripts.find_labeled(configuration)
    # code-loader asks for three states, but only what is evaluated has to be on the disk.
    states = (*STATES[:3], UNLABELED)
    configuration = configuration.with_corpus(subsets_by_state=dict.fromkeys(states, [*split_by_subset]))
    # Labels have no digits: the model writes letters, and its texts are normalized afterwards.
    normalization = options.normalize or configuration.text.normalize
    labels = normalization if normalization in NORMALIZATIONS else TO_LETTERS
    text = dataclasses.replace(configuration.text, normalize=labels)
    configuration = dataclasses.replace(configuration, text=text)
    with_model = options.model is not None or not options.hypotheses
    if options.calibrate and (not with_model or "test" in split_by_subset.values()):
        raise ValueError(
            "--calibrate: a model must be calibrated on other recordings than its test figures come from; add --split "
            "validation, and a model."
        )
    request = Request(
        configuration, split_by_subset, limit=options.limit, simulate=options.simulate,
        simulated_utterances=options.simulated_utterances, with_model=with_model, scored=scored,
        precision=options.precision,
    )  # fmt: skip
    return request, normalization


def open_evaluation(options: argparse.Namespace, request: Request, normalization: str) -> Opened:
    """Open corpus, model and systems, and refuse requests for what they do not hold."""
    from librispeech_clf.local.analysis.groups import find_bounds, name_groups
    from librispeech_clf.local.evaluation.run import open_run
    from librispeech_clf.local.evaluation.systems import System, open_systems

    run = open_run(request, options.out)
    configuration, split, decoder = request.configuration, run.engine.split, request.decoder
    vocabulary, model = configuration.read_vocabulary(), configuration.model.path.stem
    evaluated = {task.utterance_id for task in run.tasks.values()}
    unlabeled = transcripts.refuse_unlabeled(run, options)
    systems = open_systems(
        options.hypotheses, split, evaluated, vocabulary, compare=options.compare,
        model=model if request.with_model else None, normalization=normalization,
        columns=options.hypotheses_columns, missing=options.missing,
    )  # fmt: skip
    decoded: dict[str, str] = {}
    if decoder is not None:
        name = f"{model} + {options.lm.stem if options.lm else 'beam'}"
        systems.add(System(name, decoded, source=decoder.source, notes=tuple(decoder.notes)))
    described = run.described | systems.describe()
    numbers = [column.name for column in run.engine.schema if column.type in ("double", "int64")]
    bounds = find_bounds(configuration.groups or {}, numbers)
    groups = name_groups(tabulate_corpus(run), bounds)
    refuse_misfits(options.fail_if, groups, compare=options.compare is not None)
    texts = filter(None, split.texts)
    told = [unlabeled, describe_normalization(texts, vocabulary, configuration.text.normalize)]
    if several := len(evaluated & split.more_texts.keys()):
        counted = f"{several} of {len(evaluated)} utterances; the one nearest to a system's text counts"
        told.append(f"Several references: {counted}.")
        described["several references"] = counted
    told += [note for system in systems.systems for note in system.notes]
    return Opened(run, systems, decoded, described, bounds, [text for text in told if text])


def evaluate(options: argparse.Namespace) -> int:
    """Evaluate what is not evaluated yet, and report on everything."""
    os.environ["TL_DISABLE_ANALYTICS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from rich.console import Console

    from librispeech_clf.local.analysis.error_kinds import read_terms
    from librispeech_clf.local.analysis.record import Record
    from librispeech_clf.local.evaluation.run import evaluate_windows
    from librispeech_clf.local.evaluation.systems import make_normalizer
    from librispeech_clf.local.report.outputs import (
        make_audio_provider,
        read_notes,
        write_findings,
        write_outputs,
        write_results,
    )
    from librispeech_clf.local.report.terminal import without_markup

    request, normalization = read_request(options)
    vocabulary, console = request.configuration.read_vocabulary(), Console()
    # As the texts in which they are looked for. Punctuation is always removed from terms: no transcript that can be
    # scored has any.
    normalize = make_normalizer(vocabulary, TO_LETTERS if normalization in NORMALIZATIONS else normalization)
    notes = {} if options.notes is None else read_notes(options.notes)
    terms = () if options.terms is None else read_terms(options.terms, normalize)
    request = dataclasses.replace(request, decoder=open_decoder(options, vocabulary))
    with console.status("Opening corpus and model"):
        opened = open_evaluation(options, request, normalization)
    run, described = opened.run, opened.described
    if lost := sorted(notes.keys() - {task.utterance_id for task in run.tasks.values()}):
        opened.told.append(
            f"--notes: {len(lost)} of {len(notes)} are of no utterance evaluated, such as {lost[0]}."
        )
    for text in opened.told:
        console.print(without_markup(text), soft_wrap=True)
    with output_lock(options.out, "evaluation"):
        run.store.remove_outdated()
        table, evaluation_s = evaluate_windows(run, console, ray=options.ray)
        refuse_failure(table)
        table = transcripts.mark_transcribed(run, table)
        if request.decoder is not None:
            texts = zip(table["utterance_id"].to_pylist(), table["decoded"].to_pylist(), strict=True)
            opened.decoded.update({name: text for name, text in texts if text is not None})
            table = table.drop_columns(["decoded"])
        audio = make_audio_provider(run.engine.split, run.engine.simulated, run.tasks.values())
        tables, calibration = opened.systems.make_tables(table), None
        del table
        if request.with_model:
            calibration, described["confidence"] = transcripts.calibrate(
                run, next(iter(tables.values())), options.calibrate
            )
        results = write_results(tables, options.out, calibration)
        del tables
        analysis = write_outputs(
            results, options.out, evaluation_s=evaluation_s, described=described, refused=run.refused, terms=terms,
            speeds={system.name: system.speed for system in opened.systems.systems if system.speed},
            notes=notes, bounds=opened.bounds, audio=audio, console=console, calibration=calibration,
            travels=options.audio,
        )  # fmt: skip
        if options.transcribe:
            rows = Record(options.out / "results.parquet")
            chosen = transcripts.write_transcribe(options.out, rows, options.transcribe, analysis, audio)
            console.print(without_markup(chosen), soft_wrap=True)
        crossed = write_findings(options.out, analysis, described, options.fail_if, console)
    if crossed:
        return THRESHOLD_CROSSED
    return FAILED_UTTERANCES if analysis.failures else SUCCESS


if __name__ == "__main__":
    sys.exit(main())
