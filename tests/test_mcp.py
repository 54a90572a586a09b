"""The MCP endpoint, judged by the official client: tools, calls, progress, cancelling, and what HTTP says of bad messages."""

from __future__ import annotations

import asyncio
import contextlib
import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, LiteralString

import httpx
import pytest
from mcp import ClientSession, McpError, types
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.version import SUPPORTED_PROTOCOL_VERSIONS

from allograph.mcp import PAGE, PROTOCOL_VERSIONS
from tests.server_process import ServerProcess, query
from tests.watching import aeventually

ACCEPT = {"accept": "application/json, text/event-stream"}


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[ClientSession]:
    async with streamable_http_client(f"{url}/mcp/") as (read, write, _), ClientSession(read, write) as session:
        yield session


@contextlib.asynccontextmanager
async def speaking(url: str) -> AsyncIterator[ClientSession]:
    async with connected(url) as session:
        await session.initialize()
        yield session


def said(result: types.CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, types.TextContent)
    return content.text


def structured(result: types.CallToolResult) -> dict[str, Any]:
    assert result.structuredContent is not None
    return result.structuredContent


async def tools_of(session: ClientSession) -> list[types.Tool]:
    page = await session.list_tools()
    tools = page.tools
    while page.nextCursor:
        page = await session.list_tools(params=types.PaginatedRequestParams(cursor=page.nextCursor))
        assert 0 < len(page.tools) <= PAGE
        tools += page.tools
    return tools


async def test_a_conversation(served: ServerProcess) -> None:
    async with connected(served.url) as session:
        greeting = await session.initialize()
        assert greeting.protocolVersion == types.LATEST_PROTOCOL_VERSION
        assert greeting.serverInfo.name == "Allograph"
        assert greeting.capabilities.tools
        assert not greeting.capabilities.prompts
        assert isinstance(await session.send_ping(), types.EmptyResult)
        tools = {tool.name: tool for tool in await tools_of(session)}
        assert tools["greet"].inputSchema["properties"]["text"]["type"] == "string"
        # A conversation is one message for those who call it; how messages are stored is not their concern.
        assert tools["talk"].inputSchema["properties"]["messages"]["type"] == "string"
        assert tools["talk"].inputSchema["required"] == ["messages"]
        assert "$defs" not in tools["talk"].inputSchema
        result = await session.call_tool("talk", {"messages": "one"})
        assert not result.isError
        assert [m["content"] for m in structured(result)["messages"]] == ["one", "1: one"]
        assert '"content":"1: one"' in said(result)
        # Each call is a run of its own: nothing of the one before is remembered.
        again = await session.call_tool("talk", {"messages": [{"role": "user", "content": "two"}]})
        assert [m["content"] for m in structured(again)["messages"]] == ["two", "1: two"]


async def test_a_graph_that_takes_no_object(served: ServerProcess) -> None:
    async with speaking(served.url) as session:
        (tool,) = [tool for tool in await tools_of(session) if tool.name == "shout"]
        assert tool.inputSchema["required"] == ["input"]
        assert tool.inputSchema["properties"]["input"]["type"] == "string"
        result = await session.call_tool("shout", {"input": "hello"})
        assert (said(result), result.structuredContent) == ('"HELLO"', None)


async def test_what_goes_wrong_in_a_graph_is_told(server: ServerProcess) -> None:
    async with speaking(server.url) as session:
        failed = await session.call_tool("failing", {"text": "own"})
        assert failed.isError
        assert "refused: own" in said(failed)
        with pytest.raises(McpError, match="Unknown tool: nobody"):
            await session.call_tool("nobody", {})
        # A question that nobody can answer, since nothing is left of the run, is part of the result.
        asked = await session.call_tool("asking", {})
        assert structured(asked)["__interrupt__"][0]["value"] == {"question": "name?"}


async def test_settings_of_an_assistant_are_those_of_its_tool(served: ServerProcess) -> None:
    name = f"greet_{uuid.uuid4().hex[:8]}"
    async with httpx.AsyncClient(base_url=served.url) as http:
        made = {"graph_id": "greet", "name": name, "description": "Says hello to Ann.", "context": {"name": "Ann"}}
        (await http.post("/assistants", json=made)).raise_for_status()
    async with speaking(served.url) as session:
        (tool,) = [tool for tool in await tools_of(session) if tool.name == name]
        assert tool.description == "Says hello to Ann."
        assert (await session.call_tool(name, {})).structuredContent == {"text": "hello Ann"}


async def test_names_are_legal_unique_and_kept(served: ServerProcess) -> None:
    mark = uuid.uuid4().hex[:8]
    wanted = [f"{mark} wörds/1", f"{mark} wörds/1", f"{mark}_w_rds_1", "", f"{mark}{'x' * 200}"]
    async with httpx.AsyncClient(base_url=served.url) as http, speaking(served.url) as session:
        ids = []
        for number, name in enumerate(wanted):
            made = {"graph_id": "greet", "name": name, "context": {"name": f"{mark} {number}"}}
            ids.append((await http.post("/assistants", json=made)).raise_for_status().json()["assistant_id"])
        tools = await tools_of(session)
        names = [tool.name for tool in tools]
        assert len(set(names)) == len(names)
        assert all(re.fullmatch("[A-Za-z0-9_.-]{1,128}", name) for name in names)
        suffixes = ["-" + one.replace("-", "")[-12:] for one in ids]
        expected = [
            f"{mark}_w_rds_1", f"{mark}_w_rds_1{suffixes[1]}", f"{mark}_w_rds_1{suffixes[2]}", suffixes[3], f"{mark}{'x' * 107}",
        ]  # fmt: skip
        assert set(expected) <= set(names)
        for number, name in enumerate(expected):
            assert (await session.call_tool(name, {})).structuredContent == {"text": f"hello {mark} {number}"}
        # A name that was listed stays good when the assistant that had it first is gone.
        (await http.delete(f"/assistants/{ids[0]}")).raise_for_status()
        for name in (expected[1], f"{mark}_w_rds_1"):
            assert (await session.call_tool(name, {})).structuredContent == {"text": f"hello {mark} 1"}


async def test_many_tools_come_in_pages(served: ServerProcess) -> None:
    mark = f"many_{uuid.uuid4().hex[:8]}"
    async with httpx.AsyncClient(base_url=served.url, timeout=60) as http, speaking(served.url) as session:
        made = [http.post("/assistants", json={"graph_id": "greet", "name": f"{mark}_{number}"}) for number in range(PAGE + 5)]
        ids = [reply.raise_for_status().json()["assistant_id"] for reply in await asyncio.gather(*made)]
        try:
            names = [tool.name for tool in await tools_of(session)]
            assert sum(name.startswith(mark) for name in names) == PAGE + 5
            assert len(set(names)) == len(names)
        finally:
            await asyncio.gather(*(http.delete(f"/assistants/{one}") for one in ids))


async def test_progress_of_a_long_run(served: ServerProcess) -> None:
    gate = shared(served) / f"gate-{uuid.uuid4().hex}"
    seen: list[tuple[float, str | None]] = []
    early = asyncio.Event()

    async def progress(done: float, total: float | None, message: str | None) -> None:
        seen.append((done, message))
        early.set()

    async with speaking(served.url) as session:
        arguments = {"steps": 3, "gate": str(gate), "gate_at": 2}
        call = asyncio.create_task(session.call_tool("count", arguments, progress_callback=progress))
        # The first news come while the run still waits.
        await asyncio.wait_for(early.wait(), 60)
        assert not call.done()
        gate.touch()
        result = await asyncio.wait_for(call, 60)
        assert structured(result)["entries"] == ["x1", "x2", "x3"]
        assert seen == [(1, "begin"), (2, "step"), (3, "step"), (4, "step")]


def shared(server: ServerProcess) -> Path:
    """A folder that the server and the test both see."""
    return server.data_dir.parent


async def active(server: ServerProcess, tag: str) -> int:
    """Runs with this tag in their input that have not ended."""
    statement: LiteralString = "SELECT count(*) FROM runs WHERE status IN ('pending', 'running') AND kwargs->'input'->>'tag' = %s"
    rows = await asyncio.to_thread(query, server.data_dir, statement, [tag])
    return int(rows[0]["count"])


async def begun(server: ServerProcess, tag: str) -> None:
    await aeventually(lambda: active(server, tag))


@pytest.mark.parametrize("progress", [False, True])
async def test_a_call_is_cancelled(served: ServerProcess, progress: bool) -> None:
    tag = uuid.uuid4().hex

    async def ignore(done: float, total: float | None, message: str | None) -> None: ...

    async with speaking(served.url) as session:
        request_id = session._request_id
        arguments = {"tag": tag, "steps": 1000, "seconds": 0.2}
        call = asyncio.create_task(session.call_tool("count", arguments, progress_callback=ignore if progress else None))
        await begun(served, tag)
        params = types.CancelledNotificationParams(requestId=request_id, reason="enough")
        await session.send_notification(types.ClientNotification(types.CancelledNotification(params=params)))
        with pytest.raises(McpError, match="Request cancelled"):
            await asyncio.wait_for(call, 60)
        assert await active(served, tag) == 0


async def test_only_the_session_that_asked_can_cancel(served: ServerProcess) -> None:
    tag = uuid.uuid4().hex
    gate = shared(served) / f"gate-{tag}"
    async with speaking(served.url) as session, speaking(served.url) as other:
        request_id = session._request_id
        call = asyncio.create_task(session.call_tool("count", {"tag": tag, "gate": str(gate), "gate_at": 1, "steps": 1}))
        await begun(served, tag)
        params = types.CancelledNotificationParams(requestId=request_id)
        await other.send_notification(types.ClientNotification(types.CancelledNotification(params=params)))
        await other.send_ping()
        gate.touch()
        result = await asyncio.wait_for(call, 60)
        assert structured(result)["entries"] == [f"{tag}1"]


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_client_that_leaves_cancels_its_call(served: ServerProcess, accept: str) -> None:
    tag = uuid.uuid4().hex
    params = {"name": "count", "arguments": {"tag": tag, "steps": 1000, "seconds": 0.2}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    async with (
        httpx.AsyncClient(base_url=served.url, timeout=60) as http,
        http.stream("POST", "/mcp/", json=message, headers={"accept": accept}) as reply,
    ):
        assert reply.headers["content-type"].startswith(accept)
        await begun(served, tag)

    async def over() -> bool:
        return await active(served, tag) == 0

    await aeventually(over)


async def test_the_end_of_a_session_cancels_its_calls(served: ServerProcess) -> None:
    tag = uuid.uuid4().hex
    params = {"name": "count", "arguments": {"tag": tag, "steps": 1000, "seconds": 0.2}}
    message = {"jsonrpc": "2.0", "id": "one", "method": "tools/call", "params": params}
    session = {"mcp-session-id": uuid.uuid4().hex}
    async with httpx.AsyncClient(base_url=served.url, timeout=60) as http:
        call = asyncio.create_task(http.post("/mcp/", json=message, headers={**ACCEPT, **session}))
        await begun(served, tag)
        assert (await http.delete("/mcp/", headers=session)).status_code == 204
        assert (await asyncio.wait_for(call, 60)).json() == {
            "jsonrpc": "2.0", "id": "one", "error": {"code": 0, "message": "Request cancelled"},
        }  # fmt: skip


def test_protocol_versions(http: httpx.Client) -> None:
    assert set(PROTOCOL_VERSIONS) == set(SUPPORTED_PROTOCOL_VERSIONS)
    for asked, answered in [*zip(PROTOCOL_VERSIONS, PROTOCOL_VERSIONS, strict=True), ("1999-01-01", PROTOCOL_VERSIONS[-1])]:
        reply = post(http, {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": asked}})
        assert reply.json()["result"]["protocolVersion"] == answered
    unknown = post(http, {"jsonrpc": "2.0", "id": 1, "method": "ping"}, {"mcp-protocol-version": "1999-01-01"})
    assert unknown.status_code == 400
    assert "1999-01-01" in unknown.json()["error"]["message"]


def post(http: httpx.Client, message: Any, headers: dict[str, str] | None = None) -> httpx.Response:
    body = {"content": message} if isinstance(message, bytes) else {"json": message}
    return http.post("/mcp/", headers={**ACCEPT, **(headers or {})}, **body)  # type: ignore[arg-type]


@pytest.mark.parametrize(("message", "code", "request_id"), [
    (b"{nope", -32700, None),
    (b"", -32700, None),
    (b"[]", -32600, None),
    ([{"jsonrpc": "2.0", "id": 1, "method": "ping"}], -32600, None),
    ("ping", -32600, None),
    ({"id": 1, "method": "ping"}, -32600, 1),
    ({"jsonrpc": "2.0", "id": None, "method": "ping"}, -32600, None),
    ({"jsonrpc": "2.0", "id": True, "method": "ping"}, -32600, None),
    ({"jsonrpc": "2.0", "id": 1}, -32600, 1),
    ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}, -32602, 1),
])  # fmt: skip
def test_what_is_no_message_is_a_bad_request(http: httpx.Client, message: Any, code: int, request_id: int | None) -> None:
    reply = post(http, message)
    assert reply.status_code == 400
    assert (reply.json()["error"]["code"], reply.json()["id"]) == (code, request_id)


@pytest.mark.parametrize(("method", "params", "code"), [
    ("nope/x", {}, -32601),
    ("resources/list", {}, -32601),
    ("tools/call", {}, -32602),
    ("tools/call", {"name": "chat", "arguments": "x"}, -32602),
    ("tools/call", {"name": "chat", "_meta": {"progressToken": []}}, -32602),
    ("tools/list", {"cursor": "5"}, -32602),
    ("tools/list", {"cursor": 5}, -32602),
    ("initialize", {"protocolVersion": 1}, -32602),
])  # fmt: skip
def test_what_cannot_be_answered_is_an_error(http: httpx.Client, method: str, params: Any, code: int) -> None:
    reply = post(http, {"jsonrpc": "2.0", "id": "x", "method": method, "params": params})
    assert reply.status_code == 200
    assert (reply.json()["error"]["code"], reply.json()["id"]) == (code, "x")


def test_methods_of_http(http: httpx.Client) -> None:
    assert http.get("/mcp/").status_code == 405
    assert http.delete("/mcp/").status_code == 404
    assert http.put("/mcp/").status_code == 405
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    for path in ("/mcp", "/mcp/"):
        assert http.post(path, json=ping, headers=ACCEPT).json() == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert http.post("/mcp/", json=ping, headers={"accept": "text/html"}).status_code == 400
    for nothing_to_say in ({"method": "notifications/initialized"}, {"id": 1, "result": {}}):
        assert post(http, {"jsonrpc": "2.0", **nothing_to_say}).status_code == 202
