"""What carries the events of a run to clients of another process: memory, Postgres or Redis.

    python -m benchmarks.carriers

`serve` (no carrier: memory), `api` + 1 worker over Postgres and the same with Redis take turns. `flood`: runs that stream as
fast as they can, and how many events per second the clients get together. `paced`: one event each 10 ms, and how long after it
was sent a client had it; all processes read the same clock.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from allograph.store.embedded import EmbeddedPostgres
from benchmarks.contestants import cpu_seconds, database_cpu_seconds, deployed, postmaster_of
from benchmarks.load import quantile

CARRIERS = {"memory (serve)": "serve", "Postgres": "api+1", "Redis": "redis+1"}
FLOOD, PACED, PAUSE = 2000, 200, 0.01
PACED_AT_ONCE = (1, 20)
FLOOD_AT_ONCE = (1, 10)


async def stream(url: str, events: int, pause: float) -> list[tuple[float, float]]:
    """When each event of a run was sent and when it was here, in seconds."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=16 * 1024 * 1024)
    body = json.dumps({"assistant_id": "ticks", "input": {"events": events, "pause": pause}, "stream_mode": "custom"}).encode()
    head = "POST /runs/stream HTTP/1.1\r\nhost: bench\r\nconnection: close\r\ncontent-type: application/json\r\n"
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    seen = []
    try:
        async for line in reader:
            if line.startswith(b'data: {"sent":'):
                seen.append((json.loads(line[6:])["sent"] / 1e9, time.time()))
    finally:
        writer.close()
    if len(seen) != events:
        raise RuntimeError(f"{len(seen)} of {events} events arrived")
    return seen


async def at_once(url: str, runs: int, events: int, pause: float) -> tuple[float, list[float]]:
    """Events per second of all runs together, and how long each event was on its way, in milliseconds."""
    reads = [event for read in await asyncio.gather(*(stream(url, events, pause) for _ in range(runs))) for event in read]
    took = max(here for _, here in reads) - min(sent for sent, _ in reads)
    return len(reads) / took, [(here - sent) * 1000 for sent, here in reads]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cases = [("flood", runs, FLOOD, 0.0) for runs in FLOOD_AT_ONCE] + [("paced", runs, PACED, PAUSE) for runs in PACED_AT_ONCE]
    found: dict[tuple[str, int, str], list[tuple[float, float, float, float]]] = {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="allograph-bench-")))
        folder.chmod(0o755)
        uri = stack.enter_context(EmbeddedPostgres(folder / "data"))
        running = {name: stack.enter_context(deployed(key, uri, folder, jobs=20)) for name, key in CARRIERS.items()}
        postmaster = postmaster_of(folder)
        for one in running.values():
            uvloop.run(at_once(one.url, 1, 10, 0))
        for number in range(options.rounds):
            for case, runs, events, pause in cases:
                order = list(running)
                turn = number % len(order)
                for name in order[turn:] + order[:turn]:
                    one = running[name]
                    pids = [*one.processes, *([one.redis] if one.redis else [])]
                    before = sum(map(cpu_seconds, pids)) + database_cpu_seconds(postmaster)
                    rate, took = uvloop.run(at_once(one.url, runs, events, pause))
                    cpu = sum(map(cpu_seconds, pids)) + database_cpu_seconds(postmaster) - before
                    row = (rate, quantile(took, 0.5), quantile(took, 0.95), cpu * 1e6 / len(took))
                    found.setdefault((case, runs, name), []).append(row)
                    print(f"  {case} @{runs} {name:16} {row[0]:9.0f}/s {row[1]:8.2f} ms", file=sys.stderr, flush=True)
    print("| | runs at once | carrier | events/s | on the way, p50 ms | p95 ms | CPU µs of an event |")
    print("|---|---:|---|---:|---:|---:|---:|")
    for (case, runs, name), rows in sorted(found.items(), key=lambda item: item[0][:2]):
        rate, p50, p95, cpu = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"| {case} | {runs} | {name} | {rate:.0f} | {p50:.1f} | {p95:.1f} | {cpu:.0f} |")


if __name__ == "__main__":
    main()
