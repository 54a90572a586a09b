"""HTTP/1.1 over one kept connection, as little of it as a load generator needs.

A general client costs more per request than the servers that it measures: httpx takes about 1 ms, this one about 0.1 ms
(`benchmarks.compare` measures it against a server that does nothing).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Reply:
    """Times are seconds since the request was written."""

    status: int
    body: bytearray
    took: float
    seen: dict[bytes, float] = field(default_factory=dict)
    """Of each mark that was looked for: when it was in the body first."""


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiter: asyncio.Future[Reply] | None = None
        self._transport: asyncio.WriteTransport | None = None

    @classmethod
    async def open(cls, host: str, port: int) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
        return connection

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    async def request(self, method: str, path: str, body: bytes | None = None, marks: tuple[bytes, ...] = ()) -> Reply:
        """Raises `ConnectionError` when the server closes before the reply is complete."""
        head = f"{method} {path} HTTP/1.1\r\nhost: bench\r\naccept: */*\r\n"
        if body is not None:
            head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError("closed")
        self._marks = marks
        self._status = 0
        self._left = -1
        self._chunked = False
        self._body = bytearray()
        self._seen: dict[bytes, float] = {}
        self._waiter = asyncio.get_running_loop().create_future()
        self._began = time.perf_counter()
        self._transport.write(head.encode() + b"\r\n" + (body or b""))
        return await self._waiter

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(ConnectionError(f"the server closed the connection: {error}"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._status and not self._read_head():
            return
        complete = self._read_chunks() if self._chunked else self._read_rest()
        for mark in self._marks:
            if mark not in self._seen and mark in self._body:
                self._seen[mark] = time.perf_counter() - self._began
        if complete and self._waiter and not self._waiter.done():
            self._waiter.set_result(Reply(self._status, self._body, time.perf_counter() - self._began, self._seen))

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._buffer[:end]).lower()
        del self._buffer[: end + 4]
        self._status = int(head[9:12])
        self._chunked = b"\r\ntransfer-encoding: chunked" in head
        at = head.find(b"\r\ncontent-length:")
        self._left = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        return True

    def _read_rest(self) -> bool:
        self._body += self._buffer[: self._left]
        taken = min(self._left, len(self._buffer))
        del self._buffer[:taken]
        self._left -= taken
        return self._left == 0

    def _read_chunks(self) -> bool:
        while (line := self._buffer.find(b"\r\n")) >= 0:
            size = int(self._buffer[:line].split(b";")[0], 16)
            if len(self._buffer) < line + 2 + size + 2:
                return False
            self._body += self._buffer[line + 2 : line + 2 + size]
            del self._buffer[: line + 2 + size + 2]
            if size == 0:
                return True
        return False
