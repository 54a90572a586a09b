"""The operations tagged Streaming: the thread-centric protocol over HTTP."""

from __future__ import annotations

from typing import Any, final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from allograph.errors import BadRequest, Invalid
from allograph.generated import interface, models
from allograph.handlers.fields import given
from allograph.replies import EventStream, Json
from allograph.routing import Operation
from allograph.runner.protocol.commands import Commands, MalformedError, envelope
from allograph.runner.protocol.commands import error as command_error
from allograph.runner.protocol.filters import Filter, about_channels
from allograph.runner.protocol.parameters import is_texts
from allograph.runner.protocol.subscription import Subscriptions
from allograph.validation import Path, Uuid, parsed


@final
class Streaming(interface.Streaming):
    def __init__(self, commands: Commands, subscriptions: Subscriptions) -> None:
        self.commands = commands
        self.subscriptions = subscriptions

    async def send_thread_command(
        self, request: Request, thread_id: UUID, body: models.ProtocolCommand
    ) -> Json[models.ProtocolSuccess | models.ProtocolError]:
        return Json(await self.commands.answer(thread_id, body.id, body.method, given(body.params, {})))

    async def stream_thread_events(
        self, request: Request, thread_id: UUID, body: models.ProtocolEventStreamRequest
    ) -> EventStream[models.ProtocolStreamEvent]:
        if unknown := [name for name, value in (body.model_extra or {}).items() if value is not None]:
            raise BadRequest(f"{unknown[0][:100]!r} is not known here; expected channels, namespaces, depth or since")
        channels: list[Any] = [getattr(channel, "root", channel) for channel in body.channels]
        wanted = Filter.of(channels, given(body.namespaces, ()), given(body.depth, None), given(body.since, 0))
        return EventStream(await self.subscriptions.frames(thread_id, wanted))

    async def refused(self, operation: Operation, request: Request, error: Invalid) -> Response:
        """A body that cannot be read is 400 here; of a command it gets the protocol's own answer."""
        Path("thread_id", Uuid)(request)
        try:
            body = parsed(await request.body())
        except Invalid as unreadable:
            if operation.name == "send_thread_command":
                return Json(command_error(None, "invalid_argument", unreadable.detail), status=400)
            raise BadRequest(unreadable.detail) from None
        if operation.name == "send_thread_command":
            try:
                command_id, _, _ = envelope(body)
                return Json(command_error(command_id, "invalid_argument", error.detail), status=400)
            except MalformedError as malformed:
                return Json(malformed.reply, status=400)
        channels: Any = body.get("channels") if isinstance(body, dict) else None
        raise BadRequest((about_channels(channels) if is_texts(channels) else None) or error.detail)
