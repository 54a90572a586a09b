"""A worker: claims runs while it has room, executes them, and writes their ends.

What must be true of it is written in docs/durability.md. In short: a run is executed by the worker that holds its row (same
worker, same attempt); a worker that lost it cancels the graph and writes nothing; a run that was accepted ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from langgraph.store.base import BaseStore
from psycopg_pool import PoolTimeout

from allograph.encoding import dumps
from allograph.runner.events import GONE, Ended, RunStream, Streams
from allograph.runner.execution import Execution, Result, error_shown
from allograph.runner.graphs import Graphs
from allograph.runner.lease import Lease
from allograph.runner.recorder import Recorder
from allograph.runner.thread_log import ThreadLog
from allograph.runner.webhooks import KEEP_FAILED_SECONDS, Webhooks
from allograph.settings import Settings
from allograph.store.checkpoints import Checkpoints
from allograph.store.database import Notifications, Row
from allograph.store.run_events import EventLog, first_number
from allograph.store.runs import CancelAction, ClaimedRun, Outcome, Runs, RunStatus
from allograph.store.saver import RunTakenError, StorageError
from allograph.store.threads import Threads

log = logging.getLogger("allograph.worker")

FINISH_RETRY_SECONDS = 0.5
HAND_BACK_SECONDS = 10.0
"""How long graphs may take to let go when their runs are handed back."""


@dataclass(frozen=True, slots=True)
class TtlSweep:
    """How often threads whose time to live is over are looked for, and how many of them at most are swept then."""

    seconds: float = 0
    limit: int = 100


class Worker:
    """Executes runs in this process's event loop, at most `capacity` at once."""

    def __init__(
        self, worker_id: UUID, capacity: int, *, runs: Runs, threads: Threads, checkpoints: Checkpoints, graphs: Graphs,
        store: BaseStore, streams: Streams, notifications: Notifications, run_events: EventLog, recorder: Recorder,
        thread_log: ThreadLog, webhooks: Webhooks, settings: Settings, described: Mapping[str, Any], ttl_sweep: TtlSweep,
    ) -> None:  # fmt: skip
        self.worker_id = worker_id
        self.capacity = capacity
        self.runs = runs
        self.threads = threads
        self.checkpoints = checkpoints
        self.graphs = graphs
        self.store = store
        self.streams = streams
        self.notifications = notifications
        self.run_events = run_events
        self.recorder = recorder
        self.thread_log = thread_log
        self.webhooks = webhooks
        self.settings = settings
        self.described = described
        self.ttl_sweep = ttl_sweep
        self.finished: Counter[RunStatus] = Counter()
        """Ends that this worker has written since it started, by status."""
        self._executing: dict[UUID, tuple[Execution, asyncio.Task[None]]] = {}
        self._recording: dict[UUID, asyncio.Task[None]] = {}
        self.is_read: Callable[[UUID], bool] = lambda thread_id: False
        """Whether a client of this process reads a thread."""
        self._unseen: set[UUID] = set()
        self._idle: set[UUID] = set()
        self._dropped: set[UUID] = set()
        self._claiming = False
        self._reserved = 0
        self._backlog = False
        self._wake = asyncio.Event()
        self._stopping = False
        self._deadline = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._lease = Lease(
            runs.database.conninfo, worker_id, settings.lease_seconds,
            on_held=lambda held: self._from_thread(self._on_held, held), on_lost=lambda: self._from_thread(self._on_lost),
        )  # fmt: skip

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self.runs.heartbeat(self.worker_id, self.settings.lease_seconds)
        self._lease.start()
        self._tasks = [
            asyncio.create_task(self._claim_forever(), name="claim"),
            asyncio.create_task(self._reclaim_forever(), name="reclaim"),
        ]

    def drain(self, grace_seconds: float) -> None:
        """Take no more runs; those that execute have this long from now, before `stop` hands them back."""
        if not self._stopping:
            self._stopping = True
            self._deadline = self._loop.time() + grace_seconds

    async def drained(self) -> None:
        """Return when nothing executes here any more."""
        while executing := self._execution_tasks():
            await asyncio.wait(executing)

    async def stop(self) -> None:
        """Wait until what drains is done or its time is over, then hand back what is left and give up the lease."""
        self.drain(self.settings.shutdown_grace_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if executing := self._execution_tasks():
            seconds = max(0.0, self._deadline - self._loop.time())
            log.info("waiting up to %.0f s for %d runs", seconds, len(executing))
            await asyncio.wait(executing, timeout=seconds)
        if left := self._execution_tasks():
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=HAND_BACK_SECONDS)
        await asyncio.to_thread(self._lease.stop)
        with contextlib.suppress(psycopg.Error, PoolTimeout):
            await self.runs.forget_worker(self.worker_id)

    def _execution_tasks(self) -> list[asyncio.Task[None]]:
        return [task for _, task in self._executing.values()]

    # -- room -----------------------------------------------------------------------------------------------------------------

    @property
    def active(self) -> int:
        """Runs that execute here."""
        return len(self._executing)

    def executes(self, run_id: UUID) -> bool:
        return run_id in self._executing

    def reserve(self) -> bool:
        """Keep room for a run that is about to be accepted; give it back with `start_run` or `release`.

        False when there is none, or when runs wait in the queue: a new one must not overtake them.
        """
        if self._stopping or self._backlog or self._room() <= 0:
            return False
        self._reserved += 1
        return True

    def release(self) -> None:
        self._reserved -= 1
        self.wake()

    def start_run(self, run: ClaimedRun) -> None:
        """Execute a run that was accepted into room that `reserve` kept."""
        self._reserved -= 1
        self._begin(run)

    def wake(self) -> None:
        """There may be something to claim."""
        self._wake.set()

    def _room(self) -> int:
        return self.capacity - len(self._executing) - self._reserved

    async def _claim_forever(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                if (room := self._room()) > 0:
                    self._claiming = True
                    claimed = await self.runs.claim(self.worker_id, self.graphs.ids, room)
                    self._backlog = len(claimed) == room
                    for run in claimed:
                        self._begin(run)
                    if claimed and self._room() > 0:
                        continue
                else:
                    self._backlog = True
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("claiming again after: %s", str(error).strip())
            except Exception:
                log.exception("claiming again")
            finally:
                self._claiming = False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.settings.poll_seconds):
                    await self._wake.wait()

    async def _reclaim_forever(self) -> None:
        next_ttl_sweep = 0.0
        while True:
            try:
                dropped, self._dropped = self._dropped - self._executing.keys(), set()
                for row in await self.runs.reclaim(self.settings.job_max_retries, self.worker_id, list(dropped)):
                    log.warning("run %s lost its worker in attempt %d; it is %s now", row["run_id"], row["attempt"], row["status"])
                    if row["status"] == "error":
                        await self.thread_log.end_lost(row["thread_id"])
                await self.runs.sweep()
                if self._loop.time() >= next_ttl_sweep:
                    await self.threads.sweep(self.ttl_sweep.limit)
                    next_ttl_sweep = self._loop.time() + self.ttl_sweep.seconds
                await self.run_events.sweep(self.settings.event_retention_seconds)
                await self.webhooks.outbox.sweep(KEEP_FAILED_SECONDS)
                if self.settings.run_retention_seconds is not None:
                    await self.runs.sweep_ended(self.settings.run_retention_seconds)
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("looking for lost runs again after: %s", str(error).strip())
            except Exception:
                log.exception("looking for lost runs again")
            await asyncio.sleep(self.settings.lease_seconds / 2)

    # -- execution ------------------------------------------------------------------------------------------------------------

    def _begin(self, run: ClaimedRun) -> None:
        stream = self.streams.open(run.run_id, run.thread_id)
        stream.with_ids = run.resumable
        execution = Execution(
            run, stream, graphs=self.graphs, checkpoints=self.checkpoints, store=self.store,
            timeout=self.settings.job_timeout_seconds, described=self.described,
        )  # fmt: skip
        lost = None
        if earlier := self._executing.get(run.run_id):
            # This worker lost the run and has claimed it again before it noticed.
            lost_execution, lost = earlier
            if not lost_execution.settling:
                lost.cancel()
        task = asyncio.create_task(self._execute(execution, lost), name=f"run-{run.run_id}")
        self._executing[run.run_id] = (execution, task)

    async def _execute(self, execution: Execution, lost: asyncio.Task[None] | None) -> None:
        run, stream = execution.run, execution.stream
        more = True
        try:
            if lost:
                await asyncio.wait([lost])
            # What an earlier attempt began to write down here does not know what others have written since.
            stream.record = stream.throttle = stream.flush = None
            if run.recorded or self.is_read(run.thread_id):
                await self._go_on_recording(run, stream)
            else:
                stream.skip_to(first_number(run.attempt))
            result = await execution.execute()
            left = await self._write_end(run, stream, result)
            if left is None and (action := await self.runs.asked_to_end(run)):
                result = await execution.end_as_asked(action)
                left = await self._write_end(run, stream, result)
            if left is not None:
                self.finished[result.outcome.status] += 1
                self.streams.end(run.run_id, Ended(result.outcome.status, result.output))
                self.notifications.send("ended", run.run_id)
                if run.kwargs["webhook"]:
                    self.webhooks.wake()
                more = left > 0
            else:
                await self._taken_away(run)
        except asyncio.CancelledError:
            if not self._stopping:
                await self._give_back(run)  # the lease ran out; if nobody has taken the run meanwhile, nobody else knows of it
            elif await self._hand_back(run):
                log.info("run %s was handed back to the queue", run.run_id)
        except RunTakenError:
            await self._taken_away(run)
        except (StorageError, psycopg.OperationalError, PoolTimeout) as error:
            log.warning("run %s goes back to the queue, the database was away: %s", run.run_id, error)
            await self._give_back(run)
        except Exception:
            # The next look at what this worker holds finds a run that it does not execute, and counts that as a death.
            log.exception("run %s cannot be executed here", run.run_id)
        finally:
            if (entry := self._executing.get(run.run_id)) and entry[0] is execution:
                del self._executing[run.run_id]
            self.streams.leave(run.run_id, executing=self._executing)
            # Nothing waits for this run's room or its thread: nothing to look for.
            if more or self._backlog:
                self.wake()
            if more and self._stopping:
                self.notifications.send("queue")

    async def _go_on_recording(self, run: ClaimedRun, stream: RunStream) -> None:
        """Write this run's events down, behind those of its earlier attempts, which readers here are shown first."""
        while rows := await self.run_events.of_run(run.run_id, stream.position - 1):
            for row in rows:
                stream.feed(row["seq"], row["name"], row["data"])
        stream.skip_to(first_number(run.attempt))
        await self.thread_log.begin(stream)

    def record(self, subject: UUID) -> None:
        """Write down from now on what a run, or the run of a thread, streams, if it executes here."""
        for execution, _ in self._executing.values():
            run_id, stream = execution.run.run_id, execution.stream
            if subject in (run_id, execution.run.thread_id) and not stream.record and run_id not in self._recording:
                self._recording[run_id] = asyncio.create_task(self._begin_recording(run_id, stream))

    async def _begin_recording(self, run_id: UUID, stream: RunStream) -> None:
        try:
            await self.thread_log.begin(stream)
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("run %s is not written down yet: %s", run_id, str(error).strip())
        finally:
            del self._recording[run_id]

    async def _write_end(self, run: ClaimedRun, stream: RunStream, result: Result) -> int | None:
        """Write the end, however long the database is away: whether it still counts, the lease decides.

        The number of runs of its thread that are still active; None when it did not count.
        """
        write = self.runs.finish_rolled_back if result.rolled_back else self.runs.finish
        outcome = result.outcome
        unsure = False
        while True:
            if stream.flush:
                await stream.flush()
            ended = Ended(outcome.status, result.output)
            end = self.thread_log.end_of(stream, ended, outcome.thread_status, result.asked)
            try:
                # Of a run that goes with its end, nothing else would tell its output if this process died now.
                within = self.run_events.within_the_end or run.kwargs["temporary"]
                left = await write(run, outcome, end if within else None)
                if left is None and unsure and await self._has_ended(run, outcome):
                    left = 1  # it counted, though the answer was lost; others may be waiting
                if left is not None:
                    # Or somebody asked for its events only now.
                    end = end or self.thread_log.end_of(stream, ended, outcome.thread_status, result.asked)
                    if end:
                        await self.thread_log.told(end)
                return left
            except (psycopg.OperationalError, PoolTimeout) as error:
                log.warning("writing the end of run %s again after: %s", run.run_id, str(error).strip())
                unsure = True
                await asyncio.sleep(FINISH_RETRY_SECONDS)
            except psycopg.Error as error:
                if outcome.status == "error" and outcome.values is None:
                    raise
                log.exception("the end of run %s cannot be stored", run.run_id)
                outcome = Outcome("error", "error", error=dumps(error_shown(error)))

    async def _has_ended(self, run: ClaimedRun, outcome: Outcome) -> bool:
        """Whether the end of a run was written by a statement whose answer was lost."""
        row = await self.runs.end_of(run.run_id)
        if row is None:  # it went with its temporary thread, or was rolled back
            return bool(run.kwargs["temporary"]) or outcome.status == "interrupted"
        return (row["status"], row["attempt"]) == (outcome.status, run.attempt)

    async def _give_back(self, run: ClaimedRun) -> None:
        while not await self._hand_back(run):  # noqa: ASYNC110 - the database tells nobody that it is back
            await asyncio.sleep(FINISH_RETRY_SECONDS)

    async def _taken_away(self, run: ClaimedRun) -> None:
        """The end of a run did not count: another worker has the run, or it was deleted together with its thread."""
        with contextlib.suppress(psycopg.Error, PoolTimeout):
            if await self.runs.get(run.thread_id, run.run_id) is None:
                await self.checkpoints.delete_of_deleted(run.thread_id)
                self.streams.end(run.run_id, GONE)
                return
        log.warning("run %s was taken away from this worker; its end was not written", run.run_id)

    async def _hand_back(self, run: ClaimedRun) -> bool:
        """Give a run back; True when it is not held any more, whoever has it now."""
        try:
            await asyncio.shield(self.runs.hand_back(run))
        except (psycopg.Error, PoolTimeout):
            return False  # if the process ends, the lease runs out instead
        return True

    def cancel(self, run_id: UUID, action: CancelAction) -> None:
        """Ask a run that executes here to end; unknown ids are another worker's."""
        if entry := self._executing.get(run_id):
            execution, task = entry
            if execution.cancel_action is None and not execution.settling:
                execution.cancel_action = action
                task.cancel()

    # -- what the lease tells -------------------------------------------------------------------------------------------------

    def _from_thread(self, callback: object, *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending
            self._loop.call_soon_threadsafe(callback, *arguments)  # type: ignore[arg-type]

    def _on_held(self, held: list[Row]) -> None:
        rows = {(row["run_id"], row["attempt"]): row for row in held}
        unseen = set()
        for run_id, (execution, task) in list(self._executing.items()):
            row = rows.get((run_id, execution.run.attempt))
            if row is None:
                # Once may be a run that began or ended while the lease looked; twice, it was taken away.
                unseen.add(run_id)
                if run_id in self._unseen and not execution.settling:
                    log.error("run %s was taken away from this worker", run_id)
                    task.cancel()
            elif row["cancel_action"]:
                self.cancel(run_id, row["cancel_action"])
            elif row["followed"]:
                self.record(run_id)
        self._unseen = unseen
        # The other way round: a run that this worker holds and does not execute. The answer to a claim was lost, or its execution
        # failed in a way that nobody thought of.
        idle = {row["run_id"] for row in held} - self._executing.keys()
        if self._claiming or self._reserved:
            idle = set()
        self._dropped |= idle & self._idle
        self._idle = idle

    def _on_lost(self) -> None:
        log.error("the lease of this worker ran out; its runs are left to others")
        for execution, task in self._executing.values():
            if not execution.settling:
                task.cancel()
