"""The events of a thread, as clients follow them: what is kept of the thread first, then what comes, without gap."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from uuid import UUID

from allograph.access.guard import Access
from allograph.runner.following import HEARTBEAT, Following
from allograph.runner.protocol.events import ThreadEvent, thread_events
from allograph.runner.protocol.filters import Filter
from allograph.store.database import Row
from allograph.store.runs import Runs


class Reading:
    """One client's way through the log of a thread."""

    def __init__(self, access: Access, following: Following, runs: Runs, thread_id: UUID) -> None:
        self.access = access
        self.following = following
        self.runs = runs
        self.thread_id = thread_id
        self.graph_ids: dict[UUID, str | None] = {}
        """The graph of each run that was met."""

    async def begin(self) -> None:
        """When this returns, whatever happens in the thread from then on is written down."""
        self._may = await self.access.watch(self.thread_id)
        await self.following.follow_thread(self.thread_id)

    async def page(self, position: int) -> list[Row]:
        """Stored events behind `position`."""
        return await self._met(await self.following.events.of_thread(self.thread_id, position))

    async def pages(self, position: int) -> AsyncGenerator[list[Row], None]:
        """The same and all that come, without end; `[]` when there was nothing for a while."""
        async with contextlib.aclosing(self.following.thread_rows(self.thread_id, position)) as pages:
            async for rows in pages:
                yield await self._met(rows)

    async def _met(self, rows: list[Row]) -> list[Row]:
        """What of these the client may see: nothing of a thread that turned out to be somebody else's."""
        if not rows or not await self._may():
            return []
        if unknown := {row["run_id"] for row in rows} - self.graph_ids.keys():
            self.graph_ids.update(dict.fromkeys(unknown))
            self.graph_ids.update(await self.runs.graph_ids(list(unknown)))
        return rows


class Subscriptions:
    """What clients of this process follow through the protocol."""

    def __init__(self, access: Access, following: Following, runs: Runs) -> None:
        self.access = access
        self.following = following
        self.runs = runs

    def reading(self, thread_id: UUID) -> Reading:
        return Reading(self.access, self.following, self.runs, thread_id)

    async def frames(self, thread_id: UUID, wanted: Filter) -> AsyncGenerator[bytes, None]:
        """The wanted events as server-sent events, those that are ready in one piece, without end.

        When this returns, whatever happens in the thread from then on will be among them. A thread that does not exist yet may be
        followed.
        """
        reading = self.reading(thread_id)
        await reading.begin()
        return _frames(reading, wanted, self.following.heartbeat_seconds)


async def _frames(reading: Reading, wanted: Filter, heartbeat_seconds: float) -> AsyncGenerator[bytes, None]:
    loop = asyncio.get_running_loop()
    quiet_since = loop.time()
    async with contextlib.aclosing(reading.pages(0)) as pages:
        async for rows in pages:
            events = (event for row in rows for event in thread_events(row, wanted, reading.graph_ids[row["run_id"]]))
            if chunk := b"".join(_frame(event) for event in events):
                yield chunk
            elif loop.time() - quiet_since >= heartbeat_seconds:
                yield HEARTBEAT
            else:
                continue
            quiet_since = loop.time()


def _frame(event: ThreadEvent) -> bytes:
    return b"event: %b\r\ndata: %b\r\nid: %d\r\n\r\n" % (event.method.encode(), event.body, event.seq)
