"""The command `train`: a model from Whisper's encoder and speech, on a CPU, by PyTorch."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from librispeech_clf.atomic_write import atomic_write, output_lock
from librispeech_clf.development.training.batches import Batch, has_room, make_batch, make_crops
from librispeech_clf.development.training.losses import (
    FrontLoss,
    find_letters_loss,
    measure_front,
    measure_letters,
)
from librispeech_clf.development.training.material import (
    Recording,
    bundled_vocabulary,
    draw_batches,
    list_pairs,
    list_shards,
    list_speech,
    spread,
)
from librispeech_clf.development.training.stages import Course, Stage
from librispeech_clf.development.training.student import (
    WHISPER_HEIR,
    adopt,
    inherit,
    make_student,
    name_tensors,
)
from librispeech_clf.development.training.whisper import WhisperEncoder, load_encoder, read_variables
from librispeech_clf.local.cli import count, make_parser, run, share
from librispeech_clf.local.model.architecture import Wav2Vec2Configuration
from librispeech_clf.local.model.load import load_model
from librispeech_clf.text.plain_text import print_plain

if TYPE_CHECKING:
    import torch

FRONT = "front"
MODEL, RECORD = "wav2vec.h5", "wav2vec.training.json"
SUBSET, DEVELOPMENT_SUBSET = "train-clean-100", "dev-clean"
ONEDNN_CACHE = "8192"
"""Capacity of oneDNN's cache of primitives: room for all shapes of batches, see `batches.GRID_SAMPLES`."""
FRONT_UTTERANCES = 24
"""Of the development set, to measure the front end on."""
WHOLE = Course(
    steps=3500,
    falling_steps=1,
    seconds=30,
    warmup_steps=200,
    front_rate=1e-4,
    inherited_rate=1e-4,
    new_rate=4e-4,
    masked=0.08,
    masked_channels=0.04,
    dropout=0.05,
)
CONSISTENT = replace(
    WHOLE,
    steps=3400,
    falling_steps=3340,
    warmup_steps=60,
    masked=0.12,
    masked_channels=0.05,
    consistency=0.2,
)
LONGER = replace(
    CONSISTENT,
    steps=6500,
    falling_steps=6400,
    warmup_steps=100,
    front_rate=1.5e-4,
    inherited_rate=1.5e-4,
    masked=0.15,
)
STAGES = {
    FRONT: Course(
        steps=2400, falling_steps=1900, seconds=32, warmup_steps=100, front_rate=0.02, weight_decay=0.0
    ),
    "begin": Course(
        steps=900, falling_steps=300, seconds=32, new_rate=1e-3, frozen_layers=4, measure_steps=450
    ),
    "whole": WHOLE,
    "consistent": CONSISTENT,
    "longer": LONGER,
    "last": replace(
        LONGER,
        steps=1500,
        falling_steps=1450,
        warmup_steps=50,
        front_rate=5e-5,
        inherited_rate=5e-5,
        new_rate=1.3e-4,
    ),
}
"""The course of the bundled model, on two cores; its card says what each stage heard and gave."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = make_parser(
        "train",
        "Train a model: Whisper's encoder behind wav2vec 2.0's front end, on a CPU, by PyTorch. A stopped "
        "run is continued by the same command. The model is OUT/wav2vec.h5.",
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder for checkpoints, log and model; resumed if there")
    add("--encoder", type=Path, required=True, help="CTranslate2's model.bin of Whisper tiny.en")
    add("--speech", type=Path, required=True, help="real speech: the folder that holds LibriSpeech/")
    add("--subset", default=SUBSET, metavar="NAME", help=f"of it (default: {SUBSET})")
    add(
        "--voices", type=Path, action="append", default=[], metavar="FOLDER",
        help="more real speech, .wav beside .txt; repeatable (default: none)",
    )  # fmt: skip
    add("--material", type=Path, help="synthetic speech: a folder of make_training_material (default: none)")
    add("--share", type=share, default=0.2, help="of synthetic speech, where there is some")
    add("--dev-subset", default=DEVELOPMENT_SUBSET, metavar="NAME", help="to measure on")
    add("--dev-utterances", type=count, default=150, help="how many to measure on")
    add("--seed", type=int, default=0, help="of weights, order and variations")
    add(
        "--from",
        type=Path,
        dest="start",
        metavar="FILE",
        help="start from this trained model file, not from Whisper's",
    )
    add("--stages", nargs="+", choices=STAGES, default=list(STAGES), help="of this run (default: all)")
    add("--scale", type=float, default=1.0, help="multiplies the steps of every stage, for a try")
    return run(
        parser, train_model, arguments, when_stopped="stopped; the same command goes on where it stopped."
    )


def train_model(options: argparse.Namespace) -> None:
    """Train, or go on training, and say where the model is."""
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", ONEDNN_CACHE)
    if options.start is None and list(STAGES)[0] not in options.stages:
        raise ValueError(
            f"--stages {' '.join(options.stages)}: what they go on from is not said. Name the stages before them too "
            "(finished ones are read from their checkpoints in --out), or give a trained model by --from."
        )
    encoder = load_encoder(read_variables(options.encoder))
    real = [list_speech(options.speech, options.subset), *map(list_pairs, options.voices)]
    lengths = np.array([sum(recording.samples for recording in recordings) for recordings in real])
    left = 1 - options.share if options.material else 1.0
    sources = list(zip(real, left * lengths / lengths.sum(), strict=True))
    if options.material:
        sources.append((list_shards(options.material), options.share))
    development = list_speech(options.speech, options.dev_subset)
    scaled = ("steps", "falling_steps")
    courses = {
        name: replace(course, **{key: max(1, round(getattr(course, key) * options.scale)) for key in scaled})
        for name, course in STAGES.items()
        if name in options.stages
    }
    with output_lock(options.out, "training"):
        student = train(
            courses,
            encoder=encoder,
            sources=sources,
            development=spread(development, options.dev_utterances),
            folder=options.out,
            seed=options.seed,
            configuration=WHISPER_HEIR,
            start=options.start,
        )
    export(student, WHISPER_HEIR, options.out / MODEL)
    log = [json.loads(line) for line in (options.out / "log.jsonl").read_text().splitlines()]
    record = {
        "stages": {name: asdict(course) for name, course in courses.items()},
        "speech": [recording.utterance_id for recording in real[0]],
        "log": log,
    }
    atomic_write(options.out / RECORD, json.dumps(record, indent=1).encode())
    print_plain(f"The trained model is {options.out / MODEL}.")


def train(
    courses: dict[str, Course],
    *,
    encoder: WhisperEncoder,
    sources: Sequence[tuple[Sequence[Recording], float]],
    development: Sequence[Recording],
    folder: Path,
    seed: int,
    configuration: Wav2Vec2Configuration,
    start: Path | None = None,
) -> "torch.nn.Module":
    """Train all stages, or go on where their checkpoints in the folder are.

    Args:
        courses: of `STAGES`' names.
        encoder: Whisper's.
        sources: recordings, and their share of the utterances.
        development: recordings to measure on.
        folder: of checkpoints and log.
        seed: of weights, order and variations.
        configuration: the architecture, as wide as the encoder and with as many layers or more.
        start: a model file to start from in place of the encoder's weights.

    Returns:
        The student with the mean of its weights.
    """
    import torch

    torch.manual_seed(seed)
    student = make_student(configuration)
    if start is None:
        inherit(student, encoder)
    else:
        adopt(student, load_model(start))
    fitting = [(list(filter(has_room, recordings)), share) for recordings, share in sources]
    fitting = [(recordings, share) for recordings, share in fitting if recordings and share]
    if not fitting:
        raise ValueError("Nothing to train on: no recording has a length and a text that fit each other.")
    recordings, given = zip(*fitting, strict=True)
    shares = [share / sum(given) for share in given]

    layers = "wav2vec2.encoder.layers."
    front = ("wav2vec2.feature_extractor.", "wav2vec2.feature_projection.")
    for name, course in courses.items():
        if name == FRONT:
            trained = dict.fromkeys(front, 0.003)
        else:
            trained = {
                f"{layers}{index}.": course.inherited_rate if index < encoder.layers else course.new_rate
                for index in range(course.frozen_layers, configuration.num_hidden_layers)
            }
            trained |= {"wav2vec2.encoder.layer_norm": course.new_rate, "lm_head": course.new_rate}
            if course.front_rate:
                trained |= dict.fromkeys((*front, "wav2vec2.encoder.pos_conv_embed"), course.front_rate)
        student.dropout = course.dropout
        stage = Stage(name, folder, student, course, trained, muon=name == FRONT)
        # A stage draws the same whichever others run; a resumed one must not hear the same batches again. Masks have a
        # generator of their own, as batches are drawn ahead in a thread.
        seeds = seed, list(STAGES).index(name), stage.step
        generator, masks = np.random.default_rng((*seeds, 1)), np.random.default_rng((*seeds, 2))
        if name == FRONT:
            loss: Callable = FrontLoss(student, encoder, configuration)
            batches = _crop(recordings, shares, course, generator)
            heard = spread(development, FRONT_UTTERANCES)
            measure = partial(measure_front, student, encoder, configuration, heard)
        else:
            loss = partial(find_letters_loss, student=student, course=course, generator=masks)
            batches = _batch(recordings, shares, course, generator)
            measure = partial(measure_letters, student, development)
        stage.run(batches, loss, measure)
    return student


def _crop(
    sources: Sequence[Sequence[Recording]],
    shares: Sequence[float],
    course: Course,
    generator: np.random.Generator,
) -> Iterator[Batch]:
    def draw() -> Recording:
        recordings = sources[int(generator.choice(len(sources), p=shares))]
        return recordings[int(generator.integers(len(recordings)))]

    while True:
        yield make_crops(draw, seconds=course.seconds, generator=generator)


def _batch(
    sources: Sequence[Sequence[Recording]],
    shares: Sequence[float],
    course: Course,
    generator: np.random.Generator,
) -> Iterator[Batch]:
    every = [recording for recordings in sources for recording in recordings]
    for recordings in draw_batches(sources, shares, seconds=course.seconds, generator=generator):
        others = [every[index] for index in generator.integers(0, len(every), len(recordings))]
        batch = make_batch(recordings, others, generator=generator)
        if batch is not None:
            yield batch


def export(student: "torch.nn.Module", configuration: Wav2Vec2Configuration, path: Path) -> None:
    """Write a trained student as a model file, its numbers rounded to float16 and compressed.

    Args:
        student: as `train` returns it.
        configuration: its architecture.
        path: the `.h5` file.
    """
    tensors: dict[str, Any] = {
        name: value.astype(np.float16).astype(np.float32) for name, value in name_tensors(student).items()
    }
    from librispeech_clf.local.model.convert.conversion import convert_weights
    from librispeech_clf.local.model.graph import build_wav2vec2
    from librispeech_clf.local.model.save import save_model

    model = build_wav2vec2(configuration)
    convert_weights(model, tensors)
    save_model(model, path, vocabulary=bundled_vocabulary(), compressed=True)


if __name__ == "__main__":
    sys.exit(main())
