"""What handlers answer with. A leaf module: the generated interface imports it, it imports nothing of this project.

The type parameter of `Json` and `EventStream` is a promise about the bytes; the contract check enforces it in tests and
development, and it costs nothing in production.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

T = TypeVar("T")


class Json(Response, Generic[T]):
    """A body that is already encoded JSON of the shape `T`."""

    media_type = "application/json"

    def __init__(self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(body, status_code=status, headers=headers)


class NoContent(Response):
    """204, no body."""

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status_code=204, headers=headers)


class Accepted(Response):
    """202, no body: what was asked for will happen."""

    def __init__(self) -> None:
        super().__init__(status_code=202)


class Text(Response):
    """A body of plain text, or of the `media_type` given (a page is `text/html`)."""

    def __init__(
        self, body: str, media_type: str = "text/plain", status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(body, status_code=status, headers=headers, media_type=media_type)


class _Streamed(Response):
    """A body that comes in pieces; whatever is ready is sent in one write.

    When the client leaves, the generator is closed at its `yield` and then `on_disconnect` is awaited. A client that reads
    slowly slows the generator: `send` waits until the transport takes more.
    """

    def __init__(
        self, chunks: AsyncGenerator[bytes, None], headers: Mapping[str, str], on_disconnect: Callable[[], Awaitable[Any]] | None
    ) -> None:
        self.chunks = chunks
        self.on_disconnect = on_disconnect
        self.status_code = 200
        self.background = None
        self.body = b""
        self.init_headers(headers)
        # The length is not known: chunked.
        self.raw_headers = [(name, value) for name, value in self.raw_headers if name != b"content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.current_task()
        assert sending is not None
        left = False

        async def watch() -> None:
            nonlocal left
            while (await receive())["type"] != "http.disconnect":
                pass
            left = True
            sending.cancel()

        watching = asyncio.create_task(watch())
        try:
            async with contextlib.aclosing(self.chunks):
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                async for chunk in self.chunks:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                watching.cancel()
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except asyncio.CancelledError:
            if not left:
                raise
            sending.uncancel()
        finally:
            watching.cancel()
        if left and self.on_disconnect:
            await self.on_disconnect()


class LateJson(_Streamed, Json[T]):
    """JSON that is awaited: the header goes out at once, white space keeps the connection alive until the body is there."""

    def __init__(
        self, chunks: AsyncGenerator[bytes, None], headers: Mapping[str, str],
        on_disconnect: Callable[[], Awaitable[Any]] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(chunks, headers, on_disconnect)


class EventStream(_Streamed, Generic[T]):
    """Server-sent events of the shape `T`, already framed."""

    media_type = "text/event-stream"

    def __init__(
        self, chunks: AsyncGenerator[bytes, None], headers: Mapping[str, str] | None = None,
        on_disconnect: Callable[[], Awaitable[Any]] | None = None,
    ) -> None:  # fmt: skip
        # `no-store` and `x-accel-buffering`: neither caches nor proxies may hold events back.
        fixed = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(chunks, {**(headers or {}), **fixed}, on_disconnect)
