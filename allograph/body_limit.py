"""Requests whose body is larger than the limit are refused with 413, before they are held in memory."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from allograph.errors import PayloadTooLarge


class BodyLimitMiddleware:
    """Looks at `content-length`, and counts what comes without one."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            if declared.isdigit() and int(declared) > self.limit:
                raise self._refusal(int(declared))
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit:
                raise self._refusal(seen)
            return message

        await self.app(scope, limited, send)

    def _refusal(self, size: int) -> PayloadTooLarge:
        return PayloadTooLarge(f"The body has at least {size} bytes; this server takes {self.limit} (ALLOGRAPH_MAX_BODY_BYTES).")
