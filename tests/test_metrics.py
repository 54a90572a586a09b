"""What `GET /metrics` tells is true: runs that wait and execute, runs that ended, readers, replies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server_process import ServerProcess, data_folder, serving
from tests.watching import ended, eventually, new_run, new_thread

SERVED = Path(__file__).parent / "served" / "langgraph.json"

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)+\})? (\+Inf|-?[0-9.e+-]+)')


@pytest.fixture(scope="module")
def alone() -> Iterator[ServerProcess]:
    """A server that nobody else uses and that executes one run at once."""
    with data_folder() as folder, serving(folder / "data", config=SERVED, environment={"N_JOBS_PER_WORKER": "1"}) as running:
        yield running


def samples(http: httpx.Client) -> dict[str, float]:
    """Each sample under its name and labels, every line held against the text format of Prometheus."""
    reply = http.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[str, float] = {}
    families: set[str] = set()
    assert reply.text.endswith("\n")
    for line in reply.text.splitlines():
        if line.startswith("# "):
            _, kind, name, *_ = line.split(" ")
            assert kind in ("HELP", "TYPE")
            families.add(name)
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            assert name in families or re.sub("_(bucket|count|sum)$", "", name) in families
            assert f"{name}{labels or ''}" not in found
            found[f"{name}{labels or ''}"] = float(value)
    return found


def test_runs_are_counted(alone: ServerProcess) -> None:
    gate = alone.data_dir.parent / "gate"
    with httpx.Client(base_url=alone.url, timeout=30) as http:
        before = samples(http)
        assert before["lg_api_num_running_runs"] == before["lg_api_num_pending_runs"] == 0
        assert (before["lg_api_workers_max"], before["lg_api_workers_active"]) == (1, 0)
        assert before["allograph_workers_alive"] == 1
        # Nothing waits: that is no wait of zero seconds.
        assert "lg_api_pending_runs_wait_time_max" not in before
        first, second = new_thread(http), new_thread(http)
        waits = {"gate": str(gate), "gate_at": 1, "steps": 1}
        runs = [(first, new_run(http, first, "count", waits))]
        eventually(lambda: samples(http)["lg_api_workers_active"] == 1)
        runs += [(thread, new_run(http, thread, "count", {"steps": 1})) for thread in (first, second)]
        now = samples(http)
        assert (now["lg_api_num_running_runs"], now["lg_api_num_pending_runs"], now["lg_api_workers_available"]) == (1, 2, 0)
        told: Any = http.get("/metrics?format=json").json()
        assert told["queue"]["n_pending"] == 2
        assert told["queue"]["pending_runs_wait_time_max_secs"] >= told["queue"]["pending_unblocked_runs_wait_time_max_secs"] > 0
        assert told["workers"] == {"max": 1, "active": 1, "available": 0, "alive": 1}
        with http.stream("GET", f"/threads/{first}/runs/{runs[0][1]}/stream"):
            eventually(lambda: samples(http)["allograph_stream_readers"] == 1)
            assert samples(http)["allograph_streams_followed"] >= 1
            gate.touch()
        assert {ended(http, *run) for run in runs} == {"success"}
        after = samples(http)
        assert after['allograph_runs_finished_total{status="success"}'] == 3
        assert (after["lg_api_num_running_runs"], after["lg_api_num_pending_runs"]) == (0, 0)
        eventually(lambda: samples(http)["allograph_stream_readers"] == 0)


def test_replies_are_counted(alone: ServerProcess) -> None:
    with httpx.Client(base_url=alone.url, timeout=30) as http:
        missing = 'lg_api_http_requests_total{method="GET",path="/threads/{thread_id}",status="404"}'
        nowhere = 'lg_api_http_requests_total{method="",path="",status="404"}'
        before = samples(http)
        for number in range(3):
            http.get(f"/threads/00000000-0000-4000-8000-00000000000{number}")
            http.get(f"/nowhere/{number}")
        after = samples(http)
        assert after[missing] - before.get(missing, 0) == 3
        assert after[nowhere] - before.get(nowhere, 0) == 3
        latency = 'lg_api_http_requests_latency_{}{{method="GET",path="/threads/{{thread_id}}"{}}}'
        assert after[latency.format("bucket", ',le="+Inf"')] == after[latency.format("count", "")] >= 3
        assert 0 < after[latency.format("sum", "")] < 90_000
        # This request is the one that is open.
        assert after["allograph_http_requests_open"] == 1
        assert 1 <= after["allograph_database_connections_open"] <= after["allograph_database_connections_max"]
        assert after["process_resident_memory_bytes"] > 10_000_000
        assert http.get("/metrics?format=xml").status_code == 422
