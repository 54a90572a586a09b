"""What the section `http` of langgraph.json says about requests: which operations there are, under which prefix, and what becomes
of their headers."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from allograph.config import Config, HeaderPatterns
from allograph.routing import Operation
from allograph.runner.requests import caller_configurable

log = logging.getLogger("allograph.requests")

TAGS = {
    "disable_assistants": ("Assistants",),
    "disable_threads": ("Threads",),
    "disable_runs": ("Thread Runs", "Stateless Runs", "Crons", "Streaming"),
    "disable_store": ("Store",),
    "disable_mcp": ("MCP",),
    "disable_a2a": ("A2A",),
    "disable_meta": ("System",),
}
"""Key → the tags of the contract whose operations it switches off, as in the reference."""

ALWAYS = "/ok"
"""Answered whatever is switched off and whatever a project's own routes are: who keeps the server running asks it."""

AT_ROOT = frozenset({ALWAYS, "/health", "/ready", "/live", "/metrics"})
"""Answered beside a prefix as well as under it."""

CREDENTIALS = frozenset({"authorization", "cookie", "x-api-key", "x-tenant-id", "x-service-key"})
"""Headers that no pattern passes on."""

# Names that mean something else in the configuration of a run.
_TAKEN = re.compile("checkpoint_|langgraph_|__")


@dataclass(frozen=True, slots=True)
class Patterns:
    """Names of headers, with `*` for any part; what is excluded is not included, whatever `includes` says."""

    includes: re.Pattern[str]
    excludes: re.Pattern[str]

    @classmethod
    def of(cls, given: HeaderPatterns, *, default: tuple[str, ...]) -> Patterns:
        return cls(_any(default if given.includes is None else given.includes), _any(given.excludes or ()))

    def passing(self, headers: Headers) -> dict[str, str]:
        """The headers that match, under their names in lower case."""
        return {
            name: value
            for name, value in headers.items()
            if name not in CREDENTIALS and self.includes.fullmatch(name) and not self.excludes.fullmatch(name)
        }


def _any(patterns: Iterable[str]) -> re.Pattern[str]:
    # Brackets and question marks stand for themselves: only the star is a pattern here.
    parts = [".*".join(re.escape(part) for part in pattern.lower().split("*")) for pattern in patterns]
    return re.compile("|".join(parts) if parts else "(?!)")


@dataclass(frozen=True, slots=True)
class HttpOptions:
    off: frozenset[str] = frozenset()
    """Tags whose operations are switched off."""
    prefix: str = ""
    configurable: Patterns | None = None
    """Headers that become configuration of runs."""
    logged: Patterns | None = None
    """Headers in the log of requests; None: requests are not logged."""

    @classmethod
    def of(cls, config: Config) -> HttpOptions:
        http = config.http
        if http is None:
            return cls()
        configurable, logged = http.configurable_headers, http.logging_headers
        return cls(
            frozenset(tag for key, tags in TAGS.items() if getattr(http, key) for tag in tags),
            http.mount_prefix or "",
            Patterns.of(configurable, default=()) if configurable else None,
            Patterns.of(logged, default=("*",)) if logged else None,
        )

    def serves(self, tag: str) -> bool:
        return tag not in self.off

    def operations(self, operations: Iterable[Operation]) -> list[Operation]:
        return [one for one in operations if self.serves(one.tag) or one.path == ALWAYS]


class PrefixMiddleware:
    """Serves under a prefix, and what `AT_ROOT` names beside it too."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app = app
        self.prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path.startswith(f"{self.prefix}/"):
            # In place: what is outside reads what is written here.
            scope["root_path"] = scope.get("root_path", "") + self.prefix
        elif path not in AT_ROOT:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1000})
            else:
                await JSONResponse({"detail": "Not Found"}, 404)(scope, receive, send)
            return
        await self.app(scope, receive, send)


class ConfigurableHeadersMiddleware:
    """Headers of a request become `config.configurable` of the runs that it makes."""

    def __init__(self, app: ASGIApp, patterns: Patterns) -> None:
        self.app = app
        self.patterns = patterns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            found: Mapping[str, str] = self.patterns.passing(Headers(scope=scope))
            caller_configurable.set({name: value for name, value in found.items() if not _TAKEN.match(name)})
        await self.app(scope, receive, send)


class RequestLogMiddleware:
    """One line for each request, with the headers that the patterns pass."""

    def __init__(self, app: ASGIApp, patterns: Patterns) -> None:
        self.app = app
        self.patterns = patterns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = time.perf_counter()
        try:
            await self.app(scope, receive, note)
        finally:
            shown = self.patterns.passing(Headers(scope=scope))
            log.info("%s %s %d in %.0f ms %s", scope["method"], scope["path"], status, (time.perf_counter() - began) * 1000, shown)
