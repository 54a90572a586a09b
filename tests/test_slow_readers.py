"""Clients that open a large stream and do not read it: the server's memory stays within bounds, their runs are not held up."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import orjson
import pytest

from tests.server_process import SERVED, ServerProcess, data_folder, serving
from tests.watching import ended, new_run, new_thread

MIB = 1024 * 1024
FLOOD = {"events": 100, "size": 50_000, "rounds": 80}
"""About 380 MiB of events, and a checkpoint now and then, where the run waits if they pile up."""
READERS = 6
BOUND = 192 * MIB
"""How much more memory the server may take: what waits for the database, each reader's page or backlog, what its socket holds."""


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with data_folder() as folder, serving(folder / "data", config=SERVED) as running:
        yield running


@pytest.fixture
def http(server: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=120) as client:
        yield client


@contextlib.contextmanager
def stalled(server: ServerProcess, method: str, path: str, body: object = None) -> Iterator[None]:
    """A client that asks for a stream, and reads nothing of it but the head of the answer."""
    address = urlsplit(server.url)
    content = orjson.dumps(body) if body is not None else b""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((address.hostname, address.port))
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        connection.sendall(head.encode() + content)
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        yield


def peak(server: ServerProcess) -> int:
    """The most memory that the server has had since `forget_peak`, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def forget_peak(server: ServerProcess) -> int:
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")
    return peak(server)


def flood(http: httpx.Client, thread: str, **fields: object) -> float:
    """Let it pour; answer how many seconds the node took."""
    run = new_run(http, thread, "flood", FLOOD, stream_mode="custom", config={"recursion_limit": 100}, **fields)
    assert ended(http, thread, run) == "success"
    return float(http.get(f"/threads/{thread}/state").json()["values"]["seconds"])


def test_readers_of_a_run_that_do_not_read(http: httpx.Client, server: ServerProcess) -> None:
    """Within the process their backlog is bounded, and whoever falls behind is cut off."""
    free = flood(http, new_thread(http))
    before = forget_peak(server)
    thread = new_thread(http)
    body = {"assistant_id": "flood", "input": FLOOD, "stream_mode": "custom", "config": {"recursion_limit": 100}}
    with stalled(server, "POST", f"/threads/{thread}/runs/stream", body):
        [run] = http.get(f"/threads/{thread}/runs").json()
        with contextlib.ExitStack() as others:
            for _ in range(READERS - 1):
                others.enter_context(stalled(server, "GET", f"/threads/{thread}/runs/{run['run_id']}/stream"))
            assert ended(http, thread, run["run_id"]) == "success"
            assert peak(server) - before < BOUND
    took = http.get(f"/threads/{thread}/state").json()["values"]["seconds"]
    assert took < 3 * free + 2


def test_readers_of_a_thread_that_do_not_read(http: httpx.Client, server: ServerProcess) -> None:
    """They are sent what is written down, page by page, while it happens and afterwards."""
    free = flood(http, new_thread(http), stream_resumable=True)
    before = forget_peak(server)
    thread = new_thread(http)
    wanted = {"channels": ["custom", "lifecycle"]}
    with contextlib.ExitStack() as readers:
        for number in range(READERS):
            if number % 2:
                readers.enter_context(stalled(server, "POST", f"/threads/{thread}/stream/events", wanted))
            else:
                readers.enter_context(stalled(server, "GET", f"/threads/{thread}/stream"))
        took = flood(http, thread)
        assert peak(server) - before < BOUND
    assert took < 3 * free + 2
    before = forget_peak(server)
    with contextlib.ExitStack() as readers:
        for _ in range(READERS):
            readers.enter_context(stalled(server, "POST", f"/threads/{thread}/stream/events", wanted))
        time.sleep(2)  # they are shown the whole of it, if they would but read
        assert peak(server) - before < BOUND
