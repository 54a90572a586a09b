"""How the clients of a chaos run ask: of any API process, and again where an answer may get lost."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx

from tests.chaos.history import History
from tests.chaos.system import System

PATIENCE = httpx.Timeout(60, connect=5)


class Asking:
    """`history` grows while `run` goes on. `until` is when nothing new is begun any more; what is open is brought to its end."""

    def __init__(self, system: System, seed: int, history: History, until: float, give_up: float) -> None:
        self.system = system
        self.seed = seed
        self.history = history
        self.until = until
        self.give_up = give_up
        self.lost_answers = 0
        self._numbers = iter(range(1, 10**9))

    @property
    def going_on(self) -> bool:
        return time.monotonic() < self.until

    async def run(self) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=50)
        async with httpx.AsyncClient(timeout=PATIENCE, limits=limits) as http:
            self.http = http
            await self.work()

    async def work(self) -> None:
        """All that these clients do."""
        raise NotImplementedError

    def _url(self, chance: random.Random, path: str) -> str:
        return chance.choice(self.system.apis).url + path

    async def _ask(self, chance: random.Random, method: str, path: str, **options: Any) -> httpx.Response | None:
        """The answer; None when there was none."""
        try:
            answer = await self.http.request(method, self._url(chance, path), **options)
        except httpx.HTTPError:
            self.lost_answers += 1
            return None
        self._look(method, path, answer.status_code, answer.text)
        return answer

    def _look(self, method: str, path: str, status: int, text: str) -> None:
        if status >= 500 and status != 503:
            self.history.failures.append(f"{method} {path} answered {status}: {text[:300]}")
        elif status in (400, 422):
            self.history.failures.append(f"{method} {path} was refused with {status}: {text[:300]}")

    async def _surely(self, chance: random.Random, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer, however often it takes: for what may be asked twice."""
        while time.monotonic() < self.give_up:
            answer = await self._ask(chance, method, path, **options)
            if answer is not None and answer.status_code < 500:
                return answer
            await asyncio.sleep(chance.uniform(0.2, 1))
        raise TimeoutError(f"{method} {path} was not answered to the end")


async def events_of(response: httpx.Response) -> AsyncIterator[tuple[int | None, str, Any]]:
    """Number, name and data of each whole event."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            if "data" in fields:
                number = int(fields["id"]) if "id" in fields else None
                yield number, fields.get("event", ""), json.loads(fields["data"])
            fields = {}
