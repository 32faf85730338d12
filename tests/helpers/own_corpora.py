"""Miniature corpora: a tree in LibriSpeech's layout, made of tones, and tables of people's own; their splits."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from librispeech_clf.audio.reading import read_waveform
from librispeech_clf.corpus import files
from librispeech_clf.corpus.schema import Split, Utterance
from tests.helpers.sounds import RATE, encode, tone

SPEAKERS = """\
; comment with a | pipe
;ID  |SEX| SUBSET           |MINUTES| NAME
12   | F | test-clean       |  8.05 | Ada, "the" O'Reader
60   | M | test-clean       | 20.18 | |CBW|Simon
"""
TRANSCRIPTS = {
    "12-340-0000": "ONE TONE",
    "12-340-0001": "IT'S ANOTHER",
    "12-341-0000": "A NEW CHAPTER",
    "60-7-0000": "THE LAST",
}
IDS = list(TRANSCRIPTS)


def encode_tone(utterance_id: str) -> bytes:
    """A FLAC file whose frequency and length follow from the id."""
    seed = sum(map(ord, utterance_id))
    return encode(tone(0.05 + 0.001 * (seed % 50), 200 + seed))


def write_tree(root: Path, subset: str = "test-clean", transcripts: dict[str, str] = TRANSCRIPTS) -> Path:
    """Write `root/LibriSpeech/<subset>` and SPEAKERS.TXT; return the subset's folder."""
    tree = root / "LibriSpeech"
    for utterance_id, text in transcripts.items():
        speaker, chapter, _ = utterance_id.split("-")
        folder = tree / subset / speaker / chapter
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{utterance_id}.flac").write_bytes(encode_tone(utterance_id))
        with (folder / f"{speaker}-{chapter}.trans.txt").open("a") as file:
            file.write(f"{utterance_id} {text}\n")
    (tree / "SPEAKERS.TXT").write_text(SPEAKERS)
    return tree / subset


def corpus_rows() -> list[dict]:
    """The same utterances as rows of the Hugging Face dataset."""
    rows = []
    for name, text in TRANSCRIPTS.items():
        speaker, chapter, _ = name.split("-")
        audio = {"bytes": encode_tone(name), "path": f"{name}.flac"}
        row = {"file": None, "audio": audio, "text": text, "speaker_id": int(speaker)}
        rows.append(row | {"chapter_id": int(chapter), "id": name})
    return rows


def write_table(path: Path, content, *, recordings=(), **options) -> Path:
    """Write a table from its content, or from rows (a list) or columns (a dict), and empty recordings beside it."""
    for place in (path, *(path.parent / name for name in recordings)):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"")
    if isinstance(content, str | bytes):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    elif path.suffix == ".parquet":
        table = pa.table(content) if isinstance(content, dict) else pa.Table.from_pylist(content)
        pa.parquet.write_table(table, path, **options)
    elif path.suffix == ".csv":
        pd.DataFrame(content).to_csv(path, index=False)
    else:
        path.write_text("\n".join(map(json.dumps, content)))
    return path


def open_split(folder: Path) -> Split:
    """Open a subset by its folder, or its table's path without an ending."""
    dataset = files.open_subset(folder.parent, folder.name)
    return Split("test", dataset, {"own": len(dataset)}, {}, {}, {})


def read_all(folder: Path) -> dict:
    """The waveforms of a subset by id."""
    split = open_split(folder)
    return {name: read_waveform(split.utterance(name), sampling_rate=RATE) for name in split.ids}


def refusal_of(utterance: Utterance) -> str:
    """Why an utterance's audio is not read."""
    with pytest.raises((OSError, ValueError)) as caught:
        read_waveform(utterance, sampling_rate=RATE)
    return str(caught.value)
