"""Requests that do not fit: each is refused with 422 and a sentence naming field, value and what was expected."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
from fastapi import FastAPI
from pydantic import MISSING
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from allograph.errors import ApiError, StartupError
from allograph.generated import interface, models, routes
from allograph.replies import Json
from allograph.routing import Operations, check

THREAD = "7d0d42ee-2b13-4d51-9d2c-6d0e4a4a4a4a"


class Threads(interface.Threads):
    """Answers with what it was given."""

    async def create_thread(self, request: Request, body: models.ThreadCreate) -> Json[models.Thread]:
        return Json(orjson.dumps(body.model_dump(mode="json")))

    async def search_threads(
        self, request: Request, body: models.ThreadSearchRequest
    ) -> Json[list[models.Thread | models.SelectedThread]]:
        return Json(orjson.dumps(body.model_dump(mode="json")))

    async def get_thread(self, request: Request, thread_id: UUID, *, include: str | None = None) -> Json[models.Thread]:
        return Json(orjson.dumps({"thread_id": thread_id, "include": include}))

    async def get_thread_history(
        self, request: Request, thread_id: UUID, *, limit: int = 10, before: str | None = None
    ) -> Json[list[models.ThreadState]]:
        return Json(orjson.dumps({"limit": limit, "before": before}))

    async def join_thread_stream(self, request: Request, thread_id: UUID, **options: Any) -> Any:
        return Json(orjson.dumps(options))


class ThreadRuns(interface.ThreadRuns):
    async def create_run(self, request: Request, thread_id: UUID, body: models.RunCreateStateful) -> Json[models.Run]:
        return Json(orjson.dumps(body.model_dump(mode="json")))

    async def list_runs(self, request: Request, thread_id: UUID, **options: Any) -> Json[Any]:
        return Json(orjson.dumps(options))

    async def cancel_run(
        self, request: Request, thread_id: UUID, run_id: UUID, *, wait: bool = False, action: str = "interrupt"
    ) -> Response:
        return Json(orjson.dumps({"wait": wait, "action": action}))


class Assistants(interface.Assistants):
    async def get_assistant_graph(self, request: Request, assistant_id: str, *, xray: int | bool = False) -> Json[Any]:
        return Json(orjson.dumps({"assistant_id": assistant_id, "xray": xray}))

    async def list_assistant_versions(
        self, request: Request, assistant_id: UUID, body: models.AssistantVersionsSearchRequest | None
    ) -> Json[Any]:
        return Json(orjson.dumps(None if body is None else body.model_dump(mode="json")))


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse({"detail": error.detail}, error.status)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI(exception_handlers={ApiError: _refused})
    routes.register(app, interface.Handlers(assistants=Assistants(), threads=Threads(), thread_runs=ThreadRuns()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


def deep(levels: int) -> bytes:
    return b'{"metadata":' + b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1) + b"}"


BODIES: dict[str, tuple[str, bytes, str]] = {
    "empty": ("/threads", b"", "the request body is empty"),
    "white space": ("/threads", b" \n", "the request body is empty"),
    "malformed": ("/threads", b'{"metadata":', "the request body is not JSON"),
    "not JSON": ("/threads", b"metadata=1", "the request body is not JSON"),
    "two values": ("/threads", b"{} {}", "the request body is not JSON"),
    "NaN": ("/threads", b'{"metadata":{"a":NaN}}', "the request body is not JSON"),
    "infinite": ("/threads", b'{"metadata":{"a":1e999}}', "the request body is not JSON"),
    "not UTF-8": ("/threads", b'{"metadata":{"a":"\xff"}}', "the request body is not JSON"),
    "a lone surrogate": ("/threads", b'{"metadata":{"a":"\\ud800"}}', "the request body is not JSON"),
    "an array": ("/threads", b"[]", "the request body: expected an object, got []"),
    "null": ("/threads", b"null", "the request body: expected an object, got null"),
    "a NUL character": (
        "/threads",
        b'{"metadata":{"a":["x","y\\u0000"]}}',
        "metadata.a[1]: a string must not contain the NUL",
    ),
    "a NUL character in a key": (
        "/threads",
        b'{"metadata":{"a\\u0000":1}}',
        "metadata: a string must not contain the NUL",
    ),
    "101 levels": ("/threads", deep(101), "nested more than 100 levels"),
    "2000 levels": ("/threads", b'{"metadata":' + b"[" * 2000 + b"]" * 2000 + b"}", "nested more than 100 levels"),
    "a wrong type": ("/threads", b'{"metadata":5}', "metadata: expected an object, got 5"),
    "null for an optional field": ("/threads", b'{"metadata":null}', "metadata: expected an object, got null"),
    "a bad UUID": ("/threads", b'{"thread_id":"abc"}', 'thread_id: expected a UUID, got "abc"'),
    "an unknown value": ("/threads", b'{"if_exists":"zz"}', "if_exists: expected 'raise' or 'do_nothing', got \"zz\""),
    "inside an object": ("/threads", b'{"ttl":{"ttl":"soon"}}', 'ttl.ttl: expected a number, got "soon"'),
    "inside an array": (
        "/threads",
        b'{"supersteps":[{"updates":[{"values":{}}]}]}',
        "supersteps[0].updates[0].as_node is required",
    ),
    "too small": ("/threads/search", b'{"limit":0}', "limit: expected at least 1, got 0"),
    "too large": ("/threads/search", b'{"limit":1001}', "limit: expected at most 1000, got 1001"),
    "a boolean for a number": ("/threads/search", b'{"limit":true}', "limit: expected an integer, got true"),
    "a string for a number": ("/threads/search", b'{"limit":"5"}', 'limit: expected an integer, got "5"'),
    "a fraction for an integer": ("/threads/search", b'{"limit":1.5}', "limit: expected an integer, got 1.5"),
    "an item of a list": ("/threads/search", b'{"ids":["x"]}', 'ids[0]: expected a UUID, got "x"'),
    "an unknown item": ("/threads/search", b'{"select":["thread_id","zz"]}', "select[1]: expected 'thread_id', "),
    "a missing field": (f"/threads/{THREAD}/runs", b"{}", "assistant_id is required"),
    "neither arm of a union": (
        f"/threads/{THREAD}/runs",
        b'{"assistant_id":5}',
        "assistant_id: expected a UUID or a string, got 5",
    ),
    "an unknown stream mode": (
        f"/threads/{THREAD}/runs",
        b'{"assistant_id":"a","stream_mode":"zz"}',
        "stream_mode: expected ",
    ),
    "an unknown stream mode in a list": (
        f"/threads/{THREAD}/runs",
        b'{"assistant_id":"a","stream_mode":["values","tools"]}',
        "stream_mode[1]: expected 'values', ",
    ),
    "a union within an object": (
        f"/threads/{THREAD}/runs",
        b'{"assistant_id":"a","command":{"goto":5}}',
        "command.goto: expected an object or an array or a string, got 5",
    ),
    "deep in the arm of a union": (
        f"/threads/{THREAD}/runs",
        b'{"assistant_id":"a","command":{"goto":[{"node":"n","input":1},{"input":1}]}}',
        "command.goto[1]",
    ),
    "a long value": ("/threads", orjson.dumps({"metadata": "x" * 5000}), 'metadata: expected an object, got "xxxx'),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_bad_body(client: httpx.AsyncClient, name: str) -> None:
    path, body, sentence = BODIES[name]
    answer = await client.post(path, content=body)
    assert answer.status_code == 422
    assert sentence in answer.json()["detail"]
    assert len(answer.json()["detail"]) < 300
    assert "\n" not in answer.json()["detail"]


GOOD: dict[str, tuple[bytes, dict[str, Any]]] = {
    "nothing": (b"{}", {}),
    "unknown fields are kept": (b'{"other":[1]}', {"other": [1]}),
    "100 levels": (deep(100), {}),
    "a backslash before u0000": (b'{"metadata":{"a":"\\\\u0000"}}', {"metadata": {"a": "\\u0000"}}),
    "text in other scripts": ('{"metadata":{"a":"ʒ😀"}}'.encode(), {"metadata": {"a": "ʒ😀"}}),
    "many brackets, few levels": (b'{"metadata":{"a":[' + b",".join([b"[]"] * 300) + b"]}}", {}),
}


@pytest.mark.parametrize("name", GOOD)
async def test_a_good_body(client: httpx.AsyncClient, name: str) -> None:
    body, expected = GOOD[name]
    answer = await client.post("/threads", content=body)
    assert answer.status_code == 200, answer.text
    assert expected.items() <= answer.json().items()


async def test_json_is_read_whatever_the_content_type_says(client: httpx.AsyncClient) -> None:
    for content_type in ("application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8"):
        answer = await client.post("/threads", content=b'{"metadata":{"a":1}}', headers={"content-type": content_type})
        assert answer.json()["metadata"] == {"a": 1}


async def test_json_has_one_kind_of_number(client: httpx.AsyncClient) -> None:
    assert (await client.post("/threads/search", content=b'{"limit":303.0}')).json()["limit"] == 303


async def test_a_body_may_be_left_out_where_the_contract_says_so(client: httpx.AsyncClient) -> None:
    path = f"/assistants/{THREAD}/versions"
    assert (await client.post(path)).json() is None
    assert (await client.post(path, content=b"null")).status_code == 422
    assert (await client.post(path, content=b'{"limit":3}')).json()["limit"] == 3
    assert (await client.post(path, content=b'{"limit":0}')).status_code == 422


PARAMETERS: dict[str, tuple[str, str]] = {
    "a bad UUID in the path": ("/threads/abc", 'the path parameter thread_id: expected a UUID, got "abc"'),
    "a UUID without hyphens": ("/threads/7d0d42ee2b134d519d2c6d0e4a4a4a4a", "expected a UUID"),
    "a UUID in braces": (f"/threads/{{{THREAD}}}", "expected a UUID"),
    "a NUL character in the path": (
        "/assistants/a%00b/graph",
        "the path parameter assistant_id must not contain the NUL",
    ),
    "a NUL character in the query": (
        f"/threads/{THREAD}?include=a%00",
        "the query parameter include must not contain the NUL",
    ),
    "no number": (f"/threads/{THREAD}/history?limit=abc", 'the query parameter limit: expected an integer, got "abc"'),
    "an empty number": (f"/threads/{THREAD}/history?limit=", "the query parameter limit: expected an integer"),
    "a fraction": (f"/threads/{THREAD}/history?limit=1.5", "expected an integer"),
    "an underscore": (f"/threads/{THREAD}/history?limit=1_0", "expected an integer"),
    "too small": (f"/threads/{THREAD}/history?limit=-1", "the query parameter limit: expected at least 1"),
    "beyond 64 bits": (f"/threads/{THREAD}/history?limit=9223372036854775808", "expected an integer"),
    "beyond all bits": (f"/threads/{THREAD}/history?limit={'9' * 5000}", "expected an integer"),
    "an unknown value": (f"/threads/{THREAD}/runs?status=zz", "the query parameter status: expected 'pending', "),
    "an unknown item": (f"/threads/{THREAD}/runs?select=run_id&select=zz", "the query parameter select"),
    "neither arm": (
        f"/assistants/{THREAD}/graph?xray=zz",
        "the query parameter xray: expected an integer or true or false",
    ),
}


@pytest.mark.parametrize("name", PARAMETERS)
async def test_a_bad_parameter(client: httpx.AsyncClient, name: str) -> None:
    path, sentence = PARAMETERS[name]
    answer = await client.get(path)
    assert answer.status_code == 422
    assert sentence in answer.json()["detail"]
    assert len(answer.json()["detail"]) < 300


@pytest.mark.parametrize(
    ("query", "wait"), [("", False), ("wait=1", True), ("wait=0", False), ("wait=true", True), ("wait=False", False)]
)
async def test_booleans_as_the_sdks_write_them(client: httpx.AsyncClient, query: str, wait: bool) -> None:
    answer = await client.post(f"/threads/{THREAD}/runs/{THREAD}/cancel?{query}")
    assert answer.json() == {"wait": wait, "action": "interrupt"}


@pytest.mark.parametrize(("query", "xray"), [("", False), ("xray=1", 1), ("xray=2", 2), ("xray=true", True)])
async def test_an_integer_or_a_boolean(client: httpx.AsyncClient, query: str, xray: int | bool) -> None:
    answer = (await client.get(f"/assistants/chat/graph?{query}")).json()
    assert answer["assistant_id"] == "chat"
    assert answer["xray"] == xray
    assert type(answer["xray"]) is type(xray)


async def test_several_values(client: httpx.AsyncClient) -> None:
    for query in ("select=run_id&select=status", "select=run_id,status"):
        answer = await client.get(f"/threads/{THREAD}/runs?{query}")
        assert answer.json() == {"limit": 10, "offset": 0, "status": None, "select": ["run_id", "status"]}


async def test_headers_and_defaults(client: httpx.AsyncClient) -> None:
    path = f"/threads/{THREAD}/stream"
    assert (await client.get(path)).json() == {
        "last_event_id": None,
        "stream_modes": ["run_modes"],
        "stream_mode": None,
    }
    answer = await client.get(path, headers={"Last-Event-ID": "7"})
    assert answer.json()["last_event_id"] == "7"


async def test_a_path_answers_405_with_all_its_methods(client: httpx.AsyncClient) -> None:
    answer = await client.put(f"/threads/{THREAD}")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "PATCH", "DELETE"}


async def test_an_unknown_path_is_left_to_the_routes_after(client: httpx.AsyncClient) -> None:
    assert (await client.get("/nope")).status_code == 404
    assert (await client.get("/threads/")).status_code in (404, 307)


async def test_a_literal_path_wins(client: httpx.AsyncClient) -> None:
    assert (await client.post("/threads/search", content=b"{}")).json()["limit"] == 10
    assert (await client.delete("/threads/search")).status_code == 405


async def test_head_is_answered_like_get(client: httpx.AsyncClient) -> None:
    assert (await client.head(f"/threads/{THREAD}")).status_code == 200


async def test_an_operation_without_a_handler_is_501(client: httpx.AsyncClient) -> None:
    for path, method in (("/threads/count", "Threads.count_threads"), ("/runs/crons/count", "Crons.count_crons")):
        answer = await client.post(path, json={})
        assert answer.status_code == 501
        assert f"no handler defines {method}" in answer.json()["detail"]


def test_missing_methods_are_named_and_absent_fields_are_missing() -> None:
    missing = {op.qualified_name for op in check(routes.OPERATIONS, interface.Handlers(threads=Threads()))}
    assert "Threads.count_threads" in missing
    assert "Threads.get_thread" not in missing
    assert "System.get_info" in missing
    assert models.ThreadCreate.model_validate({}).metadata is MISSING


class PositionalLacking(interface.Threads):
    async def get_thread(self, request: Request) -> Any: ...


class Renamed(interface.Threads):
    async def get_thread(self, request: Request, id_of_thread: UUID, *, include: str | None = None) -> Any: ...


class KeywordLacking(interface.Threads):
    async def get_thread(self, request: Request, thread_id: UUID) -> Any: ...


class Demanding(interface.Threads):
    async def get_thread(self, request: Request, thread_id: UUID, *, tenant: str, include: str | None = None) -> Any: ...


class Blocking(interface.Threads):
    def get_thread(self, request: Request, thread_id: UUID, *, include: str | None = None) -> Any: ...


@pytest.mark.parametrize("handler", [PositionalLacking, Renamed, KeywordLacking, Demanding, Blocking])
def test_a_wrong_signature_stops_the_start(handler: type[interface.Threads]) -> None:
    with pytest.raises(StartupError, match=rf"{handler.__name__}\.get_thread"):
        routes.register(FastAPI(), interface.Handlers(threads=handler()))


class Decorated(interface.Threads):
    async def get_thread(self, *arguments: Any, **options: Any) -> Any: ...


class Generous(interface.Threads):
    async def get_thread(self, request: Request, thread_id: UUID, *, include: str | None = None, extra: int = 1) -> Any: ...


@pytest.mark.parametrize("handler", [Decorated, Generous])
def test_a_signature_that_takes_more_is_fine(handler: type[interface.Threads]) -> None:
    routes.register(FastAPI(), interface.Handlers(threads=handler()))


def test_every_path_is_one_route() -> None:
    app = FastAPI()
    routes.register(app, interface.Handlers())
    registered = next(route for route in app.router.routes if isinstance(route, Operations))
    operations = [operation for route in registered.routes for operation in route.operations.values()]
    assert sorted(op.operation_id for op in operations) == sorted(op.operation_id for op in routes.OPERATIONS)
