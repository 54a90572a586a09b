"""Processes that are killed while runs execute: each acknowledged run ends, its input applied once, its thread free."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from tests.server_process import SERVED, ServerProcess, data_folder, query
from tests.thread_stream import ThreadStream, result
from tests.watching import ended, eventually, new_run, new_thread, run_status

ENVIRONMENT = {
    "ALLOGRAPH_LEASE_SECONDS": "1", "ALLOGRAPH_POLL_SECONDS": "0.5", "BG_JOB_MAX_RETRIES": "20",
    "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "0",
}  # fmt: skip
ONE_RETRY = {**ENVIRONMENT, "BG_JOB_MAX_RETRIES": "1"}

Start = Callable[[], ServerProcess]


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    with data_folder() as folder:
        yield folder / "data"


@pytest.fixture(scope="module")
def other(data_dir: Path) -> Iterator[httpx.Client]:
    """A client of a server that survives what is done to the others over the same database."""
    server = ServerProcess(data_dir, config=SERVED, environment=ENVIRONMENT)
    try:
        with client(server.wait_until_ready()) as http:
            yield http
        assert server.stop() == 0
    finally:
        server.kill()


@contextlib.contextmanager
def starting(data_dir: Path, environment: Mapping[str, str] = ENVIRONMENT) -> Iterator[Start]:
    servers: list[ServerProcess] = []

    def start() -> ServerProcess:
        servers.append(ServerProcess(data_dir, config=SERVED, environment=environment))
        return servers[-1].wait_until_ready()

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def start(data_dir: Path) -> Iterator[Start]:
    """Start one more server over the same database."""
    with starting(data_dir) as start:
        yield start


@pytest.fixture
def alone() -> Iterator[Path]:
    with data_folder() as folder:
        yield folder / "data"


@pytest.fixture
def start_alone(alone: Path) -> Iterator[Start]:
    """Start servers over a database that no other one uses."""
    with starting(alone, ONE_RETRY) as start:
        yield start


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "gate"
    (tmp_path / "gate").touch()


def written(journal: Path) -> list[str]:
    return journal.read_text().split() if journal.exists() else []


def client(server: ServerProcess) -> httpx.Client:
    return httpx.Client(base_url=server.url, timeout=60)


def attempts(data_dir: Path, run_id: str) -> int:
    return int(query(data_dir, "SELECT attempt FROM runs WHERE run_id = %s", [run_id])[0]["attempt"])


def test_runs_of_a_killed_server_are_finished_by_another(
    start: Start, other: httpx.Client, data_dir: Path, journal: Path, gate: Path
) -> None:
    first = start()
    with client(first) as http:
        thread = new_thread(http)
        asked = {"tag": "a", "steps": 4, "gate": str(gate), "gate_at": 3, "journal": str(journal)}
        run = new_run(http, thread, "count", asked, durability="sync")
        waiting = new_run(http, thread, "count", {"tag": "b", "steps": 2, "journal": str(journal)})
        stateless = http.post("/runs", json={"assistant_id": "count", "input": {"gate": str(gate)}}).json()
        eventually(lambda: "a3" in written(journal))
        cancelled = new_run(http, new_thread(http), "count", {"gate": str(gate)})
        assert run_status(other, thread, run) == "running"
        first.kill()
        gate.touch()
        assert ended(other, thread, run) == "success"
        assert ended(other, thread, waiting) == "success"
        state = other.get(f"/threads/{thread}/state").json()["values"]
        assert state["entries"] == ["a1", "a2", "a3", "a4", "b1", "b2"]
        # The step that was executing is executed again; nothing before it is.
        assert written(journal) == ["a1", "a2", "a3", "a3", "a4", "b1", "b2"]
        assert attempts(data_dir, run) == 2
        assert attempts(data_dir, waiting) == 1
        assert other.get(f"/threads/{thread}").json()["status"] == "idle"
        # The thread of a stateless run goes with it, whoever executed it.
        eventually(lambda: other.get(f"/threads/{stateless['thread_id']}").status_code == 404)
        eventually(lambda: query(data_dir, "SELECT count(*) FROM runs WHERE status IN ('pending', 'running')") == [{"count": 0}])
        assert query(data_dir, "SELECT status FROM runs WHERE run_id = %s", [cancelled]) == [{"status": "success"}]


def test_a_cancel_reaches_a_run_whose_server_is_dead(start: Start, other: httpx.Client, journal: Path, gate: Path) -> None:
    first = start()
    with client(first) as http:
        thread = new_thread(http)
        run = new_run(http, thread, "count", {"gate": str(gate), "journal": str(journal)}, durability="sync")
        eventually(lambda: "x2" in written(journal))
        first.kill()
        assert other.post(f"/threads/{thread}/runs/{run}/cancel", params={"wait": "true"}).status_code == 200
        assert run_status(other, thread, run) == "interrupted"
        gate.touch()
        again = other.post(f"/threads/{thread}/runs/wait", json={"assistant_id": "count", "input": {"tag": "y", "steps": 1}})
        assert again.json()["entries"] == ["x1", "y1"]
        assert written(journal) == ["x1", "x2", "y1"]


def test_a_client_of_another_process_learns_the_end(start: Start, other: httpx.Client, journal: Path, gate: Path) -> None:
    first = start()
    with client(first) as http:
        thread = new_thread(http)
        run = new_run(http, thread, "count", {"gate": str(gate), "journal": str(journal)})
        eventually(lambda: "x2" in written(journal))
        with other.stream("GET", f"/threads/{thread}/runs/{run}/join") as response:
            first.kill()
            gate.touch()
            response.read()
            assert response.json()["entries"] == ["x1", "x2", "x3"]


def test_a_run_that_kills_its_servers_ends_with_an_error(start_alone: Start, alone: Path, journal: Path) -> None:
    server = start_alone()
    with client(server) as http:
        thread = new_thread(http)
        run = new_run(http, thread, "deadly", {"journal": str(journal)})
        second = new_run_or_dead(http, thread)
    server.process.wait(10)
    # The next one may be killed before it says that it is ready.
    with contextlib.suppress(AssertionError):
        start_alone().process.wait(20)
    assert written(journal) == ["killed", "killed"]
    with client(start_alone()) as http:
        assert ended(http, thread, run) == "error"
        if second:
            assert ended(http, thread, second) == "success"
        eventually(lambda: http.get(f"/threads/{thread}").json()["status"] in ("error", "idle"))
        assert attempts(alone, run) == 2, "BG_JOB_MAX_RETRIES is 1"
        body = {"assistant_id": "count", "input": {"steps": 1, "journal": ""}}
        assert http.post(f"/threads/{thread}/runs/wait", json=body).json()["entries"][-1] == "x1"
    assert written(journal)[:3] != ["killed"] * 3


def new_run_or_dead(http: httpx.Client, thread: str) -> str | None:
    """A second run behind one that kills its server, if that still takes it."""
    with contextlib.suppress(httpx.HTTPError):
        return new_run(http, thread, "count", {"steps": 1})
    return None


def test_a_graph_that_blocks_the_loop_keeps_its_run(start: Start, other: httpx.Client, data_dir: Path, journal: Path) -> None:
    first = start()
    with client(first) as http:
        thread = new_thread(http)
        run = new_run(http, thread, "blocker", {"seconds": 3, "journal": str(journal)})
        eventually(lambda: written(journal))
        assert ended(other, thread, run) == "success"
        assert attempts(data_dir, run) == 1
    assert written(journal) == ["blocked"]
    assert "taken away" not in first.output


def test_a_paused_server_that_lost_its_run_writes_nothing(
    start: Start, other: httpx.Client, data_dir: Path, journal: Path, gate: Path
) -> None:
    first = start()
    with client(first) as http:
        thread = new_thread(http)
        asked = {"gate": str(gate), "gate_at": 2, "steps": 3, "journal": str(journal)}
        run = new_run(http, thread, "count", asked, durability="sync")
        eventually(lambda: "x2" in written(journal))
        first.process.send_signal(signal.SIGSTOP)
        try:
            eventually(lambda: written(journal).count("x2") == 2)
            gate.touch()
            assert ended(other, thread, run) == "success"
        finally:
            first.process.send_signal(signal.SIGCONT)
        time.sleep(1)
        state = other.get(f"/threads/{thread}/state").json()["values"]
        assert state["entries"] == ["x1", "x2", "x3"]
        assert (run_status(other, thread, run), attempts(data_dir, run)) == ("success", 2)
        assert http.get("/ok?check_db=1").status_code == 200


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


def test_runs_survive_the_death_of_postgres(start: Start, data_dir: Path, journal: Path, gate: Path) -> None:
    server = start()
    with client(server) as http:
        thread = new_thread(http)
        run = new_run(http, thread, "count", {"gate": str(gate), "steps": 4, "journal": str(journal)})
        waiting = new_run(http, thread, "count", {"tag": "b", "steps": 1, "journal": str(journal)})
        eventually(lambda: "x2" in written(journal))
        os.kill(postmaster(data_dir), signal.SIGKILL)
        gate.touch()
        eventually(lambda: http.get("/ok?check_db=1").status_code == 200)
        assert ended(http, thread, run) == "success"
        assert ended(http, thread, waiting) == "success"
        entries = http.get(f"/threads/{thread}/state").json()["values"]["entries"]
        assert len(entries) == len(set(entries)), "nothing is applied twice"
        assert entries[-1] == "b1"
        assert http.get(f"/threads/{thread}").json()["status"] == "idle"


@pytest.fixture
def without_database(data_dir: Path) -> Callable[[], AbstractContextManager[None]]:
    """A time in which Postgres is dead and nobody starts it again."""

    @contextlib.contextmanager
    def without() -> Iterator[None]:
        guardian = next(
            int(place.parent.name)
            for place in Path("/proc").glob("[0-9]*/cmdline")
            if b"embedded_guardian.py" in (line := readable(place)) and os.fsencode(data_dir) in line
        )
        os.kill(guardian, signal.SIGSTOP)
        try:
            os.kill(postmaster(data_dir), signal.SIGKILL)
            eventually(lambda: not postgres_processes(data_dir))  # those that served connections notice it by and by
            yield
        finally:
            os.kill(guardian, signal.SIGCONT)

    return without


def postgres_processes(data_dir: Path) -> list[str]:
    """Those of the database below a data folder that have not ended."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(place / "cwd") == str(data_dir.resolve() / "postgres" / "data"):
                found.append(place.name)
    return found


def readable(place: Path) -> bytes:
    try:
        return place.read_bytes()
    except OSError:
        return b""


def test_health_tells_of_a_database_that_is_gone(
    start: Start, without_database: Callable[[], AbstractContextManager[None]]
) -> None:
    server = start()
    with client(server) as http, ThreadPoolExecutor(4) as pool:
        with without_database():
            assert http.get("/ok").status_code == 200
            assert http.get("/live").status_code == 200
            asked = pool.submit(http.post, "/threads", json={})
            for path, answer in [(path, pool.submit(http.get, path)) for path in ("/ready", "/health", "/ok?check_db=1")]:
                assert answer.result().status_code == 503, path
                assert "database" in answer.result().json()["detail"]
        eventually(lambda: http.get("/ready").status_code == 200)
        # A request that came meanwhile has waited; for the next ones no connection of the pool is broken.
        assert asked.result().status_code == 200
        assert {http.post("/threads", json={}).status_code for _ in range(30)} == {200}
    assert "Traceback" not in server.output


def test_a_database_that_dies_under_requests_is_told_as_such(start: Start, data_dir: Path) -> None:
    """Never as an error of the server: 503, and the next try succeeds."""
    server = start()
    with client(server) as http, ThreadPoolExecutor(8) as pool:
        stopping = time.monotonic() + 1.5

        def ask() -> set[int]:
            seen = set()
            while time.monotonic() < stopping:
                for answer in (http.post("/threads", json={}), http.post("/threads/search", json={}), http.get("/ready")):
                    seen.add(answer.status_code)
            return seen

        asking = [pool.submit(ask) for _ in range(8)]
        for _ in range(3):
            time.sleep(0.4)
            with contextlib.suppress(ProcessLookupError, FileNotFoundError, IndexError):
                os.kill(postmaster(data_dir), signal.SIGKILL)
        assert set().union(*(one.result() for one in asking)) <= {200, 503}
        eventually(lambda: http.get("/ready").status_code == 200)
    assert "Traceback" not in server.output


def test_a_stopped_server_hands_its_runs_to_the_next(start_alone: Start, alone: Path, journal: Path, gate: Path) -> None:
    first = start_alone()
    with client(first) as http:
        thread = new_thread(http)
        run = new_run(http, thread, "count", {"gate": str(gate), "gate_at": 3, "steps": 4, "journal": str(journal)})
        eventually(lambda: "x3" in written(journal))
        path = f"/threads/{thread}/runs/{run}"
        with http.stream("GET", f"{path}/stream"), http.stream("GET", f"{path}/join"):
            began = time.monotonic()
            assert first.stop() == 0
            assert time.monotonic() - began < 5
    assert "Traceback" not in first.output
    gate.touch()
    with client(start_alone()) as http:
        assert ended(http, thread, run) == "success"
        assert http.get(f"/threads/{thread}/state").json()["values"]["entries"] == ["x1", "x2", "x3", "x4"]
    assert written(journal) == ["x1", "x2", "x3", "x3", "x4"]


def test_a_thread_is_followed_over_the_death_of_its_worker(start: Start, other: httpx.Client, journal: Path, gate: Path) -> None:
    """Through another process: each event once and in order, the numbers go on, and the run ends once."""
    first = start()
    with client(first) as http:
        thread = new_thread(http)
        with ThreadStream(str(other.base_url).rstrip("/"), thread) as stream:
            asked = {"steps": 4, "gate": str(gate), "gate_at": 3, "journal": str(journal)}
            result(http, thread, "run.start", assistant_id="count", input=asked)
            stream.wait(lambda stream: len(stream.data("custom")) == 3)
            # Checkpoints are written behind the run.
            eventually(lambda: other.get(f"/threads/{thread}/state").json()["values"].get("entries") == ["x1", "x2"])
            first.kill()
            gate.touch()
            events = stream.wait_for_end()
            assert stream.ends() == ["completed"]
        # The step that was executing is executed again, and says so again.
        assert [data["payload"]["entry"] for data in stream.data("custom")] == ["x1", "x2", "x3", "x3", "x4"]
        assert [data["event"] for data in stream.data("lifecycle")] == ["running", "running", "completed"]
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        with ThreadStream(str(other.base_url).rstrip("/"), thread) as again:
            assert again.wait_for_end() == events


def test_the_end_of_a_run_that_kills_its_servers_is_shown(start_alone: Start, journal: Path) -> None:
    server = start_alone()
    with client(server) as http:
        thread = new_thread(http)
        with contextlib.suppress(httpx.HTTPError):
            result(http, thread, "run.start", assistant_id="deadly", input={"journal": str(journal)})
    server.process.wait(10)
    with contextlib.suppress(AssertionError):
        start_alone().process.wait(20)
    survivor = start_alone()
    with client(survivor) as http, ThreadStream(survivor.url, thread) as stream:
        stream.wait_for_end()
        assert stream.ends() == ["failed"]
        assert "died" in stream.of("lifecycle")[-1]["params"]["data"]["error"]
        result(http, thread, "run.start", assistant_id="count", input={"steps": 1, "journal": ""})
        events = stream.wait_for_end(2)
        assert stream.ends() == ["failed", "completed"]
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
