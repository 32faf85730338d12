"""Fault tests: what happens to runs, corpora and models is listed in a table at the end: tried, survived, lost.

A parametrised test is a case. It survives when what must come of it came, as told beforehand: a right result,
or a refusal by name; and nothing else was lost, left in halves, or answered with a traceback.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from librispeech_clf.configuration import PROJECT_ROOT

MOST_BYTES = 4 << 30
HEADINGS = ("tried", "survived", "lost")
MODULE = "librispeech_clf.commands.evaluate"
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
def tiny_model(tmp_path_factory) -> Path:
    """A model file of random weights, which says something for every sound."""
    import keras

    from librispeech_clf.model.architecture import Wav2Vec2Configuration
    from librispeech_clf.model.graph import build_wav2vec2
    from librispeech_clf.model.save import save_model

    keras.utils.set_random_seed(22)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    positions = {"num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}
    path = tmp_path_factory.mktemp("model") / "tiny.h5"
    save_model(build_wav2vec2(Wav2Vec2Configuration(conv_dim=(8,) * 7, **sizes, **positions)), path)
    return path


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
