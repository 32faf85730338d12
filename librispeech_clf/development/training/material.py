"""What is trained on: real speech of an OpenSLR tree, of folders of recordings beside texts, and synthetic shards.

No utterance costs the run: those that cannot be trained on are left out with a warning.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow
import pyarrow.parquet as parquet

from librispeech_clf.audio.reading import measure_length, read_waveform
from librispeech_clf.configuration import load_configuration
from librispeech_clf.corpus.load import load_split
from librispeech_clf.corpus.schema import UNKNOWN, Utterance
from librispeech_clf.ctc.frames import SAMPLING_RATE_HZ
from librispeech_clf.text.vocabulary import Vocabulary

MAKE_MATERIAL = "python -m librispeech_clf.development.synthesis.make_training_material"
SHARD_COLUMNS = ("id", "text", "samples", "sample_count")
SORTED_BATCHES = 40
"""So many batches' worth of recordings are drawn at once, and sorted by length, so that little is padding."""
JITTER_SAMPLES = 4000
"""Lengths that differ by less are mixed."""


KEPT_HOURS = 30
"""So much of a source stays in memory once decoded, 230 MB an hour; a larger one is read again in every pass."""


class Recording(NamedTuple):
    """One utterance, its audio read when it is needed.

    Attributes:
        utterance_id: its name.
        samples: N, at 16 kHz.
        labels: int32 (L,).
        read: returns the waveform, float32 (N,) in [-1, 1]; raises ValueError or OSError where that cannot be.
    """

    utterance_id: str
    samples: int
    labels: np.ndarray
    read: Callable[[], np.ndarray]


def list_speech(root: Path, subset: str) -> list[Recording]:
    """List the utterances of a subset of an OpenSLR tree; reads the audio's headers only.

    Args:
        root: the folder that contains `LibriSpeech/`, or that folder itself.
        subset: such as "train-clean-100".
    """
    configuration = load_configuration().with_corpus(
        source="openslr", root=root, subsets_by_state={"training": [subset]}
    )
    split = load_split(configuration.corpus, "training")
    return _list(list(split.utterances()))


def list_pairs(folder: Path) -> list[Recording]:
    """List the recordings of a folder, NAME.wav or NAME.flac beside NAME.txt, in it and below it; others are not seen.

    Raises:
        FileNotFoundError: there is none.
    """
    found = sorted(path for path in folder.rglob("*.*") if path.suffix in (".wav", ".flac"))
    texts = {path: path.with_suffix(".txt") for path in found if path.with_suffix(".txt").is_file()}
    if not texts:
        raise FileNotFoundError(f"{folder} holds no .wav or .flac with its text in a .txt of the same name.")
    return _list(
        [
            Utterance(path.stem, text.read_text("utf-8"), UNKNOWN, UNKNOWN, None, str(path))
            for path, text in texts.items()
        ]
    )


def _list(utterances: Sequence[Utterance]) -> list[Recording]:
    with ThreadPoolExecutor() as pool:
        recordings = [found for found in pool.map(_open_or_warn, utterances) if found is not None]
    if sum(recording.samples for recording in recordings) > KEPT_HOURS * 3600 * SAMPLING_RATE_HZ:
        return recordings
    return [Recording(*recording[:-1], cache(recording.read)) for recording in recordings]


def _open_or_warn(utterance: Utterance) -> Recording | None:
    try:
        labels = bundled_vocabulary().encode(utterance.text, utterance_id=utterance.id)
        samples = round(measure_length(utterance) * SAMPLING_RATE_HZ)
        if len(labels) == 0:
            raise ValueError(f"{utterance.id}: an empty transcript.")
    except (ValueError, OSError) as error:
        warnings.warn(f"{error} It is left out.", stacklevel=2)
        return None
    read = partial(read_waveform, utterance, sampling_rate=SAMPLING_RATE_HZ)
    return Recording(utterance.id, samples, labels, read)


def list_shards(folder: Path) -> list[Recording]:
    """Read the shards of `synthesis.make_training_material`: all of their audio stays in memory, 115 MB an hour.

    Args:
        folder: holds `training-*.parquet`: columns id, text, samples (int16 bytes at 16 kHz).

    Raises:
        FileNotFoundError: the folder holds no shard.
        ValueError: a file is damaged or lacks a column.
    """
    paths = sorted(folder.glob("training-*.parquet"))
    if not paths:
        raise FileNotFoundError(
            f"{folder} holds no training-*.parquet; make them with `{MAKE_MATERIAL} --out {folder}`."
        )
    recordings = []
    for path in paths:
        try:
            table = parquet.read_table(path, columns=list(SHARD_COLUMNS))
        except (pyarrow.ArrowException, OSError) as error:
            raise ValueError(
                f"{path}: not a readable Parquet file ({error}). Make it again with `{MAKE_MATERIAL}`."
            ) from error
        if lacking := set(SHARD_COLUMNS) - set(table.column_names):
            raise ValueError(
                f"{path}: must have the columns {', '.join(SHARD_COLUMNS)}; it lacks {sorted(lacking)}."
            )
        for row in table.to_pylist():
            samples = np.frombuffer(row["samples"], "<i2")
            labels = bundled_vocabulary().encode(row["text"], utterance_id=row["id"])
            recordings.append(Recording(row["id"], len(samples), labels, partial(_to_float, samples)))
    return recordings


def _to_float(samples: np.ndarray) -> np.ndarray:
    return samples.astype(np.float32) / np.float32(32768)


@cache
def bundled_vocabulary() -> Vocabulary:
    """Return the vocabulary of the bundled model, which is the one that is trained."""
    return load_configuration(environment={}).read_vocabulary()


def draw_batches(
    sources: Sequence[Sequence[Recording]],
    shares: Sequence[float],
    *,
    seconds: float,
    generator: np.random.Generator,
) -> Iterator[list[Recording]]:
    """Draw batches without end: each source in its own shuffled order, again and again.

    Args:
        sources: none of them empty.
        shares: of the utterances that come from each, summing to 1.
        seconds: of audio in a batch, padding included; a tenth more at most.
        generator: decides.
    """
    waiting: list[list[int]] = [[] for _ in sources]
    while True:
        drawn: list[Recording] = []
        lacking = SORTED_BATCHES * seconds * SAMPLING_RATE_HZ
        while lacking > 0:
            source = int(generator.choice(len(sources), p=shares))
            if not waiting[source]:
                waiting[source] = list(generator.permutation(len(sources[source])))
            drawn.append(sources[source][waiting[source].pop()])
            lacking -= drawn[-1].samples
        lengths = np.array([recording.samples for recording in drawn])
        order = np.argsort(lengths + generator.uniform(0, JITTER_SAMPLES, len(drawn)))
        batches: list[list[Recording]] = [[]]
        for index in order:
            padded = (len(batches[-1]) + 1) * drawn[index].samples
            if batches[-1] and padded > 1.1 * seconds * SAMPLING_RATE_HZ:
                batches.append([])
            batches[-1].append(drawn[index])
        yield from (batches[index] for index in generator.permutation(len(batches)))


def read_or_warn(recording: Recording) -> np.ndarray | None:
    """Return a recording's waveform, float32 (N,); None with a warning where it cannot be read."""
    try:
        return recording.read()
    except (ValueError, OSError) as error:
        warnings.warn(f"{error} It is left out.", stacklevel=2)
        return None


def spread(recordings: Sequence[Recording], count: int) -> list[Recording]:
    """Choose recordings evenly over a list, and so over its speakers.

    Args:
        recordings: to choose from.
        count: how many; all where there are no more.
    """
    if count >= len(recordings):
        return list(recordings)
    return [recordings[index * len(recordings) // count] for index in range(count)]
