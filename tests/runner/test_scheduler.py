"""Ticks become runs, with a clock that the test holds. Nothing executes here: what counts is what stands in the queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from allograph.app import Parts, build
from allograph.config import load_config
from allograph.encoding import RawJson
from allograph.project import activate
from allograph.runner.graphs import load_graphs
from allograph.runner.webhooks import WebhookPolicy
from allograph.settings import Settings
from allograph.store.assistants import Assistants, DefaultAssistant, default_assistant_id
from allograph.store.crons import Crons
from allograph.store.database import Database
from allograph.store.embedded import EmbeddedPostgres
from allograph.store.threads import Threads
from tests.server_process import SERVED, data_folder

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
COUNT = default_assistant_id("count")


@pytest.fixture(scope="module")
def conninfo() -> Iterator[str]:
    with data_folder() as folder, EmbeddedPostgres(folder / "data") as uri:
        yield uri


class Process:
    """What one server process holds, without a worker."""

    def __init__(self, database: Database) -> None:
        config = load_config(SERVED)
        activate(config)
        self.database = database
        self.parts: Parts = build(Settings(), config, WebhookPolicy.of(config), None, load_graphs(config), database, works=False)
        self.crons = Crons(database)

    async def tick(self, now: datetime) -> int:
        return await self.parts.scheduler.tick(now)

    async def cron(self, *, due: datetime, thread_id: UUID | None = None, schedule: str = "* * * * *", **fields: Any) -> UUID:
        cron_id = uuid7()
        payload = {"assistant_id": "count", "config": {"configurable": {"cron_id": str(cron_id)}}, **fields.pop("payload", {})}
        made = await self.crons.create({
            "cron_id": cron_id, "assistant_id": COUNT, "thread_id": thread_id, "on_run_completed": None, "end_time": None,
            "schedule": schedule, "timezone": None, "payload": payload, "metadata": {}, "enabled": True,
            "next_run_date": due, "user_id": "", **fields,
        })  # fmt: skip
        assert made is not None
        return cron_id

    async def runs(self, cron_id: UUID) -> list[dict[str, Any]]:
        return await self.database.fetch_all("SELECT * FROM runs WHERE metadata->>'cron_id' = %s ORDER BY seq", [str(cron_id)])

    async def next(self, cron_id: UUID) -> datetime | None:
        row = await self.crons.get(cron_id)
        assert row is not None
        return row["next_run_date"]  # type: ignore[no-any-return]

    async def thread(self) -> UUID:
        thread_id = uuid4()
        await Threads(self.database, self.parts.runner.checkpoints).create(thread_id, {"mine": 1})
        return thread_id


@pytest.fixture
async def process(conninfo: str) -> AsyncIterator[Process]:
    database = Database(conninfo, 12)
    await database.open()
    await Assistants(database).sync_defaults([DefaultAssistant("count", "count", None)])
    await database.execute("DELETE FROM crons")
    made = Process(database)
    yield made
    await made.parts.runner.notifications.stop()
    await database.close()


async def test_a_tick_fires_when_it_is_due(process: Process) -> None:
    cron = await process.cron(due=NOON, payload={"input": {"n": 1}, "metadata": {"by": "cron"}})
    assert await process.tick(NOON - timedelta(seconds=1)) == 0
    assert await process.runs(cron) == []
    assert await process.tick(NOON) == 1
    [run] = await process.runs(cron)
    assert run["status"] == "pending"
    assert run["metadata"]["by"] == "cron"
    kwargs: RawJson = run["kwargs"]
    assert kwargs.parsed()["input"] == {"n": 1}
    assert kwargs.parsed()["config"]["configurable"]["cron_id"] == str(cron)
    assert kwargs.parsed()["context"]["cron_id"] == str(cron)
    assert await process.next(cron) == NOON + MINUTE
    assert await process.tick(NOON + timedelta(seconds=59)) == 0
    assert await process.tick(NOON + MINUTE) == 1
    assert len(await process.runs(cron)) == 2


async def test_many_processes_fire_it_once(process: Process) -> None:
    thread = await process.thread()
    crons = [await process.cron(due=NOON, thread_id=thread if n % 2 else None) for n in range(6)]
    others = [Process(process.database) for _ in range(5)]
    taken = await asyncio.gather(*(one.tick(NOON) for one in [process, *others]))
    assert sum(taken) == len(crons)
    assert [len(await process.runs(cron)) for cron in crons] == [1] * len(crons)


async def test_what_was_missed_fires_once(process: Process) -> None:
    cron = await process.cron(due=NOON)
    assert await process.tick(NOON + timedelta(days=3, seconds=30)) == 1
    assert len(await process.runs(cron)) == 1
    assert await process.next(cron) == NOON + timedelta(days=3) + MINUTE


async def test_a_clock_that_is_set_back_fires_nothing_again(process: Process) -> None:
    cron = await process.cron(due=NOON)
    await process.tick(NOON)
    for moment in (NOON - timedelta(hours=2), NOON, NOON + timedelta(seconds=59)):
        assert await process.tick(moment) == 0
    assert await process.tick(NOON + MINUTE) == 1
    assert len(await process.runs(cron)) == 2


async def test_a_tick_and_its_run_are_committed_together(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    cron = await process.cron(due=NOON)

    async def accept_and_die(connection: Any) -> None:
        await connection.execute("INSERT INTO threads (thread_id) VALUES (%s)", [uuid4()])
        raise ConnectionAbortedError("the process died here")

    row = await process.crons.get(cron)
    assert row is not None
    with pytest.raises(ConnectionAbortedError):
        await process.crons.fire(row, NOON, NOON + MINUTE, accept_and_die)
    assert await process.next(cron) == NOON
    assert await process.tick(NOON) == 1
    assert len(await process.runs(cron)) == 1


async def test_nothing_fires_after_its_end_or_while_it_is_disabled(process: Process) -> None:
    ended = await process.cron(due=NOON, end_time=NOON + timedelta(seconds=30))
    disabled = await process.cron(due=NOON, enabled=False)
    late = await process.cron(due=NOON, end_time=NOON)
    assert await process.tick(NOON) == 2
    assert await process.next(ended) is None
    assert [len(await process.runs(cron)) for cron in (ended, disabled, late)] == [1, 0, 1]
    missed = await process.cron(due=NOON, end_time=NOON + MINUTE)
    assert await process.tick(NOON + timedelta(hours=1)) == 1
    assert await process.runs(missed) == []
    assert await process.next(missed) is None


@pytest.mark.parametrize(
    ("strategy", "statuses"),
    [("enqueue", ["pending", "pending"]), ("reject", ["pending"]), ("interrupt", ["interrupted", "pending"]),
     ("rollback", ["pending"])],
)  # fmt: skip
async def test_a_busy_thread(process: Process, strategy: str, statuses: list[str]) -> None:
    thread = await process.thread()
    cron = await process.cron(due=NOON, thread_id=thread, payload={"multitask_strategy": strategy})
    await process.tick(NOON)
    first = (await process.runs(cron))[0]["run_id"]
    await process.tick(NOON + MINUTE)
    runs = await process.runs(cron)
    assert [run["status"] for run in runs] == statuses
    assert (runs[-1]["run_id"] == first) is (strategy == "reject")
    assert await process.next(cron) == NOON + 2 * MINUTE


async def test_the_thread_of_a_run_goes_or_stays(process: Process) -> None:
    gone = await process.cron(due=NOON, payload={"on_run_completed": "delete"})
    kept = await process.cron(due=NOON, payload={"on_run_completed": "keep", "context": {"a": 1}})
    await process.tick(NOON)
    for cron, temporary in ((gone, True), (kept, False)):
        [run] = await process.runs(cron)
        thread = await process.database.fetch_one("SELECT temporary FROM threads WHERE thread_id = %s", [run["thread_id"]])
        assert thread == {"temporary": temporary}
    assert run["kwargs"].parsed()["context"] == {"a": 1}
    assert run["kwargs"].parsed()["config"]["configurable"]["cron_id"] == str(kept)


async def test_one_that_cannot_run_does_not_stop_the_others(process: Process) -> None:
    bad = await process.cron(due=NOON - MINUTE, payload={"stream_mode": "nope"})
    good = await process.cron(due=NOON)
    assert await process.tick(NOON) == 2
    assert await process.runs(bad) == []
    assert len(await process.runs(good)) == 1
    assert await process.next(bad) == NOON + MINUTE


async def test_more_are_due_than_are_read_at_once(process: Process) -> None:
    for _ in range(130):
        await process.cron(due=NOON)
    assert await process.tick(NOON) == 130
    assert await process.tick(NOON) == 0


async def test_a_cron_goes_with_its_thread_while_it_fires(process: Process) -> None:
    """Deleting the thread and firing take their locks in the same order."""
    threads = Threads(process.database, process.parts.runner.checkpoints)
    for _ in range(10):
        thread = await process.thread()
        cron = await process.cron(due=NOON, thread_id=thread)
        await asyncio.gather(process.tick(NOON), threads.delete([thread]))
        assert await process.crons.get(cron) is None
        assert await process.runs(cron) == []
