"""The log of events in Redis Streams, with the one in Postgres behind it.

A run has a stream of its events and a thread has one that says which events of which run came when. An entry holds all that one
write brings of a run, and its id is that of the last of them, a number of the run or an id of the thread: an entry for each event
costs about twice as much.
Both go when nobody has written to them for as long as a run may take and events are kept. Other processes hear of new events on
one channel.

Redis is allowed to be away, to hang, or to come back empty: then events are written to Postgres, and read from both. What only
Redis had is lost; a reader that misses it is told so (`RunStream.feed`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from allograph.encoding import dumps, loads
from allograph.store.database import Row
from allograph.store.run_events import PAGE, PAGE_BYTES, RunEvents, StoredEvent

log = logging.getLogger("allograph.redis")

T = TypeVar("T")

PREFIX = "allograph:"
CHANNEL = f"{PREFIX}events"

PATIENCE = 1.0
"""Seconds that an answer of Redis may take; after two that took longer it counts as away."""
AWAY_SECONDS = 2.0
"""How long Redis is not asked again after it was away."""
ENTRIES = 16
"""How many entries are read at first; each may hold any number of events."""
LOOK_SECONDS = 1.0
"""How long it is believed that Postgres has no events either."""

# Both entries or none. Numbers of a run only grow, so what a worker still says of an attempt when another has written is refused,
# and must not get into the thread's stream either. An entry that is there already is one whose answer got lost.
_APPEND = """
local added = redis.pcall('XADD', KEYS[1], ARGV[1], 'h', ARGV[2], 'd', ARGV[3])
if type(added) == 'table' and added.err then
    if not string.find(added.err, 'equal or smaller', 1, true) then return added end
    if #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1]) == 0 then return 0 end
end
redis.call('PEXPIRE', KEYS[1], ARGV[9])
added = redis.pcall('XADD', KEYS[2], 'MINID', '~', ARGV[5], ARGV[4], 'r', ARGV[6], 'f', ARGV[7], 'l', ARGV[8])
if type(added) == 'table' and added.err and not string.find(added.err, 'equal or smaller', 1, true) then return added end
redis.call('PEXPIRE', KEYS[2], ARGV[9])
return 1
"""


class RedisEvents:
    """An `EventLog`. Durations are seconds."""

    within_the_end = False

    def __init__(self, uri: str, behind: RunEvents, *, keep_seconds: float) -> None:
        self._redis: Any = Redis.from_url(uri, socket_timeout=None, socket_connect_timeout=PATIENCE, health_check_interval=0)
        self.behind = behind
        self.keep_ms = int(keep_seconds * 1000)
        self._sender = secrets.token_hex(4)
        self._away_until = 0.0
        self.misses = 0
        self._spilled = True
        """Postgres may have events too."""
        self._doubts = 0
        self._looked_at = 0.0
        self._listening: asyncio.Task[None] | None = None

    def start(self, on_written: Callable[[UUID], None]) -> None:
        def spilled(thread_id: UUID) -> None:
            self.look_everywhere()
            on_written(thread_id)

        self.behind.start(spilled)
        self._listening = asyncio.create_task(self._listen(on_written), name="redis-events")

    async def stop(self) -> None:
        if self._listening:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await asyncio.wait_for(self._redis.aclose(), PATIENCE)

    def look_everywhere(self) -> None:
        self._spilled = True
        self._doubts += 1

    # -- writing --------------------------------------------------------------------------------------------------------------

    async def write(self, events: Sequence[StoredEvent]) -> None:
        if await self._ask(lambda: self._append(events)) is None:
            self.look_everywhere()
            await self.behind.write(events)

    async def _append(self, events: Sequence[StoredEvent]) -> bool:
        pipeline = self._redis.pipeline(transaction=False)
        of_runs: dict[UUID, list[StoredEvent]] = {}
        for event in events:
            of_runs.setdefault(event.run_id, []).append(event)
        for run_id, together in of_runs.items():
            first, last = together[0], together[-1]
            oldest = last.id - 1000 * self.keep_ms
            packed = _packed(together)
            pipeline.eval(
                _APPEND, 2, _of_run(run_id), _of_thread(last.thread_id), f"{last.seq}-0", packed["h"], packed["d"], f"{last.id}-0",
                f"{oldest}-0", run_id.bytes, first.seq, last.seq, self.keep_ms,
            )  # fmt: skip
        for thread_id in {event.thread_id for event in events}:
            pipeline.publish(CHANNEL, f"{thread_id}:{self._sender}")
        await pipeline.execute()
        return True

    # -- reading --------------------------------------------------------------------------------------------------------------

    async def of_run(self, run_id: UUID, after: int) -> list[Row]:
        rows = await self._ask(lambda: self._run_rows(run_id, after + 1, "+")) or []
        if await self._has_spilled():
            rows = _merged(rows, await self.behind.of_run(run_id, after), "seq")
        return rows

    async def of_thread(self, thread_id: UUID, after: int) -> list[Row]:
        rows = await self._ask(lambda: self._thread_rows(thread_id, after)) or []
        if await self._has_spilled():
            rows = _merged(rows, await self.behind.of_thread(thread_id, after), "id")
        return rows

    async def last_of_run(self, run_id: UUID) -> int:
        last = await self._ask(lambda: self._redis.xrevrange(_of_run(run_id), count=1)) or []
        known = int(last[0][0].partition(b"-")[0]) if last else 0
        return max(known, await self.behind.last_of_run(run_id)) if await self._has_spilled() else known

    async def last_of_thread(self, thread_id: UUID) -> int:
        tail = await self.tail(thread_id)
        return tail["id"] if tail else 0

    async def tail(self, thread_id: UUID) -> Row | None:
        tails = [await self._ask(lambda: self._tail(thread_id))]
        if await self._has_spilled():
            tails.append(await self.behind.tail(thread_id))
        return max((tail for tail in tails if tail), key=lambda tail: tail["id"], default=None)

    async def _run_rows(self, run_id: UUID, first: int, last: int | str) -> list[Row]:
        """The events from number `first` on, in whole entries: a page or more, or all up to the entry `last`."""
        rows: list[Row] = []
        upto, count = last if isinstance(last, str) else f"{last}-0", ENTRIES
        while not _full(rows):
            found = await self._redis.xrange(_of_run(run_id), f"{rows[-1]['seq'] + 1 if rows else first}-0", upto, count=count)
            rows += [row for _, fields in found for row in _unpacked(run_id, fields) if row["seq"] >= first]
            if len(found) < count:
                break
            count *= 2
        return rows

    async def _thread_rows(self, thread_id: UUID, after: int) -> list[Row]:
        entries = await self._redis.xrange(_of_thread(thread_id), f"{after + 1}-0", "+", count=PAGE)
        rows: list[Row] = []
        for run_id, group in groupby(entries, key=lambda entry: UUID(bytes=entry[1][b"r"])):
            together = list(group)
            first, last = int(together[0][1][b"f"]), int(together[-1][1][b"l"])
            while first <= last and (found := await self._run_rows(run_id, first, last)):
                rows += [row for row in found if row["id"] > after]
                if _full(rows):
                    return rows
                first = found[-1]["seq"] + 1
        return rows

    async def _tail(self, thread_id: UUID) -> Row | None:
        for _, fields in await self._redis.xrevrange(_of_thread(thread_id), count=1):
            last = int(fields[b"l"])
            for row in await self._run_rows(UUID(bytes=fields[b"r"]), last, last):
                return row
        return None

    # -- the rest -------------------------------------------------------------------------------------------------------------

    async def delete_of_run(self, run_id: UUID) -> None:
        await self._ask(lambda: self._redis.unlink(_of_run(run_id)))
        await self.behind.delete_of_run(run_id)

    async def delete_of_threads(self, thread_ids: Sequence[UUID]) -> None:
        await self._ask(lambda: self._delete(thread_ids))
        await self.behind.delete_of_threads(thread_ids)

    async def _delete(self, thread_ids: Sequence[UUID]) -> None:
        for thread_id in thread_ids:
            entries = await self._redis.xrange(_of_thread(thread_id))
            runs = {_of_run(UUID(bytes=fields[b"r"])) for _, fields in entries}
            await self._redis.unlink(_of_thread(thread_id), *runs)

    async def sweep(self, age_seconds: float) -> None:
        """Redis sweeps by itself."""
        await self.behind.sweep(age_seconds)

    async def _ask(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """What Redis answers; None while it is away."""
        loop = asyncio.get_running_loop()
        failed: Exception | None = None
        # Twice: for a process that was stopped in the middle the time is over when it goes on, whether the answer is there or not.
        for _ in range(2):
            if loop.time() < self._away_until:
                break
            try:
                async with asyncio.timeout(PATIENCE):
                    answer = await work()
                self._is_there()
                return answer
            except (RedisError, OSError, TimeoutError) as error:
                failed = error
                # A connection that hung may still get its answer: nobody may read that as the answer to another question.
                with contextlib.suppress(RedisError, OSError, TimeoutError):
                    await self._redis.connection_pool.disconnect(inuse_connections=False)
        self.misses += 1
        if failed:
            if not self._away_until:
                log.warning("Redis is away, events go through Postgres meanwhile: %s", str(failed) or type(failed).__name__)
            # One that refuses connections may be asked at once; one that hangs would take this long each time.
            hangs = isinstance(failed, TimeoutError | RedisTimeout)
            self._away_until = loop.time() + (AWAY_SECONDS if hangs else 0.1)
        return None

    def _is_there(self) -> None:
        if self._away_until:
            log.info("Redis is back")
            self._away_until = 0.0

    async def _has_spilled(self) -> bool:
        """Whether Postgres may have events: it was written to when Redis was away."""
        now = asyncio.get_running_loop().time()
        if not self._spilled and now >= self._looked_at + LOOK_SECONDS:
            self._spilled = True
        if self._spilled and now >= self._looked_at + LOOK_SECONDS:
            self._looked_at = now
            doubts = self._doubts
            found = await self.behind.has_any()
            if doubts == self._doubts:
                self._spilled = found
        return self._spilled

    async def _listen(self, on_written: Callable[[UUID], None]) -> None:
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(CHANNEL)
                    self._is_there()
                    async for message in channel.listen():
                        thread_id, _, sender = message["data"].decode().partition(":")
                        if sender != self._sender:
                            on_written(UUID(thread_id))
            except (RedisError, OSError, TimeoutError) as error:
                log.debug("listening to Redis again after: %s", error)
                await asyncio.sleep(AWAY_SECONDS / 2)


def _of_run(run_id: UUID) -> str:
    return f"{PREFIX}run:{run_id}"


def _of_thread(thread_id: UUID) -> str:
    return f"{PREFIX}thread:{thread_id}"


def _packed(events: Sequence[StoredEvent]) -> dict[str, bytes]:
    """An entry: what is known of each event, and the data of all of them behind one another."""
    heads = [(event.seq, event.id, event.thread_seq, event.at, len(event.data), event.name) for event in events]
    return {"h": dumps(heads), "d": b"".join(event.data for event in events)}


def _unpacked(run_id: UUID, fields: Mapping[bytes, bytes]) -> Iterator[Row]:
    data, begin = fields[b"d"], 0
    for seq, id_, thread_seq, at, length, name in loads(fields[b"h"]):
        yield {
            "run_id": run_id, "seq": seq, "id": id_, "name": name, "data": data[begin : begin + length], "thread_seq": thread_seq,
            "at": at,
        }  # fmt: skip
        begin += length


def _full(rows: list[Row]) -> bool:
    return len(rows) >= PAGE or sum(len(row["data"]) for row in rows) >= PAGE_BYTES


def _merged(one: list[Row], other: list[Row], key: str) -> list[Row]:
    """The rows of both in order, each once, as far as both have been read: either may go on behind its last row."""
    rows = {row[key]: row for row in (*one, *other)}
    ends = [part[-1][key] for part in (one, other) if part]
    return [rows[place] for place in sorted(rows) if place <= min(ends)]
