"""The operations tagged Stateless Runs: runs that bring a thread of their own, which goes with them unless it is kept."""

from __future__ import annotations

from typing import Any, final, get_args
from uuid import UUID

from starlette.requests import Request

from allograph.access.guard import Access
from allograph.encoding import dumps
from allograph.errors import Invalid, NotFound
from allograph.generated import interface, models
from allograph.handlers.fields import shown
from allograph.handlers.run_requests import run_request
from allograph.handlers.thread_runs import StreamMode, cancel_of, event_number, followed, run_json, run_path, shown_modes
from allograph.replies import EventStream, Json, LateJson
from allograph.runner.runner import Runner
from allograph.store.runs import COLUMNS, Runs


def stream_modes(request: Request) -> set[str]:
    """`stream_mode` of a request beyond the contract: repeated, or separated by commas."""
    modes = {mode for text in request.query_params.getlist("stream_mode") for mode in text.split(",") if mode}
    if unknown := modes.difference(get_args(StreamMode)):
        raise Invalid(f"stream_mode is {', '.join(sorted(unknown))[:100]!r}; expected some of {', '.join(get_args(StreamMode))}")
    return modes


@final
class StatelessRuns(interface.StatelessRuns):
    def __init__(self, access: Access, runs: Runs, runner: Runner) -> None:
        self.access = access
        self.runs = runs
        self.runner = runner

    async def create_stateless_run(self, request: Request, body: models.RunCreateStateless) -> Json[Any]:
        run = await self.runner.accept(run_request(body), None)
        return Json(run_json(run.row), headers={"content-location": f"/runs/{run.run_id}"})

    async def create_stateless_run_batch(self, request: Request, body: models.RunBatchCreate) -> Json[Any]:
        requests = [run_request(one) for one in body.root]
        for one in requests:
            self.runner.assistant_id(one.assistant_id)
        rows = await self.runner.accept_batch(requests)
        return Json(dumps([shown(row, COLUMNS) for row in rows]))

    async def stream_stateless_run(
        self, request: Request, body: models.RunCreateStreamingStateless
    ) -> EventStream[models.StreamEvent]:
        run = await self.runner.accept(run_request(body), None, follow="events")
        path = f"/runs/{run.run_id}"
        return EventStream(
            self.runner.following.frames(followed(run)),
            {"location": f"{path}/stream", "content-location": path},
            cancel_of(self.runner, run, body.on_disconnect),
        )

    async def wait_stateless_run(self, request: Request, body: models.RunCreateStreamingStateless) -> Json[Any]:
        run = await self.runner.accept(run_request(body), None, follow="end")
        path = run_path(run.thread_id, run.run_id)
        return LateJson(
            self.runner.following.output(followed(run)),
            {"location": f"{path}/join", "content-location": path},
            cancel_of(self.runner, run, body.on_disconnect),
        )

    async def join_stateless_run_stream(self, request: Request) -> EventStream[models.StreamEvent]:
        """GET /runs/{run_id}/stream: beyond the contract, called by the SDK clients."""
        run_id: UUID = request.path_params["run_id"]
        modes = shown_modes(stream_modes(request))
        row = await self.runs.find(run_id)
        if row is None:
            raise NotFound(f"Run {run_id} not found.")
        await self.access.thread(row["thread_id"], "read", NotFound(f"Run {run_id} not found."), run_id=run_id)
        after = event_number(request.headers.get("last-event-id"))
        joined = await self.runner.following.join(row["thread_id"], run_id, "events", after)
        path = f"/runs/{run_id}"
        return EventStream(self.runner.following.frames(joined, modes), {"location": f"{path}/stream", "content-location": path})
