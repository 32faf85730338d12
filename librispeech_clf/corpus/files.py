"""Source files, and the parquet files of the other sources: own recordings by configuration alone.

A subset `training` under the data root is one of:

    training.parquet or training/*.parquet     columns audio {bytes, path}, text, id, speaker_id, chapter_id
    training/metadata.csv (.tsv, .jsonl, .parquet)   columns file_name, text, ... beside the audio it names
    training/manifest.json (.jsonl)                  a NeMo manifest: a line {"audio_filepath", "text", ...} each
    training/wav.scp, text, utt2spk                  a Kaldi folder; see `corpus.kaldi`
    training.csv (.tsv, .jsonl, .json)               the same tables beside the folder; Common Voice's clips/ is found

The second is the folder form of the datasets library (`audiofolder`); it is read here without that library's
reader, which wants torchcodec and torch even when audio stays undecoded.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow
import pyarrow.parquet

from librispeech_clf.atomic_write import LFS_POINTER
from librispeech_clf.corpus import kaldi
from librispeech_clf.corpus.columns import to_corpus_table
from librispeech_clf.corpus.confinement import confine
from librispeech_clf.corpus.index import file_state, open_index
from librispeech_clf.corpus.text_tables import read_text_table

if TYPE_CHECKING:
    import datasets

METADATA_NAMES = (
    "metadata.csv", "metadata.tsv", "metadata.jsonl", "metadata.parquet", "manifest.jsonl", "manifest.json"
)  # fmt: skip
TABLE_ENDINGS = (".csv", ".tsv", ".jsonl", ".json")
CLIPS = "clips"
"""Where Common Voice keeps the recordings that the tables beside it name."""
ROWS_PER_BATCH = 64


def open_subset(
    root: Path, subset: str, *, audio_folders: Sequence[Path] = (), columns: Mapping[str, str] | None = None
) -> datasets.Dataset:
    """Opens an own subset, memory-mapped, audio undecoded.

    Args:
        root: The data root.
        subset: A folder's or parquet file's name under it.
        audio_folders: Where recordings may lie besides the data root.
        columns: As for `columns.to_corpus_table`.

    Raises:
        FileNotFoundError: Neither parquet files nor an audio folder are there, or no recording is.
        ValueError: A column is missing or of the wrong type, or every recording lies elsewhere.
    """
    folder = root.absolute() / subset
    audio_folders = (root.absolute(), folder, *audio_folders)
    tables = [folder / name for name in METADATA_NAMES]
    tables += [folder.with_name(f"{folder.name}{ending}") for ending in TABLE_ENDINGS]
    for table in tables:
        if table.is_file():
            return open_audio_folder(table, audio_folders=audio_folders, columns=columns)
    if (folder / kaldi.RECORDINGS).is_file():
        return open_kaldi_folder(folder, audio_folders=audio_folders)
    single = folder.with_name(f"{folder.name}.parquet")
    paths = [single] if single.is_file() else sorted(folder.glob("*.parquet"))
    if not paths:
        raise FileNotFoundError(
            f"{folder}: the subset {subset} is not there; expected {single.name}, {subset}/*.parquet, "
            f"a table {subset}.csv (.tsv, .jsonl, .json) or an audio folder {subset}/ with one of "
            f"{', '.join(METADATA_NAMES)}, {kaldi.RECORDINGS}."
        )
    return open_parquet(paths, audio_folders=audio_folders, columns=columns)


def open_parquet(
    paths: Sequence[Path], *, audio_folders: Sequence[Path] = (), columns: Mapping[str, str] | None = None
) -> datasets.Dataset:
    """Opens parquet files as one dataset of the corpus schema, memory-mapped, audio undecoded.

    Args:
        paths: The files, in order.
        audio_folders: Where recordings may lie that the files name; their own folder where none is given.
        columns: As for `columns.to_corpus_table`.

    Raises:
        ValueError: A column is missing or of the wrong type, or every recording lies elsewhere.
    """
    folders = tuple(audio_folders) or (paths[0].absolute().parent,)
    state = [file_state(path) for path in paths], folders, columns or None
    tables = confine(_parquet_tables(paths, columns), folders=folders, place=_name_files(paths))
    return open_index(paths[0].absolute(), state=state, tables=tables)


def open_audio_folder(
    metadata: Path, *, audio_folders: Sequence[Path], columns: Mapping[str, str] | None
) -> datasets.Dataset:
    """Opens a folder of audio files by its metadata file, memory-mapped, audio as paths.

    Args:
        metadata: The metadata file.
        audio_folders: Where its recordings may lie; at least one.
        columns: As for `columns.to_corpus_table`.

    Raises:
        FileNotFoundError: No recording is there.
        ValueError: A column is missing or of the wrong type, or every recording lies elsewhere.
    """
    state = file_state(metadata), tuple(audio_folders), columns or None
    tables = confine(_folder_tables(metadata, columns), folders=audio_folders, place=str(metadata))
    return open_index(metadata, state=state, tables=refuse_when_none_is_there(tables, str(metadata)))


def open_kaldi_folder(folder: Path, *, audio_folders: Sequence[Path]) -> datasets.Dataset:
    """Opens a Kaldi folder, memory-mapped, audio as paths.

    Args:
        folder: It holds wav.scp and text.
        audio_folders: As for `open_audio_folder`; paths of wav.scp may start at any of them.

    Raises:
        FileNotFoundError: There is no `text`, or no recording is there.
        ValueError: The folder has `segments`, or every recording lies elsewhere.
    """
    table = kaldi.read_folder(folder, bases=audio_folders)
    tables = confine([table], folders=audio_folders, place=str(folder))
    state = [file_state(path) for path in kaldi.list_files(folder)], tuple(audio_folders)
    return open_index(folder, state=state, tables=refuse_when_none_is_there(tables, str(folder)))


def refuse_when_none_is_there(tables: Iterable[pyarrow.Table], place: str) -> Iterator[pyarrow.Table]:
    """Passes tables on; a single recording that is not there fails by its utterance's name when it is read.

    Args:
        tables: Of the corpus schema.
        place: Where they come from, for the message.

    Raises:
        FileNotFoundError: None of the recordings that they name is there.
    """
    missing, is_any_there = None, False
    for table in tables:
        audio = table.column("audio").combine_chunks()
        for path in filter(None, audio.field("path").to_pylist()) if not is_any_there else ():
            is_any_there = is_any_there or os.path.isfile(path)
            missing = missing or path
        yield table
    if missing and not is_any_there:
        raise FileNotFoundError(
            f"{missing}: {place} lists it, but neither it nor another recording is there; restore them."
        )


def _parquet_tables(paths: Sequence[Path], columns: Mapping[str, str] | None) -> Iterator[pyarrow.Table]:
    for path in paths:
        first_row = 0
        with _named(path), pyarrow.parquet.ParquetFile(path) as file:
            # One row group after the other: pyarrow keeps what it has read until the iterator ends.
            for group in range(file.num_row_groups):
                for batch in file.iter_batches(batch_size=ROWS_PER_BATCH, row_groups=[group]):
                    table = pyarrow.Table.from_batches([batch])
                    yield to_corpus_table(
                        table, place=str(path), folder=path.parent, first_row=first_row, columns=columns
                    )
                    first_row += len(batch)


def _name_files(paths: Sequence[Path]) -> str:
    return str(paths[0] if len(paths) == 1 else paths[0].parent)


def _folder_tables(metadata: Path, columns: Mapping[str, str] | None) -> Iterator[pyarrow.Table]:
    clips = metadata.with_name(CLIPS)
    folder = clips if metadata.name not in METADATA_NAMES and clips.is_dir() else metadata.parent
    yield to_corpus_table(_read_metadata(metadata), place=str(metadata), folder=folder, columns=columns)


def _read_metadata(path: Path) -> pyarrow.Table:
    if path.suffix == ".parquet":
        with _named(path):
            return pyarrow.parquet.read_table(path)
    return read_text_table(path)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Gives what pyarrow says about a parquet file the file's name and a remedy."""
    try:
        yield
    except pyarrow.ArrowException as error:
        with path.open("rb") as file:
            pointer = file.read(len(LFS_POINTER)) == LFS_POINTER
        reason = "a Git LFS pointer stands for it" if pointer else str(error).splitlines()[0].strip(" .")
        remedy = "get it with `git lfs pull`" if pointer else "restore the file"
        raise ValueError(f"{path}: cannot be read as parquet ({reason}); {remedy}.") from error
