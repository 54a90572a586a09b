"""The operations tagged Threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final
from uuid import UUID

from pydantic import MISSING
from starlette.requests import Request

from allograph.access.guard import Access
from allograph.access.policy import stamped
from allograph.encoding import dumps
from allograph.errors import BadRequest, Conflict, Invalid
from allograph.generated import interface, models
from allograph.handlers.extract import Extraction
from allograph.handlers.thread_runs import event_number
from allograph.handlers.fields import address, given, minimal, page, plain, shown
from allograph.replies import EventStream, Json, NoContent
from allograph.runner.following import ThreadStreamMode
from allograph.runner.requests import new_id
from allograph.runner.runner import Runner
from allograph.runner.states import States, not_found
from allograph.store.checkpoints import Checkpoints
from allograph.store.database import Row
from allograph.store.threads import COLUMNS, ThreadFilter
from allograph.store.threads import Threads as Store
from allograph.store.ttl import Ttl


@final
class Threads(interface.Threads):
    def __init__(self, access: Access, threads: Store, checkpoints: Checkpoints, states: States, runner: Runner) -> None:
        self.access = access
        self.threads = threads
        self.checkpoints = checkpoints
        self.states = states
        self.runner = runner

    async def create_thread(self, request: Request, body: models.ThreadCreate) -> Json[models.Thread]:
        thread_id = given(body.thread_id, None) or new_id()
        supersteps = [step.model_dump()["updates"] for step in given(body.supersteps, [])]
        value: dict[str, Any] = {"thread_id": thread_id, "metadata": {**given(body.metadata, {})}, "if_exists": given(body.if_exists, "raise")}
        allowed = await self.access.allow("threads", "create", value)
        row = await self.threads.create(thread_id, stamped(value["metadata"], allowed), _ttl(body.ttl))
        if row is None:
            if body.if_exists != "do_nothing":
                raise Conflict(f"Thread with ID {thread_id} already exists")
            if (row := await self.threads.get(thread_id, allowed)) is None:
                if await self.threads.get(thread_id) is not None:  # somebody else's
                    raise Conflict(f"Thread with ID {thread_id} already exists")
                return await self.create_thread(request, body)  # it was deleted in between
            return _thread(row)
        if supersteps:
            try:
                await self.states.apply_supersteps(thread_id, supersteps)
            except BaseException as error:
                await self.threads.delete([thread_id])
                if isinstance(error, BadRequest):
                    raise Invalid(f"supersteps cannot be applied: {error.detail}") from error
                raise
            row = await self.threads.get(thread_id)
            if row is None:
                raise not_found(thread_id)
        return _thread(row)

    async def get_thread(self, request: Request, thread_id: UUID, *, include: str | None = None) -> Json[models.Thread]:
        return _thread(await self._get(thread_id), included=_included(include))

    async def patch_thread(self, request: Request, thread_id: UUID, body: models.ThreadPatch) -> Json[models.Thread]:
        value: dict[str, Any] = {"thread_id": thread_id, "metadata": {**given(body.metadata, {})}}
        allowed = await self.access.allow("threads", "update", value)
        row = await self.threads.patch(thread_id, stamped(value["metadata"], allowed), _ttl(body.ttl), allowed)
        if row is None:
            raise not_found(thread_id)
        return NoContent() if minimal(request) else _thread(row)  # type: ignore[return-value]

    async def delete_thread(self, request: Request, thread_id: UUID) -> NoContent:
        allowed = await self.access.allow("threads", "delete", {"thread_id": thread_id})
        await self.runner.abandon([thread_id], allowed)
        if not await self.threads.delete([thread_id], allowed):
            raise not_found(thread_id)
        await self.runner.forget([thread_id])
        return NoContent()

    async def search_threads(
        self, request: Request, body: models.ThreadSearchRequest
    ) -> Json[list[models.Thread | models.SelectedThread]]:
        extraction = Extraction.of(given(body.extract, {}))
        where = await self._filter(body, body.limit, body.offset, given(body.ids, None))
        rows = await self.threads.search(
            where, sort_by=given(body.sort_by, "updated_at"), descending=given(body.sort_order, "desc") == "desc",
            limit=body.limit, offset=body.offset,
        )  # fmt: skip
        total = await self.threads.count(where) if len(rows) == body.limit or body.offset else len(rows)
        columns: Sequence[str] = given(body.select, ()) or COLUMNS
        found = [shown(row, columns) for row in rows]
        for thread, row in zip(found, rows, strict=True):
            if extraction.paths:
                thread["extracted"] = extraction.apply(row)
        return Json(dumps(found), headers=page(rows, total=total, limit=body.limit, offset=body.offset))

    async def count_threads(self, request: Request, body: models.ThreadCountRequest) -> Json[int]:
        return Json(dumps(await self.threads.count(await self._filter(body, 0, 0))))

    async def _filter(
        self, body: models.ThreadSearchRequest | models.ThreadCountRequest, limit: int, offset: int,
        ids: Sequence[UUID] | None = None,
    ) -> ThreadFilter:  # fmt: skip
        metadata: dict[str, Any] = given(body.metadata, {})
        values, status = given(body.values, None), given(body.status, None)
        value: dict[str, Any] = {
            "metadata": {**metadata}, "values": values or {}, "status": status, "ids": ids, "limit": limit, "offset": offset,
        }  # fmt: skip
        allowed = await self.access.allow("threads", "search", value)
        return ThreadFilter(value["metadata"], ids, status, values, allowed)

    async def copy_thread(self, request: Request, thread_id: UUID) -> Json[models.Thread]:
        allowed, target = await self.access.allow("threads", "read", {"thread_id": thread_id}), new_id()
        value: dict[str, Any] = {"thread_id": target, "metadata": {}}
        own = await self.access.allow("threads", "create", value)
        row = await self.threads.copy(thread_id, target, stamped(value["metadata"], own), allowed)
        if row is None:
            raise not_found(thread_id)
        return _thread(row)

    async def prune_threads(self, request: Request, body: models.ThreadPruneRequest) -> Json[models.ThreadPruneResponse]:
        thread_ids = list(dict.fromkeys(body.thread_ids))
        allowed = await self.access.allow("threads", "delete", {"thread_ids": thread_ids})
        if body.strategy == "delete":
            await self.runner.abandon(thread_ids, allowed)
            deleted = await self.threads.delete(thread_ids, allowed)
            await self.runner.forget(deleted)
            pruned = len(deleted)
        else:
            known = await self.threads.existing(thread_ids, allowed)
            try:
                await self.checkpoints.keep_latest(known)
            except NotImplementedError as error:
                raise Invalid(f"strategy keep_latest cannot be used on these threads: {error}") from error
            pruned = len(known)
        return Json(dumps({"pruned_count": pruned}))

    async def get_thread_storage(self, request: Request, thread_id: UUID) -> Json[models.ThreadStorage]:
        await self._get(thread_id)
        return Json(dumps(await self.checkpoints.storage(thread_id)))

    async def get_thread_state(
        self, request: Request, thread_id: UUID, *, subgraphs: bool | None = None
    ) -> Json[models.ThreadState]:
        await self.access.thread(thread_id, "read")
        return Json(dumps(await self.states.get(thread_id, subgraphs=bool(subgraphs))))

    async def get_thread_state_at_checkpoint(
        self, request: Request, thread_id: UUID, checkpoint_id: UUID, *, subgraphs: bool | None = None
    ) -> Json[models.ThreadState]:
        await self.access.thread(thread_id, "read")
        checkpoint = {"checkpoint_id": str(checkpoint_id)}
        return Json(dumps(await self.states.get(thread_id, checkpoint, subgraphs=bool(subgraphs))))

    async def get_thread_state_at_checkpoint_config(
        self, request: Request, thread_id: UUID, body: models.ThreadStateCheckpointRequest
    ) -> Json[models.ThreadState]:
        await self.access.thread(thread_id, "read")
        checkpoint = address(body.checkpoint)
        return Json(dumps(await self.states.get(thread_id, checkpoint, subgraphs=given(body.subgraphs, False))))

    async def update_thread_state(
        self, request: Request, thread_id: UUID, body: models.ThreadStateUpdate
    ) -> Json[models.ThreadStateUpdateResponse]:
        await self.access.thread(thread_id, "update")
        checkpoint = address(body.checkpoint, (body.model_extra or {}).get("checkpoint_id"))
        made = await self.states.update(
            thread_id, given(body.values, None), as_node=given(body.as_node, None), checkpoint=checkpoint
        )
        identity = {"thread_id": made["thread_id"], "checkpoint_ns": made["checkpoint_ns"], "checkpoint_id": made["checkpoint_id"]}
        return Json(dumps({"checkpoint": identity, "configurable": identity, "checkpoint_id": identity["checkpoint_id"]}))

    async def get_thread_history(
        self, request: Request, thread_id: UUID, *, limit: int = 10, before: str | None = None
    ) -> Json[list[models.ThreadState]]:
        await self.access.thread(thread_id, "read")
        return Json(dumps(await self.states.history(thread_id, limit=limit, before=before)))

    async def search_thread_history(
        self, request: Request, thread_id: UUID, body: models.ThreadStateSearch
    ) -> Json[list[models.ThreadState]]:
        await self.access.thread(thread_id, "read")
        # The address of a checkpoint, or a whole config with the address in `configurable`, as LangGraph hands them out.
        configurable = plain(body.before, {}).get("configurable")
        beside = configurable.get("checkpoint_id") if isinstance(configurable, dict) else None
        before_id = address(body.before, beside).get("checkpoint_id")
        history = await self.states.history(
            thread_id, limit=body.limit, before=before_id, metadata=given(body.metadata, None), checkpoint=address(body.checkpoint)
        )
        return Json(dumps(history))

    async def join_thread_stream(
        self, request: Request, thread_id: UUID, *, stream_modes: Sequence[ThreadStreamMode] = ("run_modes",),
        stream_mode: Sequence[ThreadStreamMode] | None = None, last_event_id: str | None = None,
    ) -> EventStream[models.StreamEvent]:  # fmt: skip
        await self._get(thread_id)
        after = event_number(last_event_id)
        frames = await self.runner.following.join_thread(thread_id, stream_mode or stream_modes, after)
        return EventStream(self.access.follow(thread_id, frames))

    async def _get(self, thread_id: UUID) -> Row:
        row = await self.threads.get(thread_id, await self.access.allow("threads", "read", {"thread_id": thread_id}))
        if row is None:
            raise not_found(thread_id)
        return row


def _ttl(ttl: Any) -> Ttl | None:
    if ttl is MISSING or ttl is None:
        return None
    return Ttl(ttl.ttl, given(ttl.strategy, "delete"))


def _included(include: str | None) -> set[str]:
    fields = {field.strip() for field in include.split(",")} - {""} if include else set()
    if unknown := fields - {"ttl"}:
        raise Invalid(f"include is {', '.join(sorted(unknown))!r}; expected a comma-separated list of: ttl")
    return fields


def _thread(row: Row, included: set[str] | frozenset[str] = frozenset()) -> Json[models.Thread]:
    thread = shown(row, COLUMNS)
    if "ttl" in included and row["ttl_minutes"] is not None:
        thread["ttl"] = {
            "strategy": row["ttl_strategy"], "ttl_minutes": row["ttl_minutes"], "expires_at": row["expires_at"],
        }  # fmt: skip
    return Json(dumps(thread))
