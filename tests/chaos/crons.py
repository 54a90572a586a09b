"""Crons that fire every few seconds: what clients do with them, and what must be true of their ticks and runs."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from tests.chaos.asking import Asking
from tests.chaos.history import Cron, Facts, History, RunRow, block

CLIENTS = 2


class CronLoad(Asking):
    """Each client has one cron at a time: makes it, changes it, pauses it, deletes it."""

    async def work(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(CLIENTS)))
        # Also those of which nobody knows, since the answer came not.
        chance = random.Random(f"crons {self.seed}")
        while left := (await self._surely(chance, "POST", "/runs/crons/search", json={"limit": 100})).json():
            for cron in left:
                await self._surely(chance, "DELETE", f"/runs/crons/{cron['cron_id']}")

    async def _client(self, number: int) -> None:
        chance = random.Random(f"cron {self.seed} {number}")
        while self.going_on:
            cron = await self._create(chance)
            if cron.cron_id is None:
                continue
            await self._live(chance, cron)
            await self._delete(chance, cron)

    async def _create(self, chance: random.Random) -> Cron:
        cron = Cron(f"c{next(self._numbers)}", chance.randint(1, 2))
        path = "/runs/crons"
        body: dict[str, Any] = {
            "assistant_id": "ledger", "schedule": _schedule(chance), "metadata": {"tag": cron.tag},
            "input": {"tag": cron.tag, "steps": cron.steps, "seconds": chance.choice([0, 0.1, 0.3]), "entries": [f"{cron.tag}:in"]},
        }  # fmt: skip
        if chance.random() < 0.5:
            cron.thread_id = str((await self._surely(chance, "POST", "/threads", json={})).json()["thread_id"])
            cron.strategy = chance.choice(["enqueue", "enqueue", "reject", "interrupt"])
            path, body["multitask_strategy"] = f"/threads/{cron.thread_id}/runs/crons", cron.strategy
        else:
            cron.deletes = chance.random() < 0.6
            body["on_run_completed"] = "delete" if cron.deletes else "keep"
        self.history.crons.append(cron)
        answer = await self._ask(chance, "POST", path, json=body)
        if answer is None or answer.status_code != 200:
            await asyncio.sleep(1)  # if it was made, it shows by now
            found = await self._surely(chance, "POST", "/runs/crons/search", json={"metadata": {"tag": cron.tag}})
            cron.cron_id = next((one["cron_id"] for one in found.json()), None)
        else:
            cron.cron_id = answer.json()["cron_id"]
        return cron

    async def _live(self, chance: random.Random, cron: Cron) -> None:
        ends = time.monotonic() + chance.uniform(5, 30)
        enabled = True
        while self.going_on and time.monotonic() < ends:
            await asyncio.sleep(chance.uniform(1, 4))
            if not enabled:
                enabled = await self._resume(chance, cron)
            elif chance.random() < 0.5:
                enabled = False
                if await self._patch(chance, cron, enabled=False):
                    cron.quiet.append((time.time(), float("inf")))
            else:
                await self._patch(chance, cron, schedule=_schedule(chance))
        if not self.going_on:
            while not enabled and time.monotonic() < self.give_up:
                enabled = await self._resume(chance, cron)
            await self._goes_on(chance, cron)

    async def _resume(self, chance: random.Random, cron: Cron) -> bool:
        if cron.quiet and cron.quiet[-1][1] == float("inf"):
            cron.quiet[-1] = (cron.quiet[-1][0], time.time())
        return await self._patch(chance, cron, enabled=True)

    async def _patch(self, chance: random.Random, cron: Cron, **changes: Any) -> bool:
        """Whether it was acknowledged."""
        answer = await self._ask(chance, "PATCH", f"/runs/crons/{cron.cron_id}", json=changes)
        if answer is not None and answer.status_code == 404:
            self.history.failures.append(f"cron {cron.cron_id} ({cron.tag}) is lost: PATCH answered 404")
        if answer is None or answer.status_code != 200:
            await asyncio.sleep(1)  # what an answer was lost of has come to be
            return False
        return True

    async def _goes_on(self, chance: random.Random, cron: Cron) -> None:
        """Now that nothing goes wrong any more, another tick comes."""
        path, before = f"/runs/crons/{cron.cron_id}", None
        while time.monotonic() < self.give_up:
            shown = (await self._surely(chance, "GET", path)).json()
            if before is not None and shown["next_run_date"] != before:
                return
            before = shown["next_run_date"]
            await asyncio.sleep(1)
        self.history.failures.append(f"cron {cron.cron_id} ({cron.tag}) stands still: its next tick stays {before}")

    async def _delete(self, chance: random.Random, cron: Cron) -> None:
        path, first = f"/runs/crons/{cron.cron_id}", True
        if cron.thread_id and chance.random() < 0.3:
            self.history.deleted.add(cron.thread_id)
            path = f"/threads/{cron.thread_id}"
        while time.monotonic() < self.give_up:
            answer = await self._ask(chance, "DELETE", path)
            if answer is not None and answer.status_code == 404 and first:
                self.history.failures.append(f"DELETE {path} answered 404, and cron {cron.tag} was never deleted")
            if answer is not None and answer.status_code < 500:
                cron.gone = time.time()
                return
            first = False
            await asyncio.sleep(0.5)


def _schedule(chance: random.Random) -> str:
    return f"* * * * * */{chance.choice([1, 2, 3])}"


# ---- what must be true


def violations(history: History, facts: Facts) -> Iterator[str]:
    """Each tick is taken once and makes one run, which ends; nothing fires while it is paused or when it is gone."""
    yield from _ticks(facts)
    crons = {cron.cron_id: cron for cron in history.crons if cron.cron_id}
    yield from _runs(history, facts, crons)
    for tick in facts.ticks:
        if cron := crons.get(tick.cron_id):
            if any(begin < tick.fired < end for begin, end in cron.quiet):
                yield f"cron {cron.tag} fired while it was paused"
            if cron.gone and tick.fired > cron.gone:
                yield f"cron {cron.tag} fired after it was deleted"
    for cron_id in facts.crons:
        yield f"cron {cron_id} ({crons[cron_id].tag if cron_id in crons else 'unknown'}) was deleted and is still there"
    yield from _threads(history, facts)


def _ticks(facts: Facts) -> Iterator[str]:
    for (cron_id, tick), times in Counter((tick.cron_id, tick.tick) for tick in facts.ticks).items():
        if times > 1:
            yield f"the tick {tick:.0f} of cron {cron_id} was taken {times} times"
    for tick in facts.ticks:
        if tick.next_tick is None or tick.next_tick <= tick.tick:
            yield f"cron {tick.cron_id} did not move on from its tick {tick.tick:.0f}: the next is {tick.next_tick}"


def _runs(history: History, facts: Facts, crons: dict[str | None, Cron]) -> Iterator[str]:
    made: dict[tuple[str, int], int] = Counter((run.cron_id, run.transaction) for run in facts.cron_runs)
    taken = {(tick.cron_id, tick.transaction) for tick in facts.ticks}
    for cron_id, transaction in made.keys() - taken:
        yield f"cron {cron_id} made a run without a tick, in transaction {transaction}"
    for cron_id, transaction in taken:
        cron = crons.get(cron_id)
        count = made.get((cron_id, transaction), 0)
        if count > 1 or (count == 0 and cron and cron.strategy != "reject"):
            yield f"a tick of cron {cron_id} made {count} runs, in transaction {transaction}"
    rows = {run.run_id: run for run in facts.runs}
    for noted in facts.cron_runs:
        cron, row = crons.get(noted.cron_id), rows.get(noted.run_id)
        if cron is None or cron.thread_id in history.deleted:
            continue
        if row is None:
            # The statement that ends a run with a temporary thread deletes it while it is running.
            if not (cron.deletes and noted.deleted_as == "running"):
                yield f"run {noted.run_id} of cron {cron.tag} is lost: it was deleted when it was {noted.deleted_as}"
        elif row.status != "success" and not (row.status == "interrupted" and cron.strategy == "interrupt"):
            yield f"run {noted.run_id} of cron {cron.tag} ended in {row.status}"


def _threads(history: History, facts: Facts) -> Iterator[str]:
    """A thread that a cron has to itself: the entries of each of its runs, one behind the other."""
    runs: dict[str, list[RunRow]] = defaultdict(list)
    for run in sorted(facts.runs, key=lambda run: run.seq):
        runs[run.thread_id].append(run)
    shown = {thread.thread_id: thread.entries for thread in facts.threads}
    for cron in history.crons:
        if cron.thread_id is None or cron.thread_id not in shown:
            continue
        entries, whole = shown[cron.thread_id], block(cron.tag, cron.steps)
        blocks: list[list[str]] = []
        for entry in entries:
            if entry == whole[0] or not blocks:
                blocks.append([])
            blocks[-1].append(entry)
        succeeded = sum(run.status == "success" for run in runs[cron.thread_id])
        if torn := [one for one in blocks if one != whole[: len(one)]]:
            yield f"thread {cron.thread_id} of cron {cron.tag}: entries repeated, lost or out of order: {torn[0]}"
        elif (full := blocks.count(whole)) < succeeded or len(blocks) > len(runs[cron.thread_id]):
            yield (
                f"thread {cron.thread_id} of cron {cron.tag}: {succeeded} of {len(runs[cron.thread_id])} runs succeeded, and there"
                f" are {len(blocks)} blocks of entries, {full} of them whole"
            )
