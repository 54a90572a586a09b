"""Fixtures that every test may use. One server serves all tests that do not need one of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from tests.server_process import SERVED, ServerProcess, data_folder, serving


@pytest.fixture(scope="session")
def server() -> Iterator[ServerProcess]:
    """`allograph serve` on the test graphs, with every reply checked against the contract."""
    with data_folder() as folder, serving(folder / "data") as running:
        yield running


@pytest.fixture(scope="session")
def served() -> Iterator[ServerProcess]:
    """`allograph serve` on the graphs of tests/served, with limits that tests can reach."""
    environment = {
        "ALLOGRAPH_MAX_BODY_BYTES": "1000000", "ALLOGRAPH_HEARTBEAT_SECONDS": "0.5",
        "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "0",
    }  # fmt: skip
    with data_folder() as folder, serving(folder / "data", config=SERVED, environment=environment) as running:
        yield running


@pytest.fixture(scope="session")
def server_url(server: ServerProcess) -> str:
    return server.url


@pytest.fixture
def http(server_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server_url, timeout=30) as client:
        yield client


@pytest.fixture
async def sdk(server_url: str) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=server_url) as client:
        yield client
