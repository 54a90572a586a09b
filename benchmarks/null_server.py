"""A server that answers at once with what Allograph's answers look like: what is left is the cost of the load generator."""

from __future__ import annotations

import asyncio
import socket

import uvloop

_JSON = b'{"thread_id":"0195","run_id":"0195","messages":[' + b'{"content":"The quick brown fox","type":"ai"},' * 10 + b"]}"
_EVENT = b"event: messages\r\ndata: " + b"x" * 600 + b"\r\n\r\n"
_STREAM = b"event: metadata\r\ndata: {}\r\n\r\n" + _EVENT * 21


def _plain(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def _chunks(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


_PLAIN = _plain(b'{"thread_id":"0195","run_id":"0195"}')
_WAIT = _chunks(_JSON)
_STREAMED = _chunks(_STREAM)


class Null(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        line = data[: data.find(b"\r")]
        answer = _STREAMED if b"/stream" in line else _WAIT if b"/wait" in line or b"/join" in line else _PLAIN
        self.transport.write(answer)  # type: ignore[attr-defined]


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Null, "127.0.0.1", 0, family=socket.AF_INET)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
