"""The contract with reality laid over it against what the reference was recorded to answer.

Every recorded reply fits, except where the reference breaks its own contract and no client needs that: those are listed
here, so that a new deviation is seen. What the reference accepts is accepted, with exceptions listed as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import orjson
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from allograph import contract
from allograph.contract_check import BodyCheck, DeclaredReplies, UndeclaredReplyError
from allograph.errors import ApiError
from allograph.generated import interface, routes
from allograph.replies import NoContent
from allograph.routing import Operation
from scripts.contract.cli import ROOT

RECORDINGS = ROOT / "tests" / "recordings"

DEVIATIONS = {
    ("GET /info", '"metadata" is a required property'): "we answer both `metadata` and `host`",
    ("POST /assistants/{assistant_id}/versions", '"updated_at" is a required property'): "we answer `updated_at`",
    ("GET /assistants/{assistant_id}/schemas", "null is not of type"): "a schema that cannot be made is left out",
    ("GET /assistants/{assistant_id}/subgraphs", "null is not of type"): "as above",
    ("GET /assistants/{assistant_id}/subgraphs/{namespace}", "null is not of type"): "as above",
    ("POST /threads/{thread_id}/runs/{run_id}/cancel", "zero-length"): "a reply that says JSON has a body",
    ("GET /threads/{thread_id}/state/{checkpoint_id}", '"checkpoint_id":"nope"'): "checkpoints are named by UUIDs, others are 422",
    ("POST /threads/count", "status 500"): "a crash is never parity",
    ("POST /threads/search", "status 500"): "a crash is never parity",
    ("POST /threads/{thread_id}/history", "status 500"): "a crash is never parity",
    ("POST /threads", "status 201"): "created is 200 with and without supersteps",
    ("POST /threads/search", "status 400"): "a UUID that is none is 422 everywhere",
    ("GET /threads/{thread_id}/runs", "status 400"): "as above",
    ("POST /threads/{thread_id}/copy", "status 400"): "as above",
    ("POST /threads/{thread_id}/commands", '"type" is a required property'): "what is no JSON gets the error body of commands",
    ("POST /threads/{thread_id}/commands", "oneOf"): "an id that is no integer is not sent back",
    ("POST /runs/crons", 'is not a "date-time"'): "an end is a time",
    ("PATCH /runs/crons/{cron_id}", 'is not a "date-time"'): "as above",
    ("PUT /store/items", "without a content type"): "errors are JSON",
    ("GET /store/items", "without a content type"): "as above",
    ("DELETE /store/items", "without a content type"): "as above",
    ("POST /store/items/search", "without a content type"): "as above",
    ("POST /store/namespaces", "without a content type"): "as above",
    ("GET /store/items", '"detail" is a required property'): "as above",
    ("POST /store/items/search", "status 400"): "a filter that says nothing is 422",
    ("POST /store/items/search", "status 500"): "a crash is never parity",
    ("POST /store/namespaces", "status 500"): "a crash is never parity",
}
"""Operation and a part of the violation → what we do instead."""

REFUSED = {
    "invalid.nul": "NUL characters cannot be stored",
    "runs.list_wrong": "an unknown status is no filter",
    "crons.create_wrong": "an end is a time in a time zone",
    "crons.patch_wrong": "as above",
    "store.delete": "every item has a namespace",
    "store.namespaces_wrong": "a page has rows, a namespace labels",
    "store.put_ttl": "a time to live ends in the future",
    "store.search_wrong": "a page has rows",
    "state.at_unknown_checkpoint": "the contract has checkpoints named by UUIDs",
}
"""Recordings of what the reference accepts and we refuse."""


def exchanges() -> Iterator[tuple[str, Operation, dict[str, Any]]]:
    for path in sorted(RECORDINGS.glob("*.json")):
        for exchange in json.loads(path.read_bytes()):
            asked = exchange["request"]
            if operation := operation_of(asked["method"], urlsplit(asked["path"]).path):
                yield path.stem, operation, exchange


def operation_of(method: str, path: str) -> Operation | None:
    for operation in routes.OPERATIONS:
        if operation.method == method and re.fullmatch(re.sub(r"{[^}]+}", "[^/]+", operation.path), path):
            return operation
    return None


def made_real(node: Any) -> Any:
    """A recording with values in place of what was normalised: ids, times, numbers."""
    if isinstance(node, list):
        return [made_real(item) for item in node]
    if isinstance(node, dict):
        return {made_real(key): made_real(value) for key, value in node.items()}
    if not isinstance(node, str):
        return node
    if node in ("<milliseconds>", "<bytes>"):
        return 1
    node = re.sub(r"<time[^>]*>", "2026-11-21T02:16:11.503289+00:00", node)
    return re.sub(r"<(?:id-(\d+)|assistant \w+)>", lambda found: str(UUID(int=int(found[1] or 0))), node)


@pytest.fixture(scope="module")
def recorded() -> list[tuple[str, Operation, dict[str, Any]]]:
    found = list(exchanges())
    assert len(found) > 500
    return found


def test_every_recorded_reply_is_declared(recorded: list[tuple[str, Operation, dict[str, Any]]]) -> None:
    replies = DeclaredReplies(contract.document())
    violations, seen = [], set()
    for name, operation, exchange in recorded:
        try:
            _check(replies, operation, exchange)
        except UndeclaredReplyError as violation:
            title = f"{operation.method} {operation.path}"
            known = {key for key in DEVIATIONS if key[0] == title and key[1] in str(violation)}
            seen |= known
            if not known:
                violations.append(f"{name}: {title}: {violation}")
    assert violations == []
    assert seen == DEVIATIONS.keys(), "a deviation is gone from the recordings: remove it from the list"


def _check(replies: DeclaredReplies, operation: Operation, exchange: dict[str, Any]) -> None:
    headers = [(name.encode(), value.encode()) for name, value in exchange["headers"].items()]
    check = replies.check(operation, {"status": exchange["status"], "headers": headers})
    if check is None:
        return
    if isinstance(check, BodyCheck):
        if "body" in exchange:
            check.feed(orjson.dumps(made_real(exchange["body"])))
    else:
        for event in exchange["events"]:
            check.feed(_frame(made_real(event)))
    check.end()


def _frame(event: dict[str, Any]) -> bytes:
    if "comment" in event:
        return f": {event['comment']}\n\n".encode()
    lines = [f"event: {event['event']}"] + ([f"id: {event['id']}"] if "id" in event else [])
    return "\n".join([*lines, f"data: {orjson.dumps(event.get('data')).decode()}", "", ""]).encode()


async def test_every_request_that_the_reference_accepts_is_accepted(
    recorded: list[tuple[str, Operation, dict[str, Any]]],
) -> None:
    app = FastAPI(docs_url=None, exception_handlers={ApiError: refusal})
    routes.register(app, accepting_everything())
    refused = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        for name, _, exchange in recorded:
            if exchange["status"] >= 400 or name in REFUSED:
                continue
            asked = made_real(exchange["request"])
            content = orjson.dumps(asked["body"]) if "body" in asked else asked.get("text", "").encode()
            answer = await client.request(asked["method"], asked["path"], content=content)
            if answer.status_code != 204:
                refused.append(f"{name}: {asked['method']} {asked['path']}: {answer.text}")
    assert refused == []


def accepting_everything() -> interface.Handlers:
    """A handler for every operation; it answers 204 to whatever the routes let through."""

    async def accept(self: Any, *arguments: Any, **options: Any) -> Response:
        return NoContent()

    methods: dict[tuple[str, type], dict[str, Any]] = {}
    for operation in routes.OPERATIONS:
        methods.setdefault((operation.field, operation.interface), {})[operation.name] = accept
    return interface.Handlers(**{field: type("All", (base,), names)() for (field, base), names in methods.items()})


async def refusal(request: Request, error: Exception) -> Response:
    return JSONResponse(str(error), 422)


def test_actions_cite_recordings_that_exist() -> None:
    cited = re.findall(r"x-recording: (\S+)", (ROOT / "openapi" / "reality.overlay.yaml").read_text())
    assert cited
    for path in cited:
        assert (ROOT / Path(path)).exists(), path
