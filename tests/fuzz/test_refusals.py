"""What bad input costs the server: nothing that stays. Neither memory, nor connections, nor rows, nor lines in the log.

`tests/test_bad_input.py` holds the single requests and their sentences; here is what happens when there are very many of them.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid5

import httpx
import psycopg
import pytest

from allograph.store.assistants import NAMESPACE
from allograph.store.embedded import EmbeddedPostgres
from tests.server_process import ServerProcess, data_folder, serving, tables
from tests.watching import eventually

CONFIG = Path(__file__).with_name("langgraph.json")
NOBODY = "00000000-0000-4000-8000-000000000000"
STEPS = uuid5(NAMESPACE, "steps")

REFUSED = 50_000
MOST_GROWTH = 20 * 1024 * 1024
CONNECTIONS = 16


@pytest.fixture(scope="module")
def fresh() -> Iterator[ServerProcess]:
    """A server as in production: without the contract check, whose compiled schemas would be counted as growth."""
    environment = {"ALLOGRAPH_CHECK_CONTRACT": "0", "ALLOGRAPH_MAX_BODY_BYTES": "200000"}
    with data_folder() as folder, serving(folder / "data", config=CONFIG, environment=environment) as running:
        yield running


def request(method: str, path: str, body: bytes = b"", headers: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


def command(n: int, method: str, **params: Any) -> bytes:
    return json.dumps({"id": n, "method": method, "params": params}).encode()


def rpc(n: int, method: str, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": n, "method": method, "params": params}).encode()


def refusals(numbers: Iterator[int]) -> Iterator[bytes]:
    """Requests that are refused, no two of them the same, of every kind that there is."""
    while True:
        n = next(numbers)
        yield from (
            request("POST", "/threads", b'{"metadata": {"n": %d' % n),
            request("POST", "/threads", b'{"metadata": [%d]}' % n),
            request("POST", "/threads", json.dumps({"metadata": {"a" * 2000: "x\0", "n": n}}).encode()),
            request("POST", "/threads", b'{"metadata": ' + b'{"a":' * 300 + b"1" + b"}" * 300 + b', "n": %d}' % n),
            request("POST", "/threads/search", b'{"limit": %d, "extract": {"a": "nothing.%d"}}' % (n + 10_000, n)),
            request("POST", f"/threads/{NOBODY[:-8]}{n:08d}/runs", b'{"assistant_id": "steps", "input": {"text": "%d"}}' % n),
            request("POST", "/runs/wait", b'{"assistant_id": "graph-%d", "input": {"text": "%s"}}' % (n, b"x" * 20_000)),
            request("POST", "/runs/stream", b'{"assistant_id": "steps", "stream_mode": "mode-%d"}' % n),
            request("POST", "/runs/batch", b'[{"assistant_id": "steps"}, {"n": %d}]' % n),
            request("GET", f"/threads/{n}"),
            request("GET", f"/threads/{NOBODY[:-8]}{n:08d}/state"),
            request("GET", f"/threads/{NOBODY}/runs?limit={n + 10_000}"),
            request("GET", f"/assistants/graph-{n}/graph"),
            request("GET", f"/assistants/{NOBODY[:-8]}{n:08d}/schemas"),
            request("DELETE", f"/threads/{NOBODY[:-8]}{n:08d}/runs/{NOBODY}"),
            request("PUT", f"/threads/{NOBODY[:-8]}{n:08d}"),
            request("POST", "/runs/crons", b'{"assistant_id": "steps", "schedule": "never-%d"}' % n),
            request("POST", "/runs/crons", b'{"assistant_id": "steps", "schedule": "@daily", "timezone": "Mars/%d"}' % n),
            request("PATCH", f"/runs/crons/{NOBODY[:-8]}{n:08d}", b'{"enabled": false}'),
            request("PUT", "/store/items", b'{"namespace": ["a.%d"], "key": "k", "value": {}}' % n),
            request("PUT", "/store/items", b'{"namespace": ["langgraph", "%d"], "key": "k", "value": {}}' % n),
            request("POST", "/store/items/search", b'{"limit": -%d}' % (n + 1)),
            request("POST", "/runs", b'{"assistant_id": "steps", "webhook": "http://10.0.0.1/%d"}' % n),
            request("POST", f"/threads/{NOBODY}/commands", b'{"id": %d, "method": 5}' % n),
            request("POST", f"/threads/{NOBODY[:-8]}{n:08d}/commands", command(n, "run.start", assistant_id=f"graph-{n}")),
            request(
                "POST", f"/threads/{NOBODY[:-8]}{n:08d}/commands", command(n, "input.respond", interrupt_id=f"{n}", response=n)
            ),
            request("POST", f"/threads/{NOBODY}/commands", command(n, f"method-{n}")),
            request("POST", f"/threads/{NOBODY[:-8]}{n:08d}/stream/events", b'{"channels": ["channel-%d"]}' % n),
            request("POST", "/mcp", b'{"id": %d, "method": "ping"}' % n),
            request("POST", "/mcp", rpc(n, "tools/call", name=f"tool-{n}", arguments={})),
            request("POST", f"/a2a/{STEPS}", rpc(n, "message/send", message={"role": "user", "messageId": f"{n}", "parts": []})),
            request("POST", f"/a2a/{STEPS}", rpc(n, "tasks/get", id=f"task-{n}", contextId=NOBODY)),
            request("GET", f"/nothing/{n}/here"),
            request("POST", "/threads/prune", b"", f"x-number: {n}\r\n"),
        )


async def answers(port: int, requests: Iterator[bytes], count: int) -> Counter[int]:
    """The statuses of `count` requests, sent over a few connections that stay open."""
    statuses: Counter[int] = Counter()
    ahead = itertools.islice(requests, count)

    async def send() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for asked in ahead:
            writer.write(asked)
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head[9:12])
            statuses[status] += 1
            body = await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
            # Commands and JSON-RPC are refused in their own envelopes.
            assert status != 200 or b'"error"' in body, (asked, body)
        writer.close()

    await asyncio.gather(*(send() for _ in range(CONNECTIONS)))
    return statuses


def resident(server: ServerProcess) -> int:
    """Bytes of memory that the server's process has."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def descriptors(server: ServerProcess) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def rows(server: ServerProcess) -> dict[str, Any]:
    """Of each table how many rows there are and when one was last written."""
    with EmbeddedPostgres(server.data_dir) as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        latest = "SELECT count(*), max(xmin::text::bigint) FROM"
        return {table: connection.execute(f"{latest} {table}").fetchone() for table in tables(connection)}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
async def test_fifty_thousand_refusals_leave_nothing_behind(fresh: ServerProcess) -> None:
    numbers = itertools.count()
    asked = refusals(numbers)
    # What is loaded or compiled on first use is no growth.
    await answers(fresh.port, asked, 3000)
    before, memory, said = rows(fresh), resident(fresh), len(fresh.output)
    statuses = await answers(fresh.port, asked, REFUSED)
    grown = resident(fresh) - memory
    assert sum(statuses.values()) == REFUSED
    assert statuses.keys() == {200, 400, 404, 405, 422}, statuses
    assert grown < MOST_GROWTH, f"{grown / 2**20:.1f} MB more after {REFUSED} refusals"
    assert rows(fresh) == before
    assert fresh.output[said:] == ""


HALVES = {
    "a request line": b"POST /thr",
    "headers": b"POST /threads HTTP/1.1\r\nhost: x\r\ncontent-ty",
    "a body": request("POST", "/threads", b'{"metadata": {}}' + b" " * 5000)[:-4000],
    "a run": request("POST", "/runs/wait", b'{"assistant_id": "steps", "input": {"text": "x"}}')[:-3],
    "a chunk": b"POST /threads HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n20\r\n{",
    "nothing": b"",
}


@pytest.mark.parametrize("half", HALVES)
async def test_half_a_request_costs_nothing(fresh: ServerProcess, half: str) -> None:
    """Neither when its client leaves nor while it stays and says no more."""
    await answers(fresh.port, refusals(itertools.count()), 100)
    before, memory, said, open_files = rows(fresh), resident(fresh), len(fresh.output), descriptors(fresh)

    async def send_half() -> asyncio.StreamWriter:
        _, writer = await asyncio.open_connection("127.0.0.1", fresh.port)
        writer.write(HALVES[half])
        await writer.drain()
        return writer

    for _ in range(5):
        writers = await asyncio.gather(*(send_half() for _ in range(100)))
        async with httpx.AsyncClient(base_url=fresh.url, timeout=10) as http:
            assert (await http.get("/ok?check_db=1")).status_code == 200, "others are answered meanwhile"
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers))
    eventually(lambda: descriptors(fresh) <= open_files)
    assert rows(fresh) == before
    assert fresh.output[said:] == ""
    assert resident(fresh) - memory < MOST_GROWTH
