"""JSON-RPC 2.0, as MCP and A2A speak it over HTTP: one message for one request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from allograph.encoding import dumps
from allograph.errors import Invalid
from allograph.validation import parsed

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

Id = str | int | float


class RpcError(Exception):
    """Answered as the error of a JSON-RPC reply. `request_id` is None for a message whose id could not be read."""

    def __init__(self, code: int, message: str, request_id: Id | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.request_id = request_id


@dataclass(frozen=True, slots=True)
class Message:
    """A request, or, without an id, a notification."""

    method: str
    params: dict[str, Any] = field(default_factory=dict)
    request_id: Id | None = None


def read(body: bytes) -> Message | None:
    """The message in the body of a request; None for a reply, which nobody here has asked for.

    Raises `RpcError` for what is not one JSON-RPC message.
    """
    try:
        value = parsed(body)
    except Invalid as error:
        raise RpcError(PARSE_ERROR, error.detail) from None
    if isinstance(value, list):
        raise RpcError(INVALID_REQUEST, "the request is a batch; send one message in each request")
    if not isinstance(value, dict):
        raise RpcError(INVALID_REQUEST, "the request is no JSON object; expected one JSON-RPC message")
    request_id = value.get("id")
    if isinstance(request_id, bool) or not isinstance(request_id, str | int | float | None):
        raise RpcError(INVALID_REQUEST, "id must be a string or a number")
    if value.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, f'jsonrpc is {shortened(value.get("jsonrpc"))}; expected "2.0"', request_id)
    if "method" not in value and ("result" in value) != ("error" in value):
        return None
    if "id" in value and request_id is None:
        raise RpcError(INVALID_REQUEST, "id is null; leave it out of a notification, and give a request a string or a number")
    method, params = value.get("method"), value.get("params", {})
    if not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, f"method is {shortened(method)}; expected the name of a method", request_id)
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, f"params is {shortened(params)}; expected an object", request_id)
    return Message(method, params, request_id)


def unknown_method(method: str) -> RpcError:
    return RpcError(METHOD_NOT_FOUND, f"Method not found: {method[:200]}")


def result(request_id: Id | None, value: Any) -> bytes:
    return dumps({"jsonrpc": "2.0", "id": request_id, "result": value})


def error(request_id: Id | None, error: RpcError) -> bytes:
    return dumps({"jsonrpc": "2.0", "id": request_id, "error": {"code": error.code, "message": error.message}})


def notification(method: str, params: Any) -> bytes:
    return dumps({"jsonrpc": "2.0", "method": method, "params": params})


def server_sent(message: bytes) -> bytes:
    """A message as an event of a stream."""
    return b"event: message\r\ndata: %b\r\n\r\n" % message


def text(params: dict[str, Any], name: str, where: str = "params") -> str:
    """A string that must be there. Raises `RpcError`."""
    value = params.get(name)
    if not isinstance(value, str) or not value:
        raise RpcError(INVALID_PARAMS, f"{where}.{name} is {shortened(value)}; expected a string that is not empty")
    return value


def shortened(value: Any) -> str:
    """A value as JSON in a sentence."""
    shown = dumps(value).decode()
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
