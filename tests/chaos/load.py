"""Clients of the classic API: they send runs in every way there is, read, wait, cancel, leave, return, and note what they see."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from typing import Any

import httpx

from tests.chaos.asking import Asking, events_of
from tests.chaos.history import Cancel, Reading, Sent, ThreadReading

HOT_THREADS = 8

STRATEGIES = ["enqueue"] * 6 + ["reject", "interrupt", "rollback"]


class Load(Asking):
    """Runs of the classic API."""

    def __init__(self, *asking: Any, clients: int) -> None:
        super().__init__(*asking)
        self.clients = clients
        self.threads: list[str] = []
        self.reconnects = 0

    async def work(self) -> None:
        for _ in range(HOT_THREADS):
            await self._new_thread()
        await asyncio.gather(
            *(self._client(number) for number in range(self.clients)),
            *(self._conversations(number, "quiz") for number in range(2)),
            *(self._conversations(number, "breakpoints") for number in range(2)),
            *(self._watch_threads(number) for number in range(2)),
        )

    async def _new_thread(self) -> str:
        chance = random.Random(f"thread {self.seed} {len(self.threads)}")
        thread = str((await self._surely(chance, "POST", "/threads", json={})).json()["thread_id"])
        self.threads.append(thread)
        return thread

    def _run(self, chance: random.Random, thread: str | None, **fields: Any) -> tuple[Sent, dict[str, Any]]:
        """A new run of `ledger` and the body to send; noted before it is sent."""
        steps = chance.randint(1, 5)
        strategy = chance.choice(STRATEGIES) if thread else "enqueue"
        delay = chance.choice([0, 0, 0, 0, 0, 0, 0, 1.5]) if thread else 0
        sent = Sent(f"r{next(self._numbers)}", steps, thread, strategy=strategy, delayed=bool(delay), temporary=thread is None)
        self.history.sent.append(sent)
        body: dict[str, Any] = {
            "assistant_id": "ledger",
            "input": {"tag": sent.tag, "steps": steps, "seconds": round(chance.uniform(0, 0.25), 3), "entries": [f"{sent.tag}:in"]},
            "durability": chance.choice(["sync", "async", "async", "exit"]),
            **fields,
        }
        if thread:
            body["multitask_strategy"] = strategy
        if delay:
            body["after_seconds"] = delay
        return sent, body

    # -- clients --------------------------------------------------------------------------------------------------------------

    async def _client(self, number: int) -> None:
        chance = random.Random(f"client {self.seed} {number}")
        doings = [
            (5, self._create), (4, self._wait), (5, self._stream), (2, self._leave), (3, self._cancel), (2, self._stateless_wait),
            (2, self._stateless), (1, self._delete), (3, self._join),
        ]  # fmt: skip
        while self.going_on:
            [(_, doing)] = chance.choices(doings, [weight for weight, _ in doings])
            await doing(chance)
            await asyncio.sleep(chance.uniform(0, 0.4))

    def _thread(self, chance: random.Random) -> str:
        return chance.choice(self.threads)

    async def _create(self, chance: random.Random) -> None:
        for _ in range(chance.choice([1, 1, 5])):
            thread = self._thread(chance)
            sent, body = self._run(chance, thread)
            answer = await self._ask(chance, "POST", f"/threads/{thread}/runs", json=body)
            if answer is not None:
                sent.status = answer.status_code
                sent.run_id = answer.json()["run_id"] if answer.status_code == 200 else None

    async def _wait(self, chance: random.Random) -> None:
        thread = self._thread(chance)
        sent, body = self._run(chance, thread)
        await self._post_and_read(chance, sent, f"/threads/{thread}/runs/wait", body)

    async def _stateless_wait(self, chance: random.Random) -> None:
        sent, body = self._run(chance, None)
        await self._post_and_read(chance, sent, "/runs/wait", body)

    async def _post_and_read(self, chance: random.Random, sent: Sent, path: str, body: dict[str, Any]) -> None:
        """Note the run when the header comes, and its output if the whole answer does."""
        try:
            async with self.http.stream("POST", self._url(chance, path), json=body) as response:
                sent.status = response.status_code
                if response.status_code == 200:
                    sent.run_id = response.headers["content-location"].rpartition("/")[2]
                text = (await response.aread()).decode()
                self._look("POST", path, response.status_code, text)
                if response.status_code == 200:
                    sent.output = json.loads(text)
        except httpx.HTTPError:
            pass
        except ValueError as error:
            self.history.failures.append(f"POST {path} answered 200 and no JSON: {error}")

    async def _stream(self, chance: random.Random) -> None:
        """Follow a resumable run to its end, whatever happens to the connections."""
        thread = self._thread(chance) if chance.random() < 0.8 else None
        sent, body = self._run(chance, thread, stream_resumable=True, stream_mode=["custom", "values"])
        reading = Reading("", sent.tag)
        path = f"/threads/{thread}/runs/stream" if thread else "/runs/stream"
        where = ""
        with contextlib.suppress(httpx.HTTPError):
            async with self.http.stream("POST", self._url(chance, path), json=body) as response:
                sent.status = response.status_code
                if response.status_code != 200:
                    self._look("POST", path, response.status_code, (await response.aread()).decode())
                    return
                where = response.headers["location"]
                sent.run_id = reading.run_id = response.headers["content-location"].rpartition("/")[2]
                self.history.readings.append(reading)
                await self._read(chance, response, reading)
        if where:
            await self._follow(chance, reading, where)

    async def _follow(self, chance: random.Random, reading: Reading, path: str) -> None:
        """Connect again with `Last-Event-ID` until the server ends the stream."""
        while not reading.complete and time.monotonic() < self.give_up:
            if path.split("/")[2] in self.history.deleted:
                return  # nobody says what is left of it, or where that ends
            await asyncio.sleep(chance.uniform(0, 0.5))
            last = str(reading.events[-1][0]) if reading.events else "-1"
            with contextlib.suppress(httpx.HTTPError):
                async with self.http.stream("GET", self._url(chance, path), headers={"last-event-id": last}) as response:
                    self.reconnects += 1
                    if response.status_code == 404:
                        return  # nothing is left of a run that was deleted
                    if response.status_code == 200:
                        await self._read(chance, response, reading)

    async def _read(self, chance: random.Random, response: httpx.Response, reading: Reading) -> None:
        """Note what comes; leave in the middle from time to time. Raises `httpx.HTTPError` when the connection breaks."""
        reading.connections += 1
        leaves_after = chance.choice([None, None, 1, 3, 6])
        seen = 0
        async for number, name, data in events_of(response):
            if name == "error" and number is None:
                raise httpx.ReadError(f"the server cut the stream off: {data}")
            if number is None:
                self.history.failures.append(f"an event of the resumable run {reading.run_id} has no id: {name}")
                continue
            reading.events.append((number, name, data))
            seen += 1
            if seen == leaves_after:
                return
        reading.complete, reading.ended = True, time.time()

    async def _leave(self, chance: random.Random) -> None:
        """Open a stream that nobody comes back for."""
        thread = self._thread(chance)
        cancels = chance.random() < 0.5
        sent, body = self._run(chance, thread, on_disconnect="cancel" if cancels else "continue")
        sent.cancels_when_left = cancels
        path = f"/threads/{thread}/runs/{chance.choice(['stream', 'wait'])}"
        with contextlib.suppress(httpx.HTTPError):
            async with self.http.stream("POST", self._url(chance, path), json=body) as response:
                sent.status = response.status_code
                if response.status_code == 200:
                    sent.run_id = response.headers["content-location"].rpartition("/")[2]
                    await asyncio.sleep(chance.uniform(0, 0.5))

    async def _cancel(self, chance: random.Random) -> None:
        # Who holds an interview waits for each question.
        recent = [s for s in self.history.sent[-60:] if s.run_id and not s.temporary and s.kind != "interview"]
        if not recent:
            return
        sent = chance.choice(recent)
        assert sent.run_id
        action, waits = chance.choice(["interrupt", "rollback"]), chance.random() < 0.5
        cancel = Cancel(sent.run_id, action, waits)
        self.history.cancels.append(cancel)
        path = f"/threads/{sent.thread_id}/runs/{sent.run_id}"
        parameters = {"action": action, "wait": "true" if waits else "false"}
        answer = await self._ask(chance, "POST", f"{path}/cancel", params=parameters)
        if answer is not None:
            cancel.status = answer.status_code
            shown = await self._surely(chance, "GET", path)
            cancel.status_after = shown.json().get("status")

    async def _stateless(self, chance: random.Random) -> None:
        sent, body = self._run(chance, None)
        answer = await self._ask(chance, "POST", "/runs", json=body)
        if answer is not None:
            sent.status = answer.status_code
            sent.run_id = answer.json()["run_id"] if answer.status_code == 200 else None

    async def _delete(self, chance: random.Random) -> None:
        """Delete a thread, and put a new one in its place."""
        await self._new_thread()
        thread = self.threads.pop(chance.randrange(len(self.threads)))
        self.history.deleted.add(thread)
        await self._ask(chance, "DELETE", f"/threads/{thread}")

    async def _join(self, chance: random.Random) -> None:
        recent = [s for s in self.history.sent[-40:] if s.run_id and not s.temporary and s.output is None and not s.delayed]
        if not recent:
            return
        sent = chance.choice(recent)
        answer = await self._ask(chance, "GET", f"/threads/{sent.thread_id}/runs/{sent.run_id}/join")
        if answer is not None and answer.status_code == 200:
            sent.output = answer.json()

    # -- conversations: one client to a thread --------------------------------------------------------------------------------

    async def _conversations(self, number: int, kind: Any) -> None:
        chance = random.Random(f"{kind} {self.seed} {number}")
        while self.going_on:
            thread = str((await self._surely(chance, "POST", "/threads", json={})).json()["thread_id"])
            await self._conversation(chance, kind, thread)
            if chance.random() < 0.3:
                self.history.deleted.add(thread)
                await self._ask(chance, "DELETE", f"/threads/{thread}")

    async def _conversation(self, chance: random.Random, kind: Any, thread: str) -> None:
        """Look what the thread waits for, and send that, until it waits for nothing more."""
        steps, tag = chance.randint(1, 3), f"{kind[0]}{next(self._numbers)}"
        first = {"tag": tag, "steps": steps, "seconds": round(chance.uniform(0, 0.2), 3), "entries": [f"{tag}:in"]}
        options: dict[str, Any] = {"interrupt_before": ["step"]} if kind == "breakpoints" else {}
        while time.monotonic() < self.give_up:
            await asyncio.sleep(1 if chance.random() < 0.2 else 0.3)  # what an answer was lost of has come to be
            shown = (await self._surely(chance, "GET", f"/threads/{thread}")).json()
            if shown["status"] == "busy":
                continue
            asked = [one["value"]["question"] for of_task in shown["interrupts"].values() for one in of_task]
            state = (await self._surely(chance, "GET", f"/threads/{thread}/state")).json()
            body: dict[str, Any] = {
                "assistant_id": "quiz" if kind == "quiz" else "ledger",
                "multitask_strategy": "reject",
                **options,
            }
            body["durability"] = chance.choice(["sync", "async", "exit"])
            begun = bool(state["values"])
            if not begun:
                body["input"] = first
            elif asked:
                body["command"] = {"resume": asked[0]}
            elif state["next"]:
                body["input"] = None
            else:
                return
            sent = Sent(tag if not begun else "", steps if not begun else 0, thread, kind)
            self._note_conversation(sent, tag, steps)
            answer = await self._ask(chance, "POST", f"/threads/{thread}/runs", json=body)
            if answer is None or answer.status_code != 200:
                await asyncio.sleep(1)
                continue
            sent.run_id = answer.json()["run_id"]
            if begun and chance.random() < 0.3:
                # As if it had never been answered: whatever the run had done, the thread waits for what it waited for.
                await asyncio.sleep(chance.uniform(0, 0.3))
                cancel = Cancel(str(sent.run_id), "rollback", True)
                self.history.cancels.append(cancel)
                cancelled = await self._ask(
                    chance, "POST", f"/threads/{thread}/runs/{sent.run_id}/cancel", params={"action": "rollback", "wait": "true"}
                )
                cancel.status = cancelled.status_code if cancelled is not None else None

    def _note_conversation(self, sent: Sent, tag: str, steps: int) -> None:
        self.history.sent.append(sent)
        self.history.conversations[str(sent.thread_id)] = (sent.kind, tag, steps)

    # -- readers of whole threads ---------------------------------------------------------------------------------------------

    async def _watch_threads(self, number: int) -> None:
        chance = random.Random(f"watch {self.seed} {number}")
        while self.going_on:
            thread = self._thread(chance)
            reading = ThreadReading(thread)
            self.history.thread_readings.append(reading)
            enough = time.monotonic() + 30
            while self.going_on and time.monotonic() < enough and thread not in self.history.deleted:
                headers = {"last-event-id": str(reading.ids[-1])} if reading.ids else {}
                leaves = time.monotonic() + chance.uniform(1, 15)
                with contextlib.suppress(httpx.HTTPError, TimeoutError):
                    async with (
                        asyncio.timeout(leaves - time.monotonic()),
                        self.http.stream("GET", self._url(chance, f"/threads/{thread}/stream"), headers=headers) as response,
                    ):
                        reading.connections += 1
                        if response.status_code == 200:
                            async for event_id, _, _ in events_of(response):
                                if event_id is not None:
                                    reading.ids.append(event_id)
                await asyncio.sleep(0.2)
