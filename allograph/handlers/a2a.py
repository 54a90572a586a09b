"""The operations tagged A2A, and the cards of agents, which the contract does not list."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from allograph import json_rpc
from allograph.a2a.agents import Agents
from allograph.a2a.dialect import METHODS, Operation, Version, alone, one_of
from allograph.a2a.messages import PUSH_NOT_SUPPORTED, VERSION_NOT_SUPPORTED
from allograph.encoding import dumps
from allograph.errors import BadRequest, NotFound
from allograph.generated import interface, models
from allograph.handlers.fields import accepts
from allograph.json_rpc import INTERNAL_ERROR, INVALID_REQUEST, Message, RpcError
from allograph.replies import EventStream, Json, LateJson
from allograph.runner.events import SlowReaderError
from allograph.runner.following import HEARTBEAT

VERSIONS = ("0.3", "1.0")


@final
class A2A(interface.A2A):
    def __init__(self, agents: Agents) -> None:
        self.agents = agents

    async def post_a2a(
        self, request: Request, assistant_id: UUID, body: bytes
    ) -> Json[models.A2aReply] | EventStream[models.StreamEvent]:
        message = None
        try:
            message = json_rpc.read(body)
            if message is None or message.request_id is None:
                raise RpcError(INVALID_REQUEST, "the message must be a request, with a method and an id")
            _check_version(request)
            operation, version = METHODS.get(message.method, (None, None))
            if operation is None or version is None:
                raise json_rpc.unknown_method(message.method)
            _check_accept(request, "text/event-stream" if operation in ("stream", "subscribe") else "application/json")
            return await self._answer(request, assistant_id, message, operation, version)
        except RpcError as error:
            return Json(json_rpc.error(message.request_id if message else error.request_id, error))

    async def agent_card(self, request: Request) -> Response:
        """GET /.well-known/agent-card.json?assistant_id=…; of the only graph, when there is only one."""
        runner = self.agents.runner
        named = request.query_params.get("assistant_id")
        if named is None and len(runner.graph_ids) > 1:
            raise BadRequest(f"assistant_id is missing: name an assistant, or a graph: {', '.join(runner.graph_ids)}")
        return await self._card(request, runner.assistant_id(named or runner.graph_ids[0]))

    async def agent_card_of(self, request: Request) -> Response:
        """GET /a2a/{assistant_id}."""
        return await self._card(request, self.agents.runner.assistant_id(request.path_params["assistant_id"]))

    async def _card(self, request: Request, assistant_id: UUID) -> Response:
        try:
            return Json(dumps(await self.agents.card(assistant_id, _url(request, assistant_id))))
        except RpcError as error:
            raise NotFound(error.message) from None

    async def _answer(
        self, request: Request, assistant_id: UUID, message: Message, operation: Operation, version: Version
    ) -> Json[models.A2aReply] | EventStream[models.StreamEvent]:
        agents, params = self.agents, message.params
        match operation:
            case "send":
                begun = await agents.begin(assistant_id, params, version, streamed=False)
                if begun.joined:
                    return LateJson(self._late(message, version, agents.ended(assistant_id, begun)), {})
                return _result(message, one_of(await agents.submitted(begun), version))
            case "stream":
                begun = await agents.begin(assistant_id, params, version, streamed=True)
                assert begun.joined
                events = agents.events(assistant_id, begun.task, begun.joined)
                return EventStream(self._stream(message, version, await agents.submitted(begun), events))
            case "subscribe":
                task, shown, joined = await agents.subscribe(assistant_id, params)
                return EventStream(
                    self._stream(message, version, shown, agents.events(assistant_id, task, joined) if joined else None)
                )
            case "get":
                return _result(message, alone(await agents.get(assistant_id, params), version))
            case "cancel":
                return _result(message, alone(await agents.cancel(assistant_id, params), version))
            case "list":
                return _result(message, await agents.list(assistant_id, params))
            case "card":
                return _result(message, await agents.card(assistant_id, _url(request, assistant_id)))
            case "push":
                raise RpcError(PUSH_NOT_SUPPORTED, "Push notifications are not supported; stream, or ask for the task")

    async def _late(
        self, message: Message, version: Version, ended: AsyncGenerator[dict[str, Any] | None, None]
    ) -> AsyncGenerator[bytes, None]:
        try:
            async for task in ended:
                yield b"\n" if task is None else json_rpc.result(message.request_id, one_of(task, version))
        except RpcError as error:  # the thread was deleted meanwhile
            yield json_rpc.error(message.request_id, error)

    async def _stream(
        self, message: Message, version: Version, first: dict[str, Any], events: AsyncGenerator[dict[str, Any] | None, None] | None
    ) -> AsyncGenerator[bytes, None]:
        def sent(thing: dict[str, Any]) -> bytes:
            return json_rpc.server_sent(json_rpc.result(message.request_id, one_of(thing, version)))

        yield sent(first)
        if events is None:
            return
        try:
            async for event in events:
                yield HEARTBEAT if event is None else sent(event)
        except SlowReaderError:
            error = RpcError(INTERNAL_ERROR, f"{SlowReaderError.__doc__} Ask for the task.")
            yield json_rpc.server_sent(json_rpc.error(message.request_id, error))
        except RpcError as error:
            yield json_rpc.server_sent(json_rpc.error(message.request_id, error))


def _result(message: Message, value: Any) -> Json[models.A2aReply]:
    return Json(json_rpc.result(message.request_id, value))


def _url(request: Request, assistant_id: UUID) -> str:
    return f"{str(request.base_url).rstrip('/')}/a2a/{assistant_id}"


def _check_version(request: Request) -> None:
    """The method says which version is meant; one that is named must be known."""
    version = request.headers.get("a2a-version")
    if version and ".".join(version.split(".")[:2]) not in VERSIONS:
        raise RpcError(VERSION_NOT_SUPPORTED, f"A2A-Version is {version[:50]!r}; supported are {', '.join(VERSIONS)}")


def _check_accept(request: Request, media_type: str) -> None:
    accept = request.headers.get("accept") or "*/*"
    if not accepts(accept, media_type):
        raise RpcError(INVALID_REQUEST, f"Accept is {accept[:100]!r}; it must include {media_type} for this method")
