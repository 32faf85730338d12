"""The source `files`, and the Parquet files of other sources: custom recordings by configuration alone.

A subset `training` under the data root is one of:

    training.parquet or training/*.parquet     columns audio {bytes, path}, text, id, speaker_id, chapter_id
    training/metadata.csv (.tsv, .jsonl, .parquet)   columns file_name, text, ... beside the audio it names
    training/manifest.json (.jsonl)                  a NeMo manifest: a line {"audio_filepath", "text", ...} each
    training/wav.scp, text, utt2spk, training/*.stm  a Kaldi folder or STM files; see `corpus.text_tables`
    training.csv (.tsv, .jsonl, .json, .stm)         the same tables beside the folder; Common Voice's clips/ is found

or, where there is no such folder, a table in the data root itself. The second is the datasets library's folder format
(`audiofolder`); it is read here without that library's reader, which requires torchcodec and torch even when
audio stays undecoded.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow
import pyarrow.parquet

from librispeech_clf.atomic_write import LFS_POINTER
from librispeech_clf.corpus.columns import find_columns, locate, make_rows, tell
from librispeech_clf.corpus.index import file_state, open_index
from librispeech_clf.corpus.text_tables import (
    IGNORED,
    PLACE,
    RECORDINGS,
    Row,
    list_kaldi,
    read_kaldi,
    read_stm,
    read_text_table,
)

if TYPE_CHECKING:
    import datasets

METADATA_NAMES = (
    "metadata.csv", "metadata.tsv", "metadata.jsonl", "metadata.parquet", "manifest.jsonl", "manifest.json"
)  # fmt: skip
TABLE_ENDINGS = (".csv", ".tsv", ".jsonl", ".json", ".stm")
CLIPS = "clips"
"""Where Common Voice keeps the recordings that the tables beside it name."""
ROWS_PER_BATCH = 64
SHOWN_NAMES = 3
MOST_NAMED = 9
REMEDY = "move it there, or name its folder under corpus.audio_folders in config.yaml."


def open_subset(
    root: Path, subset: str, *, audio_folders: Sequence[Path] = (), columns: Mapping[str, str] | None = None
) -> datasets.Dataset:
    """Open a custom subset, a folder or table under the data root, memory-mapped, audio undecoded.

    Recordings may also be in `audio_folders`; `columns` as for `columns.make_rows`.

    Raises:
        FileNotFoundError: no table exists, or none of its recordings does.
        ValueError: there are several tables, a column is missing, or every recording is outside the folders.
    """
    root = root.absolute()
    folder = root / subset
    allowed = (root, folder, *audio_folders)
    endings = (*TABLE_ENDINGS, ".parquet")
    found = [table for ending in endings if (table := root / f"{subset}{ending}").is_file()]
    found += _list_tables(folder)
    if not found and not folder.exists():
        found = _list_tables(root)
        if found and found[0].suffix == ".parquet" and len(list(root.glob("*.parquet"))) > 1:
            found = []  # unclear which of them is meant
        if found:
            tell(f"{root}: holds no {subset}; its {found[0].name} is read instead.")
    if len(found) > 1:
        raise ValueError(
            f"{found[0]}: {found[1].relative_to(root)} is a table of the same subset {subset}; remove one of them."
        )
    if not found:
        others = [path.stem for ending in endings for path in root.glob(f"*{ending}")]
        others += [other.name for other in root.glob("*/") if _list_tables(other)]
        named = ", ".join(sorted(set(others))[:MOST_NAMED])
        known = f"; there are {named}, see --split and LIBRISPEECH_SUBSETS"
        raise FileNotFoundError(
            f"{folder}: the subset {subset} does not exist; expected {subset}.parquet, {subset}/*.parquet, "
            f"a table {subset}.csv ({', '.join(TABLE_ENDINGS[1:])}) or an audio folder {subset}/ with one of "
            f"{', '.join(METADATA_NAMES)}, {RECORDINGS}{known if others else ''}."
        )
    table = found[0]
    if table.suffix == ".parquet":
        is_shard = table.parent == folder and table.name not in METADATA_NAMES
        paths = sorted(folder.glob("*.parquet")) if is_shard else [table]
        return open_parquet(paths, audio_folders=allowed, columns=columns)
    is_kaldi = table.name == RECORDINGS
    sources = list_kaldi(table.parent) if is_kaldi else [table]
    if table.suffix == ".stm" and table.stem != subset:  # one per talk, as in TED-LIUM
        sources = sorted(table.parent.glob("*.stm"))

    doubts: list[str] = []

    def read_rows() -> Iterable[Row]:
        clips = table.with_name(CLIPS)
        bases = [clips] if table.name not in METADATA_NAMES and clips.is_dir() else []
        bases += [table.parent, *allowed] if is_kaldi or table.suffix == ".stm" else [table.parent, folder]
        if is_kaldi:
            raw = read_kaldi(table.parent)
        else:
            read = read_stm if table.suffix == ".stm" else read_text_table
            raw = [row for source in sources for row in read(source)]
        rows = make_rows(raw, place=str(table), folders=bases, columns={} if is_kaldi else columns)
        return refuse_when_none_is_there(
            _keep_allowed(_note_doubts(rows, doubts), allowed, str(table)), str(table)
        )

    state = [file_state(path) for path in sources], allowed, columns or None
    return open_index(table, state=state, rows=read_rows, is_certain=lambda: not doubts)


def _note_doubts(rows: Iterable[Row], doubts: list[str]) -> Iterator[Row]:
    """Pass rows on, and note those whose place, part or channel does not follow from their table alone."""
    for row in rows:
        path = row["audio"]["path"]
        if row.pop("by_header", False) or (
            path and row["audio"]["bytes"] is None and not os.path.isfile(path)
        ):
            doubts.append(row["id"])
        yield row


def _list_tables(folder: Path) -> list[Path]:
    """Return the tables in a folder, each a subset by itself; of STM or Parquet files, only the first."""
    tables = [folder / name for name in (*METADATA_NAMES, RECORDINGS)]
    tables += [path for form in ("*.stm", "*.parquet") for path in sorted(folder.glob(form))[:1]]
    return list(dict.fromkeys(table for table in tables if table.is_file()))


def open_parquet(
    paths: Sequence[Path], *, audio_folders: Sequence[Path] = (), columns: Mapping[str, str] | None = None
) -> datasets.Dataset:
    """Open Parquet files, in this order, as one dataset of the corpus schema, memory-mapped, audio undecoded.

    Recordings that they name may be in `audio_folders` or, without any, in the files' own folder. `columns` as for
    `columns.make_rows`.

    Raises:
        ValueError: a column is missing or of the wrong type, or every recording is outside the folders.
    """
    first = paths[0].absolute()
    folders = tuple(audio_folders) or (first.parent,)
    place = str(first if len(paths) == 1 else first.parent)
    doubts: list[str] = []

    def read_rows() -> Iterable[Row]:
        raw = [row for path in paths for row in _read_rows(path, columns or {})]
        contents = _read_contents(paths, columns or {})
        begun = list(islice(contents, ROWS_PER_BATCH))
        is_encoded = any(content is not None for content in begun)
        rows = make_rows(raw, place=place, folders=[first.parent], columns=columns, cut=is_encoded)
        found = _attach(rows, chain(begun, contents), [first.parent]) if is_encoded else rows
        return refuse_when_none_is_there(_keep_allowed(_note_doubts(found, doubts), folders, place), place)

    state = [file_state(path) for path in paths], folders, columns or None
    return open_index(first, state=state, rows=read_rows, is_certain=lambda: not doubts)


def refuse_when_none_is_there(rows: Iterable[Row], place: str) -> Iterator[Row]:
    """Pass rows on; a single missing recording fails later, by its utterance's name, when it is read.

    Raises:
        FileNotFoundError: none of the recordings that they name exists.
    """
    missing, is_any_there = None, False
    for row in rows:
        path = row["audio"]["path"]
        if not is_any_there and (path or row["audio"]["bytes"]):
            is_any_there = row["audio"]["bytes"] is not None or os.path.isfile(path)
            missing = missing or path
        yield row
    if missing and not is_any_there:
        raise FileNotFoundError(
            f"{missing}: {place} lists it, but neither it nor any other recording exists; restore them."
        )


def _keep_allowed(rows: Iterable[Row], folders: Sequence[Path], place: str) -> Iterator[Row]:
    """Remove from rows the paths that lead outside the folders; their utterances fail and say why.

    A table may come from anyone, and what it names is read, evaluated and embedded in a page that people send
    around. So a path that is absolute, climbs by `..` or leads out through a link is removed. Where there are
    bytes, the path is not read and may be anything. If the folders themselves are links, they are followed.

    Raises:
        ValueError: every recording is outside the folders.
    """
    roots = [os.path.realpath(folder).rstrip(os.sep) + os.sep for folder in folders]
    outside: list[str] = []
    count = ignored = 0
    for row in rows:
        if row.pop("ignored"):
            ignored += 1
            continue
        count += 1
        path = row["audio"]["path"]
        if path and row["audio"]["bytes"] is None and not _follow_links(path).startswith(tuple(roots)):
            outside.append(path)
            row["problem"] = f"{place} names its recording outside {folders[0]} ({path!r}); {REMEDY}"
            row["audio"] = {"bytes": None, "path": None}
        yield row
    if ignored:
        tell(f"{place}: {ignored} rows say {IGNORED}; they are left out.")
    if outside and len(outside) == count:
        shown = ", ".join(repr(path) for path in outside[:SHOWN_NAMES])
        raise ValueError(
            f"{place}: every recording lies outside {folders[0]}: {shown}"
            f"{', ...' if len(outside) > SHOWN_NAMES else ''}; {REMEDY}"
        )


def _follow_links(path: str) -> str:
    """Return where a path leads; one that no file can have is returned unchanged, and is missing when it is read."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return os.path.normpath(path)


def _attach(rows: Sequence[Row], contents: Iterable[bytes | None], folders: Sequence[Path]) -> Iterator[Row]:
    """Yield rows with their encoded audio; where it is missing, the path counts."""
    for row, content in zip(rows, contents, strict=True):
        path = row["audio"]["path"]
        row["audio"] = {"bytes": content, "path": locate(path, folders) if content is None else path}
        yield row


def _read_rows(path: Path, columns: Mapping[str, str]) -> Iterator[Row]:
    """Yield a Parquet file's rows without encoded audio and without columns of lists, records and bytes."""
    types = pyarrow.types
    with _named(path), pyarrow.parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        if twice := [name for number, name in enumerate(schema.names) if name in schema.names[:number]]:
            raise ValueError(f"{path}: the column {twice[0]} occurs more than once; keep one of them.")
        found = find_columns(schema.names, columns, place=str(path))
        kind = schema.field(found["audio"]).type
        wanted = [
            field.name
            for field in schema
            if field.name == found.get("text")
            or not any(test(field.type) for test in (types.is_nested, types.is_binary, types.is_large_binary))
        ]
        text = schema.field(found["text"]).type if "text" in found else pyarrow.string()
        references = text.value_type if types.is_list(text) or types.is_large_list(text) else None
        if not (_is_text(references or text) or (types.is_primitive(text) and references is None)):
            raise ValueError(f"{path}: {found['text']}: expected string, got {text}.")
        if types.is_struct(kind):
            parts = [field.name for field in kind]
            if "array" in parts and "bytes" not in parts:
                raise ValueError(
                    f"{path}: {found['audio']}: holds decoded samples (array, sampling_rate), not files; "
                    "cast the column with datasets.Audio(decode=False) before it is saved."
                )
            wanted += [f"{found['audio']}.path"] if "path" in parts else []
        elif found["audio"] in wanted and not _is_text(kind):
            raise ValueError(f"{path}: {found['audio']}: expected binary, got {kind}.")
        for number, row in enumerate(file.read(columns=wanted).to_pylist()):
            yield {found["audio"]: None, **row, PLACE: (path, number)}


def _read_contents(paths: Sequence[Path], columns: Mapping[str, str]) -> Iterator[bytes | None]:
    """Yield the encoded audio of Parquet files; None where they name paths."""
    for path in paths:
        with _named(path), pyarrow.parquet.ParquetFile(path) as file:
            name = find_columns(file.schema_arrow.names, columns, place=str(path))["audio"]
            kind = file.schema_arrow.field(name).type
            if _is_text(kind) or (pyarrow.types.is_struct(kind) and kind.get_field_index("bytes") < 0):
                return
            # One row group at a time: pyarrow keeps what it has read until the iterator ends.
            for group in range(file.num_row_groups):
                for batch in file.iter_batches(batch_size=ROWS_PER_BATCH, row_groups=[group], columns=[name]):
                    audio = batch.column(0)
                    if pyarrow.types.is_struct(kind):
                        audio = audio.flatten()[audio.type.get_field_index("bytes")]
                    yield from audio.to_pylist()


def _is_text(kind: pyarrow.DataType) -> bool:
    types = pyarrow.types
    kind = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Add the file's name and a remedy to what pyarrow says about a Parquet file."""
    try:
        yield
    except pyarrow.ArrowException as error:
        with path.open("rb") as file:
            pointer = file.read(len(LFS_POINTER)) == LFS_POINTER
        reason = "it is a Git LFS pointer" if pointer else str(error).splitlines()[0].strip(" .")
        remedy = "get it with `git lfs pull`" if pointer else "restore the file"
        raise ValueError(f"{path}: cannot be read as parquet ({reason}); {remedy}.") from error
