"""What is trained on: real speech of an OpenSLR tree beside synthetic shards, mixed by share, epoch by epoch.

An epoch holds every real utterance once and as much synthetic speech as the share asks for, the shards taken in turn:
only those of one epoch are in memory. Real audio is read batch by batch. No utterance costs the run: those that
cannot be trained on are left out, and named.
"""

import hashlib
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet as parquet

from librispeech_clf.audio.reading import measure_length, read_waveform
from librispeech_clf.corpus.schema import Split, Utterance
from librispeech_clf.ctc.frames import SAMPLING_RATE_HZ
from librispeech_clf.development.training.batches import Recording
from librispeech_clf.text.plain_text import escape_unprintable
from librispeech_clf.text.vocabulary import encode

SYNTHETIC_HOURS = 8.0
"""Most synthetic speech of an epoch without real speech, in hours: 1 GB in memory."""
SHARD_COLUMNS = ("id", "text", "samples", "sample_count")
MOST_HELD_OUT = 0.1
"""Share of the material that may be held out to measure the error rate on."""
SHOWN = 3


@dataclass(frozen=True)
class Speech:
    """Real utterances that can be trained on.

    Attributes:
        recordings: in the corpus's order.
        left_out: why the others cannot, by utterance id.
    """

    recordings: tuple[Recording, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """All of it, in s."""
        return sum(recording.samples for recording in self.recordings) / SAMPLING_RATE_HZ


@dataclass(frozen=True)
class Shards:
    """Shards of `make_training_material` as one long row of recordings.

    Attributes:
        paths: of the parquet files.
        lengths: for each shard the samples of its recordings, int (count,).
    """

    paths: tuple[Path, ...] = ()
    lengths: tuple[np.ndarray, ...] = ()

    @property
    def seconds(self) -> float:
        """All of it, in s."""
        return float(sum(lengths.sum() for lengths in self.lengths)) / SAMPLING_RATE_HZ

    def read_window(self, start_s: float, end_s: float) -> list[Recording]:
        """Read the recordings that begin in a window of the row, which starts again after its end.

        Args:
            start_s: begin of the window, s from the row's begin, 0 or more.
            end_s: its end, s.
        """
        laps = range(int(start_s // self.seconds), int(end_s // self.seconds) + 1)
        ends = np.cumsum([0.0, *(lengths.sum() / SAMPLING_RATE_HZ for lengths in self.lengths)])
        found: list[Recording] = []
        for lap, (index, lengths) in itertools.product(laps, enumerate(self.lengths)):
            begins = lap * self.seconds + ends[index] + (np.cumsum(lengths) - lengths) / SAMPLING_RATE_HZ
            rows = np.flatnonzero((begins >= start_s) & (begins < end_s))
            if len(rows):
                found += read_shard(self.paths[index], rows)
        return found


@dataclass(frozen=True)
class Material:
    """Real and synthetic speech.

    Attributes:
        speech: real utterances.
        shards: synthetic ones.
        share: of real speech in an epoch's audio, in (0, 1]; without one of the two it does not count.
        fits: whether so many samples have room for these labels.
    """

    speech: Speech
    shards: Shards
    share: float
    fits: Callable[[int, np.ndarray], bool]

    def epoch(self, number: int) -> list[Recording]:
        """Return the recordings of an epoch; they depend on its number alone.

        Raises:
            ValueError: there is nothing to train on.
        """
        seconds = self.synthetic_seconds
        synthetic = self.shards.read_window(number * seconds, (number + 1) * seconds) if seconds else []
        recordings = [*self.speech.recordings, *(r for r in synthetic if self.fits(r.samples, r.labels))]
        if not recordings:
            raise ValueError(f"Nothing to train on: {'; '.join(self.notes()) or 'no utterance at all'}.")
        return recordings

    @property
    def synthetic_seconds(self) -> float:
        """Synthetic speech of an epoch, s."""
        if not self.shards.seconds:
            return 0.0
        if not self.speech.recordings:
            return min(self.shards.seconds, SYNTHETIC_HOURS * 3600)
        return self.speech.seconds * (1 - self.share) / self.share

    def describe(self) -> dict[str, Any]:
        """Return what a checkpoint and the training record tell of the material; another one has another digest."""
        digest = hashlib.sha256()
        for recording in self.speech.recordings:
            digest.update(f"{recording.utterance_id} {recording.samples}\n".encode())
        for path, lengths in zip(self.shards.paths, self.shards.lengths, strict=True):
            digest.update(f"{path.name} {lengths.tolist()}\n".encode())
        return {
            "real_utterances": len(self.speech.recordings),
            "real_hours": round(self.speech.seconds / 3600, 3),
            "left_out": len(self.speech.left_out),
            "synthetic_hours": round(self.shards.seconds / 3600, 3),
            "share": self.share,
            "digest": digest.hexdigest()[:16],
        }

    def notes(self) -> list[str]:
        """Return what a reader should know before the training starts: what was left out, and why."""
        left_out = self.speech.left_out
        if not left_out:
            return []
        shown = "; ".join(f"{name}: {reason}" for name, reason in itertools.islice(left_out.items(), SHOWN))
        more = f"; and {len(left_out) - SHOWN} more" if len(left_out) > SHOWN else ""
        count = len(left_out) + len(self.speech.recordings)
        return [escape_unprintable(f"{len(left_out)} of {count} utterances left out: {shown}{more}")]


def list_speech(
    split: Split, *, fits: Callable[[int, np.ndarray], bool], longest_s: float = np.inf
) -> Speech:
    """List a split's utterances; reads the audio's headers only.

    Args:
        split: real speech.
        fits: whether so many samples have room for these labels.
        longest_s: longer utterances are left out, s.
    """
    utterances = [split.utterance(utterance_id) for utterance_id in split.ids]
    recordings: list[Recording] = []
    left_out: dict[str, str] = {}
    with ThreadPoolExecutor() as pool:
        for utterance, listed in zip(utterances, pool.map(_list_utterance, utterances), strict=True):
            if isinstance(listed, str):
                left_out[utterance.id] = listed
            elif reason := _refuse(listed, fits, longest_s):
                left_out[utterance.id] = reason
            else:
                recordings.append(listed)
    return Speech(tuple(recordings), left_out)


def _list_utterance(utterance: Utterance) -> Recording | str:
    try:
        labels = encode(utterance.text, utterance_id=utterance.id)
        samples = round(measure_length(utterance) * SAMPLING_RATE_HZ)
    except (ValueError, OSError) as error:
        return str(error)
    return Recording(
        utterance.id, samples, labels, lambda: read_waveform(utterance, sampling_rate=SAMPLING_RATE_HZ)
    )


def _refuse(recording: Recording, fits: Callable[[int, np.ndarray], bool], longest_s: float) -> str | None:
    seconds = recording.samples / SAMPLING_RATE_HZ
    if seconds > longest_s:
        return f"{seconds:.1f} s of audio, the limit is longest_s = {longest_s:g}"
    if len(recording.labels) == 0:
        return "an empty transcript"
    if not fits(recording.samples, recording.labels):
        return f"{len(recording.labels)} letters in {seconds:.2f} s of audio, more than it has room for"
    return None


def list_shards(folder: Path, *, most: int | None = None) -> Shards:
    """List the shards of `make_training_material` in a folder.

    Args:
        folder: holds `training-*.parquet`.
        most: take only so many.

    Raises:
        FileNotFoundError: the folder holds no shard.
        ValueError: a file is damaged or lacks a column.
    """
    paths = tuple(sorted(folder.glob("training-*.parquet"))[:most])
    if not paths:
        raise FileNotFoundError(
            f"{folder} holds no training-*.parquet; make them with `poetry run make-training-material --out {folder}`."
        )
    return Shards(paths, tuple(map(_read_lengths, paths)))


def _read_lengths(shard: Path) -> np.ndarray:
    """Read how many samples each recording of a shard has, int64 (count,)."""
    try:
        with parquet.ParquetFile(shard) as file:
            lacking = [name for name in SHARD_COLUMNS if name not in file.schema_arrow.names]
            if lacking:
                raise ValueError(
                    f"{shard}: must have the columns {', '.join(SHARD_COLUMNS)}; it lacks {', '.join(lacking)}. "
                    "Make shards with `poetry run make-training-material`, or take the file out of the folder."
                )
            return file.read(columns=["sample_count"])["sample_count"].to_numpy().astype(np.int64)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(
            f"{shard}: not a readable Parquet file ({error}). Make it again with `poetry run make-training-material`."
        ) from error


def read_shard(path: Path, rows: np.ndarray) -> list[Recording]:
    """Read recordings of one shard: columns id, text, samples (int16 bytes at 16 kHz).

    Args:
        path: the parquet file.
        rows: int (count,), which ones.
    """
    table = parquet.read_table(path, columns=["id", "text", "samples"]).take(rows)
    return [_to_recording(row) for row in table.to_pylist()]


def _to_recording(row: dict[str, Any]) -> Recording:
    samples = np.frombuffer(row["samples"], "<i2")
    labels = encode(row["text"], utterance_id=row["id"])
    return Recording(row["id"], len(samples), labels, lambda: samples.astype(np.float32) / np.float32(32768))


def hold_out(material: Material, count: int) -> tuple[Material, list[Recording]]:
    """Take recordings out of the material to measure the error rate on: of the last shard, else of the real speech.

    Their speakers are trained on, so the rate tells how training goes, not how well strangers are heard.

    Args:
        material: of the training.
        count: how many; at most `MOST_HELD_OUT` of all are taken.

    Returns:
        The material without them, and them.
    """
    if material.shards.paths:
        lengths = material.shards.lengths[-1]
        kept = len(lengths) - min(count, int(len(lengths) * MOST_HELD_OUT))
        held = read_shard(material.shards.paths[-1], np.arange(kept, len(lengths)))
        shards = Shards(material.shards.paths, (*material.shards.lengths[:-1], lengths[:kept]))
        return replace(material, shards=shards), held
    recordings = material.speech.recordings
    held = spread(recordings, min(count, int(len(recordings) * MOST_HELD_OUT)))
    names = {recording.utterance_id for recording in held}
    others = tuple(recording for recording in recordings if recording.utterance_id not in names)
    return replace(material, speech=replace(material.speech, recordings=others)), held


def spread(recordings: Sequence[Recording], count: int) -> list[Recording]:
    """Choose recordings evenly over a list, and so over its speakers.

    Args:
        recordings: to choose from.
        count: how many; all where there are no more.
    """
    if count >= len(recordings):
        return list(recordings)
    return [recordings[index * len(recordings) // count] for index in range(count)]
