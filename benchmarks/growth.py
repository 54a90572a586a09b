"""How cost grows: with the messages of a thread, and with the threads and ended runs that are stored.

    python -m benchmarks.growth                    # 10, 100, 1,000 messages; 1,000 and 1,000,000 threads with a run each

Prints the median milliseconds of single calls, made one after the other, the sizes in turn. A claim is the statement of the
queue itself, in this process, without HTTP; everything else is a request. A million rows take some minutes
and 1.5 GB of disk.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import uvloop

from allograph.runner.requests import new_id
from allograph.store.database import Database
from allograph.store.embedded import EmbeddedPostgres
from allograph.store.runs import Runs
from benchmarks.client import Connection
from benchmarks.contestants import CONFIG, deployed
from benchmarks.load import INPUTS, quantile
from scripts.oracle import EXECUTABLE, oracle

USERS = 1000

_THREADS = """
INSERT INTO threads (thread_id, created_at, updated_at, state_updated_at, metadata, "values")
SELECT gen_random_uuid(), at, at, at, jsonb_build_object('graph_id', 'chat', 'user', 'user-' || (n %% %(users)s)),
    '{"messages": []}'
FROM generate_series(1, %(rows)s) AS n, LATERAL (SELECT now() - n * interval '1 second' AS at) AS moment
"""

_RUNS = """
INSERT INTO runs (run_id, thread_id, assistant_id, graph_id, created_at, updated_at, status, metadata, kwargs, attempt)
SELECT gen_random_uuid(), thread_id, assistants.assistant_id, 'chat', threads.created_at, threads.updated_at, 'success', '{}',
    '{}', 1
FROM threads, (SELECT assistant_id FROM assistants WHERE graph_id = 'chat' LIMIT 1) AS assistants
"""

Call = Callable[[], Awaitable[Any]]


class Client:
    """Requests with JSON over one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @classmethod
    async def of(cls, url: str) -> Client:
        parts = urlsplit(url)
        return cls(await Connection.open(parts.hostname or "127.0.0.1", parts.port or 80))

    async def __call__(self, method: str, path: str, body: Any = None) -> Any:
        reply = await self.connection.request(method, path, None if body is None else json.dumps(body).encode())
        assert reply.status == 200, f"{method} {path}: {reply.status} {bytes(reply.body[:300])!r}"
        return json.loads(reply.body)


async def medians(calls: Mapping[tuple[str, str], Call], times: int) -> dict[tuple[str, str], float]:
    """Milliseconds of each call, by its name and column; all take turns."""
    took: dict[tuple[str, str], list[float]] = {key: [] for key in calls}
    for number in range(times + 1):
        for key, call in calls.items():
            began = time.perf_counter()
            await call()
            if number:  # the first one warms up
                took[key].append((time.perf_counter() - began) * 1000)
    return {key: quantile(values, 0.5) for key, values in took.items()}


def table(title: str, found: Mapping[tuple[str, str], float], columns: Iterable[str]) -> str:
    columns = list(columns)
    lines = [f"| {title} | " + " | ".join(columns) + " | growth |", "|---|" + "---:|" * (len(columns) + 1)]
    for name in dict.fromkeys(name for name, _ in found):
        values = [found[name, column] for column in columns]
        lines.append(f"| {name} | " + " | ".join(f"{value:.1f}" for value in values) + f" | {values[-1] / values[0]:.1f} |")
    return "\n".join(lines)


async def of_length(url: str, lengths: Iterable[int], times: int) -> dict[tuple[str, str], float]:
    """Runs on threads that have so many messages, and what is read of them."""
    client = await Client.of(url)
    calls: dict[tuple[str, str], Call] = {}
    asked = {"assistant_id": "chat", "input": INPUTS["chat"]}
    for length in lengths:
        run, read = [await _thread(client, length) for _ in range(2)]
        await client("POST", f"/threads/{read}/runs/wait", asked)
        column = f"{length:,} messages"
        calls["run and wait", column] = partial(client, "POST", f"/threads/{run}/runs/wait", asked)
        calls["state", column] = partial(client, "GET", f"/threads/{read}/state")
        calls["history", column] = partial(client, "POST", f"/threads/{read}/history", {"limit": 10})
    return await medians(calls, times)


async def _thread(client: Client, length: int) -> str:
    messages = [{"role": ("user", "assistant")[n % 2], "content": f"message {n} of a long talk. " * 4} for n in range(length)]
    thread_id: str = (await client("POST", "/threads", {"metadata": {"graph_id": "chat"}}))["thread_id"]
    await client("POST", f"/threads/{thread_id}/state", {"values": {"messages": messages}, "as_node": "model"})
    return thread_id


async def of_rows(stored: Mapping[str, tuple[str, str]], times: int) -> dict[tuple[str, str], float]:
    """Searches and claims; `stored` is URL and database by column. No worker of these servers takes a run."""
    calls: dict[tuple[str, str], Call] = {}
    asked = {"assistant_id": "chat", "input": INPUTS["chat"]}
    async with contextlib.AsyncExitStack() as stack:
        for column, (url, uri) in stored.items():
            client = await Client.of(url)
            database = Database(uri, 4)
            await database.open()
            stack.push_async_callback(database.close)
            runs = Runs(database)
            (one,) = await client("POST", "/threads/search", {"limit": 1, "offset": 500})
            for _ in range(2 * times):
                thread_id = (await client("POST", "/threads", {}))["thread_id"]
                await client("POST", f"/threads/{thread_id}/runs", asked)

            search = partial(client, "POST", "/threads/search")
            calls["claim a run", column] = partial(_claim, runs)
            calls["create a stateless run", column] = partial(client, "POST", "/runs", asked)
            calls["get a thread", column] = partial(client, "GET", f"/threads/{one['thread_id']}")
            calls["runs of a thread", column] = partial(client, "GET", f"/threads/{one['thread_id']}/runs")
            calls["newest threads", column] = partial(search, {"limit": 10})
            calls["newest threads of one user", column] = partial(search, {"limit": 10, "metadata": {"user": "user-7"}})
            calls["threads that are interrupted", column] = partial(search, {"limit": 10, "status": "interrupted"})
            calls["metadata that no thread has", column] = partial(search, {"limit": 10, "metadata": {"user": "nobody"}})
        return await medians(calls, times)


async def _claim(runs: Runs) -> None:
    assert await runs.claim(new_id(), ["chat"], 1)


def fill(uri: str, rows: int) -> None:
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(_THREADS, {"rows": rows, "users": USERS})
        connection.execute(_RUNS)
        connection.execute("VACUUM (ANALYZE) threads, runs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, nargs="*", default=[10, 100, 1000])
    parser.add_argument("--rows", type=int, nargs="*", default=[1000, 1_000_000])
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--no-reference", dest="reference", action="store_false")
    options = parser.parse_args()
    if options.reference and not EXECUTABLE.exists():
        parser.error(f"{EXECUTABLE} does not exist: run `make oracle-setup`, or give --no-reference")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="allograph-bench-")))
        folder.chmod(0o755)
        uri = stack.enter_context(EmbeddedPostgres(folder / "data"))
        if options.messages:
            urls = {"Allograph": stack.enter_context(deployed("serve", uri, folder)).url}
            if options.reference:
                urls["langgraph dev"] = stack.enter_context(oracle(CONFIG))
            for name, url in urls.items():
                # The reference looks at its queue once a second: fewer of those.
                times = options.times if name == "Allograph" else min(options.times, 5)
                found = asyncio.run(of_length(url, options.messages, times))
                print(table(f"{name}, ms", found, (f"{length:,} messages" for length in options.messages)), end="\n\n", flush=True)
        stored = {}
        for rows in options.rows:
            running = stack.enter_context(deployed("serve", uri, folder, jobs=0, name=f"rows_{rows}"))
            began = time.perf_counter()
            fill(running.database_uri, rows)
            print(f"filled {rows:,} threads and runs in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
            stored[f"{rows:,} rows"] = (running.url, running.database_uri)
        if stored:
            print(table("ms", uvloop.run(of_rows(stored, options.times)), stored))


if __name__ == "__main__":
    main()
