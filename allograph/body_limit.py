"""Requests whose body is larger than the limit, or takes longer, are refused, before they are held in memory or for ever."""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from allograph.errors import PayloadTooLarge


class _TooSlowError(Exception):
    """Whoever waits for the body gives up."""


class BodyLimitMiddleware:
    """Looks at `content-length`, and counts what comes without one."""

    def __init__(self, app: ASGIApp, limit: int, seconds: float) -> None:
        self.app = app
        self.limit = limit
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        seen, complete = 0, False
        until = asyncio.get_running_loop().time() + self.seconds

        async def limited() -> Message:
            nonlocal seen, complete
            if declared.isdigit() and int(declared) > self.limit:
                raise self._refusal(int(declared))
            if complete:  # what comes now is that the client leaves
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise _TooSlowError from None
            complete = not message.get("more_body", False)
            seen += len(message.get("body", b""))
            if seen > self.limit:
                raise self._refusal(seen)
            return message

        try:
            await self.app(scope, limited, send)
        except _TooSlowError:
            detail = f"The body did not come within {self.seconds:g} s (ALLOGRAPH_BODY_SECONDS)."
            await JSONResponse({"detail": detail}, 408, {"connection": "close"})(scope, receive, send)

    def _refusal(self, size: int) -> PayloadTooLarge:
        return PayloadTooLarge(f"The body has at least {size} bytes; this server takes {self.limit} (ALLOGRAPH_MAX_BODY_BYTES).")
