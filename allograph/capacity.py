"""Requests beyond what a process answers at once are refused with 503 before they cost anything."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

ALWAYS = frozenset({"/ok", "/live", "/ready", "/health", "/metrics"})
"""What orchestrators ask: a process that is busy is not dead."""


class CapacityMiddleware:
    """Counts requests, streams and sockets that are open."""

    def __init__(self, app: ASGIApp, most_open: int) -> None:
        self.app = app
        self.most_open = most_open
        self.open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.open >= self.most_open and scope.get("path") not in ALWAYS:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1013, "reason": "too many open requests"})
                return
            detail = f"The server is busy: {self.open} requests and streams are open (ALLOGRAPH_MAX_OPEN_REQUESTS). Try again."
            await JSONResponse({"detail": detail}, 503, {"retry-after": "1"})(scope, receive, send)
            return
        self.open += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.open -= 1
