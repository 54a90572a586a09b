"""Runs that change hands at the worst moment: what was done counts once, what was undone is gone."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from allograph.store.embedded import EmbeddedPostgres
from tests.server_process import SERVED, ServerProcess, data_folder, query
from tests.test_crash import ENVIRONMENT, client, postgres_processes, postmaster, written
from tests.watching import ended, events, eventually, new_run, new_thread, run_status

Start = Callable[..., ServerProcess]


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    with data_folder() as folder, EmbeddedPostgres(folder / "data"):
        yield folder / "data"


@pytest.fixture
def start(data_dir: Path) -> Iterator[Start]:
    """Start a server over the one database; none is left afterwards, nor any run."""
    servers: list[ServerProcess] = []

    def start(command: str = "serve", **environment: str) -> ServerProcess:
        server = ServerProcess(data_dir, config=SERVED, command=command, environment={**ENVIRONMENT, **environment})
        servers.append(server)
        return server if command == "worker" else server.wait_until_ready()

    yield start
    for server in servers:
        server.process.send_signal(signal.SIGCONT) if server.process.poll() is None else None
        server.kill()
    query(data_dir, "DELETE FROM threads")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "gate"
    (tmp_path / "gate").touch()


@pytest.fixture
def before_the_end(data_dir: Path) -> Callable[[str, ServerProcess, Path | None], None]:
    """Kill a server between the end of the graph of a thread's run (behind a gate) and the statement that ends the run."""

    def kill(thread: str, server: ServerProcess, gate: Path | None = None) -> None:
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%ended AS%'"
        with (
            EmbeddedPostgres(data_dir) as conninfo,
            psycopg.connect(conninfo, autocommit=True) as looking,
            psycopg.connect(conninfo) as locking,
        ):
            locking.execute("SELECT FROM threads WHERE thread_id = %s FOR UPDATE", [thread])
            if gate:
                gate.touch()
            pids = eventually(lambda: looking.execute(waiting).fetchall())
            server.kill()
            for (pid,) in pids:
                looking.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
        assert newest_run(data_dir, thread)["status"] == "running"

    return kill


def entries(http: httpx.Client, thread: str) -> list[str]:
    return list((http.get(f"/threads/{thread}/state").raise_for_status().json()["values"] or {}).get("entries", []))


def newest_run(data_dir: Path, thread: str) -> dict[str, Any]:
    return query(data_dir, "SELECT run_id::text, status, attempt FROM runs WHERE thread_id = %s ORDER BY seq DESC", [thread])[0]


def wait(http: httpx.Client, thread: str, assistant: str = "count", **body: Any) -> dict[str, Any]:
    answer = http.post(f"/threads/{thread}/runs/wait", json={"assistant_id": assistant, **body})
    return dict(answer.raise_for_status().json())


# ---- stops and answers


@pytest.mark.parametrize("where", ["interrupt_before", "interrupt_after"])
def test_a_run_that_stopped_at_a_breakpoint_stays_there(
    start: Start, data_dir: Path, before_the_end: Any, journal: Path, gate: Path, where: str
) -> None:
    first, stop = start(), {where: ["step"]}
    with client(first) as http:
        thread = new_thread(http)
        asked = {"steps": 3, "gate": str(gate), "gate_at": 1, "journal": str(journal)}
        if where == "interrupt_before":
            wait(http, thread, input=asked, **stop)
        new_run(http, thread, "count", asked if where == "interrupt_after" else None, **stop)
        eventually(lambda: written(journal) == ["x1"])
        before_the_end(thread, first, gate)
    with client(start()) as http:
        run = newest_run(data_dir, thread)["run_id"]
        assert ended(http, thread, run) == "success"
        assert newest_run(data_dir, thread)["attempt"] == 2
        assert written(journal) == ["x1"]
        assert http.get(f"/threads/{thread}").json()["status"] == "interrupted"
        for _ in range(2):
            wait(http, thread, input=None, **stop)
        assert (entries(http, thread), written(journal)) == (["x1", "x2", "x3"], ["x1", "x2", "x3"])


def test_an_answer_is_given_to_one_question_only(start: Start, before_the_end: Any, data_dir: Path) -> None:
    first = start()
    with client(first) as http:
        thread = new_thread(http)
        wait(http, thread, "quiz", input={"tag": "q", "steps": 2, "seconds": 3, "entries": ["q:in"]})
        new_run(http, thread, "quiz", None, command={"resume": "one"})
        before_the_end(thread, first)
    with client(start()) as http:
        assert ended(http, thread, newest_run(data_dir, thread)["run_id"]) == "success"
        assert questions(http, thread) == [2]
        wait(http, thread, "quiz", command={"resume": "two"})
        assert entries(http, thread) == ["q:in", "q:1=one", "q:2=two"]


def questions(http: httpx.Client, thread: str) -> list[int]:
    asked = http.get(f"/threads/{thread}").json()["interrupts"].values()
    return [one["value"]["question"] for of_task in asked for one in of_task]


def test_an_answer_that_is_rolled_back_was_never_given(start: Start, data_dir: Path) -> None:
    rows = "SELECT * FROM checkpoint_writes WHERE thread_id = %s ORDER BY checkpoint_ns, checkpoint_id, task_id, idx"
    with client(start()) as http:
        thread = new_thread(http)
        wait(http, thread, "quiz", input={"tag": "q", "steps": 3, "seconds": 2, "entries": ["q:in"]})
        wait(http, thread, "quiz", command={"resume": "one"})
        before, shown = query(data_dir, rows, [thread]), http.get(f"/threads/{thread}/state").json()
        run = new_run(http, thread, "quiz", None, command={"resume": "wrong"})
        eventually(lambda: query(data_dir, rows, [thread]) != before)
        assert http.post(f"/threads/{thread}/runs/{run}/cancel?wait=true&action=rollback").status_code == 200
        assert query(data_dir, rows, [thread]) == before
        assert http.get(f"/threads/{thread}/state").json() == shown
        assert questions(http, thread) == [2]
        for answer in ("two", "three"):
            wait(http, thread, "quiz", command={"resume": answer})
        assert entries(http, thread) == ["q:in", "q:1=one", "q:2=two", "q:3=three"]


# ---- workers that are late


def test_what_a_paused_worker_computed_does_not_come_behind_later_runs(
    start: Start, data_dir: Path, journal: Path, gate: Path
) -> None:
    first, rows = start(), "SELECT count(*) FROM checkpoints WHERE thread_id = %s"
    with client(first) as http:
        thread = new_thread(http)
        run = new_run(http, thread, "count", {"gate": str(gate), "steps": 4, "journal": str(journal)}, durability="sync")
        eventually(lambda: written(journal) == ["x1", "x2"])
    first.process.send_signal(signal.SIGSTOP)
    gate.touch()
    with client(start()) as http:
        assert ended(http, thread, run) == "success"
        wait(http, thread, input={"tag": "y", "steps": 1})
        before = query(data_dir, rows, [thread])
        first.process.send_signal(signal.SIGCONT)
        eventually(lambda: "taken away" in first.output)
        eventually(lambda: httpx.get(f"{first.url}/ok?check_db=1").status_code == 200)
        assert entries(http, thread) == ["x1", "x2", "x3", "x4", "y1"]
        assert query(data_dir, rows, [thread]) == before


def test_a_database_that_is_away_for_longer_than_the_lease_stops_no_run(
    start: Start, data_dir: Path, journal: Path, gate: Path
) -> None:
    server = start()
    with client(server) as http:
        thread = new_thread(http)
        run = new_run(http, thread, "count", {"gate": str(gate), "steps": 3, "journal": str(journal)})
        eventually(lambda: "x2" in written(journal))
        with without_database(data_dir):
            eventually(lambda: "the lease of this worker ran out" in server.output)
        gate.touch()
        assert ended(http, thread, run) == "success"
        assert entries(http, thread) == ["x1", "x2", "x3"]


@contextlib.contextmanager
def without_database(data_dir: Path) -> Iterator[None]:
    guardian = next(
        int(place.parent.name)
        for place in Path("/proc").glob("[0-9]*/cmdline")
        if b"embedded_guardian.py" in (line := _line(place)) and os.fsencode(data_dir) in line
    )
    os.kill(guardian, signal.SIGSTOP)
    try:
        os.kill(postmaster(data_dir), signal.SIGKILL)
        eventually(lambda: not postgres_processes(data_dir))
        yield
    finally:
        os.kill(guardian, signal.SIGCONT)


def _line(place: Path) -> bytes:
    with contextlib.suppress(OSError):
        return place.read_bytes()
    return b""


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_what_a_crash_costs(start: Start, journal: Path, gate: Path, durability: str) -> None:
    first = start()
    with client(first) as http:
        thread = new_thread(http)
        asked = {"gate": str(gate), "gate_at": 3, "steps": 4, "journal": str(journal)}
        run = new_run(http, thread, "count", asked, durability=durability)
        eventually(lambda: "x3" in written(journal))
        if durability == "async":
            eventually(lambda: entries(http, thread) == ["x1", "x2"])
    first.kill()
    gate.touch()
    with client(start()) as http:
        assert ended(http, thread, run) == "success"
        assert entries(http, thread) == ["x1", "x2", "x3", "x4"]
    again = ["x1", "x2", "x3", "x4"] if durability == "exit" else ["x3", "x4"]
    assert written(journal) == ["x1", "x2", "x3", *again]


# ---- runs that wait


def test_a_delayed_run_is_executed_though_its_server_died(start: Start, data_dir: Path) -> None:
    first = start()
    with client(first) as http:
        thread = new_thread(http)
        run = new_run(http, thread, "count", {"steps": 1}, after_seconds=4)
    first.kill()
    with client(start()) as http:
        assert ended(http, thread, run) == "success"
    waited = "SELECT extract(epoch FROM started_at - created_at) >= 4 AS waited FROM runs WHERE run_id = %s"
    assert query(data_dir, waited, [run]) == [{"waited": True}]


def test_a_worker_that_gets_back_a_run_that_it_lost_executes_it_once(
    start: Start, data_dir: Path, journal: Path, gate: Path
) -> None:
    """It was stopped for longer than its lease, and claims before it notices: what it still executes must not speak for the run."""
    with client(start(ALLOGRAPH_LEASE_SECONDS="60")) as http:
        thread = new_thread(http)
        asked = {"gate": str(gate), "steps": 5, "journal": str(journal)}
        run = new_run(http, thread, "count", asked, durability="exit", stream_resumable=True, stream_mode="custom")
        eventually(lambda: "x2" in written(journal))
        query(data_dir, "UPDATE runs SET status = 'pending', worker_id = NULL WHERE run_id = %s", [run])
        query(data_dir, "SELECT pg_notify('allograph', 'queue:')")
        eventually(lambda: written(journal).count("x2") == 2)
        gate.touch()
        assert ended(http, thread, run) == "success"
        with http.stream("GET", f"/threads/{thread}/runs/{run}/stream", headers={"last-event-id": "-1"}) as response:
            told = [data.get("entry") or data["attempt"] for name, data in events(response)]
        assert told == [1, "x1", "x2", 2, "x1", "x2", "x3", "x4", "x5"]
        assert written(journal) == ["x1", "x2", "x1", "x2", "x3", "x4", "x5"]


def test_a_run_that_is_due_does_not_come_between_the_attempts_of_another(
    start: Start, data_dir: Path, journal: Path, gate: Path
) -> None:
    first = start()
    with client(first) as http:
        thread = new_thread(http)
        delayed = new_run(http, thread, "count", {"tag": "d", "steps": 1}, after_seconds=3)
        run = new_run(http, thread, "count", {"gate": str(gate), "steps": 3, "journal": str(journal)})
        eventually(lambda: "x2" in written(journal))
    first.kill()
    gate.touch()
    eventually(
        lambda: query(data_dir, "SELECT run_after <= now() AS due FROM runs WHERE run_id = %s", [delayed]) == [{"due": True}]
    )
    with client(start()) as http:
        assert [ended(http, thread, one) for one in (run, delayed)] == ["success"] * 2
        assert entries(http, thread) == ["x1", "x2", "x3", "d1"]


def test_a_run_that_was_handed_back_can_be_rolled_back(start: Start, data_dir: Path, journal: Path, gate: Path) -> None:
    first = start()
    with client(first) as http:
        thread = new_thread(http)
        wait(http, thread, input={"tag": "a", "steps": 1})
        asked = {"tag": "x", "steps": 3, "gate": str(gate), "journal": str(journal)}
        run = new_run(http, thread, "count", asked, durability="sync")
        eventually(lambda: "x2" in written(journal))
        assert first.stop() == 0
    api = start("api")
    with client(api) as http:
        assert (run_status(http, thread, run), entries(http, thread)) == ("pending", ["a1", "x1"])
        assert http.post(f"/threads/{thread}/runs/{run}/cancel?action=rollback").status_code == 202
        start("worker")
        eventually(lambda: http.get(f"/threads/{thread}/runs/{run}").status_code == 404)
        assert entries(http, thread) == ["a1"]
        shown = http.get(f"/threads/{thread}").json()
        assert (shown["status"], shown["values"]["entries"]) == ("idle", ["a1"])
    assert written(journal) == ["x1", "x2"]


# ---- stops


def test_a_cancel_while_the_server_stops_stays_a_cancel(start: Start, data_dir: Path, journal: Path, gate: Path) -> None:
    stopping, api = start(BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS="30"), start("api")
    with client(api) as http:
        thread = new_thread(http)
        run = new_run(http, thread, "count", {"gate": str(gate), "journal": str(journal)})
        eventually(lambda: "x2" in written(journal))
        stopping.process.send_signal(signal.SIGTERM)
        assert http.post(f"/threads/{thread}/runs/{run}/cancel?wait=true").status_code == 200
        assert run_status(http, thread, run) == "interrupted"
        assert stopping.process.wait(60) == 0
    assert newest_run(data_dir, thread) == {"run_id": run, "status": "interrupted", "attempt": 1}


def test_a_server_that_stops_answers_those_who_wait_for_runs_elsewhere(start: Start, journal: Path, gate: Path) -> None:
    api = start("api", BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS="60")
    start("worker")
    answers: list[dict[str, Any]] = []
    with client(api) as http:
        thread = new_thread(http)
        body = {"gate": str(gate), "journal": str(journal)}
        waiting = threading.Thread(target=lambda: answers.append(wait(http, thread, input=body)))
        waiting.start()
        eventually(lambda: "x2" in written(journal))
        with httpx.stream("GET", f"{api.url}/threads/{thread}/stream", timeout=60) as endless:
            assert endless.status_code == 200
            api.process.send_signal(signal.SIGTERM)
            time.sleep(3)  # longer than replies without end are kept
            assert api.process.poll() is None
            gate.touch()
            waiting.join(60)
            assert api.process.wait(60) == 0
    assert answers[0]["entries"] == ["x1", "x2", "x3"]
