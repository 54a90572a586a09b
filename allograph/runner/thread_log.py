"""What is written down of a thread, run after run: where its events stand, and that every run in it comes to an end.

One run of a thread executes at a time, so whoever executes it numbers the thread's events, from where the log stands.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from allograph.runner.ends import asked_in, end_event, output_of
from allograph.runner.events import GONE, Ended, RunStream
from allograph.runner.protocol.events import count
from allograph.runner.recorder import Recorder, Recording
from allograph.store.database import Row
from allograph.store.run_events import END, EventLog, StoredEvent
from allograph.store.runs import Runs
from allograph.store.threads import Threads


class ThreadLog:
    """One per process."""

    def __init__(self, runs: Runs, threads: Threads, events: EventLog, recorder: Recorder) -> None:
        self.runs = runs
        self.threads = threads
        self.events = events
        self.recorder = recorder

    async def position(self, thread_id: UUID) -> int:
        """The number of the thread's last event."""
        tail = await self.events.tail(thread_id)
        return int(tail["thread_seq"]) if tail else await self.threads.event_seq(thread_id)

    async def begin(self, stream: RunStream) -> None:
        """Write down from now on what a run streams that executes here."""
        tail = await self.events.tail(stream.thread_id)
        if tail is None:
            last_id, position = 0, await self.threads.event_seq(stream.thread_id)
        elif tail["run_id"] != stream.run_id and tail["name"] != END:
            last_id, position = await self._end(stream.thread_id, tail)
        else:
            last_id, position = tail["id"], tail["thread_seq"]
        if stream.record:
            return  # somebody else asked for it meanwhile
        stream.record = Recording(self.recorder, stream.thread_id, stream.run_id, last_id, position)
        stream.throttle, stream.flush = self.recorder.throttle, self.recorder.flush

    def end_of(self, stream: RunStream, ended: Ended, thread_status: str, asked: Sequence[Mapping[str, Any]]) -> StoredEvent | None:
        """What stands behind the last event of a run, if it is written down what it streams."""
        if not isinstance(recording := stream.record, Recording):
            return None
        return recording.next(stream.position, END, end_event(ended, thread_status, asked))

    async def told(self, end: StoredEvent) -> None:
        """The run has ended, and says so, in the statement that ended it or now."""
        self.recorder.put(end)
        await self.recorder.flush()
        await self.threads.set_event_seq(end.thread_id, end.thread_seq)

    async def end_lost(self, thread_id: UUID) -> None:
        """Write the end of the thread's last run if it is missing though the run is over: its worker died before it could."""
        tail = await self.events.tail(thread_id)
        if tail and tail["name"] != END and not await self.runs.active([tail["run_id"]]):
            await self._end(thread_id, tail)

    async def _end(self, thread_id: UUID, tail: Row) -> tuple[int, int]:
        """Write the end behind `tail`. If two processes do this at once, both write the same."""
        ended, thread_status, asked = GONE, "idle", []
        for row in await self.runs.ended([tail["run_id"]]):
            ended, thread_status = Ended(row["status"], output_of(row)), row["resting_status"]
            asked = [{**one, "namespace": ()} for one in asked_in(row)]
        data = end_event(ended, thread_status, asked)
        position: int = tail["thread_seq"] + count(END, data)
        event = StoredEvent(
            thread_id, tail["id"] + 1, tail["run_id"], tail["seq"] + 1, END, data, position, time.time_ns() // 1_000_000
        )  # fmt: skip
        self.recorder.put(event)
        await self.recorder.flush()
        return event.id, position
