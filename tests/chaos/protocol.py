"""The thread-centric protocol: clients that command threads and follow their events, and what must be true of these."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, Iterable, Iterator
from itertools import groupby, pairwise
from typing import Any
from uuid import uuid4

import httpx

from tests.chaos.asking import Asking, events_of
from tests.chaos.history import Facts, History, ProtocolReading, RunRow, Sent, ThreadEvent, block
from tests.thread_stream import CHANNELS
from tests.watching import events

SENDERS = WATCHERS = INTERVIEWERS = 2
THREADS = 3
STRATEGIES = ["enqueue"] * 6 + ["reject", "interrupt", "rollback"]

REPLAY_SECONDS = 60.0
"""How long the end of a thread's last run may be missing, once all is over, before it counts as lost."""

LATE_SECONDS = 10.0
"""How long an event may have waited for a database that was away."""

ENDS = {"completed": {"success"}, "failed": {"error", "timeout"}, "interrupted": {"interrupted", "success"}}
"""The words that a run can end with, and what its row says then; one that asks something is a success."""


class ProtocolLoad(Asking):
    """Runs on a few threads that everybody sends to, and interviews, which their client has to itself."""

    async def work(self) -> None:
        self.threads = [str(uuid4()) for _ in range(THREADS)]
        await asyncio.gather(
            *(self._send(number) for number in range(SENDERS)),
            *(self._watch(number) for number in range(WATCHERS)),
            *(self._interviews(number) for number in range(INTERVIEWERS)),
        )

    async def _command(self, chance: random.Random, thread: str, method: str, **params: Any) -> dict[str, Any] | None:
        """The reply; None when there was none, or none that says what came of it."""
        command = {"id": next(self._numbers), "method": method, "params": params}
        answer = await self._ask(chance, "POST", f"/threads/{thread}/commands", json=command)
        if answer is None or answer.status_code != 200:
            return None
        reply: dict[str, Any] = answer.json()
        return None if reply.get("error") == "unknown_error" else reply

    async def _start(self, chance: random.Random, sent: Sent, assistant: str, **params: Any) -> None:
        self.history.sent.append(sent)
        seconds = round(chance.uniform(0, 0.25), 3)
        given = {"tag": sent.tag, "steps": sent.steps, "seconds": seconds, "entries": [f"{sent.tag}:in"]}
        reply = await self._command(chance, str(sent.thread_id), "run.start", assistant_id=assistant, input=given, **params)
        if reply is None:
            return
        if reply["type"] == "success":
            sent.status, sent.run_id = 200, reply["result"]["run_id"]
        elif sent.strategy == "reject":
            sent.status = 409
        else:
            self.history.failures.append(f"run.start was refused: {reply}")

    async def _send(self, number: int) -> None:
        chance = random.Random(f"protocol {self.seed} {number}")
        while self.going_on:
            strategy = chance.choice(STRATEGIES)
            sent = Sent(f"p{next(self._numbers)}", chance.randint(1, 4), chance.choice(self.threads), strategy=strategy)
            spelling = chance.choice(["multitaskStrategy", "multitask_strategy"])
            await self._start(chance, sent, "ledger", **{spelling: strategy})
            await asyncio.sleep(chance.uniform(0.2, 1.5))

    # -- readers --------------------------------------------------------------------------------------------------------------

    async def _read(self, chance: random.Random, reading: ProtocolReading) -> AsyncGenerator[tuple[ThreadEvent, dict[str, Any]]]:
        """What comes on one connection behind what was read before: each event, and the whole of it."""
        body = {"channels": CHANNELS, "since": reading.events[-1].seq if reading.events else 0}
        url = self._url(chance, f"/threads/{reading.thread_id}/stream/events")
        async with self.http.stream("POST", url, json=body) as response:
            reading.connections += 1
            if response.status_code != 200:
                self._look("POST", url, response.status_code, (await response.aread()).decode())
                return
            async for number, _, data in events_of(response):
                event = _noted(data)
                if number != event.seq:
                    self.history.failures.append(f"event {event.event_id} has the number {event.seq} and the id {number}")
                reading.events.append(event)
                yield event, data["params"]

    async def _watch(self, number: int) -> None:
        chance = random.Random(f"protocol watch {self.seed} {number}")
        while self.going_on:
            reading = ProtocolReading(chance.choice(self.threads))
            self.history.protocol_readings.append(reading)
            enough = time.monotonic() + 30
            while self.going_on and time.monotonic() < enough:
                with contextlib.suppress(httpx.HTTPError, TimeoutError):
                    async with (
                        asyncio.timeout(chance.uniform(1, 15)),
                        contextlib.aclosing(self._read(chance, reading)) as seen,
                    ):
                        async for _ in seen:
                            pass
                await asyncio.sleep(0.2)

    # -- interviews -----------------------------------------------------------------------------------------------------------

    async def _interviews(self, number: int) -> None:
        chance = random.Random(f"interview {self.seed} {number}")
        while self.going_on:
            await self._interview(chance)
            await asyncio.sleep(chance.uniform(0, 0.5))

    async def _interview(self, chance: random.Random) -> None:
        """Start it, then do what the events ask for until they say that it is over."""
        steps, tag, thread = chance.randint(1, 3), f"i{next(self._numbers)}", str(uuid4())
        sent = Sent(tag, steps, thread, "interview")
        self.history.conversations[thread] = ("interview", tag, steps)
        await self._start(chance, sent, "interview")
        if sent.run_id is None:
            self.history.abandoned.add(thread)
            return
        self.history.responses[thread] = 1
        reading = ProtocolReading(thread)
        self.history.protocol_readings.append(reading)
        answered: set[str] = set()
        crossing = False
        while time.monotonic() < self.give_up:
            leaves_after = len(reading.events) + chance.choice([3, 8, 10**9, 10**9])
            with contextlib.suppress(httpx.HTTPError):
                async with contextlib.aclosing(self._read(chance, reading)) as seen:
                    async for event, params in seen:
                        if event.method == "input.requested" and event.about not in answered:
                            answered.add(event.about)
                            crossing = await self._respond(chance, thread, params) or crossing
                        elif event.about == "completed":
                            return
                        elif event.about == "failed" and not crossing:
                            self.history.failures.append(f"interview {tag} failed: {params}")
                            return
                        if len(reading.events) >= leaves_after:
                            break
            await asyncio.sleep(chance.uniform(0, 0.3))
        self.history.failures.append(f"interview {tag} on thread {thread} never came to its end")

    async def _respond(self, chance: random.Random, thread: str, params: dict[str, Any]) -> bool:
        """Answer until that is acknowledged: a second answer to one question must change nothing. Whether there was one."""
        asked = params["data"]
        answer = {
            "namespace": params["namespace"], "interrupt_id": asked["interrupt_id"], "response": asked["payload"]["question"],
        }  # fmt: skip
        again = False
        while time.monotonic() < self.give_up:
            reply = await self._command(chance, thread, "input.respond", **answer)
            if reply and (reply["type"] == "success" or (again and reply["error"] == "no_such_interrupt")):
                self.history.responses[thread] += 1
                return again
            if reply:
                self.history.failures.append(f"input.respond on thread {thread} was refused: {reply}")
                return again
            again = True
            await asyncio.sleep(chance.uniform(0.1, 1))
        return again


def _noted(event: dict[str, Any]) -> ThreadEvent:
    params, about = event["params"], ""
    if event["method"] == "lifecycle" and not params["namespace"]:
        about = params["data"]["event"]
    elif event["method"] == "custom":
        about = params["data"]["payload"]["entry"]
    elif event["method"] == "input.requested":
        about = params["data"]["interrupt_id"]
    return ThreadEvent(event["seq"], event["event_id"], event["method"], about, params["timestamp"] / 1000, time.time())


def gather(url: str, history: History, facts: Facts) -> None:
    """Put into `facts` what a client is shown of each thread that comes when all is over."""
    threads = {reading.thread_id for reading in history.protocol_readings}
    with httpx.Client(base_url=url, timeout=REPLAY_SECONDS) as http:
        for thread in sorted(threads):
            facts.replays[thread] = list(_replay(http, thread))


def _replay(http: httpx.Client, thread: str) -> Iterator[ThreadEvent]:
    asked = {"id": 1, "method": "agent.getTree", "params": {}}
    position = http.post(f"/threads/{thread}/commands", json=asked).raise_for_status().json()["meta"]["applied_through_seq"]
    if position == 0:
        return
    deadline = time.monotonic() + REPLAY_SECONDS
    with http.stream("POST", f"/threads/{thread}/stream/events", json={"channels": CHANNELS}) as response:
        for _, data in events(response):
            event = _noted(data)
            yield event
            # The end of a run whose worker died before it could say it is written while somebody reads.
            if (event.seq >= position and event.about in ENDS) or time.monotonic() > deadline:
                return


# ---- what must be true


def violations(history: History, facts: Facts) -> Iterator[str]:
    """Each event of a thread once and in order, the same for everybody; each run from its beginning to its end."""
    rows = {run.run_id: run for run in facts.runs}
    for thread_id, replay in facts.replays.items():
        yield from _numbers_of(thread_id, replay, history.database_deaths)
        yield from _runs_of(thread_id, replay, rows)
    for reading in history.protocol_readings:
        yield from _reading(reading, facts.replays.get(reading.thread_id, []), history.database_deaths)
    yield from _interviews(history, facts)


def _numbers_of(thread_id: str, replay: list[ThreadEvent], deaths: Iterable[float]) -> Iterator[str]:
    """Without gaps, but for events that a dying database took along: they are written without waiting for the disk."""
    for before, event in pairwise([ThreadEvent(0, "", ""), *replay]):
        if event.seq <= before.seq:
            yield f"thread {thread_id} replays event {event.seq} behind {before.seq}"
        died = any(before.at - 1 <= death <= event.at + LATE_SECONDS for death in deaths)
        if event.seq > before.seq + 1 and not died:
            yield f"thread {thread_id} has no events between {before.seq} and {event.seq}"
    if len({event.event_id for event in replay}) < len(replay):
        yield f"thread {thread_id} has several events of the same id"


def _runs_of(thread_id: str, replay: list[ThreadEvent], rows: dict[str, RunRow]) -> Iterator[str]:
    gaps = {event.seq for before, event in pairwise([ThreadEvent(0, "", ""), *replay]) if event.seq > before.seq + 1}
    groups = [(run_id, list(of_run)) for run_id, of_run in groupby(replay, key=lambda event: event.run_id)]
    known: set[str] = set()
    for place, (run_id, of_run) in enumerate(groups):
        where = f"thread {thread_id}: run {run_id}"
        if run_id in known:
            yield f"{where} goes on among the events of other runs"
        known.add(run_id)
        if of_run[0].about != "running" and of_run[0].seq not in gaps:
            yield f"{where} does not begin with running, but with {of_run[0].method} {of_run[0].about}"
        if any(event.about in ENDS and event.method == "lifecycle" for event in of_run[:-1]):
            yield f"{where} goes on after its end"
        behind = groups[place + 1][1][0].seq if place + 1 < len(groups) else None
        end, row = of_run[-1].about if of_run[-1].method == "lifecycle" else "", rows.get(run_id)
        if end not in ENDS:
            if behind not in gaps:
                yield f"{where} has no end: its last event is {of_run[-1].method} {of_run[-1].about}"
        elif row and row.status not in ENDS[end]:
            yield f"{where} is said to have {end}, and its status is {row.status}"
        yield from _told(where, of_run, row)


def _told(where: str, of_run: list[ThreadEvent], row: RunRow | None) -> Iterator[str]:
    """Within an attempt each step tells its entry once; a whole run tells all of them."""
    attempt: list[str] = []
    for event in of_run:
        if event.about == "running":
            attempt = []
        elif event.method == "custom":
            if event.about in attempt:
                yield f"{where} told {event.about} twice in one attempt"
            attempt.append(event.about)
    told = {event.about for event in of_run if event.method == "custom"}
    whole = block(row.tag, row.steps)[1:] if row and row.status == "success" and row.tag.startswith("p") else []
    if missing := [entry for entry in whole if entry not in told]:
        yield f"{where} never told {missing}"


def _reading(reading: ProtocolReading, replay: list[ThreadEvent], deaths: Iterable[float]) -> Iterator[str]:
    kept = {event.seq: event.event_id for event in replay}
    # Of what was read in the last moment before the database died, other events may have got the numbers since.
    died = {id(e) for e in reading.events if any(e.at - 1 <= death <= e.seen + 1 for death in deaths)}
    counted = [event for event in reading.events if kept.get(event.seq) == event.event_id or id(event) not in died]
    numbers = [event.seq for event in counted]
    if numbers != sorted(set(numbers)):
        yield f"a reader of the protocol saw events of thread {reading.thread_id} repeated or out of order: {numbers}"
    for event in counted:
        if kept.get(event.seq) != event.event_id:
            yield f"a reader of the protocol saw {event.seq} {event.event_id} of thread {reading.thread_id}, which was not kept so"
    last = max(numbers, default=0)
    if missed := sorted({number for number in kept if number <= last} - {event.seq for event in reading.events}):
        yield f"a reader of the protocol missed events {missed} of thread {reading.thread_id}"


def _interviews(history: History, facts: Facts) -> Iterator[str]:
    """Each acknowledged command has made its run, and each question was asked under an id of its own."""
    for thread_id, acknowledged in history.responses.items():
        runs = [run for run in facts.runs if run.thread_id == thread_id]
        if len(runs) < acknowledged:
            yield f"interview on thread {thread_id}: {acknowledged} commands were acknowledged, there are {len(runs)} runs"
        for run in runs:
            if run.status != "success" and not run.refused:
                yield f"interview on thread {thread_id}: run {run.run_id} ended in {run.status}"
        steps = history.conversations[thread_id][2]
        asked = {event.about for event in facts.replays.get(thread_id, []) if event.method == "input.requested"}
        if len(asked) != steps:
            yield f"interview on thread {thread_id}: {len(asked)} questions were asked, expected {steps}"
