"""One client on a WebSocket: commands come in, replies and the events of its subscriptions go out.

An event goes out once, however many subscriptions want it. A new subscription is sent what is kept of the thread before it is
confirmed; of what comes later nothing is left out and nothing is sent before it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import PoolTimeout

from allograph.encoding import dumps, loads
from allograph.runner.protocol.commands import Commands, MalformedError, envelope, error, success
from allograph.runner.protocol.events import ThreadEvent, event_position, thread_events
from allograph.runner.protocol.filters import Filter, about_channels
from allograph.runner.protocol.parameters import CommandError, Parameters, is_texts
from allograph.runner.protocol.subscription import Reading, Subscriptions

log = logging.getLogger("allograph.socket")


@dataclass(slots=True)
class _Subscription:
    wanted: Filter
    position: int
    """The id of the last stored event that this one was sent when it began."""


class Session:
    """`send` takes one message, and waits while the client is slow. Everything for one client happens one after the other.

    `give_up` closes the connection when events cannot be read any more: the client connects again.
    """

    def __init__(
        self, thread_id: UUID, commands: Commands, subscriptions: Subscriptions, send: Callable[[bytes], Awaitable[None]],
        give_up: Callable[[], Awaitable[None]],
    ) -> None:  # fmt: skip
        self.thread_id = thread_id
        self.commands = commands
        self._send = send
        self._give_up = give_up
        self._reading: Reading = subscriptions.reading(thread_id)
        self._subscriptions: dict[str, _Subscription] = {}
        self._made = 0
        self._sending = asyncio.Lock()
        self._pump: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Session:
        await self._reading.begin()
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._pump:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)

    async def receive(self, given: Any) -> None:
        """Execute a command that came in, and send the reply."""
        try:
            command_id, method, params = envelope(given)
        except MalformedError as malformed:
            await self.reply(malformed.reply)
            return
        here = {
            "subscription.subscribe": self._subscribe, "subscription.unsubscribe": self._unsubscribe,
            "subscription.reconnect": self._reconnect,
        }.get(method)  # fmt: skip
        try:
            if here is None:
                await self.reply(await self.commands.answer(self.thread_id, command_id, method, params))
                return
            async with self._sending:
                try:
                    result = await here(Parameters(method, params))
                except CommandError as refused:
                    await self._send(error(command_id, refused.code, refused.message, await self._meta()))
                else:
                    await self._send(success(command_id, result, await self._meta()))
        except (psycopg.Error, PoolTimeout) as away:
            log.warning("the database did not answer %s on thread %s: %s", method, self.thread_id, str(away).strip())
            await self.reply(error(command_id, "unknown_error", "The database did not answer. Try again."))

    async def reply(self, message: bytes) -> None:
        async with self._sending:
            await self._send(message)

    async def _meta(self) -> dict[str, Any]:
        return {"applied_through_seq": await self.commands.position(self.thread_id)}

    # -- subscriptions --------------------------------------------------------------------------------------------------------

    async def _subscribe(self, params: Parameters) -> dict[str, Any]:
        wanted = _filter(params)
        params.nothing_else()
        self._made += 1
        subscription_id = f"{self._made}.{_encoded(wanted)}"
        return {"subscription_id": subscription_id, "replayed_events": await self._begin(subscription_id, wanted)}

    async def _unsubscribe(self, params: Parameters) -> dict[str, Any]:
        subscription_id = params.text("subscription_id")
        params.nothing_else()
        if self._subscriptions.pop(subscription_id, None) is None:
            raise CommandError("no_such_subscription", f"this connection has no subscription {subscription_id[:100]!r}")
        return {}

    async def _reconnect(self, params: Parameters) -> dict[str, Any]:
        """Take up subscriptions of an earlier connection, behind the last event that the client has."""
        run_id, last_event_id = params.text("run_id"), params.optional_text("last_event_id")
        subscription_ids = params.texts("subscriptions")
        params.nothing_else()
        tree = await self.commands.tree(self.thread_id, run_id)
        filters = {subscription_id: _decoded(subscription_id) for subscription_id in subscription_ids}
        since = await self._seq_of(last_event_id) if last_event_id else 0
        missed = 0
        for subscription_id, wanted in filters.items():
            missed += await self._begin(subscription_id, replace(wanted, since=since or 0))
        statuses = [{"namespace": namespace, "status": status} for namespace, status in tree.statuses.items()]
        return {"restored": since is not None and bool(filters), "missed_events": missed, "current_namespaces": statuses}

    async def _seq_of(self, event_id: str) -> int | None:
        """The number of an event; None when it is not kept any more."""
        if (position := event_position(event_id)) is None:
            return None
        run_id, seq, before_last = position
        rows = await self.commands.events.of_run(run_id, seq - 1)
        return rows[0]["thread_seq"] - before_last if rows and rows[0]["seq"] == seq else None

    async def _begin(self, subscription_id: str, wanted: Filter) -> int:
        """Send what is kept for a subscription, then have it served with the others."""
        position = sent = 0
        while rows := await self._reading.page(position):
            position = rows[-1]["id"]
            for row in rows:
                for event in thread_events(row, wanted, self._reading.graph_ids[row["run_id"]]):
                    await self._send(event.body)
                    sent += 1
        self._subscriptions[subscription_id] = _Subscription(wanted, position)
        if self._pump is None:
            self._pump = asyncio.create_task(self._follow(position), name=f"socket-{self.thread_id}")
        return sent

    async def _follow(self, position: int) -> None:
        try:
            async with contextlib.aclosing(self._reading.pages(position)) as pages:
                async for rows in pages:
                    async with self._sending:
                        for row in rows:
                            for event in self._wanted(row):
                                await self._send(event.body)
        except (psycopg.Error, PoolTimeout) as away:
            log.warning("the events of thread %s cannot be read: %s", self.thread_id, str(away).strip())
            await self._give_up()

    def _wanted(self, row: dict[str, Any]) -> list[ThreadEvent]:
        events: dict[int, ThreadEvent] = {}
        for subscription in self._subscriptions.values():
            if row["id"] > subscription.position:
                for event in thread_events(row, subscription.wanted, self._reading.graph_ids[row["run_id"]]):
                    events[event.seq] = event
        return [events[seq] for seq in sorted(events)]


def _filter(params: Parameters) -> Filter:
    channels = params.texts("channels")
    if not channels:
        raise params.refused("channels", "a list of at least one channel")
    if about := about_channels(channels):
        raise CommandError("invalid_argument", f"{params.method}: {about}")
    namespaces = params.anything("namespaces")
    if namespaces is not None and not (isinstance(namespaces, list) and all(is_texts(namespace) for namespace in namespaces)):
        raise params.refused("namespaces", "a list of lists of strings")
    depth = params.number("depth", -1)
    return Filter.of(channels, namespaces or (), None if depth < 0 else depth, params.number("since", 0))


def _encoded(wanted: Filter) -> str:
    """A subscription as text that says all of it: another connection, on any process, can take it up."""
    shown = {"channels": sorted(wanted.channels), "namespaces": wanted.namespaces, "depth": wanted.depth}
    return base64.urlsafe_b64encode(dumps({key: value for key, value in shown.items() if value is not None})).decode().rstrip("=")


def _decoded(subscription_id: str) -> Filter:
    try:
        text = subscription_id.partition(".")[2]
        shown = loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return _filter(Parameters("subscription.reconnect", shown if isinstance(shown, dict) else {}))
    except (ValueError, binascii.Error, CommandError):
        raise CommandError("no_such_subscription", f"{subscription_id[:100]!r} is no subscription of this server") from None
