"""Every request is authenticated before anything else is done with it: its body is not read, its path is not looked up."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from starlette.authentication import AuthCredentials
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from allograph.access.limits import Limiter, key_of, refuse
from allograph.access.policy import Policy, Refused
from allograph.access.users import User, current_user
from allograph.config import AuthCache
from allograph.encoding import loads

PROBES = frozenset({"/", "/ok", "/health", "/ready", "/live", "/info"})
"""Whether the server is there, and what it can do: everybody may ask."""

DOCUMENTS = frozenset({"/docs", "/openapi.json"})
DOCUMENT_FILES = "/docs/static/"
"""How the server is to be talked to: public unless it is configured otherwise."""

CACHED_USERS = 10_000

SEEN = "allograph.access"
"""In the scope of a request that was authenticated. Not `user`, which middleware of the project may set too."""


class AccessMiddleware:
    """`scope["user"]` and `current_user` say who asks. A WebSocket is refused before it is accepted."""

    def __init__(
        self, app: ASGIApp, policy: Policy, cache: AuthCache | None = None, *, limiter: Limiter, public_docs: bool = True
    ) -> None:
        self.app = app
        self.policy = policy
        self.limiter = limiter
        self.public = PROBES | DOCUMENTS if public_docs else PROBES
        self.public_docs = public_docs
        self.known = _Known(cache) if cache and cache.cache_keys else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or SEEN in scope:
            await self.app(scope, receive, send)
            return
        path = _path(scope)
        if path in self.public or (self.public_docs and path.startswith(DOCUMENT_FILES)):
            current_user.set(None)
            await self.app(scope, receive, send)
            return
        replay = _Replay(receive)
        try:
            user = await self._user(scope, replay)
        except Refused as refused:
            current_user.set(None)
            if limited := await self.limiter.take(key_of(scope)):
                await refuse(limited, scope, receive, send)
            elif scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 4000 + refused.status, "reason": refused.detail[:100]})
            else:
                await JSONResponse({"detail": refused.detail}, refused.status, refused.headers)(scope, receive, send)
            return
        scope[SEEN] = True
        scope["user"], scope["auth"] = user, AuthCredentials(user.permissions)
        current_user.set(user)
        replay.rewind()
        await self.app(scope, replay, send)

    async def _user(self, scope: Scope, receive: _Replay) -> User:
        headers = Headers(scope=scope)
        if self.known is None:
            return await self.policy.authenticate(await self._arguments(scope, receive))
        key = self.known.key(headers)
        if (user := self.known.get(key)) is None:
            user = await self.policy.authenticate(await self._arguments(scope, receive))
            self.known.keep(key, user)
        return user

    async def _arguments(self, scope: Scope, receive: _Replay) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        for name in self.policy.asks:
            match name:
                case "request":
                    arguments[name] = Request(scope, receive) if scope["type"] == "http" else HTTPConnection(scope)
                case "body":
                    arguments[name] = await receive.json()
                case "path":
                    arguments[name] = _path(scope)
                case "method":
                    arguments[name] = scope.get("method", "GET")
                case "path_params":
                    arguments[name] = _path_params(scope)
                case "query_params":
                    arguments[name] = dict(HTTPConnection(scope).query_params)
                case "headers":
                    arguments[name] = dict(scope["headers"])
                case "authorization":
                    arguments[name] = Headers(scope=scope).get("authorization")
        return arguments


class _Replay:
    """The messages of a request. What the handler read of them is there once more for the application."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._kept: list[Message] = []
        self._replays = False

    async def __call__(self) -> Message:
        if self._replays:
            return self._kept.pop(0) if self._kept else await self._receive()
        message = await self._receive()
        self._kept.append(message)
        return message

    def rewind(self) -> None:
        self._replays = True

    async def json(self) -> Any:
        """The body; None when it is empty or no JSON."""
        body, more = b"", True
        while more:
            message = await self()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        try:
            return loads(body) if body else None
        except ValueError:
            return None


class _Known:
    """Users that were authenticated a short time ago, by the headers that `auth.cache.cache_keys` names."""

    def __init__(self, cache: AuthCache) -> None:
        self.names = [name.lower() for name in cache.cache_keys]
        self.seconds = cache.ttl_seconds or 60
        self.most = cache.max_size or CACHED_USERS
        self._users: OrderedDict[tuple[str | None, ...], tuple[float, User]] = OrderedDict()

    def key(self, headers: Mapping[str, str]) -> tuple[str | None, ...]:
        return tuple(headers.get(name) for name in self.names)

    def get(self, key: tuple[str | None, ...]) -> User | None:
        until, user = self._users.get(key, (0.0, None))
        return user if until > time.monotonic() else None

    def keep(self, key: tuple[str | None, ...], user: User) -> None:
        self._users.pop(key, None)
        self._users[key] = (time.monotonic() + self.seconds, user)
        while len(self._users) > self.most:
            self._users.popitem(last=False)


def _path(scope: Scope) -> str:
    """Without the prefix that the server is mounted under."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def _path_params(scope: Scope) -> dict[str, str] | None:
    for route in scope["app"].router.routes if "app" in scope else ():
        match, found = route.matches(scope)
        if match is not Match.NONE:
            return {name: str(value) for name, value in found.get("path_params", {}).items()} or None
    return None
