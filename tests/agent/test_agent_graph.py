"""The agent over ChatOpenAI, against a server of the OpenAI protocol on loopback."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import openai
import pytest
from allograph_agent.configuration import SYSTEM_PROMPT
from langchain_core.messages import AIMessageChunk, ToolMessage
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command

from tests.openai_stand_in import Call, Messages, OpenAIStandIn, Reply

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}


def _configured(server: OpenAIStandIn, thread_id: str = "1", **values: Any) -> dict[str, Any]:
    chosen = {"model_name": "stand-in", "base_url": server.base_url, "custom_api_key": "mine"} | values
    return {"configurable": {"thread_id": thread_id, **chosen}}


async def test_tokens_arrive_one_by_one_with_usage(agent: Any) -> None:
    with OpenAIStandIn([Reply("Hello there, dear user.", usage=(11, 4))]) as server:
        stream = agent.astream(HELLO, _configured(server), stream_mode="messages")
        chunks = [m async for m, _ in stream if isinstance(m, AIMessageChunk)]
    assert [m.content for m in chunks if m.content] == ["Hello", " there,", " dear", " user."]
    usages = [m.usage_metadata for m in chunks if m.usage_metadata]
    assert [(u["input_tokens"], u["output_tokens"]) for u in usages] == [(11, 4)]
    assert server.requests[0].body["stream"] is True


async def test_without_a_reader_of_tokens_nothing_is_streamed(agent: Any) -> None:
    with OpenAIStandIn([Reply("Hello.")]) as server:
        result = await agent.ainvoke(HELLO, _configured(server))
    assert result["messages"][-1].content == "Hello."
    assert not server.requests[0].body.get("stream")


async def test_the_request_carries_what_the_run_configures(agent: Any) -> None:
    with OpenAIStandIn([Reply("Hello.")]) as server:
        chosen: dict[str, Any] = {
            "model_name": "openai:big",
            "temperature": 0.25,
            "max_tokens": 77,
            "system_prompt": "Be brief.",
        }
        await agent.ainvoke(HELLO, _configured(server, **chosen))
    (request,) = server.requests
    assert request.key == "mine"
    assert (request.body["model"], request.body["temperature"]) == ("big", 0.25)
    assert request.body["max_completion_tokens"] == 77
    assert request.messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
    ]
    tools = [tool["function"]["name"] for tool in request.body["tools"]]
    assert tools == ["calculator", "current_time", "remember", "recall"]


async def test_context_configures_as_well_and_wins(agent: Any) -> None:
    with OpenAIStandIn([Reply("Hello.")]) as server:
        config = _configured(server, temperature=0.9, system_prompt="")
        context = {"model_name": "small", "temperature": 0.5, "max_tokens": None, "from_the_server": True}
        await agent.ainvoke(HELLO, config, context=context)
    body = server.requests[0].body
    assert (body["model"], body["temperature"]) == ("small", 0.5)
    assert "max_completion_tokens" not in body
    assert [message["role"] for message in body["messages"]] == ["user"]


async def test_the_environment_configures(agent: Any, thread: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAIStandIn([Reply("Hello.")], keys=["server-key"]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "server-key")
        monkeypatch.setenv("AGENT_MODEL", "qwen")
        await agent.ainvoke(HELLO, thread)
    body = server.requests[0].body
    assert (body["model"], body["temperature"], body["max_completion_tokens"]) == ("qwen", 0.7, 4000)
    assert body["messages"][0] == {"role": "system", "content": SYSTEM_PROMPT}


async def test_a_url_of_the_run_gets_nothing_from_the_environment(agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "server-key")
    monkeypatch.setenv("OPENAI_ORG_ID", "server-organisation")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "server-project")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Gateway: server-gateway\nAuthorization: Bearer server-token")
    with OpenAIStandIn([Reply("Hello.")]) as server:
        await agent.ainvoke(HELLO, _configured(server, custom_api_key=None))
    (request,) = server.requests
    assert request.key == "EMPTY"
    assert "server-" not in str(request)


async def test_each_run_uses_its_own_key(agent: Any) -> None:
    def echo(messages: Messages) -> Reply:
        return Reply(messages[-1]["content"])

    async def run(number: int) -> None:
        config = _configured(server, thread_id=str(number), custom_api_key=f"key-{number}")
        await agent.ainvoke({"messages": [{"role": "user", "content": f"I am {number}"}]}, config)

    with OpenAIStandIn(echo) as server:
        await asyncio.gather(*(run(number) for number in range(20)))
    pairs = Counter((request.key, request.messages[-1]["content"]) for request in server.requests)
    assert pairs == Counter((f"key-{number}", f"I am {number}") for number in range(20))


@pytest.mark.parametrize("mode", ["messages", "updates"])
async def test_a_tools_result_reaches_the_model(agent: Any, mode: str) -> None:
    script = [Reply(tool_calls=[Call("calculator", {"expression": "6 * 7"})]), Reply("It is 42.")]
    with OpenAIStandIn(script) as server:
        config = _configured(server)
        streamed = [part async for part in agent.astream(HELLO, config, stream_mode=mode)]
    if mode == "messages":
        pieces = [chunk for m, _ in streamed for chunk in getattr(m, "tool_call_chunks", [])]
        assert len(pieces) == 4
        assert "".join(piece["args"] or "" for piece in pieces) == '{"expression": "6 * 7"}'
    assert server.requests[1].messages[-1] == {"role": "tool", "tool_call_id": "call_1_0", "content": "42"}
    state = await agent.aget_state(config)
    assert state.values["messages"][-1].content == "It is 42."


async def test_parallel_tool_calls(agent: Any) -> None:
    calls = [
        Call("calculator", {"expression": "1 + 1"}),
        Call("current_time"),
        Call("calculator", {"expression": "1/0"}),
    ]
    with OpenAIStandIn([Reply("Let me see.", calls), Reply("Done.")]) as server:
        stream = agent.astream(HELLO, _configured(server), stream_mode="messages")
        tools = [m async for m, _ in stream if isinstance(m, ToolMessage)]
    assert {m.tool_call_id: m.status for m in tools} == {
        "call_1_0": "success",
        "call_1_1": "success",
        "call_1_2": "error",
    }
    sent = {m["tool_call_id"]: m["content"] for m in server.requests[1].messages if m["role"] == "tool"}
    assert (sent["call_1_0"], sent["call_1_2"]) == ("2", "'1/0' divides by zero.")
    assert sent["call_1_1"].endswith("(UTC)")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (Call("calculator", {"expression": "9**9**9"}), "too large"),
        (Call("calculator", {}), "expression"),
        (Call("current_time", {"timezone": "Mars/Olympus"}), "is not an IANA time zone"),
        (Call("current_time", {"timezone": "../../etc/passwd"}), "is not an IANA time zone"),
        (Call("current_time", {"timezone": "America"}), "is not an IANA time zone"),
        (Call("current_time", {"timezone": "x" * 5000}), "is not an IANA time zone"),
        (Call("no_such_tool", {}), "no_such_tool is not a valid tool"),
    ],
)
async def test_a_tools_error_reaches_the_model(agent: Any, call: Call, sentence: str) -> None:
    with OpenAIStandIn([Reply(tool_calls=[call]), Reply("Sorry.")]) as server:
        result = await agent.ainvoke(HELLO, _configured(server))
    assert sentence in server.requests[1].messages[-1]["content"]
    assert result["messages"][-2].status == "error"
    assert result["messages"][-1].content == "Sorry."


async def test_a_server_that_is_busy_is_asked_again(agent: Any) -> None:
    busy = Reply(status=429, error="slow down", headers={"retry-after-ms": "1"})
    with OpenAIStandIn([busy, Reply(status=500, headers={"retry-after-ms": "1"}), Reply("Now.")]) as server:
        result = await agent.ainvoke(HELLO, _configured(server))
    assert result["messages"][-1].content == "Now."
    assert len(server.requests) == 3


async def test_a_stream_that_breaks_off_ends_the_run_and_the_thread_goes_on(agent: Any) -> None:
    with OpenAIStandIn([Reply("One two three.", break_after=2), Reply("Four.")]) as server:
        config = _configured(server)
        words: list[str] = []

        async def read() -> None:
            async for message, _ in agent.astream(HELLO, config, stream_mode="messages"):
                words.append(message.content)

        with pytest.raises(openai.APIConnectionError):
            await read()
        assert "".join(words) == "One"
        result = await agent.ainvoke(HELLO, config)
    assert [message.content for message in result["messages"]] == ["Hello", "Hello", "Four."]


async def test_a_refused_key_ends_the_run_and_is_not_told(agent: Any) -> None:
    with OpenAIStandIn([], keys=["other"]) as server:
        with pytest.raises(openai.AuthenticationError) as caught:
            await agent.ainvoke(HELLO, _configured(server, custom_api_key="sk-wrong"))
        assert len(server.requests) == 1
    assert "sk-wrong" not in str(caught.value)


async def test_a_bad_setting_ends_the_run_with_its_name(agent: Any, thread: dict[str, Any]) -> None:
    config = {"configurable": {**thread["configurable"], "temperature": "hot"}}
    with pytest.raises(ValueError, match="temperature"):
        await agent.ainvoke(HELLO, config)


async def test_a_key_in_the_context_is_in_no_event_and_no_checkpoint(agent: Any) -> None:
    with OpenAIStandIn([Reply("Hello.")], keys=["sk-secret"]) as server:
        config = _configured(server, custom_api_key=None)
        modes = ["messages", "updates", "values", "debug"]
        stream = agent.astream(HELLO, config, context={"custom_api_key": "sk-secret"}, stream_mode=modes)
        parts = [str(part) async for part in stream]
    saved = [str(item) async for item in agent.checkpointer.alist({"configurable": {"thread_id": "1"}})]
    assert parts
    assert saved
    assert "sk-secret" not in "".join(parts + saved)


REMEMBER = Call("remember", {"fact": "The user is Ada."})


async def _asked(agent: Any, config: dict[str, Any]) -> Any:
    result = await agent.ainvoke(HELLO, config)
    (interrupt,) = result["__interrupt__"]
    return interrupt.value


async def _facts(store: InMemoryStore, user: str = "anonymous") -> list[str]:
    return [item.value["fact"] for item in await store.asearch(("memories", user))]


async def test_approval_is_asked_in_the_form_that_front_ends_show(agent: Any, store: InMemoryStore) -> None:
    with OpenAIStandIn([Reply(tool_calls=[REMEMBER])]) as server:
        asked = await _asked(agent, _configured(server))
    assert asked == {
        "action_requests": [
            {
                "name": "remember",
                "args": {"fact": "The user is Ada."},
                "description": "The agent asks to save this in long-term memory.",
            }
        ],
        "review_configs": [{"action_name": "remember", "allowed_decisions": ["approve", "edit", "reject"]}],
    }
    assert await _facts(store) == []


async def test_approved(agent: Any, store: InMemoryStore) -> None:
    with OpenAIStandIn([Reply(tool_calls=[REMEMBER]), Reply("Noted.")]) as server:
        config = _configured(server)
        await _asked(agent, config)
        result = await agent.ainvoke(Command(resume={"decisions": [{"type": "approve"}]}), config)
    assert await _facts(store) == ["The user is Ada."]
    assert server.requests[1].messages[-1]["content"] == "Saved: The user is Ada."
    assert result["messages"][-1].content == "Noted."


async def test_rejected(agent: Any, store: InMemoryStore) -> None:
    with OpenAIStandIn([Reply(tool_calls=[REMEMBER]), Reply("As you wish.")]) as server:
        config = _configured(server)
        await _asked(agent, config)
        decision = {"type": "reject", "message": "That is private."}
        result = await agent.ainvoke(Command(resume={"decisions": [decision]}), config)
    assert await _facts(store) == []
    assert "That is private." in server.requests[1].messages[-1]["content"]
    assert result["messages"][-1].content == "As you wish."


async def test_edited(agent: Any, store: InMemoryStore) -> None:
    with OpenAIStandIn([Reply(tool_calls=[REMEMBER]), Reply("Noted.")]) as server:
        config = _configured(server)
        await _asked(agent, config)
        edited = {"name": "remember", "args": {"fact": "The user is Bob."}}
        decision = {"type": "edit", "edited_action": edited}
        await agent.ainvoke(Command(resume={"decisions": [decision]}), config)
    assert await _facts(store) == ["The user is Bob."]
    assert server.requests[1].messages[-1]["content"].endswith("Saved: The user is Bob.")


async def test_one_approval_among_other_calls(agent: Any, store: InMemoryStore) -> None:
    calls = [Call("calculator", {"expression": "1+1"}), REMEMBER, Call("remember", {"fact": "It is late."})]
    with OpenAIStandIn([Reply(tool_calls=calls), Reply("Done.")]) as server:
        config = _configured(server)
        asked = await _asked(agent, config)
        assert [action["args"]["fact"] for action in asked["action_requests"]] == ["The user is Ada.", "It is late."]
        decisions = [{"type": "reject"}, {"type": "approve"}]
        await agent.ainvoke(Command(resume={"decisions": decisions}), config)
    assert await _facts(store) == ["It is late."]
    results = {m["tool_call_id"]: m["content"] for m in server.requests[1].messages if m["role"] == "tool"}
    assert (results["call_1_0"], results["call_1_2"]) == ("2", "Saved: It is late.")


async def test_memories_belong_to_the_user(agent: Any, store: InMemoryStore) -> None:
    recall = Reply(tool_calls=[Call("recall")])
    script = [Reply(tool_calls=[REMEMBER]), Reply("Noted."), recall, Reply("Ada."), recall, Reply("Nobody.")]
    with OpenAIStandIn(script) as server:
        ada = _configured(server, "1", langgraph_auth_user_id="ada@example.org")
        await _asked(agent, ada)
        await agent.ainvoke(Command(resume={"decisions": [{"type": "approve"}]}), ada)
        await agent.ainvoke(HELLO, _configured(server, "2", langgraph_auth_user_id="ada@example.org"))
        await agent.ainvoke(HELLO, _configured(server, "3", langgraph_auth_user_id="bob@example.org"))
    assert await _facts(store, "ada@example%2Eorg") == ["The user is Ada."]
    assert server.requests[3].messages[-1]["content"] == "The user is Ada."
    assert server.requests[5].messages[-1]["content"] == "Nothing has been saved."


async def test_the_same_fact_is_kept_once(agent: Any, store: InMemoryStore) -> None:
    with OpenAIStandIn([Reply(tool_calls=[REMEMBER, REMEMBER]), Reply("Noted.")]) as server:
        config = _configured(server)
        await _asked(agent, config)
        await agent.ainvoke(Command(resume={"decisions": [{"type": "approve"}] * 2}), config)
    assert await _facts(store) == ["The user is Ada."]


async def test_without_a_store_the_model_is_told(agent: Any) -> None:
    with OpenAIStandIn([Reply(tool_calls=[Call("recall")]), Reply("I cannot.")]) as server:
        await agent.copy(update={"store": None}).ainvoke(HELLO, _configured(server))
    assert "no long-term memory" in server.requests[1].messages[-1]["content"]


async def test_the_schema_is_shown(agent: Any) -> None:
    properties = agent.get_context_jsonschema()["properties"]
    assert list(properties) == [
        "model_name", "base_url", "custom_api_key", "temperature", "max_tokens", "system_prompt",
    ]  # fmt: skip
