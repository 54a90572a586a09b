"""Clients of one process, runs in another: what a client sees is the same, whichever process it asks and whatever dies.

Two `allograph api` and two `allograph worker` over one Postgres; events through Postgres, or through Redis.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from allograph.store.run_events import follows
from tests.redis_process import RedisProcess
from tests.server_process import SERVED, ServerProcess, data_folder, query
from tests.thread_stream import ThreadStream, result
from tests.watching import aeventually, eventually, new_run, new_thread

ENVIRONMENT = {
    "ALLOGRAPH_LEASE_SECONDS": "2", "ALLOGRAPH_POLL_SECONDS": "0.5", "BG_JOB_MAX_RETRIES": "3",
    "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "0", "ALLOGRAPH_HEARTBEAT_SECONDS": "0.5",
}  # fmt: skip


class Processes:
    """The processes of one deployment."""

    def __init__(self, data_dir: Path, redis: RedisProcess | None) -> None:
        self.data_dir = data_dir
        self.redis = redis
        self.environment = {**ENVIRONMENT, **({"REDIS_URI": redis.url} if redis else {})}
        self.apis = [self.begin("api"), self.begin("api")]
        for api in self.apis:
            api.wait_until_ready()
        self.workers = [self.worker(), self.worker()]

    def begin(self, command: str) -> ServerProcess:
        return ServerProcess(self.data_dir, config=SERVED, environment=self.environment, command=command)

    def worker(self) -> ServerProcess:
        made = self.begin("worker")
        eventually(lambda: "executing" in made.output)
        return made

    def replace_workers(self) -> None:
        """kill -9 every worker, then begin new ones."""
        for worker in self.workers:
            worker.kill()
        self.workers = [self.worker(), self.worker()]

    def stop(self) -> None:
        for process in (*self.apis, *self.workers):
            process.kill()


@pytest.fixture(scope="module", params=["postgres", "redis"])
def processes(request: pytest.FixtureRequest) -> Iterator[Processes]:
    redis = RedisProcess() if request.param == "redis" else None
    with data_folder() as folder:
        running = Processes(folder / "data", redis)
        try:
            yield running
        finally:
            running.stop()
            if redis:
                redis.go_on()
                redis.kill()


@pytest.fixture
async def apis(processes: Processes) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client of each API process."""
    async with (
        httpx.AsyncClient(base_url=processes.apis[0].url, timeout=90) as one,
        httpx.AsyncClient(base_url=processes.apis[1].url, timeout=90) as two,
    ):
        yield [one, two]


@pytest.fixture
def http(processes: Processes) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=processes.apis[0].url, timeout=90) as client:
        yield client


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "gate"
    (tmp_path / "gate").touch()


class Read:
    """What a client has read of a stream."""

    def __init__(self) -> None:
        self.events: list[tuple[int, str, Any]] = []
        """Number (0 without), name, data."""

    @property
    def numbers(self) -> list[int]:
        return [number for number, _, _ in self.events]

    @property
    def entries(self) -> list[str]:
        return [data["entry"] for _, name, data in self.events if name == "custom"]

    async def read(self, client: httpx.AsyncClient, method: str, path: str, **options: Any) -> None:
        async with client.stream(method, path, **options) as response:
            assert response.status_code == 200, await response.aread()
            fields: dict[str, str] = {}
            async for line in response.aiter_lines():
                if line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "data" in fields:
                    self.events.append((int(fields.get("id", 0)), fields["event"], json.loads(fields["data"])))
                    fields = {}


def asked(gate: Path, tag: str = "x", steps: int = 6, **more: Any) -> dict[str, Any]:
    """A run that waits at its third step."""
    given = {"tag": tag, "steps": steps, "gate": str(gate), "gate_at": 3}
    return {"assistant_id": "count", "input": given, "stream_mode": ["custom", "updates"], **more}


ENTRIES = [f"x{number}" for number in range(1, 7)]


async def started(client: httpx.AsyncClient, body: dict[str, Any]) -> tuple[str, str]:
    """A thread and a run on it."""
    thread = (await client.post("/threads", json={})).json()["thread_id"]
    run = (await client.post(f"/threads/{thread}/runs", json=body)).raise_for_status().json()["run_id"]
    return thread, run


async def test_a_stream_begins_with_the_first_event(apis: list[httpx.AsyncClient]) -> None:
    body = {"assistant_id": "count", "input": {"tag": "x", "steps": 6}, "stream_mode": ["custom", "updates"]}
    reads = [Read() for _ in range(8)]
    await asyncio.gather(*(read.read(apis[index % 2], "POST", "/runs/stream", json=body) for index, read in enumerate(reads)))
    for read in reads:
        assert read.events[0][1] == "metadata"
        assert read.entries == ENTRIES


async def test_wait_and_join_answer_what_came_out(apis: list[httpx.AsyncClient], gate: Path) -> None:
    thread = (await apis[0].post("/threads", json={})).json()["thread_id"]
    waiting = asyncio.create_task(apis[0].post(f"/threads/{thread}/runs/wait", json=asked(gate)))
    runs = await aeventually(lambda: running(apis[1], thread))
    joining = asyncio.create_task(apis[1].get(f"/threads/{thread}/runs/{runs[0]['run_id']}/join"))
    gate.touch()
    for answer in await asyncio.gather(waiting, joining):
        assert answer.json()["entries"] == ENTRIES
    answers = await asyncio.gather(*(apis[n % 2].post("/runs/wait", json=asked(gate)) for n in range(10)))
    assert all(answer.json()["entries"] == ENTRIES for answer in answers)
    batch = (await apis[0].post("/runs/batch", json=[asked(gate, on_completion="keep")] * 3)).json()
    for run in batch:
        joined = await apis[1].get(f"/threads/{run['thread_id']}/runs/{run['run_id']}/join")
        assert joined.json()["entries"] == ENTRIES


async def running(client: httpx.AsyncClient, thread: str) -> Any:
    return (await client.get(f"/threads/{thread}/runs", params={"status": "running"})).json()


async def test_cancel_and_wait_answers_after_the_end(apis: list[httpx.AsyncClient], gate: Path) -> None:
    thread, run = await started(apis[0], asked(gate))
    await aeventually(lambda: running(apis[0], thread))
    read = Read()
    reading = asyncio.create_task(read.read(apis[0], "GET", f"/threads/{thread}/runs/{run}/stream"))
    answer = await apis[1].post(f"/threads/{thread}/runs/{run}/cancel", params={"wait": "true"})
    assert answer.status_code == 200
    assert (await apis[0].get(f"/threads/{thread}/runs/{run}")).json()["status"] == "interrupted"
    assert (await apis[0].get(f"/threads/{thread}")).json()["status"] != "busy"
    await asyncio.wait_for(reading, 60)


@pytest.mark.parametrize("on_disconnect", ["cancel", "continue"])
async def test_a_client_that_leaves(apis: list[httpx.AsyncClient], gate: Path, on_disconnect: str) -> None:
    thread = (await apis[0].post("/threads", json={})).json()["thread_id"]
    body = asked(gate, on_disconnect=on_disconnect)
    reading = asyncio.create_task(Read().read(apis[0], "POST", f"/threads/{thread}/runs/stream", json=body))
    (run,) = await aeventually(lambda: running(apis[1], thread))
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    if on_disconnect == "continue":
        gate.touch()
    joined = await apis[1].get(f"/threads/{thread}/runs/{run['run_id']}/join")
    assert joined.status_code == 200
    status = (await apis[1].get(f"/threads/{thread}/runs/{run['run_id']}")).json()["status"]
    assert status == ("interrupted" if on_disconnect == "cancel" else "success")


async def test_a_reader_that_joins_late_sees_the_rest_once(apis: list[httpx.AsyncClient], gate: Path) -> None:
    thread, run = await started(apis[0], asked(gate))
    await aeventually(lambda: running(apis[0], thread))
    reads = [Read(), Read(), Read()]
    tasks = [
        asyncio.create_task(read.read(apis[index % 2], "GET", f"/threads/{thread}/runs/{run}/stream"))
        for index, read in enumerate(reads)
    ]
    await asyncio.sleep(1)  # they are readers when the gate opens
    gate.touch()
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    for read in reads:
        assert read.entries in (ENTRIES[2:], ENTRIES[3:])


async def test_a_stream_goes_on_in_another_process_and_behind_a_dead_worker(
    processes: Processes, apis: list[httpx.AsyncClient], gate: Path
) -> None:
    """Every event once, in order, to the end: before the worker dies, after it, after a reconnect, and read afterwards."""
    thread, run = await started(apis[0], asked(gate, stream_resumable=True, durability="sync"))
    path = f"/threads/{thread}/runs/{run}/stream"
    early, whole = Read(), Read()
    first = asyncio.create_task(early.read(apis[0], "GET", path, headers={"last-event-id": "-1"}))
    throughout = asyncio.create_task(whole.read(apis[1], "GET", path, headers={"last-event-id": "-1"}))
    await aeventually(lambda: asyncio.sleep(0, len(early.entries) >= 2))
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await asyncio.to_thread(processes.replace_workers)
    rest = Read()
    second = asyncio.create_task(rest.read(apis[1], "GET", path, headers={"last-event-id": str(early.numbers[-1])}))
    gate.touch()
    await asyncio.wait_for(asyncio.gather(second, throughout), 90)
    later = Read()
    await later.read(apis[0], "GET", path, headers={"last-event-id": "-1"})
    stored = query(processes.data_dir, "SELECT count(*) FROM run_events WHERE run_id = %s", [run])[0]["count"]
    assert stored == (0 if processes.redis else len(whole.events) + 1)
    assert early.events + rest.events == whole.events == later.events
    assert whole.numbers == sorted(set(whole.numbers))
    assert all(follows(number, before) for before, number in pairwise([0, *whole.numbers]))
    assert [data["attempt"] for _, name, data in whole.events if name == "metadata"] == [1, 2]
    # The step at which the worker died is executed again; it had said its entry before it waited.
    assert list(dict.fromkeys(whole.entries)) == ENTRIES
    assert (await apis[0].get(f"/threads/{thread}/state")).json()["values"]["entries"] == ENTRIES


async def test_the_stream_of_a_thread_shows_runs_of_all_processes(apis: list[httpx.AsyncClient]) -> None:
    thread = (await apis[0].post("/threads", json={})).json()["thread_id"]
    reads = [Read(), Read()]
    path = f"/threads/{thread}/stream"
    tasks = [asyncio.create_task(read.read(api, "GET", path)) for read, api in zip(reads, apis, strict=True)]
    await asyncio.sleep(1)
    body = {"assistant_id": "count", "input": {"tag": "x", "steps": 2}, "stream_mode": "custom"}
    runs = [(await apis[n % 2].post(f"/threads/{thread}/runs", json=body)).json()["run_id"] for n in range(4)]

    async def done() -> bool:
        return all(sum(data.get("status") == "run_done" for _, _, data in read.events) == 4 for read in reads)

    await aeventually(done)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for read in reads:
        assert read.entries == ["x1", "x2"] * 4
        assert [data["run_id"] for _, name, data in read.events if data.get("status") == "run_done"] == runs
        assert read.numbers == sorted(set(read.numbers))
    # Reconnected at the other process: what came after.
    middle = len(reads[0].events) // 2
    again = Read()
    headers = {"last-event-id": str(reads[0].numbers[middle])}
    reading = asyncio.create_task(again.read(apis[1], "GET", path, headers=headers))
    await aeventually(lambda: asyncio.sleep(0, len(again.events) >= len(reads[0].events) - middle - 1))
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert again.events == reads[0].events[middle + 1 :]


def test_a_cancelled_run_whose_worker_wrote_nothing_has_a_beginning_and_an_end(processes: Processes, http: httpx.Client) -> None:
    """It died before it could say that it had begun; whoever takes the run over only has to end it."""
    for worker in processes.workers:
        worker.kill()
    thread = new_thread(http)
    run = result(http, thread, "run.start", assistant_id="count", input={"steps": 1})["run_id"]
    query(processes.data_dir, "UPDATE runs SET attempt = 1, cancel_action = 'interrupt' WHERE run_id = %s", [run])
    processes.replace_workers()
    with ThreadStream(processes.apis[1].url, thread) as stream:
        seen = [event["params"]["data"]["event"] for event in stream.wait_for_end()]
    assert seen == ["running", "interrupted"]


def test_a_run_outlives_the_process_that_accepted_it(processes: Processes, http: httpx.Client, gate: Path) -> None:
    dying = processes.begin("api").wait_until_ready()
    with httpx.Client(base_url=dying.url, timeout=90) as client:
        thread = new_thread(client)
        run = new_run(client, thread, "count", asked(gate)["input"])
        dying.kill()
    gate.touch()
    assert http.get(f"/threads/{thread}/runs/{run}/join").json()["entries"] == ENTRIES
    assert query(processes.data_dir, "SELECT count(*) FROM runs WHERE status IN ('pending', 'running')") == [{"count": 0}]


@pytest.mark.parametrize("processes", ["redis"], indirect=True)
@pytest.mark.parametrize("way", ["kill", "pause"])
async def test_redis_may_go_away(processes: Processes, apis: list[httpx.AsyncClient], gate: Path, way: str) -> None:
    """In the middle of a stream: the run ends all the same, the reader gets the rest, or is told what is missing."""
    assert processes.redis is not None
    thread = (await apis[0].post("/threads", json={})).json()["thread_id"]
    read = Read()
    body = asked(gate, stream_resumable=True)
    reading = asyncio.create_task(read.read(apis[0], "POST", f"/threads/{thread}/runs/stream", json=body))
    await aeventually(lambda: asyncio.sleep(0, len(read.entries) >= 2))
    (processes.redis.kill if way == "kill" else processes.redis.pause)()
    try:
        gate.touch()
        await asyncio.wait_for(reading, 90)
        assert (await apis[1].get(f"/threads/{thread}/state")).json()["values"]["entries"] == ENTRIES
        assert read.entries[-1] == "x6"
        assert read.entries == ENTRIES or "EventsLostError" in str(read.events)
        # And a run that begins while it is away.
        through = Read()
        await asyncio.wait_for(through.read(apis[1], "POST", "/runs/stream", json=body), 90)
        assert through.entries == ENTRIES
    finally:
        await asyncio.to_thread(processes.redis.start if way == "kill" else processes.redis.go_on)
    back = Read()
    await asyncio.wait_for(back.read(apis[0], "POST", "/runs/stream", json=body), 90)
    assert back.entries == ENTRIES


def test_a_redis_uri_that_is_none_stops_the_start(tmp_path: Path) -> None:
    with data_folder() as folder:
        server = ServerProcess(folder / "data", config=SERVED, environment={"REDIS_URI": "http://user:s3cret@host/"})
        try:
            assert server.process.wait(60) == 1
            assert "REDIS_URI cannot be used; expected redis://" in server.output
            assert "s3cret" not in server.output
        finally:
            server.kill()
