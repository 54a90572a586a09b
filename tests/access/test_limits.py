"""How much one user may ask: requests in a time, requests that are open at once, and time to say what is asked."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import httpx

from tests.access.test_project import PROJECT, new_thread, user
from tests.redis_process import RedisProcess
from tests.server_process import ServerProcess, data_folder, serving

RATE = {"ALLOGRAPH_RATE_LIMIT": "5/minute"}
LATER = {"assistant_id": "told", "input": {}, "after_seconds": 3600}


@contextlib.contextmanager
def limited(**environment: str) -> Iterator[ServerProcess]:
    with data_folder() as folder, serving(folder / "data", config=PROJECT, environment=environment) as running:
        yield running


def test_each_user_has_a_rate_of_their_own_and_strangers_have_one_together() -> None:
    with limited(**RATE) as running, user(running, "alice") as alice, user(running, "bob") as bob:
        assert [alice.get("/nothing").status_code for _ in range(7)] == [404] * 5 + [429] * 2
        refused = alice.get("/nothing")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert "5 per 1 minute (ALLOGRAPH_RATE_LIMIT)" in refused.json()["detail"]
        assert bob.get("/nothing").status_code == 404
        # Tokens are not guessed: those who are nobody are counted by where they come from.
        guesses = [httpx.get(f"{running.url}/threads", headers={"authorization": f"Bearer {n}"}).status_code for n in range(7)]
        assert guesses == [401] * 5 + [429] * 2
        # A server that refuses is not dead.
        assert all(alice.get("/ok").status_code == 200 for _ in range(10))


def test_without_users_addresses_are_counted() -> None:
    with data_folder() as folder, serving(folder / "data", environment=RATE) as running:
        assert [httpx.get(f"{running.url}/nothing").status_code for _ in range(6)] == [404] * 5 + [429]


def test_all_processes_count_together_in_redis_and_by_themselves_without() -> None:
    with data_folder() as folder:
        redis = RedisProcess()
        environment = {**RATE, "REDIS_URI": redis.url}
        try:
            with (
                serving(folder / "data", config=PROJECT, environment=environment) as one,
                serving(folder / "data", config=PROJECT, environment=environment) as two,
                user(one, "alice") as here, user(two, "alice") as there,
            ):  # fmt: skip
                answers = [client.get("/nothing").status_code for _ in range(4) for client in (here, there)]
                assert answers == [404] * 5 + [429] * 3
                redis.kill()
                # Each begins to count anew, and none fails.
                assert [here.get("/nothing").status_code for _ in range(7)] == [404] * 5 + [429] * 2
        finally:
            redis.kill()


def test_so_many_are_open_at_once() -> None:
    with (
        limited(ALLOGRAPH_MAX_OPEN_REQUESTS_PER_USER="2") as running,
        user(running, "alice") as alice, user(running, "bob") as bob, contextlib.ExitStack() as open_streams,
    ):  # fmt: skip
        thread_id = new_thread(alice)
        streams = [
            open_streams.enter_context(alice.stream("POST", f"/threads/{thread_id}/runs/stream", json=LATER)) for _ in range(2)
        ]
        assert [stream.status_code for stream in streams] == [200, 200]
        refused = alice.get(f"/threads/{thread_id}")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert "2 requests and streams of yours are open" in refused.json()["detail"]
        assert new_thread(bob)
        streams[0].close()
        deadline = time.monotonic() + 10
        while (again := alice.get(f"/threads/{thread_id}").status_code) != 200:
            assert time.monotonic() < deadline, again


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    with limited(ALLOGRAPH_BODY_SECONDS="0.5") as running, socket.create_connection(("127.0.0.1", running.port)) as slow:
        slow.sendall(
            b"POST /threads HTTP/1.1\r\nhost: x\r\nauthorization: Bearer alice\r\ncontent-type: application/json\r\n"
            b'content-length: 100\r\n\r\n{"met'
        )
        slow.settimeout(10)
        answer = b""
        while piece := slow.recv(4096):  # until the server closes
            answer += piece
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"did not come within 0.5 s (ALLOGRAPH_BODY_SECONDS)" in answer


def test_the_head_of_a_request_is_bounded() -> None:
    with limited() as running, contextlib.ExitStack() as open_sockets:

        def answer(*pieces: bytes) -> bytes:
            one = open_sockets.enter_context(socket.create_connection(("127.0.0.1", running.port)))
            one.settimeout(10)
            with contextlib.suppress(ConnectionError):
                for piece in pieces:
                    one.sendall(piece)
            return one.recv(200)

        first = b"GET /ok HTTP/1.1\r\nhost: x\r\nx-a: "
        assert answer(first, b"a" * 60_000, b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        assert answer(first, *[b"a" * 60_000] * 40).startswith(b"HTTP/1.1 431")
        # Not the body: that has limits of its own.
        body = b"{" + b" " * 900_000 + b"}"
        length = f"content-length: {len(body)}\r\n\r\n".encode()
        head = b"POST /threads HTTP/1.1\r\nhost: x\r\nauthorization: Bearer alice\r\ncontent-type: application/json\r\n"
        assert answer(head + length, body).startswith(b"HTTP/1.1 200")
