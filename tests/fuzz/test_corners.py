"""Corners that no generator thinks of: what JSON, Postgres and LangGraph take in other ways than a contract tells.

Each request may be answered or refused, but never with a 500, and the server's own contract check watches every reply. A run
that ends in an error because its graph does not take what it is given is an answer.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server_process import ServerProcess, data_folder, serving
from tests.watching import new_thread

CONFIG = Path(__file__).with_name("langgraph.json")
NOBODY = "00000000-0000-4000-8000-000000000000"
GRAPHS = ("steps", "chat", "asking", "anything")
EVERYTHING = ["values", "updates", "messages", "debug", "tasks", "checkpoints", "events", "custom"]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with data_folder() as folder, serving(folder / "data", config=CONFIG) as running:
        yield running
        assert "contract violation" not in running.output
        assert "Exception in ASGI" not in running.output


@pytest.fixture(scope="module")
def http(server: ServerProcess) -> Iterator[httpx.Client]:
    def held(answer: httpx.Response) -> None:
        answer.read()
        assert answer.status_code < 500, f"{answer.request.method} {answer.request.url}: {answer.text[:500]}"

    with httpx.Client(base_url=server.url, timeout=30, event_hooks={"response": [held]}) as client:
        yield client


@pytest.fixture(scope="module")
def assistant(http: httpx.Client) -> str:
    return str(http.post("/assistants", json={"graph_id": "steps"}).json()["assistant_id"])


def read_everything(http: httpx.Client, thread: str) -> None:
    for path in ("", "/state", "/state?subgraphs=true", "/history", "/runs", "/storage"):
        assert http.get(f"/threads/{thread}{path}").status_code == 200
    assert http.post(f"/threads/{thread}/copy").status_code == 200


@pytest.mark.parametrize("graph_id", [5, None, [], {}, True, "", "nope", "a" * 10_000], ids=lambda one: str(one)[:10])
def test_a_thread_may_name_any_graph(http: httpx.Client, graph_id: Any) -> None:
    thread = http.post("/threads", json={"metadata": {"graph_id": graph_id}}).json()["thread_id"]
    for path in ("/state", "/history"):
        assert http.get(f"/threads/{thread}{path}").status_code in (200, 404)
    for path, body in (("/state", {"values": {}}), ("/history", {}), ("/state/checkpoint", {"checkpoint": {}})):
        assert http.post(f"/threads/{thread}{path}", json=body).status_code in (200, 400, 404)
    done = http.post(f"/threads/{thread}/runs/wait", json={"assistant_id": "steps", "input": {"text": "x"}})
    assert done.json()["text"] == "x"
    read_everything(http, thread)


NUMBERS = ("1e400", "1e-400", "1" * 400, "0." + "1" * 20_000, "-0", "-0.0", "1.7976931348623157e308", "9" * 30)


@pytest.mark.parametrize("number", NUMBERS, ids=lambda one: one[:10])
def test_numbers_are_kept_or_refused(http: httpx.Client, number: str) -> None:
    thread = new_thread(http)
    searches = ("/threads/search", "/threads/count", "/assistants/search", "/assistants/count", f"/threads/{thread}/history")
    for path in ("/threads", *searches):
        http.post(path, content=f'{{"metadata":{{"a":{number}}}}}')
    for path in ("/threads/search", "/threads/count"):
        http.post(path, content=f'{{"values":{{"a":{number}}}}}')
    config = f'"config":{{"configurable":{{"x":{number}}}}}'
    http.post("/assistants", content=f'{{"graph_id":"steps","metadata":{{"a":{number}}},{config}}}')
    http.patch(f"/threads/{thread}", content=f'{{"metadata":{{"a":{number}}}}}')
    for graph in GRAPHS:
        given = f'"input":{{"text":{number}}},"metadata":{{"a":{number}}},{config}'
        http.post("/runs/wait", content=f'{{"assistant_id":"{graph}",{given}}}')
    http.post(f"/threads/{thread}/runs/wait", content=f'{{"assistant_id":"anything","input":{number}}}')
    http.post(f"/threads/{thread}/state", content=f'{{"values":{number}}}')
    http.post(f"/threads/{thread}/runs/wait", content=f'{{"assistant_id":"asking","command":{{"resume":{number}}}}}')
    read_everything(http, thread)


INTEGERS = (10**20, -(10**20), 2**31, 2**63 - 1, 2**63, -1, 0, 1e300, 3.0, 1.5)


@pytest.mark.parametrize("integer", INTEGERS, ids=str)
def test_integers_have_bounds(http: httpx.Client, assistant: str, integer: float) -> None:
    thread = new_thread(http)
    for path, field in (
        ("/threads/search", "limit"), ("/threads/search", "offset"), ("/assistants/search", "limit"),
        ("/assistants/search", "offset"), (f"/threads/{thread}/history", "limit"), (f"/assistants/{assistant}/versions", "limit"),
        (f"/assistants/{assistant}/versions", "offset"), (f"/assistants/{assistant}/latest", "version"),
    ):  # fmt: skip
        http.post(path, json={field: integer})
    http.post("/threads", json={"ttl": {"ttl": integer}})
    http.post(f"/assistants/{assistant}/latest", params={"version": integer})
    http.get(f"/assistants/{assistant}/graph", params={"xray": integer})
    for path in ("runs", "history"):
        http.get(f"/threads/{thread}/{path}", params={"limit": integer, "offset": integer})
    http.post("/assistants", json={"graph_id": "steps", "config": {"recursion_limit": integer}})
    http.post("/runs", json={"assistant_id": "steps", "after_seconds": integer, "config": {"recursion_limit": integer}})


CONFIGS: list[dict[str, Any]] = [
    {"recursion_limit": "abc"}, {"tags": 5}, {"tags": [5]}, {"configurable": []}, {"configurable": None}, {"metadata": 5},
    {"metadata": []}, {"metadata": None}, {"callbacks": ["x"]}, {"max_concurrency": "x"}, {"run_id": "x"}, {"run_name": 5},
    {"configurable": {"checkpoint_id": "x"}}, {"configurable": {"checkpoint_id": []}},
    {"configurable": {"checkpoint_ns": "a|b:c|"}},
    {"configurable": {"checkpoint_map": 5}}, {"configurable": {"__pregel_checkpointer": "x", "__pregel_runtime": {}}},
]  # fmt: skip


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_a_config_is_taken_or_refused(http: httpx.Client, config: dict[str, Any]) -> None:
    thread = new_thread(http)
    body = {"assistant_id": "steps", "input": {"text": "x"}, "config": config}
    http.post(f"/threads/{thread}/runs/wait", json=body)
    http.post("/runs/wait", json=body)
    http.post(f"/threads/{thread}/runs/stream", json={**body, "stream_mode": EVERYTHING, "stream_subgraphs": True})
    made = http.post("/assistants", json={"graph_id": "steps", "config": config})
    if made.status_code == 200:
        assistant = made.json()["assistant_id"]
        assert http.patch(f"/assistants/{assistant}", json={"config": config}).status_code == 200
        for path in ("", "/schemas", "/graph", "/subgraphs"):
            assert http.get(f"/assistants/{assistant}{path}").status_code == 200
        assert http.post("/runs/wait", json={"assistant_id": assistant, "input": {"text": "x"}}).status_code in (200, 404)
    assert http.post("/assistants/search", json={"limit": 1000}).status_code == 200
    read_everything(http, thread)


def test_a_config_does_not_lead_a_run_elsewhere(http: httpx.Client) -> None:
    mine, other = new_thread(http), new_thread(http)
    misleading = {
        "thread_id": other, "run_id": NOBODY, "graph_id": "chat", "assistant_id": NOBODY, "checkpoint_ns": "elsewhere",
        "__pregel_checkpointer": False, "__pregel_task_id": "x", "__pregel_resuming": True, "__pregel_read": "x",
    }  # fmt: skip
    body = {"assistant_id": "steps", "input": {"text": "x"}, "config": {"configurable": misleading}}
    run = http.post(f"/threads/{mine}/runs", json=body).json()
    assert run["thread_id"] == mine
    assert http.get(f"/threads/{mine}/runs/{run['run_id']}/join").json()["text"] == "x"
    state = http.get(f"/threads/{mine}/state").json()
    assert state["values"]["text"] == "x"
    assert state["metadata"]["graph_id"] == "steps"
    assert state["checkpoint"]["checkpoint_ns"] == ""
    assert http.get(f"/threads/{other}/state").json()["values"] == {}
    # Nor does what names a checkpoint.
    named = {**misleading, "checkpoint_ns": ""}
    updated = http.post(f"/threads/{mine}/state", json={"values": {"text": "y"}, "checkpoint": named}).json()
    assert updated["checkpoint"]["thread_id"] == mine
    assert http.get(f"/threads/{other}/state").json()["values"] == {}


COMMANDS: list[dict[str, Any]] = [
    {}, {"zz": 1}, {"goto": "zz"}, {"goto": ""}, {"goto": "__end__"}, {"goto": "__start__"}, {"goto": ["zz", "first"]},
    {"goto": []},
    {"goto": {"node": "zz", "input": None}}, {"goto": [{"node": "last", "input": 5}]}, {"update": []}, {"update": [[1, 2]]},
    {"update": [["a", 1]]}, {"update": {"zz": 1}}, {"update": {"a\\b": 1}}, {"update": None}, {"resume": None},
    {"resume": {}}, {"resume": {"a" * 32: 1}}, {"resume": [1]},
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_is_carried_out_or_refused(http: httpx.Client, command: dict[str, Any]) -> None:
    for graph in GRAPHS:
        thread = new_thread(http)
        for given in ({"input": {"text": "x"}}, {"command": command}):
            assert http.post(f"/threads/{thread}/runs/wait", json={"assistant_id": graph, **given}).status_code == 200
        steps = [{"updates": [{"as_node": "first", "command": command}]}]
        http.post("/threads", json={"metadata": {"graph_id": graph}, "supersteps": steps})
        read_everything(http, thread)


INPUTS: list[Any] = [
    None, [], {}, "", 0, True, [1], "x", {"text": {"a": [1]}}, {"trail": 5}, {"trail": {"a": 1}}, {"messages": 5},
    {"messages": [5]}, {"messages": [{"type": "zz"}]}, {"messages": [{"role": "user"}]},
    {"messages": {"role": "user", "content": [{"type": "image_url"}]}},
    {"__root__": 1}, {"__interrupt__": [1]}, {"__start__": 1},
]  # fmt: skip


@pytest.mark.parametrize("given", INPUTS, ids=str)
def test_an_input_that_a_graph_does_not_take_leaves_a_thread_that_can_be_read(http: httpx.Client, given: Any) -> None:
    for graph in GRAPHS:
        thread = new_thread(http)
        assert http.post(f"/threads/{thread}/runs/wait", json={"assistant_id": graph, "input": given}).status_code == 200
        read_everything(http, thread)
        http.post(f"/threads/{thread}/runs/stream", json={"assistant_id": graph, "input": given, "stream_mode": EVERYTHING})
        http.post(f"/threads/{thread}/state", json={"values": given})
        read_everything(http, thread)


CHECKPOINTS: list[dict[str, Any]] = [
    {"checkpoint_id": ""}, {"checkpoint_id": NOBODY}, {"checkpoint_id": "x"}, {"checkpoint_ns": "zz"},
    {"checkpoint_ns": f"second:{NOBODY}"},
    {"checkpoint_ns": "|"}, {"checkpoint_ns": "a|b:c|"}, {"thread_id": "x"}, {"checkpoint_map": {}}, {"checkpoint_map": {"": "x"}},
    {"checkpoint_map": {"": 5}}, {"extra": 1}, {"__pregel_checkpointer": "x"}, {"__pregel_task_id": "x"}, {"graph_id": "nope"},
]  # fmt: skip


@pytest.mark.parametrize("checkpoint", CHECKPOINTS, ids=str)
def test_a_checkpoint_exists_or_is_refused(http: httpx.Client, checkpoint: dict[str, Any]) -> None:
    thread = new_thread(http)
    run = {"assistant_id": "steps", "input": {"text": "x"}}
    http.post(f"/threads/{thread}/runs/wait", json=run)
    asked = (
        ("/runs/wait", {**run, "checkpoint": checkpoint}), ("/state", {"values": {"text": "y"}, "checkpoint": checkpoint}),
        ("/state/checkpoint", {"checkpoint": checkpoint}), ("/state/checkpoint", {"checkpoint": checkpoint, "subgraphs": True}),
        ("/history", {"checkpoint": checkpoint}),
    )  # fmt: skip
    statuses = [http.post(f"/threads/{thread}{path}", json=body).status_code for path, body in asked]
    match checkpoint.get("checkpoint_id"):
        case None:
            assert set(statuses) <= {200, 400, 404}
        case "" | "x":
            assert statuses == [422] * 5
        case _:
            assert statuses == [404, 404, 404, 404, 200]
    for before in (checkpoint, {"configurable": checkpoint}, {"configurable": 5}, {"configurable": {"checkpoint_id": 5}}):
        http.post(f"/threads/{thread}/history", json={"before": before})
    read_everything(http, thread)


PATHS = (
    b"/threads/%ff%fe", b"/threads/%00", b"/threads/%2e%2e/x", b"//threads", b"/threads/%", b"/threads/%zz",
    b"/assistants/%ff/graph",
    b"/assistants/%F0%9F%98%80/graph", b"/assistants/%ed%a0%80/graph", b"/docs/static/%00", b"/docs/static/%2e%2e/app.py",
    b"/docs/static/" + b"a" * 5000, b"*", b"http://x/threads", b"/ok?check_db=%ff", b"/threads/" + b"a" * 60_000,
    b"/runs/" + NOBODY.encode() + b"/stream?stream_mode=%ff", b"/runs/" + NOBODY.encode() + b"/stream?stream_mode=%00",
)  # fmt: skip
HEADERS = (
    b"content-type: \xff\xfe", b"prefer: \xff", b"last-event-id: \x7f", b"content-type: application/json; charset=utf-16",
    b"content-encoding: gzip", b"accept: \xff", b"host: \xff", b"origin: \xff", b"x" * 9000 + b": y", b"traceparent: \xff\xfe",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda one: one[:40].decode())
def test_any_path_is_answered(server: ServerProcess, path: bytes) -> None:
    assert spoken(server, b"GET " + path + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n") < 500


@pytest.mark.parametrize("header", HEADERS, ids=lambda one: repr(one[:40]))
def test_any_header_is_answered(server: ServerProcess, header: bytes) -> None:
    head = b"POST /threads HTTP/1.1\r\nhost: x\r\n" + header + b"\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
    assert spoken(server, head) < 500


def spoken(server: ServerProcess, asked: bytes) -> int:
    """The status of the answer to bytes on the wire."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(asked)
        answer = connection.recv(1000)
    assert answer.startswith(b"HTTP/1.1 ")
    return int(answer[9:12])


EXTRACTS = (
    "values", "values.", "values..a", "values[0]", "values[-1].x", "values[99999999999]", "values[x]", "values.a[0]b", ".values",
    "values ", 'metadata."x"', "values.\n",
)  # fmt: skip


@pytest.mark.parametrize("path", EXTRACTS)
def test_an_extract_path_is_read_as_the_contract_says(http: httpx.Client, path: str) -> None:
    declared = http.get("/openapi.json").json()["components"]["schemas"]["ThreadSearchRequest"]["properties"]["extract"]
    pattern = declared["additionalProperties"]["pattern"]
    fits = re.search(pattern.replace("$", r"\Z"), path) is not None
    assert http.post("/threads/search", json={"extract": {"a": path}}).status_code == (200 if fits else 422)


def test_what_is_odd_in_lists_and_names(http: httpx.Client) -> None:
    for select in ([], ["thread_id", "thread_id"]):
        assert http.post("/threads/search", json={"select": select}).status_code == 200
    many = [NOBODY] * 2000
    assert http.post("/threads/search", json={"ids": many}).json() == []
    assert http.post("/threads/prune", json={"thread_ids": many}).json() == {"pruned_count": 0}
    assert http.post("/assistants", json={"graph_id": "steps", "name": "x" * 2_000_000}).status_code == 200
    assert http.post("/assistants/search", json={"name": "%_\\" * 1000}).json() == []
    for nodes in (["zz"], "*", [], [""]):
        body = {"assistant_id": "steps", "input": {"text": "x"}, "interrupt_before": nodes, "interrupt_after": nodes}
        assert http.post("/runs/wait", json=body).status_code == 200
    deep = json.loads('{"a":' * 97 + "1" + "}" * 97)
    assert http.post("/runs/wait", json={"assistant_id": "anything", "input": deep}).json() == deep
