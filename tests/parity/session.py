"""A thin HTTP client that writes down every exchange of a scenario.

An exchange is a JSON object: `request` (method, path, and where given headers, body or text), `status`, `headers`
(those that clients read), and one of `body` (JSON), `events` (the frames of a text/event-stream), `text`, or none.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
from langgraph_sdk.client import SyncLangGraphClient

HEADERS = (
    "content-type", "location", "content-location", "x-pagination-total", "x-pagination-next", "cache-control",
    "x-accel-buffering", "allow", "access-control-allow-origin", "access-control-allow-methods",
    "access-control-allow-headers", "access-control-allow-private-network", "access-control-expose-headers",
    "access-control-max-age",
)  # fmt: skip
TIMEOUT = 30.0
"""Seconds that one exchange, or one wait for a state, may take."""

Exchange = dict[str, Any]


def parse_events(text: str, comments: bool = False) -> list[dict[str, Any]]:
    """The frames of an event stream: `event`, `id`, `data` (parsed where it is JSON); comments on request."""
    frames: list[dict[str, Any]] = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        frame: dict[str, Any] = {}
        data: list[str] = []
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                data.append(value)
            elif name:
                frame[name] = value
            elif comments and value:
                frames.append({"comment": value})
        if data:
            joined = "\n".join(data)
            try:
                frame["data"] = json.loads(joined)
            except ValueError:
                frame["data"] = joined
        if frame:
            frames.append(frame)
    return frames


@dataclass
class Reply:
    """What a scenario may look at: it should branch on nothing, only take ids from here."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def events(self) -> list[dict[str, Any]]:
        return parse_events(self.text)

    @property
    def run_id(self) -> str:
        """The run that the exchange made or joined, from `Content-Location`."""
        return self.headers["content-location"].rsplit("/", 1)[-1]


def describe(exchange: Exchange, reply: Reply, comments: bool = False, text: bool = True) -> None:
    """Write `reply` into `exchange`. `text=False` leaves out a body that is not JSON and not a stream."""
    exchange["status"] = reply.status
    exchange["headers"] = {name: reply.headers[name] for name in HEADERS if name in reply.headers}
    kind = reply.headers.get("content-type", "")
    if kind.startswith("text/event-stream"):
        exchange["line_end"] = "CRLF" if "\r\n" in reply.text else "LF"
        exchange["events"] = parse_events(reply.text, comments)
    elif kind.startswith("application/json") and reply.text:
        exchange["body"] = reply.json
    elif text and reply.text:
        exchange["text"] = reply.text


class _Tee(httpx.SyncByteStream):
    """A response's bytes, passed on and kept; `done` gets them once, at the end or when the reader leaves."""

    def __init__(self, stream: httpx.SyncByteStream, done: Callable[[bytes], None]) -> None:
        self.stream, self.done, self.kept = stream, done, b""

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.stream:
            self.kept += chunk
            yield chunk

    def close(self) -> None:
        self.stream.close()
        self.done(self.kept)


class _Recorder(httpx.BaseTransport):
    """Sends what an SDK asks for, and records it like the scenario's own requests."""

    def __init__(self, session: Session) -> None:
        self.session, self.inner = session, httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        content = request.read()
        exchange = self.session.reserve(
            request.method, request.url.raw_path.decode(), {"body": json.loads(content)} if content else {}
        )
        response = self.inner.handle_request(request)

        def done(kept: bytes) -> None:
            describe(exchange, Reply(response.status_code, response.headers, kept.decode()))

        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_Tee(cast(httpx.SyncByteStream, response.stream), done),
            extensions=response.extensions,
        )

    def close(self) -> None:
        self.inner.close()


@dataclass
class Session:
    """One scenario's conversation with one server. Exchanges are listed in the order in which they were started."""

    url: str
    exchanges: list[Exchange] = field(default_factory=list)
    mark: str = field(default_factory=lambda: str(uuid.uuid4()))
    """Different in every run: put it into metadata, so that searches find only the scenario's own rows."""

    def __post_init__(self) -> None:
        self._cuts: list[Future[Reply]] = []
        self._clients: list[httpx.Client] = []
        self.http = httpx.Client(base_url=self.url, timeout=TIMEOUT, transport=httpx.HTTPTransport(retries=2))

    def close(self) -> None:
        for client in (self.http, *self._clients):
            client.close()

    # ---- recorded exchanges

    def reserve(self, method: str, path: str, request: dict[str, Any], unordered: tuple[str, ...] = ()) -> Exchange:
        exchange: Exchange = {"request": {"method": method, "path": path, **request}}
        if unordered:
            exchange["unordered"] = list(unordered)
        self.exchanges.append(exchange)
        return exchange

    def request(
        self,
        method: str,
        path: str,
        body: Any = ...,
        *,
        headers: Mapping[str, str] | None = None,
        raw: str | bytes | None = None,
        unordered: tuple[str, ...] = (),
        comments: bool = False,
        text: bool = True,
        body_matters: bool = True,
    ) -> Reply:
        """Send one request and record the exchange; without the answer's body where that is a matter of luck.

        `raw` is sent as it is with a JSON content type. `unordered` names lists in the answer (`events`, `body`,
        `body.__interrupt__`) whose order says nothing.
        """
        request: dict[str, Any] = {}
        if headers:
            request["headers"] = dict(headers)
        if raw is not None:
            request["text"] = raw if isinstance(raw, str) else raw.decode("latin-1")
        elif body is not ...:
            request["body"] = body
        exchange = self.reserve(method, path, request, unordered)
        reply = self._send(method, path, body, headers, raw)
        describe(exchange, reply, comments, text)
        if not body_matters:
            exchange.pop("body", None)
        return reply

    def _send(self, method: str, path: str, body: Any, headers: Mapping[str, str] | None, raw: str | bytes | None) -> Reply:
        content = raw if raw is not None else b"" if body is ... else json.dumps(body).encode()
        sent = {"content-type": "application/json"} if content or raw is not None else {}
        # A connection of its own: the reference closes a connection after a 500, which would hit the next request.
        response = self.http.request(
            method, path, content=content or None, headers={"connection": "close", **sent, **(headers or {})}
        )
        return Reply(response.status_code, response.headers, response.text)

    def get(self, path: str, **options: Any) -> Reply:
        return self.request("GET", path, **options)

    def post(self, path: str, body: Any = ..., **options: Any) -> Reply:
        return self.request("POST", path, body, **options)

    def patch(self, path: str, body: Any = ..., **options: Any) -> Reply:
        return self.request("PATCH", path, body, **options)

    def delete(self, path: str, **options: Any) -> Reply:
        return self.request("DELETE", path, **options)

    def later(self, method: str, path: str, body: Any = ..., **options: Any) -> Future[Reply]:
        """Like `request`, in a thread of its own; its place in the record is the place of this call."""
        before = len(self.exchanges)
        future: Future[Reply] = Future()

        def send() -> None:
            try:
                future.set_result(self.request(method, path, body, **options))
            except BaseException as error:  # noqa: BLE001  it belongs to whoever asks for the result
                future.set_exception(error)

        threading.Thread(target=send, daemon=True).start()
        while len(self.exchanges) == before:
            time.sleep(0.001)
        return future

    def cut(self, method: str, path: str, body: Any = ..., *, lines: int, headers: Mapping[str, str] | None = None) -> Reply:
        """Read a stream until `lines` frames have come, then leave."""
        request: dict[str, Any] = {"headers": dict(headers)} if headers else {}
        exchange = self.reserve(method, path, request | ({} if body is ... else {"body": body}))
        content = None if body is ... else json.dumps(body).encode()
        kept = ""
        with self.http.stream(
            method, path, content=content, headers={"content-type": "application/json", **(headers or {})}
        ) as response:
            for chunk in response.iter_text():
                kept += chunk
                if len(parse_events(kept[: kept.rfind("\n") + 1])) >= lines:
                    break
        frames = kept.replace("\r\n", "\n").split("\n\n")[:lines]
        end = "\r\n" if "\r\n" in kept else "\n"
        reply = Reply(response.status_code, response.headers, (end * 2).join(f.replace("\n", end) for f in frames) + end)
        describe(exchange, reply)
        return reply

    def later_cut(self, path: str, *, frames: int) -> None:
        """Open a stream that never ends in the background and read `frames` frames of it; see `join_cuts`."""
        before = len(self.exchanges)
        future: Future[Reply] = Future()

        def read() -> None:
            try:
                future.set_result(self.cut("GET", path, lines=frames))
            except BaseException as error:  # noqa: BLE001  it belongs to whoever asks for the result
                future.set_exception(error)

        threading.Thread(target=read, daemon=True).start()
        while len(self.exchanges) == before:
            time.sleep(0.001)
        time.sleep(0.3)  # until the server has subscribed: its headers may come before that
        self._cuts.append(future)

    def join_cuts(self) -> None:
        for future in self._cuts:
            future.result(TIMEOUT)

    # ---- exchanges that every scenario would repeat: not recorded

    def quiet(self, method: str, path: str, body: Any = ...) -> Any:
        reply = self._send(method, path, body, None, None)
        if reply.status >= 400:
            raise AssertionError(f"{method} {path}: {reply.status} {reply.text}")
        return reply.json if reply.text else None

    def thread(self, **body: Any) -> str:
        """A new thread's id."""
        return str(self.quiet("POST", "/threads", body)["thread_id"])

    def assistant(self, graph: str) -> str:
        """The id of a graph's default assistant; clients compute it the same way."""
        return str(uuid.uuid5(uuid.UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8"), graph))

    def done(self, thread: str, graph: str, **body: Any) -> Any:
        """Run `graph` to its end without recording it."""
        return self.quiet("POST", f"/threads/{thread}/runs/wait", {"assistant_id": graph, **body})

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError("a condition that the scenario waits for did not come true")
            time.sleep(0.02)

    def settle(self, thread: str) -> None:
        """Wait until no run of the thread is pending or running."""
        self.until(lambda: self.quiet("GET", f"/threads/{thread}")["status"] != "busy")

    def at(self, thread: str, node: str) -> None:
        """Wait until `node` is what a run of the thread is doing, and the run is marked as running."""
        self.until(lambda: self.quiet("GET", f"/threads/{thread}/state")["next"] == [node])
        self.until(lambda: any(run["status"] == "running" for run in self.quiet("GET", f"/threads/{thread}/runs")))

    # ---- recorded shorthands

    def wait(self, thread: str | None, graph: str, **body: Any) -> Reply:
        return self._run("wait", thread, graph, body)

    def run(self, thread: str | None, graph: str, **body: Any) -> Reply:
        return self._run("", thread, graph, body)

    def stream(self, thread: str | None, graph: str, **body: Any) -> Reply:
        return self._run("stream", thread, graph, body)

    def _run(self, how: str, thread: str | None, graph: str, body: dict[str, Any]) -> Reply:
        unordered = body.pop("unordered", ())
        path = (f"/threads/{thread}" if thread else "") + "/runs" + (f"/{how}" if how else "")
        return self.post(path, {"assistant_id": graph, **body}, unordered=unordered)

    def sdk(self) -> SyncLangGraphClient:
        """The official Python client, recorded."""
        client = httpx.Client(base_url=self.url, transport=_Recorder(self), timeout=TIMEOUT)
        self._clients.append(client)
        return SyncLangGraphClient(client)
