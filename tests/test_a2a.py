"""The A2A endpoint, judged by the official client in both versions of the protocol, and by the texts of JSON-RPC."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest
from a2a.client import A2ACardResolver, Client, ClientConfig, ClientFactory
from a2a.types import (
    AgentInterface,
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    Message,
    Part,
    Role,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
    TaskState,
)  # fmt: skip
from a2a.utils.errors import InvalidParamsError, TaskNotCancelableError, TaskNotFoundError, UnsupportedOperationError
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Value

from allograph.store.assistants import default_assistant_id
from tests.server_process import ServerProcess

VERSIONS = ("1.0", "0.3")


@contextlib.asynccontextmanager
async def agent(
    url: str, graph_id: str, version: str = "1.0", *, streaming: bool = False, polling: bool = False
) -> AsyncIterator[Client]:
    """The official client, made from the card that the server shows."""
    async with httpx.AsyncClient(timeout=60) as http:
        card = await A2ACardResolver(http, url, f"/.well-known/agent-card.json?assistant_id={graph_id}").get_agent_card()
        chosen = [one for one in card.supported_interfaces if one.protocol_version == version]
        assert chosen
        del card.supported_interfaces[:]
        card.supported_interfaces.extend(cast(list[AgentInterface], chosen))
        config = ClientConfig(streaming=streaming, polling=polling, httpx_client=http)
        async with ClientFactory(config).create(card) as client:
            yield client


def saying(*parts: str | dict[str, Any], task: Task | None = None, context: str = "") -> SendMessageRequest:
    made = [Part(text=one) if isinstance(one, str) else Part(data=ParseDict(one, Value())) for one in parts]
    message = Message(message_id=uuid.uuid4().hex, role=Role.ROLE_USER, parts=made, context_id=context)
    if task:
        message.task_id, message.context_id = task.id, task.context_id
    return SendMessageRequest(message=message)


async def told(client: Client, request: SendMessageRequest) -> list[StreamResponse]:
    return [event async for event in client.send_message(request)]


async def sent(client: Client, request: SendMessageRequest) -> Task:
    (event,) = await told(client, request)
    return event.task


def state(task: Task) -> str:
    return str(TaskState.Name(task.status.state)).removeprefix("TASK_STATE_")


def contents(parts: Any) -> list[Any]:
    return [part.text if part.HasField("text") else MessageToDict(part.data) for part in parts]


def answer(task: Task) -> list[Any]:
    return [one for artifact in task.artifacts for one in contents(artifact.parts)]


def history(task: Task) -> list[str]:
    return [one for message in task.history for one in contents(message.parts)]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_conversation(served: ServerProcess, version: str) -> None:
    async with agent(served.url, "talk", version) as client:
        first = await sent(client, saying("one"))
        assert (state(first), answer(first), history(first)) == ("COMPLETED", ["1: one"], ["one", "1: one"])
        second = await sent(client, saying("two", context=first.context_id))
        assert second.context_id == first.context_id
        assert second.id != first.id
        assert (answer(second), history(second)) == (["2: two"], ["one", "1: one", "two", "2: two"])
        # A task stays what it was, whatever was said afterwards.
        again = await client.get_task(GetTaskRequest(id=first.id))
        assert (state(again), answer(again), history(again)) == ("COMPLETED", ["1: one"], ["one", "1: one"])
        short = await client.get_task(GetTaskRequest(id=second.id, history_length=1))
        assert history(short) == ["2: two"]
        # The context is a thread like any other.
        async with httpx.AsyncClient(base_url=served.url) as http:
            values = (await http.get(f"/threads/{first.context_id}/state")).raise_for_status().json()["values"]
        assert [one["content"] for one in values["messages"]] == ["one", "1: one", "two", "2: two"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_stream(server: ServerProcess, version: str) -> None:
    async with agent(server.url, "chat", version, streaming=True) as client:
        events = await told(client, saying("hello there"))
        assert state(events[0].task) == "SUBMITTED"
        assert history(events[0].task) == ["hello there"]
        updates = [event.status_update.status for event in events if event.HasField("status_update")]
        said = [contents(one.message.parts)[0] for one in updates if one.state == TaskState.TASK_STATE_WORKING]
        assert said[0] == "You "
        assert said[-1] == "You said: hello there"
        assert all(later.startswith(sooner) for sooner, later in itertools.pairwise(said))
        (artifact,) = [event.artifact_update.artifact for event in events if event.HasField("artifact_update")]
        assert contents(artifact.parts) == ["You said: hello there"]
        assert updates[-1].state == TaskState.TASK_STATE_COMPLETED
        task = await client.get_task(GetTaskRequest(id=events[0].task.id))
        assert task.artifacts[0] == artifact


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_interrupt_asks_for_input(served: ServerProcess, version: str) -> None:
    async with agent(served.url, "ask", version) as client:
        asking = await sent(client, saying({"question": "why?"}))
        assert state(asking) == "INPUT_REQUIRED"
        (asked,) = contents(asking.status.message.parts)
        assert asked["value"] == {"question": "why?"}
        answered = await sent(client, saying("because", task=asking))
        # The same task goes on, in a run of its own.
        assert answered.id == asking.id
        assert (state(answered), answer(answered)) == ("COMPLETED", [{"question": "why?", "answer": "said because"}])
        assert state(await client.get_task(GetTaskRequest(id=asking.id))) == "COMPLETED"
        with pytest.raises(UnsupportedOperationError, match="is completed"):
            await sent(client, saying("once more", task=asking))


async def test_a_node_that_asks_again(server: ServerProcess) -> None:
    async with agent(server.url, "asking") as client:
        task = await sent(client, saying({"text": "x"}))
        task = await sent(client, saying("Ann", task=task))
        assert state(task) == "INPUT_REQUIRED"
        assert [one["value"] for one in contents(task.status.message.parts)] == [{"question": "age?", "name": "Ann"}]
        task = await sent(client, saying("42", task=task))
        assert (state(task), answer(task)[0]["answers"]) == ("COMPLETED", ["Ann is 42"])


async def test_several_interrupts_are_answered_by_their_ids(server: ServerProcess) -> None:
    async with agent(server.url, "parallel", streaming=True) as client:
        events = await told(client, saying({"text": "x"}))
        asked = contents(events[-1].status_update.status.message.parts)
        assert {one["value"] for one in asked} == {"first?", "second?"}
        task = events[0].task
        with pytest.raises(InvalidParamsError, match="2 interrupts"):
            await told(client, saying("both", task=task))
        with pytest.raises(InvalidParamsError, match="no interrupt zzz"):
            await told(client, saying({"resume": [{"id": "zzz", "value": 1}]}, task=task))
        resume = [{"id": one["id"], "value": f"to {one['value']}"} for one in asked]
        events = await told(client, saying({"resume": resume}, task=task))
        (artifact,) = [event.artifact_update.artifact for event in events if event.HasField("artifact_update")]
        assert contents(artifact.parts)[0]["answers"] == ["one: to first?", "two: to second?"]
        assert events[0].task.id == task.id


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_graph_that_fails_is_a_failed_task(server: ServerProcess, version: str) -> None:
    for streaming in (False, True):
        async with agent(server.url, "failing", version, streaming=streaming) as client:
            last = (await told(client, saying({"text": "own"})))[-1]
            status = last.status_update.status if streaming else last.task.status
            assert status.state == TaskState.TASK_STATE_FAILED
            assert "RefusalError: " in contents(status.message.parts)[0]
            assert "refused: own" in contents(status.message.parts)[0]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_task_is_followed_and_cancelled(served: ServerProcess, version: str) -> None:
    async with (
        agent(served.url, "count", version, polling=True) as client,
        agent(served.url, "count", version, streaming=True) as follower,
    ):
        task = await sent(client, saying({"steps": 1000, "seconds": 0.2}))
        assert state(task) == "SUBMITTED"
        followed = [event async for event in first(follower.subscribe(SubscribeToTaskRequest(id=task.id)))]
        assert state(followed[0].task) in ("SUBMITTED", "WORKING")

        async def follow() -> list[StreamResponse]:
            return [event async for event in follower.subscribe(SubscribeToTaskRequest(id=task.id))]

        following = asyncio.create_task(follow())
        cancelled = await client.cancel_task(CancelTaskRequest(id=task.id))
        assert state(cancelled) == "CANCELED"
        assert state(await client.get_task(GetTaskRequest(id=task.id))) == "CANCELED"
        with contextlib.suppress(UnsupportedOperationError):  # the task may have been over before it was followed
            assert (await asyncio.wait_for(following, 60))[-1].status_update.status.state == TaskState.TASK_STATE_CANCELED
        with pytest.raises(TaskNotCancelableError):
            await client.cancel_task(CancelTaskRequest(id=task.id))
        with pytest.raises(UnsupportedOperationError):
            await follow()


async def first(events: AsyncIterator[StreamResponse]) -> AsyncIterator[StreamResponse]:
    """The first event; then the reader leaves."""
    async for event in events:
        yield event
        return


async def test_a_task_that_waits_for_input_is_given_up(served: ServerProcess) -> None:
    async with agent(served.url, "ask") as client, agent(served.url, "ask", streaming=True) as follower:
        asking = await sent(client, saying({"question": "why?"}))
        (shown,) = [event async for event in follower.subscribe(SubscribeToTaskRequest(id=asking.id))]
        assert state(shown.task) == "INPUT_REQUIRED"
        assert state(await client.cancel_task(CancelTaskRequest(id=asking.id))) == "CANCELED"
        with pytest.raises(UnsupportedOperationError, match="canceled"):
            await sent(client, saying("because", task=asking))


async def test_tasks_are_listed(served: ServerProcess) -> None:
    async with agent(served.url, "ask") as client:
        asking = await sent(client, saying({"question": "first?"}))
        await sent(client, saying("so", task=asking))
        second = await sent(client, saying({"question": "second?"}, context=asking.context_id))
        listed = await client.list_tasks(ListTasksRequest(context_id=asking.context_id, include_artifacts=True))
        assert [(one.id, state(one)) for one in listed.tasks] == [(second.id, "INPUT_REQUIRED"), (asking.id, "COMPLETED")]
        assert answer(listed.tasks[1]) == [{"question": "first?", "answer": "said so"}]
        page = await client.list_tasks(ListTasksRequest(context_id=asking.context_id, page_size=1))
        assert ([one.id for one in page.tasks], page.total_size) == ([second.id], 2)
        token = page.next_page_token
        page = await client.list_tasks(ListTasksRequest(context_id=asking.context_id, page_size=1, page_token=token))
        assert ([one.id for one in page.tasks], page.next_page_token) == ([asking.id], "")


async def test_what_is_unknown(served: ServerProcess) -> None:
    async with agent(served.url, "talk") as client, agent(served.url, "ask") as other:
        task = await sent(client, saying("one"))
        for missing in ("zzz", str(uuid.uuid4()), f"{uuid.uuid4()}:{uuid.uuid4()}", f"{task.context_id}:{uuid.uuid4()}"):
            with pytest.raises(TaskNotFoundError):
                await client.get_task(GetTaskRequest(id=missing))
        # Of another agent.
        with pytest.raises(TaskNotFoundError):
            await other.get_task(GetTaskRequest(id=task.id))
        with pytest.raises(InvalidParamsError, match="thread-1"):
            await sent(client, saying("x", context="thread-1"))
        with pytest.raises(InvalidParamsError, match="no field `messages`"):
            await sent(other, saying("x"))


def rpc(http: httpx.Client, method: str, params: Any, *, graph_id: str = "chat", headers: dict[str, str] | None = None) -> Any:
    message = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    reply = http.post(f"/a2a/{default_assistant_id(graph_id)}", json=message, headers=headers)
    assert reply.status_code == 200
    assert reply.json()["id"] == 7
    return reply.json()


def message(**fields: Any) -> dict[str, Any]:
    return {"message": {"role": "user", "messageId": "m", "parts": [{"kind": "text", "text": "hi"}], **fields}}


@pytest.mark.parametrize(("method", "params", "code", "said"), [
    ("nope", {}, -32601, "nope"),
    ("message/send", {}, -32602, "params.message"),
    ("message/send", message(parts=[]), -32602, "parts"),
    ("message/send", message(parts=[{"kind": "text", "text": 5}]), -32602, "parts[0].text"),
    ("message/send", message(parts=[{"kind": "data", "data": [1]}]), -32602, "parts[0].data"),
    ("message/send", message(parts=[{"kind": "file", "file": {"uri": "http://x"}}]), -32005, "parts[0]"),
    ("SendMessage", message(role="ROLE_USER", parts=[{"url": "http://x"}]), -32005, "parts[0]"),
    ("message/send", message(parts=[{"kind": "video"}]), -32005, "parts[0]"),
    ("message/send", message(role="boss"), -32602, "role"),
    ("message/send", message(role={}), -32602, "role"),
    ("message/send", message(messageId=None), -32602, "messageId"),
    ("message/send", message(taskId="zzz"), -32001, "zzz"),
    ("message/send", message(metadata=[]), -32602, "metadata"),
    ("message/send", {**message(), "configuration": {"historyLength": 11}}, -32602, "historyLength cannot exceed 10"),
    ("message/send", {**message(), "configuration": {"blocking": "no"}}, -32602, "blocking"),
    ("message/send", {**message(), "configuration": {"pushNotificationConfig": {"url": "http://x"}}}, -32003, "push"),
    ("message/send", {**message(), "configuration": {"acceptedOutputModes": ["image/png"]}}, -32005, "text/plain"),
    ("tasks/get", {}, -32602, "params.id"),
    ("tasks/get", {"id": "x", "contextId": 5}, -32602, "contextId"),
    ("tasks/pushNotificationConfig/set", {}, -32003, "Push"),
    ("ListTasks", {"pageSize": 1000}, -32602, "pageSize"),
    ("ListTasks", {"status": "TASK_STATE_WORKING"}, -32602, "status"),
])  # fmt: skip
def test_what_cannot_be_done_is_an_error(http: httpx.Client, method: str, params: Any, code: int, said: str) -> None:
    error = rpc(http, method, params)["error"]
    assert error["code"] == code
    assert said in error["message"]


@pytest.mark.parametrize(("body", "code"), [
    (b"{nope", -32700), (b"[]", -32600), (b'{"jsonrpc":"1.0","id":"1","method":"x"}', -32600),
    (b'{"jsonrpc":"2.0","id":"1"}', -32600), (b'{"jsonrpc":"2.0","method":"message/send"}', -32600),
])  # fmt: skip
def test_what_is_no_request_is_an_error(http: httpx.Client, body: bytes, code: int) -> None:
    reply = http.post(f"/a2a/{default_assistant_id('chat')}", content=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (200, code)


def test_accept_and_versions(http: httpx.Client) -> None:
    url = f"/a2a/{default_assistant_id('chat')}"
    stream = {"jsonrpc": "2.0", "id": "1", "method": "message/stream", "params": message()}
    refused = http.post(url, json=stream, headers={"accept": "application/json"}).json()["error"]
    assert refused["code"] == -32600
    assert "text/event-stream" in refused["message"]
    assert rpc(http, "tasks/get", {"id": "x"}, headers={"a2a-version": "9.9"})["error"]["code"] == -32009
    unknown = http.post(f"/a2a/{uuid.uuid4()}", json={"jsonrpc": "2.0", "id": "1", "method": "message/send", "params": message()})
    assert "not found" in unknown.json()["error"]["message"]


def test_cards(http: httpx.Client, served: ServerProcess) -> None:
    card = http.get("/.well-known/agent-card.json?assistant_id=chat").json()
    assert card["url"] == f"{http.base_url}/a2a/{default_assistant_id('chat')}".replace("//a2a", "/a2a")
    assert card["skills"][0]["metadata"]["inputSchema"]["supportsA2A"] is True
    assert http.get(f"/a2a/{default_assistant_id('chat')}").json() == card
    assert rpc(http, "GetExtendedAgentCard", {})["result"] == json.loads(json.dumps(card))
    steps = http.get("/.well-known/agent-card.json?assistant_id=steps").json()
    assert steps["skills"][0]["metadata"]["inputSchema"] == {
        "required": [], "properties": ["steps", "text"], "supportsA2A": False,
    }  # fmt: skip
    assert http.get("/.well-known/agent-card.json").status_code == 400
    assert http.get("/.well-known/agent-card.json?assistant_id=zzz").status_code == 422
    assert http.get(f"/.well-known/agent-card.json?assistant_id={uuid.uuid4()}").status_code == 404
