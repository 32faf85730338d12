"""The real client of the hub against a local server that speaks the hub's protocol."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest

from librispeech_clf.configuration import PROJECT_ROOT

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OPEN = """
import dataclasses, sys
from pathlib import Path
from librispeech_clf.configuration import load_configuration
from librispeech_clf.corpus.load import load_split
corpus = dataclasses.replace(
    load_configuration(environment={}).corpus, source="huggingface", dataset="own/corpus",
    dataset_files="all/{subset}/*.parquet", root=Path(sys.argv[1]), splits={"huggingface": {"test": ("test.clean",)}})
try:
    print(len(load_split(corpus, "test")))
except FileNotFoundError as error:
    print(error)
"""


class Hub(BaseHTTPRequestHandler):
    """Lists and serves the files of one dataset repository."""

    files: dict[str, bytes] = {}
    served: list[str] = []

    def do_HEAD(self) -> None:  # noqa: N802
        """Headers only."""
        self._answer(with_body=False)

    def do_GET(self) -> None:  # noqa: N802
        """Headers and body."""
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        name = path.partition(f"/resolve/{COMMIT}/")[2]
        if path.startswith("/api/datasets/own/corpus/tree/"):
            body = json.dumps([describe(name, content) for name, content in self.files.items()]).encode()
        elif path.startswith("/api/datasets/own/corpus"):
            body = json.dumps({"id": "own/corpus", "sha": COMMIT, "siblings": []}).encode()
        elif name in self.files:
            body = self.files[name]
            if with_body:
                self.served.append(name)
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keeps quiet."""


class RefusingHub(BaseHTTPRequestHandler):
    """Answers everything with one status."""

    status: int
    code: str

    def do_HEAD(self) -> None:  # noqa: N802
        """The status."""
        self.send_response(self.status)
        self.send_header("X-Error-Code", self.code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Keeps quiet."""


def describe(name: str, content: bytes) -> dict:
    """An entry of the repository's listing."""
    return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}


@pytest.fixture
def endpoint(tmp_path, make_parquet):
    """The address of a hub with two subsets."""
    content = make_parquet(tmp_path / "made.parquet").read_bytes()
    Hub.files = {f"all/{name}/0000.parquet": content for name in ("test.clean", "train.clean.360")}
    Hub.served = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def serve_status():
    """Starts hubs that refuse; returns their addresses."""
    servers = []

    def serve(status, code):
        handler = type("Handler", (RefusingHub,), {"status": status, "code": code})
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(
            target=servers[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def open_subset(root, endpoint, **environment):
    """Opens the subset in a process of its own; returns what it prints."""
    return subprocess.run(
        [sys.executable, "-c", OPEN, str(root / "data")],
        cwd=PROJECT_ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(PROJECT_ROOT),
            "HF_HOME": str(root / "home"),
            "HF_ENDPOINT": endpoint,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_OFFLINE": "0",
            **environment,
        },
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_only_the_subset_is_fetched_and_then_works_offline(tmp_path, endpoint):
    offline = {"endpoint": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"}
    assert open_subset(tmp_path, endpoint) == "4"
    assert Hub.served == ["all/test.clean/0000.parquet"]
    assert open_subset(tmp_path, **offline) == "4"
    cached = next((tmp_path / "data" / "huggingface").rglob("test.clean"))
    (cached / "0000.parquet").unlink()
    assert open_subset(tmp_path, **offline).startswith(
        "own/corpus: the subset test.clean is neither cached nor"
    )


def test_neither_cached_nor_reached_names_the_command(tmp_path):
    message = open_subset(tmp_path, "http://127.0.0.1:9")
    assert message.startswith("own/corpus: the subset test.clean is neither cached nor to be reached")
    assert message.endswith("poetry run prepare-data --source huggingface --subset test.clean")


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (401, "GatedRepo", "own/corpus: the dataset is gated, and the hub gives no access. Accept its terms"),
        (403, "GatedRepo", "own/corpus: the dataset is gated"),
        (404, "RepoNotFound", "own/corpus: the hub has no such dataset. Check how it is spelled"),
        (401, "RepoNotFound", "own/corpus: the hub has no such dataset"),
        (401, "", "own/corpus: the hub refuses access (HTTP 401). Log in"),
        (403, "", "own/corpus: the hub refuses access (HTTP 403). Log in"),
    ],
)
def test_refusal_of_the_hub_gives_the_reason(tmp_path, serve_status, status, code, message):
    told = open_subset(tmp_path, serve_status(status, code))
    assert told.startswith(message)
    assert "prepare-data" not in told and "\n" not in told
