"""Fault tests: what happens to runs, corpora and models is listed in a table at the end: tried, survived, lost.

A parametrised test is a case. It survives when what must come of it came, as told beforehand: a right result,
or a refusal by name; and nothing else was lost, left in halves, or answered with a traceback.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from librispeech_clf.configuration import PROJECT_ROOT
from tests.helpers.bad_checkpoints import write_checkpoint
from tests.helpers.bad_recordings import encode, make_sound
from tests.helpers.bad_servers import SUBSET, BadServer, Server, md5, pack
from tests.helpers.trials import Trial, answer_slowly, make_archive

MOST_BYTES = 4 << 30
HEADINGS = ("tried", "survived", "lost")
MODULE = "librispeech_clf.local.commands.evaluate"
outcomes: dict[str, Counter[str]] = {}


def pytest_runtest_logreport(report):
    """Count the cases of this folder by module."""
    path, _, name = report.nodeid.partition("::")
    if "tests/fault/" not in path or "[" not in name:
        return
    counted = outcomes.setdefault(Path(path).stem.removeprefix("test_").replace("_", " "), Counter())
    if report.failed:
        counted["lost"] += 1
    elif report.when == "call" and report.passed:
        counted["survived"] += 1


def pytest_terminal_summary(terminalreporter):
    """Print the table."""
    if not outcomes:
        return
    rows = [
        (name, counted.total(), counted["survived"], counted["lost"]) for name, counted in outcomes.items()
    ]
    rows.append(("all", *(sum(column) for column in list(zip(*rows, strict=True))[1:])))
    terminalreporter.write_sep("=", "faults")
    terminalreporter.write_line(f"{'':24}" + "".join(f"{heading:>10}" for heading in HEADINGS))
    for name, *numbers in rows:
        terminalreporter.write_line(f"{name:24}" + "".join(f"{number:>10}" for number in numbers))


@pytest.fixture(autouse=True)
def bounded_memory():
    """What asks for more than 4 GB fails its test, and takes nothing else on the machine along."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MOST_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(scope="session")
def evaluate(tiny_model):
    """Return a function that runs the command over a folder of own recordings with the tiny model."""

    def run(root: Path, split: str, out: Path, *more: object) -> subprocess.CompletedProcess[str]:
        options = ["--source", "files", "--root", root, "--split", split, "--model", tiny_model, "--out", out]
        command = [sys.executable, "-m", MODULE, *map(str, [*options, *more])]
        environment = {**os.environ, "COLUMNS": "120", "PYTHONWARNINGS": "default"}
        return subprocess.run(
            command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Twelve utterances of three speakers."""
    root = tmp_path_factory.mktemp("corpus")
    (root / "own").mkdir()
    rows = ["file_name,text,speaker"]
    for number in range(12):
        (root / "own" / f"u{number:02}.flac").write_bytes(encode(make_sound(0.4 + 0.1 * number), "flac"))
        rows.append(f"u{number:02}.flac,{' '.join(['A TONE'] * (1 + number % 4))},{number % 3}")
    (root / "own" / "metadata.csv").write_text("\n".join(rows) + "\n")
    return root


@pytest.fixture(scope="session")
def evaluation(forked, corpus, tiny_model, tmp_path_factory):
    options = ["--source", "files", "--root", corpus, "--split", "own", "--model", tiny_model]

    def request(out):
        return ["evaluate", *options, "--out", out]

    return Trial(forked, tmp_path_factory.mktemp("evaluations"), request, {"window": 2}, seed=22)


@pytest.fixture(scope="session")
def preparation(forked, tmp_path_factory):
    members = make_archive()
    content = pack(members)
    settings = {
        "subset": SUBSET,
        "size": len(content),
        "md5": md5(content),
        "utterances": 60,
        "pause_s": 0.005,
    }
    with Server(BadServer("slow", [answer_slowly], for_ever=True), content) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

        def request(root):
            return ["prepare", "--subset", SUBSET, "--root", root, "--base-url", server.url]

        trial = Trial(forked, tmp_path_factory.mktemp("preparations"), request, settings, seed=23)
        trial.members = members
        yield trial
        server.shutdown()


@pytest.fixture(scope="session")
def conversion(forked, tmp_path_factory):
    source = write_checkpoint(tmp_path_factory.mktemp("source") / "checkpoint")

    def request(folder):
        return ["convert_model", "--from", source, "--to", folder / "tiny.h5"]

    return Trial(forked, tmp_path_factory.mktemp("conversions"), request, {}, seed=24)
