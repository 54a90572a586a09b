"""How much one user may ask: requests in a time, and requests that are open at once."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter
from typing import Any

from limits import RateLimitItem
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import Address
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from allograph.access.users import current_user

log = logging.getLogger("allograph.access")

REDIS_SECONDS = 0.5
"""How long a request waits for Redis to count it."""

PAUSE_SECONDS = 10.0
"""After Redis has failed, each process counts for itself for so long."""

Limited = tuple[str, float]
"""A sentence, and after how many seconds to ask again."""


class Limiter:
    """Counts by the user who asks, by the address of the client where nobody is known: also of those who were refused as nobody,
    so that tokens are not guessed.

    The rate is counted in Redis for all processes together, where there is one; what is open, in each process.
    """

    def __init__(self, rate: RateLimitItem | None, most_open: int | None, redis_uri: str | None = None) -> None:
        self.rate = rate
        self.most_open = most_open
        self.open: Counter[str] = Counter()
        self._own = _strategy(MemoryStorage()) if rate else None
        self._shared = (
            _strategy(RedisStorage(redis_uri, implementation="redispy", key_prefix="allograph:rate"))
            if rate and redis_uri
            else None
        )
        self._shared_from = 0.0

    async def take(self, key: str) -> Limited | None:
        """Count a request; why and for how long it has to wait, if it has to."""
        if self.rate is None or self._own is None:
            return None
        try:
            if self._shared and time.monotonic() >= self._shared_from:
                async with asyncio.timeout(REDIS_SECONDS):
                    return await self._taken(self._shared, self.rate, key)
        except Exception as error:  # noqa: BLE001 - whatever Redis and its client can come up with
            log.warning("requests are counted in this process alone for %.0f s: %s: %s", PAUSE_SECONDS, type(error).__name__, error)
            self._shared_from = time.monotonic() + PAUSE_SECONDS
        return await self._taken(self._own, self.rate, key)

    async def _taken(self, strategy: SlidingWindowCounterRateLimiter, rate: RateLimitItem, key: str) -> Limited | None:
        if await strategy.hit(rate, key):
            return None
        window = await strategy.get_window_stats(rate, key)
        return f"Too many requests: {rate} (ALLOGRAPH_RATE_LIMIT).", window.reset_time - time.time()

    def crowded(self, key: str) -> Limited | None:
        if self.most_open is None or self.open[key] < self.most_open:
            return None
        return f"{self.open[key]} requests and streams of yours are open (ALLOGRAPH_MAX_OPEN_REQUESTS_PER_USER).", 1.0


def _strategy(storage: Storage) -> SlidingWindowCounterRateLimiter:
    return SlidingWindowCounterRateLimiter(storage)


def key_of(scope: Scope) -> str:
    """Who is counted."""
    if (user := current_user.get()) is not None:
        return f"user {user.identity}"
    client: Address | Any = scope.get("client")
    return f"address {client[0] if client else 'unknown'}"


async def refuse(limited: Limited, scope: Scope, receive: Receive, send: Send) -> None:
    sentence, seconds = limited
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1013, "reason": sentence[:100]})
        return
    after = str(max(1, math.ceil(seconds)))
    await JSONResponse({"detail": f"{sentence} Try again in {after} s."}, 429, {"retry-after": after})(scope, receive, send)


class LimitMiddleware:
    """Behind authentication, which counts those whom it refuses by itself."""

    def __init__(self, app: ASGIApp, limiter: Limiter, public: frozenset[str]) -> None:
        self.app = app
        self.limiter = limiter
        self.public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in self.public:
            await self.app(scope, receive, send)
            return
        key = key_of(scope)
        if limited := self.limiter.crowded(key) or await self.limiter.take(key):
            await refuse(limited, scope, receive, send)
            return
        self.limiter.open[key] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.limiter.open[key] -= 1
            if not self.limiter.open[key]:
                del self.limiter.open[key]
