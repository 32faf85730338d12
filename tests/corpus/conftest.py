"""Miniature corpora in LibriSpeech's layout, made of tones."""

import io
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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
    "60-7-0000": "THE LAST",
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


class Server(ThreadingHTTPServer):
    """A local HTTP server that answers with `content` and misbehaves as told.

    Attributes:
        content: What every path holds.
        cuts: For each of the next answers, after how many bytes the connection is cut; None: never.
        tells_length: Whether Content-Length is sent.
        tells_total: Whether Content-Range ends in the total, not in `*`.
        most_bytes: The most that one answer to a range request holds.
        pause_s: Seconds between pieces of 1,000 bytes.
        requests: The Range header of each request so far.
    """

    daemon_threads = True

    def __init__(self) -> None:
        """Listens on a free port."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = b""
        self.cuts: list[int | None] = []
        self.tells_length = self.tells_total = True
        self.most_bytes: int | None = None
        self.pause_s = 0.0
        self.requests: list[str | None] = []

    def handle_error(self, *_: object) -> None:
        """Keeps quiet when a client is killed."""

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """Answers as its `Server` says."""

    server: Server

    def do_GET(self) -> None:  # noqa: N802
        """Sends the content, or the rest of it."""
        server = self.server
        wanted = self.headers.get("Range")
        server.requests.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if start and start >= len(server.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.content) if server.tells_total else '*'}")
            self.end_headers()
            return
        self._send_from(start, partial=bool(wanted))

    def _send_from(self, start: int, *, partial: bool) -> None:
        server = self.server
        body = server.content[start:]
        self.send_response(206 if partial else 200)
        if partial:
            body = body[: server.most_bytes]
            total = len(server.content) if server.tells_total else "*"
            self.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{total}")
        if server.tells_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = server.cuts.pop(0) if server.cuts else None
        body = body[:cut]
        for first in range(0, len(body), 1000 if server.pause_s else len(body) or 1):
            self.wfile.write(body[first : first + 1000] if server.pause_s else body)
            time.sleep(server.pause_s)

    def log_message(self, *_: object) -> None:
        """Keeps quiet."""


@pytest.fixture
def server():
    """A running `Server`."""
    with Server() as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield running
        running.shutdown()
