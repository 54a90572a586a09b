"""The thread-centric protocol: what its streams show, and what its commands do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.server_process import ServerProcess, query
from tests.thread_stream import CHANNELS, ThreadStream, command, refusal, result
from tests.watching import ended, events, eventually, new_thread

SAID = {"messages": [{"role": "user", "content": "hello", "id": "m1"}]}


@pytest.fixture
def http(served: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=30) as client:
        yield client


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "gate"
    (tmp_path / "gate").touch()


@pytest.fixture
def thread(http: httpx.Client) -> str:
    return new_thread(http)


def watch(http: httpx.Client, thread_id: str, channels: list[str] | None = None, **wanted: Any) -> ThreadStream:
    return ThreadStream(str(http.base_url).rstrip("/"), thread_id, channels, **wanted)


def start(http: httpx.Client, thread_id: str, assistant_id: str, input: Any, **params: Any) -> str:
    return str(result(http, thread_id, "run.start", assistant_id=assistant_id, input=input, **params)["run_id"])


# ---- streams


def test_each_stream_shows_all_and_goes_on(http: httpx.Client, gate: Path) -> None:
    """Before there is a thread, in the middle of a run, behind it: the same events under the same names and numbers."""
    thread = str(uuid4())
    with watch(http, thread) as early:
        start(http, thread, "count", {"steps": 3, "gate": str(gate)})
        early.wait(lambda stream: stream.data("custom"))
        with watch(http, thread) as middle, watch(http, thread, ["lifecycle"]) as narrow:
            middle.wait(lambda stream: len(stream.events) >= len(early.events))
            gate.touch()
            whole = early.wait_for_end()
            assert [event["seq"] for event in whole] == list(range(1, len(whole) + 1))
            assert len({event["event_id"] for event in whole}) == len(whole)
            assert middle.wait_for_end() == whole
            start(http, thread, "count", {"steps": 1})
            assert middle.wait_for_end(2) == early.wait_for_end(2)
            both = early.events
        with watch(http, thread) as late, watch(http, thread, since=len(whole)) as rest:
            assert late.wait_for_end(2) == both
            assert rest.wait_for_end() == both[len(whole) :]
            eventually(lambda: late.comments)
        narrow.wait_for_end(2)
        assert narrow.events == early.of("lifecycle")
    assert [event["seq"] for event in both] == list(range(1, len(both) + 1))


def test_something_on_every_channel(http: httpx.Client, thread: str) -> None:
    with watch(http, thread) as stream, watch(http, thread, ["custom:nodes"]) as nodes:
        start(http, thread, "channels", SAID)
        stream.wait_for_end()
        assert {event["method"] for event in stream.events} == {*CHANNELS} - {"input"}
        assert [data["event"] for data in stream.data("tools")] == ["tool-started", "tool-finished"]
        assert stream.data("tools")[1]["output"]["content"] == "42"
        assert [event["params"]["node"] for event in stream.of("updates")] == ["plan", "act"]
        assert [data["name"] for data in stream.data("tasks")] == ["plan", "plan", "act", "act"]
        own = [{"name": "nodes", "payload": {"nodes": [node]}} for node in ("plan", "act")]
        assert stream.data("custom") == [{"payload": {"percent": 50}}, *own]
        assert nodes.wait(lambda stream: stream.data("custom")[1:] and stream.data("custom")) == own
        # A message that no model streamed comes whole.
        assert [data["event"] for data in stream.data("messages")] == [
            "message-start", "content-block-start", "content-block-finish", "message-finish",
        ]  # fmt: skip


def test_each_state_comes_behind_its_checkpoint(http: httpx.Client, thread: str) -> None:
    """Who forks from the parent of a state's checkpoint is where that state's messages were not there yet."""
    with watch(http, thread, ["values", "checkpoints", "lifecycle"]) as stream:
        start(http, thread, "count", {"steps": 2})
        stream.wait_for_end()
        states = [(a["params"]["data"], b["params"]["data"]) for a, b in zip(stream.events, stream.events[1:], strict=False)
                  if b["method"] == "values"]  # fmt: skip
    history = {state["checkpoint_id"]: state for state in http.post(f"/threads/{thread}/history", json={"limit": 20}).json()}
    assert len(states) == 4
    for checkpoint, values in states:
        assert history[checkpoint["id"]]["values"] == values
        assert history[checkpoint["id"]]["parent_checkpoint_id"] == checkpoint["parent_id"]


def test_two_messages_at_once_are_told_apart(http: httpx.Client, thread: str) -> None:
    with watch(http, thread, ["messages", "lifecycle"]) as stream:
        start(http, thread, "choir", SAID)
        stream.wait_for_end()
        texts: dict[str, str] = {}
        for data in stream.data("messages"):
            if data["event"] == "message-start":
                texts[data["id"]] = data["metadata"]["langgraph_node"] + ": "
            elif data["event"] == "content-block-delta":
                texts[data["message_id"]] += data["delta"]["text"]
    assert sorted(texts.values()) == ["high: la la la", "low: do do do"]


def test_the_end_is_said_when_the_thread_is_free(http: httpx.Client, thread: str) -> None:
    with watch(http, thread, ["lifecycle"]) as stream:
        for number in range(1, 6):
            start(http, thread, "count", {"steps": 1}, multitaskStrategy="reject")
            stream.wait_for_end(number)
            assert http.get(f"/threads/{thread}").json()["status"] == "idle"


def test_a_failed_run_says_why(http: httpx.Client, thread: str) -> None:
    with watch(http, thread, ["lifecycle"]) as stream:
        start(http, thread, "count", {"steps": 9}, config={"recursion_limit": 3})
        stream.wait_for_end()
    assert stream.events[-1]["params"]["data"]["event"] == "failed"
    assert "Recursion limit of 3" in stream.events[-1]["params"]["data"]["error"]


def test_numbers_go_on_when_old_events_are_not_kept(http: httpx.Client, thread: str, served: ServerProcess) -> None:
    with watch(http, thread) as stream:
        start(http, thread, "count", {"steps": 1})
        before = stream.wait_for_end()
    eventually(lambda: query(served.data_dir, "SELECT 1 FROM threads WHERE thread_id = %s AND event_seq > 0", [thread]))
    query(served.data_dir, "DELETE FROM run_events WHERE thread_id = %s", [thread])
    with watch(http, thread) as stream:
        start(http, thread, "count", {"steps": 1})
        assert stream.wait_for_end()[0]["seq"] == before[-1]["seq"] + 1


# ---- both ways


def test_a_classic_run_watched_through_the_protocol(http: httpx.Client, thread: str) -> None:
    with watch(http, thread) as stream:
        body = {"assistant_id": "count", "input": {"steps": 1}, "stream_mode": ["updates", "custom"]}
        http.post(f"/threads/{thread}/runs", json=body).raise_for_status()
        stream.wait_for_end()
    assert [(event["method"], event["params"].get("node")) for event in stream.events] == [
        ("lifecycle", None), ("updates", "begin"), ("custom", None), ("updates", "step"), ("lifecycle", None),
    ]  # fmt: skip


def test_a_run_of_the_protocol_watched_through_the_classic_api(http: httpx.Client, thread: str, gate: Path) -> None:
    with http.stream("GET", f"/threads/{thread}/stream") as whole:
        run = start(http, thread, "choir", {**SAID, "gate": str(gate)})
        with http.stream("GET", f"/threads/{thread}/runs/{run}/stream", headers={"Last-Event-ID": "-1"}) as joined:
            gate.touch()
            parts = list(events(joined))
        seen = []
        for name, data in events(whole):
            seen.append((name, data))
            if data == {"status": "run_done", "run_id": run}:
                break
    assert seen[:-1] == parts
    assert parts[0] == ("metadata", {"run_id": run, "attempt": 1})
    assert {"values", "messages"} <= {name for name, _ in parts}
    last = [data for name, data in parts if name == "values"][-1]
    assert len(last["messages"]) == 3
    assert http.get(f"/threads/{thread}/runs/{run}/join").json() == last


# ---- commands


@pytest.mark.parametrize("spelling", ["multitaskStrategy", "multitask_strategy"])
def test_strategies_on_a_busy_thread(http: httpx.Client, gate: Path, spelling: str) -> None:
    expected = {
        "enqueue": (["completed", "completed"], ["a1", "a2", "a3", "b1"]),
        "interrupt": (["interrupted", "completed"], ["a1", "b1"]),
        "rollback": (["interrupted", "completed"], ["b1"]),
    }
    for strategy, (ends, entries) in expected.items():
        thread = new_thread(http)
        with watch(http, thread, ["lifecycle", "custom"]) as stream:
            start(http, thread, "count", {"tag": "a", "gate": str(gate)})
            stream.wait(lambda stream: len(stream.data("custom")) == 2)
            assert refusal(http, thread, "run.start", assistant_id="count", input={}, **{spelling: "reject"}) == "invalid_argument"
            second = start(http, thread, "count", {"tag": "b", "steps": 1}, **{spelling: strategy})
            gate.touch()
            stream.wait_for_end(2)
            assert (stream.ends(), second in stream.events[-1]["event_id"]) == (ends, True)
        gate.unlink()
        assert http.get(f"/threads/{thread}/state").json()["values"]["entries"] == entries


def test_an_answer_with_an_update_and_another_way(http: httpx.Client, thread: str) -> None:
    with watch(http, thread) as stream:
        start(http, thread, "trip", {"notes": ["began"]})
        stream.wait_for_end()
        [asked] = stream.data("input.requested")
        assert asked["payload"] == "where to?"
        answer = {"namespace": [], "interrupt_id": asked["interrupt_id"], "response": "the sea"}
        wrong = {**answer, "goto": {"nope": 1}}
        assert refusal(http, thread, "input.respond", **wrong) == "invalid_argument"
        result(http, thread, "input.respond", **answer, update={"notes": ["told"]}, goto="rest")
        assert refusal(http, thread, "input.respond", **answer) == "no_such_interrupt"
        stream.wait_for_end(2)
        assert stream.data("input.answered") == [{"interrupt_ids": [asked["interrupt_id"]]}]
    values = http.get(f"/threads/{thread}/state").json()["values"]
    assert (values["place"], sorted(values["notes"])) == ("the sea", ["began", "rested", "to the sea", "told"])


def test_an_answer_that_comes_too_late_changes_nothing(http: httpx.Client, thread: str) -> None:
    """Two answers that cross: the one that runs second is refused, and what waits still waits."""
    with watch(http, thread) as stream:
        start(http, thread, "trip", {})
        stream.wait_for_end()
        [asked] = stream.data("input.requested")
        other = "0" * 32
        resume = {"command": {"resume": {other: "nowhere"}}, "strict_resume": True}
        run = http.post(f"/threads/{thread}/runs", json={"assistant_id": "trip", **resume}).json()["run_id"]
        assert ended(http, thread, run) == "error"
        stream.wait_for_end(2)
        end = stream.of("lifecycle")[-1]["params"]["data"]
        assert (end["event"], end["interrupt_ids"], end["pending_ids"]) == ("failed", [other], [asked["interrupt_id"]])
        assert http.get(f"/threads/{thread}").json()["status"] == "interrupted"
        result(http, thread, "input.respond", namespace=[], interrupt_id=asked["interrupt_id"], response="home")
        stream.wait_for_end(3)
    assert http.get(f"/threads/{thread}/state").json()["values"]["notes"] == ["to home"]


def test_a_message_is_injected_behind_what_runs(http: httpx.Client, thread: str, gate: Path) -> None:
    with watch(http, thread, ["lifecycle", "messages"]) as stream:
        assert (
            refusal(http, thread, "input.inject", namespace=[], message={"role": "user", "content": "too early"}) == "no_such_run"
        )
        start(http, thread, "choir", {**SAID, "gate": str(gate)})
        stream.wait(lambda stream: stream.data("messages"))
        result(http, thread, "input.inject", namespace=[], message={"role": "user", "content": "more", "name": "Ann"})
        gate.touch()
        stream.wait_for_end(2)
    messages = http.get(f"/threads/{thread}/state").json()["values"]["messages"]
    assert [(m["type"], m["name"]) for m in messages if m["type"] == "human"] == [("human", None), ("human", "Ann")]
    assert len(messages) == 6


def test_tree_state_checkpoints_and_fork(http: httpx.Client, thread: str, gate: Path) -> None:
    assert refusal(http, thread, "agent.getTree") == "no_such_run"
    with watch(http, thread, ["lifecycle", "custom"]) as stream:
        run = start(http, thread, "count", {"tag": "a", "steps": 2, "gate": str(gate)})
        stream.wait(lambda stream: len(stream.data("custom")) == 2)
        tree = {"namespace": [], "status": "running", "graph_name": "count"}
        assert result(http, thread, "agent.getTree")["tree"] == tree
        gate.touch()
        stream.wait_for_end()
        assert result(http, thread, "agent.getTree", run_id=run)["tree"] == {**tree, "status": "completed"}
        state = result(http, thread, "state.get", namespace=[], keys=["entries"])
        assert state["values"] == {"entries": ["a1", "a2"]}
        assert refusal(http, thread, "state.get", namespace=["nope"]) == "no_such_namespace"
        checkpoints = result(http, thread, "state.listCheckpoints", limit=3)["checkpoints"]
        assert (checkpoints[0]["id"], [one["step"] for one in checkpoints]) == (state["checkpoint"]["id"], [3, 2, 1])
        earlier = result(http, thread, "state.listCheckpoints", before=checkpoints[2]["id"])["checkpoints"]
        assert [one["step"] for one in earlier] == [0, -1]
        assert refusal(http, thread, "state.fork", checkpoint_id=str(uuid4())) == "no_such_checkpoint"
        forked = result(http, thread, "state.fork", checkpoint_id=checkpoints[1]["id"], input={"tag": "b", "steps": 1, "gate": ""})
        assert forked["thread_id"] == thread
        stream.wait_for_end(2)
    assert http.get(f"/threads/{thread}/state").json()["values"]["entries"] == ["a1", "b1"]


@pytest.mark.parametrize("params", [
    {}, {"assistant_id": ""}, {"assistant_id": "count", "config": []},
    {"assistant_id": "count", "config": {"configurable": 1}},
    {"assistant_id": "count", "config": {"tags": "a"}}, {"assistant_id": "count", "metadata": "x"},
    {"assistant_id": "count", "no": 1},
    {"assistant_id": "count", "multitaskStrategy": "reject", "multitask_strategy": "enqueue"},
])  # fmt: skip
def test_wrong_parameters_are_refused_and_start_nothing(http: httpx.Client, thread: str, params: dict[str, Any]) -> None:
    answer = command(http, thread, "run.start", **params)
    assert (answer["type"], answer["error"]) == ("error", "invalid_argument")
    assert answer["message"].startswith("run.start")
    assert http.get(f"/threads/{thread}/runs").json() == []


# ---- the WebSocket


class Socket:
    """A connection, what came on it, and commands with the replies to them."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.events: list[dict[str, Any]] = []
        self._id = 0

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        self._id += 1
        self.connection.send(json.dumps({"id": self._id, "method": method, "params": params}))
        return self.reply()

    def reply(self) -> dict[str, Any]:
        """The next message that is no event."""
        while True:
            message: dict[str, Any] = json.loads(self.connection.recv(45))
            if message["type"] != "event":
                return message
            self.events.append(message)

    def wait_for_end(self) -> None:
        while not any(e["method"] == "lifecycle" and e["params"]["data"]["event"] == "completed" for e in self.events):
            self.events.append(json.loads(self.connection.recv(45)))


@pytest.fixture
def socket_url(served: ServerProcess) -> str:
    return f"{served.url.replace('http', 'ws')}/threads/{{}}/stream/events"


def test_a_socket_takes_commands_and_sends_events(http: httpx.Client, socket_url: str, thread: str) -> None:
    with connect(socket_url.format(thread)) as connection:
        socket = Socket(connection)
        for bad in ("{", "[]", '{"id": 1}', b"\xff"):
            connection.send(bad)
            answer = socket.reply()
            assert (answer["type"], answer["error"]) == ("error", "invalid_argument")
        first = socket.send("subscription.subscribe", channels=["lifecycle"])["result"]
        assert first["replayed_events"] == 0
        both = socket.send("subscription.subscribe", channels=["lifecycle", "custom"])["result"]
        run_id = socket.send("run.start", assistant_id="count", input={"steps": 2})["result"]["run_id"]
        socket.wait_for_end()
        assert [event["method"] for event in socket.events] == ["lifecycle", "custom", "custom", "lifecycle"]
        assert all(run_id in event["event_id"] for event in socket.events)
        live, socket.events = socket.events, []
        # A new subscription is sent what was, before it is confirmed.
        late = socket.send("subscription.subscribe", channels=["custom"])["result"]
        assert (late["replayed_events"], socket.events) == (2, live[1:3])
        for subscription in (both, late):
            socket.send("subscription.unsubscribe", subscription_id=subscription["subscription_id"])
        assert socket.send("subscription.unsubscribe", subscription_id="x")["error"] == "no_such_subscription"
        socket.events = []
        socket.send("run.start", assistant_id="count", input={"steps": 1})
        socket.wait_for_end()
        assert [event["method"] for event in socket.events] == ["lifecycle", "lifecycle"]
    # Another connection takes up a subscription behind the last event that the client has.
    with connect(socket_url.format(thread)) as connection:
        socket = Socket(connection)
        taken = socket.send(
            "subscription.reconnect", run_id=run_id, last_event_id=live[1]["event_id"], subscriptions=[both["subscription_id"]]
        )["result"]
        assert (taken["restored"], taken["missed_events"]) == (True, len(socket.events))
        assert taken["current_namespaces"] == [{"namespace": [], "status": "completed"}]
        assert socket.events[:2] == live[2:]
        assert socket.send("subscription.reconnect", run_id=run_id, subscriptions=["1.x"])["error"] == "no_such_subscription"


def test_a_socket_for_something_that_is_no_thread_is_closed(socket_url: str) -> None:
    with connect(socket_url.format("nope")) as connection, pytest.raises(ConnectionClosed) as closed:
        connection.recv(45)
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 4422
