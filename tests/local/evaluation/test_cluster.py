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


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The results of this process alone."""
    out = tmp_path_factory.mktemp("alone")
    finish(start(out))
    return (out / "results.parquet").read_bytes()


def wait_for_a_part(out, process):
    deadline = time.monotonic() + 600
    while not list((out / "parts").rglob("*.parquet")) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)


def test_cluster_that_loses_a_node_gives_the_bytes_of_one_machine(cluster, alone, tmp_path):
    process = start(tmp_path, "--ray", cluster.address)
    wait_for_a_part(tmp_path, process)
    cluster.remove_node(cluster.nodes_with_processors[0], allow_graceful=False)
    finish(process)
    assert (tmp_path / "results.parquet").read_bytes() == alone


def test_local_workers_go_on_where_a_killed_head_stopped(alone, tmp_path):
    pytest.importorskip("ray")
    process = start(tmp_path, "--ray", "local")
    wait_for_a_part(tmp_path, process)
    process.kill()
    process.wait()
    process.stdout.close()
    assert "already finished" in finish(start(tmp_path, "--ray", "local"))
    assert (tmp_path / "results.parquet").read_bytes() == alone
