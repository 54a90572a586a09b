"""What handlers ask for: accept a run, follow it, wait for it, end it.

Whoever is told of a run's end is told by its `RunStream`. In the process that executes the run, the worker ends it. Elsewhere
a notification does, and, since notifications can be lost, a look at the table every few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg_pool import PoolTimeout
from uuid_utils.compat import uuid4

from allograph.encoding import dumps
from allograph.errors import Conflict, Invalid, NotFound
from allograph.runner.events import GONE, Ended, Reader, SlowReaderError, Streams, frame
from allograph.runner.requests import RunRequest, build_run
from allograph.runner.worker import Worker
from allograph.store.assistants import default_assistant_id
from allograph.store.checkpoints import Checkpoints
from allograph.store.database import Notifications, Row
from allograph.store.runs import CancelAction, ClaimedRun, Runs, RunStatus

log = logging.getLogger("allograph.runner")

Follow = Literal["events", "end"]
"""What a client wants of a run: everything that it streams, or only its output."""

HEARTBEAT = b": heartbeat\r\n\r\n"


@dataclass(frozen=True, slots=True)
class AcceptedRun:
    """A run that is stored: it will end, whatever happens to this process."""

    row: Row
    reader: Reader | None = None
    """Sees every event of the run; there when `follow` was asked for."""

    @property
    def run_id(self) -> UUID:
        return self.row["run_id"]  # type: ignore[no-any-return]

    @property
    def thread_id(self) -> UUID:
        return self.row["thread_id"]  # type: ignore[no-any-return]


class Runner:
    """The runs of this process's clients. `worker` is None in a process that only serves the API."""

    def __init__(
        self, runs: Runs, checkpoints: Checkpoints, streams: Streams, notifications: Notifications, worker: Worker | None, *,
        graph_ids: Sequence[str], heartbeat_seconds: float, poll_seconds: float,
    ) -> None:  # fmt: skip
        self.runs = runs
        self.checkpoints = checkpoints
        self.streams = streams
        self.notifications = notifications
        self.worker = worker
        self.graph_ids = graph_ids
        self.heartbeat_seconds = heartbeat_seconds
        self.poll_seconds = poll_seconds
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self.notifications.on("ended", self._on_ended)
        self.notifications.on("cancel", self._on_cancel)
        self.notifications.on("queue", lambda _: self.worker.wake() if self.worker else None)
        self.notifications.start()
        if self.worker:
            await self.worker.start()
        self._spawn(self._poll_forever())

    def drain(self, grace_seconds: float) -> None:
        """The process will stop: take no more runs, and let those that execute go on for at most this long."""
        if self.worker:
            self.worker.drain(grace_seconds)

    async def stop(self) -> None:
        """Wait for what drains, hand back the rest."""
        if self.worker:
            await self.worker.stop()
        await self.notifications.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- accept ---------------------------------------------------------------------------------------------------------------

    def assistant_id(self, given: str) -> UUID:
        """The assistant that a request names by its id or by a graph. Raises `Invalid` when it is neither."""
        if given in self.graph_ids:
            return default_assistant_id(given)
        with contextlib.suppress(ValueError):
            return UUID(given)
        raise Invalid(
            f"Invalid assistant: '{given[:200]}'. Must be either:\n- A valid assistant UUID, or\n"
            f"- One of the registered graphs: {', '.join(self.graph_ids)}"
        )

    async def accept(self, request: RunRequest, thread_id: UUID | None, *, follow: Follow | None = None) -> AcceptedRun:
        """Store a run on a thread, or with a thread of its own (`thread_id` None).

        Raises `NotFound` when the thread or the assistant does not exist, `Conflict` when the thread is busy and the request
        said to reject then.
        """
        found = await self.runs.assistant_and_thread(self.assistant_id(request.assistant_id), thread_id)
        known = found and found["thread_metadata"]
        if found is None or (thread_id and known is None and not request.create_thread):
            raise NotFound("Thread or assistant not found.")
        if thread_id and (checkpoint_id := request.checkpoint.get("checkpoint_id")):
            namespace = request.checkpoint.get("checkpoint_ns", "")
            if not await self.checkpoints.exists(thread_id, str(checkpoint_id), namespace):
                raise Invalid(f"checkpoint_id is {checkpoint_id}, and thread {thread_id} has no such checkpoint")
        run = build_run(request, found, thread_id, known, uuid4())
        reader = self.streams.open(run.run_id).read(events=follow == "events") if follow else None
        only_if_idle = request.multitask_strategy == "reject"
        reserved = self.worker is not None and self.worker.reserve()
        row = None
        try:
            row = await self.runs.create(
                run, only_if_idle=only_if_idle, worker_id=self.worker.worker_id if self.worker and reserved else None
            )
        finally:
            starts = row is not None and row["status"] == "running"
            if self.worker and reserved and not starts:
                self.worker.release()
            if row is None and reader:
                self.leave(reader)
        if row is None:
            if only_if_idle:
                raise Conflict(
                    f"Thread {run.thread_id} is already running a task. Wait for it, or choose another multitask_strategy."
                )
            raise NotFound("Thread or assistant not found.")
        if reader:
            reader.stream.stored = True
        if starts and self.worker:
            self.worker.start_run(ClaimedRun.of(row))
            # Accepted is what the client asked for; that it runs already is told by the next look.
            row["status"] = "pending"
        else:
            self._queued()
        return AcceptedRun(row, reader)

    async def accept_batch(self, requests: Sequence[RunRequest]) -> list[Row]:
        """Store several stateless runs, all or none."""
        runs, request_id = [], uuid4()
        for request in requests:
            found = await self.runs.assistant_and_thread(self.assistant_id(request.assistant_id), None)
            if found is None:
                raise NotFound("Thread or assistant not found.")
            runs.append(build_run(request, found, None, None, request_id))
        rows = await self.runs.create_all(runs)
        self._queued()
        return rows

    def _queued(self) -> None:
        """Runs wait for a worker: tell this one at once, and those of other processes."""
        if self.worker:
            self.worker.wake()
        self.notifications.send("queue")

    # -- follow ---------------------------------------------------------------------------------------------------------------

    async def join(self, thread_id: UUID, run_id: UUID, follow: Follow) -> Reader | None:
        """A reader of what a run will still stream, or of its end; None when it has ended. Raises `NotFound` for an unknown run."""
        reader = self.streams.open(run_id).read(events=follow == "events")
        try:
            row = await self.runs.get(thread_id, run_id)
        except BaseException:
            self.leave(reader)
            raise
        # A temporary thread goes with its run: its end may have been told before the row could be read.
        if row is None and not reader.stream.ended:
            self.leave(reader)
            raise NotFound(f"Run {run_id} not found in thread {thread_id}.")
        if row is not None and row["status"] not in ("pending", "running") and not reader.stream.ended:
            self.leave(reader)
            return None
        reader.stream.stored = True
        return reader

    def leave(self, reader: Reader) -> None:
        """Every reader that `accept` or `join` gave is left once."""
        with reader:
            pass
        self.streams.leave(reader.stream.run_id, executing=self.worker.executing if self.worker else ())

    async def frames(self, reader: Reader | None, modes: Collection[str] = ()) -> AsyncGenerator[bytes, None]:
        """The events of a run as they go on the wire, all that are ready in one piece; of all modes, or of `modes`."""
        if reader is None:
            return
        try:
            while (events := await reader.next(self.heartbeat_seconds)) is not None:
                if not events:
                    yield HEARTBEAT
                elif chunk := b"".join(event.frame for event in events if not modes or event.mode in modes):
                    yield chunk
        except SlowReaderError:
            yield frame("error", dumps({"error": "SlowReaderError", "message": str(SlowReaderError.__doc__)}))
        finally:
            self.leave(reader)

    async def output(self, reader: Reader | None, thread_id: UUID, run_id: UUID) -> AsyncGenerator[bytes, None]:
        """The JSON that wait and join answer, behind white space for as long as the run takes."""
        if reader is None:
            yield (await self._ended([run_id])).get(run_id, GONE).output
            return
        try:
            while (ended := await reader.stream.wait(self.heartbeat_seconds)) is None:
                yield b"\n"
            yield ended.output
        finally:
            self.leave(reader)

    # -- end ------------------------------------------------------------------------------------------------------------------

    async def cancel(self, thread_id: UUID, run_ids: Sequence[UUID], action: CancelAction) -> list[Row]:
        """Ask runs to end; answer those that were active. Their ends come later, unless they had not started."""
        return self._cancelled(await self.runs.cancel(thread_id, run_ids, action), action)

    async def cancel_by_status(self, statuses: Sequence[RunStatus], action: CancelAction) -> list[Row]:
        return self._cancelled(await self.runs.cancel_by_status(statuses, action), action)

    async def abandon(self, thread_ids: Sequence[UUID]) -> None:
        """The threads are about to be deleted: their runs end, whoever waits for them is told so."""
        for row in await self.runs.cancel_of_threads(thread_ids):
            self._cancelled([row], "interrupt")

    def _cancelled(self, rows: list[Row], action: CancelAction) -> list[Row]:
        for row in rows:
            if row["status"] == "running" and self.worker:
                self.worker.cancel(row["run_id"], action)
            elif row["status"] == "interrupted":
                self.streams.end(row["run_id"], Ended("interrupted", b"{}"))
        return rows

    # -- what other processes tell --------------------------------------------------------------------------------------------

    def _on_cancel(self, run_id: str) -> None:
        # The action is on the row; the lease's next look would find it too, only later.
        if self.worker and UUID(run_id) in self.worker.executing:
            self._spawn(self._cancel_as_asked(UUID(run_id)))

    async def _cancel_as_asked(self, run_id: UUID) -> None:
        action = await self.runs.cancel_action(run_id)
        if action and self.worker:
            self.worker.cancel(run_id, action)

    def _on_ended(self, run_id: str) -> None:
        if self.streams.get(UUID(run_id)) and not self._executes(UUID(run_id)):
            self._spawn(self._tell([UUID(run_id)]))

    async def _poll_forever(self) -> None:
        while True:
            await asyncio.sleep(self.poll_seconds)
            waiting = [run_id for run_id in self.streams.waiting if not self._executes(run_id)]
            if waiting:
                with contextlib.suppress(psycopg.Error, PoolTimeout):
                    await self._tell(waiting)

    def _executes(self, run_id: UUID) -> bool:
        return self.worker is not None and run_id in self.worker.executing

    async def _tell(self, run_ids: Sequence[UUID]) -> None:
        """End the streams of those of these runs that are over."""
        active = await self.runs.active(run_ids)
        over = [run_id for run_id in run_ids if run_id not in active]
        if not over:
            return
        ended = await self._ended(over)
        for run_id in over:
            if not self._executes(run_id):
                self.streams.end(run_id, ended.get(run_id, GONE))

    async def _ended(self, run_ids: Sequence[UUID]) -> dict[UUID, Ended]:
        return {row["run_id"]: Ended(row["status"], _output_of(row)) for row in await self.runs.ended(run_ids)}

    def _spawn(self, coroutine: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _output_of(row: Row) -> bytes:
    """What join answers for a run that ended before: the thread's state now, or the error."""
    if row["status"] in ("error", "timeout"):
        return b'{"__error__":%b}' % (row["error"].body if row["error"] else b"null")
    values = row["values"].parsed() if row["values"] else {}
    if row["resting_status"] == "interrupted" and isinstance(values, dict):
        asked = [one for of_task in row["interrupts"].parsed().values() for one in of_task]
        if asked:
            values["__interrupt__"] = asked
    return dumps(values)
