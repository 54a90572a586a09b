"""Replies that break the contract are caught: before they leave as a 500, after that by breaking off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from allograph import contract
from allograph.contract_check import ContractCheckMiddleware, DeclaredReplies, UndeclaredReplyError
from allograph.errors import ApiError, NotFound
from allograph.generated import interface, models, routes
from allograph.replies import Json, NoContent

THREAD = "7d0d42ee-2b13-4d51-9d2c-6d0e4a4a4a4a"
NOW = "2026-11-21T02:16:11.503289+00:00"
GOOD_THREAD = {
    "thread_id": THREAD,
    "created_at": NOW,
    "updated_at": NOW,
    "metadata": {},
    "status": "idle",
    "values": None,
}


class Handler(interface.Threads, interface.ThreadRuns):
    """Answers everything with the reply it was made with."""

    def __init__(self, reply: Response | Exception) -> None:
        self._reply = reply

    async def get_thread(self, request: Request, thread_id: UUID, *, include: str | None = None) -> Any:
        return self._answer()

    async def delete_thread(self, request: Request, thread_id: UUID) -> Any:
        return self._answer()

    async def wait_run(self, request: Request, thread_id: UUID, body: models.RunCreateStreamingStateful) -> Any:
        return self._answer()

    async def stream_run(self, request: Request, thread_id: UUID, body: models.RunCreateStreamingStateful) -> Any:
        return self._answer()

    def _answer(self) -> Response:
        if isinstance(self._reply, Exception):
            raise self._reply
        return self._reply


class Checked:
    """An app with one reply, and what the check found."""

    def __init__(self, reply: Response | Exception) -> None:
        self.violations: list[str] = []
        self.messages: list[dict[str, Any]] = []
        handler = Handler(reply)
        self.app = FastAPI(exception_handlers={ApiError: _refused})
        self.app.add_middleware(ContractCheckMiddleware, violations=self.violations)
        routes.register(self.app, interface.Handlers(threads=handler, thread_runs=handler))

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://test") as client:
            return await client.request(method, path, **options)

    async def sent(self, path: str) -> list[dict[str, Any]]:
        """The messages that left the app for a POST, with the exception that ended it, if one did."""
        messages = self.messages

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b'{"assistant_id":"a"}', "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "headers": [],
            "state": {},
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        try:
            await self.app(scope, receive, send)  # type: ignore[arg-type]
        except UndeclaredReplyError as error:
            messages.append({"type": "error", "error": error})
        return messages


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse({"detail": error.detail}, error.status)


def thread(**changes: Any) -> bytes:
    return orjson.dumps({key: value for key, value in {**GOOD_THREAD, **changes}.items() if value != "left out"})


@pytest.mark.parametrize(
    "reply",
    [
        Json[Any](thread()),
        Json[Any](thread(values={"messages": []}, interrupts={}, error=None, extra="field")),
        NotFound("Thread not found"),
    ],
)
async def test_what_is_declared_passes_unchanged(reply: Response | Exception) -> None:
    checked = Checked(reply)
    answer = await checked.request("GET", f"/threads/{THREAD}")
    assert answer.status_code == (200 if isinstance(reply, Response) else 404)
    assert not isinstance(reply, Response) or answer.content == reply.body
    assert checked.violations == []


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Json[Any](thread(), 201), "status 201 is not declared"),
        (Json[Any](thread(status="asleep")), "the body['status']"),
        (Json[Any](thread(thread_id="abc")), "the body['thread_id']"),
        (Json[Any](thread(created_at="yesterday")), "the body['created_at']"),
        (Json[Any](thread(metadata=None)), "the body['metadata']"),
        (Json[Any](thread(metadata="left out")), '"metadata" is a required property'),
        (Json[Any](b"{"), "the body is not JSON"),
        (Json[Any](b""), "the body is not JSON"),
        (Response(b"text", media_type="text/plain"), "the reply is text/plain"),
        (Response(thread()), "the reply is without a content type"),
        (StreamingResponse(iter(()), 418), "status 418 is not declared"),
    ],
)
async def test_what_is_not_declared_becomes_a_500(reply: Response, sentence: str) -> None:
    checked = Checked(reply)
    answer = await checked.request("GET", f"/threads/{THREAD}")
    assert answer.status_code == 500
    assert answer.json()["detail"].startswith(f"contract violation: GET /threads/{THREAD}: ")
    assert sentence in answer.json()["detail"]
    assert checked.violations == [answer.json()["detail"]]


async def test_an_error_has_a_declared_shape_too() -> None:
    checked = Checked(JSONResponse({"message": "no"}, 404))
    answer = await checked.request("GET", f"/threads/{THREAD}")
    assert '"detail" is a required property' in answer.json()["detail"]


async def test_a_reply_without_a_body() -> None:
    assert (await Checked(NoContent()).request("DELETE", f"/threads/{THREAD}")).status_code == 204
    checked = Checked(Response(b"bye", 204, {"content-length": "3"}))
    assert "the reply has a body, none is declared" in (await checked.request("DELETE", f"/threads/{THREAD}")).text


async def test_what_the_routes_refuse_is_declared() -> None:
    checked = Checked(Json[Any](thread()))
    assert (await checked.request("GET", "/threads/abc")).status_code == 422
    assert (await checked.request("GET", "/threads/abc/history")).status_code == 501
    assert (await checked.request("PUT", f"/threads/{THREAD}")).status_code == 405
    assert (await checked.request("GET", "/nope")).status_code == 404
    assert checked.violations == []


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def stream(*parts: bytes) -> StreamingResponse:
    return StreamingResponse(chunks(*parts), media_type="text/event-stream")


async def test_json_that_keeps_the_connection_alive_with_newlines() -> None:
    checked = Checked(StreamingResponse(chunks(b"\n", b"\n", b'{"messages":', b"[]}"), media_type="application/json"))
    messages = await checked.sent(f"/threads/{THREAD}/runs/wait")
    assert b"".join(message.get("body", b"") for message in messages) == b'\n\n{"messages":[]}'
    assert checked.violations == []


async def test_streamed_json_that_is_broken_ends_in_an_error() -> None:
    checked = Checked(StreamingResponse(chunks(b"\n", b'{"messages":'), media_type="application/json"))
    messages = await checked.sent(f"/threads/{THREAD}/runs/wait")
    assert messages[0]["status"] == 200
    assert messages[-1]["type"] == "error"
    assert "the body is not JSON" in checked.violations[0]


@pytest.mark.parametrize(
    "parts",
    [
        (b'event: values\ndata: {"a":1}\n\n',),
        (b"event: val", b'ues\ndata: {"a"', b":1}\n", b"\nevent: end\n\n"),
        (b'id: 1\r\nevent: values\r\ndata: {"a":1}\r', b"\n\r\n"),
        (b": heartbeat\n\n", b'event: error\ndata: "x"\n\n'),
        (b'event: updates\ndata: {"a":\ndata: 1}\n\n',),
        (),
    ],
)
async def test_an_event_stream(parts: tuple[bytes, ...]) -> None:
    checked = Checked(stream(*parts))
    messages = await checked.sent(f"/threads/{THREAD}/runs/stream")
    assert b"".join(message.get("body", b"") for message in messages) == b"".join(parts)
    assert checked.violations == []


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        (
            (b"event: values\ndata: {}\n\n", b"event: values\ndata: {oops\n\n"),
            "the data of the event values is not JSON",
        ),
        ((b"event: values\ndata: {}\n\n", b"event: values\ndata: {}"), "the event stream ended within a frame"),
    ],
)
async def test_a_broken_event_stream_breaks_off(parts: tuple[bytes, ...], sentence: str) -> None:
    checked = Checked(stream(*parts))
    messages = await checked.sent(f"/threads/{THREAD}/runs/stream")
    assert messages[0]["status"] == 200
    assert messages[1]["body"] == parts[0]
    assert messages[-1]["type"] == "error"
    assert len(checked.violations) == 1
    assert sentence in checked.violations[0]


async def test_the_headers_of_a_stream_do_not_wait_for_its_first_event() -> None:
    sent_before_the_first_event: list[str] = []

    async def first_event() -> AsyncIterator[bytes]:
        sent_before_the_first_event.extend(message["type"] for message in checked.messages)
        yield b"event: a\ndata: 1\n\n"

    checked = Checked(StreamingResponse(first_event(), media_type="text/event-stream"))
    await checked.sent(f"/threads/{THREAD}/runs/stream")
    assert sent_before_the_first_event == ["http.response.start"]


def test_events_of_the_thread_protocol_have_their_own_schema() -> None:
    operation = next(op for op in routes.OPERATIONS if op.name == "stream_thread_events")
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
    check = DeclaredReplies(contract.document()).check(operation, start)
    assert check
    event = {"type": "event", "seq": 1, "method": "values", "params": {"namespace": [], "timestamp": 1, "data": {}}}
    check.feed(b"event: values\ndata: " + orjson.dumps(event) + b"\n\n")
    with pytest.raises(UndeclaredReplyError, match="seq"):
        check.feed(b"event: values\ndata: " + orjson.dumps({**event, "seq": -1}) + b"\n\n")
