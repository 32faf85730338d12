"""Fault tests: what happens to runs, corpora and models is listed in a table at the end: tried, survived, lost.

A parametrised test is a case. It survives when what must come of it came, as told beforehand: a right result,
or a refusal by name; and nothing else was lost, left in halves, or answered with a traceback.
"""

import os
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from librispeech_clf.configuration import PROJECT_ROOT
from tests.helpers.bad_checkpoints import write_checkpoint
from tests.helpers.bad_recordings import encode, make_sound
from tests.helpers.bad_servers import SUBSET, BadServer, Server, answer_well, md5, pack
from tests.helpers.own_corpora import write_table
from tests.helpers.trials import Conversion, Evaluation, Preparation

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

    def run(root, split, out, *more):
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
    texts = {f"u{number:02}.flac": " ".join(["A TONE"] * (1 + number % 4)) for number in range(12)}
    rows = [
        {"file_name": name, "text": text, "speaker": at % 3} for at, (name, text) in enumerate(texts.items())
    ]
    write_table(root / "own" / "metadata.csv", rows)
    for number, name in enumerate(texts):
        (root / "own" / name).write_bytes(encode(make_sound(0.4 + 0.1 * number), "flac"))
    return root


@pytest.fixture(scope="session")
def evaluation(forked, corpus, tiny_model, tmp_path_factory):
    options = ["--source", "files", "--root", corpus, "--split", "own", "--model", tiny_model]
    folder = tmp_path_factory.mktemp("evaluations")
    return Evaluation(forked, folder, lambda out: ["evaluate", *options, "--out", out], window=2)


def answer_slowly(asked):
    answered = answer_well(asked)
    for start in range(0, len(answered), 6000):
        yield answered[start : start + 6000]
        time.sleep(0.02)


@pytest.fixture(scope="session")
def preparation(forked, tmp_path_factory):
    content, folder = pack(Preparation.members), tmp_path_factory.mktemp("preparations")
    archive = {"subset": SUBSET, "size": len(content), "md5": md5(content), "utterances": 60}
    with Server(BadServer("slow", [answer_slowly], for_ever=True), content) as server:
        request = ["prepare", "--subset", SUBSET, "--base-url", server.url, "--root"]
        yield Preparation(forked, folder, lambda root: [*request, root], **archive, pause_s=0.005)


@pytest.fixture(scope="session")
def conversion(forked, tmp_path_factory):
    folder = tmp_path_factory.mktemp("conversions")
    request = ["convert_model", "--from", write_checkpoint(folder / "checkpoint"), "--to"]
    return Conversion(forked, folder, lambda out: [*request, out / "tiny.h5"])
