"""Twenty clients send to one thread at once, with every mix of strategies: what came of it is judged as `make chaos` judges."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import httpx
import pytest

from allograph.store.embedded import EmbeddedPostgres
from tests.chaos.checker import violations
from tests.chaos.facts import connected, gather
from tests.chaos.history import Cancel, History, Sent
from tests.server_process import ServerProcess
from tests.watching import aeventually

MIXES = ["enqueue reject", "enqueue interrupt", "enqueue rollback", "interrupt rollback", "enqueue reject interrupt rollback"]

HALF_DONE = """
SELECT count(*) AS n FROM threads WHERE thread_id = %s AND (status = 'busy') <> EXISTS (
    SELECT FROM runs WHERE runs.thread_id = threads.thread_id AND runs.status IN ('pending', 'running')
)"""


@pytest.fixture
async def http(served: ServerProcess) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url, timeout=120, limits=httpx.Limits(max_connections=None)) as client:
        yield client


@pytest.mark.parametrize("mix", MIXES)
async def test_twenty_clients_with_mixed_strategies(http: httpx.AsyncClient, served: ServerProcess, mix: str) -> None:
    thread = (await http.post("/threads", json={})).json()["thread_id"]
    history, chance = History(), random.Random(mix)

    async def client(number: int) -> None:
        for turn in range(3):
            sent = Sent(f"r{number}-{turn}", chance.randint(1, 3), thread, strategy=chance.choice(mix.split()))
            history.sent.append(sent)
            body = {
                "assistant_id": "ledger", "multitask_strategy": sent.strategy,
                "durability": chance.choice(["sync", "async", "exit"]),
                "input": {"tag": sent.tag, "steps": sent.steps, "seconds": 0.01, "entries": [f"{sent.tag}:in"]},
            }  # fmt: skip
            way = chance.choice(["", "/wait"])
            answer = await http.post(f"/threads/{thread}/runs{way}", json=body)
            sent.status = answer.status_code
            assert sent.status == 200 or (sent.status, sent.strategy) == (409, "reject"), answer.text
            if sent.status == 200:
                sent.run_id = answer.headers["content-location"].rpartition("/")[2]
                sent.output = answer.json() if way else None
            if sent.run_id and chance.random() < 0.15:
                cancel = Cancel(sent.run_id, chance.choice(["interrupt", "rollback"]), True)
                history.cancels.append(cancel)
                path, asked = f"/threads/{thread}/runs/{sent.run_id}", {"action": cancel.action, "wait": "true"}
                cancel.status = (await http.post(f"{path}/cancel", params=asked)).status_code
                cancel.status_after = (await http.get(path)).json().get("status")

    with EmbeddedPostgres(served.data_dir) as conninfo:
        working = asyncio.gather(*(client(number) for number in range(20)))
        with connected(conninfo) as connection:
            while not working.done():
                # In no snapshot does a thread's status say something else than its runs do.
                assert connection.execute(HALF_DONE, [thread]).fetchall() == [{"n": 0}]
                await asyncio.sleep(0.02)
        await working

        async def quiet() -> bool:
            return bool((await http.get(f"/threads/{thread}")).json()["status"] != "busy")

        await aeventually(quiet)
        facts = await asyncio.to_thread(gather, conninfo, served.url, [thread])
    assert len(facts.runs) >= 1
    assert violations(history, facts) == []
