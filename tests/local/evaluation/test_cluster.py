"""A Ray cluster gives what one machine gives, also when it loses a machine in the middle."""

import os
import subprocess
import sys
import time

import pytest

from librispeech_clf.configuration import PROJECT_ROOT

pytestmark = pytest.mark.slow
COMMAND = [sys.executable, "-m", "librispeech_clf.local.commands.evaluate", "--limit", "96"]


def start(out, *options):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT_ROOT), *sys.path])}
    return subprocess.Popen(
        [*COMMAND, "--out", str(out), *options],
        cwd=PROJECT_ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def finish(process):
    shown, _ = process.communicate(timeout=900)
    assert process.returncode == 0, shown
    return shown


@pytest.fixture
def cluster(monkeypatch):
    """A head without processors and two nodes of one each."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(PROJECT_ROOT), *sys.path]))
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    made.nodes_with_processors = [made.add_node(num_cpus=1) for _ in range(2)]
    yield made
    made.shutdown()


def test_cluster_that_loses_a_node_gives_the_bytes_of_one_machine(cluster, tmp_path):
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    finish(start(alone))
    process = start(shared, "--ray", cluster.address)
    deadline = time.monotonic() + 600
    while not list((shared / "parts").rglob("*.parquet")) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    cluster.remove_node(cluster.nodes_with_processors[0], allow_graceful=False)
    finish(process)
    assert (shared / "results.parquet").read_bytes() == (alone / "results.parquet").read_bytes()


def test_local_workers_go_on_where_a_killed_head_stopped(tmp_path):
    pytest.importorskip("ray")
    killed, alone = start(tmp_path / "out", "--ray", "local"), start(tmp_path / "alone")
    deadline = time.monotonic() + 600
    while not list((tmp_path / "out" / "parts").rglob("*.parquet")) and time.monotonic() < deadline:
        assert killed.poll() is None, killed.communicate()[0]
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    assert "finished before" in finish(start(tmp_path / "out", "--ray", "local"))
    finish(alone)
    results = [(tmp_path / name / "results.parquet").read_bytes() for name in ("out", "alone")]
    assert results[0] == results[1]
