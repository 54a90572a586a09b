"""The operations tagged Thread Runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Literal, final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from allograph.access.guard import Access
from allograph.encoding import dumps
from allograph.errors import Conflict, Invalid, NotFound
from allograph.generated import interface, models
from allograph.handlers.fields import encoded, given, shown
from allograph.handlers.run_requests import run_request
from allograph.replies import Accepted, EventStream, Json, LateJson, NoContent
from allograph.runner.following import Joined
from allograph.runner.runner import AcceptedRun, Runner
from allograph.runner.states import not_found
from allograph.store.database import Row
from allograph.store.runs import COLUMNS, RunStatus, Runs
from allograph.store.threads import Threads

StreamMode = Literal["values", "messages", "messages-tuple", "tasks", "checkpoints", "updates", "events", "debug", "custom"]

_NOTHING_TO_CANCEL = "No runs found to cancel."
_ENDED = (
    "No matching runs to cancel. Please verify the thread ID and run IDs are correct, and the runs haven't been deleted or completed."
)


@final
class ThreadRuns(interface.ThreadRuns):
    def __init__(self, access: Access, runs: Runs, threads: Threads, runner: Runner) -> None:
        self.access = access
        self.runs = runs
        self.threads = threads
        self.runner = runner

    async def create_run(
        self, request: Request, thread_id: UUID, body: models.RunCreateStateful
    ) -> Json[models.Run]:
        run = await self.runner.accept(run_request(body), thread_id)
        return Json(run_json(run.row), headers={"content-location": run_path(run.thread_id, run.run_id)})

    async def stream_run(
        self, request: Request, thread_id: UUID, body: models.RunCreateStreamingStateful
    ) -> EventStream[models.StreamEvent]:
        run = await self.runner.accept(run_request(body), thread_id, follow="events")
        path = run_path(run.thread_id, run.run_id)
        return EventStream(
            self.runner.following.frames(followed(run)),
            {"location": f"{path}/stream", "content-location": path},
            cancel_of(self.runner, run, body.on_disconnect),
        )

    async def wait_run(
        self, request: Request, thread_id: UUID, body: models.RunCreateStreamingStateful
    ) -> Json[Any]:
        run = await self.runner.accept(run_request(body), thread_id, follow="end")
        path = run_path(run.thread_id, run.run_id)
        return LateJson(
            self.runner.following.output(followed(run)),
            {"location": f"{path}/join", "content-location": path},
            cancel_of(self.runner, run, body.on_disconnect),
        )

    async def list_runs(
        self, request: Request, thread_id: UUID, *, limit: int = 10, offset: int = 0, status: RunStatus | None = None,
        select: Sequence[Any] | None = None,
    ) -> Json[list[models.Run | models.SelectedRun]]:  # fmt: skip
        await self.access.thread(thread_id, "read")
        rows = await self.runs.list_of(thread_id, status, limit, offset)
        if not rows and await self.threads.get(thread_id) is None:
            raise not_found(thread_id)
        return Json(encoded(rows, [column for column in select or COLUMNS if column in COLUMNS]))

    async def get_run(self, request: Request, thread_id: UUID, run_id: UUID) -> Json[models.Run]:
        await self.access.thread(thread_id, "read", _run_not_found(thread_id, run_id), run_id=run_id)
        row = await self.runs.get(thread_id, run_id)
        if row is None:
            raise _run_not_found(thread_id, run_id)
        return Json(run_json(row))

    async def delete_run(self, request: Request, thread_id: UUID, run_id: UUID) -> NoContent:
        await self.access.thread(thread_id, "delete", _run_not_found(thread_id, run_id), run_id=run_id)
        await self.runner.cancel(thread_id, [run_id], "interrupt")
        await self._ended(thread_id, run_id)
        if not await self.runs.delete(thread_id, run_id):
            raise _run_not_found(thread_id, run_id)
        await self.runner.following.events.delete_of_run(run_id)
        return NoContent()

    async def cancel_run(
        self, request: Request, thread_id: UUID, run_id: UUID, *, wait: bool = False,
        action: Literal["interrupt", "rollback"] = "interrupt",
    ) -> Response:  # fmt: skip
        about = {"action": action, "metadata": {"run_ids": [run_id], "status": None}}
        await self.access.thread(thread_id, "update", NotFound(_NOTHING_TO_CANCEL), **about)
        if not await self.runner.cancel(thread_id, [run_id], action):
            raise NotFound(_ENDED if await self.runs.get(thread_id, run_id) else _NOTHING_TO_CANCEL)
        if not wait:
            return Accepted()
        await self._ended(thread_id, run_id)
        path = run_path(thread_id, run_id)
        return Json(b"{}", headers={"location": f"{path}/join", "content-location": path})

    async def cancel_runs(
        self, request: Request, body: models.RunsCancel, *, action: Literal["interrupt", "rollback"] = "interrupt"
    ) -> NoContent:
        wanted: Any = body.root
        status = given(getattr(wanted, "status", None), None)
        thread_id, run_ids = given(wanted.thread_id, None), given(wanted.run_ids, None)
        if status is not None and (thread_id is not None or run_ids is not None):
            raise Invalid("give either status, or thread_id and run_ids, not both")
        about = {"action": action, "metadata": {"run_ids": run_ids, "status": status}}
        if status is not None:
            allowed = await self.access.allow("threads", "update", {"thread_id": None, **about})
            statuses: list[RunStatus] = ["pending", "running"] if status == "all" else [status]
            cancelled = await self.runner.cancel_by_status(statuses, action, allowed)
        else:
            await self.access.thread(wanted.thread_id, "update", NotFound(_NOTHING_TO_CANCEL), **about)
            cancelled = await self.runner.cancel(wanted.thread_id, wanted.run_ids, action)
        if not cancelled:
            raise NotFound(_NOTHING_TO_CANCEL)
        return NoContent()

    async def join_run(
        self, request: Request, thread_id: UUID, run_id: UUID, *, cancel_on_disconnect: bool = False
    ) -> Json[Any]:
        await self.access.thread(thread_id, "read", _run_not_found(thread_id, run_id), run_id=run_id)
        joined = await self.runner.following.join(thread_id, run_id, "end")
        path = run_path(thread_id, run_id)
        return LateJson(
            self.runner.following.output(joined),
            {"location": f"{path}/join", "content-location": path},
            self._cancel_when_left(thread_id, run_id, cancel_on_disconnect),
        )

    async def join_run_stream(
        self, request: Request, thread_id: UUID, run_id: UUID, *, stream_mode: Sequence[StreamMode] | None = None,
        cancel_on_disconnect: bool = False, last_event_id: str | None = None,
    ) -> EventStream[models.StreamEvent]:  # fmt: skip
        await self.access.thread(thread_id, "read", _run_not_found(thread_id, run_id), run_id=run_id)
        joined = await self.runner.following.join(thread_id, run_id, "events", event_number(last_event_id))
        path = run_path(thread_id, run_id)
        return EventStream(
            self.runner.following.frames(joined, shown_modes(stream_mode or ())),
            {"location": f"{path}/stream", "content-location": path},
            self._cancel_when_left(thread_id, run_id, cancel_on_disconnect),
        )

    def _cancel_when_left(self, thread_id: UUID, run_id: UUID, wanted: bool) -> Callable[[], Awaitable[Any]] | None:
        return (lambda: self.runner.cancel(thread_id, [run_id], "interrupt")) if wanted else None

    async def _ended(self, thread_id: UUID, run_id: UUID) -> None:
        """Return when the run has really ended; at once if it has, or if there is none."""
        try:
            joined = await self.runner.following.join(thread_id, run_id, "end")
        except NotFound:
            return
        async for _ in self.runner.following.output(joined):
            pass


def followed(run: AcceptedRun) -> Joined:
    """The view of a run that was accepted with `follow`."""
    assert run.joined is not None
    return run.joined


def event_number(last_event_id: str | None) -> int | None:
    """`Last-Event-ID` as the number of an event; "-1" and "-" mean: from the beginning."""
    if last_event_id is None or last_event_id == "":
        return None
    if last_event_id in ("-1", "-"):
        return 0
    if last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= 18:
        return int(last_event_id)
    raise Invalid(f"Last-Event-ID is {last_event_id[:50]!r}; expected the id of an event that was received, or -1 for all")


def run_json(row: Row) -> bytes:
    return dumps(shown(row, COLUMNS))


def run_path(thread_id: UUID, run_id: UUID) -> str:
    return f"/threads/{thread_id}/runs/{run_id}"


def cancel_of(runner: Runner, run: AcceptedRun, on_disconnect: str) -> Callable[[], Awaitable[Any]] | None:
    """What happens when the client of a new run leaves: nothing, or the run is cancelled."""
    if on_disconnect != "cancel":
        return None
    return lambda: runner.cancel(run.thread_id, [run.run_id], "interrupt")


def shown_modes(modes: Iterable[str]) -> set[str]:
    """The event names behind the modes that a joining client wants to see; both views of messages are `messages…` events."""
    return {"messages" if mode == "messages-tuple" else mode for mode in modes}


def _run_not_found(thread_id: UUID, run_id: UUID) -> NotFound:
    return NotFound(f"Run {run_id} not found in thread {thread_id}.")
