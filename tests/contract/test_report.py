"""The report of what changed between two contracts."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from scripts.contract.cli import GENERATED, OPENAPI
from scripts.contract.generate import names_of
from scripts.contract.report import Report, compare
from tests.contract.conftest import archive_thread

CONTRACT: dict[str, Any] = json.loads((GENERATED / "openapi.json").read_bytes())
NAMES = names_of(OPENAPI)


def after(edit: Callable[[dict[str, Any]], Any]) -> Report:
    changed = copy.deepcopy(CONTRACT)
    edit(changed)
    return compare(CONTRACT, changed, NAMES)


def schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][name]
    return found


def operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"][path][method]
    return found


def parameter(document: dict[str, Any], method: str, path: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(p for p in operation(document, method, path)["parameters"] if p["name"] == name)
    return found


def test_the_same_contract() -> None:
    report = after(lambda document: None)
    assert report.operations == []
    assert str(report) == "the contract is unchanged"


def test_an_added_operation_is_a_handler_to_write() -> None:
    report = after(archive_thread)
    assert list(report.handlers()) == [("write", "Threads.archive_thread")]
    assert not report.breaking
    assert "POST /threads/{thread_id}/archive" in str(report)
    assert "write   Threads.archive_thread" in str(report)


def test_a_removed_operation_is_breaking_and_a_handler_to_remove() -> None:
    report = after(lambda document: document["paths"].pop("/threads/count"))
    assert list(report.handlers()) == [("remove", "Threads.count_threads")]
    assert report.breaking


def test_every_operation_that_takes_a_changed_schema_is_named() -> None:
    report = after(lambda document: schema(document, "CheckpointConfig")["properties"].update(depth={"type": "integer"}))
    handlers = {handler for _, handler in report.handlers()}
    assert {"ThreadRuns.create_run", "Threads.update_thread_state", "Threads.get_thread_state"} <= handlers
    assert "Assistants.create_assistant" not in handlers


CASES: dict[str, tuple[Callable[[dict[str, Any]], Any], str, str, bool]] = {
    "optional body field added": (
        lambda d: schema(d, "ThreadCreate")["properties"].update(priority={"type": "integer"}),
        "Threads.create_thread", "body.priority: added", False,
    ),
    "required body field added": (
        lambda d: schema(d, "ThreadPruneRequest").update(required=["why"], properties={"why": {"type": "string"}}),
        "Threads.prune_threads", "body.why: added", True,
    ),
    "body field removed": (
        lambda d: schema(d, "ThreadPatch")["properties"].pop("metadata"),
        "Threads.patch_thread", "body.metadata: removed", True,
    ),
    "body field became required": (
        lambda d: schema(d, "ThreadPatch").update(required=["metadata"]),
        "Threads.patch_thread", "body.metadata: became required", True,
    ),
    "value added to what a client may send": (
        lambda d: schema(d, "ThreadPruneRequest")["properties"]["strategy"]["enum"].append("archive"),
        "Threads.prune_threads", "body.strategy: value added: archive", False,
    ),
    "value added to what a client reads": (
        lambda d: schema(d, "Run")["properties"]["status"]["enum"].append("paused"),
        "ThreadRuns.get_run", "200 application/json.status: value added: paused", True,
    ),
    "value removed from what a client may send": (
        lambda d: schema(d, "ThreadPruneRequest")["properties"]["strategy"]["enum"].remove("delete"),
        "Threads.prune_threads", "body.strategy: value removed: delete", True,
    ),
    "type of a body field changed": (
        lambda d: schema(d, "ThreadPruneRequest")["properties"]["strategy"].update(type="integer"),
        "Threads.prune_threads", "body.strategy: type string became integer", True,
    ),
    "type of a body field widened": (
        lambda d: schema(d, "ThreadPatch")["properties"]["metadata"].update(type=["object", "null"]),
        "Threads.patch_thread", "body.metadata: type object became null | object", False,
    ),
    "type of a reply field widened": (
        lambda d: schema(d, "ThreadPruneResponse")["properties"]["pruned_count"].update(type=["integer", "null"]),
        "Threads.prune_threads", "200 application/json.pruned_count: type integer became integer | null", True,
    ),
    "reply field no longer promised": (
        lambda d: schema(d, "ThreadPruneResponse").update(required=[]),
        "Threads.prune_threads", "200 application/json.pruned_count: became optional", True,
    ),
    "parameter became required": (
        lambda d: parameter(d, "get", "/threads/{thread_id}", "include").update(required=True),
        "Threads.get_thread", "query include: became required", True,
    ),
    "parameter added": (
        lambda d: operation(d, "get", "/threads/{thread_id}/storage").setdefault("parameters", []).append(
            {"name": "depth", "in": "query", "schema": {"type": "integer"}}
        ),
        "Threads.get_thread_storage", "query depth: added", False,
    ),
    "limit changed": (
        lambda d: schema(d, "ThreadSearchRequest")["properties"]["limit"].update(maximum=50),
        "Threads.search_threads", "body.limit: limits minimum 1, maximum 1000 became minimum 1, maximum 50", True,
    ),
    "body became optional": (
        lambda d: operation(d, "post", "/threads").get("requestBody", {}).update(required=False),
        "Threads.create_thread", "body became optional", False,
    ),
    "success status replaced": (
        lambda d: operation(d, "post", "/threads/prune")["responses"].update(
            {"202": operation(d, "post", "/threads/prune")["responses"].pop("200")}
        ),
        "Threads.prune_threads", "status 200 removed", True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_change(name: str) -> None:
    edit, handler, text, breaking = CASES[name]
    report = after(edit)
    found = next(operation for operation in report.operations if operation.handler == handler)
    change = next((change for change in found.changes if change.text == text), None)
    assert change, [change.text for change in found.changes]
    assert change.breaking is breaking
    assert ("change", handler) in list(report.handlers())


def test_a_new_error_status_asks_nothing_of_the_handler() -> None:
    report = after(lambda d: operation(d, "get", "/info")["responses"].update({"429": {"description": "slow down"}}))
    assert [change.text for change in report.operations[0].changes] == ["status 429 added"]
    assert not report.breaking
    assert list(report.handlers()) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda links: links.pop("get"), "! status 204: link get removed"),
        (lambda links: links.update(read=links["get"]), "  status 204: link read added"),
        (lambda links: links["search"].pop("requestBody"), "  status 204: link search changed"),
    ],
)
def test_a_link_asks_nothing_of_the_handler(change: Callable[[dict[str, Any]], Any], said: str) -> None:
    report = after(lambda document: change(operation(document, "put", "/store/items")["responses"]["204"]["links"]))
    assert said in str(report)
    assert list(report.handlers()) == []
