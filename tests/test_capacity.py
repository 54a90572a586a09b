"""More than there is room for: told in a sentence, with when to try again; what was accepted goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from allograph.store.embedded import EmbeddedPostgres
from tests.server_process import SERVED, ServerProcess, data_folder, serving
from tests.watching import aeventually

MOST = 20


@pytest.fixture(scope="module")
def small() -> Iterator[ServerProcess]:
    environment = {
        "ALLOGRAPH_MAX_OPEN_REQUESTS": str(MOST), "ALLOGRAPH_POOL_SIZE": "2", "ALLOGRAPH_POOL_TIMEOUT_SECONDS": "1",
        "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "0", "ALLOGRAPH_LEASE_SECONDS": "60",
    }  # fmt: skip
    with data_folder() as folder, serving(folder / "data", config=SERVED, environment=environment) as running:
        yield running


async def test_streams_beyond_the_limit_are_refused_and_the_others_go_on(small: ServerProcess, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with httpx.AsyncClient(base_url=small.url, timeout=60) as http:
        body = {"assistant_id": "count", "input": {"gate": str(gate), "gate_at": 1}}

        async def waits() -> httpx.Response:
            # Whoever looks whether there is room takes a place, too.
            while (answer := await http.post("/runs/wait", json=body)).status_code == 503:
                await asyncio.sleep(0.05)
            return answer

        waiting = [asyncio.create_task(waits()) for _ in range(MOST)]

        async def refused() -> bool:
            answer = await http.get("/threads/00000000-0000-4000-8000-000000000000")
            return answer.status_code == 503

        await aeventually(refused)
        answer = await http.post("/threads", json={})
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert "ALLOGRAPH_MAX_OPEN_REQUESTS" in answer.json()["detail"]
        assert (await http.get("/ok")).status_code == 200
        gate.touch()
        for answer in await asyncio.gather(*waiting):
            assert answer.json()["entries"] == ["x1", "x2", "x3"]
        assert (await http.post("/threads", json={})).status_code == 200


async def test_a_pool_that_is_exhausted_says_so(small: ServerProcess) -> None:
    with EmbeddedPostgres(small.data_dir) as conninfo:
        async with httpx.AsyncClient(base_url=small.url, timeout=60) as http:
            thread = (await http.post("/threads", json={})).json()["thread_id"]
            with psycopg.connect(conninfo) as lock:
                lock.execute("LOCK TABLE threads IN ACCESS EXCLUSIVE MODE")
                asking = [asyncio.create_task(http.get(f"/threads/{thread}")) for _ in range(6)]
                done, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED, timeout=60)
                for answer in [task.result() for task in done]:
                    assert answer.status_code == 503
                    assert answer.headers["retry-after"] == "1"
                    assert "database connection" in answer.json()["detail"]
                assert done
            answers = await asyncio.gather(*asking)
            assert {answer.status_code for answer in answers} == {200, 503}
            assert (await http.get(f"/threads/{thread}")).status_code == 200
