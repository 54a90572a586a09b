"""A closed-loop load generator: each client sends its next request when it has the answer to the one before.

    python -m benchmarks.load --url http://127.0.0.1:2024 --operation stream --clients 20

Every run gets a thread of its own. Threads are made before the clock starts; what that costs is reported apart.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import uvloop

from benchmarks.client import Connection, Reply

OPERATIONS = ("wait", "stream", "background", "crud")
INPUTS: dict[str, Any] = {
    "chat": {"messages": [{"role": "user", "content": "Say something about foxes and dogs."}]},
    "two_nodes": {"number": 1},
}
STREAM_MODES = ["values", "messages-tuple"]

FIRST_EVENT = b"event: metadata"
FIRST_TOKEN = b"event: messages"


@dataclass(slots=True)
class Sample:
    """What one contestant did in one window. Durations are milliseconds."""

    operation: str
    clients: int
    done: int
    per_second: float
    p50: float
    p95: float
    failed: int = 0
    first_event_p50: float | None = None
    first_token_p50: float | None = None
    thread_p50: float | None = None
    """Making a thread, with as many clients."""
    cpu_server: float | None = None
    """CPU milliseconds per operation of the process that was measured."""
    cpu_database: float | None = None
    """The same of all processes of Postgres."""


def quantile(values: Sequence[float], q: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.floor(q * len(ordered)))] if ordered else math.nan


Taken = tuple[float, float | None, float | None]
"""Seconds until the end, the first event and the first token of one operation."""


class Window:
    """Latencies gathered by any number of clients until the time is over."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self.first_event: list[float] = []
        self.first_token: list[float] = []
        self.failed = 0

    async def run(self, one: Callable[[int], Awaitable[Taken]], clients: int, seconds: float) -> float:
        """Call `one(client)` again and again; answer the seconds that it took until the last call was back."""
        began = time.perf_counter()
        until = began + seconds

        async def loop(client: int) -> None:
            while time.perf_counter() < until:
                try:
                    took, first_event, first_token = await one(client)
                except (ConnectionError, AssertionError) as error:
                    self.failed += 1
                    if self.failed > 100:
                        raise RuntimeError(f"too many failures, the last: {error}") from error
                    continue
                self.took.append(took)
                if first_event is not None:
                    self.first_event.append(first_event)
                if first_token is not None:
                    self.first_token.append(first_token)

        await asyncio.gather(*(loop(client) for client in range(clients)))
        return time.perf_counter() - began

    def sample(self, operation: str, clients: int, seconds: float, thread_p50: float | None = None) -> Sample:
        return Sample(
            operation, clients, len(self.took), round(len(self.took) / seconds, 2), _ms(quantile(self.took, 0.5)),
            _ms(quantile(self.took, 0.95)), self.failed,
            _ms(quantile(self.first_event, 0.5)) if self.first_event else None,
            _ms(quantile(self.first_token, 0.5)) if self.first_token else None, thread_p50,
        )  # fmt: skip


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


class Load:
    """Some clients of one server, each with a connection of its own."""

    def __init__(self, url: str, graph: str, connections: Sequence[Connection]) -> None:
        self.url = url
        self.connections = connections
        self.threads: list[str] = []
        self.thread_times: list[float] = []
        run = {"assistant_id": graph, "input": INPUTS[graph]}
        self.run_body = json.dumps(run).encode()
        self.stream_body = json.dumps({**run, "stream_mode": STREAM_MODES}).encode()
        self.counter = 0

    async def make_threads(self, count: int) -> None:
        async def some(connection: Connection, share: int) -> None:
            for _ in range(share):
                self.threads.append(await self._make_thread(connection))

        share = math.ceil(count / len(self.connections))
        await asyncio.gather(*(some(connection, share) for connection in self.connections))

    async def _make_thread(self, connection: Connection) -> str:
        reply = await connection.request("POST", "/threads", b"{}")
        self.thread_times.append(reply.took)
        thread_id: str = json.loads(_ok(reply).body)["thread_id"]
        return thread_id

    async def _thread(self, connection: Connection) -> str:
        return self.threads.pop() if self.threads else await self._make_thread(connection)

    async def wait(self, client: int) -> Taken:
        connection = self.connections[client]
        thread_id = await self._thread(connection)
        reply = _ok(await connection.request("POST", f"/threads/{thread_id}/runs/wait", self.run_body))
        assert b"__error__" not in reply.body, reply.body[:200]
        return reply.took, None, None

    async def stream(self, client: int) -> Taken:
        connection = self.connections[client]
        thread_id = await self._thread(connection)
        reply = _ok(
            await connection.request("POST", f"/threads/{thread_id}/runs/stream", self.stream_body, (FIRST_EVENT, FIRST_TOKEN))
        )
        assert b"event: error" not in reply.body, reply.body[-300:]
        return reply.took, reply.seen[FIRST_EVENT], reply.seen.get(FIRST_TOKEN)

    async def background(self, client: int) -> Taken:
        connection = self.connections[client]
        thread_id = await self._thread(connection)
        began = time.perf_counter()
        created = _ok(await connection.request("POST", f"/threads/{thread_id}/runs", self.run_body))
        run_id = json.loads(created.body)["run_id"]
        _ok(await connection.request("GET", f"/threads/{thread_id}/runs/{run_id}/join"))
        return time.perf_counter() - began, None, None

    async def crud(self, client: int) -> Taken:
        """Make a thread, read it, find it by its metadata: three requests."""
        connection = self.connections[client]
        self.counter += 1
        mark = {"bench": f"{id(self)}-{self.counter}"}
        began = time.perf_counter()
        made = _ok(await connection.request("POST", "/threads", json.dumps({"metadata": mark}).encode()))
        thread_id = json.loads(made.body)["thread_id"]
        _ok(await connection.request("GET", f"/threads/{thread_id}"))
        found = _ok(await connection.request("POST", "/threads/search", json.dumps({"metadata": mark, "limit": 10}).encode()))
        assert thread_id.encode() in found.body, "the thread was not found"
        return time.perf_counter() - began, None, None


def with_cpu(sample: Sample, before: Sequence[float], after: Sequence[float]) -> Sample:
    used = [_ms((b - a) / max(1, sample.done)) for a, b in zip(before, after, strict=True)]
    return replace(sample, cpu_server=used[0], cpu_database=used[1]) if used else sample


def _ok(reply: Reply) -> Reply:
    assert reply.status == 200, f"{reply.status}: {bytes(reply.body[:300])!r}"
    return reply


async def measure(
    url: str, operation: str, clients: int, seconds: float, graph: str = "chat", *, warm_up: float = 0.5,
    cpu: Callable[[], Sequence[float]] = tuple,
) -> Sample:  # fmt: skip
    """One window of one operation, after a short one that is thrown away and tells how many threads to make ahead.

    `cpu` tells the CPU seconds that server and database have used so far.
    """
    parts = urlsplit(url)
    connections = [await Connection.open(parts.hostname or "127.0.0.1", parts.port or 80) for _ in range(clients)]
    load = Load(url, graph, connections)
    one = getattr(load, operation)
    try:
        warm = Window()
        took = await warm.run(one, clients, warm_up)
        load.thread_times.clear()
        if operation != "crud":
            await load.make_threads(math.ceil(len(warm.took) / took * seconds * 1.2) + clients)
        thread_p50 = _ms(quantile(load.thread_times, 0.5)) if load.thread_times else None
        window = Window()
        before = cpu()
        sample = window.sample(operation, clients, await window.run(one, clients, seconds), thread_p50)
        return with_cpu(sample, before, cpu())
    finally:
        for connection in connections:
            connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:2024")
    parser.add_argument("--operation", choices=OPERATIONS, default="wait")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--graph", choices=sorted(INPUTS), default="chat")
    options = parser.parse_args()
    print(json.dumps(asdict(uvloop.run(measure(options.url, options.operation, options.clients, options.seconds, options.graph)))))


if __name__ == "__main__":
    main()
