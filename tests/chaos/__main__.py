"""`python -m tests.chaos [--seconds 600] [--seed 7] [--clients 24] [--redis]`; ends with 1 when an invariant was violated."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.chaos import crons, facts, items, notary, protocol
from tests.chaos.checker import violations
from tests.chaos.history import Facts, History
from tests.chaos.load import Load
from tests.chaos.system import System
from tests.chaos.trouble import Trouble
from tests.redis_process import RedisProcess
from tests.server_process import data_folder

KEPT = Path(__file__).resolve().parents[2] / "build" / "chaos"
DRAIN_SECONDS = 240.0
"""How long the last runs may take to end, once nothing goes wrong any more; on a machine that has other things to do."""


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=600)
    arguments.add_argument("--seed", type=int, default=None)
    arguments.add_argument("--clients", type=int, default=20)
    arguments.add_argument("--redis", action="store_true", help="let Redis carry the events")
    arguments.add_argument("--pause", type=float, default=3.0, help="seconds from one deed to the next, on average")
    options = arguments.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"chaos for {options.seconds:g} s with --seed {seed}", flush=True)
    with data_folder() as folder, contextlib.ExitStack() as stack:
        environment = {}
        if options.redis:
            redis = RedisProcess()
            stack.callback(redis.kill)
            environment["REDIS_URI"] = redis.url
        return asyncio.run(storm(folder, environment, seed, options.seconds, options.clients, options.pause))


async def storm(folder: Path, environment: dict[str, str], seed: int, seconds: float, clients: int, pause: float) -> int:
    began = time.monotonic()
    told: list[str] = []

    def tell(what: str) -> None:
        told.append(f"{time.strftime('%H:%M:%S')} {time.monotonic() - began:7.1f} s  {what}")

    history = History()
    system = System(folder, environment)
    try:
        await asyncio.to_thread(system.start)
        await asyncio.to_thread(notary.install, system.conninfo)
        until = time.monotonic() + seconds
        asking = (system, seed, history, until, until + DRAIN_SECONDS)
        load = Load(*asking, clients=clients)
        others = [crons.CronLoad(*asking), items.ItemLoad(*asking), protocol.ProtocolLoad(*asking)]
        trouble = Trouble(system, seed, pause, tell)
        working = asyncio.gather(load.run(), *(other.run() for other in others))
        await trouble.make(until)
        tell("no more trouble")
        history.database_deaths = trouble.database_deaths
        await asyncio.wait([working], timeout=DRAIN_SECONDS)
        if not working.done():
            history.failures.append(f"some clients were not done {DRAIN_SECONDS:g} s after the last trouble")
            working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        if working.done() and not working.cancelled() and (error := working.exception()):
            history.failures.append(f"a client failed: {type(error).__name__}: {error}")
        await drained(system.conninfo)
        tell("drained")
        found = await asyncio.to_thread(gathered, system, history)
        wrong = violations(history, found)
    except BaseException:
        keep(system, told, history, Facts(), ["the chaos run itself failed"])
        raise
    finally:
        system.stop()
    report(seed, seconds, history, found, load, sum(one.lost_answers for one in (load, *others)), trouble, wrong)
    if wrong:
        keep(system, told, history, found, wrong)
        print(f"logs and history are in {KEPT}", flush=True)
    return 1 if wrong else 0


def gathered(system: System, history: History) -> Facts:
    """All that the checker looks at."""
    system.wait_until_ready()
    url = system.apis[0].url
    found = facts.gather(system.conninfo, url)
    notary.read(system.conninfo, found)
    items.gather(url, found)
    protocol.gather(url, history, found)
    return found


async def drained(conninfo: str) -> None:
    """Return when every run has ended and every temporary thread is gone, or when that takes too long; what is left, is judged."""
    deadline = time.monotonic() + DRAIN_SECONDS
    counts: list[Callable[[str], int]] = [facts.active_runs, facts.temporary_threads]
    for count in counts:
        while time.monotonic() < deadline and (await asyncio.to_thread(count, conninfo)) > 0:
            await asyncio.sleep(0.5)


def report(
    seed: int, seconds: float, history: History, found: Facts, load: Load, lost_answers: int, trouble: Trouble, wrong: list[str]
) -> None:  # fmt: skip
    runs = Counter(run.status for run in found.runs)
    readings = [*history.readings, *history.thread_readings, *history.protocol_readings]
    lines = {
        "seed": seed,
        "seconds": f"{seconds:g}",
        "requests for a run": len(history.sent),
        "acknowledged": sum(sent.acknowledged for sent in history.sent),
        "runs at the end": ", ".join(f"{count} {status}" for status, count in sorted(runs.items())),
        "executed more than once": sum(run.attempt > 1 for run in found.runs),
        "cancels": len(history.cancels),
        "threads deleted": len(history.deleted),
        "streams followed": f"{len(history.readings)}, with {load.reconnects} reconnects",
        "connections dropped": f"{sum(max(0, one.connections - 1) for one in readings)} of readers, {lost_answers} of requests",
        "crons": f"{len(history.crons)}, which fired {len(found.ticks)} times and made {len(found.cron_runs)} runs",
        "items": f"{len(history.items)}, read {sum(len(item.read) for item in history.items)} times",
        "protocol": f"{len(history.responses)} interviews, {sum(len(r.events) for r in history.protocol_readings)} events read over"
        f" {sum(r.connections for r in history.protocol_readings)} connections",
        "trouble": ", ".join(f"{count} {what}" for what, count in sorted(trouble.counts.items())),
        "violations": len(wrong),
    }
    print("\n".join(f"{name:<24}{value}" for name, value in lines.items()))
    for sentence in wrong[:40]:
        print(f"  - {sentence}")
    sys.stdout.flush()


def keep(system: System, told: list[str], history: History, found: Facts, wrong: list[str]) -> None:
    """What a failed run leaves to look at."""
    shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir(parents=True)
    for process in system.processes:
        if process.server and process.log.exists():
            shutil.copy(process.log, KEPT / f"{process.name}.log")
    (KEPT / "trouble.txt").write_text("\n".join(told) + "\n")
    (KEPT / "violations.txt").write_text("\n".join(wrong) + "\n")

    def plain(value: Any) -> Any:
        return sorted(value) if isinstance(value, set) else str(value)

    for name, what in (("history", history), ("facts", found)):
        (KEPT / f"{name}.json").write_text(json.dumps(dataclasses.asdict(what), default=plain, indent=1))


if __name__ == "__main__":
    sys.exit(main())
