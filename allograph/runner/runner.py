"""What handlers ask for: accept runs, and end them. `Following` is how they follow them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import PoolTimeout
from uuid_utils.compat import uuid4

from allograph.access.guard import Access, Grant
from allograph.errors import Conflict, Invalid, NotFound
from allograph.runner.events import Ended, Streams
from allograph.runner.following import Follow, Following, Joined
from allograph.runner.recorder import Recorder
from allograph.runner.requests import RunRequest, build_run, new_id
from allograph.runner.webhooks import Webhooks
from allograph.runner.worker import Worker
from allograph.store.assistants import default_assistant_id
from allograph.store.checkpoints import Checkpoints
from allograph.store.database import Allowed, Notifications, Row
from allograph.store.runs import CancelAction, ClaimedRun, NewRun, Runs, RunStatus
from allograph.store.ttl import Ttl

log = logging.getLogger("allograph.runner")

DRAIN_POLL_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class AcceptedRun:
    """A run that is stored: it will end, whatever happens to this process."""

    row: Row
    joined: Joined | None = None
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
        self, process_id: UUID, runs: Runs, checkpoints: Checkpoints, streams: Streams, notifications: Notifications,
        recorder: Recorder, following: Following, worker: Worker | None, webhooks: Webhooks, *, graph_ids: Sequence[str],
        access: Access, thread_ttl: Ttl | None = None,
    ) -> None:  # fmt: skip
        self.process_id = process_id
        self.runs = runs
        self.checkpoints = checkpoints
        self.streams = streams
        self.notifications = notifications
        self.recorder = recorder
        self.following = following
        self.worker = worker
        self.webhooks = webhooks
        self.thread_ttl = thread_ttl
        self.access = access
        self.graph_ids = graph_ids
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self.notifications.on("cancel", self._on_cancel)
        self.notifications.on("follow", self._on_follow)
        self.notifications.on("queue", lambda _: self.worker.wake() if self.worker else None)
        self.following.start()
        self.notifications.start()
        self.recorder.start()
        if self.worker:
            await self.worker.start()
            self.webhooks.start()

    def drain(self, grace_seconds: float) -> None:
        """The process will stop: take no more runs, and let those that execute go on for at most this long."""
        if self.worker:
            self.worker.drain(grace_seconds)

    async def drained(self) -> None:
        """Return when nothing executes here any more, and nobody here waits for a run that goes on elsewhere."""
        if self.worker:
            await self.worker.drained()
        while waiting := self.streams.waiting:
            with contextlib.suppress(psycopg.Error, PoolTimeout):
                if not await self.runs.go_on_elsewhere(waiting, self.process_id):
                    return
            await asyncio.sleep(DRAIN_POLL_SECONDS)

    async def stop(self) -> None:
        """Wait for what drains, hand back the rest."""
        if self.worker:
            await self.worker.stop()
        await self.webhooks.stop()
        await self.following.stop()
        await self.recorder.stop()
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
        assistant_id, run_id = self.assistant_id(request.assistant_id), new_id()
        request, grant = await self.access.run(request, run_id, assistant_id, thread_id)
        found = await self._found(assistant_id, thread_id, grant)
        known = found and found["thread_metadata"]
        if found is None or (thread_id and known is None and not request.create_thread):
            raise NotFound("Thread or assistant not found.")
        start = {**request.config.get("configurable", {}), **request.checkpoint}
        checkpoint_id, namespace = start.get("checkpoint_id"), str(start.get("checkpoint_ns", ""))
        if thread_id and checkpoint_id and not await self.checkpoints.exists(thread_id, str(checkpoint_id), namespace):
            raise NotFound(f"Checkpoint {str(checkpoint_id)[:100]} not found in thread {thread_id}; checkpoint_id must name one")
        if request.webhook is not None:
            await self.webhooks.policy.admit(request.webhook)
        run = build_run(
            request, found, thread_id, known, uuid4(), self.thread_ttl, run_id=run_id, user=grant.user, allowed=grant.threads
        )
        resumable = request.stream_resumable
        reader = self.following.begin(run.run_id, run.thread_id, follow, resumable=resumable) if follow else None
        # Another process that executes the run writes its events down for us. Of the end, a thread that stays tells enough.
        follower = self.process_id if follow == "events" or (follow and run.temporary) else None
        only_if_idle = request.multitask_strategy == "reject"
        reserved = self.worker is not None and self.worker.reserve()
        row: Row | None = None
        others: list[Row] = []
        worker_id = self.worker.worker_id if self.worker and reserved else None
        try:
            if request.multitask_strategy in ("interrupt", "rollback"):
                row, others = await self.runs.create_instead(run, follower=follower, worker_id=worker_id)
            else:
                row = await self.runs.create(run, only_if_idle=only_if_idle, follower=follower, worker_id=worker_id)
        finally:
            starts = row is not None and row["status"] == "running"
            if self.worker and reserved and not starts:
                self.worker.release()
            if row is None and reader:
                self.following.leave(reader)
        if row is None:
            if only_if_idle and known is not None:
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
            self._queued(request.after_seconds)
        if others:
            self._cancelled(others, run.cancel_action)
        return AcceptedRun(row, Joined(run.run_id, run.thread_id, reader) if reader else None)

    def accepted_within(self, run: NewRun, others: list[Row]) -> None:
        """A run was accepted in a transaction of somebody else, and `others` were asked to end for it; both are committed."""
        self._queued(run.after_seconds)
        if others:
            self._cancelled(others, run.cancel_action)

    async def accept_batch(self, requests: Sequence[RunRequest]) -> list[Row]:
        """Store several stateless runs, all or none."""
        runs, request_id = [], uuid4()
        for request in requests:
            assistant_id, run_id = self.assistant_id(request.assistant_id), new_id()
            request, grant = await self.access.run(request, run_id, assistant_id, None)
            found = await self._found(assistant_id, None, grant)
            if found is None:
                raise NotFound("Thread or assistant not found.")
            if request.webhook is not None:
                await self.webhooks.policy.admit(request.webhook)
            runs.append(build_run(request, found, None, None, request_id, self.thread_ttl, run_id=run_id, user=grant.user))
        rows = await self.runs.create_all(runs)
        self._queued()
        return rows

    async def found(self, assistant_id: UUID, thread_id: UUID | None) -> Row | None:
        """What a run of the current user would be made from, as `Runs.assistant_and_thread` answers it."""
        _, grant = await self.access.run(RunRequest(str(assistant_id)), new_id(), assistant_id, thread_id)
        return await self._found(assistant_id, thread_id, grant)

    async def prepared(self, request: RunRequest, assistant_id: UUID, thread_id: UUID | None) -> NewRun | None:
        """The run of the current user, for a transaction of somebody else; None if its assistant or thread is not there."""
        run_id = new_id()
        request, grant = await self.access.run(request, run_id, assistant_id, thread_id)
        found = await self._found(assistant_id, thread_id, grant)
        if found is None or (thread_id and found["thread_metadata"] is None):
            return None
        return build_run(
            request, found, thread_id, found["thread_metadata"], uuid4(), self.thread_ttl, run_id=run_id, user=grant.user,
            allowed=grant.threads,
        )  # fmt: skip

    async def _found(self, assistant_id: UUID, thread_id: UUID | None, grant: Grant) -> Row | None:
        return await self.runs.assistant_and_thread(
            assistant_id, thread_id, assistants=grant.assistants, shared=list(self.access.shared), threads=grant.threads
        )

    def _queued(self, after_seconds: float = 0) -> None:
        """Runs wait for a worker: tell this one at once, and those of other processes; of a delayed one, when it is due."""
        if after_seconds:
            asyncio.get_running_loop().call_later(after_seconds, self._queued)
            return
        if self.worker:
            self.worker.wake()
        self.notifications.send("queue")

    # -- end ------------------------------------------------------------------------------------------------------------------

    async def cancel(self, thread_id: UUID, run_ids: Sequence[UUID], action: CancelAction) -> list[Row]:
        """Ask runs to end; answer those that were active. Their ends come later, unless they had not started."""
        return self._cancelled(await self.runs.cancel(thread_id, run_ids, action), action)

    async def cancel_by_status(self, statuses: Sequence[RunStatus], action: CancelAction, allowed: Allowed) -> list[Row]:
        return self._cancelled(await self.runs.cancel_by_status(statuses, action, allowed), action)

    async def cancel_by_metadata(self, metadata: Mapping[str, Any], allowed: Allowed) -> list[Row]:
        return self._cancelled(await self.runs.cancel_by_metadata(metadata, "interrupt", allowed), "interrupt")

    async def abandon(self, thread_ids: Sequence[UUID], allowed: Allowed) -> None:
        """The threads are about to be deleted, those that are allowed: their runs end, whoever waits for them is told so."""
        for row in await self.runs.cancel_of_threads(thread_ids, allowed):
            self._cancelled([row], "interrupt")

    async def forget(self, thread_ids: Sequence[UUID]) -> None:
        """The threads were deleted: so is what their runs streamed."""
        if thread_ids:
            await self.following.events.delete_of_threads(thread_ids)

    def _cancelled(self, rows: list[Row], action: CancelAction) -> list[Row]:
        for row in rows:
            if row["status"] == "running" and self.worker:
                self.worker.cancel(row["run_id"], action)
            elif row["status"] == "pending" and self.worker:
                self.worker.wake()  # it ran before: whoever claims it carries the cancel out
            elif row["status"] == "interrupted":
                self.streams.end(row["run_id"], Ended("interrupted", b"{}"))
        return rows

    # -- what other processes tell --------------------------------------------------------------------------------------------

    def _on_cancel(self, run_id: str) -> None:
        # The action is on the row; the lease's next look would find it too, only later.
        if self.worker and self.worker.executes(UUID(run_id)):
            self._spawn(self._cancel_as_asked(UUID(run_id)))

    async def _cancel_as_asked(self, run_id: UUID) -> None:
        action = await self.runs.cancel_action(run_id)
        if action and self.worker:
            self.worker.cancel(run_id, action)

    def _on_follow(self, subject: str) -> None:
        if self.worker:
            self.worker.record(UUID(subject))

    def _spawn(self, coroutine: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
