"""Development's conscience: every reply is held against the contract before it leaves.

Checked are the status, the content type, a JSON body against its declared schema and each frame of an event stream
against the schema of its events. A violation is logged and recorded; the client gets a 500 that says what is wrong or,
when the headers are gone already, a stream that breaks off.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import orjson
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from allograph import contract
from allograph.routing import Operation

log = logging.getLogger("allograph.contract_check")

JSON = "application/json"
EVENT_STREAM = "text/event-stream"


class UndeclaredReplyError(Exception):
    """A reply that the contract does not allow."""


class ContractCheckMiddleware:
    """Put it inside the middleware that turns exceptions into replies. Violations are appended to `violations`."""

    def __init__(
        self, app: ASGIApp, document: dict[str, Any] | None = None, violations: list[str] | None = None, *, secured: bool = False
    ) -> None:
        self._app = app
        document = document or contract.document()
        self._replies = DeclaredReplies(contract.secured(document, {}, ()) if secured else document)
        self.violations: list[str] = [] if violations is None else violations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(self._replies, self.violations, scope, receive, send)
        await self._app(scope, receive, exchange.send)


class _Exchange:
    """One reply on its way out."""

    def __init__(self, replies: DeclaredReplies, violations: list[str], scope: Scope, receive: Receive, send: Send) -> None:
        self._replies, self._violations = replies, violations
        self._scope, self._receive, self._send = scope, receive, send
        self._start: Message | None = None
        """The start of the reply while it is held back: a violation can still become a 500."""
        self._check: BodyCheck | EventCheck | None = None
        self._released = False
        self._refused = False

    async def send(self, message: Message) -> None:
        if self._refused:
            return
        try:
            if message["type"] == "http.response.start":
                operation: Operation | None = self._scope.get("operation")
                self._check = self._replies.check(operation, message) if operation else None
                self._start = message
                # A reply of known length comes at once. Any other is a stream: its reader waits for the headers.
                if not any(name.lower() == b"content-length" for name, _ in message.get("headers", [])):
                    await self._release()
                return
            if message["type"] == "http.response.body" and self._check:
                self._check.feed(message.get("body", b""))
                if not message.get("more_body", False):
                    self._check.end()
            if self._start:
                await self._release()
        except UndeclaredReplyError as violation:
            text = f"contract violation: {self._scope['method']} {self._scope['path']}: {violation}"
            self._violations.append(text)
            log.error("%s", text)
            if self._released:
                raise
            self._refused = True
            await JSONResponse({"detail": text}, 500)(self._scope, self._receive, self._send)
            return
        await self._send(message)

    async def _release(self) -> None:
        assert self._start
        start, self._start, self._released = self._start, None, True
        await self._send(start)


class DeclaredReplies:
    """The replies that the contract declares, each with its compiled schema."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = _dialect_3_1(document)
        self._validators: dict[tuple[str, str, str], jsonschema_rs.Draft202012Validator] = {}

    def check(self, operation: Operation, start: Message) -> BodyCheck | EventCheck | None:
        """A check for the body of a reply. Raises `UndeclaredReplyError` for an undeclared status or content type."""
        status = str(start["status"])
        declared = self._document["paths"][operation.path][operation.method.lower()]["responses"]
        if status not in declared:
            raise UndeclaredReplyError(f"status {status} is not declared, only {', '.join(declared)}")
        reply = self._resolve(declared[status])
        content: dict[str, Any] = reply.get("content") or {}
        if not content:
            # An error may say more than the contract asks for; a success without declared content has none.
            return BodyCheck(None) if status.startswith("2") else None
        headers = {name.lower(): value for name, value in start.get("headers", [])}
        media_type = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        if media_type not in content:
            given = media_type or "without a content type"
            raise UndeclaredReplyError(f"status {status} is declared as {' or '.join(content)}, the reply is {given}")
        if "schema" not in content[media_type] or media_type not in (JSON, EVENT_STREAM):
            return None
        validator = self._validator((operation.operation_id, status, media_type), content[media_type]["schema"])
        return EventCheck(validator) if media_type == EVENT_STREAM else BodyCheck(validator)

    def _validator(self, key: tuple[str, str, str], schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
        if key not in self._validators:
            # References point to `#/components/...`, so the components stand beside the schema.
            whole = {"allOf": [schema], "components": self._document.get("components", {})}
            self._validators[key] = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        return self._validators[key]

    def _resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in node:
            return node
        target: Any = self._document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return self._resolve(target)


class BodyCheck:
    """A JSON body, in one piece or in many with white space between; None: a reply without a body."""

    def __init__(self, validator: jsonschema_rs.Draft202012Validator | None) -> None:
        self._validator = validator
        self._body = bytearray()

    def feed(self, chunk: bytes) -> None:
        self._body += chunk

    def end(self) -> None:
        if self._validator is None:
            if self._body:
                raise UndeclaredReplyError("the reply has a body, none is declared")
            return
        _validate(self._validator, _parsed(bytes(self._body), "the body"), "the body")


class EventCheck:
    """An event stream, frame by frame."""

    def __init__(self, validator: jsonschema_rs.Draft202012Validator) -> None:
        self._validator = validator
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        *frames, self._rest = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n\n")
        for frame in frames:
            for event in _events(frame):
                _validate(self._validator, event, f"the event {event['event']}")

    def end(self) -> None:
        if self._rest.strip():
            raise UndeclaredReplyError("the event stream ended within a frame")


def _events(frame: bytes) -> Iterator[dict[str, Any]]:
    """The event of a frame; none for a comment."""
    fields: dict[str, list[str]] = {}
    for line in frame.decode().split("\n"):
        name, _, value = line.partition(":")
        if name:
            fields.setdefault(name, []).append(value.removeprefix(" "))
    if not fields.keys() & {"event", "data", "id"}:
        return
    event: dict[str, Any] = {"event": fields["event"][-1] if "event" in fields else "message"}
    if "id" in fields:
        event["id"] = fields["id"][-1]
    if "data" in fields:
        event["data"] = _parsed("\n".join(fields["data"]).encode(), f"the data of the event {event['event']}")
    yield event


def _parsed(text: bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UndeclaredReplyError(f"{what} is not JSON: {error}") from None


def _validate(validator: jsonschema_rs.Draft202012Validator, value: Any, what: str) -> None:
    for error in validator.iter_errors(value):
        place = "".join(f"[{step!r}]" for step in error.instance_path)
        raise UndeclaredReplyError(f"{what}{place}: {error.message[:300]}")


def _dialect_3_1(node: Any) -> Any:
    """The contract without what is left of OpenAPI 3.0 (`nullable: true` says nothing in 3.1), and of JSON within texts as JSON."""
    if isinstance(node, list):
        return [_dialect_3_1(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {key: _dialect_3_1(value) for key, value in node.items()}
    if result.get("contentMediaType") == JSON and "contentSchema" in result:
        return result["contentSchema"]  # what is checked has been parsed
    if result.get("nullable") is True and isinstance(result.get("type"), str):
        del result["nullable"]
        result["type"] = [result["type"], "null"]
    return result
