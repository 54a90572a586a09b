"""The operations tagged Crons: runs at times of a schedule, each on a thread of its own or all on one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, final
from uuid import UUID

from starlette.requests import Request

from allograph.access.guard import Access
from allograph.access.policy import stamped
from allograph.access.users import current_user
from allograph.encoding import dumps
from allograph.errors import BadRequest, Conflict, Invalid, NotFound
from allograph.generated import interface, models
from allograph.handlers.fields import encoded, given, page, shown
from allograph.handlers.run_requests import cron_request
from allograph.replies import Json, NoContent
from allograph.runner.requests import new_id
from allograph.runner.runner import Runner
from allograph.runner.schedule import Schedule, next_run
from allograph.runner.scheduler import Scheduler
from allograph.store.crons import COLUMNS, CronFilter
from allograph.store.crons import Crons as Store
from allograph.store.database import Row
from allograph.validation import parsed

FIXED = ("cron_id", "assistant_id", "thread_id")
"""What a cron was made with and stays."""


@final
class Crons(interface.Crons):
    def __init__(self, access: Access, crons: Store, scheduler: Scheduler, runner: Runner) -> None:
        self.access = access
        self.crons = crons
        self.scheduler = scheduler
        self.runner = runner

    async def create_cron(self, request: Request, body: models.CronCreate) -> Json[models.Cron]:
        return await self._create(body, parsed(await request.body()), None, body.on_run_completed)

    async def create_thread_cron(self, request: Request, thread_id: UUID, body: models.ThreadCronCreate) -> Json[models.Cron]:
        payload = parsed(await request.body())
        _refuse_on_thread(payload)
        return await self._create(body, payload, thread_id, None)

    async def _create(
        self, body: models.CronCreate | models.ThreadCronCreate, sent: dict[str, Any], thread_id: UUID | None, on_run_completed: str | None
    ) -> Json[models.Cron]:
        cron_id = new_id()
        schedule, timezone, end_time = body.schedule, given(body.timezone, None), given(body.end_time, None)
        times = Schedule.parse(schedule, timezone)
        assistant_id = await self._assistant(str(body.assistant_id), thread_id)
        user = current_user.get()
        value: dict[str, Any] = {
            "cron_id": cron_id, "thread_id": thread_id, "schedule": schedule, "end_time": end_time, "payload": sent,
            "user_id": user.identity if user else None, "metadata": {**given(body.metadata, {})},
        }  # fmt: skip
        metadata = stamped(value["metadata"], await self.access.allow("crons", "create", value))
        payload = _payload({**sent, **({"metadata": metadata} if metadata else {}), "assistant_id": str(assistant_id)}, cron_id)
        await self._check_runs(payload, thread_id)
        now, _ = await self.crons.clock()
        _refuse_never(times, now, schedule)
        row = await self.crons.create({
            "cron_id": cron_id, "assistant_id": assistant_id, "thread_id": thread_id, "on_run_completed": on_run_completed,
            "end_time": end_time, "schedule": schedule, "timezone": timezone, "payload": payload,
            "metadata": metadata, "enabled": body.enabled, "next_run_date": next_run(times, now, end_time),
            "user_id": user.identity if user else "", "auth_user": user.lasting() if user else None,
        })  # fmt: skip
        if row is None:
            raise NotFound("Thread or assistant not found.")
        self.scheduler.wake()
        return Json(dumps(shown(row, COLUMNS)))

    async def search_crons(self, request: Request, body: models.CronSearch) -> Json[list[models.Cron | models.SelectedCron]]:
        where = await self._filter(body, body.limit, body.offset, given(body.enabled, None))
        rows = await self.crons.search(
            where, sort_by=body.sort_by, descending=body.sort_order == "desc", limit=body.limit, offset=body.offset
        )
        total = await self.crons.count(where) if len(rows) == body.limit or body.offset else len(rows)
        columns = given(body.select, None) or COLUMNS
        return Json(encoded(rows, columns), headers=page(rows, total=total, limit=body.limit, offset=body.offset))

    async def count_crons(self, request: Request, body: models.CronCountRequest) -> Json[int]:
        return Json(dumps(await self.crons.count(await self._filter(body, 0, 0))))

    async def _filter(
        self, body: models.CronSearch | models.CronCountRequest, limit: int, offset: int, enabled: bool | None = None
    ) -> CronFilter:
        metadata: dict[str, Any] = given(body.metadata, {})
        assistant_id, thread_id = given(body.assistant_id, None), given(body.thread_id, None)
        value: dict[str, Any] = {
            "assistant_id": assistant_id, "thread_id": thread_id, "metadata": {**metadata}, "limit": limit, "offset": offset,
        }  # fmt: skip
        allowed = await self.access.allow("crons", "search", value)
        return CronFilter(value["metadata"], assistant_id, thread_id, enabled, allowed)

    async def get_cron(self, request: Request, cron_id: UUID) -> Json[models.Cron]:
        row = await self.crons.get(cron_id, await self.access.allow("crons", "read", {"cron_id": cron_id}))
        if row is None:
            raise _not_found(cron_id)
        return Json(dumps(shown(row, COLUMNS)))

    async def delete_cron(self, request: Request, cron_id: UUID) -> NoContent:
        if not await self.crons.delete(cron_id, await self.access.allow("crons", "delete", {"cron_id": cron_id})):
            raise _not_found(cron_id)
        return NoContent()

    async def patch_cron(self, request: Request, cron_id: UUID, body: models.CronPatch) -> Json[models.Cron]:
        sent: dict[str, Any] = parsed(await request.body())
        if not sent:
            raise Invalid("the request body names nothing to change")
        if fixed := [name for name in FIXED if name in sent]:
            raise Invalid(f"{fixed[0]} of a cron cannot be changed; make another cron")
        value: dict[str, Any] = {
            "cron_id": cron_id, "schedule": sent.get("schedule"), "payload": sent, "metadata": {**given(body.metadata, {})},
        }  # fmt: skip
        allowed = await self.access.allow("crons", "update", value)
        if metadata := stamped(value["metadata"], allowed):
            sent = {**sent, "metadata": metadata}
        if "webhook" in sent:
            await self.runner.webhooks.policy.admit(sent["webhook"])

        def change(row: Row, now: datetime) -> Mapping[str, Any]:
            return _changed(row, now, sent, body)

        row = await self.crons.update(cron_id, change, allowed)
        if row is None:
            raise _not_found(cron_id)
        self.scheduler.wake()
        return Json(dumps(shown(row, COLUMNS)))

    async def _assistant(self, named: str, thread_id: UUID | None) -> UUID:
        try:
            assistant_id = self.runner.assistant_id(named)
        except Invalid:
            raise NotFound(f"Assistant {named[:200]!r} not found") from None
        found = await self.runner.found(assistant_id, thread_id)
        if found is None:
            raise NotFound(f"Assistant {named[:200]!r} not found")
        if thread_id and found["thread_metadata"] is None:
            raise NotFound(f"Thread with ID {thread_id} not found")
        return assistant_id

    async def _check_runs(self, payload: Mapping[str, Any], thread_id: UUID | None) -> None:
        """Raise `ApiError` for runs that would be refused, now rather than at each tick."""
        request = cron_request(payload, thread_id is not None)
        if request.webhook is not None:
            await self.runner.webhooks.policy.admit(request.webhook)


def _payload(sent: Mapping[str, Any], cron_id: UUID) -> dict[str, Any]:
    """What was sent, with the cron's id where graphs find it."""
    if isinstance(sent.get("end_time"), int | float):
        raise Invalid(f"end_time is {sent['end_time']!r}; expected a date and time such as 2030-01-01T00:00:00Z")
    config = sent.get("config", {})
    return {**sent, "config": {**config, "configurable": {**config.get("configurable", {}), "cron_id": str(cron_id)}}}


def _changed(row: Row, now: datetime, sent: Mapping[str, Any], body: models.CronPatch) -> dict[str, Any]:
    """The columns that a patch changes, for a cron that is locked."""
    on_thread = row["thread_id"] is not None
    if on_thread and "on_run_completed" in sent:
        raise Conflict("on_run_completed is given, but this cron runs on a thread that stays; leave it out")
    changes = {name: getattr(body, name) for name in ("schedule", "timezone", "end_time", "enabled", "on_run_completed") if name in sent}
    metadata = {**row["metadata"], **(sent.get("metadata") or {})}
    payload = _payload({**row["payload"].parsed(), **sent, **({"metadata": metadata} if "metadata" in sent else {})}, row["cron_id"])
    try:
        cron_request(payload, on_thread)
    except BadRequest as error:
        if {"context", "config"} <= sent.keys():
            raise
        raise Conflict(f"{error.detail} The cron has the other one; empty it in the same request, or leave this one out.") from None
    cron = {**row, **changes}
    times = Schedule.parse(cron["schedule"], cron["timezone"])
    if "schedule" in sent:
        _refuse_never(times, now, cron["schedule"])
    if {"schedule", "timezone", "end_time"} & sent.keys() or (cron["enabled"] and not row["enabled"]):
        # What came due while it was disabled is not made up for, nor is a tick taken twice when the clock was set back.
        changes["next_run_date"] = next_run(times, max(now, row["last_run_date"] or now), cron["end_time"])
    return {**changes, "metadata": metadata, "payload": payload}


def _refuse_on_thread(sent: Mapping[str, Any]) -> None:
    if "on_run_completed" in sent:
        raise Invalid("on_run_completed is given, but this cron runs on a thread that stays; leave it out")


def _refuse_never(times: Schedule, now: datetime, schedule: str) -> None:
    if times.after(now) is None:
        raise Invalid(f"schedule is {schedule[:100]!r}, which never comes")


def _not_found(cron_id: UUID) -> NotFound:
    return NotFound(f"Cron {cron_id} not found")
