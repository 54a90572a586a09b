"""Writes the events of runs down for readers in other processes, in batches: whatever gathered during the last write is the
next one. No timer, so a single event is not held up, and a burst costs few statements."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from uuid import UUID

import psycopg
from psycopg_pool import PoolTimeout

from allograph.runner.protocol.events import count
from allograph.store.run_events import EventLog, StoredEvent

log = logging.getLogger("allograph.recorder")

MOST_OF_A_BATCH = 500
BYTES_OF_A_BATCH = 1024 * 1024
"""A batch ends with the event that goes beyond it: whoever reads in whole batches reads no more at a time."""
RETRY_SECONDS = 0.5
MAX_WAITING = 64 * 1024 * 1024
"""Bytes of events that may wait for the database; beyond, the runs that produce them wait too."""


class Recording:
    """Numbers the events of one run within its thread, and hands them to the recorder."""

    def __init__(self, recorder: Recorder, thread_id: UUID, run_id: UUID, last_id: int, thread_seq: int) -> None:
        self.recorder = recorder
        self.last_id = last_id
        """The id of the thread's last event; 0 if it is not known, then the clock tells."""
        self.thread_id = thread_id
        self.run_id = run_id
        self.thread_seq = thread_seq
        """How many events the thread has had so far."""

    def __call__(self, seq: int, name: str, data: bytes) -> None:
        event = self.next(seq, name, data)
        self.last_id, self.thread_seq = event.id, event.thread_seq
        self.recorder.put(event)

    def next(self, seq: int, name: str, data: bytes) -> StoredEvent:
        """An event as it would be written down now."""
        now = time.time_ns() // 1000
        event_id = max(now, self.last_id + 1)
        return StoredEvent(self.thread_id, event_id, self.run_id, seq, name, data, self.thread_seq + count(name, data), now // 1000)


class Recorder:
    """One per process."""

    def __init__(self, events: EventLog) -> None:
        self.events = events
        self.on_written: Callable[[UUID], None] = lambda thread_id: None
        """Told the thread whose events can be read from now on; other processes hear it from the log."""
        self._waiting: deque[StoredEvent] = deque()
        self._bytes = 0
        self._there = asyncio.Event()
        self._written = asyncio.Condition()
        self._put = 0
        self._done = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._write_forever(), name="recorder")

    async def stop(self) -> None:
        """Write what is there, for as long as the database takes it at once."""
        if self._task:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await self.flush()
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def put(self, event: StoredEvent) -> None:
        self._waiting.append(event)
        self._bytes += len(event.data)
        self._put += 1
        self._there.set()

    async def throttle(self) -> None:
        """Wait while more than `MAX_WAITING` bytes are waiting for the database."""
        if self._bytes > MAX_WAITING:
            await self.flush()

    async def flush(self) -> None:
        """Return when everything that was put before is in the table."""
        wanted = self._put
        async with self._written:
            await self._written.wait_for(lambda: self._done >= wanted)

    async def _write_forever(self) -> None:
        while True:
            await self._there.wait()
            batch: list[StoredEvent] = []
            size = 0
            while self._waiting and len(batch) < MOST_OF_A_BATCH and size < BYTES_OF_A_BATCH:
                batch.append(self._waiting.popleft())
                size += len(batch[-1].data)
            if not self._waiting:
                self._there.clear()
            while True:
                try:
                    await self.events.write(batch)
                    break
                except (psycopg.OperationalError, PoolTimeout) as error:
                    log.warning("writing %d events again after: %s", len(batch), str(error).strip())
                    await asyncio.sleep(RETRY_SECONDS)
            self._bytes -= size
            for thread_id in {event.thread_id for event in batch}:
                self.on_written(thread_id)
            async with self._written:
                self._done += len(batch)
                self._written.notify_all()
