"""The processes of a chaos run: Postgres, API processes, workers; each comes back on its port when it was killed."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from allograph.store.embedded import EmbeddedPostgres
from tests.server_process import ServerProcess, free_port

GRAPHS = Path(__file__).parent / "graphs" / "langgraph.json"
LEASE_SECONDS = 3.0
ENVIRONMENT = {
    "ALLOGRAPH_LEASE_SECONDS": str(LEASE_SECONDS), "ALLOGRAPH_POLL_SECONDS": "0.5", "ALLOGRAPH_HEARTBEAT_SECONDS": "1",
    # However often the workers of a run are killed here, it is no fault of the run.
    "BG_JOB_MAX_RETRIES": "10000", "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "2", "N_JOBS_PER_WORKER": "8",
}  # fmt: skip


class Process:
    """One place for a process: killed, paused and started again."""

    def __init__(self, name: str, data_dir: Path, command: str, environment: dict[str, str]) -> None:
        self.name = name
        self.data_dir = data_dir
        self.command = command
        self.environment = environment
        self.port = free_port()
        self.server: ServerProcess | None = None
        self.busy = False
        """Somebody is at it: it is paused, or being started again."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        assert self.server
        return self.server.log

    def start(self) -> None:
        self.server = ServerProcess(
            self.data_dir, config=GRAPHS, command=self.command, port=self.port, environment=self.environment
        )

    def signal(self, number: signal.Signals) -> None:
        if self.server and self.alive:
            self.server.process.send_signal(number)

    def kill(self) -> None:
        if self.server:
            self.server.kill()

    @property
    def alive(self) -> bool:
        return self.server is not None and self.server.process.poll() is None


class System:
    """Everything that runs. Postgres is held by the process that made this, so that it outlives all others."""

    def __init__(self, folder: Path, environment: dict[str, str], *, apis: int = 2, workers: int = 3) -> None:
        self.data_dir = folder / "data"
        self.postgres = EmbeddedPostgres(self.data_dir)
        environment = {**ENVIRONMENT, **environment}
        self.apis = [Process(f"api-{number}", self.data_dir, "api", environment) for number in range(1, apis + 1)]
        self.workers = [Process(f"worker-{number}", self.data_dir, "worker", environment) for number in range(1, workers + 1)]

    @property
    def processes(self) -> list[Process]:
        return [*self.apis, *self.workers]

    def start(self) -> None:
        self.conninfo = self.postgres.start()
        for process in self.processes:
            process.start()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Return when every API process answers; one that found no database when it started is started again."""
        for process in self.apis:
            if not process.alive:
                process.start()
            assert process.server
            process.server.wait_until_ready(120)

    def stop(self) -> None:
        for process in self.processes:
            process.signal(signal.SIGCONT)
            process.kill()
        self.postgres.stop()

    # -- the database ---------------------------------------------------------------------------------------------------------

    def kill_postgres(self) -> None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int((self.postgres.home / "data" / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGKILL)

    @contextlib.contextmanager
    def without_postgres(self) -> Iterator[None]:
        """A time in which Postgres is dead and nobody starts it again."""
        guardians = list(self._guardians())
        try:
            for pid in guardians:
                os.kill(pid, signal.SIGSTOP)
            self.kill_postgres()
            yield
        finally:
            for pid in guardians:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def _guardians(self) -> Iterator[int]:
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                line = place.read_bytes()
                if b"embedded_guardian.py" in line and os.fsencode(self.postgres.home) in line:
                    yield int(place.parent.name)
