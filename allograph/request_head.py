"""The head of a request, its first line and its headers, is bounded in size and in time. The parser bounds neither."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES = 64 * 1024
MOST_SECONDS = 30.0


class BoundedHeads(HttpToolsProtocol):
    """uvicorn's protocol. A connection whose head grows or lasts beyond the bounds is answered and closed."""

    _in_head = True
    _heads = 0
    _received = 0
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head and self._patience is None:
            self._wait()  # the next request on a connection that was kept
        in_head, heads = self._in_head, self._heads
        super().data_received(data)
        # A piece in which a head ended, or a body, is not counted.
        if in_head and heads == self._heads:
            self._received += len(data)
            if self._received > MOST_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"The headers have more than {MOST_BYTES} bytes.")

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._heads += 1
        self._arrived()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head, self._received = True, 0

    def _wait(self) -> None:
        self._patience = self.loop.call_later(
            MOST_SECONDS, self._refuse, HTTPStatus.REQUEST_TIMEOUT, f"No request came within {MOST_SECONDS:g} s."
        )

    def _arrived(self) -> None:
        if self._patience:
            self._patience.cancel()
            self._patience = None

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        self._arrived()
        if self.transport.is_closing():
            return
        body = b'{"detail":"%b"}' % sentence.encode()
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(f"{head}connection: close\r\n\r\n".encode() + body)
        self.transport.close()
