"""Only the needed files of a hub dataset are fetched, the cache is asked first, and a refusal gives its reason."""

import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from librispeech_clf.configuration import PROJECT_ROOT, load_configuration
from librispeech_clf.corpus.load import load_split
from tests.helpers.own_corpora import corpus_rows, write_table

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NOWHERE = "http://127.0.0.1:9"
OPEN = """
import sys
from pathlib import Path
from tests.corpus.test_huggingface import open_subset
for name in sys.argv[2:]:
    try:
        print(len(open_subset(dataset=f"own/{name}", root=Path(sys.argv[1]))))
    except FileNotFoundError as error:
        print(error)
"""
REFUSALS = {
    "401-GatedRepo": "the dataset is gated, and the hub denied access. Accept its terms",
    "403-GatedRepo": "the dataset is gated",
    "404-RepoNotFound": "the hub has no such dataset. Check its spelling",
    "401-RepoNotFound": "the hub has no such dataset",
    "401-Other": "the hub refuses access (HTTP 401). Log in",
    "403-Other": "the hub refuses access (HTTP 403). Log in",
}


def open_subset(subset="test.clean", *, dataset="own/corpus", files="all/{subset}/*.parquet", root=None):
    """Open the split of one subset of a dataset on the hub."""
    splits = {"huggingface": {"test": (subset,)}}
    corpus = load_configuration(environment={}).corpus
    settings = {"dataset": dataset, "dataset_files": files, "root": root, "splits": splits}
    return load_split(dataclasses.replace(corpus, source="huggingface", **settings), "test")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A stand-in for the hub's client: keeps the calls, answers from the cache only when told so."""
    hub = {"calls": [], "cached": False, "reached": True}
    for subset in ("test.clean", "test.other"):
        write_table(tmp_path / f"snapshot/all/{subset}/0000.parquet", corpus_rows())

    def snapshot_download(name, **options):
        hub["calls"].append((name, options))
        if not (hub["cached"] if options["local_files_only"] else hub["reached"]):
            raise LocalEntryNotFoundError("not cached")
        return str(tmp_path / "snapshot")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return hub


def test_only_the_files_of_the_subset_are_fetched(tmp_path, hub):
    assert len(open_subset(dataset="openslr/librispeech_asr", root=tmp_path)) == 4
    options = {"repo_type": "dataset", "allow_patterns": ["all/test.clean/*.parquet"]}
    options |= {"cache_dir": tmp_path / "huggingface", "local_files_only": False}
    assert hub["calls"][-1] == ("openslr/librispeech_asr", options)


def test_cached_subset_needs_no_network(hub):
    hub.update(cached=True, reached=False)
    assert len(open_subset()) == 4
    assert [options["local_files_only"] for _, options in hub["calls"]] == [True]


def test_download_cache_that_cannot_be_made_is_the_hubs_own(tmp_path, hub):
    (tmp_path / "root").write_text("in the way")
    open_subset(root=tmp_path / "root")
    assert [options["cache_dir"] for _, options in hub["calls"]] == [None, None]


def test_neither_cached_nor_reached_names_the_command(hub):
    hub.update(reached=False)
    with pytest.raises(FileNotFoundError) as caught:
        open_subset()
    start, end = str(caught.value).split("; with an internet connection: ")
    assert start == "own/corpus: the subset test.clean is neither cached nor reachable"
    assert end == "poetry run prepare-data --source huggingface --subset test.clean"


def test_repository_without_such_files_names_the_setting(hub):
    message = r"own/corpus: no files data/x-\*.parquet; set corpus.dataset_files"
    with pytest.raises(FileNotFoundError, match=message):
        open_subset("x", files="data/{subset}-*.parquet")


class Hub(BaseHTTPRequestHandler):
    """Speaks the hub's protocol: lists and serves the files of own/corpus, or refuses as another's name says."""

    def do_HEAD(self) -> None:  # noqa: N802
        files, path = self.server.files, unquote(urlsplit(self.path).path)
        name = path.partition(f"/resolve/{COMMIT}/")[2]
        status, code, body = 200, "", files.get(name, b"")
        if path.startswith("/api/datasets/own/corpus/tree/"):
            listed = [(file, len(content)) for file, content in files.items()]
            entries = [{"type": "file", "path": file, "size": size, "oid": file} for file, size in listed]
            body = json.dumps(entries).encode()
        elif path.startswith("/api/datasets/own/corpus"):
            body = json.dumps({"id": "own/corpus", "sha": COMMIT, "siblings": []}).encode()
        elif name not in files:
            refusal = re.search(r"/own/(\d+)-(\w+)", path)
            status, code = refusal.groups() if refusal else (404, "")
        self.send_response(int(status))
        fields = {"X-Error-Code": code, "X-Repo-Commit": COMMIT, "Content-Type": "application/json"}
        fields |= {"ETag": f'"{hashlib.sha1(body).hexdigest()}"', "Content-Length": len(body)}
        for field in fields.items():
            self.send_header(*map(str, field))
        self.end_headers()
        if self.command == "GET":
            self.server.served += [name] * bool(name)
            self.wfile.write(body)

    do_GET = do_HEAD  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server(tmp_path):
    """A hub whose dataset has two subsets."""
    content = write_table(tmp_path / "made.parquet", corpus_rows()).read_bytes()
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        server.files = {f"all/{name}/0000.parquet": content for name in ("test.clean", "train.clean.360")}
        server.served = []
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def open_by_client(root, *names, endpoint="http://127.0.0.1:9", offline=False):
    """Open datasets by the real client, which reads the environment at its import; return what is printed."""
    home = {"HF_HOME": str(root / "home"), "HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": str(int(offline))}
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT), "HF_HUB_DISABLE_XET": "1", **home}
    command = [sys.executable, "-c", OPEN, str(root / "data"), *names]
    return subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.splitlines()


def test_real_client_fetches_the_subset_alone_works_offline_and_tells_refusals(tmp_path, server):
    endpoint = f"http://127.0.0.1:{server.server_port}"
    opened, *told = open_by_client(tmp_path, "corpus", *REFUSALS, endpoint=endpoint)
    assert (opened, server.served) == ("4", ["all/test.clean/0000.parquet"])
    for line, (name, reason) in zip(told, REFUSALS.items(), strict=True):
        assert line.startswith(f"own/{name}: {reason}") and "prepare-data" not in line
    assert open_by_client(tmp_path, "corpus", offline=True) == ["4"]
    next((tmp_path / "data/huggingface").rglob("test.clean/0000.parquet")).unlink()
    for offline in (True, False):
        (line,) = open_by_client(tmp_path, "corpus", offline=offline)
        assert line.startswith("own/corpus: the subset test.clean is neither cached nor reachable")
