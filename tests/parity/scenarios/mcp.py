"""The MCP endpoint. The reference answers at `/mcp` and redirects from `/mcp/`."""

from __future__ import annotations

from typing import Any

from . import Session, scenario

ACCEPT = {"accept": "application/json, text/event-stream"}


def _post(s: Session, message: Any) -> None:
    s.post("/mcp", message, headers=ACCEPT)


def _ask(s: Session, method: str, params: Any) -> None:
    _post(s, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


@scenario
def initialize(s: Session) -> None:
    client = {"clientInfo": {"name": "test", "version": "1"}, "capabilities": {}}
    for version in ("2024-11-05", "2025-11-25", "1999-01-01"):
        _ask(s, "initialize", {"protocolVersion": version, **client})
    _post(s, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    _ask(s, "ping", {})


@scenario
def call(s: Session) -> None:
    _ask(s, "tools/call", {"name": "steps", "arguments": {"text": "a"}})
    _ask(s, "tools/call", {"name": "failing", "arguments": {}})
    _ask(s, "tools/call", {"name": "nobody", "arguments": {}})


@scenario
def wrong(s: Session) -> None:
    _ask(s, "nope", {})
    _ask(s, "resources/list", {})
    _post(s, {"jsonrpc": "2.0", "id": 1, "result": {}})
    _post(s, {"id": 1, "method": "ping"})
    _post(s, [{"jsonrpc": "2.0", "id": 1, "method": "ping"}])


@scenario
def http_methods(s: Session) -> None:
    s.get("/mcp")
    s.delete("/mcp")
    s.request("PUT", "/mcp")
