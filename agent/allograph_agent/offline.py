"""A chat model that is not one: fixed rules that call the agent's tools and stream their answer word by word.

With it the whole path (tokens, tool calls, approval, memory) can be tried without a key. Every answer says what it is.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable

DISCLAIMER = "(I am the offline stand-in, not a language model.)"
INTRODUCTION = (
    "I am the offline stand-in, not a language model: I follow a few fixed rules. I can calculate "
    '("What is 2 + 2?"), tell the time ("What time is it in Europe/Berlin?"), keep a fact after you approve it '
    '("Remember that my name is Ada") and list what I kept ("What do you remember?"). To talk to a language model, set '
    "OPENAI_API_KEY in the server's environment, or OPENAI_BASE_URL and AGENT_MODEL for a server of your own, and "
    "start the server again."
)

_NUMBER = r"\d+(?:\.\d+)?"
_ARITHMETIC = re.compile(rf"[(\s-]*{_NUMBER}[\s)]*(?:(?:\*\*|//|[-+*/%^×÷x])[(\s-]*{_NUMBER}[\s)]*)+")
_TIME = re.compile(r"\b(?:what time|(?:the|current) time|what(?:'s| is) the date|what day is)\b", re.IGNORECASE)
_ZONE = re.compile(r"\bin (\w+(?:[ /+-]\w+)*?)(?= and\b|[?.!,]|\s*$)")
_REMEMBER = re.compile(r"^\s*(?:please\s+)?remember(?:\s+that)?\s+(.+)", re.IGNORECASE | re.DOTALL)
_RECALL = re.compile(r"\bwhat (?:do|can) you (?:remember|recall|know about me)\b", re.IGNORECASE)


class OfflineChatModel(BaseChatModel):
    """Rules instead of a model. Tools that are not bound are not called."""

    @property
    def _llm_type(self) -> str:
        return "offline"

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        return self.bind(tool_names=[tool["name"] if isinstance(tool, dict) else tool.name for tool in tools])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        *,
        tool_names: Sequence[str] = (),
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in _chunks(_reply(messages, tool_names)):
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        *,
        tool_names: Sequence[str] = (),
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in _chunks(_reply(messages, tool_names)):
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk
            await asyncio.sleep(0)


def _chunks(reply: str | list[ToolCall]) -> Iterator[ChatGenerationChunk]:
    """`reply` as a server would stream it: word by word, or each call's name and then its arguments in two pieces."""
    pieces: list[AIMessageChunk] = []
    if isinstance(reply, str):
        pieces += (AIMessageChunk(content=word) for word in re.findall(r"\s*\S+", reply))
    else:
        for index, call in enumerate(reply):
            text = json.dumps(call["args"])
            half = len(text) // 2
            parts = [
                tool_call_chunk(name=call["name"], args="", id=call["id"], index=index),
                tool_call_chunk(args=text[:half], index=index),
                tool_call_chunk(args=text[half:], index=index),
            ]
            pieces += (AIMessageChunk(content="", tool_call_chunks=[part]) for part in parts)
    finish = {"finish_reason": "stop" if isinstance(reply, str) else "tool_calls", "model_name": "offline"}
    pieces.append(AIMessageChunk(content="", response_metadata=finish, chunk_position="last"))
    yield from (ChatGenerationChunk(message=piece) for piece in pieces)


def _reply(messages: list[BaseMessage], tool_names: Sequence[str]) -> str | list[ToolCall]:
    """The answer to the last message of the user, or the calls whose results it needs first."""
    asked = max((i for i, message in enumerate(messages) if isinstance(message, HumanMessage)), default=None)
    if asked is None:
        return INTRODUCTION
    since = messages[asked + 1 :]
    if results := [message for message in since if isinstance(message, ToolMessage)]:
        calls = {call["id"]: call for message in since if isinstance(message, AIMessage) for call in message.tool_calls}
        return " ".join([*(_told(result, calls.get(result.tool_call_id)) for result in results), DISCLAIMER])
    calls_needed = [call for call in _calls(messages[asked].text) if call["name"] in tool_names]
    return calls_needed or INTRODUCTION


def _calls(text: str) -> list[ToolCall]:
    if match := _REMEMBER.match(text):
        return [_call("remember", fact=match[1].strip())]
    calls = [_call("calculator", expression=_in_python(match[0])) for match in _ARITHMETIC.finditer(text)]
    if _TIME.search(text):
        zone = _ZONE.search(text)
        calls.append(_call("current_time", **({"timezone": zone[1].replace(" ", "_")} if zone else {})))
    if _RECALL.search(text):
        calls.append(_call("recall"))
    return calls


def _call(name: str, **arguments: str) -> ToolCall:
    return ToolCall(name=name, args=arguments, id=f"call_{uuid.uuid4().hex}", type="tool_call")


def _in_python(expression: str) -> str:
    for written, meant in (("×", "*"), ("x", "*"), ("÷", "/"), ("^", "**")):
        expression = expression.replace(written, meant)
    return expression.strip()


def _told(result: ToolMessage, call: ToolCall | None) -> str:
    """One tool's result as a sentence."""
    # What a reviewer's edit puts before the result is meant for a model that can read.
    text = result.text.rpartition("Tool response:")[2].strip().removesuffix(".")
    if result.status == "error" or call is None:
        return f"{result.name} says: {text}{'' if text.endswith(('?', '!')) else '.'}"
    match call["name"]:
        case "calculator":
            return f"{call['args']['expression']} = {text}."
        case "current_time":
            return f"It is {text}."
        case "recall":
            return f"This is what I kept: {'; '.join(text.splitlines())}."
    return f"{text}."
