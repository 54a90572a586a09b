"""Embeddings that can be foreseen: one number per word, so texts are as near as they have words in common."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence

from langchain_core.embeddings import Embeddings

DIMS = 64


def vector(text: str) -> list[float]:
    found = [0.0] * DIMS
    for word in text.lower().split():
        found[zlib.crc32(word.encode()) % DIMS] += 1.0
    return found if any(found) else [1e-6] * DIMS


async def embed(texts: Sequence[str]) -> list[list[float]]:
    """What a model far away answers: late for what is `slow`, wrongly for what is `short`, not at all for what is `broken`."""
    if any("slow" in text for text in texts):
        await asyncio.sleep(2)
    if any("broken" in text for text in texts):
        raise RuntimeError("the model is away")
    if any("short" in text for text in texts):
        return [[1.0, 2.0] for _ in texts]
    return [vector(text) for text in texts]


def embed_now(texts: Sequence[str]) -> list[list[float]]:
    return [vector(text) for text in texts]


class Words(Embeddings):
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [vector(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return vector(text)


words = Words()
number = 5
