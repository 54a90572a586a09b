"""Chat models without a language model: fixed tokens, so that two servers stream the same frames."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    ToolMessage,
    message_chunk_to_message,
)
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable


class FakeChat(BaseChatModel):
    """Streams what `chunks` returns for the conversation, one chunk at a time."""

    @property
    def _llm_type(self) -> str:
        return "fake-chat"

    def chunks(self, messages: list[BaseMessage]) -> list[AIMessageChunk]:
        raise NotImplementedError

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for message in self.chunks(messages):
            chunk = ChatGenerationChunk(message=message)
            if run_manager:
                run_manager.on_llm_new_token(str(message.text), chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for message in self.chunks(messages):
            chunk = ChatGenerationChunk(message=message)
            if run_manager:
                await run_manager.on_llm_new_token(str(message.text), chunk=chunk)
            yield chunk

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        first, *rest = self.chunks(messages)
        whole = first
        for chunk in rest:
            whole = whole + chunk
        return ChatResult(generations=[ChatGeneration(message=message_chunk_to_message(whole))])

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        """The tools change nothing: the script decides what is called."""
        return self


class EchoChat(FakeChat):
    """Answers `You said: <last human text>`, a word per chunk; the last chunk carries usage and finish reason."""

    def chunks(self, messages: list[BaseMessage]) -> list[AIMessageChunk]:
        said = next((str(m.text) for m in reversed(messages) if isinstance(m, HumanMessage)), "nothing")
        words = re.findall(r"\S+\s*", f"You said: {said}")
        usage = {"input_tokens": len(messages), "output_tokens": len(words), "total_tokens": len(messages) + len(words)}
        return [
            *(AIMessageChunk(content=word) for word in words),
            AIMessageChunk(content="", response_metadata={"finish_reason": "stop"}, usage_metadata=usage, chunk_position="last"),
        ]


class BlocksChat(FakeChat):
    """Answers in content blocks: two chunks of reasoning, then two of text."""

    def chunks(self, messages: list[BaseMessage]) -> list[AIMessageChunk]:
        blocks: list[dict[str, Any]] = [
            {"type": "reasoning", "reasoning": "Let me ", "index": 0},
            {"type": "reasoning", "reasoning": "think.", "index": 0},
            {"type": "text", "text": "All ", "index": 1},
            {"type": "text", "text": "good.", "index": 1},
        ]
        return [
            *(AIMessageChunk(content=[block]) for block in blocks),
            AIMessageChunk(content=[], chunk_position="last"),
        ]


class AdderChat(FakeChat):
    """Calls the tool `add` once for every `a + b` in the last human message, then reports what the tools returned."""

    def chunks(self, messages: list[BaseMessage]) -> list[AIMessageChunk]:
        last = messages[-1]
        if isinstance(last, ToolMessage):
            results: list[str] = []
            for message in reversed(messages):
                if not isinstance(message, ToolMessage):
                    break
                results.insert(0, str(message.text))
            words = ["The ", "result ", "is ", f"{', '.join(results)}."]
            return [
                *(AIMessageChunk(content=word) for word in words),
                AIMessageChunk(content="", chunk_position="last"),
            ]
        sums = re.findall(r"(\d+) \+ (\d+)", str(last.text))
        if not sums:
            return [AIMessageChunk(content="No sum."), AIMessageChunk(content="", chunk_position="last")]
        chunks = [AIMessageChunk(content="Adding.")]
        for index, (a, b) in enumerate(sums):
            name = "add"
            chunks += [
                AIMessageChunk(content="", tool_call_chunks=[tool_call_chunk(name=name, args="", id=f"call-{index}", index=index)]),
                AIMessageChunk(content="", tool_call_chunks=[tool_call_chunk(args=f'{{"a": {a}, ', index=index)]),
                AIMessageChunk(content="", tool_call_chunks=[tool_call_chunk(args=f'"b": {b}}}', index=index)]),
            ]
        return [*chunks, AIMessageChunk(content="", chunk_position="last")]
