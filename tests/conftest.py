"""For all tests: a quiet TensorFlow, and no network but this machine's own addresses."""

import ipaddress
import os
import socket

import pytest

from tests.helpers import results
from tests.helpers.browser import browser  # noqa: F401
from tests.helpers.forked import Forked
from tests.helpers.stand_in import save_stand_in

os.environ["TL_DISABLE_ANALYTICS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def pytest_configure(config):
    """Give each process a numba cache of its own.

    Two that fill one mix the halves of what a gufunc compiles to, and whoever reads them crashes: librosa's zero
    crossings did on a new machine (numba#10128).
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "single")
    os.environ["NUMBA_CACHE_DIR"] = str(config.cache.mkdir(f"numba-{worker}"))


def is_local(address) -> bool:
    """Whether a socket address is a file or on the loopback interface."""
    if not isinstance(address, tuple):
        return True
    host = address[0]
    is_number = host[:1].isdigit() or ":" in host
    return host == "localhost" or (is_number and ipaddress.ip_address(host).is_loopback)


@pytest.fixture(autouse=True)
def offline(request, monkeypatch):
    """Refuse connections to other machines, unless the test is marked `network`."""
    if request.node.get_closest_marker("network"):
        return
    connect = socket.socket.connect

    def connect_locally(self, address):
        if not is_local(address):
            raise OSError(f"{request.node.name}: connection to {address[0]}; mark the test `network`.")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_locally)


@pytest.fixture(scope="session", name="make_results")
def make_results_fixture():
    """Give the maker of results tables."""
    return results.make_results


@pytest.fixture(scope="session", name="make_audio")
def make_audio_fixture():
    """Give the maker of WAV files."""
    return results.make_audio


@pytest.fixture(scope="session")
def forked(tmp_path_factory):
    """Runs of commands that start at once, see `Forked`."""
    runs = Forked(tmp_path_factory.mktemp("forked"))
    yield runs
    runs.close()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """A model file of random weights, which says something for every sound."""
    return save_stand_in(tmp_path_factory.mktemp("model"))
