"""One way to ask the issuer something: JSON over HTTP, within a time and a size."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

import httpx

from allograph.encoding import loads

ANSWER_SECONDS = 5.0
LARGEST_ANSWER = 1024 * 1024
"""Bytes. Key sets have some thousand."""

FAILURES = (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, ValueError)
"""What `ask` raises when there is no answer that can be read."""


async def ask(url: str, trust: ssl.SSLContext, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """The status and, of a success, the JSON that `url` answers. Redirects are not followed: they could lead anywhere.

    `trust` comes from the caller because making it takes longer than an event loop may be held up.
    """
    async with (
        asyncio.timeout(ANSWER_SECONDS),
        httpx.AsyncClient(verify=trust, follow_redirects=False) as client,
        client.stream("GET", url, headers={"accept": "application/json", **(headers or {})}) as answer,
    ):
        body = b""
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > LARGEST_ANSWER:
                raise ValueError(f"more than {LARGEST_ANSWER} bytes were sent")
        return answer.status_code, loads(body) if answer.status_code == httpx.codes.OK else None
