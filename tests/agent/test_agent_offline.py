"""The offline stand-in: it streams, calls tools, and never passes for a language model."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allograph_agent.offline import OfflineChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langgraph.types import Command


def _user(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


async def _messages(agent: Any, text: str, config: dict[str, Any]) -> list[Any]:
    result = await agent.ainvoke(_user(text), config)
    return list(result["messages"])


async def test_it_adds_with_the_calculator(agent: Any, thread: dict[str, Any]) -> None:
    _, call, result, answer = await _messages(agent, "What is 2 + 2?", thread)
    assert [(c["name"], c["args"]) for c in call.tool_calls] == [("calculator", {"expression": "2 + 2"})]
    assert (result.content, result.status) == ("4", "success")
    assert answer.content == "2 + 2 = 4. (I am the offline stand-in, not a language model.)"


async def test_it_streams_words_and_pieces_of_calls(agent: Any, thread: dict[str, Any]) -> None:
    chunks = [m async for m, _ in agent.astream(_user("What is 2 + 2?"), thread, stream_mode="messages")]
    words = [m.text for m in chunks if isinstance(m, AIMessageChunk) and m.text]
    assert len(words) > 5
    assert "".join(words).startswith("2 + 2 = 4.")
    assert sum(bool(m.tool_call_chunks) for m in chunks if isinstance(m, AIMessageChunk)) == 3


async def test_it_explains_itself(agent: Any, thread: dict[str, Any]) -> None:
    *_, answer = await _messages(agent, "Tell me about Goethe", thread)
    assert "not a language model" in answer.content
    assert "OPENAI_API_KEY" in answer.content


async def test_it_calls_tools_in_parallel(agent: Any, thread: dict[str, Any]) -> None:
    messages = await _messages(agent, "What is 2×3 and (1 + 2)^2, and what time is it in Asia/Tokyo?", thread)
    names = [(c["name"], next(iter(c["args"].values()))) for c in messages[1].tool_calls]
    assert names == [("calculator", "2*3"), ("calculator", "(1 + 2)**2"), ("current_time", "Asia/Tokyo")]
    assert [m.content for m in messages if isinstance(m, ToolMessage)][:2] == ["6", "9"]
    assert re.search(r"9\. It is \w+day 20\d\d-.*\+09:00 \(Asia/Tokyo\)\.", messages[-1].content)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What time is it?", r"It is \w+day .*\(UTC\)\."),
        ("What time is it in New York?", r"current_time says: 'New_York' is not .*Did you mean America/New_York\?"),
        ("what is 1/0", r"calculator says: '1/0' divides by zero\."),
        ("What do you remember?", r"This is what I kept: Nothing has been saved\."),
    ],
)
async def test_answers(agent: Any, thread: dict[str, Any], question: str, answer: str) -> None:
    messages = await _messages(agent, question, thread)
    assert re.match(answer, messages[-1].content)


async def test_it_answers_the_last_question_only(agent: Any, thread: dict[str, Any]) -> None:
    await _messages(agent, "What is 2 + 2?", thread)
    messages = await _messages(agent, "What is 3 + 3?", thread)
    assert messages[-1].content.startswith("3 + 3 = 6. (I am")


async def test_it_remembers_after_approval(agent: Any, thread: dict[str, Any]) -> None:
    result = await agent.ainvoke(_user("Please remember that my name is Ada"), thread)
    assert result["__interrupt__"][0].value["action_requests"][0]["args"] == {"fact": "my name is Ada"}
    result = await agent.ainvoke(Command(resume={"decisions": [{"type": "approve"}]}), thread)
    assert result["messages"][-1].content.startswith("Saved: my name is Ada.")
    messages = await _messages(agent, "What do you remember?", {"configurable": {"thread_id": "2"}})
    assert "my name is Ada" in messages[-1].content


async def test_an_edit_is_told_without_the_notice_for_models(agent: Any, thread: dict[str, Any]) -> None:
    await agent.ainvoke(_user("Remember that 1 is 2"), thread)
    edit = {"type": "edit", "edited_action": {"name": "remember", "args": {"fact": "1 is 1"}}}
    result = await agent.ainvoke(Command(resume={"decisions": [edit]}), thread)
    assert result["messages"][-1].content == "Saved: 1 is 1. (I am the offline stand-in, not a language model.)"


async def test_it_calls_no_tool_that_is_not_bound() -> None:
    answer = await OfflineChatModel().ainvoke("What is 2 + 2?")
    assert isinstance(answer, AIMessage)
    assert not answer.tool_calls
    assert "not a language model" in answer.text


def test_it_answers_synchronously() -> None:
    assert "not a language model" in OfflineChatModel().invoke("hello").text
    assert len(list(OfflineChatModel().stream("hello"))) > 5
