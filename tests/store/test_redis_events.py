"""The log of events in Redis, directly: pages, their order, and what Postgres holds of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from uuid import UUID

import pytest

from allograph.runner.requests import new_id
from allograph.store.database import Database, Notifications
from allograph.store.redis_events import PATIENCE, RedisEvents
from allograph.store.run_events import NUMBERS_OF_ATTEMPT, PAGE, PAGE_BYTES, EventLog, RunEvents, StoredEvent
from tests.redis_process import RedisProcess
from tests.watching import aeventually

LONG = 2 * PAGE + 700


@pytest.fixture
def redis() -> Iterator[RedisProcess]:
    running = RedisProcess()
    yield running
    running.go_on()
    running.kill()


@pytest.fixture(params=["postgres", "redis"])
async def events(request: pytest.FixtureRequest, database: Database, redis: RedisProcess) -> AsyncIterator[EventLog]:
    in_postgres = RunEvents(database, Notifications(database))
    one: EventLog = in_postgres if request.param == "postgres" else RedisEvents(redis.url, in_postgres, keep_seconds=60)
    yield one
    await one.stop()


class Thread:
    """Writes events as a worker does: numbered in their run, with ids that grow in the thread."""

    def __init__(self) -> None:
        self.thread_id = new_id()
        self.id = time.time_ns() // 1000
        self.written: list[StoredEvent] = []

    def batch(self, run_id: UUID, count: int, first: int) -> list[StoredEvent]:
        made = []
        for seq in range(first, first + count):
            self.id += 1
            data = b'{"n":%d,"text":"\xc3\xa4"}' % seq
            made.append(StoredEvent(self.thread_id, self.id, run_id, seq, f"custom|node:{seq}", data, seq, self.id // 1000))
        self.written += made
        return made

    async def check(self, events: EventLog) -> None:
        """Every way of reading gives what was written, wherever it begins."""
        for run_id in dict.fromkeys(event.run_id for event in self.written):
            wanted = [(event.seq, event.name, event.data) for event in self.written if event.run_id == run_id]
            for after in (0, 1, 7, PAGE - 1, PAGE, len(wanted) - 1, len(wanted)):
                found, last = [], after
                while rows := await events.of_run(run_id, last):
                    found += [(row["seq"], row["name"], row["data"]) for row in rows]
                    last = rows[-1]["seq"]
                assert found == wanted[after:]
            assert await events.last_of_run(run_id) == len(wanted)
        for after in (0, 3, PAGE + 5, len(self.written) - 2):
            read: list[int] = []
            last = self.written[after].id
            while rows := await events.of_thread(self.thread_id, last):
                read += [row["id"] for row in rows]
                last = rows[-1]["id"]
            assert read == [event.id for event in self.written[after + 1 :]]
        tail = await events.tail(self.thread_id)
        assert tail is not None
        end = self.written[-1]
        assert (tail["run_id"], tail["seq"], tail["id"]) == (end.run_id, end.seq, end.id)
        assert await events.last_of_thread(self.thread_id) == end.id


async def test_pages_begin_anywhere(events: EventLog) -> None:
    """Batches of very different sizes, events of other threads between them, and every batch written twice."""
    thread, other = Thread(), Thread()
    elsewhere = new_id()
    for run_id in (new_id(), new_id()):
        first = 1
        for size in (1, 3, 500, 1, 1, LONG - 600, 94):
            mine = thread.batch(run_id, size, first)
            first += size
            mixed = [*mine[: size // 2], *other.batch(elsewhere, 2, len(other.written) + 1), *mine[size // 2 :]]
            await events.write(mixed)
            await events.write(mixed)
    await thread.check(events)
    await events.delete_of_threads([thread.thread_id])
    assert await events.of_thread(thread.thread_id, 0) == []
    assert await events.tail(thread.thread_id) is None
    assert len(await events.of_thread(other.thread_id, 0)) == len(other.written)


async def test_a_page_of_long_events_is_short(events: EventLog) -> None:
    thread, run_id = Thread(), new_id()
    long = [replace(event, data=b"x" * 200_000) for event in thread.batch(run_id, 100, 1)]
    for begin in range(0, 100, 5):
        await events.write(long[begin : begin + 5])
    for page in (await events.of_run(run_id, 0), await events.of_thread(thread.thread_id, 0)):
        assert PAGE_BYTES <= sum(len(row["data"]) for row in page) < 5 * PAGE_BYTES
    seen, last = [], 0
    while rows := await events.of_thread(thread.thread_id, last):
        seen += [row["seq"] for row in rows]
        last = rows[-1]["id"]
    assert seen == list(range(1, 101))


async def test_what_went_to_postgres_and_what_to_redis_is_one_log(database: Database, redis: RedisProcess) -> None:
    """Redis hangs in the middle of a run and goes on later: nothing is missing, nothing comes twice."""
    events = RedisEvents(redis.url, RunEvents(database, Notifications(database)), keep_seconds=60)
    thread, run_id = Thread(), new_id()
    await events.write(thread.batch(run_id, LONG, 1))
    redis.pause()
    await events.write(thread.batch(run_id, LONG, LONG + 1))
    assert events.misses == 1
    redis.go_on()

    async def back() -> bool:
        misses = events.misses
        await events.last_of_run(run_id)
        return events.misses == misses

    await aeventually(back)
    await events.write(thread.batch(run_id, 5, 2 * LONG + 1))
    rows = await database.fetch_one("SELECT count(*) AS n FROM run_events WHERE run_id = %s", [run_id])
    assert rows == {"n": LONG}
    await thread.check(events)
    await events.stop()


async def test_a_process_that_was_stopped_does_not_take_redis_to_be_away(database: Database, redis: RedisProcess) -> None:
    events = RedisEvents(redis.url, RunEvents(database, Notifications(database)), keep_seconds=60)
    thread, run_id = Thread(), new_id()
    await events.write(thread.batch(run_id, 3, 1))
    asking = asyncio.create_task(events.of_run(run_id, 0))
    await asyncio.sleep(0)
    time.sleep(1.2 * PATIENCE)  # noqa: ASYNC251 - the answer comes meanwhile, and so does the end of the time for it
    assert len(await asking) == 3
    assert events.misses == 0
    await events.stop()


async def test_what_another_process_had_to_write_to_postgres_is_found_at_once(database: Database, redis: RedisProcess) -> None:
    """Nobody told the reader, which has just seen that Postgres has nothing."""
    behind = RunEvents(database, Notifications(database))
    writer, reader = (RedisEvents(redis.url, behind, keep_seconds=60) for _ in range(2))
    thread, run_id = Thread(), new_id()
    await writer.write(thread.batch(run_id, 3, 1))
    assert len(await reader.of_run(run_id, 0)) == 3
    redis.pause()
    await writer.write(thread.batch(run_id, 3, 4))
    redis.go_on()
    reader.look_everywhere()
    assert [row["seq"] for row in await reader.of_run(run_id, 0)] == [1, 2, 3, 4, 5, 6]
    for events in (writer, reader):
        await events.stop()


async def test_a_worker_that_lost_its_run_does_not_hide_where_the_thread_stands(database: Database, redis: RedisProcess) -> None:
    events = RedisEvents(redis.url, RunEvents(database, Notifications(database)), keep_seconds=60)
    thread, run_id = Thread(), new_id()
    late = Thread()
    late.thread_id = thread.thread_id
    await events.write(thread.batch(run_id, 2, NUMBERS_OF_ATTEMPT + 1))
    late.id = thread.id + 1000
    await events.write(late.batch(run_id, 2, 5))
    tail = await events.tail(thread.thread_id)
    assert tail is not None
    assert (tail["seq"], tail["id"]) == (thread.written[-1].seq, thread.id)
    assert [row["id"] for row in await events.of_thread(thread.thread_id, 0)] == [event.id for event in thread.written]
    await events.stop()
