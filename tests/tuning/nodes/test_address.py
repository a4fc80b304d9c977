"""An address that is none, or at which no cluster answers, is one line within seconds."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tuning.errors import SearchError
from tuning.nodes.address import cluster_address, wanted_address


@pytest.fixture
def listening() -> Iterator[str]:
    """Something that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def gone() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_flag_goes_before_the_environment():
    job = {"RAY_ADDRESS": "10.0.0.1:6379"}
    assert wanted_address(None, {}) is None
    assert wanted_address(None, job) == "10.0.0.1:6379"
    assert wanted_address("10.0.0.2:6379", job) == "10.0.0.2:6379"
    assert wanted_address("local", job) is None


@pytest.mark.parametrize("address", ["head", "head:", ":6379", "head:port", "head:0", "head:66000"])
def test_an_address_is_host_and_port(address: str):
    with pytest.raises(SearchError, match="takes host:port"):
        cluster_address(address)


def test_an_open_port_that_is_no_ray_is_found_out_in_time(listening: str):
    started = time.monotonic()
    with pytest.raises(SearchError, match=f"what listens at {listening} does not answer as a Ray cluster within 10 s"):
        cluster_address(listening)
    assert time.monotonic() - started < 20


def test_a_cluster_that_is_gone_is_found_out_at_once(gone: str, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(SearchError, match=f"no Ray cluster answers at {gone}: .*refused$"):
        cluster_address(gone)
    monkeypatch.setenv("RAY_ADDRESS", gone)  # what `auto` finds first
    port = gone.partition(":")[2]  # Ray replaces the address by the machine's own
    with pytest.raises(SearchError, match=f"no Ray cluster answers at .*:{port}: .*refused \\(found by --address auto"):
        cluster_address("auto")


@pytest.mark.parametrize(("attaches", "mode"), [(True, "None"), (False, "token")])
def test_a_cluster_keeps_its_own_way_of_letting_in_and_a_ray_of_ours_takes_a_token(attaches: bool, mode: str):
    script = (
        f"import os; from tuning.quiet import be_quiet; be_quiet({attaches}); print(os.environ.get('RAY_AUTH_MODE'))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "RAY_AUTH_MODE"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == mode
