"""What goes wrong, in an order that a seed decides: processes are killed, stopped, and paused; Postgres dies, or is away."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from tests.chaos.system import LEASE_SECONDS, Process, System


class Trouble:
    """`counts` says what was done; each deed is told to `tell` with the time since the beginning."""

    def __init__(self, system: System, seed: int, pause_seconds: float, tell: Callable[[str], None]) -> None:
        self.system = system
        self.chance = random.Random(f"trouble {seed}")
        self.pause_seconds = pause_seconds
        self.tell = tell
        self.counts: Counter[str] = Counter()
        self.database_deaths: list[float] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._deeds: list[tuple[int, Callable[[], Coroutine[Any, Any, None]]]] = [
            (6, self.kill_worker), (2, self.kill_workers), (3, self.kill_api), (3, self.kill_postgres), (1, self.outage),
            (4, self.pause_worker), (2, self.pause_api), (2, self.stop_worker), (1, self.stop_api),
        ]  # fmt: skip

    async def make(self, until: float) -> None:
        """Go on until the monotonic clock shows `until`; then everything is mended."""
        weights = [weight for weight, _ in self._deeds]
        while True:
            pause = self.chance.uniform(0.3, 1.7) * self.pause_seconds
            if time.monotonic() + pause >= until:
                break
            await asyncio.sleep(pause)
            [(_, deed)] = self.chance.choices(self._deeds, weights)
            task = asyncio.create_task(deed())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await asyncio.gather(*self._tasks)
        for process in self.system.processes:
            process.signal(signal.SIGCONT)
            if not process.alive:
                process.start()

    def _count(self, what: str, name: str) -> None:
        self.counts[what] += 1
        self.tell(f"{what} {name}")

    def _one_of(self, processes: list[Process]) -> Process | None:
        free = [process for process in processes if not process.busy and process.alive]
        return self.chance.choice(free) if free else None

    async def _again(self, process: Process) -> None:
        await asyncio.sleep(self.chance.choice([0, 0, 1, 2 * LEASE_SECONDS]))
        process.start()

    async def kill_worker(self) -> None:
        await self._kill(self._one_of(self.system.workers))

    async def kill_workers(self) -> None:
        for worker in self.system.workers:
            if not worker.busy:
                task = asyncio.create_task(self._kill(worker))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def kill_api(self) -> None:
        await self._kill(self._one_of(self.system.apis))

    async def _kill(self, process: Process | None) -> None:
        if process is None:
            return
        process.busy = True
        try:
            self._count("kill -9", process.name)
            process.kill()
            await self._again(process)
        finally:
            process.busy = False

    async def stop_worker(self) -> None:
        await self._stop(self._one_of(self.system.workers))

    async def stop_api(self) -> None:
        await self._stop(self._one_of(self.system.apis))

    async def _stop(self, process: Process | None) -> None:
        if process is None or process.server is None:
            return
        process.busy = True
        try:
            self._count("SIGTERM", process.name)
            process.signal(signal.SIGTERM)
            deadline = time.monotonic() + 30
            while process.alive and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
            if process.alive:
                self._count("SIGTERM ignored for 30 s", process.name)
                process.kill()
            await self._again(process)
        finally:
            process.busy = False

    async def pause_worker(self) -> None:
        await self._pause(self._one_of(self.system.workers), self.chance.uniform(1.2, 3) * LEASE_SECONDS)

    async def pause_api(self) -> None:
        await self._pause(self._one_of(self.system.apis), self.chance.uniform(0.3, 1.5) * LEASE_SECONDS)

    async def _pause(self, process: Process | None, seconds: float) -> None:
        if process is None:
            return
        process.busy = True
        try:
            self._count("SIGSTOP", f"{process.name} for {seconds:.1f} s")
            process.signal(signal.SIGSTOP)
            await asyncio.sleep(seconds)
            process.signal(signal.SIGCONT)
        finally:
            process.busy = False

    async def kill_postgres(self) -> None:
        self._count("kill -9 of Postgres", "")
        self.database_deaths.append(time.time())
        self.system.kill_postgres()

    async def outage(self) -> None:
        seconds = self.chance.uniform(1, 2.5) * LEASE_SECONDS
        self._count("outage of Postgres", f"for {seconds:.1f} s")
        self.database_deaths.append(time.time())
        with self.system.without_postgres():
            await asyncio.sleep(seconds)
