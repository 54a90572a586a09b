"""A worker that dies between the statement that ends a run and telling Redis of it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.redis_process import RedisProcess
from tests.server_process import SERVED, ServerProcess, data_folder, query
from tests.watching import eventually


class Line:
    """A connection to Redis on which nothing goes on any more once the end of a run has been said."""

    def __init__(self, redis: RedisProcess) -> None:
        self.cut = threading.Event()
        self._redis_port = redis.port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listening.getsockname()[1]}/0"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.cut.set()
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._redis_port))
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError), source, target:
            while data := source.recv(65536):
                if b"__end__" in data:
                    self.cut.set()
                if self.cut.is_set():
                    return
                target.sendall(data)


@pytest.fixture
def redis() -> Iterator[RedisProcess]:
    running = RedisProcess()
    yield running
    running.kill()


def test_who_waits_for_a_stateless_run_is_told_its_output(redis: RedisProcess) -> None:
    """The run and its thread are gone, nobody but Postgres knows what came of it."""
    line = Line(redis)
    common = {"ALLOGRAPH_POLL_SECONDS": "0.5"}
    with data_folder() as folder, ThreadPoolExecutor() as pool:
        api = ServerProcess(folder / "data", config=SERVED, command="api", environment={**common, "REDIS_URI": redis.url})
        worker = ServerProcess(folder / "data", config=SERVED, command="worker", environment={**common, "REDIS_URI": line.url})
        try:
            api.wait_until_ready()
            body = {"assistant_id": "count", "input": {"tag": "x", "steps": 2}}
            waiting = pool.submit(httpx.post, f"{api.url}/runs/wait", json=body, timeout=60)
            eventually(line.cut.is_set, pause=0.001)
            worker.kill()
            assert waiting.result().json()["entries"] == ["x1", "x2"]
            assert query(folder / "data", "SELECT count(*) FROM runs") == [{"count": 0}]
        finally:
            for process in (api, worker):
                process.kill()
            line.close()
