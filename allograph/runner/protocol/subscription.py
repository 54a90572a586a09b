"""The events of a thread, as one client follows them: what is kept of the thread first, then what comes, without gap."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from uuid import UUID

from allograph.runner.following import HEARTBEAT, Following
from allograph.runner.protocol.events import ThreadEvent, thread_events
from allograph.runner.protocol.filters import Filter
from allograph.store.runs import Runs


class Subscriptions:
    """What clients of this process follow through the protocol."""

    def __init__(self, following: Following, runs: Runs) -> None:
        self.following = following
        self.runs = runs
        self.heartbeat_seconds = following.heartbeat_seconds

    async def open(self, thread_id: UUID, wanted: Filter) -> AsyncGenerator[list[ThreadEvent], None]:
        """The wanted events, in order, several at a time, without end; `[]` when there was nothing for a while.

        When this returns, whatever happens in the thread from then on will be among them. A thread that does not exist yet may be
        followed.
        """
        await self.following.follow_thread(thread_id)
        return self._events(thread_id, wanted)

    async def _events(self, thread_id: UUID, wanted: Filter) -> AsyncGenerator[list[ThreadEvent], None]:
        graph_ids: dict[UUID, str | None] = {}
        async with contextlib.aclosing(self.following.thread_rows(thread_id, 0)) as pages:
            async for rows in pages:
                if unknown := {row["run_id"] for row in rows} - graph_ids.keys():
                    graph_ids.update(dict.fromkeys(unknown))
                    graph_ids.update(await self.runs.graph_ids(list(unknown)))
                yield [event for row in rows for event in thread_events(row, wanted, graph_ids[row["run_id"]])]


async def frames(events: AsyncGenerator[list[ThreadEvent], None], heartbeat_seconds: float) -> AsyncGenerator[bytes, None]:
    """Events as server-sent events, those that are ready in one piece."""
    loop = asyncio.get_running_loop()
    quiet_since = loop.time()
    async with contextlib.aclosing(events):
        async for ready in events:
            if ready:
                yield b"".join(
                    b"event: %b\r\ndata: %b\r\nid: %d\r\n\r\n" % (event.method.encode(), event.body, event.seq) for event in ready
                )
            elif loop.time() - quiet_since >= heartbeat_seconds:
                yield HEARTBEAT
            else:
                continue
            quiet_since = loop.time()
