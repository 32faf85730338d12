"""The command `train-model`: train a wav2vec 2.0 CTC model on a CPU, on real and synthetic speech, resumably."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from librispeech_clf.development.training.course import CHECKPOINT_S, train
from librispeech_clf.development.training.phases import CTC
from librispeech_clf.development.training.settings import TrainingSettings, read_settings
from librispeech_clf.local.commands.cli import count, make_parser, run, share
from librispeech_clf.text.plain_text import print_plain

if TYPE_CHECKING:
    from librispeech_clf.corpus.schema import Split
    from librispeech_clf.development.training.batches import Recording
    from librispeech_clf.development.training.material import Material
    from librispeech_clf.development.training.trainer import Trainer

DEFAULT_SUBSET, DEFAULT_DEVELOPMENT_SUBSET = "train-clean-100", "dev-clean"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = make_parser(
        "train-model",
        "Train a wav2vec 2.0 CTC model on a CPU, from scratch or from a model file. A stopped run is continued by the "
        "same command. The best average of the weights is OUT/wav2vec.h5.",
    )
    _add_speech_options(parser)
    _add_settings(parser)
    return run(
        parser, train_model, arguments, when_stopped="stopped; the same command goes on where it stopped."
    )


def _add_speech_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder for checkpoint, log and model; resumed if there")
    add("--from", dest="start", type=Path, help="the .h5 to start from (default: from scratch)")
    add("--speech", type=Path, help="real speech: the folder that holds LibriSpeech/ (default: none)")
    add("--subset", action="append", metavar="NAME", help=f"of it; repeatable (default: {DEFAULT_SUBSET})")
    add("--material", type=Path, help="synthetic speech: a folder of make-training-material (default: none)")
    add("--shards", type=count, help="take only so many of its shards (default: all)")
    add("--share", type=share, default=0.7, help="of real speech, where there is both")
    add(
        "--dev-speech", type=Path,
        help="real speech to measure the error rate on (default: some of the material, not trained on)",
    )  # fmt: skip
    add(
        "--dev-subset", action="append", metavar="NAME",
        help=f"of it; repeatable (default: {DEFAULT_DEVELOPMENT_SUBSET})",
    )  # fmt: skip
    add("--dev-utterances", type=count, default=200, help="how many to measure on")


def _add_settings(parser: argparse.ArgumentParser) -> None:
    add, settings = parser.add_argument, TrainingSettings
    add("--steps", type=int, help=f"of the whole training (default: {settings.steps})")
    add(
        "--falling-steps", type=int,
        help=f"the last ones, with a falling rate (default: {settings.falling_steps})",
    )  # fmt: skip
    add("--mel-steps", type=int, help=f"of the first phase, from scratch (default: {settings.mel_steps})")
    add("--seed", type=int, help=f"of weights and order (default: {settings.seed})")
    add(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="any other setting, such as dropout=0.1, masking.mask_time_prob=0.1 or augmentation.speed=[0.9,1.1]; "
        "repeatable (default: none)",
    )  # fmt: skip
    add("--checkpoint-s", type=float, default=CHECKPOINT_S, help="seconds from one checkpoint to the next")


def train_model(options: argparse.Namespace) -> None:
    """Train, or go on training, and say where the model is."""
    settings = read_settings(
        options.set,
        seed=options.seed,
        steps=options.steps,
        falling_steps=options.falling_steps,
        mel_steps=options.mel_steps,
    )
    material, development = gather(options, settings)
    for note in material.notes():
        print_plain(note)
    _load_tensorflow()
    from librispeech_clf.development.training.trainer import MODEL

    with _progress(settings) as report:
        trainer = train(
            settings,
            material=material,
            development=development,
            folder=options.out,
            source=options.start,
            checkpoint_s=options.checkpoint_s,
            report=report,
        )
    best = trainer.state.best
    told = f", of step {best['step']:.0f}: WER {best['wer']:.3f}, CER {best['cer']:.3f}" if best else ""
    print_plain(f"The trained model is {options.out / MODEL}{told}.")


def _load_tensorflow() -> None:
    """Load TensorFlow without what it says of its build."""
    from librispeech_clf.local.model.quiet import suppress_stderr

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with suppress_stderr():
        import tf_keras  # noqa: F401


def gather(options: argparse.Namespace, settings: TrainingSettings) -> tuple["Material", list["Recording"]]:
    """Open what the options name: the material, and the recordings to measure the error rate on.

    Raises:
        FileNotFoundError: a folder, subset or shard is not there.
        ValueError: there is neither real nor synthetic speech, or the share is none.
    """
    from librispeech_clf.development.training.material import (
        Material,
        Shards,
        Speech,
        hold_out,
        list_shards,
        spread,
    )

    if not (options.speech or options.material):
        raise ValueError("Nothing to train on: give --speech, --material, or both.")
    if not 0 < options.share < 1:
        raise ValueError(f"--share: must be between 0 and 1. Received: {options.share}")
    fits = _room(options.start)
    listing = partial(_list, settings=settings)
    speech = listing(options.speech, options.subset or [DEFAULT_SUBSET], fits) if options.speech else Speech()
    shards = list_shards(options.material, most=options.shards) if options.material else Shards()
    material = Material(speech, shards, options.share, fits)
    if not options.dev_speech:
        return hold_out(material, options.dev_utterances)
    subsets = options.dev_subset or [DEFAULT_DEVELOPMENT_SUBSET]
    development = listing(options.dev_speech, subsets, lambda samples, labels: True)
    return material, spread(development.recordings, options.dev_utterances)


def _list(root: Path, subsets: Sequence[str], fits: Callable, *, settings: TrainingSettings):
    from librispeech_clf.development.training.material import list_speech

    return list_speech(open_speech(root, subsets), fits=fits, longest_s=settings.longest_s)


def open_speech(root: Path, subsets: Sequence[str]) -> "Split":
    """Open subsets of an OpenSLR tree as one split.

    Args:
        root: the folder that contains `LibriSpeech/`, or that folder itself.
        subsets: such as "train-clean-100".
    """
    from librispeech_clf.configuration import load_configuration
    from librispeech_clf.corpus.load import load_split

    configuration = load_configuration().with_corpus(
        source="openslr", root=root, subsets_by_state={"training": subsets}
    )
    return load_split(configuration.corpus, "training")


def _room(start: Path | None) -> Callable:
    """Return the test whether audio has room for its letters, by the frames of the model that is trained."""
    from librispeech_clf.development.training.objectives import fits
    from librispeech_clf.local.model.architecture import COMPACT
    from librispeech_clf.local.model.load import read_model_file

    return partial(fits, configuration=read_model_file(start)[0] if start else COMPACT)


@contextmanager
def _progress(settings: TrainingSettings) -> Iterator[Callable[["Trainer"], None]]:
    """Show steps and loss, and a line for each measurement; yields what to call after every step."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("training", total=settings.steps)
        shown = 0

        def report(trainer: "Trainer") -> None:
            nonlocal shown
            for line in describe_measurements(trainer.log[shown:]):
                progress.console.print(line, highlight=False)
            shown, state = len(trainer.log), trainer.state
            loss = f" loss {state.loss_sum / state.loss_count:.3f}" if state.loss_count else ""
            total = settings.steps if state.phase == CTC else settings.mel_steps
            described = f"{state.phase} step {state.step}{loss}"
            progress.update(task, total=total, completed=state.step, description=described)

        yield report


def describe_measurements(log: list[dict[str, Any]]) -> list[str]:
    """Return a line for each entry of a log in which the development set was measured."""
    return [
        f"step {entry['step']}: WER {entry['development']['wer']:.3f}, CER {entry['development']['cer']:.3f}"
        + (f", loss {entry['loss']:.3f}" if "loss" in entry else "")
        for entry in log
        if "development" in entry
    ]


if __name__ == "__main__":
    sys.exit(main())
