"""Miniature corpora in LibriSpeech's layout, made of tones."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import soundfile

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
    "60-7-0000": "",
}


def encode_tone(utterance_id: str) -> bytes:
    """A FLAC file whose frequency and length follow from the id."""
    seed = sum(map(ord, utterance_id))
    samples = 800 + 16 * (seed % 50)
    tone = 0.5 * np.sin(2 * np.pi * (200 + seed) * np.arange(samples) / 16000)
    buffer = io.BytesIO()
    soundfile.write(buffer, tone, 16000, format="FLAC")
    return buffer.getvalue()


def write_tree(root: Path, subset: str = "test-clean", transcripts: dict[str, str] | None = None) -> Path:
    """Writes `root/LibriSpeech/<subset>` and SPEAKERS.TXT; returns the subset's folder."""
    tree = root / "LibriSpeech"
    for utterance_id, text in (TRANSCRIPTS if transcripts is None else transcripts).items():
        speaker, chapter, _ = utterance_id.split("-")
        folder = tree / subset / speaker / chapter
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{utterance_id}.flac").write_bytes(encode_tone(utterance_id))
        with (folder / f"{speaker}-{chapter}.trans.txt").open("a") as file:
            file.write(f"{utterance_id} {text}\n")
    (tree / "SPEAKERS.TXT").write_text(SPEAKERS)
    return tree / subset


def corpus_rows(transcripts: dict[str, str] | None = None) -> list[dict]:
    """The same utterances as rows of the Hugging Face dataset."""
    rows = []
    for utterance_id, text in (TRANSCRIPTS if transcripts is None else transcripts).items():
        speaker, chapter, _ = utterance_id.split("-")
        audio = {"bytes": encode_tone(utterance_id), "path": f"{utterance_id}.flac"}
        rows.append(
            {
                "file": None,
                "audio": audio,
                "text": text,
                "speaker_id": int(speaker),
                "chapter_id": int(chapter),
                "id": utterance_id,
            }
        )
    return rows


def write_parquet(path: Path, rows: list[dict] | None = None) -> Path:
    """Writes rows as parquet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pa.Table.from_pylist(corpus_rows() if rows is None else rows), path)
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Keeps the datasets cache inside the test's folder."""
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache" / "librispeech_clf"


@pytest.fixture
def make_tree():
    """See `write_tree`."""
    return write_tree


@pytest.fixture
def make_parquet():
    """See `write_parquet`."""
    return write_parquet


@pytest.fixture
def make_rows():
    """See `corpus_rows`."""
    return corpus_rows


@pytest.fixture
def configuration(tmp_path):
    """The package's settings, reading an OpenSLR tree in the test's folder."""
    from librispeech_clf.configuration import load_configuration

    return load_configuration(environment={}).with_corpus(source="openslr", root=tmp_path)
