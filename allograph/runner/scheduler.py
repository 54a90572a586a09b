"""The scheduler: turns the ticks of crons into runs on the queue. Any number of processes may run one.

A tick that was missed while no process ran fires once, late; the next one is the first after that. See docs/crons.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import psycopg
from psycopg_pool import PoolTimeout

from allograph.access.users import User, current_user
from allograph.errors import ApiError, Forbidden
from allograph.runner.requests import RunRequest
from allograph.runner.runner import Runner
from allograph.runner.schedule import Schedule, next_run
from allograph.store.crons import Crons
from allograph.store.database import Connection, Row
from allograph.store.runs import NewRun

log = logging.getLogger("allograph.scheduler")

RequestOf = Callable[[Mapping[str, Any], bool], RunRequest]
"""The run that the payload of a cron asks for; the flag says whether the cron has a thread. Raises `ApiError`."""


class Scheduler:
    """`tick` is all that happens at a time; the rest is waiting for it, by the clock of the database."""

    def __init__(self, crons: Crons, runner: Runner, request_of: RequestOf, poll_seconds: float) -> None:
        self.crons = crons
        self.runner = runner
        self.request_of = request_of
        self.poll_seconds = poll_seconds
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._tick_forever(), name="scheduler")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def wake(self) -> None:
        """A cron was made or changed: its tick may come before all others."""
        self._wake.set()

    async def _tick_forever(self) -> None:
        while True:
            self._wake.clear()
            seconds = self.poll_seconds
            try:
                now, due = await self.crons.clock()
                if due is not None and due <= now:
                    if await self.tick(now):
                        continue
                elif due is not None:
                    seconds = min(seconds, (due - now).total_seconds())
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("looking for due crons again after: %s", str(error).strip())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._wake.wait()

    async def tick(self, now: datetime) -> int:
        """Fire every cron that is due at `now`; answer how many ticks were taken here."""
        taken = 0
        while due := await self.crons.due(now):
            fired = [await self._fire(cron, now) for cron in due]
            taken += sum(fired)
            if not any(fired):
                break
        return taken

    async def _fire(self, cron: Row, now: datetime) -> bool:
        """Take a tick; False when another process did, or when the cron was changed."""
        run = await self._run_of(cron, now)

        async def accept(connection: Connection) -> tuple[Row | None, list[Row]]:
            return await self.runner.runs.create_within(connection, run) if run else (None, [])

        fired = await self.crons.fire(cron, now, self._next(cron, now), accept)
        if fired is None:
            return False
        row, others = fired
        if run and row is not None:
            self.runner.accepted_within(run, others)
        elif run:
            log.info("cron %s skips its tick of %s: its thread is busy", cron["cron_id"], cron["next_run_date"])
        return True

    async def _stop(self, cron: Row, reason: str) -> None:
        """The user may not do this any more: no further ticks, until somebody enables the cron again."""
        log.warning("cron %s of %r is disabled: %s", cron["cron_id"], cron["user_id"], reason)
        await self.crons.stop(cron["cron_id"], reason)

    def _next(self, cron: Row, now: datetime) -> datetime | None:
        try:
            schedule = Schedule.parse(cron["schedule"], cron["timezone"])
        except ApiError as error:  # a time zone that this machine does not know
            log.warning("cron %s has no further ticks: %s", cron["cron_id"], error)
            return None
        # Not before the tick that is taken, wherever the clock stands now.
        return next_run(schedule, max(now, cron["next_run_date"]), cron["end_time"])

    async def _run_of(self, cron: Row, now: datetime) -> NewRun | None:
        """The run of a tick; None when there is to be none. What cannot be run must not keep the others from it."""
        if cron["end_time"] is not None and cron["end_time"] < now:
            return None
        # Each tick is a request of the user who made the cron.
        current_user.set(User(cron["auth_user"].parsed()) if cron["auth_user"] else None)
        try:
            request = self.request_of(cron["payload"].parsed(), cron["thread_id"] is not None)
            run = await self.runner.prepared(request, cron["assistant_id"], cron["thread_id"])
            if run is None and self.runner.access.policy:
                raise Forbidden("The user who made this cron has no such assistant or thread any more.")
            return run  # without: deleted, and the cron with it
        except ApiError as refused:
            if refused.status in (401, 403, 404):
                await self._stop(cron, refused.detail)
                return None
            log.warning("cron %s skips its tick of %s: %s", cron["cron_id"], cron["next_run_date"], refused)
            return None
        except (psycopg.Error, PoolTimeout):
            raise
        except Exception as error:  # noqa: BLE001 - one bad payload must not stop the clock
            log.warning("cron %s skips its tick of %s: %s", cron["cron_id"], cron["next_run_date"], error)
            return None
