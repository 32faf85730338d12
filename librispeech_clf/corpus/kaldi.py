"""A Kaldi data folder as a corpus table: wav.scp, text and, where they are there, utt2spk and other utt2... files.

wav.scp       utt-0001 wavs/utt-0001.wav        a path; a command (with | at its end) is never run
text          utt-0001 HE HOPED THERE WOULD BE
utt2spk       utt-0001 speaker-7
utt2dur, ...  utt-0001 3.5                      a further column, here `dur`
spk2gender    speaker-7 f                       a further column, `gender`
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow

from librispeech_clf.corpus.fields import write_fields
from librispeech_clf.corpus.schema import UNKNOWN, dataset_features
from librispeech_clf.corpus.text_tables import decode_text

RECORDINGS, TRANSCRIPTS, SPEAKERS, SEGMENTS, GENDERS = "wav.scp", "text", "utt2spk", "segments", "spk2gender"
_IN_ARCHIVE = re.compile(r".*\.ark:\d+$")


def list_files(folder: Path) -> list[Path]:
    """The files of a Kaldi folder that say something of its utterances."""
    fixed = [folder / name for name in (RECORDINGS, TRANSCRIPTS, GENDERS)]
    return [path for path in [*fixed, *sorted(folder.glob("utt2*"))] if path.is_file()]


def read_folder(folder: Path, *, bases: Sequence[Path]) -> pyarrow.Table:
    """Reads a Kaldi folder into a table of the corpus schema; an utterance that lacks something tells what.

    Args:
        folder: It holds wav.scp.
        bases: Where relative paths may start, besides the folder itself.

    Raises:
        FileNotFoundError: There is no `text`.
        ValueError: There are `segments`, or a file is not UTF-8.
    """
    if (folder / SEGMENTS).is_file():
        raise ValueError(
            f"{folder / SEGMENTS}: utterances that are parts of a recording are not read; cut them into files first, "
            "for example with Kaldi's utils/data/extract_wav_segments_data_dir.sh."
        )
    if not (folder / TRANSCRIPTS).is_file():
        raise FileNotFoundError(
            f"{folder / TRANSCRIPTS}: a line 'utterance TRANSCRIPT' each is needed; add it."
        )
    texts = _read_lines(folder / TRANSCRIPTS)
    sources = dict(_read_lines(folder / RECORDINGS))
    tables = {path.name: dict(_read_lines(path)) for path in list_files(folder)[2:]}
    known = {name for name, _ in texts}
    untold = [(name, None) for name in sources if name not in known]
    rows = [
        _make_row(folder, bases, name, text, sources.get(name), tables) for name, text in [*texts, *untold]
    ]
    return pyarrow.Table.from_pylist(rows, schema=dataset_features().arrow_schema)


def _make_row(
    folder: Path,
    bases: Sequence[Path],
    name: str,
    text: str | None,
    source: str | None,
    tables: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    speaker = tables.get(SPEAKERS, {}).get(name, UNKNOWN)
    fields = {
        path.removeprefix("utt2"): values.get(name)
        for path, values in tables.items()
        if path not in (SPEAKERS, GENDERS)
    }
    gender = tables.get(GENDERS, {}).get(speaker)
    problem = _find_problem(folder, text, source)
    return {
        "id": name,
        "audio": {"bytes": None, "path": None if problem else _find_file(source or "", [folder, *bases])},
        "text": text or "",
        "speaker_id": speaker,
        "chapter_id": UNKNOWN,
        "fields": write_fields({**fields, "gender": gender}),
        "problem": problem,
    }


def _find_problem(folder: Path, text: str | None, source: str | None) -> str | None:
    if text is None:
        return f"{folder / TRANSCRIPTS} has no line for it; add its transcript."
    if not source:
        return f"{folder / RECORDINGS} has no line for it; add its recording's path."
    if source.endswith("|"):
        return (
            f"{folder / RECORDINGS} has a command, which is never run ({source}); write its output to a file."
        )
    if _IN_ARCHIVE.match(source):
        return f"{folder / RECORDINGS} names a place in an archive, which is not read ({source}); write it to a file."
    return None


def _find_file(source: str, bases: Sequence[Path]) -> str:
    places = [base / source for base in bases]
    return str(next((place for place in places if place.is_file()), places[0]))


def _read_lines(path: Path) -> list[tuple[str, str]]:
    """The first word of each line and the rest."""
    pairs = (line.strip().partition(" ") for line in decode_text(path).replace("\t", " ").split("\n"))
    return [(name, rest.strip()) for name, _, rest in pairs if name]
