"""A TCP proxy that breaks off streams: each connection that carries events is cut in the middle of an event."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

EVENT = b"event: "
INTO_EVENT = 40
"""Bytes behind `event: ` at which a connection ends: in the data."""


class UnreliableProxy:
    """Ends every connection that has carried `events` events in the middle of the next one. `cuts` counts."""

    def __init__(self, port: int, events: int = 5) -> None:
        self.port = port
        self.events = events
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> UnreliableProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.port))
                threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
                threading.Thread(target=self._replies, args=(server, client), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _replies(self, server: socket.socket, client: socket.socket) -> None:
        seen = b""
        with contextlib.suppress(OSError), server, client:
            while data := server.recv(65536):
                if (cut := self._cut(seen, data)) is None:
                    client.sendall(data)
                    seen += data
                    continue
                self.cuts += 1
                client.sendall(data[:cut])
                client.shutdown(socket.SHUT_RDWR)
                return

    def _cut(self, seen: bytes, data: bytes) -> int | None:
        """Where in `data` the connection breaks, if it does."""
        position = 0
        for _ in range(self.events + 1):
            position = (seen + data).find(EVENT, position) + len(EVENT)
            if position < len(EVENT):
                return None
        return max(position + INTO_EVENT - len(seen), 0)
