"""A server for the clients, a gate for its runs, and an unreliable way to the server.

These tests run when their folder is asked for (`make test-clients`): they need Node and its packages, which `make test` does not.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.unreliable import UnreliableProxy
from tests.server_process import ServerProcess, data_folder, serving

GRAPHS = Path(__file__).parent / "graphs" / "langgraph.json"
PATIENCE_SECONDS = 45


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    here = Path(__file__).parent
    asked = [config.invocation_params.dir / argument.split("::")[0] for argument in config.args]
    return None if any(path.resolve().is_relative_to(here) for path in asked) else True


@pytest.fixture(scope="session")
def server() -> Iterator[ServerProcess]:
    """`allograph serve` on the graphs of this folder, with every reply checked against the contract.

    It looks for what nobody told it, and sends heartbeats, so seldom that a client which depends on either runs into a timeout.
    """
    environment = {"ALLOGRAPH_POLL_SECONDS": "60", "ALLOGRAPH_HEARTBEAT_SECONDS": "60"}
    with data_folder() as folder, serving(folder / "data", config=GRAPHS, environment=environment) as running:
        yield running


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """A stream that never ends fails its test: the SDK clients would wait for minutes."""

    def gone(*_: object) -> None:
        raise TimeoutError(f"the test took more than {PATIENCE_SECONDS} s")

    signal.signal(signal.SIGALRM, gone)
    signal.alarm(PATIENCE_SECONDS)
    yield
    signal.alarm(0)


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A file that is not there yet. Runs that are given it wait for it: `gate.touch()` lets them go on."""
    return tmp_path / "gate"


@pytest.fixture
def unreliable(server: ServerProcess) -> Iterator[UnreliableProxy]:
    """A way to the server on which streams break off, again and again."""
    with UnreliableProxy(server.port) as proxy:
        yield proxy
