"""The HTTP server: its socket, its signals, its end."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from allograph.errors import StartupError
from allograph.request_head import BoundedHeads
from allograph.settings import DEFAULT_PORT

INTERRUPT_GRACE_SECONDS = 5.0
"""After Ctrl-C somebody waits at a terminal: runs get this long before they are handed back to the queue."""

LEAST_GRACE_SECONDS = 0.2
"""What open replies get to be finished, even when runs get nothing."""

_PORTS_TO_TRY = 100


def bind(host: str, port: int | None) -> socket.socket:
    """A listening socket on the port that was chosen, or on the default one or the next that is free.

    Raises `StartupError` when the chosen port is taken or the host is not one of this machine.
    """
    candidates = [port] if port is not None else range(DEFAULT_PORT, DEFAULT_PORT + _PORTS_TO_TRY)
    for candidate in candidates:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, candidate))
            bound.listen(2048)
        except OSError as error:
            bound.close()
            if error.errno == errno.EADDRINUSE and port is None:
                continue
            if error.errno == errno.EADDRINUSE:
                raise StartupError(
                    f"Port {candidate} on {host} is taken. Stop what listens there, or choose another with --port."
                ) from None
            raise StartupError(
                f"Cannot listen on {host}:{candidate}: {error.strerror}. Choose a --host and a --port that this machine has."
            ) from None
        return bound
    last = DEFAULT_PORT + _PORTS_TO_TRY - 1
    raise StartupError(f"No port from {DEFAULT_PORT} to {last} is free on {host}; choose one with --port.")


ENDLESS_SECONDS = 2.0
"""How long, once every run that somebody here waits for has ended or has nobody to execute it, replies may go on that would never
end: streams of whole threads."""


class Stoppable:
    """The application. The server may cancel requests when it stops: one that was not answered yet is told to ask again."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except asyncio.CancelledError:
            if started or scope["type"] != "http":
                raise
            stopping = JSONResponse(
                {"detail": "The server is stopping. Try again."}, 503, {"retry-after": "1", "connection": "close"}
            )
            await stopping(scope, receive, send)


class Server(uvicorn.Server):
    """uvicorn, which tells the application of a stop as soon as it is asked for: runs drain while open replies are finished."""

    def __init__(self, app: FastAPI, grace_seconds: float) -> None:
        super().__init__(
            uvicorn.Config(
                Stoppable(app.state.entry),
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="on",
                loop="uvloop",
                http=BoundedHeads,
                timeout_keep_alive=75,
                ws_max_size=32 * 1024 * 1024,
            )
        )
        self.app = app
        self.grace_seconds = max(LEAST_GRACE_SECONDS, grace_seconds)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        waiting = asyncio.create_task(self._cut_off_what_waits())
        await super().shutdown(sockets)
        waiting.cancel()

    async def _cut_off_what_waits(self) -> None:
        if drained := getattr(self.app.state, "drained", None):
            await drained()
        await asyncio.sleep(min(ENDLESS_SECONDS, self.grace_seconds))
        for task in self.server_state.tasks:
            task.cancel()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGINT:
            self.grace_seconds = min(self.grace_seconds, INTERRUPT_GRACE_SECONDS)
        # uvicorn declares whole seconds, and waits for as long as it is told.
        self.config.timeout_graceful_shutdown = self.grace_seconds  # type: ignore[assignment]
        if drain := getattr(self.app.state, "drain", None):
            drain(self.grace_seconds)
        super().handle_exit(sig, frame)
