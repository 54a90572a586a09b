"""What is measured: the floor, our server in several deployments, the reference; and what their processes take."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from allograph.store.database import migrate
from benchmarks.load import Sample
from scripts.oracle import free_port
from tests.redis_process import RedisProcess

ROOT = Path(__file__).resolve().parent.parent
CONFIG = Path(__file__).parent / "graphs" / "langgraph.json"

POOL_SIZE = 16
"""Database connections of each of our processes: so that all deployments together fit into one Postgres."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Our server: `allograph serve`, or `allograph api` with some workers."""

    name: str
    workers: int = 0
    redis: bool = False


DEPLOYMENTS = {
    "serve": Deployment("serve"),
    "api+1": Deployment("api + 1 worker", 1),
    "api+2": Deployment("api + 2 workers", 2),
    "redis": Deployment("api + 2 workers, Redis", 2, redis=True),
    "redis+1": Deployment("api + 1 worker, Redis", 1, redis=True),
}


@dataclass(frozen=True, slots=True)
class Running:
    """A deployment that answers at `url`."""

    url: str
    processes: list[int]
    redis: int | None
    """The process id of its Redis."""
    database_uri: str


@contextlib.contextmanager
def database(uri: str, name: str) -> Iterator[str]:
    """A migrated database of its own on the same Postgres: workers execute every run of the database that they are given."""
    own = sql.Identifier(f"bench_{name}")
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(own))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(own))
    conninfo = make_conninfo(uri, dbname=f"bench_{name}")
    asyncio.run(migrate(conninfo))
    try:
        yield conninfo
    finally:
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(own))


@contextlib.contextmanager
def deployed(key: str, uri: str, folder: Path, jobs: int = 10, name: str | None = None) -> Iterator[Running]:
    """One of `DEPLOYMENTS` on a database of its own, named after it or `name`, with its logs in `folder`."""
    deployment = DEPLOYMENTS[key]
    with contextlib.ExitStack() as stack:
        own = stack.enter_context(database(uri, name or key.replace("+", "_")))
        environment = {
            "DATABASE_URI": own, "N_JOBS_PER_WORKER": str(jobs), "ALLOGRAPH_POOL_SIZE": str(POOL_SIZE),
            "ALLOGRAPH_CHECK_CONTRACT": "0",
        }  # fmt: skip
        redis = None
        if deployment.redis:
            server = RedisProcess()
            stack.callback(server.kill)
            redis, environment["REDIS_URI"] = server.process.pid, server.url
        log = folder / f"{name or key}.log"
        command = "api" if deployment.workers else "serve"
        url, pid = stack.enter_context(_server(command, environment, log))
        pids = [pid, *(stack.enter_context(_worker(environment, folder, f"{key}-{n}")) for n in range(deployment.workers))]
        yield Running(url, pids, redis, own)


@contextlib.contextmanager
def serving(environment: dict[str, str], log: Path) -> Iterator[str]:
    """A server with this environment; its URL."""
    with _server("serve", environment, log) as (url, _):
        yield url


@contextlib.contextmanager
def _process(environment: dict[str, str], log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "allograph.cli", *arguments, "--config", str(CONFIG)], cwd=ROOT,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True, env={**os.environ, **environment},
        )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


@contextlib.contextmanager
def _server(command: str, environment: dict[str, str], log: Path) -> Iterator[tuple[str, int]]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with _process(environment, log, command, "--port", str(port)) as process:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}/ok", timeout=2).status_code == 200:
                    break
            _still_starting(process, deadline, log)
        yield url, process.pid


@contextlib.contextmanager
def _worker(environment: dict[str, str], folder: Path, name: str) -> Iterator[int]:
    log = folder / f"{name}.log"
    with _process(environment, log, "worker") as process:
        deadline = time.monotonic() + 60
        while "executing" not in log.read_text():
            _still_starting(process, deadline, log)
        yield process.pid


def _still_starting(process: subprocess.Popen[bytes], deadline: float, log: Path) -> None:
    if process.poll() is not None or time.monotonic() > deadline:
        raise RuntimeError(f"allograph did not start: {log.read_text()[-4000:]}")
    time.sleep(0.1)


class Floor:
    """The floor's process, which takes one request after the other."""

    def __init__(self, uri: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.floor", "--database-uri", uri], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"

    def measure(self, operation: str, clients: int, seconds: float, graph: str) -> Sample:
        assert self.process.stdin
        assert self.process.stdout
        asked = {"operation": operation, "clients": clients, "seconds": seconds, "graph": graph}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return Sample(**json.loads(self.process.stdout.readline()))


@contextlib.contextmanager
def floor(uri: str) -> Iterator[Floor]:
    running = Floor(uri)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()


@contextlib.contextmanager
def null_server() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.null_server"], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def memory(pids: Iterable[int]) -> dict[str, float]:
    """MB that processes take together: resident, and their fair share of what they share with others."""
    found = {"RSS": 0.0, "PSS": 0.0}
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                name, _, rest = line.partition(":")
                if name in ("Rss", "Pss"):
                    found[name.upper()] += int(rest.split()[0]) / 1024
    return {name: round(size, 1) for name, size in found.items()}


def cpu_seconds(pid: int) -> float:
    """What a process and those of its children that have ended have used so far."""
    return sum(map(int, _stat(pid)[11:15])) / os.sysconf("SC_CLK_TCK")


def _stat(pid: int | str) -> list[str]:
    """The fields of /proc/<pid>/stat from the third on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def database_cpu_seconds(postmaster: int | None) -> float:
    """The same of Postgres: the postmaster and its children."""
    if postmaster is None:
        return 0.0
    used = cpu_seconds(postmaster)
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if _stat(folder.name)[1] == str(postmaster):
                used += cpu_seconds(int(folder.name))
    return used


def postmaster_of(folder: Path) -> int | None:
    for found in folder.rglob("postmaster.pid"):
        return int(found.read_text().split()[0])
    return None


def listener(url: str) -> int | None:
    """The process that listens at a loopback URL."""
    port = int(url.rpartition(":")[2])
    inodes = {
        fields[9]
        for fields in (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        if fields[3] == "0A" and int(fields[1].partition(":")[2], 16) == port
    }
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(os.readlink(entry).removeprefix("socket:[").rstrip("]") in inodes for entry in (folder / "fd").iterdir()):
                return int(folder.name)
    return None
