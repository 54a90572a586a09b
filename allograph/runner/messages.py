"""The `messages` stream mode: LangGraph's chunks, gathered into whole messages.

LangGraph streams `(chunk, metadata)`. Of each message a client of this mode gets its metadata once, and then either
`messages/partial` with all of it so far, for every chunk, or `messages/complete` once, when it was not streamed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain_core.messages import BaseMessage, BaseMessageChunk, message_chunk_to_message


class MessageGatherer:
    """The messages of one run, by id."""

    def __init__(self) -> None:
        self._chunks: dict[str, BaseMessageChunk] = {}
        self._announced: set[str] = set()

    def events(self, message: BaseMessage | dict[str, Any], metadata: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """The event names (without namespace) and payloads that one chunk of LangGraph gives."""
        message_id = (message.id if isinstance(message, BaseMessage) else message.get("id")) or ""
        if message_id not in self._announced:
            self._announced.add(message_id)
            yield "messages/metadata", {message_id: {"metadata": metadata}}
        if isinstance(message, BaseMessageChunk):
            gathered = self._chunks.get(message_id)
            gathered = message if gathered is None else gathered + message
            self._chunks[message_id] = gathered
            yield "messages/partial", [message_chunk_to_message(gathered)]
        else:
            yield "messages/complete", [message]
