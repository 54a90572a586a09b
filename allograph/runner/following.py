"""How clients of this process follow runs, wherever they execute.

A run that executes here feeds its `RunStream` directly. One that executes elsewhere is read from `run_events`: its worker writes
events down when the run is resumable, when a client of another process followed it from the beginning (`runs.follower`), or when
somebody joined later (`runs.followed`) or reads the whole thread (`threads.followed_until`). Notifications say when to look; since
they can be lost, everything that somebody waits for is also looked at every few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec, TypeVar
from uuid import UUID

import psycopg
from psycopg_pool import PoolTimeout

from allograph.encoding import dumps
from allograph.errors import NotFound
from allograph.runner.ends import output_of, told_end
from allograph.runner.events import GONE, Ended, Event, Reader, RunStream, SlowReaderError, Streams, frame, lost_events, mode_of
from allograph.runner.recorder import Recorder
from allograph.runner.thread_log import ThreadLog
from allograph.store.database import Notifications, Row
from allograph.store.run_events import END, EventLog, follows
from allograph.store.runs import Runs
from allograph.store.threads import Threads

log = logging.getLogger("allograph.following")

P = ParamSpec("P")
T = TypeVar("T")

Follow = Literal["events", "end"]
"""What a client wants of a run: everything that it streams, or only its output."""

ThreadStreamMode = Literal["lifecycle", "run_modes", "state_update"]

HEARTBEAT = b": heartbeat\r\n\r\n"

THREAD_FOLLOW_SECONDS = 60.0
"""How long a reader of a whole thread counts as there; it says so again at half of that."""

UNREAD_SECONDS = 15.0
"""How long the last events of a run are waited for while their log cannot be read."""

STATE_MODES = ("values", "updates", "checkpoints")


@dataclass(frozen=True, slots=True)
class Joined:
    """What a client that joined a run reads: what it missed, then what comes."""

    run_id: UUID
    thread_id: UUID
    reader: Reader | None
    """None when the run has ended."""
    after: int | None = None
    """Stored events behind this number come first; None for none."""


class Following:
    """The readers of this process.

    `executes` says whether a run executes here now; `record` has what executes here for a run or a thread written down.
    """

    def __init__(
        self, process_id: UUID, runs: Runs, threads: Threads, events: EventLog, streams: Streams, recorder: Recorder,
        thread_log: ThreadLog, notifications: Notifications, executes: Callable[[UUID], bool], record: Callable[[UUID], None], *,
        heartbeat_seconds: float, poll_seconds: float,
    ) -> None:  # fmt: skip
        self.process_id = process_id
        self.runs = runs
        self.threads = threads
        self.events = events
        self.streams = streams
        self.recorder = recorder
        self.thread_log = thread_log
        self.notifications = notifications
        self.executes = executes
        self.record = record
        self.heartbeat_seconds = heartbeat_seconds
        self.poll_seconds = poll_seconds
        self._missing: dict[UUID, float] = {}
        """Runs that are over and whose end could not be read, with when that was noticed."""
        self._thread_readers: dict[UUID, set[asyncio.Event]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self.notifications.on("ended", self._on_ended)
        self.events.start(self._on_events)
        self.recorder.on_written = self._wake_thread_readers
        self._spawn(self._look_forever())

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.events.stop()

    # -- readers --------------------------------------------------------------------------------------------------------------

    def begin(self, run_id: UUID, thread_id: UUID, follow: Follow, *, resumable: bool) -> Reader:
        """A reader of a run that is about to be stored: it will see everything."""
        stream = self.streams.open(run_id, thread_id)
        stream.with_ids = resumable
        stream.gapless = True
        return stream.read(events=follow == "events")

    async def join(self, thread_id: UUID, run_id: UUID, follow: Follow, after: int | None = None) -> Joined:
        """Read a run from now on, or, of a resumable one, behind event number `after`. Raises `NotFound` for an unknown run."""
        stream = self.streams.open(run_id, thread_id)
        reader = stream.read(events=follow == "events")
        try:
            row = await self.runs.get(thread_id, run_id)
            if row is None and not stream.ended:
                # Nothing is left of a run with a temporary thread but, for a while, its events.
                if after is not None and await self.events.last_of_run(run_id):
                    self.leave(reader)
                    return Joined(run_id, thread_id, None, after)
                raise NotFound(f"Run {run_id} not found in thread {thread_id}.")
            resumable = row is not None and row["resumable"]
            stream.with_ids = stream.with_ids or resumable
            if row is not None and row["status"] not in ("pending", "running") and not stream.ended:
                self.leave(reader)
                return Joined(run_id, thread_id, None, after if resumable else None)
            if row is not None and follow == "events" and not self.executes(run_id):
                await self._follow_elsewhere(stream, row)
        except BaseException:
            self.leave(reader)
            raise
        stream.stored = True
        if resumable and after is not None:
            reader.position = max(reader.position, after + 1)
        return Joined(run_id, thread_id, reader, after if resumable else None)

    async def _follow_elsewhere(self, stream: RunStream, row: Row) -> None:
        """Have the events of a run written down by the process that executes it, or will."""
        if stream.readers > 1:
            await self._catch_up(stream)
        else:
            stream.skip_to(await self.events.last_of_run(stream.run_id) + 1)
        if not row["resumable"] and await self.runs.mark_followed(stream.run_id):
            self.notifications.send("follow", stream.run_id)

    def leave(self, reader: Reader) -> None:
        """Every reader that `begin` or `join` gave is left once."""
        with reader:
            pass
        run_id = reader.stream.run_id
        self.streams.leave(run_id, executing=(run_id,) if self.executes(run_id) else ())

    # -- what clients are sent ------------------------------------------------------------------------------------------------

    async def frames(self, joined: Joined, modes: Collection[str] = ()) -> AsyncGenerator[bytes, None]:
        """The events of a run as they go on the wire, all that are ready in one piece; of all modes, or of `modes`."""
        reader = joined.reader
        try:
            if joined.after is not None:
                async for chunk in self._missed(joined, joined.after, modes):
                    yield chunk
            while reader and (events := await reader.next(self.heartbeat_seconds)) is not None:
                if not events:
                    yield HEARTBEAT
                elif chunk := b"".join(event.frame for event in events if not modes or mode_of(event.name) in modes):
                    yield chunk
        except SlowReaderError:
            yield frame("error", dumps({"error": "SlowReaderError", "message": str(SlowReaderError.__doc__)}))
        finally:
            if reader:
                self.leave(reader)

    async def _missed(self, joined: Joined, after: int, modes: Collection[str]) -> AsyncGenerator[bytes, None]:
        until = joined.reader.position if joined.reader else None
        if self.executes(joined.run_id):
            await self.recorder.flush()
        while rows := await self._patiently(self.events.of_run, joined.run_id, after):
            if not follows(rows[0]["seq"], after):
                yield frame("error", lost_events(after + 1, rows[0]["seq"] - 1))
            after = rows[-1]["seq"]
            if chunk := b"".join(
                frame(row["name"], row["data"], row["seq"])
                for row in rows
                if row["name"] != END and (until is None or row["seq"] < until) and (not modes or mode_of(row["name"]) in modes)
            ):
                yield chunk
            if until is not None and after >= until - 1:
                return

    async def output(self, joined: Joined) -> AsyncGenerator[bytes, None]:
        """The JSON that wait and join answer, behind white space for as long as the run takes."""
        async with contextlib.aclosing(self.end(joined)) as ends:
            async for ended in ends:
                yield b"\n" if ended is None else ended.output

    async def end(self, joined: Joined) -> AsyncGenerator[Ended | None, None]:
        """The end of a run, behind a None for each heartbeat's time that it takes."""
        reader = joined.reader
        if reader is None:
            yield await self._end_of(joined)
            return
        try:
            while (ended := await reader.stream.wait(self.heartbeat_seconds)) is None:
                yield None
            yield ended
        finally:
            self.leave(reader)

    async def story(self, joined: Joined) -> AsyncGenerator[list[Event] | Ended, None]:
        """The events of a run from now on, `[]` for each heartbeat's time without any, then its end.

        For views that say in other words what `frames` says. Raises `SlowReaderError`.
        """
        reader = joined.reader
        if reader is None:
            yield await self._end_of(joined)
            return
        try:
            while (events := await reader.next(self.heartbeat_seconds)) is not None:
                yield events
            assert reader.stream.ended
            yield reader.stream.ended
        finally:
            self.leave(reader)

    async def _end_of(self, joined: Joined) -> Ended:
        return (await self._patiently(self._ends, [joined.run_id])).get(joined.run_id, GONE)

    async def join_thread(
        self, thread_id: UUID, modes: Collection[ThreadStreamMode], after: int | None
    ) -> AsyncGenerator[bytes, None]:
        """The events of all runs of a thread, from now on or behind the stored event `after`, until the client leaves.

        "Now" is when this returns: a run that is created after that is seen from its beginning. Each begins with `metadata` naming
        the run and ends with `metadata` saying `run_done`.
        """
        position = after if after is not None else await self.events.last_of_thread(thread_id)
        await self.follow_thread(thread_id)
        return self._thread_frames(thread_id, modes, position)

    async def _thread_frames(
        self, thread_id: UUID, modes: Collection[ThreadStreamMode], position: int
    ) -> AsyncGenerator[bytes, None]:
        async with contextlib.aclosing(self.thread_rows(thread_id, position)) as pages:
            async for rows in pages:
                if not rows:
                    yield HEARTBEAT
                elif chunk := b"".join(_thread_frame(row, modes) for row in rows):
                    yield chunk

    async def follow_thread(self, thread_id: UUID) -> None:
        """Have the events of a thread's runs written down for a while, wherever they execute."""
        await self.threads.mark_followed(thread_id, THREAD_FOLLOW_SECONDS)
        self.record(thread_id)
        self.notifications.send("follow", thread_id)

    def reads(self, thread_id: UUID) -> bool:
        """Whether a client of this process reads a thread."""
        return thread_id in self._thread_readers

    async def thread_rows(self, thread_id: UUID, position: int) -> AsyncGenerator[list[Row], None]:
        """The stored events of a thread behind `position`, page by page, without end; `[]` whenever none came for a heartbeat.

        Call `follow_thread` before.
        """
        woken = asyncio.Event()
        self._thread_readers.setdefault(thread_id, set()).add(woken)
        loop = asyncio.get_running_loop()
        within_run = False
        try:
            quiet_since = loop.time()
            renew = quiet_since + THREAD_FOLLOW_SECONDS / 2
            while True:
                woken.clear()
                if loop.time() >= renew:
                    await self._patiently(self.follow_thread, thread_id)
                    renew = loop.time() + THREAD_FOLLOW_SECONDS / 2
                if rows := await self._patiently(self.events.of_thread, thread_id, position):
                    position = rows[-1]["id"]
                    within_run = rows[-1]["name"] != END
                    yield rows
                    quiet_since = loop.time()
                    continue
                if loop.time() - quiet_since >= self.heartbeat_seconds:
                    yield []
                    quiet_since = loop.time()
                try:
                    async with asyncio.timeout(min(self.heartbeat_seconds, self.poll_seconds)):
                        await woken.wait()
                except TimeoutError:
                    if within_run:
                        await self._patiently(self.thread_log.end_lost, thread_id)
        finally:
            readers = self._thread_readers[thread_id]
            readers.discard(woken)
            if not readers:
                del self._thread_readers[thread_id]

    async def _patiently(self, ask: Callable[P, Awaitable[T]], *arguments: P.args, **named: P.kwargs) -> T:
        """What the database answers, when it is back if it is away: a stream that has begun has no other way to say so."""
        while True:
            try:
                return await ask(*arguments, **named)
            except (psycopg.OperationalError, PoolTimeout) as error:
                log.warning("reading for a stream again after: %s", str(error).strip())
                await asyncio.sleep(self.poll_seconds)

    def _wake_thread_readers(self, thread_id: UUID) -> None:
        for woken in self._thread_readers.get(thread_id, ()):
            woken.set()

    # -- what other processes tell --------------------------------------------------------------------------------------------

    def _on_events(self, thread: UUID) -> None:
        self._wake_thread_readers(thread)
        for stream in self.streams.of_thread(thread):
            if not self.executes(stream.run_id) and not stream.idle:
                self._spawn(self._catch_up(stream))

    def _on_ended(self, run_id: str) -> None:
        if self.streams.get(UUID(run_id)) and not self.executes(UUID(run_id)):
            self._spawn(self._tell([UUID(run_id)]))

    async def _look_forever(self) -> None:
        while True:
            await asyncio.sleep(self.poll_seconds)
            try:
                waiting = [run_id for run_id in self.streams.waiting if not self.executes(run_id)]
                for run_id in waiting:
                    if stream := self.streams.get(run_id):
                        await self._catch_up(stream)
                if waiting:
                    await self._tell(waiting)
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("looking for what others wrote again after: %s", str(error).strip())
            except Exception:
                log.exception("looking for what others wrote again")

    async def _catch_up(self, stream: RunStream) -> Ended | None:
        """Feed what another process wrote down; answer the end when it stands there."""
        async with stream.catching_up:
            while not self.executes(stream.run_id):
                misses = self.events.misses
                rows = await self.events.of_run(stream.run_id, stream.position - 1)
                for row in rows:
                    if row["name"] == END:
                        if self.events.misses > misses and not follows(row["seq"], stream.position - 1):
                            return None  # what stands before it may be where the log could not be asked
                        return told_end(row["data"])
                    stream.feed(row["seq"], row["name"], row["data"])
                if not rows:
                    break
        return None

    async def _tell(self, run_ids: Sequence[UUID]) -> None:
        """End the streams of those of these runs that are over, behind all that was written down of them."""
        active = await self.runs.active(run_ids)
        over = [run_id for run_id in run_ids if run_id not in active and not self.executes(run_id)]
        if not over:
            return
        ends = await self._ends(over)
        now = asyncio.get_running_loop().time()
        for run_id in over:
            stream = self.streams.get(run_id)
            if stream and not self.executes(run_id):
                misses = self.events.misses
                self.events.look_everywhere()
                written = await self._catch_up(stream)
                # A row that goes with its run goes a moment before the end is written down: look once more. And where the log
                # cannot be read, what came before the end cannot either: wait for it.
                unread = written is None and bool(stream.readers) and self.events.misses > misses
                if (unread or not (written or run_id in ends)) and now - self._missing.setdefault(run_id, now) < (
                    UNREAD_SECONDS if unread else self.poll_seconds / 2
                ):
                    continue
                if unread:
                    stream.lose_rest()
                self.streams.end(run_id, written or ends.get(run_id) or GONE)
            self._missing.pop(run_id, None)

    async def _ends(self, run_ids: Sequence[UUID]) -> dict[UUID, Ended]:
        ends = {row["run_id"]: Ended(row["status"], output_of(row)) for row in await self.runs.ended(run_ids)}
        if gone := [run_id for run_id in run_ids if run_id not in ends]:
            ends.update({row["run_id"]: told_end(row["data"]) for row in await self.runs.told(gone)})
        return ends

    def _spawn(self, coroutine: Any) -> None:
        async def look() -> None:
            # What is missed now, the next look finds.
            try:
                await coroutine
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("what others wrote was not read: %s", str(error).strip())

        task = asyncio.create_task(look())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _thread_frame(row: Row, modes: Collection[ThreadStreamMode]) -> bytes:
    name, run_id = row["name"], row["run_id"]
    if name == END:
        if "run_modes" in modes or "lifecycle" in modes:
            return frame("metadata", dumps({"status": "run_done", "run_id": run_id}), row["id"])
        return b""
    mode = mode_of(name)
    wanted = (
        "run_modes" in modes
        or ("lifecycle" in modes and mode in ("metadata", "error"))
        or ("state_update" in modes and mode in STATE_MODES)
    )
    return frame(name, row["data"], row["id"]) if wanted else b""
