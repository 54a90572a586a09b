"""Calls the webhooks of runs that ended, from the outbox that the ends were written to.

At least once: a call that was made by a process that died before it could say so is made again. `docs/webhooks.md` says what a
receiver sees.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
from psycopg_pool import PoolTimeout

from allograph.encoding import dumps
from allograph.errors import Invalid
from allograph.runner.webhook_policy import DEFAULT_PORTS, Target, WebhookPolicy
from allograph.store.database import Row
from allograph.store.webhooks import Outbox

log = logging.getLogger("allograph.webhooks")

CALL_SECONDS = 15.0
"""How long a receiver may take to answer."""
LEASE_SECONDS = 60.0
"""When a call is due again whose process said nothing more of it."""
MOST_AT_ONCE = 32
MOST_ATTEMPTS = 12
LONGEST_PAUSE_SECONDS = 600.0
TIMES = ("created_at", "updated_at", "run_started_at", "run_ended_at")
KEEP_FAILED_SECONDS = 7 * 86400.0
"""How long a call that was given up stays in the table, for the operator."""


class Webhooks:
    """The calls of this process; any number of processes share one outbox."""

    def __init__(self, outbox: Outbox, policy: WebhookPolicy, poll_seconds: float) -> None:
        self.outbox = outbox
        self.policy = policy
        self.poll_seconds = poll_seconds
        self._wake = asyncio.Event()
        self._calls: set[asyncio.Task[None]] = set()
        self._taking: asyncio.Task[None] | None = None
        self._client: httpx.AsyncClient | None = None

    def start(self) -> None:
        self._taking = asyncio.create_task(self._take_forever(), name="webhooks")

    async def stop(self) -> None:
        """End at once: what is not answered is called again, by another process or later."""
        tasks = [*self._calls, *([self._taking] if self._taking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client:
            await self._client.aclose()

    def wake(self) -> None:
        """A call is owed."""
        self._wake.set()

    async def _take_forever(self) -> None:
        while True:
            self._wake.clear()
            try:
                if room := MOST_AT_ONCE - len(self._calls):
                    for row in await self.outbox.take(room, LEASE_SECONDS):
                        call = asyncio.create_task(self._call(row), name=f"webhook-{row['run_id']}")
                        self._calls.add(call)
                        call.add_done_callback(self._done)
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("looking for webhooks again after: %s", str(error).strip())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.poll_seconds):
                    await self._wake.wait()

    def _done(self, call: asyncio.Task[None]) -> None:
        if len(self._calls) == MOST_AT_ONCE:
            self.wake()
        self._calls.discard(call)

    async def _call(self, row: Row) -> None:
        attempts: int = row["attempts"]
        try:
            problem = await self._send(row)
            if problem is None:
                await self.outbox.delivered(row["webhook_id"], attempts)
                return
            give_up = attempts >= MOST_ATTEMPTS
            log.warning(
                "the webhook of run %s was not delivered in attempt %d%s: %s", row["run_id"], attempts,
                ", which was the last" if give_up else "", problem,
            )  # fmt: skip
            pause = min(LONGEST_PAUSE_SECONDS, 2.0 ** (attempts - 1)) * random.uniform(0.5, 1)  # noqa: S311
            await self.outbox.failed(row["webhook_id"], attempts, problem, pause_seconds=pause, give_up=give_up)
        except (psycopg.Error, PoolTimeout) as error:
            # It is due again when the lease is over.
            log.warning("what came of the webhook of run %s could not be stored: %s", row["run_id"], str(error).strip())

    async def _send(self, row: Row) -> str | None:
        """Make the call; the reason why it failed, or None. A redirect is no delivery: it could lead anywhere."""
        try:
            target = await self.policy.admit(row["url"])
        except Invalid as error:
            return error.detail
        payload: dict[str, Any] = row["payload"].parsed()
        if payload["error"] is None:
            del payload["error"]
        payload["webhook_sent_at"] = datetime.now(UTC)
        for name in TIMES:  # as the API writes them: Postgres leaves out zeros at the end
            if payload[name]:
                payload[name] = datetime.fromisoformat(payload[name])
        if self._client is None:
            # No proxies from the environment: they would resolve the host once more.
            self._client = httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=CALL_SECONDS, verify=True)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                request = self._client.build_request(
                    "POST", _address_url(target), content=dumps(payload),
                    headers={**self.policy.headers, "content-type": "application/json", "host": _host_header(target)},
                    extensions={"sni_hostname": target.host},
                )  # fmt: skip
                answer = await self._client.send(request, stream=True)
                await answer.aclose()  # nobody reads what a receiver says
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, UnicodeError) as error:
            return f"{type(error).__name__}: {error}".rstrip(": ")[:500]
        return None if answer.is_success else f"the receiver answered {answer.status_code}"


def _address_url(target: Target) -> str:
    """The URL with the address that was checked in place of the host: a second look-up could answer another."""
    address = target.addresses[0]
    host = f"[{address}]" if ":" in address else address
    return target.url._replace(netloc=f"{host}:{target.port}", fragment="").geturl()


def _host_header(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == DEFAULT_PORTS[target.url.scheme] else f"{host}:{target.port}"
