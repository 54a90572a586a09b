"""What a client may not send: a 4xx and a sentence that names the field, a quiet log, an unchanged database. Never a 500."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid5

import httpx
import psycopg
import pytest

from allograph.store.assistants import NAMESPACE
from allograph.store.embedded import EmbeddedPostgres
from tests.server_process import ServerProcess, tables
from tests.watching import ended, new_run, new_thread

NOBODY = "00000000-0000-4000-8000-000000000000"
LIMIT = 1_000_000
"""ALLOGRAPH_MAX_BODY_BYTES of the server under test."""


@pytest.fixture(scope="module")
def http(served: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def places(http: httpx.Client) -> dict[str, str]:
    """Things that exist, for paths: a thread, a run of it that has ended, a checkpoint, an assistant."""
    thread = new_thread(http)
    run = new_run(http, thread, "count", {"steps": 1})
    assert ended(http, thread, run) == "success"
    checkpoint = http.get(f"/threads/{thread}/state").json()["checkpoint"]["checkpoint_id"]
    assistant = http.post("/assistants", json={"graph_id": "count"}).json()["assistant_id"]
    talk, count = (str(uuid5(NAMESPACE, graph)) for graph in ("talk", "count"))
    return {"T": thread, "R": run, "C": checkpoint, "A": assistant, "NOBODY": NOBODY, "TALK": talk, "COUNT": count}


@pytest.fixture(scope="module")
def counted(served: ServerProcess) -> Iterator[Callable[[], dict[str, Any]]]:
    """How many rows each table has now, and a sum over what updates would change."""
    with EmbeddedPostgres(served.data_dir) as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:

        def count() -> dict[str, Any]:
            found = {}
            for table in tables(connection):
                changing = "xmin::text || ctid::text"
                row = connection.execute(
                    f"SELECT count(*), coalesce(md5(string_agg({changing}, ',' ORDER BY ctid)), '') FROM {table}"
                ).fetchone()
                assert row
                found[table] = row
            return found

        yield count


@pytest.fixture(autouse=True)
def _nothing_happens(served: ServerProcess, places: dict[str, str], counted: Callable[[], dict[str, Any]]) -> Iterator[None]:
    """No row is written or changed, and the log has no traceback and at most a line for each refusal."""
    before, logged = counted(), len(served.output)
    yield
    assert counted() == before
    said = served.output[logged:]
    assert "Traceback" not in said, said
    assert len(said.splitlines()) <= 1, said


def refused(answer: httpx.Response, *statuses: int) -> str:
    """The sentence with which a request was refused."""
    assert answer.status_code in (statuses or (400, 404, 409, 413, 422)), f"{answer.status_code}: {answer.text[:500]}"
    detail = answer.json()["detail"]
    assert isinstance(detail, str)
    assert len(detail) < 1000, detail
    return detail


def deep(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


@dataclass
class Case:
    method: str
    path: str
    body: Any = None
    """Sent as JSON; bytes as they are."""
    says: str = ""
    """Part of the sentence."""
    status: int = 422
    query: dict[str, Any] = field(default_factory=dict)


RUN = {"assistant_id": "count", "input": {}}
CREATE, STATE = "/threads/{T}/runs", "/threads/{T}/state"
CASES = {
    # ---- JSON
    "malformed": Case("POST", "/threads", b'{"metadata": {', "not JSON"),
    "trailing": Case("POST", "/threads", b"{} {}", "not JSON"),
    "empty": Case("POST", CREATE, b"", "empty"),
    "spaces": Case("POST", CREATE, b"  \n", "empty"),
    "null": Case("POST", CREATE, b"null", "the request body"),
    "array": Case("POST", CREATE, b"[]", "the request body"),
    "string": Case("POST", CREATE, b'"x"', "the request body"),
    "NaN": Case("POST", CREATE, b'{"assistant_id": "count", "input": {"x": NaN}}', "not JSON"),
    "Infinity": Case("POST", CREATE, b'{"assistant_id": "count", "input": {"x": -Infinity}}', "not JSON"),
    "comment": Case("POST", "/threads", b"{} // no", "not JSON"),
    "single quotes": Case("POST", "/threads", b"{'metadata': {}}", "not JSON"),
    "invalid UTF-8": Case("POST", "/threads", b'{"metadata": {"a": "\xff\xfe"}}', "not JSON"),
    "UTF-16": Case("POST", "/threads", '{"metadata": {}}'.encode("utf-16"), "not JSON"),
    "byte order mark": Case("POST", "/threads", b"\xef\xbb\xbf{}", "not JSON"),
    "lone surrogate": Case("POST", "/threads", b'{"metadata": {"a": "\\ud800"}}', "not JSON"),
    "lone surrogate key": Case("POST", "/threads", b'{"metadata": {"\\udfff": 1}}', "not JSON"),
    "NUL": Case("POST", "/threads", b'{"metadata": {"a": "x\\u0000y"}}', "metadata.a"),
    "NUL in a key": Case("POST", "/threads", b'{"metadata": {"a\\u0000": 1}}', "metadata"),
    "NUL in an input": Case("POST", CREATE, b'{"assistant_id": "count", "input": {"tag": ["\\u0000"]}}', "input.tag[0]"),
    "NUL in a state": Case("POST", STATE, b'{"values": {"tag": "\\u0000"}}', "values.tag"),
    "nested": Case("POST", "/threads", f'{{"metadata": {deep(500)}}}'.encode(), "nested"),
    "nested arrays": Case("POST", CREATE, f'{{"assistant_id": "count", "input": {"[" * 2000 + "]" * 2000}}}'.encode(), "nested"),
    "nested very deeply": Case("POST", "/threads", f'{{"metadata": {deep(100_000)}}}'.encode(), "nested"),
    "only brackets": Case("POST", "/threads", b"[" * 500_000),
    "huge exponent": Case("POST", "/threads/search", b'{"limit": 1e400}'),
    # ---- crons, items, webhooks
    "a schedule that is none": Case("POST", "/runs/crons", {**RUN, "schedule": "now and then"}, "schedule"),
    "a zone that is none": Case("POST", "/runs/crons", {**RUN, "schedule": "@daily", "timezone": "Mars/Base"}, "timezone"),
    "an end that is a number": Case("POST", "/runs/crons", {**RUN, "schedule": "@daily", "end_time": 0}, "end_time"),
    "a cron on a thread that is none": Case("POST", "/threads/{NOBODY}/runs/crons", {**RUN, "schedule": "@daily"}, NOBODY, 404),
    "a cron that is none": Case("PATCH", "/runs/crons/{NOBODY}", {"enabled": False}, NOBODY, 404),
    "a namespace with a dot": Case("PUT", "/store/items", {"namespace": ["a.b"], "key": "k", "value": {}}, "namespace"),
    "a reserved namespace": Case("PUT", "/store/items", {"namespace": ["langgraph"], "key": "k", "value": {}}, "reserved"),
    "no namespace": Case("PUT", "/store/items", {"namespace": [], "key": "k", "value": {}}, "namespace"),
    "an index that is a number": Case("PUT", "/store/items", {"namespace": ["a"], "key": "k", "value": {}, "index": 0}, "index"),
    "an item that is no object": Case("PUT", "/store/items", {"namespace": ["a"], "key": "k", "value": 1}, "value"),
    "a private webhook": Case("POST", CREATE, {**RUN, "webhook": "http://10.0.0.1/"}, "webhook"),
    # ---- types
    "metadata not an object": Case("POST", "/threads", {"metadata": [1]}, "metadata"),
    "thread_id not a UUID": Case("POST", "/threads", {"thread_id": "mine"}, "thread_id"),
    "thread_id a number": Case("POST", "/threads", {"thread_id": 3}, "thread_id"),
    "if_exists unknown": Case("POST", "/threads", {"if_exists": "perhaps"}, "if_exists"),
    "ttl negative": Case("POST", "/threads", {"ttl": {"ttl": -1}}, "ttl"),
    "ttl strategy unknown": Case("POST", "/threads", {"ttl": {"ttl": 1, "strategy": "burn"}}, "ttl"),
    "supersteps not a list": Case("POST", "/threads", {"supersteps": {}}, "supersteps"),
    "graph_id missing": Case("POST", "/assistants", {}, "graph_id"),
    "graph_id a list": Case("POST", "/assistants", {"graph_id": ["count"]}, "graph_id"),
    "assistant config a string": Case("POST", "/assistants", {"graph_id": "count", "config": "x"}, "config"),
    "assistant name a number": Case("POST", "/assistants", {"graph_id": "count", "name": 3}, "name"),
    "graph unknown": Case("POST", "/assistants", {"graph_id": "nope"}, "nope", 404),
    "assistant exists": Case("POST", "/assistants", {"graph_id": "count", "assistant_id": "{A}"}, "already exists", 409),
    "thread exists": Case("POST", "/threads", {"thread_id": "{T}"}, "already exists", 409),
    "version missing": Case("POST", "/assistants/{A}/latest", {}, "version"),
    "version unknown": Case("POST", "/assistants/{A}/latest", {"version": 99}, "99", 404),
    "version huge": Case("POST", "/assistants/{A}/latest", {"version": 2**40}, "Version 1099511627776", 404),
    "version beyond 64 bits": Case("POST", "/assistants/{A}/latest", {"version": 2**70}, "Version 1180591620717411303424", 404),
    "version a fraction": Case("POST", "/assistants/{A}/latest", {"version": 1.5}, "version"),
    "limit a string": Case("POST", "/threads/search", {"limit": "10"}, "limit"),
    "limit true": Case("POST", "/threads/search", {"limit": True}, "limit"),
    "limit negative": Case("POST", "/threads/search", {"limit": -1}, "limit"),
    "limit zero": Case("POST", "/threads/search", {"limit": 0}, "limit"),
    "limit too large": Case("POST", "/threads/search", {"limit": 1_000_000}, "limit"),
    "limit beyond 64 bits": Case("POST", "/threads/search", {"limit": 10**30}, "limit"),
    "offset negative": Case("POST", "/threads/search", {"offset": -1}, "offset"),
    "versions offset": Case("POST", "/assistants/{A}/versions", {"offset": 2**64}, "offset"),
    "assistants offset": Case("POST", "/assistants/search", {"offset": 10**18 * 10}, "offset"),
    "offset beyond 64 bits": Case("POST", "/threads/search", {"offset": 10**30}, "offset"),
    "sort_by unknown": Case("POST", "/threads/search", {"sort_by": "thread_id; DROP TABLE threads"}, "sort_by"),
    "sort_order unknown": Case("POST", "/threads/search", {"sort_order": "up"}, "sort_order"),
    "status unknown": Case("POST", "/threads/search", {"status": "asleep"}, "status"),
    "select unknown": Case("POST", "/threads/search", {"select": ["password"]}, "select"),
    "extract root": Case("POST", "/threads/search", {"extract": {"a": "secrets.x"}}, "secrets"),
    "extract path": Case("POST", "/threads/search", {"extract": {"a": "values[["}}, "values"),
    "ids not UUIDs": Case("POST", "/threads/search", {"ids": ["x"]}, "ids"),
    "assistants limit": Case("POST", "/assistants/search", {"limit": -5}, "limit"),
    "prune without ids": Case("POST", "/threads/prune", {}, "thread_ids"),
    "prune strategy": Case("POST", "/threads/prune", {"thread_ids": [], "strategy": "all"}, "strategy"),
    # ---- runs
    "assistant_id missing": Case("POST", CREATE, {"input": {}}, "assistant_id"),
    "assistant_id unknown": Case("POST", CREATE, {"assistant_id": "nope"}, "count"),
    "assistant_id of nobody": Case("POST", CREATE, {"assistant_id": NOBODY}, "assistant", 404),
    "assistant_id a number": Case("POST", CREATE, {"assistant_id": 3}, "assistant_id"),
    "assistant_id empty": Case("POST", CREATE, {"assistant_id": ""}, "assistant"),
    "assistant_id long": Case("POST", CREATE, {"assistant_id": "x" * 100_000}, "assistant"),
    "stream_mode unknown": Case("POST", CREATE + "/stream", {**RUN, "stream_mode": "thoughts"}, "stream_mode"),
    "stream_mode in a list": Case("POST", CREATE + "/stream", {**RUN, "stream_mode": ["values", "tools"]}, "stream_mode"),
    "stream_mode a number": Case("POST", CREATE, {**RUN, "stream_mode": 1}, "stream_mode"),
    "durability unknown": Case("POST", CREATE, {**RUN, "durability": "maybe"}, "durability"),
    "multitask_strategy unknown": Case("POST", CREATE, {**RUN, "multitask_strategy": "hope"}, "multitask_strategy"),
    "on_disconnect unknown": Case("POST", CREATE + "/wait", {**RUN, "on_disconnect": "cry"}, "on_disconnect"),
    "if_not_exists unknown": Case("POST", CREATE, {**RUN, "if_not_exists": "x"}, "if_not_exists"),
    "on_completion unknown": Case("POST", "/runs", {**RUN, "on_completion": "x"}, "on_completion"),
    "recursion_limit zero": Case("POST", CREATE, {**RUN, "config": {"recursion_limit": 0}}, "recursion_limit"),
    "recursion_limit a string": Case("POST", CREATE, {**RUN, "config": {"recursion_limit": "9"}}, "recursion_limit"),
    "recursion_limit huge": Case("POST", CREATE, {**RUN, "config": {"recursion_limit": 2**70}}, "recursion_limit"),
    "tags not a list": Case("POST", CREATE, {**RUN, "config": {"tags": 3}}, "tags"),
    "configurable a list": Case("POST", CREATE, {**RUN, "config": {"configurable": []}}, "configurable"),
    "interrupt_before a number": Case("POST", CREATE, {**RUN, "interrupt_before": 3}, "interrupt_before"),
    "stateless interrupt_before": Case("POST", "/runs", {**RUN, "interrupt_before": {"a": 1}}, "interrupt_before"),
    "checkpoint not a UUID": Case("POST", CREATE, {**RUN, "checkpoint": {"checkpoint_id": "x"}}, "checkpoint_id"),
    "checkpoint unknown": Case("POST", CREATE, {**RUN, "checkpoint": {"checkpoint_id": NOBODY}}, "checkpoint_id", 404),
    "command with a wrong goto": Case("POST", CREATE, {"assistant_id": "count", "command": {"goto": 3}}, "goto"),
    "command not an object": Case("POST", CREATE, {"assistant_id": "count", "command": "go"}, "command"),
    "thread of nobody": Case("POST", "/threads/{NOBODY}/runs", RUN, "not found", 404),
    "batch not a list": Case("POST", "/runs/batch", RUN),
    "batch with one bad": Case("POST", "/runs/batch", [RUN, {"input": 1}], "assistant_id"),
    "batch empty": Case("POST", "/runs/batch", []),
    "cancel without anything": Case("POST", "/runs/cancel", {}),
    "cancel with an unknown status": Case("POST", "/runs/cancel", {"status": "success"}, "status"),
    "cancel with both": Case("POST", "/runs/cancel", {"status": "all", "thread_id": NOBODY, "run_ids": [NOBODY]}),
    "cancel with a wrong action": Case("POST", CREATE + "/{R}/cancel", None, "action", query={"action": "explode"}),
    "cancel with a wrong wait": Case("POST", CREATE + "/{R}/cancel", None, "wait", query={"wait": "perhaps"}),
    # ---- states
    "as_node unknown": Case("POST", STATE, {"values": {"tag": "x"}, "as_node": "nope"}, "nope", 400),
    "values of a wrong shape": Case("POST", STATE, {"values": "text", "as_node": "step"}, "values"),
    "state of an unknown checkpoint": Case("POST", STATE + "/checkpoint", {"checkpoint": {"checkpoint_id": NOBODY}}, NOBODY, 404),
    "state of no checkpoint": Case("GET", STATE + "/nothing", None, "checkpoint_id"),
    "state of a thread of nobody": Case("GET", "/threads/{NOBODY}/state", None, NOBODY, 404),
    "history limit": Case("GET", "/threads/{T}/history", None, "limit", query={"limit": "many"}),
    "history limit huge": Case("GET", "/threads/{T}/history", None, "limit", query={"limit": "9" * 5000}),
    "history body limit": Case("POST", "/threads/{T}/history", {"limit": 0}, "limit"),
    "history before": Case("POST", "/threads/{T}/history", {"before": 3}, "before"),
    # ---- paths and queries
    "thread_id in a path": Case("GET", "/threads/mine", None, "thread_id"),
    "thread_id with braces": Case("GET", "/threads/%7B{T}%7D", None, "thread_id"),
    "thread_id without hyphens": Case("GET", "/threads/" + NOBODY.replace("-", ""), None, "thread_id"),
    "thread_id with NUL": Case("GET", "/threads/%00", None, "thread_id"),
    "thread_id that is not UTF-8": Case("GET", "/threads/%ff%fe", None, "thread_id"),
    "thread_id long": Case("GET", "/threads/" + "9" * 20_000, None, "thread_id"),
    "run_id in a path": Case("GET", CREATE + "/7", None, "run_id"),
    "run of nobody": Case("GET", CREATE + "/{NOBODY}", None, NOBODY, 404),
    "join of nobody": Case("GET", CREATE + "/{NOBODY}/join", None, NOBODY, 404),
    "join stream of nobody": Case("GET", CREATE + "/{NOBODY}/stream", None, NOBODY, 404),
    "join stream mode": Case("GET", CREATE + "/{R}/stream", None, "stream_mode", query={"stream_mode": "thoughts"}),
    "assistant of nobody": Case("GET", "/assistants/{NOBODY}", None, NOBODY, 404),
    "assistant_id in a path": Case("GET", "/assistants/x'; DROP TABLE assistants", None, "assistant_id"),
    "graph of an unknown assistant": Case("GET", "/assistants/nope/graph", None, "nope"),
    "xray of a wrong depth": Case("GET", "/assistants/{A}/graph", None, "xray", query={"xray": "-1"}),
    "xray a word": Case("GET", "/assistants/{A}/graph", None, "xray", query={"xray": "deep"}),
    "delete an assistant of nobody": Case("DELETE", "/assistants/{NOBODY}", None, NOBODY, 404),
    "delete a thread of nobody": Case("DELETE", "/threads/{NOBODY}", None, NOBODY, 404),
    "delete a run of nobody": Case("DELETE", CREATE + "/{NOBODY}", None, NOBODY, 404),
    "delete_threads a word": Case("DELETE", "/assistants/{NOBODY}", None, "delete_threads", query={"delete_threads": "perhaps"}),
    "list limit": Case("GET", CREATE, None, "limit", query={"limit": "0"}),
    "list offset": Case("GET", CREATE, None, "offset", query={"offset": "-1"}),
    "list offset huge": Case("GET", CREATE, None, "offset", query={"offset": "9" * 18}),
    "list status": Case("GET", CREATE, None, "status", query={"status": "asleep"}),
    "list select": Case("GET", CREATE, None, "select", query={"select": "password"}),
    "include": Case("GET", "/threads/{T}", None, "include", query={"include": "everything"}),
    "query with NUL": Case("GET", CREATE, None, "status", query={"status": "\0"}),
    "query long": Case("GET", CREATE, None, "status", query={"status": "x" * 30_000}),
    "patch of nobody": Case("PATCH", "/threads/{NOBODY}", {"metadata": {}}, NOBODY, 404),
    "patch metadata": Case("PATCH", "/threads/{T}", {"metadata": "x"}, "metadata"),
    "copy of nobody": Case("POST", "/threads/{NOBODY}/copy", None, NOBODY, 404),
}  # fmt: skip


def filled(value: Any, places: dict[str, str]) -> Any:
    text = json.dumps(value)
    for name, place in places.items():
        text = text.replace(f"{{{name}}}", place)
    return json.loads(text)


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str, http: httpx.Client, places: dict[str, str]) -> None:
    case = CASES[name]
    content = None
    if case.body is not None:
        content = case.body if isinstance(case.body, bytes) else json.dumps(filled(case.body, places)).encode()
    answer = http.request(case.method, filled(case.path, places), params=case.query or None, content=content)
    assert case.says in refused(answer, case.status)


COMMANDS, EVENTS, MCP, A2A = "/threads/{T}/commands", "/threads/{T}/stream/events", "/mcp", "/a2a/{TALK}"
ELSEWHERE = "/threads/{NOBODY}/commands"


def command(method: str, **params: Any) -> dict[str, Any]:
    return {"id": 1, "method": method, "params": params}


def rpc(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def message(*parts: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "messageId": "m", "parts": list(parts), **more}


TEXT = {"kind": "text", "text": "x"}
ENVELOPES: dict[str, tuple[str, Any, int, str]] = {
    # ---- commands of the thread protocol
    "no JSON": (COMMANDS, b"{", 400, "JSON"),
    "no id": (COMMANDS, {"method": "run.start"}, 400, "invalid_argument"),
    "no method": (COMMANDS, {"id": 1}, 400, "invalid_argument"),
    "an id that is text": (COMMANDS, {"id": "1", "method": "run.start"}, 400, "invalid_argument"),
    "an unknown command": (COMMANDS, command("run.stop"), 200, "unknown_command"),
    "a run of nothing": (COMMANDS, command("run.start"), 200, "invalid_argument"),
    "a run of nobody": (COMMANDS, command("run.start", assistant_id="nobody"), 200, "nobody"),
    "a run of nobody on a thread to come": (ELSEWHERE, command("run.start", assistant_id=NOBODY), 200, "no assistant"),
    "a run with wrong metadata": (ELSEWHERE, command("run.start", assistant_id="count", metadata=5), 200, "metadata"),
    "a run with a wrong config": (ELSEWHERE, command("run.start", assistant_id="count", config=[]), 200, "config"),
    "a run with a wrong strategy": (
        ELSEWHERE,
        command("run.start", assistant_id="count", multitask_strategy="x"),
        200,
        "multitask",
    ),
    "a run with NUL": (ELSEWHERE, command("run.start", assistant_id="count", input={"a": "\0"}), 400, "NUL"),
    "an answer to nothing": (COMMANDS, command("input.respond", interrupt_id="x", response=1), 200, "no_such_interrupt"),
    "an answer elsewhere": (ELSEWHERE, command("input.respond", interrupt_id="x", response=1), 200, "no_such"),
    "an answer without one": (COMMANDS, command("input.respond"), 200, "invalid_argument"),
    "a message to what has none": (
        COMMANDS,
        command("input.inject", message={"role": "user", "content": "x"}),
        200,
        "not_supported",
    ),
    "a fork of nothing": (COMMANDS, command("state.fork", checkpoint_id=NOBODY), 200, "no_such_checkpoint"),
    "a fork elsewhere": (ELSEWHERE, command("state.fork", checkpoint_id=NOBODY), 200, "no_such"),
    "checkpoints elsewhere": (ELSEWHERE, command("state.listCheckpoints", limit="x"), 200, "invalid_argument"),
    # ---- its streams
    "no subscription": (EVENTS, b"", 400, "JSON"),
    "no channels": (EVENTS, {}, 400, "channels"),
    "an unknown channel": (EVENTS, {"channels": ["debug"]}, 400, "channels"),
    "a depth that is text": (EVENTS, {"channels": ["values"], "depth": "1"}, 400, "depth"),
    "a number that is text": (EVENTS, {"channels": ["values"], "since": "1"}, 400, "since"),
    "namespaces of numbers": (EVENTS, {"channels": ["values"], "namespaces": [1]}, 400, "namespaces"),
    # ---- MCP
    "MCP without JSON": (MCP, b"{", 400, "JSON"),
    "MCP without a version": (MCP, {"id": 1, "method": "ping"}, 400, "jsonrpc"),
    "MCP in a batch": (MCP, [rpc("ping")], 400, "message"),
    "an unknown method": (MCP, rpc("resources/list"), 200, "not found"),
    "a tool that is none": (MCP, rpc("tools/call", name="nobody", arguments={}), 200, "nobody"),
    "a tool without a name": (MCP, rpc("tools/call", arguments={}), 200, "name"),
    "a tool with wrong arguments": (MCP, rpc("tools/call", name="count", arguments=[1]), 200, "arguments"),
    # ---- A2A
    "A2A without JSON": (A2A, b"{", 200, "-32700"),
    "A2A in a batch": (A2A, ["x"], 200, "-32600"),
    "an unknown A2A method": (A2A, rpc("message/shout"), 200, "-32601"),
    "no message": (A2A, rpc("message/send"), 200, "-32602"),
    "a message without parts": (A2A, rpc("message/send", message=message()), 200, "-32602"),
    "a message with a file": (A2A, rpc("message/send", message=message({"kind": "file", "file": {"uri": "x"}})), 200, "-32"),
    "a message in no context": (A2A, rpc("message/send", message=message(TEXT, contextId="x")), 200, "-32602"),
    "a stream without parts": (A2A, rpc("message/stream", message=message()), 200, "-32602"),
    "a message to who holds no conversation": ("/a2a/{COUNT}", rpc("message/send", message=message(TEXT)), 200, "-32602"),
    "a message to nobody": ("/a2a/{NOBODY}", rpc("message/send", message=message(TEXT)), 200, "not found"),
    "a task that is none": (A2A, rpc("tasks/get", id="x", contextId="{T}"), 200, "-32001"),
    "a cancel of no task": (A2A, rpc("tasks/cancel", id="{NOBODY}", contextId="{T}"), 200, "-32001"),
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_refused_in_an_envelope(name: str, http: httpx.Client, places: dict[str, str]) -> None:
    """The thread protocol and JSON-RPC say what is wrong in bodies of their own, often with status 200."""
    path, body, status, says = ENVELOPES[name]
    content = body if isinstance(body, bytes) else json.dumps(filled(body, places)).encode()
    headers = {"accept": "text/event-stream" if "stream" in str(body) else "application/json"}
    answer = http.post(filled(path, places), content=content, headers=headers)
    assert answer.status_code == status, answer.text[:500]
    assert any(word in answer.text for word in ('"error"', '"detail"'))
    assert says in answer.text


WRITING = (
    ("POST", "/threads"), ("POST", "/threads/search"), ("POST", "/threads/count"), ("POST", "/threads/prune"),
    ("PATCH", "/threads/{T}"), ("POST", STATE), ("POST", STATE + "/checkpoint"), ("POST", "/threads/{T}/history"),
    ("POST", CREATE), ("POST", CREATE + "/wait"), ("POST", CREATE + "/stream"), ("POST", "/runs"), ("POST", "/runs/wait"),
    ("POST", "/runs/stream"), ("POST", "/runs/batch"), ("POST", "/runs/cancel"), ("POST", "/assistants"),
    ("POST", "/assistants/search"), ("POST", "/assistants/count"), ("PATCH", "/assistants/{A}"),
    ("POST", "/assistants/{A}/versions"), ("POST", "/assistants/{A}/latest"),
)  # fmt: skip


@pytest.mark.parametrize(("method", "path"), WRITING, ids=" ".join)
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"3",
        b'"x"',
        b"[[]]",
        b'{"metadata": 3, "assistant_id": {}, "limit": {}, "thread_ids": 1, "checkpoint": 1, "version": []}',
    ],
)
def test_no_operation_takes_what_is_not_of_its_form(
    http: httpx.Client, places: dict[str, str], method: str, path: str, body: bytes
) -> None:
    if path == STATE and body.startswith(b'{"metadata"'):
        pytest.skip("an update without values is one")
    refused(http.request(method, filled(path, places), content=body))


def test_a_content_type_does_not_matter_but_the_content_does(http: httpx.Client) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "nonsense"):
        found = http.post("/threads/search", content=b'{"limit": 1}', headers={"content-type": kind})
        assert found.status_code in (200, 415)
        refused(http.post("/threads/search", content=b"limit=1", headers={"content-type": kind}), 415, 422)


def test_a_body_beyond_the_limit_is_refused_by_its_length(http: httpx.Client) -> None:
    body = b'{"metadata": {"a": "%b"}}' % (b"x" * LIMIT)
    said = refused(http.post("/threads", content=body), 413)
    assert str(LIMIT) in said
    assert "ALLOGRAPH_MAX_BODY_BYTES" in said


def test_a_body_beyond_the_limit_is_refused_while_it_comes(http: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"metadata": {"a": "'
        for _ in range(30):
            yield b"x" * 50_000
        yield b'"}}'

    assert str(LIMIT) in refused(http.post("/threads", content=chunks()), 413)


def test_a_body_of_terabytes_is_refused_at_once(served: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(
            b"POST /threads HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9999999999999\r\n\r\n{"
        )
        assert b" 413 " in connection.recv(1000).partition(b"\r\n")[0]


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /threads HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused(served: ServerProcess, junk: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(junk)
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")
