"""The operations tagged MCP: the Streamable HTTP transport of the Model Context Protocol, without state."""

from __future__ import annotations

from typing import Any, final

from starlette.requests import Request
from starlette.responses import Response
from uuid_utils.compat import uuid4

from allograph import json_rpc
from allograph.errors import Invalid, NotFound
from allograph.generated import interface
from allograph.handlers.fields import accepts
from allograph.json_rpc import INVALID_REQUEST, Message, RpcError
from allograph.mcp import PROTOCOL_VERSIONS, Mcp, ToolCall, progress_token
from allograph.replies import Accepted, EventStream, Json, LateJson, NoContent

SESSION = "mcp-session-id"
LONGEST_SESSION = 128


@final
class MCP(interface.MCP):
    def __init__(self, mcp: Mcp) -> None:
        self.mcp = mcp

    async def get_mcp(self, request: Request) -> Response:
        # Nothing is ever sent that a client has not asked for.
        return Response(status_code=405, headers={"allow": "POST, DELETE"})

    async def delete_mcp(self, request: Request) -> NoContent:
        session = _session(request)
        if session is None:
            raise NotFound(f"Session not found: the request has no {SESSION} header")
        await self.mcp.end_session(session)
        return NoContent()

    async def post_mcp(self, request: Request, body: bytes) -> Response:
        try:
            accepts_json, accepts_events = _accepted(request)
            version = request.headers.get("mcp-protocol-version")
            if version is not None and version not in PROTOCOL_VERSIONS:
                raise RpcError(
                    INVALID_REQUEST, f"MCP-Protocol-Version is {version[:50]!r}; known are {', '.join(PROTOCOL_VERSIONS)}"
                )
            message = json_rpc.read(body)
            session = _session(request)
        except RpcError as error:
            return Json(json_rpc.error(error.request_id, error), status=400)
        if message is None:
            return Accepted()
        if message.request_id is None:
            await self.mcp.notified(message, session)
            return Accepted()
        try:
            if message.method == "tools/call":
                return await self._call(message, session, accepts_json, accepts_events)
            answer = await self.mcp.answer(message)
        except RpcError as error:
            return _reply(json_rpc.error(message.request_id, error), as_event=not accepts_json)
        headers = {SESSION: str(uuid4())} if message.method == "initialize" else {}
        return _reply(json_rpc.result(message.request_id, answer), as_event=not accepts_json, headers=headers)

    async def _call(self, message: Message, session: str | None, accepts_json: bool, accepts_events: bool) -> Response:
        streamed = not accepts_json or (accepts_events and progress_token(message.params) is not None)
        call = await self.mcp.call(message, session, streamed=streamed)
        if not isinstance(call, ToolCall):
            return _reply(json_rpc.result(message.request_id, call), as_event=streamed)
        if streamed:
            return EventStream(call.events(), on_disconnect=call.cancel)
        return LateJson(call.reply(), {}, call.cancel)


def _accepted(request: Request) -> tuple[bool, bool]:
    """Whether the client reads JSON, and whether it reads event streams."""
    accept = request.headers.get("accept") or "*/*"
    json, events = accepts(accept, "application/json"), accepts(accept, "text/event-stream")
    if not (json or events):
        raise RpcError(INVALID_REQUEST, f"Accept is {accept[:100]!r}; it must name application/json or text/event-stream")
    return json, events


def _session(request: Request) -> str | None:
    session = request.headers.get(SESSION)
    if session is not None and not (0 < len(session) <= LONGEST_SESSION):
        raise Invalid(f"{SESSION} has {len(session)} characters; expected one that initialize has answered")
    return session


def _reply(message: bytes, *, as_event: bool, headers: dict[str, str] | None = None) -> Response:
    if not as_event:
        return Json(message, headers=headers)

    async def once() -> Any:
        yield json_rpc.server_sent(message)

    return EventStream(once(), headers)
