"""The Model Context Protocol: every assistant is a tool, and a call of a tool is a stateless run.

What the protocol says of Streamable HTTP without state is in docs/mcp.md. The only thing that outlives a request is the run: its
metadata name the session and the request, so that a client may cancel it through any process.
"""

from __future__ import annotations

import base64
import binascii
import importlib.metadata
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from uuid import UUID

from allograph.access.guard import Access
from allograph.encoding import dumps, loads
from allograph.errors import ApiError
from allograph.json_rpc import INVALID_PARAMS, Id, Message, RpcError, error, notification, result, server_sent, text, unknown_method
from allograph.runner.events import Ended, SlowReaderError, mode_of
from allograph.runner.following import HEARTBEAT
from allograph.runner.introspect import Introspection
from allograph.runner.requests import RunRequest
from allograph.runner.runner import AcceptedRun, Runner
from allograph.store.assistants import Assistants
from allograph.store.database import Allowed, Row

PROTOCOL_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Oldest first. What a stateless server of tools says is the same in all of them."""

PAGE = 100
"""Tools in one reply of `tools/list`."""

REQUEST_CANCELLED = 0
"""The code that the official SDKs answer a cancelled request with."""

WRAPPED = "input"
"""The argument of a tool whose graph takes something else than an object."""

# The default of what MCP may assume of a tool would be the same; said aloud for clients that show it.
_ANNOTATIONS = {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": False, "openWorldHint": True}


def initialized(params: Mapping[str, Any]) -> dict[str, Any]:
    """The result of `initialize`: the version that the client asks for when it is known, else the newest."""
    asked = params.get("protocolVersion", PROTOCOL_VERSIONS[-1])
    if not isinstance(asked, str):
        raise RpcError(INVALID_PARAMS, "params.protocolVersion must be a string, such as " + PROTOCOL_VERSIONS[-1])
    return {
        "protocolVersion": asked if asked in PROTOCOL_VERSIONS else PROTOCOL_VERSIONS[-1],
        "capabilities": {"tools": {"listChanged": False}},
        "serverInfo": {"name": "Allograph", "version": importlib.metadata.version("allograph")},
    }


class ToolCall:
    """A call that was accepted: its run will end, and the replies say how."""

    def __init__(self, runner: Runner, run: AcceptedRun, request_id: Id, progress_token: Id | None) -> None:
        self._runner = runner
        self._run = run
        self._request_id = request_id
        self._progress_token = progress_token

    async def cancel(self) -> None:
        """The client has left; nobody will read the result."""
        await self._runner.cancel(self._run.thread_id, [self._run.run_id], "interrupt")

    async def reply(self) -> AsyncGenerator[bytes, None]:
        """The JSON-RPC reply, behind white space for as long as the run takes."""
        assert self._run.joined
        async for ended in self._runner.following.end(self._run.joined):
            yield b"\n" if ended is None else self._ended(ended)

    async def events(self) -> AsyncGenerator[bytes, None]:
        """The reply as a stream: a progress notification for each node that has done its part, and the reply at last."""
        assert self._run.joined
        done = 0
        try:
            async for part in self._runner.following.story(self._run.joined):
                if isinstance(part, Ended):
                    yield server_sent(self._ended(part))
                elif not part:
                    yield HEARTBEAT
                elif self._progress_token is not None:
                    for event in part:
                        for node in loads(event.data) if mode_of(event.name) == "updates" else ():
                            done += 1
                            yield server_sent(self._progress(done, node))
        except SlowReaderError:
            yield server_sent(dumps({"jsonrpc": "2.0", "id": self._request_id, "result": _failed(str(SlowReaderError.__doc__))}))

    def _progress(self, done: int, node: str) -> bytes:
        params = {"progressToken": self._progress_token, "progress": done, "message": node}
        return notification("notifications/progress", params)

    def _ended(self, ended: Ended) -> bytes:
        if ended.status == "interrupted":
            return error(self._request_id, RpcError(REQUEST_CANCELLED, "Request cancelled"))
        return result(self._request_id, _tool_result(loads(ended.output)))


class Mcp:
    """Lists and calls the assistants of the graphs that are served here."""

    def __init__(self, access: Access, assistants: Assistants, introspection: Introspection, runner: Runner) -> None:
        self.access = access
        self.assistants = assistants
        self.introspection = introspection
        self.runner = runner

    async def answer(self, message: Message) -> Any:
        """The result of any request but `tools/call`. Raises `RpcError`."""
        match message.method:
            case "initialize":
                return initialized(message.params)
            case "ping":
                return {}
            case "tools/list":
                return await self._list(message.params.get("cursor"))
        raise unknown_method(message.method)

    async def call(self, message: Message, session: str | None, *, streamed: bool) -> ToolCall | dict[str, Any]:
        """Begin a call, or answer the result of one that cannot begin. Raises `RpcError`."""
        assert message.request_id is not None
        name = text(message.params, "name")
        arguments = message.params.get("arguments", {})
        if arguments is not None and not isinstance(arguments, dict):
            raise RpcError(INVALID_PARAMS, "params.arguments must be an object")
        token = progress_token(message.params)
        assistant = await self.assistants.tool(self.runner.graph_ids, name, await self._allowed(1))
        if assistant is None:
            raise RpcError(INVALID_PARAMS, f"Unknown tool: {name[:200]}")
        graph_input = arguments or {}
        if set(graph_input) == {WRAPPED} and not _takes_object(await self.introspection.input_schema(assistant)):
            graph_input = graph_input[WRAPPED]
        request = RunRequest(
            str(assistant["assistant_id"]), graph_input,
            metadata=_names(session, message.request_id) if session else {},
            stream_mode=["values", "updates"] if streamed and token is not None else ["values"],
        )  # fmt: skip
        try:
            run = await self.runner.accept(request, None, follow="events" if streamed else "end")
        except ApiError as refused:
            return _failed(refused.detail)
        return ToolCall(self.runner, run, message.request_id, token)

    async def notified(self, message: Message, session: str | None) -> None:
        """A notification: `notifications/cancelled` ends a call of the same session, all others need nothing done."""
        request_id = message.params.get("requestId")
        if message.method == "notifications/cancelled" and session and isinstance(request_id, str | int | float):
            await self._cancel(_names(session, request_id))

    async def end_session(self, session: str) -> None:
        """Cancel whatever the session still waits for."""
        await self._cancel({"mcp_session": session})

    async def _cancel(self, metadata: dict[str, Any]) -> None:
        about = {"thread_id": None, "action": "interrupt", "metadata": {"run_ids": None, "status": None}}
        await self.runner.cancel_by_metadata(metadata, await self.access.allow("threads", "update", about))

    async def _allowed(self, limit: int) -> Allowed:
        return await self.access.allow("assistants", "search", {"graph_id": None, "metadata": {}, "limit": limit, "offset": 0})

    async def _list(self, cursor: Any) -> dict[str, Any]:
        rows = await self.assistants.tools(
            self.runner.graph_ids, after=_position(cursor), limit=PAGE + 1, allowed=await self._allowed(PAGE)
        )
        tools = [await self._tool(row) for row in rows[:PAGE]]
        if len(rows) <= PAGE:
            return {"tools": tools}
        return {"tools": tools, "nextCursor": base64.urlsafe_b64encode(rows[PAGE - 1]["assistant_id"].bytes).decode()}

    async def _tool(self, row: Row) -> dict[str, Any]:
        return {
            "name": row["tool_name"],
            "title": row["name"],
            "description": row["description"] or f"Tool based on the {row['name']} assistant",
            "inputSchema": _arguments(await self.introspection.input_schema(row)),
            "annotations": _ANNOTATIONS,
        }


def progress_token(params: Mapping[str, Any]) -> Id | None:
    """What a client wants its progress notifications marked with; None when it wants none."""
    meta = params.get("_meta")
    token = meta.get("progressToken") if isinstance(meta, dict) else None
    if isinstance(token, bool) or not isinstance(token, str | int | None):
        raise RpcError(INVALID_PARAMS, "params._meta.progressToken must be a string or an integer")
    return token


def _names(session: str, request_id: Id) -> dict[str, Any]:
    """What the metadata of a run say about the call that it answers."""
    return {"mcp_session": session, "mcp_request": request_id}


def _position(cursor: Any) -> UUID | None:
    if cursor is None:
        return None
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor))
    except (TypeError, ValueError, binascii.Error):
        raise RpcError(INVALID_PARAMS, "params.cursor is not one that tools/list has answered") from None


def _takes_object(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "object"


def _arguments(schema: dict[str, Any]) -> dict[str, Any]:
    """The input of a graph as arguments of a tool: an object, in which a conversation is what the user says now."""
    if not _takes_object(schema):
        inner = {key: value for key, value in schema.items() if key != "$defs"}
        wrapped = {"type": "object", "properties": {WRAPPED: inner}, "required": [WRAPPED]}
        return {**wrapped, "$defs": schema["$defs"]} if "$defs" in schema else wrapped
    messages = schema.get("properties", {}).get("messages")
    if not messages or messages.get("type") != "array":
        return schema
    said = {"type": "string", "title": "Messages", "description": "The user message to send to the agent."}
    properties = {**schema["properties"], "messages": said}
    schema = {**schema, "properties": properties, "required": list(dict.fromkeys([*schema.get("required", ()), "messages"]))}
    if b'"#/$defs/' not in dumps(properties):
        # What only the messages were made of: 30 KB that nothing points to any more.
        schema = {key: value for key, value in schema.items() if key != "$defs"}
    return schema


def _tool_result(output: Any) -> dict[str, Any]:
    """The output of a run as the result of a call: as JSON text, and, when it is an object, as that."""
    if isinstance(output, dict) and isinstance(failure := output.get("__error__"), dict):
        return _failed(f"{failure.get('error')}: {failure.get('message')}")
    said: dict[str, Any] = {"content": [{"type": "text", "text": dumps(output).decode()}], "isError": False}
    return {**said, "structuredContent": output} if isinstance(output, dict) else said


def _failed(reason: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": reason}], "isError": True}
