"""A deterministic server of the OpenAI protocol on loopback, for tests of all that lies behind a chat model's HTTP API.

    with OpenAIStandIn([Reply(tool_calls=[Call("calculator", {"expression": "2+2"})]), Reply("Four.")]) as server:
        ChatOpenAI(base_url=server.base_url, api_key="key", model="any")
        server.requests[0].body["temperature"]

The script is a sequence of replies, one for each request, or a function from the messages of a request to its reply.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

Messages = list[dict[str, Any]]


@dataclass(frozen=True)
class Call:
    """A tool call. `arguments` as text is sent as it is, valid JSON or not."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str | None = None
    """`call_<number of the request>_<index>` when not given."""


@dataclass(frozen=True)
class Reply:
    """What one request is answered with: text, tool calls, both, or an error."""

    text: str = ""
    tool_calls: Sequence[Call] = ()
    usage: tuple[int, int] = (10, 5)
    """Prompt tokens and completion tokens."""
    delay: float = 0.0
    """Seconds before the first chunk and between chunks."""
    status: int = 200
    error: str = "the stand-in was told to fail"
    headers: Mapping[str, str] = field(default_factory=dict)
    break_after: int | None = None
    """Close the connection after this many chunks of a stream."""


@dataclass(frozen=True)
class Recorded:
    """A request that arrived."""

    path: str
    headers: Mapping[str, str]
    """With names in lower case."""
    body: dict[str, Any]

    @property
    def key(self) -> str | None:
        """The bearer token."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" else None

    @property
    def messages(self) -> Messages:
        return list(self.body["messages"])


class OpenAIStandIn:
    """A context manager around the server, which runs in a thread of its own on a free port.

    `keys`, if given, are the only ones that are let in; others get 401.
    """

    def __init__(
        self,
        script: Sequence[Reply] | Callable[[Messages], Reply] = (),
        *,
        models: Sequence[str] = ("stand-in",),
        keys: Collection[str] | None = None,
    ) -> None:
        self._script = script
        self._answered = 0
        self._models = models
        self._keys = keys
        self.requests: list[Recorded] = []
        """The chat completion requests received, in order, those answered with an error too."""
        routes = [
            Route("/v1/chat/completions", self._completions, methods=["POST"]),
            Route("/v1/models", self._list_models, methods=["GET"]),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes),
            host="127.0.0.1",
            port=0,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            # Clients pool connections as long as their process lives, and the loop of an earlier test is closed.
            headers=[("connection", "close")],
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="openai-stand-in", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the OpenAI stand-in did not start within 10 s")
            time.sleep(0.005)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    @property
    def base_url(self) -> str:
        """With `/v1`, as clients want it."""
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}/v1"

    async def _list_models(self, request: Request) -> Response:
        recorded = Recorded(request.url.path, dict(request.headers), {})
        if self._keys is not None and recorded.key not in self._keys:
            return _failure(401, "Incorrect API key provided.")
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "stand-in"} for name in self._models]
        return JSONResponse({"object": "list", "data": models})

    async def _completions(self, request: Request) -> Response:
        try:
            body = await request.json()
        except ValueError:
            return _failure(400, "The body is not JSON.")
        if not isinstance(body, dict) or not isinstance(body.get("messages"), list) or not body.get("model"):
            return _failure(400, "A body with model and messages is expected.")
        recorded = Recorded(request.url.path, dict(request.headers), body)
        self.requests.append(recorded)
        if self._keys is not None and recorded.key not in self._keys:
            return _failure(401, "Incorrect API key provided.")
        if callable(self._script):
            reply = self._script(recorded.messages)
        elif self._answered < len(self._script):
            reply = self._script[self._answered]
        else:
            return _failure(400, f"The script has {len(self._script)} replies, and this is one request more.")
        self._answered += 1
        if reply.status != 200:
            return _failure(reply.status, reply.error, reply.headers)
        if body.get("stream"):
            chunks = _stream(reply, body, self._answered)
            return StreamingResponse(chunks, media_type="text/event-stream", headers=reply.headers)
        await asyncio.sleep(reply.delay)
        return JSONResponse(_completion(reply, body, self._answered), headers=reply.headers)


def _failure(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    kind = {401: "authentication_error", 429: "rate_limit_error"}.get(
        status, "server_error" if status >= 500 else "invalid_request_error"
    )
    error = {"message": message, "type": kind, "param": None, "code": None}
    return JSONResponse({"error": error}, status_code=status, headers=headers)


def _tool_calls(reply: Reply, number: int) -> list[dict[str, Any]]:
    return [
        {
            "id": call.id or f"call_{number}_{index}",
            "type": "function",
            "function": {
                "name": call.name,
                "arguments": call.arguments if isinstance(call.arguments, str) else json.dumps(dict(call.arguments)),
            },
        }
        for index, call in enumerate(reply.tool_calls)
    ]


def _usage(reply: Reply) -> dict[str, int]:
    prompt, completion = reply.usage
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _completion(reply: Reply, body: dict[str, Any], number: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.tool_calls:
        message["tool_calls"] = _tool_calls(reply, number)
    finish = "tool_calls" if reply.tool_calls else "stop"
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": _usage(reply),
    }


def _deltas(reply: Reply, number: int) -> list[dict[str, Any]]:
    """The text word by word, then each tool call as its name followed by its arguments in three pieces."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "" if reply.text else None}]
    deltas += ({"content": word} for word in re.findall(r"\s*\S+", reply.text))
    for index, call in enumerate(_tool_calls(reply, number)):
        arguments = call["function"]["arguments"]
        third = len(arguments) // 3 + 1
        named = call | {"index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
        deltas.append({"tool_calls": [named]})
        for start in range(0, len(arguments), third):
            piece = {"index": index, "function": {"arguments": arguments[start : start + third]}}
            deltas.append({"tool_calls": [piece]})
    return deltas


async def _stream(reply: Reply, body: dict[str, Any], number: int) -> AsyncIterator[str]:
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}
    finish = "tool_calls" if reply.tool_calls else "stop"
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in _deltas(reply, number)]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    chunks: list[dict[str, Any]] = [head | {"choices": [choice]} for choice in choices]
    if (body.get("stream_options") or {}).get("include_usage"):
        chunks.append(head | {"choices": [], "usage": _usage(reply)})
    for sent, chunk in enumerate(chunks):
        if sent == reply.break_after:
            raise ConnectionAbortedError("the stand-in was told to break this stream off")
        await asyncio.sleep(reply.delay)
        yield f"data: {json.dumps(chunk)}\n\n"
    yield "data: [DONE]\n\n"
