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

import orjson
import pytest

from allograph import contract
from allograph.contract_check import BodyCheck, DeclaredReplies, UndeclaredReplyError
from allograph.errors import Invalid
from allograph.generated import routes
from allograph.routing import Operation
from scripts.contract.cli import ROOT

RECORDINGS = ROOT / "tests" / "recordings"

DEVIATIONS = {
    ("GET /info", '"metadata" is a required property'): "we answer both `metadata` and `host`",
    ("POST /assistants/{assistant_id}/versions", '"updated_at" is a required property'): "we answer `updated_at`",
    ("GET /assistants/{assistant_id}/schemas", "null is not of type"): "a schema that cannot be made is left out",
    ("GET /assistants/{assistant_id}/subgraphs", "null is not of type"): "as above",
    ("GET /assistants/{assistant_id}/subgraphs/{namespace}", "null is not of type"): "as above",
    ("POST /threads/count", "status 500"): "a crash is never parity",
    ("POST /threads/search", "status 500"): "a crash is never parity",
    ("POST /threads/{thread_id}/history", "status 500"): "a crash is never parity",
    ("POST /threads", "status 201"): "created is 200 with and without supersteps",
    ("POST /threads/search", "status 400"): "a UUID that is none is 422 everywhere",
    ("GET /threads/{thread_id}/runs", "status 400"): "as above",
    ("POST /threads/{thread_id}/copy", "status 400"): "as above",
}
"""Operation and a part of the violation → what we do instead."""

REFUSED = {"invalid.nul": "NUL characters cannot be stored"}
"""Recordings of bodies that the reference accepts and we refuse."""


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
    lines = [f"event: {event['event']}"] + ([f"id: {event['id']}"] if "id" in event else [])
    return "\n".join([*lines, f"data: {orjson.dumps(event.get('data')).decode()}", "", ""]).encode()


def test_every_body_that_the_reference_accepts_is_accepted(
    recorded: list[tuple[str, Operation, dict[str, Any]]],
) -> None:
    refused = []
    for name, operation, exchange in recorded:
        body = getattr(routes, f"_{operation.name.upper()}_BODY", None)
        if body is None or exchange["status"] >= 400 or "body" not in exchange["request"]:
            continue
        try:
            body._checked(orjson.dumps(made_real(exchange["request"]["body"])))
        except Invalid as error:
            if name not in REFUSED:
                refused.append(f"{name}: {operation.method} {operation.path}: {error.detail}")
    assert refused == []


def test_actions_cite_recordings_that_exist() -> None:
    cited = re.findall(r"x-recording: (\S+)", (ROOT / "openapi" / "reality.overlay.yaml").read_text())
    assert cited
    for path in cited:
        assert (ROOT / Path(path)).exists(), path
