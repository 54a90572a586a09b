"""A real server for tests: `allograph serve` as a process of its own, on a free port, over its own embedded Postgres."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, LiteralString

import httpx
import psycopg
from psycopg.rows import dict_row

from allograph.store.embedded import EmbeddedPostgres

ROOT = Path(__file__).resolve().parent.parent
GRAPHS = ROOT / "tests" / "graphs" / "langgraph.json"
SERVED = ROOT / "tests" / "served" / "langgraph.json"
"""Graphs that count what is executed, block, flood, kill: for tests of the server, not of its likeness to the reference."""
START_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """One `allograph` process. `output` is what it wrote so far."""

    def __init__(
        self, data_dir: Path, *arguments: str, config: Path | None = GRAPHS, port: int | None = None, command: str = "serve",
        environment: Mapping[str, str] | None = None, cwd: Path | None = None,
    ) -> None:  # fmt: skip
        self.data_dir = data_dir
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data_dir.parent / f"{data_dir.name}-{self.port}.log"
        named = ["--config", str(config)] if config else []
        ports = ["--port", str(self.port)] if command != "worker" else []
        kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URI", "DATABASE_URL", "POSTGRES_URI")}
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "allograph.cli", command, *ports, *named, *arguments],
                cwd=cwd or data_dir.parent, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={
                    **kept, "ALLOGRAPH_DATA_DIR": str(data_dir), "ALLOGRAPH_CHECK_CONTRACT": "1", "PYTHONUNBUFFERED": "1",
                    **(environment or {}),
                },
            )  # fmt: skip

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until_ready(self, seconds: float = START_SECONDS) -> ServerProcess:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.output}")
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/ok", timeout=2).status_code == 200:
                    return self
            time.sleep(0.05)
        raise AssertionError(f"the server was not ready within {seconds:g} s:\n{self.output}")

    def stop(self, seconds: float = 20) -> int:
        """End it as an orchestrator does; answer its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"the server did not stop within {seconds:g} s:\n{self.output}") from None
        return self.process.returncode

    def kill(self) -> None:
        """kill -9: nothing of it gets a last word."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def data_folder() -> Iterator[Path]:
    """A folder for the data of servers, gone afterwards.

    pytest's own are closed to all but their owner: root's Postgres, which runs as `nobody`, would live elsewhere and stay.
    """
    folder = Path(tempfile.mkdtemp(prefix="allograph-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def query(data_dir: Path, statement: LiteralString, parameters: Any = None) -> list[dict[str, Any]]:
    """The rows that a server's own database answers."""
    with (
        EmbeddedPostgres(data_dir) as conninfo,
        psycopg.connect(conninfo, autocommit=True, row_factory=dict_row) as connection,
    ):
        cursor = connection.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def tables(connection: psycopg.Connection[Any]) -> list[str]:
    """Every table of a server's database but `workers`, into which leases are written all the time: new ones are not forgotten."""
    found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'workers' ORDER BY 1")
    return [row[0] for row in found.fetchall()]


@contextlib.contextmanager
def serving(data_dir: Path, *arguments: str, **options: object) -> Iterator[ServerProcess]:
    """A server that is ready, and stopped afterwards."""
    server = ServerProcess(data_dir, *arguments, **options)  # type: ignore[arg-type]
    try:
        yield server.wait_until_ready()
    finally:
        with contextlib.suppress(AssertionError):
            server.stop()
        server.kill()
