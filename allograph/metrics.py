"""What a process counts and what it tells of that, in the text form of Prometheus or as JSON.

Figures that the reference has too carry its names, so that dashboards made for it go on working; others begin with `allograph_`.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from allograph.routing import Operation
from allograph.runner.runner import Runner
from allograph.store.database import Database
from allograph.store.metrics import queue_figures

BUCKETS = (10.0, 100.0, 500.0, 1000.0, 5000.0, 15000.0, 30000.0, 60000.0, 120000.0, 300000.0, 600000.0, 1800000.0, 3600000.0)
"""Upper bounds of the histogram of replies, in milliseconds."""

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One family: its samples are a suffix of the name, labels and a value each."""

    name: str
    kind: Kind
    help: str
    samples: list[tuple[str, dict[str, str], float]]


@dataclass(slots=True)
class _Latency:
    """Replies of one operation, the streamed ones until their end."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    milliseconds: float = 0.0


class HttpFigures:
    """Counts replies by method, path template and status. Put `middleware` around the application."""

    def __init__(self) -> None:
        self.replies: Counter[tuple[str, str, int]] = Counter()
        self.latencies: dict[tuple[str, str], _Latency] = {}
        self.open = 0
        """Requests that are being answered now; streams are, as long as they are read."""

    def middleware(self, app: ASGIApp) -> ASGIApp:
        async def count(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            status = 0

            async def note(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            began = time.perf_counter()
            self.open += 1
            try:
                await app(scope, receive, note)
            finally:
                self.open -= 1
                self._count(scope, status, (time.perf_counter() - began) * 1000)

        return count

    def _count(self, scope: Scope, status: int, milliseconds: float) -> None:
        operation: Operation | None = scope.get("operation")
        # Without an operation there is no end of paths: they are counted as one.
        path = operation.path if operation else ""
        method = operation.method if operation else ""
        self.replies[method, path, status] += 1
        latency = self.latencies.setdefault((method, path), _Latency())
        latency.counts[bisect_left(BUCKETS, milliseconds)] += 1
        latency.milliseconds += milliseconds


class Metrics:
    """Everything that `GET /metrics` tells of this process and of the queue that all processes share."""

    def __init__(self, database: Database, runner: Runner, http: HttpFigures) -> None:
        self.database = database
        self.runner = runner
        self.http = http

    async def json(self) -> dict[str, Any]:
        queue = await queue_figures(self.database)
        return {
            "queue": {
                "n_pending": queue["pending"],
                "pending_runs_wait_time_max_secs": queue["longest"],
                "pending_runs_wait_time_med_secs": queue["median"],
                "pending_unblocked_runs_wait_time_max_secs": queue["longest_unblocked"],
                "n_running": queue["running"],
            },
            "api": {
                "http_requests_total": [
                    {"method": method, "path": path, "status": status, "count": count}
                    for (method, path, status), count in self.http.replies.items()
                ],
                "http_requests_open": self.http.open,
            },
            "workers": {**self._workers(), "alive": queue["workers"]},
            "runs": {"finished": dict(self._finished())},
            "streams": self._streams(),
            "database": self._pool(),
        }

    async def text(self) -> str:
        queue = await queue_figures(self.database)
        workers, streams, pool = self._workers(), self._streams(), self._pool()
        families = [
            _gauge("lg_api_num_pending_runs", "Runs in the queue.", queue["pending"]),
            _gauge("lg_api_num_running_runs", "Runs that execute in any process.", queue["running"]),
            _gauge("lg_api_pending_runs_wait_time_max", "Seconds that the oldest run which is due has waited.", queue["longest"]),
            _gauge("lg_api_pending_runs_wait_time_med", "Seconds that a run which is due has waited, the median.", queue["median"]),
            _gauge(
                "lg_api_pending_unblocked_runs_wait_time_max",
                "Seconds that the oldest run has waited for which nothing is missing but a worker with room.",
                queue["longest_unblocked"],
            ),
            _gauge("allograph_workers_alive", "Processes that execute runs and are within their lease.", queue["workers"]),
            _gauge("lg_api_workers_max", "Runs that this process executes at once, at most.", workers["max"]),
            _gauge("lg_api_workers_active", "Runs that this process executes.", workers["active"]),
            _gauge("lg_api_workers_available", "Runs that this process has room for.", workers["available"]),
            Metric(
                "allograph_runs_finished_total", "counter", "Runs whose end this process has written, by status.",
                [("", {"status": status}, count) for status, count in self._finished()],
            ),
            _gauge("allograph_streams_followed", "Runs that clients of this process read or wait for.", streams["followed"]),
            _gauge("allograph_stream_readers", "Readers of the events of runs in this process.", streams["readers"]),
            _gauge("allograph_stream_backlog_bytes", "Events that a slow reader has not taken yet.", streams["backlog_bytes"]),
            _gauge("allograph_database_connections_max", "Connections to the database that this process may open.", pool["max"]),
            _gauge("allograph_database_connections_open", "Connections that are open.", pool["open"]),
            _gauge("allograph_database_connections_idle", "Open connections that nobody uses.", pool["idle"]),
            _gauge("allograph_database_requests_waiting", "Requests that wait for a connection.", pool["waiting"]),
            _gauge("allograph_http_requests_open", "Requests that are being answered, streams among them.", self.http.open),
            Metric(
                "lg_api_http_requests_total", "counter", "Replies by method, path and status.",
                [
                    ("", {"method": method, "path": path, "status": str(status)}, count)
                    for (method, path, status), count in self.http.replies.items()
                ],
            ),
            Metric(
                "lg_api_http_requests_latency", "histogram", "Milliseconds until a reply was complete.", list(self._latencies())
            ),
            *_process(),
        ]  # fmt: skip
        return exposition(families)

    def _workers(self) -> dict[str, int]:
        worker = self.runner.worker
        if worker is None:
            return {"max": 0, "active": 0, "available": 0}
        return {"max": worker.capacity, "active": worker.active, "available": max(0, worker.capacity - worker.active)}

    def _finished(self) -> Iterable[tuple[str, int]]:
        return self.runner.worker.finished.items() if self.runner.worker else ()

    def _streams(self) -> dict[str, int]:
        return self.runner.streams.figures()

    def _pool(self) -> dict[str, int]:
        stats = self.database.pool.get_stats()
        return {
            "max": self.database.pool.max_size, "open": stats["pool_size"], "idle": stats["pool_available"],
            "waiting": stats.get("requests_waiting", 0),
        }  # fmt: skip

    def _latencies(self) -> Iterator[tuple[str, dict[str, str], float]]:
        for (method, path), latency in self.http.latencies.items():
            labels, sum_so_far = {"method": method, "path": path}, 0
            for bound, count in zip((*BUCKETS, float("inf")), latency.counts, strict=True):
                sum_so_far += count
                yield "_bucket", {**labels, "le": _number(bound)}, sum_so_far
            yield "_count", labels, sum_so_far
            yield "_sum", labels, latency.milliseconds


def _gauge(name: str, help: str, value: float | None) -> Metric:
    """A single figure; none at all where there is nothing to measure."""
    return Metric(name, "gauge", help, [] if value is None else [("", {}, value)])


def _process() -> Iterator[Metric]:
    """What every Prometheus client tells of its process, where the system has /proc."""
    times = os.times()
    yield Metric("process_cpu_seconds_total", "counter", "User and system CPU time.", [("", {}, times.user + times.system)])
    try:
        with open("/proc/self/statm", "rb") as statm:
            pages = int(statm.read().split()[1])
        descriptors = len(os.listdir("/proc/self/fd"))
    except OSError:
        return
    yield _gauge("process_resident_memory_bytes", "Memory that the process holds.", pages * os.sysconf("SC_PAGE_SIZE"))
    yield _gauge("process_open_fds", "Open file descriptors.", descriptors)


def exposition(families: Iterable[Metric]) -> str:
    """The text format of Prometheus, version 0.0.4."""
    lines = []
    for family in families:
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
        for suffix, labels, value in family.samples:
            shown = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            lines.append(f"{family.name}{suffix}{f'{{{shown}}}' if shown else ''} {_number(value)}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(float(value))
