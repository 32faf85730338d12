"""What is trained on: real speech of an OpenSLR tree, of folders of recordings beside texts, and synthetic shards.

No utterance costs the run: those that cannot be trained on are left out, and named.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow
import pyarrow.parquet as parquet

from librispeech_clf.audio.reading import measure_length, read_waveform
from librispeech_clf.configuration import load_configuration
from librispeech_clf.corpus.schema import UNKNOWN, Split, Utterance
from librispeech_clf.ctc.frames import SAMPLING_RATE_HZ
from librispeech_clf.text.vocabulary import Vocabulary

MAKE_MATERIAL = "python -m librispeech_clf.development.synthesis.make_training_material"
SHARD_COLUMNS = ("id", "text", "samples", "sample_count")
SORTED_BATCHES = 40
"""So many batches' worth of recordings are drawn at once, and sorted by length, so that little is padding."""
JITTER_SAMPLES = 4000
"""Lengths that differ by less are mixed."""


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


@dataclass(frozen=True)
class Speech:
    """Utterances of one source.

    Attributes:
        recordings: in the source's order.
        left_out: why the others cannot be used, by utterance id.
    """

    recordings: tuple[Recording, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """All of it, in s."""
        return sum(recording.samples for recording in self.recordings) / SAMPLING_RATE_HZ


def list_speech(split: Split) -> Speech:
    """List a split's utterances; reads the audio's headers only."""
    return _list([split.utterance(utterance_id) for utterance_id in split.ids])


def list_pairs(folder: Path) -> Speech:
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


def list_shards(folder: Path) -> Speech:
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
    return Speech(tuple(recording for path in paths for recording in _read_shard(path)))


def _read_shard(path: Path) -> list[Recording]:
    try:
        table = parquet.read_table(path, columns=list(SHARD_COLUMNS))
        lacking = set(SHARD_COLUMNS) - set(table.column_names)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(
            f"{path}: not a readable Parquet file ({error}). Make it again with `{MAKE_MATERIAL}`."
        ) from error
    if lacking:
        raise ValueError(
            f"{path}: must have the columns {', '.join(SHARD_COLUMNS)}; it lacks {sorted(lacking)}."
        )

    def to_recording(row: dict) -> Recording:
        samples = np.frombuffer(row["samples"], "<i2")
        labels = bundled_vocabulary().encode(row["text"], utterance_id=row["id"])
        return Recording(
            row["id"], len(samples), labels, lambda: samples.astype(np.float32) / np.float32(32768)
        )

    return [to_recording(row) for row in table.to_pylist()]


def _list(utterances: Sequence[Utterance]) -> Speech:
    recordings: list[Recording] = []
    left_out: dict[str, str] = {}
    with ThreadPoolExecutor() as pool:
        for utterance, listed in zip(utterances, pool.map(_list_utterance, utterances), strict=True):
            if isinstance(listed, str):
                left_out[utterance.id] = listed
            else:
                recordings.append(listed)
    return Speech(tuple(recordings), left_out)


@cache
def bundled_vocabulary() -> Vocabulary:
    """Return the vocabulary of the bundled model, which is the one that is trained."""
    return load_configuration(environment={}).read_vocabulary()


def _list_utterance(utterance: Utterance) -> Recording | str:
    try:
        labels = bundled_vocabulary().encode(utterance.text, utterance_id=utterance.id)
        samples = round(measure_length(utterance) * SAMPLING_RATE_HZ)
    except (ValueError, OSError) as error:
        return str(error)
    if len(labels) == 0:
        return "an empty transcript"
    return Recording(
        utterance.id, samples, labels, lambda: read_waveform(utterance, sampling_rate=SAMPLING_RATE_HZ)
    )


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
            if (len(batches[-1]) + 1) * drawn[index].samples > 1.1 * seconds * SAMPLING_RATE_HZ and batches[
                -1
            ]:
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
