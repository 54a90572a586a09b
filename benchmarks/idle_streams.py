"""What a client costs that reads a stream on which nothing happens: memory and CPU of the server.

.venv/bin/python -m benchmarks.idle_streams [--clients 1000]
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path

import httpx

from tests.server_process import SERVED, data_folder, serving


def memory(pid: int) -> float:
    """Resident memory in MB."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def cpu(pid: int) -> float:
    """CPU seconds so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def measure(url: str, pid: int, clients: int, gate: Path) -> None:
    limits = httpx.Limits(max_connections=clients + 50)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as http:

        async def read(path: str, opened: asyncio.Semaphore) -> None:
            async with http.stream("GET", path) as response:
                assert response.status_code == 200
                opened.release()
                async for _ in response.aiter_bytes():
                    pass

        run_thread = (await http.post("/threads", json={})).json()["thread_id"]
        body = {"assistant_id": "count", "input": {"gate": str(gate), "gate_at": 1}}
        run = (await http.post(f"/threads/{run_thread}/runs", json=body)).json()["run_id"]
        thread = (await http.post("/threads", json={})).json()["thread_id"]
        for what, path in (("a run", f"/threads/{run_thread}/runs/{run}/stream"), ("a thread", f"/threads/{thread}/stream")):
            await asyncio.sleep(1)
            before, opened = memory(pid), asyncio.Semaphore(0)
            tasks = [asyncio.create_task(read(path, opened)) for _ in range(clients)]
            for _ in tasks:
                await opened.acquire()
            began, used = time.monotonic(), cpu(pid)
            await asyncio.sleep(10)
            busy = (cpu(pid) - used) / (time.monotonic() - began)
            grown = memory(pid) - before
            each = 1024 * grown / clients
            print(f"{clients} idle streams of {what}: {grown:.1f} MB, {each:.1f} KB each, {100 * busy:.0f} % of a core")
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=1000)
    options = parser.parse_args()
    environment = {"ALLOGRAPH_CHECK_CONTRACT": "0", "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "0"}
    with data_folder() as folder, serving(folder / "data", config=SERVED, environment=environment) as server:
        asyncio.run(measure(server.url, server.process.pid, options.clients, folder / "gate"))


if __name__ == "__main__":
    main()
